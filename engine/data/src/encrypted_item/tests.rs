use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const FUNCTIONS: &str = "an invented secret";

fn secret() -> Secret {
    Secret::of_file(FUNCTIONS.as_bytes()).unwrap()
}

/// What `tests/vectors/encrypted.py` made without Toque.
fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/vectors/encrypted.json")).unwrap()
}

fn secret_of(vector: &Value) -> Secret {
    Secret::of_file(&BASE64.decode(vector["secret_base64"].as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn what_others_encrypted_is_read() {
    for vector in vectors() {
        let (encrypted, secret) = (&vector["encrypted"], secret_of(&vector));
        let opened = if vector["version"] == 0 {
            decrypt_v0(encrypted, &secret)
        } else {
            assert!(is_encrypted(encrypted), "{vector}");
            assert_eq!(version(encrypted), vector["version"].as_u64());
            decrypt(encrypted, &secret)
        };
        assert_eq!(opened, Ok(vector["value"].clone()), "{vector}");
    }
}

/// Version 1 has nothing that tells a change. Nothing vouches for the initialization vector of
/// version 2, except that the first block of the text is always the same.
#[test]
fn a_changed_byte_is_found() {
    for vector in vectors().iter().filter(|vector| vector["version"].as_u64() > Some(1)) {
        let fields = ["encrypted_data", "iv", "hmac", "auth_tag"]
            .into_iter()
            .filter(|field| vector["encrypted"].get(field).is_some());
        for field in fields {
            let length = BASE64
                .decode(without_blanks(vector["encrypted"][field].as_str().unwrap()))
                .unwrap()
                .len();
            for at in [0, length / 2, length - 1] {
                let mut changed = vector["encrypted"].clone();
                flip(&mut changed, field, at, 1);
                assert_eq!(
                    decrypt(&changed, &secret_of(vector)),
                    Err(not_opened()),
                    "{field}[{at}] of {vector}"
                );
            }
        }
    }
}

#[test]
fn another_secret_opens_nothing() {
    let other = Secret::of_file(b"another one").unwrap();
    for vector in vectors() {
        let open = if vector["version"] == 0 { decrypt_v0 } else { decrypt };
        assert_eq!(open(&vector["encrypted"], &other), Err(not_opened()), "{vector}");
    }
}

/// What is broken is told, by what is wrong with it.
#[test]
fn broken_values() {
    let good = json!({
        "encrypted_data": encode(&[0; 32]), "iv": encode(&[1; 12]), "auth_tag": encode(&[2; 16]), "version": 3, "cipher": GCM,
    });
    let old = json!({ "encrypted_data": encode(&[0; 32]), "iv": encode(&[1; 16]), "version": 1, "cipher": CBC });
    for (value, change, message) in [
        (&good, json!({ "version": 4 }), "it is of version 4, and versions 0 to 3 are known"),
        (&good, json!({ "version": 0 }), "it says that it is of version 0, which has another form"),
        (&good, json!({ "version": "3" }), "its `version` is no whole number"),
        (&good, json!({ "version": () }), "it has no `version`"),
        (&good, json!({ "version": 2 }), "it has no `hmac`"),
        (
            &good,
            json!({ "version": 1 }),
            "it has a field `auth_tag`, which version 1 does not have",
        ),
        (&good, json!({ "encrypted_data": () }), "it has no `encrypted_data`"),
        (&good, json!({ "encrypted_data": "" }), "its `encrypted_data` is empty"),
        (&good, json!({ "encrypted_data": "!" }), "its `encrypted_data` is no base64"),
        (&good, json!({ "encrypted_data": 5 }), "its `encrypted_data` is no text"),
        (&good, json!({ "iv": () }), "it has no `iv`"),
        (&good, json!({ "iv": encode(&[1; 16]) }), "its `iv` is 16 bytes long, and should be 12"),
        (
            &good,
            json!({ "auth_tag": encode(&[2; 12]) }),
            "its `auth_tag` is 12 bytes long, and should be 16",
        ),
        (
            &good,
            json!({ "auth_tag": encode(&[2; 4]) }),
            "its `auth_tag` is 4 bytes long, and should be 16",
        ),
        (&good, json!({ "auth_tag": "" }), "its `auth_tag` is 0 bytes long, and should be 16"),
        (
            &good,
            json!({ "cipher": "rot-13" }),
            "its `cipher` is not `aes-256-gcm`, the one of version 3",
        ),
        (&good, json!({ "cipher": () }), "it has no `cipher`"),
        (&good, json!({ "hmac": "" }), "it has a field `hmac`, which version 3 does not have"),
        (&old, json!({ "cipher": GCM }), "its `cipher` is not `aes-256-cbc`, the one of version 1"),
        (&old, json!({ "iv": encode(&[1; 12]) }), "its `iv` is 12 bytes long, and should be 16"),
        (
            &old,
            json!({ "encrypted_data": encode(&[0; 31]) }),
            "its data is cut off: 31 bytes are no whole number of blocks of 16",
        ),
        (
            &old,
            json!({ "encrypted_data": encode(&[0; 16]) }),
            "the secret is not the one that it was encrypted with, or the value was changed",
        ),
    ] {
        let mut value = value.clone();
        for (field, to) in change.as_object().unwrap() {
            if to.is_null() {
                value.as_object_mut().unwrap().shift_remove(field)
            } else {
                value.as_object_mut().unwrap().insert(field.clone(), to.clone())
            };
        }
        assert!(is_encrypted(&value), "{value} should not pass for a plain map");
        let failure = decrypt(&value, &secret()).expect_err("it is broken");
        assert_eq!(failure.message, message, "{value}");
        assert!(failure.hint.is_some());
    }
    for (value, message) in [
        (json!(17), "a value of version 0 is text, and this is none"),
        (json!(""), "it is empty"),
        (json!("?"), "it is no base64"),
    ] {
        assert_eq!(
            decrypt_v0(&value, &secret()).map_err(|failure| failure.message),
            Err(message.to_owned())
        );
    }
    assert_eq!(decrypt_v0(&Value::Null, &secret()), Ok(Value::Null));
}

#[test]
fn plain_values_are_no_encrypted_ones() {
    for plain in [
        json!(null),
        json!("YWJj\n"),
        json!([]),
        json!({}),
        json!({ "iv": "" }),
        json!({ "version": 3, "cipher": "x" }),
        json!({ "encrypted_data": "" }),
    ] {
        assert!(!is_encrypted(&plain), "{plain}");
    }
}

/// What Chef takes and what it does not: line breaks and padding of base64 do not matter, except
/// where the HMAC is of the text.
#[test]
fn base64_may_be_written_otherwise() {
    for vector in vectors().iter().filter(|vector| vector["version"].as_u64() > Some(0)) {
        let opened = |field: &str| {
            let mut value = vector["encrypted"].clone();
            let text = value[field].as_str()?.trim_end().trim_end_matches('=').replace('\n', "");
            let same = value[field] == text;
            value[field] = text.into();
            (!same).then(|| decrypt(&value, &secret_of(vector)))
        };
        let fine = Some(Ok(vector["value"].clone()));
        assert_eq!(opened("iv"), fine);
        if vector["version"] == 2 {
            assert_eq!(
                (opened("encrypted_data"), opened("hmac")),
                (Some(Err(not_opened())), Some(Err(not_opened())))
            );
        } else {
            assert_eq!(opened("encrypted_data"), fine);
        }
    }
}

#[test]
fn blanks_around_a_secret_do_not_count() {
    for (file, secret) in [
        ("s", "s"),
        ("s\n", "s"),
        (" \t\r\n\u{b}\u{c}\0s e\0\r\n \0", "s e"),
        ("\u{a0}s", "\u{a0}s"),
    ] {
        assert_eq!(
            Secret::of_file(file.as_bytes()).unwrap().bytes(),
            secret.as_bytes(),
            "{file:?}"
        );
    }
    for blank in ["", " \n", "\0"] {
        assert_eq!(
            Secret::of_file(blank.as_bytes()).expect_err("it is blank").message,
            "the secret is blank"
        );
    }
    assert_eq!(format!("{:?}", secret()), "Secret([sensitive])");
}

fn flip(value: &mut Value, field: &str, at: usize, bits: u8) {
    let mut bytes = BASE64.decode(without_blanks(value[field].as_str().unwrap())).unwrap();
    bytes[at] ^= bits;
    value[field] = encode(&bytes).into();
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has it", |number| number.is_finite()).prop_map(Value::from),
        "\\PC{0,40}|[\0-\x1f]{1,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encrypted_is_decrypted(value in values(), words in "[!-~][ -~]{0,60}[!-~]") {
        let secret = Secret::of_file(words.as_bytes()).unwrap();
        let encrypted = encrypt(&value, &secret).unwrap();
        prop_assert!(is_encrypted(&encrypted));
        prop_assert_eq!(version(&encrypted), Some(3));
        prop_assert_ne!(&encrypted, &encrypt(&value, &secret).unwrap());
        prop_assert_eq!(decrypt(&encrypted, &secret), Ok(value));
    }

    #[test]
    fn any_changed_byte_is_found(value in values(), at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let encrypted = encrypt(&value, &secret()).unwrap();
        for field in ["encrypted_data", "iv", "auth_tag"] {
            let mut changed = encrypted.clone();
            let length = BASE64.decode(without_blanks(changed[field].as_str().unwrap())).unwrap().len();
            flip(&mut changed, field, at.index(length), bits);
            prop_assert_eq!(decrypt(&changed, &secret()), Err(not_opened()));
        }
    }

    /// Lines are as long as Ruby makes them.
    #[test]
    fn base64_is_rubys(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = encode(&bytes);
        prop_assert!(text.is_empty() || text.ends_with('\n'));
        let lines: Vec<&str> = text.lines().collect();
        prop_assert!(lines.iter().rev().skip(1).all(|line| line.len() == 60) && lines.iter().all(|line| line.len() <= 60));
        prop_assert_eq!(BASE64.decode(without_blanks(&text)).unwrap(), bytes);
    }
}
