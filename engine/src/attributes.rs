//! Attributes by level. Each level is kept apart and they are merged when read, so that a later level never loses an earlier one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

/// Where an attribute was set; later wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Default,
    ForceDefault,
    /// By attribute files and recipes.
    Normal,
    /// By JSON documents: `-j`.
    NormalDocument,
    Override,
    ForceOverride,
}

impl Level {
    pub const ALL: [Self; 6] =
        [Self::Default, Self::ForceDefault, Self::Normal, Self::NormalDocument, Self::Override, Self::ForceOverride];
}

/// The attributes of a node, without its facts.
#[derive(Debug, Default)]
pub struct Attributes {
    levels: [Map<String, Value>; 6],
    /// What reads found, by first key, until that key is written.
    merged: RefCell<HashMap<String, Option<Rc<Value>>>>,
}

impl Attributes {
    /// Sets a value at a path of at least one key; maps merge into what the level has.
    pub fn set(&mut self, level: Level, path: &[String], value: Value) {
        let Some((first, rest)) = path.split_first() else {
            if let Value::Object(map) = value {
                for (key, value) in map {
                    self.set(level, &[key], value);
                }
            }
            return;
        };
        self.merged.get_mut().remove(first);
        let nested = rest.iter().rev().fold(value, |value, key| Value::Object(Map::from_iter([(key.clone(), value)])));
        let slot = self.levels[level as usize].entry(first.clone()).or_insert(Value::Null);
        merge(slot, nested);
    }

    /// The merged value below a first key.
    pub fn get(&self, key: &str) -> Option<Rc<Value>> {
        if let Some(known) = self.merged.borrow().get(key) {
            return known.clone();
        }
        let merged = self
            .levels
            .iter()
            .filter_map(|level| level.get(key))
            .fold(None, |merged, value| match merged {
                None => Some(value.clone()),
                Some(mut merged) => {
                    merge(&mut merged, value.clone());
                    Some(merged)
                }
            })
            .map(Rc::new);
        self.merged.borrow_mut().insert(key.to_owned(), merged.clone());
        merged
    }

    /// Every first key that some level has.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.levels.iter().flat_map(Map::keys).map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// Lays `over` upon `base`: maps merge key by key, everything else is replaced.
pub fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => merge(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Reads a path: `"nginx.port"` is two keys. Empty keys are refused.
/// # Errors
/// What is wrong with the text.
pub fn parse_path(text: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) {
        return Err(format!("`{text}` is no attribute path: write `nginx.port`, or an array for keys that hold dots"));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn later_levels_win_and_maps_merge() {
        let mut attributes = Attributes::default();
        let path = |text: &str| parse_path(text).unwrap();
        attributes.set(Level::Override, &path("a.x"), json!(3));
        attributes.set(Level::Default, &path("a"), json!({ "x": 1, "y": [1, 2] }));
        attributes.set(Level::Normal, &path("a.y"), json!([9]));
        attributes.set(Level::NormalDocument, &[], json!({ "b": { "c": null } }));
        assert_eq!(*attributes.get("a").unwrap(), json!({ "x": 3, "y": [9] }));
        assert_eq!(*attributes.get("b").unwrap(), json!({ "c": null }));
        attributes.set(Level::ForceOverride, &path("a.x"), json!(4));
        assert_eq!(attributes.get("a").unwrap()["x"], json!(4));
        assert_eq!(attributes.get("c"), None);
    }
}
