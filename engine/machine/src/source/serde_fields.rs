//! Fields of a source as documents have them: null and empty text are nothing.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A value, unless it is null or empty text.
pub(super) fn present<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        value => serde_json::from_value(value).map(Some).map_err(D::Error::custom),
    }
}

/// Text of one line, which is empty when it is null.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(line(deserializer)?.unwrap_or_default())
}

/// A text of one line, unless it is null or empty.
pub(super) fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(present(deserializer)?.map(|text: String| trimmed(&text).to_owned()))
}

/// Text without the end of its line, which files and documents often bring along.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}
