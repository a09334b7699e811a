//! The fields of a document with a fixed shape: each is taken by name and type, and what is left is
//! unknown.

use serde_json::{Map, Value};

use super::Document;
use crate::diagnostic::Diagnostic;

/// A map of a document, while it is read.
pub struct Fields<'a> {
    document: &'a Document,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The document as a whole.
    /// # Errors
    /// When it is no map; `what` says what it should be, such as `a role`.
    pub fn of(document: &'a Document, what: &str) -> Result<Self, Diagnostic> {
        match &document.value {
            Value::Object(map) => Ok(Self { document, map, known: Vec::new() }),
            other => {
                let wrong = format!(
                    "`{}` should be a map, and is {}",
                    document.source.name,
                    described(other)
                );
                Err(Diagnostic::error(wrong)
                    .at(document.value_at(&[]))
                    .hint(format!("{what} is `{{ \"key\": value, … }}`")))
            }
        }
    }

    /// A field that is text.
    /// # Errors
    /// When it is there and is something else.
    pub fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, Diagnostic> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(self.document, &[name], "text", other)),
        }
    }

    /// A field that is a map.
    /// # Errors
    /// When it is there and is something else.
    pub fn map(
        &mut self,
        name: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, Diagnostic> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(wrong_type(self.document, &[name], "a map", other)),
        }
    }

    /// Fields that are text, of which nothing is made.
    /// # Errors
    /// When one is something else.
    pub fn texts(&mut self, names: &[&'static str]) -> Result<(), Diagnostic> {
        names.iter().try_for_each(|name| self.text(name).map(|_| ()))
    }

    /// Fields that are maps, for whoever reads the document later.
    /// # Errors
    /// When one is something else.
    pub fn maps(&mut self, names: &[&'static str]) -> Result<(), Diagnostic> {
        names.iter().try_for_each(|name| self.map(name).map(|_| ()))
    }

    /// The field `name`: what the file is named after.
    /// # Errors
    /// When it is another name.
    pub fn name(&mut self, expected: &str) -> Result<(), Diagnostic> {
        match self.text("name")? {
            Some(name) if name != expected => {
                let wrong = format!("`{}` calls itself `{name}`", self.document.source.name);
                let at = self.document.value_at(&["name"]);
                Err(Diagnostic::error(wrong)
                    .at(at)
                    .hint(format!("write `{expected}`, or name the file `{name}.json`")))
            }
            _ => Ok(()),
        }
    }

    /// A field of any type.
    pub fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name)
    }

    /// Ends the reading.
    /// # Errors
    /// A field that was not asked for, with the nearest name; `hint` when none is near.
    pub fn end(self, what: &str, hint: &str) -> Result<(), Diagnostic> {
        let Some(unknown) = self.map.keys().find(|key| !self.known.contains(&key.as_str())) else {
            return Ok(());
        };
        let diagnostic = Diagnostic::error(format!("{what} has no field `{unknown}`"))
            .at(self.document.key_at(&[unknown]));
        Err(diagnostic.suggest_or(unknown, self.known.iter().copied(), || hint))
    }
}

/// A value of another type than it should have.
pub fn wrong_type(document: &Document, path: &[&str], wanted: &str, found: &Value) -> Diagnostic {
    let name = path.iter().find(|part| part.parse::<usize>().is_err()).copied().unwrap_or_default();
    let what = if path.len() > 1 { format!("an entry of `{name}`") } else { format!("`{name}`") };
    Diagnostic::error(format!(
        "{what} in `{}` should be {wanted}, and is {}",
        document.source.name,
        described(found)
    ))
    .at(document.value_at(path))
}

/// A value's type, in plain words.
pub fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "a map",
    }
}
