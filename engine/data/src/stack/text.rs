//! A stack document as text, to which entries are added: all else stays as somebody wrote it,
//! comments and layout too.

mod json;
mod toml;

use serde_json::{Map, Value};
use toml_edit::DocumentMut;

use super::without_secrets;
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::json::{Document, described};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A stack document with the text that says so.
#[derive(Debug)]
pub struct StackText {
    /// What people know it as.
    pub name: String,
    pub text: String,
    pub document: Document,
    /// The same with its layout, where it is TOML.
    toml: Option<DocumentMut>,
}

impl StackText {
    /// Reads a text: TOML when its name ends in `.toml`, else JSON.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn parse(source: Source) -> Result<Self, Diagnostic> {
        let (name, text) = (source.name.clone(), source.text.clone());
        let plain = Source::new(&name, source.path, source.text);
        let (document, toml) = if name.ends_with(".toml") {
            let edited = plain.text.parse::<DocumentMut>();
            let document = Document::parse_toml(plain).map_err(without_secrets)?;
            let edited = edited.map_err(|error| {
                Diagnostic::error(format!("cannot read `{name}`: {}", error.message()))
            })?;
            (document, Some(edited))
        } else {
            (Document::parse(plain).map_err(without_secrets)?, None)
        };
        match document.value {
            Value::Object(_) => Ok(Self { name, text, document, toml }),
            other => {
                let wrong = format!("`{name}` should be a map, and is {}", described(&other));
                Err(Diagnostic::error(wrong)
                    .hint("a stack document is `{ \"stack\": { … }, \"layers\": [ … ], … }`"))
            }
        }
    }

    /// The entries of a list, such as `layers`.
    pub fn entries(&self, list: &str) -> impl Iterator<Item = &Map<String, Value>> {
        self.document.value[list].as_array().into_iter().flatten().filter_map(Value::as_object)
    }

    /// What the entries of a list are called: `shortname` of `layers`.
    #[must_use]
    pub fn names(&self, list: &str, key: &str) -> Vec<&str> {
        self.entries(list).filter_map(|entry| entry.get(key)?.as_str()).collect()
    }

    /// All of it, with one more entry at the end of a list, which is laid out as its neighbours
    /// are.
    /// # Errors
    /// When the list is something else.
    pub fn with(&self, list: &str, entry: &Map<String, Value>) -> Result<String, Diagnostic> {
        let mut expected = self.document.value.clone();
        match expected.get_mut(list) {
            Some(Value::Array(entries)) => entries.push(Value::Object(entry.clone())),
            Some(other) => {
                let wrong = format!(
                    "`{list}` in `{}` should be an array, and is {}",
                    self.name,
                    described(other)
                );
                let wrong = Diagnostic::error(wrong).at(self.document.value_at(&[list]));
                return Err(without_secrets(wrong).hint("write `[ { … }, … ]`"));
            }
            None => expected[list] = Value::from_iter([Value::Object(entry.clone())]),
        }
        let new = match &self.toml {
            Some(document) => toml::with(document, &self.text, list, entry),
            None => json::with(&self.document, list, entry),
        };
        let new = if self.text.starts_with(BYTE_ORDER_MARK) {
            format!("{BYTE_ORDER_MARK}{new}")
        } else {
            new
        };
        let read = Self::parse(Source { name: self.name.clone(), path: None, text: new.clone() });
        // What is there must not be harmed by a layout that nobody foresaw.
        if read.is_ok_and(|read| read.document.value == expected) {
            Ok(new)
        } else {
            let wrong =
                format!("cannot tell where in `{}` an entry of `{list}` would stand", self.name);
            Err(Diagnostic::error(wrong)
                .hint(format!("add it by hand: {}", Value::Object(entry.clone()))))
        }
    }
}

#[cfg(test)]
mod tests;
