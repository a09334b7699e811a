//! Values of data bag items as Chef encrypts them, each by itself: versions 0 to 3 are read,
//! version 3 is written.
//!
//! Facts: `lib/chef/encrypted_data_bag_item/` of Chef 18. No error here holds anything of a secret
//! or of a plain text.

mod secret;
#[cfg(test)]
mod tests;

use std::str;

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use secret::Secret;

use toque_core::diagnostic::Source;
use toque_core::failure::Failure;
use toque_core::formats;
use toque_core::json::Document;

const CBC: &str = "aes-256-cbc";
const GCM: &str = "aes-256-gcm";
const CBC_IV: usize = 16;
const GCM_IV: usize = 12;
/// The length of an authentication tag; shorter ones, which Chef takes, are easier to forge.
const TAG: usize = 16;
const BLOCK: usize = 16;
/// The one key of the map that is encrypted: JSON texts were once maps or arrays only.
const WRAPPER: &str = "json_wrapper";

/// The fields of each version that is told by its shape, besides `version`.
const FIELDS: [(u64, &[&str]); 3] = [
    (1, &["encrypted_data", "iv", "cipher"]),
    (2, &["encrypted_data", "iv", "cipher", "hmac"]),
    (3, &["encrypted_data", "iv", "cipher", "auth_tag"]),
];

/// Whether this is meant to be an encrypted value of version 1 or later. What is broken is meant so
/// too, and cannot be decrypted.
#[must_use]
pub fn is_encrypted(value: &Value) -> bool {
    let Value::Object(map) = value else { return false };
    let has = |key| map.contains_key(key);
    let (data, iv, cipher) = (has("encrypted_data"), has("iv"), has("cipher"));
    data && (iv || cipher || has("version")) || iv && cipher
}

/// The version that an encrypted value names, which need not be one that there is.
#[must_use]
pub fn version(value: &Value) -> Option<u64> {
    value.get("version")?.as_u64()
}

/// Decrypts a value of version 1, 2 or 3.
/// # Errors
/// What is wrong with it: its shape, or that this secret does not open it.
pub fn decrypt(value: &Value, secret: &Secret) -> Result<Value, Failure> {
    let Value::Object(map) = value else { return Err(Failure::new("it is no encrypted value")) };
    let version = check_fields(map)?;
    let data = text_of(map, "encrypted_data")?;
    let bytes = decode(map, "encrypted_data")?;
    if bytes.is_empty() {
        return Err(broken("its `encrypted_data` is empty"));
    }
    let plain = if version == 3 {
        check_cipher(map, version, GCM)?;
        let (iv, tag) =
            (decode_exactly::<GCM_IV>(map, "iv")?, decode_exactly::<TAG>(map, "auth_tag")?);
        let mut buffer = Zeroizing::new(bytes);
        buffer.extend_from_slice(&tag);
        let opened =
            Aes256Gcm::new(&secret.key().into()).decrypt_in_place(&iv.into(), b"", &mut *buffer);
        opened.map_err(|_| not_opened())?;
        buffer
    } else {
        check_cipher(map, version, CBC)?;
        if version == 2 {
            authenticate(data, text_of(map, "hmac")?, secret)?;
        }
        decrypt_cbc(bytes, &secret.key(), &decode_exactly(map, "iv")?)?
    };
    unwrap(&plain)
}

/// Decrypts a value of version 0, which looks like any text: only who knows that it is one may ask.
/// A null was never encrypted.
/// # Errors
/// As [`decrypt`].
pub fn decrypt_v0(value: &Value, secret: &Secret) -> Result<Value, Failure> {
    let text = match value {
        Value::Null => return Ok(Value::Null),
        Value::String(text) => text,
        _ => return Err(broken("a value of version 0 is text, and this is none")),
    };
    let bytes = BASE64.decode(without_blanks(text)).map_err(|_| broken("it is no base64"))?;
    if bytes.is_empty() {
        return Err(broken("it is empty"));
    }
    let (key, iv) = secret.key_and_iv();
    let plain = decrypt_cbc(bytes, &key, &iv)?;
    let text = str::from_utf8(&plain).map_err(|_| not_opened())?;
    formats::parse_yaml(text).map_err(|_| not_opened())
}

/// Whether the value of an item's key is encrypted. `version_0`: the item is one of which all texts
/// but the id are.
#[must_use]
pub fn is_encrypted_at(key: &str, value: &Value, version_0: bool) -> bool {
    key != "id" && (is_encrypted(value) || version_0 && value.is_string())
}

/// Decrypts a value that is encrypted, as [`is_encrypted_at`] has it.
/// # Errors
/// As [`decrypt`].
pub fn open(value: &Value, secret: &Secret) -> Result<Value, Failure> {
    if is_encrypted(value) { decrypt(value, secret) } else { decrypt_v0(value, secret) }
}

/// Encrypts a value as version 3, under an initialization vector that was never used.
/// # Errors
/// When the system gives no random bytes.
pub fn encrypt(value: &Value, secret: &Secret) -> Result<Value, Failure> {
    let mut iv = [0; GCM_IV];
    getrandom::fill(&mut iv)
        .map_err(|error| Failure::new(format!("the system gives no random bytes: {error}")))?;
    let plain = serde_json::to_vec(&json!({ WRAPPER: value }));
    let mut buffer =
        Zeroizing::new(plain.map_err(|_| Failure::new("the value cannot be written as JSON"))?);
    let sealed =
        Aes256Gcm::new(&secret.key().into()).encrypt_in_place(&iv.into(), b"", &mut *buffer);
    sealed.map_err(|_| Failure::new("the value is too long to be encrypted"))?;
    let (data, tag) = buffer.split_at(buffer.len() - TAG);
    Ok(json!({
        "encrypted_data": encode(data),
        "iv": encode(&iv),
        "auth_tag": encode(tag),
        "version": 3,
        "cipher": GCM,
    }))
}

