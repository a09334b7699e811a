//! Custom kinds, as their files declare them.

use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;
use toque_contract::registry::Declaration;
use toque_core::diagnostic::Span;

use crate::closure::Closure;

/// What a file in `resources/` declares.
#[derive(Default)]
pub struct Definition {
    pub declared: Declaration,
    pub(crate) properties: IndexMap<Rc<str>, Property>,
    /// What the actions do, by number.
    pub bodies: Vec<Closure>,
    /// Tells the state that the machine is in.
    pub current: Option<Closure>,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Int,
    Float,
    Bool,
    Array,
    Map,
    Mode,
    Any,
}

/// When a property has to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Required {
    No,
    Always,
    For(Vec<String>),
}

/// The value of a property that is not given.
pub(crate) enum Default {
    Value(Value),
    Closure(Closure),
}

/// A property as its file declares it.
pub(crate) struct Property {
    pub types: Vec<Type>,
    pub default: Option<Default>,
    pub required: Required,
    pub name: bool,
    pub one_of: Option<Vec<Value>>,
    pub pattern: Option<regex_lite::Regex>,
    pub validate: Option<Closure>,
    pub coerce: Option<Closure>,
    pub sensitive: bool,
    pub doc: String,
    /// Where it is declared.
    pub span: Option<Span>,
}
