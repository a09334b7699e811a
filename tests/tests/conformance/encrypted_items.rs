//! Encrypted items of data bags: `encrypted_items.json`, decrypted value by value.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde_json::Value;
use toque_data::encrypted_item::{Secret, decrypt, decrypt_v0, is_encrypted};

use crate::conformance::{cases, compare, differences};

const RECORDED: &str = include_str!("../../conformance/encrypted_items.json");

#[test]
fn encrypted_items() {
    compare(RECORDED, differences::ENCRYPTED_ITEMS, run);
}

/// Also where Chef opens it.
#[test]
fn what_was_tampered_with_is_not_opened() {
    // The padding of base64 says nothing, and a null was never encrypted.
    const UNHARMED: [&str; 2] = ["base64 padding removed from iv", "null in place of a value"];
    for case in cases(RECORDED).iter().filter(|case| case["tampered"] == true) {
        let unharmed = UNHARMED.iter().any(|title| case["title"].as_str().unwrap().contains(title));
        let secret = secret_of(case).unwrap();
        for (key, value) in sealed(case) {
            if is_encrypted(value) || case["version"] == 0 {
                assert_eq!(
                    open(case, value, &secret).is_ok(),
                    unharmed,
                    "{}: {key}",
                    case["title"]
                );
            }
        }
    }
}

fn run(case: &Value) -> Result<(), String> {
    let secret = match (secret_of(case), case["expected"].get("error")) {
        (Ok(secret), None) => secret,
        (Err(_), Some(_)) => return Ok(()),
        (other, _) => return Err(format!("{other:?}, expected {}", case["expected"])),
    };
    for (key, value) in sealed(case) {
        let expected = &case["expected"][key];
        let found = open(case, value, &secret);
        match (&found, expected.get("value")) {
            (Ok(found), Some(expected)) if found == expected => {}
            (Err(_), None) => {}
            _ => return Err(format!("{key} is {found:?}, expected {expected}")),
        }
    }
    Ok(())
}

/// As an item is read: of version 0 when it is said to be, else what is encrypted tells so by
/// itself.
fn open(case: &Value, value: &Value, secret: &Secret) -> Result<Value, String> {
    let opened = match case["version"].as_u64() {
        Some(0) => decrypt_v0(value, secret),
        _ if is_encrypted(value) => decrypt(value, secret),
        _ => Ok(value.clone()),
    };
    opened.map_err(|failure| failure.message)
}

fn sealed(case: &Value) -> impl Iterator<Item = (&str, &Value)> {
    case["item"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| *key != "id")
}

fn secret_of(case: &Value) -> Result<Secret, String> {
    let file = STANDARD.decode(case["secret_file_base64"].as_str().unwrap()).unwrap();
    Secret::of_file(&file).map_err(|failure| failure.message)
}
