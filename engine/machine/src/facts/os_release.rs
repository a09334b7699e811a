//! `os-release(5)`, which names the distribution.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{facts, text};
use crate::system::Query;

/// As a fact: names in small letters, `id_like` as a list.
pub(super) fn read_fact(query: &dyn Query) -> Map<String, Value> {
    let text = text(query, "/etc/os-release");
    let told = assignments(&text).map(|(name, value)| match name.to_lowercase() {
        list if list == "id_like" => (list, value.split_whitespace().collect()),
        name => (name, value.into()),
    });
    facts([("os_release", Some(Value::Object(told.collect())))])
}

pub(super) fn read(query: &dyn Query) -> HashMap<String, String> {
    let found =
        ["/etc/os-release", "/usr/lib/os-release"].into_iter().map(|path| text(query, path));
    parse(&found.into_iter().find(|text| !text.is_empty()).unwrap_or_default())
}

/// Assignments as in a shell script, values quoted or not.
pub(super) fn parse(text: &str) -> HashMap<String, String> {
    assignments(text).collect()
}

fn assignments(text: &str) -> impl Iterator<Item = (String, String)> {
    let assignment = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        (!name.starts_with('#')).then(|| (name.to_owned(), unquoted(value)))
    };
    text.lines().filter_map(assignment)
}

fn unquoted(value: &str) -> String {
    let inner =
        ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let mut text = String::new();
    let mut letters = inner.unwrap_or(value).chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}
