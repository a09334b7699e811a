//! `os-release(5)`, which names the distribution.

use std::collections::HashMap;

use super::text;
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> HashMap<String, String> {
    let found = ["/etc/os-release", "/usr/lib/os-release"].into_iter().map(|path| text(query, path));
    parse(&found.into_iter().find(|text| !text.is_empty()).unwrap_or_default())
}

/// Assignments as in a shell script, values quoted or not.
pub(super) fn parse(text: &str) -> HashMap<String, String> {
    let assignment = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        (!name.starts_with('#')).then(|| (name.to_owned(), unquoted(value)))
    };
    text.lines().filter_map(assignment).collect()
}

fn unquoted(value: &str) -> String {
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let mut text = String::new();
    let mut letters = inner.unwrap_or(value).chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}
