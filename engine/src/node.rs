//! The machine as recipes read it: its attributes, and over them its facts.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use crate::attributes::{Attributes, merge};
use crate::facts::Facts;
use crate::lookup::Machine;
use crate::system::Query;

/// This machine and what is known of it.
pub struct Node {
    pub name: String,
    pub environment: String,
    pub attributes: RefCell<Attributes>,
    pub facts: Facts,
}

impl Node {
    /// The value below a first key: attributes with the facts over them. A fact is computed when it is first read.
    pub fn get(&self, key: &str, query: &dyn Query) -> Option<Rc<Value>> {
        let fact = match key {
            "name" => Some(Rc::new(Value::String(self.name.clone()))),
            "chef_environment" | "environment" => Some(Rc::new(Value::String(self.environment.clone()))),
            _ => self.facts.get(key, query),
        };
        let attribute = self.attributes.borrow().get(key);
        match (attribute, fact) {
            (Some(attribute), Some(fact)) if attribute.is_object() && fact.is_object() => {
                let mut merged = (*attribute).clone();
                merge(&mut merged, (*fact).clone());
                Some(Rc::new(merged))
            }
            (attribute, fact) => fact.or(attribute),
        }
    }

    /// A fact that is text; empty when there is none.
    #[must_use]
    pub fn text(&self, key: &str, query: &dyn Query) -> String {
        self.facts.get(key, query).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Every first key that can be read.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let attributes = self.attributes.borrow();
        let mut keys: Vec<String> = attributes.keys().into_iter().map(str::to_owned).collect();
        keys.extend(Facts::keys().map(str::to_owned));
        keys.extend(["name", "environment"].map(str::to_owned));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What decides which file or template the machine is given.
    #[must_use]
    pub fn machine(&self, query: &dyn Query) -> Machine {
        Machine {
            fqdn: self.text("fqdn", query),
            platform: self.text("platform", query),
            platform_version: self.text("platform_version", query),
            platform_family: self.text("platform_family", query),
        }
    }
}
