//! Resources that are made of other resources, as the graph holds them.

use std::rc::Rc;

use serde_json::{Map, Value};
use toque_core::redaction::Secrets;

use super::Deferred;

/// A declared custom resource.
#[derive(Clone)]
pub struct Instance {
    pub kind: Rc<str>,
    /// The resource's name.
    pub name: Rc<str>,
    /// The properties as they were given.
    pub given: Map<String, Value>,
    /// The properties to use.
    pub values: Map<String, Value>,
    /// Those that are computed when they are needed.
    pub deferred: Vec<Deferred>,
    pub secrets: Secrets,
    /// How many custom resources it is inside of.
    pub depth: usize,
    /// Defaults that are computed have been.
    pub complete: bool,
}

impl Instance {
    /// Whether a property has a value, or will have one.
    pub fn has(&self, property: &str) -> bool {
        self.values.get(property).is_some_and(|value| !value.is_null())
            || self.deferred.iter().any(|deferred| deferred.property == property)
    }
}

/// A `converge_if_changed`: what it compares, and whose.
pub struct Group {
    pub instance: Rc<Instance>,
    pub compared: Compared,
}

/// Which properties decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// All that `current` tells of.
    Told,
    Named(Vec<String>),
}
