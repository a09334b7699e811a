//! Encrypted values of data bag items: values that only look so, plain texts that nobody meant, and
//! items whose values are encrypted in the midst of any layout. Nothing tells the secret, or what
//! was encrypted with it.
#![no_main]

use std::collections::HashMap;
use std::path::PathBuf;

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::json::Document;
use toque_data::data_bag::{ItemText, New};
use toque_data::encrypted_item::{Secret, decrypt, decrypt_v0, encrypt, is_encrypted};
use toque_fuzz::{sound, source};

const SECRET: &str = "an invented secret";
/// The SHA-256 of the secret.
const KEY: [u8; 32] = [
    0xd9, 0x14, 0x3b, 0xa3, 0x2c, 0x5f, 0xf9, 0x57, 0x02, 0x1f, 0xee, 0x6d, 0x72, 0xfd, 0xdb, 0x1c,
    0xf7, 0x49, 0x91, 0x2c, 0x89, 0xf0, 0x64, 0x68, 0x94, 0x0e, 0xd0, 0x7f, 0xe7, 0x95, 0x88, 0x01,
];
/// What OpenSSL's `EVP_BytesToKey` makes of the secret.
const OLD_KEY: [u8; 32] = [
    0xb3, 0x83, 0x10, 0x9e, 0xbb, 0x3e, 0x6c, 0x2a, 0xe8, 0xb6, 0xfc, 0x8c, 0x8a, 0xb9, 0x01, 0x32,
    0xee, 0xdd, 0x8f, 0xa4, 0x0f, 0xce, 0x82, 0xfa, 0x33, 0x04, 0x8e, 0x6f, 0x6c, 0x1d, 0xb3, 0xdb,
];
const OLD_IV: [u8; 16] = [
    0xe2, 0xb7, 0x6d, 0x40, 0xa9, 0xcd, 0x47, 0x14, 0x27, 0x53, 0x5a, 0x96, 0x1e, 0x07, 0x94, 0xaa,
];
/// Stands in every plain text, and in no message.
const PLAIN: &str = "a very plain text";

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let secret = Secret::of_file(SECRET.as_bytes()).expect("it is not blank");
    if let Ok(document) = Document::parse(source("x.json", text)) {
        looks_encrypted(&document.value, &secret);
    }
    any_plain_text(text, &secret);
    any_yaml(text, &secret);
    any_layout(text, &secret);
    Corpus::Keep
});

/// The value itself, and those in it.
fn looks_encrypted(value: &Value, secret: &Secret) {
    let open = if is_encrypted(value) { decrypt } else { decrypt_v0 };
    if let Err(failure) = open(value, secret) {
        tells_nothing(&failure);
    }
    let sealed = encrypt(value, secret).expect("any value can be encrypted");
    assert!(is_encrypted(&sealed));
    assert_eq!(decrypt(&sealed, secret).as_ref(), Ok(value));
    if let Value::Object(map) = value {
        map.values().for_each(|value| looks_encrypted(value, secret));
    }
}

/// What somebody encrypted with the right secret need not be what is expected there.
fn any_plain_text(text: &str, secret: &Secret) {
    for plain in [
        format!("{{\"json_wrapper\":{text}, \"{PLAIN}\": 1}}"),
        format!("{{\"json_wrapper\":{text}}}"),
        text.to_owned(),
    ] {
        let iv = [7; 16];
        let data = cbc::Encryptor::<Aes256>::new(&KEY.into(), &iv.into())
            .encrypt_padded_vec::<Pkcs7>(plain.as_bytes());
        let first = json!({
            "encrypted_data": BASE64_STANDARD.encode(data), "iv": BASE64_STANDARD.encode(iv), "version": 1, "cipher": "aes-256-cbc",
        });
        let iv = [7; 12];
        let data = Aes256Gcm::new(&KEY.into())
            .encrypt(&iv.into(), plain.as_bytes())
            .expect("it is not too long");
        let (data, tag) = data.split_at(data.len() - 16);
        let third = json!({
            "encrypted_data": BASE64_STANDARD.encode(data), "iv": BASE64_STANDARD.encode(iv),
            "auth_tag": BASE64_STANDARD.encode(tag), "version": 3, "cipher": "aes-256-gcm",
        });
        for opened in [decrypt(&first, secret), decrypt(&third, secret)] {
            if let Err(failure) = opened {
                tells_nothing(&failure);
            }
        }
    }
}

/// Version 0, whose plain text is YAML. Its key takes thousands of rounds, so each text has one.
fn any_yaml(text: &str, secret: &Secret) {
    let plain = if text.len() % 2 == 0 { format!("{PLAIN}: {text}") } else { text.to_owned() };
    let data = cbc::Encryptor::<Aes256>::new(&OLD_KEY.into(), &OLD_IV.into())
        .encrypt_padded_vec::<Pkcs7>(plain.as_bytes());
    if let Err(failure) = decrypt_v0(&BASE64_STANDARD.encode(data).into(), secret) {
        tells_nothing(&failure);
    }
}

/// An item whose value is encrypted in its text, and decrypted again.
fn any_layout(text: &str, secret: &Secret) {
    for item in [
        format!("{{\"id\":\"x\",\"k\":{text}}}"),
        format!("{{\n  \"id\": \"x\",\n  \"k\": {text},\n  \"l\": 1\n}}"),
        format!(
            "{{ \"json_class\": \"Chef::DataBagItem\", \"raw_data\": {{ {text}, \"id\": \"x\", {text}\t\"k\": 1 }} }}"
        ),
    ] {
        let Some(before) = parse(item) else { continue };
        let Some(value) = before.item.values.get("k") else { continue };
        let sealed = encrypt(value, secret).expect("any value can be encrypted");
        let with = |text: &ItemText, value: &Value| {
            text.with(&HashMap::from([("k".to_owned(), New::Value(value.clone()))]))
        };
        let closed = parse(with(&before, &sealed)).expect("it is an item still");
        assert_eq!(closed.item.values["k"], sealed);
        let opened = decrypt(&closed.item.values["k"], secret).expect("it was just encrypted");
        let after = parse(with(&closed, &opened)).expect("it is an item still");
        assert_eq!(after.item.values, before.item.values);
        let put_back = closed
            .with(&HashMap::from([("k".to_owned(), New::Text(before.written("k").to_owned()))]));
        assert_eq!(put_back, before.whole());
    }
}

fn parse(text: String) -> Option<ItemText> {
    let file = PathBuf::from("data_bags/b/x.json");
    ItemText::parse(text, "b", "x", file, "data_bags/b/x.json".to_owned()).inspect_err(sound).ok()
}

fn tells_nothing(failure: &Failure) {
    sound(&Diagnostic::error(failure.message.clone()));
    let told = format!("{failure:?}");
    assert!(!told.contains(PLAIN) && !told.contains(SECRET), "{told}");
}
