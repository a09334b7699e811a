//! The error of a property: which one is wrong, and why.

use crate::diagnostic::Diagnostic;

/// Which property is wrong and why: "`content` and `source` exclude each other".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyError {
    pub property: String,
    pub message: String,
    pub hint: Option<String>,
}

impl PropertyError {
    pub fn new(property: impl Into<String>, message: impl Into<String>) -> Self {
        Self { property: property.into(), message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<PropertyError> for Diagnostic {
    fn from(error: PropertyError) -> Self {
        error.hint.into_iter().fold(Self::error(error.message), Self::hint)
    }
}
