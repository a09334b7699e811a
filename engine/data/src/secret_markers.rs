//! Values of a stack document that are kept elsewhere, or that nobody is to see: `{ "secret": { … }
//! }` in the place of a text.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::encrypted_item::is_encrypted;

pub(crate) const HINT: &str = "write { \"secret\": { \"file\": \"/etc/toque/site.key\" } }, or { \"secret\": { \"bag\": …, \"item\": …, \"key\": … } }";

/// What names of secret things end with.
const NAMES: [&str; 8] = [
    "password",
    "passwd",
    "ssh_key",
    "private_key",
    "key_private",
    "certificate_key",
    "secret",
    "token",
];

/// Whether something of this name is a secret, wherever it stands.
pub(super) fn is_named(key: &str) -> bool {
    NAMES.iter().any(|name| {
        key.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// Where a value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is all of this file, but for a line break at its end. A relative path is below the
    /// document's folder.
    File(PathBuf),
    /// It is a value of a data bag item.
    Bag { bag: String, item: String, key: String },
    /// Here.
    Here(String),
}

/// Marks a text.
pub(crate) fn of(text: &str) -> Value {
    json!({ "secret": { "value": text } })
}

/// Makes files that are named relative to a folder absolute.
pub(super) fn move_from(value: &mut Value, folder: &Path) {
    if let Ok(Kept::File(file)) = kept(value) {
        value["secret"]["file"] = folder.join(file).to_string_lossy().into_owned().into();
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| move_from(value, folder)),
        Value::Array(items) => items.iter_mut().for_each(|value| move_from(value, folder)),
        _ => {}
    }
}

/// Puts texts that were marked back into their places.
pub(super) fn unmark(value: &mut Value) {
    if let Some(text) =
        value["secret"]["value"].as_str().map(str::to_owned).filter(|_| is_meant(value))
    {
        *value = Value::String(text);
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(unmark),
        Value::Array(items) => items.iter_mut().for_each(unmark),
        _ => {}
    }
}

/// Whether this stands in the place of a text.
pub(crate) fn is_meant(value: &Value) -> bool {
    let alone = |map: &Map<String, Value>| map.len() == 1 && map.contains_key("secret");
    value.as_object().is_some_and(alone) || is_encrypted(value)
}

/// Whether somewhere in a value something stands in the place of a text.
pub(crate) fn is_within(value: &Value) -> bool {
    is_meant(value)
        || match value {
            Value::Object(map) => map.values().any(is_within),
            Value::Array(items) => items.iter().any(is_within),
            _ => false,
        }
}

/// What is wrong with it: where in it, and what.
pub(super) fn check(value: &Value) -> Result<(), (Vec<String>, String)> {
    if is_encrypted(value) { Ok(()) } else { kept(value).map(|_| ()) }
}

/// Where the value is kept.
/// # Errors
/// What is wrong with what says so: where in it, and what.
pub(crate) fn kept(value: &Value) -> Result<Kept, (Vec<String>, String)> {
    let at = |key: &str| vec!["secret".to_owned(), key.to_owned()];
    let secret = &value["secret"];
    let Value::Object(map) = secret else {
        return Err((
            vec!["secret".to_owned()],
            "`secret` should be a map that says where the value is kept".to_owned(),
        ));
    };
    for (key, value) in map {
        if !value.is_string() {
            return Err((at(key), format!("`{key}` of a secret should be text")));
        }
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let keys: Vec<&str> = map.keys().map(String::as_str).collect();
    match (text("file"), text("value"), text("bag"), text("item"), text("key")) {
        (Some(file), ..) if keys == ["file"] => Ok(Kept::File(Path::new(&file).to_owned())),
        (_, Some(value), ..) if keys == ["value"] => Ok(Kept::Here(value)),
        (_, _, Some(bag), Some(item), Some(key)) if keys.len() == 3 => {
            Ok(Kept::Bag { bag, item, key })
        }
        _ => Err((
            vec!["secret".to_owned()],
            "a secret has `file`, or `bag`, `item` and `key`".to_owned(),
        )),
    }
}
