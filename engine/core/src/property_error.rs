//! The error of a property: which one is wrong, and why.

use crate::diagnostic::Diagnostic;

/// Which property is wrong and why: "`content` and `source` exclude each other".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyError {
    pub property: String,
    pub message: String,
    pub hint: Option<String>,
    pub names: Names,
}

/// What the message of a property's error names by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Nothing,
    Property,
    /// The kind of the resource, and the property if one is wrong.
    Kind,
}

impl PropertyError {
    pub fn new(property: impl Into<String>, message: impl Into<String>) -> Self {
        let (property, message) = (property.into(), message.into());
        Self { property, message, hint: None, names: Names::Nothing }
    }

    /// An error whose message names the property.
    pub fn named(property: impl Into<String>, message: impl Into<String>) -> Self {
        Self { names: Names::Property, ..Self::new(property, message) }
    }

    /// An error whose message names the kind of the resource.
    pub fn of_kind(property: impl Into<String>, message: impl Into<String>) -> Self {
        Self { names: Names::Kind, ..Self::new(property, message) }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error with the names of the property and of the kind.
    #[must_use]
    pub fn about(&self, kind: &str) -> Diagnostic {
        let Self { property, message, names, .. } = self;
        let message = match names {
            Names::Kind => message.clone(),
            Names::Nothing if !property.is_empty() => format!("{kind}: `{property}`: {message}"),
            Names::Nothing | Names::Property => format!("{kind}: {message}"),
        };
        PropertyError { message, ..self.clone() }.into()
    }
}

impl From<PropertyError> for Diagnostic {
    fn from(error: PropertyError) -> Self {
        error.hint.into_iter().fold(Self::error(error.message), Self::hint)
    }
}
