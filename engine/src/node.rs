//! The machine as recipes read it: its attributes, and over them its facts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use crate::attributes::{Attributes, merge};
use crate::facts::Facts;
use crate::lookup::Machine;
use crate::overlay::Causes;
use crate::snapshots::Area;
use crate::view::View;

/// This machine and what is known of it.
pub struct Node {
    pub name: String,
    pub environment: String,
    pub attributes: RefCell<Attributes>,
    facts: Facts,
    /// What leaves the facts of a group open that were read in a plan.
    doubts: RefCell<HashMap<usize, Causes>>,
}

impl Node {
    #[must_use]
    pub fn new(name: String, environment: String, attributes: Attributes, facts: Facts) -> Self {
        Self { name, environment, attributes: RefCell::new(attributes), facts, doubts: RefCell::default() }
    }

    /// Forgets the facts, so that they are read again when they are next asked for.
    pub fn reload_facts(&self) {
        self.facts.reload();
        self.doubts.borrow_mut().clear();
    }

    /// Facts are kept, and with them what left them open when they were read.
    fn fact(&self, key: &str, view: &View<'_>) -> Option<Rc<Value>> {
        let reads = self.facts.reads();
        let before = view.take_doubts();
        let fact = self.facts.get(key, view);
        if self.facts.reads() > reads {
            view.looked_at(Area::Facts);
        }
        let found = view.take_doubts();
        view.doubt(before);
        if let Some(group) = Facts::group(key) {
            let mut doubts = self.doubts.borrow_mut();
            let known = doubts.entry(group).or_default();
            known.extend(found);
            view.doubt(known.clone());
        }
        fact
    }

    /// The value below a first key: attributes with the facts over them. A fact is computed when it is first read.
    pub fn get(&self, key: &str, view: &View<'_>) -> Option<Rc<Value>> {
        let fact = match key {
            "name" => Some(Rc::new(Value::String(self.name.clone()))),
            "chef_environment" | "environment" => Some(Rc::new(Value::String(self.environment.clone()))),
            _ => self.fact(key, view),
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
    pub fn text(&self, key: &str, view: &View<'_>) -> String {
        self.fact(key, view).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
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
    pub fn machine(&self, view: &View<'_>) -> Machine {
        Machine {
            fqdn: self.text("fqdn", view),
            platform: self.text("platform", view),
            platform_version: self.text("platform_version", view),
            platform_family: self.text("platform_family", view),
        }
    }
}
