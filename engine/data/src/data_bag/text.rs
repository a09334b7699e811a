//! An item's file as text, in which single values are replaced: all else stays as somebody wrote
//! it, comments and layout too.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::Item;
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::failure::plain_io;
use toque_core::json::Document;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// An item with the text that says so.
#[derive(Debug)]
pub struct ItemText {
    pub item: Item,
    document: Document,
    marked: bool,
}

/// What stands for a value in a new text.
#[derive(Debug, Clone, PartialEq)]
pub enum New {
    /// A value, laid out as its surroundings are.
    Value(Value),
    /// A value as it was written elsewhere.
    Text(String),
}

impl ItemText {
    /// The text of an item's file as it is now.
    /// # Errors
    /// When it cannot be read, or is no item any more.
    pub fn read(item: &Item) -> Result<Self, Diagnostic> {
        let text = fs::read_to_string(&item.file).map_err(|error| {
            Diagnostic::error(format!("cannot read `{}`: {}", item.shown, plain_io(&error)))
        })?;
        Self::parse(text, &item.bag, &item.id, item.file.clone(), item.shown.clone())
    }

    /// A text as that of an item, whose file people know as `shown`.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn parse(
        text: String,
        bag: &str,
        id: &str,
        file: PathBuf,
        shown: String,
    ) -> Result<Self, Diagnostic> {
        let marked = text.starts_with(BYTE_ORDER_MARK);
        let document =
            Document::parse(Source { name: shown.clone(), path: Some(file.clone()), text })?;
        let item = Item::of(&document, bag, id, file, shown)?;
        Ok(Self { item, document, marked })
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> String {
        self.with(&HashMap::new())
    }

    /// The value of a key as it is written.
    #[must_use]
    pub fn written(&self, key: &str) -> &str {
        self.document
            .source
            .text
            .get(self.document.value_range(&self.path(key)))
            .unwrap_or_default()
    }

    /// All of it, with other values in the place of some.
    #[must_use]
    pub fn with(&self, new: &HashMap<String, New>) -> String {
        let mut replaced: Vec<(Range<usize>, String)> = new
            .iter()
            .filter(|(key, _)| self.item.values.contains_key(*key))
            .map(|(key, new)| {
                let text = match new {
                    New::Value(value) => self.laid_out(key, value),
                    New::Text(text) => text.clone(),
                };
                (self.document.value_range(&self.path(key)), text)
            })
            .collect();
        replaced.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = self.document.source.text.clone();
        for (range, value) in replaced {
            text.replace_range(range, &value);
        }
        if self.marked { format!("{BYTE_ORDER_MARK}{text}") } else { text }
    }

    /// Where the value of a key stands, with nothing of what stands there: beside an encrypted
    /// value may be a plain one.
    #[must_use]
    pub fn place(&self, key: &str) -> Span {
        self.document.value_at(&self.path(key)).hidden()
    }

    fn path<'a>(&self, key: &'a str) -> Vec<&'a str> {
        if self.item.wrapped { vec!["raw_data", key] } else { vec![key] }
    }

    /// A value as it would stand behind a key: over several lines, unless the key shares its line
    /// with others.
    fn laid_out(&self, key: &str, value: &Value) -> String {
        let text = &self.document.source.text;
        let at = self.document.key_range(&self.path(key)).start;
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent = &text[line..at];
        if !indent.trim().is_empty() {
            return value.to_string();
        }
        let depth = if self.item.wrapped { 2 } else { 1 };
        let step: String = if indent.is_empty() {
            "  ".to_owned()
        } else {
            indent.chars().take(indent.chars().count() / depth).collect()
        };
        let mut bytes = Vec::new();
        let mut serializer =
            Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(step.as_bytes()));
        let pretty =
            value.serialize(&mut serializer).ok().and_then(|()| String::from_utf8(bytes).ok());
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        pretty.unwrap_or_else(|| value.to_string()).replace('\n', &format!("{end}{indent}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(text: &str) -> ItemText {
        ItemText::parse(
            text.to_owned(),
            "db",
            "main",
            PathBuf::from("main.json"),
            "data_bags/db/main.json".to_owned(),
        )
        .unwrap()
    }

    fn with(text: &str, key: &str, new: New) -> String {
        item(text).with(&HashMap::from([(key.to_owned(), new)]))
    }

    #[test]
    fn only_the_value_is_replaced() {
        let map = || New::Value(json!({ "a": [1], "b": {} }));
        for (text, key, new, expected) in [
            (
                "// the database\n{\n  \"id\": \"main\", // its name\n  \"user\" : \"x\" /* who */,\n  \"n\": 1\n}\n",
                "user",
                New::Value(json!("y")),
                "// the database\n{\n  \"id\": \"main\", // its name\n  \"user\" : \"y\" /* who */,\n  \"n\": 1\n}\n",
            ),
            (
                "{\n\t\"id\": \"main\",\n\t\"k\": 1\n}",
                "k",
                map(),
                "{\n\t\"id\": \"main\",\n\t\"k\": {\n\t\t\"a\": [\n\t\t\t1\n\t\t],\n\t\t\"b\": {}\n\t}\n}",
            ),
            (
                "{ \"id\": \"main\", \"k\": 1 }",
                "k",
                map(),
                "{ \"id\": \"main\", \"k\": {\"a\":[1],\"b\":{}} }",
            ),
            (
                "{\r\n \"id\": \"main\",\r\n \"k\": 1}",
                "k",
                map(),
                "{\r\n \"id\": \"main\",\r\n \"k\": {\r\n  \"a\": [\r\n   1\r\n  ],\r\n  \"b\": {}\r\n }}",
            ),
            (
                "{\"id\":\"main\",\n\"k\":1}",
                "k",
                New::Value(json!({ "a": 2 })),
                "{\"id\":\"main\",\n\"k\":{\n  \"a\": 2\n}}",
            ),
            (
                "{\n  \"json_class\": \"Chef::DataBagItem\",\n  \"raw_data\": {\n    \"id\": \"main\",\n    \"k\": 1\n  }\n}",
                "k",
                New::Value(json!({ "a": 2 })),
                "{\n  \"json_class\": \"Chef::DataBagItem\",\n  \"raw_data\": {\n    \"id\": \"main\",\n    \"k\": {\n      \"a\": 2\n    }\n  }\n}",
            ),
            (
                "\u{feff}{ \"id\": \"main\", \"k\": [1, 2] }",
                "k",
                New::Text("[1,  /* as it was */ 2]".to_owned()),
                "\u{feff}{ \"id\": \"main\", \"k\": [1,  /* as it was */ 2] }",
            ),
            ("{ \"id\": \"main\" }", "absent", New::Value(json!(1)), "{ \"id\": \"main\" }"),
        ] {
            assert_eq!(with(text, key, new), expected);
            assert_eq!(item(text).whole(), text);
        }
    }

    #[test]
    fn a_value_as_it_is_written() {
        let text = item("{ \"id\": \"main\", \"k\": [ 1, // one\n 2 ] }");
        assert_eq!(text.written("k"), "[ 1, // one\n 2 ]");
        assert_eq!(text.place("k").to_string(), "data_bags/db/main.json:1:22");
        assert!(!text.place("k").source.text.contains("one"));
    }
}
