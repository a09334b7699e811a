//! Values that do not fit their type, told in the words of recipes and not in those of Rust.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostic::nearest;
use crate::property_error::{Names, PropertyError};

/// Reads a value into a type.
/// # Errors
/// What does not fit, with its path in the value.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, PropertyError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let told = in_recipe_terms(&error.into_inner().to_string());
        let property = if path == "." { String::new() } else { path };
        let names = if told.names_key { Names::Property } else { Names::Nothing };
        PropertyError { property, message: told.message, hint: told.hint, names }
    })
}

/// A message of serde in plain words.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain {
    pub message: String,
    pub hint: Option<String>,
    /// The message is about a key that is unknown, and names it.
    pub(crate) names_key: bool,
}

/// Rewrites a message of serde; what is none stays as it is.
#[must_use]
pub fn in_recipe_terms(message: &str) -> Plain {
    let message = message.trim_end();
    let plain = |message: String| Plain { message, hint: None, names_key: false };
    if let Some((name, known)) = between(message, "unknown field `", "`, ") {
        let known = names(known);
        return Plain {
            hint: choice(name, &known, "the keys are"),
            names_key: true,
            ..plain(format!("there is no key `{name}` here"))
        };
    }
    if let Some((name, known)) = between(message, "unknown variant `", "`, ") {
        let known = names(known);
        return Plain {
            hint: choice(name, &known, "it is one of"),
            ..plain(format!("`{name}` is none of the values it can have"))
        };
    }
    if let Some((name, _)) = between(message, "missing field `", "`") {
        return plain(format!("`{name}` is required and not set"));
    }
    if let Some((name, _)) = between(message, "duplicate field `", "`") {
        return plain(format!("`{name}` is set twice"));
    }
    for beginning in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some(rest) = message.strip_prefix(beginning)
            && let Some((found, expected)) = rest.rsplit_once(", expected ")
        {
            let found = match beginning {
                // An array, given for the fields of a struct in their order.
                "invalid length " if expected.starts_with("struct ") => "an array".to_owned(),
                "invalid length " => format!("{found} of them"),
                _ => plain_found(found),
            };
            return plain(format!("expected {}, found {found}", plain_expected(expected)));
        }
    }
    if message.starts_with("data did not match any variant of untagged enum") {
        return plain("the value has none of the forms that it can have".to_owned());
    }
    match message.rsplit_once("expected ") {
        Some((before, expected)) => plain(format!("{before}expected {}", plain_expected(expected))),
        None => plain(message.to_owned()),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(before)?.split_once(after)
}

/// "expected one of `a`, `b`": the names in backticks.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn choice(name: &str, known: &[&str], which: &str) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (!known.is_empty()).then(|| format!("{which} {}", known.join(", ")))
}

fn plain_expected(expected: &str) -> &str {
    match expected {
        "f32" | "f64" => "a number",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "a sequence" => "an array",
        "a boolean" => "true or false",
        "string or map" | "a borrowed string" | "a character" => "a string",
        struct_
            if struct_.starts_with("struct ") || struct_.starts_with("internally tagged enum ") =>
        {
            "a map"
        }
        enum_ if enum_.starts_with("enum ") => "a string",
        other => other,
    }
}

/// `string "x"`, `integer `5``, `map`: what was there.
fn plain_found(found: &str) -> String {
    let value = |word: &str| found.strip_prefix(word).map(|rest| rest.trim_matches('`'));
    if let Some(value) = value("integer ").or(value("floating point ")).or(value("boolean ")) {
        return value.to_owned();
    }
    match found {
        "map" | "newtype struct" => "a map".to_owned(),
        "sequence" => "an array".to_owned(),
        "null" | "unit value" | "Option value" => "nothing".to_owned(),
        text if text.starts_with("string ") => format!("the {text}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what does not fit is looked at")]
    struct Sample {
        #[serde(default)]
        count: u32,
        #[serde(default)]
        ratio: f64,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        list: Vec<String>,
        #[serde(default)]
        inner: HashMap<String, Inner>,
        #[serde(default)]
        colour: Option<Colour>,
        name: String,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what does not fit is looked at")]
    struct Inner {
        port: u16,
    }

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        Green,
    }

    #[test]
    fn no_word_of_rust_is_left() {
        for (value, property, message, hint) in [
            (json!({ "name": 5 }), "name", "expected a string, found 5", None),
            (json!({ "name": null }), "name", "expected a string, found nothing", None),
            (
                json!({ "name": "x", "count": -1 }),
                "count",
                "expected a whole number, 0 or more, found -1",
                None,
            ),
            (
                json!({ "name": "x", "count": "no" }),
                "count",
                "expected a whole number, 0 or more, found the string \"no\"",
                None,
            ),
            (
                json!({ "name": "x", "ratio": [] }),
                "ratio",
                "expected a number, found an array",
                None,
            ),
            (
                json!({ "name": "x", "on": "yes" }),
                "on",
                "expected true or false, found the string \"yes\"",
                None,
            ),
            (
                json!({ "name": "x", "list": ["a", 2.5] }),
                "list[1]",
                "expected a string, found 2.5",
                None,
            ),
            (json!({ "name": "x", "list": {} }), "list", "expected an array, found a map", None),
            (
                json!({ "name": "x", "inner": { "a": [] } }),
                "inner.a",
                "expected a map, found an array",
                None,
            ),
            (
                json!({ "name": "x", "inner": { "a": {} } }),
                "inner.a",
                "`port` is required and not set",
                None,
            ),
            (
                json!({ "name": "x", "inner": { "a": { "prt": 1 } } }),
                "inner.a.prt",
                "there is no key `prt` here",
                Some("did you mean `port`?"),
            ),
            (
                json!({ "name": "x", "colour": "blue" }),
                "colour",
                "`blue` is none of the values it can have",
                Some("it is one of `red`, `green`"),
            ),
            (json!({}), "", "`name` is required and not set", None),
            (json!([]), "", "expected a map, found an array", None),
        ] {
            let wrong = read::<Sample>(value.clone()).expect_err("it does not fit");
            assert_eq!(
                (wrong.property.as_str(), wrong.message.as_str(), wrong.hint.as_deref()),
                (property, message, hint),
                "{value}"
            );
        }
    }
}
