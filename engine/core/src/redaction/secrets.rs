//! Values of sensitive properties. They can end up in names and messages; this module finds and
//! redacts them there.

use std::rc::Rc;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::redaction::REDACTED;

/// The values of a custom resource's sensitive properties, and of those around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Rc<str>>);

impl Secrets {
    /// Adds the texts and numbers in a value. What has one or two letters is found everywhere, and
    /// hides nothing.
    pub fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add_text(text),
            Value::Number(number) => self.add_text(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(map) => map.values().for_each(|item| self.add(item)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        if text.chars().count() > 2 {
            self.0.push(text.into());
            // One may be part of another.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// The text without them; none when it has none.
    pub fn redact(&self, text: &str) -> Option<String> {
        let found = self.0.iter().any(|secret| text.contains(&**secret));
        found.then(|| {
            self.0.iter().fold(text.to_owned(), |text, secret| text.replace(&**secret, REDACTED))
        })
    }

    /// The same mistake, told without them.
    pub fn redact_in(&self, mut mistake: Diagnostic) -> Diagnostic {
        mistake.each_text(&mut |text| {
            if let Some(hidden) = self.redact(text) {
                *text = hidden;
            }
        });
        mistake
    }
}
