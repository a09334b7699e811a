//! Who set an attribute.

use std::rc::Rc;

use toque_core::diagnostic::Span;
use toque_core::json::Document;

/// Who set an attribute.
#[derive(Debug)]
pub enum Origin {
    /// A call in an attribute file or a recipe.
    Call(Option<Span>),
    /// A document, below these of its keys.
    Document { document: Rc<Document>, below: Vec<String> },
    /// What the run was told, or worked out.
    Run,
    /// A fact.
    Machine,
    /// A fact that this file of a cookbook tells.
    Fact(String),
}

impl Origin {
    /// Where the attribute at a path is set.
    #[must_use]
    pub fn place(&self, path: &[String]) -> Option<Span> {
        match self {
            Self::Call(span) => span.clone(),
            Self::Document { document, below } => {
                let path: Vec<&str> = below.iter().chain(path).map(String::as_str).collect();
                Some(document.key_at(&path))
            }
            Self::Run | Self::Machine | Self::Fact(_) => None,
        }
    }

    /// The same in words: a file and line, or what else it was.
    #[must_use]
    pub fn shown(&self, path: &[String]) -> String {
        match (self, self.place(path)) {
            (_, Some(span)) => span.to_string(),
            (Self::Fact(file), None) => file.clone(),
            (Self::Machine, None) => "this machine".to_owned(),
            (_, None) => "this run".to_owned(),
        }
    }
}
