//! The environment of an app, and the file that holds it.

use std::fmt;
use std::fmt::Write as _;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_core::redaction::REDACTED;

/// Values shorter than this stand in too many other words to be hidden in them.
const SHORTEST: usize = 8;

/// A variable's value.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a string, a number or a boolean")]
#[schemars(inline)]
pub enum Variable {
    Text(String),
    Number(serde_json::Number),
    Bool(bool),
    /// As a stack has it.
    Secure(Secure),
}

/// A value with the word on whether it is a secret.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Secure {
    value: String,
    #[serde(default)]
    secure: bool,
}

impl Variable {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Secure(secure) => secure.value.clone(),
        }
    }

    fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(Secure { secure: true, .. }))
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// # Errors
/// A name that no shell takes, or a value that systemd would leave out.
pub fn check(name: &str, value: &str) -> Result<(), PropertyError> {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    if !name.bytes().next().is_some_and(letter)
        || !name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
    {
        return Err(PropertyError::named(
            name,
            format!("`{name}` cannot be the name of an environment variable"),
        )
        .hint("use letters, digits and `_`, and no digit at the beginning"));
    }
    if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(PropertyError::named(
            name,
            format!("the value of `{name}` holds a control character, which systemd refuses"),
        )
        .hint("encode it, such as by base64"));
    }
    Ok(())
}

/// The file's text. Within double quotes, systemd and shells take a backslash away before the same
/// four characters, and no others.
pub fn text(environment: &IndexMap<String, Variable>) -> String {
    let mut text = String::new();
    for (name, value) in environment {
        let _ = write!(text, "{name}=\"");
        for c in value.text().chars() {
            if matches!(c, '"' | '\\' | '$' | '`') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

/// What a program of the app said, without the values of its environment.
pub fn hidden(failure: Failure, environment: Option<&IndexMap<String, Variable>>) -> Failure {
    let values = environment.into_iter().flat_map(IndexMap::values);
    let mut secrets: Vec<String> = values
        .map(|value| (value.is_secure(), value.text()))
        .filter(|(secure, text)| !text.is_empty() && (*secure || text.len() >= SHORTEST))
        .map(|(_, text)| text)
        .collect();
    // A value that contains another is hidden whole.
    secrets.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    let hide = |text: String| {
        secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), REDACTED))
    };
    Failure {
        message: hide(failure.message),
        notes: failure.notes.into_iter().map(hide).collect(),
        ..failure
    }
}
