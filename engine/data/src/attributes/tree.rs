//! What one level has below a key: values, each with who set it.

use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Value;

use super::Origin;

#[derive(Debug, Clone)]
pub enum Tree {
    Leaf {
        value: Value,
        origin: Rc<Origin>,
    },
    Map {
        entries: IndexMap<String, Tree>,
        /// Who made it a map; told when it is empty.
        origin: Rc<Origin>,
    },
}

impl Tree {
    /// A map with nothing in it.
    pub fn map(origin: &Rc<Origin>) -> Self {
        Self::Map { entries: IndexMap::new(), origin: Rc::clone(origin) }
    }

    pub fn of(value: Value, origin: &Rc<Origin>) -> Self {
        match value {
            Value::Object(map) => Self::Map {
                entries: map
                    .into_iter()
                    .map(|(key, value)| (key, Self::of(value, origin)))
                    .collect(),
                origin: Rc::clone(origin),
            },
            value => Self::Leaf { value, origin: Rc::clone(origin) },
        }
    }

    /// Lays `over` upon it: maps merge key by key, everything else is replaced.
    pub fn merge(&mut self, over: Self) {
        match (self, over) {
            (Self::Map { entries, .. }, Self::Map { entries: over, .. }) => {
                for (key, tree) in over {
                    match entries.get_mut(&key) {
                        Some(slot) => slot.merge(tree),
                        None => {
                            entries.insert(key, tree);
                        }
                    }
                }
            }
            (slot, over) => *slot = over,
        }
    }

    pub fn value(&self) -> Value {
        match self {
            Self::Leaf { value, .. } => value.clone(),
            Self::Map { entries, .. } => Value::Object(
                entries.iter().map(|(key, tree)| (key.clone(), tree.value())).collect(),
            ),
        }
    }

    /// Tells each value with its path; an empty map is one.
    pub fn leaves(
        &self,
        path: &mut Vec<String>,
        tell: &mut dyn FnMut(&[String], Value, &Rc<Origin>),
    ) {
        match self {
            Self::Leaf { value, origin } => tell(path, value.clone(), origin),
            Self::Map { entries, origin } if entries.is_empty() => tell(path, self.value(), origin),
            Self::Map { entries, .. } => {
                for (key, tree) in entries {
                    path.push(key.clone());
                    tree.leaves(path, tell);
                    path.pop();
                }
            }
        }
    }
}