/// The version, when it is one that there is and the value has its fields and no others.
fn check_fields(map: &Map<String, Value>) -> Result<u64, Failure> {
    let version = match map.get("version") {
        None => return Err(broken("it has no `version`")),
        Some(version) => {
            version.as_u64().ok_or_else(|| broken("its `version` is no whole number"))?
        }
    };
    let Some((_, fields)) = FIELDS.iter().find(|(known, _)| *known == version) else {
        return Err(match version {
            0 => broken("it says that it is of version 0, which has another form"),
            _ => Failure::new(format!("it is of version {version}, and versions 0 to 3 are known"))
                .hint("a newer Chef wrote it: encrypt it again as version 3, or use a newer toque"),
        });
    };
    if let Some(missing) = fields.iter().find(|field| !map.contains_key(**field)) {
        return Err(broken(&format!("it has no `{missing}`")));
    }
    match map.keys().find(|key| *key != "version" && !fields.contains(&key.as_str())) {
        Some(unknown) => Err(broken(&format!(
            "it has a field `{unknown}`, which version {version} does not have"
        ))),
        None => Ok(version),
    }
}

fn check_cipher(map: &Map<String, Value>, version: u64, cipher: &str) -> Result<(), Failure> {
    if text_of(map, "cipher")? == cipher {
        return Ok(());
    }
    Err(broken(&format!("its `cipher` is not `{cipher}`, the one of version {version}")))
}

/// The HMAC is of the base64 text as it stands, line breaks too, under the secret itself and not
/// under the key made of it.
fn authenticate(data: &str, expected: &str, secret: &Secret) -> Result<(), Failure> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.bytes()).map_err(|_| not_opened())?;
    hmac.update(data.as_bytes());
    let bytes =
        BASE64.decode(without_blanks(expected)).map_err(|_| broken("its `hmac` is no base64"))?;
    // Chef compares the texts, so that there is one way to write it. The bytes are compared in a
    // time that tells nothing.
    let as_written = encode(&bytes) == expected;
    if hmac.verify_slice(&bytes).is_ok() && as_written { Ok(()) } else { Err(not_opened()) }
}

fn decrypt_cbc(
    bytes: Vec<u8>,
    key: &[u8; 32],
    iv: &[u8; CBC_IV],
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if !bytes.len().is_multiple_of(BLOCK) {
        return Err(broken(&format!(
            "its data is cut off: {} bytes are no whole number of blocks of {BLOCK}",
            bytes.len()
        )));
    }
    let mut buffer = Zeroizing::new(bytes);
    let plain =
        cbc::Decryptor::<Aes256>::new(key.into(), iv.into()).decrypt_padded::<Pkcs7>(&mut buffer);
    let length = plain.map_err(|_| not_opened())?.len();
    buffer.truncate(length);
    Ok(buffer)
}

/// The value in `{"json_wrapper": value}`.
fn unwrap(plain: &[u8]) -> Result<Value, Failure> {
    let text = str::from_utf8(plain).map_err(|_| not_opened())?.to_owned();
    // The mistake is not told: it may quote the text.
    let read = Document::parse(Source { name: String::new(), path: None, text })
        .map_err(|_| not_opened())?;
    match read.value {
        Value::Object(mut map) if map.len() == 1 => map.swap_remove(WRAPPER).ok_or_else(not_opened),
        _ => Err(not_opened()),
    }
}

fn text_of<'a>(map: &'a Map<String, Value>, field: &str) -> Result<&'a str, Failure> {
    map.get(field)
        .and_then(Value::as_str)
        .ok_or_else(|| broken(&format!("its `{field}` is no text")))
}

fn decode(map: &Map<String, Value>, field: &str) -> Result<Vec<u8>, Failure> {
    let bytes = BASE64.decode(without_blanks(text_of(map, field)?));
    bytes.map_err(|_| broken(&format!("its `{field}` is no base64")))
}

fn decode_exactly<const LENGTH: usize>(
    map: &Map<String, Value>,
    field: &str,
) -> Result<[u8; LENGTH], Failure> {
    let bytes = decode(map, field)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| {
        broken(&format!("its `{field}` is {length} bytes long, and should be {LENGTH}"))
    })
}

/// Padding may be missing, as it may for Ruby.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn without_blanks(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// Base64 as Ruby's `encode64` writes it: lines of 60 characters, each with its end.
fn encode(bytes: &[u8]) -> String {
    bytes.chunks(45).map(|line| BASE64.encode(line) + "\n").collect()
}

/// It does not have the form that it should have.
fn broken(what: &str) -> Failure {
    Failure::new(what).hint("the value was changed or cut off: take it from an earlier version of the file, or encrypt it again")
}

/// Nobody can tell a wrong secret from a changed value.
fn not_opened() -> Failure {
    Failure::new("the secret is not the one that it was encrypted with, or the value was changed").hint(
        "give the secret file that this item was encrypted with; if it is the right one, take the value from an earlier version of the \
         file",
    )
}
