//! Attributes by level. Each level is kept apart and they are merged when read, so that a later
//! level never loses an earlier one; what set a value is kept with it.

mod level;
mod origin;
mod tree;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

pub use level::Level;
pub use origin::Origin;
pub use tree::Tree;

use toque_core::diagnostic::Diagnostic;
use toque_core::json::Document;

/// More keys than any real path has.
const LONGEST: usize = 128;

/// The attributes of a node, without the facts that are read from the machine.
#[derive(Debug, Default)]
pub struct Attributes {
    /// By level, what is below each first key.
    levels: [IndexMap<String, Tree>; Level::ALL.len()],
    /// What reads found, by first key, until that key is written.
    merged: RefCell<HashMap<String, Option<Rc<Value>>>>,
}

/// A value that one level has: anything but a map that holds something.
#[derive(Debug, Clone)]
pub struct Setting {
    pub level: Level,
    pub path: Vec<String>,
    pub value: Value,
    pub origin: Rc<Origin>,
}

impl Attributes {
    /// Sets a value at a path of at least one key; maps merge into what the level has, everything
    /// else is replaced.
    /// # Errors
    /// When the path leads through a value of the same level that is no map, with the place that
    /// set it; or is too long.
    pub fn set(
        &mut self,
        level: Level,
        path: &[String],
        value: Value,
        origin: &Rc<Origin>,
    ) -> Result<(), Diagnostic> {
        let shown = || shown_path(path);
        let Some((first, rest)) = path.split_first() else {
            return Err(Diagnostic::error("an attribute needs a name"));
        };
        if path.len() > LONGEST {
            return Err(Diagnostic::error(format!(
                "the attribute has a path of more than {LONGEST} keys"
            )));
        }
        self.merged.get_mut().remove(first);
        let top =
            self.levels[level as usize].entry(first.clone()).or_insert_with(|| Tree::map(origin));
        let mut slot = top;
        for (depth, key) in rest.iter().enumerate() {
            let entries = match slot {
                Tree::Map { entries, .. } => entries,
                Tree::Leaf { value, origin } => {
                    let above = &path[..=depth];
                    let wrong = Diagnostic::error(format!(
                        "the attribute `{}` cannot be set: `{}` is {} at the level `{}`, which is no map",
                        shown(),
                        shown_path(above),
                        short(value),
                        level.name()
                    ));
                    let wrong = match origin.place(above) {
                        Some(span) => {
                            wrong.frame(span, format!("`{}` was set here", shown_path(above)))
                        }
                        None => wrong,
                    };
                    return Err(wrong.hint(format!(
                        "make `{}` a map, or give the other attribute another name",
                        shown_path(above)
                    )));
                }
            };
            slot = entries.entry(key.clone()).or_insert_with(|| Tree::map(origin));
        }
        slot.merge(Tree::of(value, origin));
        Ok(())
    }

    /// Lays a map of a document over what the level has.
    pub fn merge(&mut self, level: Level, map: &Map<String, Value>, origin: &Rc<Origin>) {
        for (key, value) in map {
            self.merged.get_mut().remove(key);
            let over = Tree::of(value.clone(), origin);
            match self.levels[level as usize].get_mut(key) {
                Some(tree) => tree.merge(over),
                None => {
                    self.levels[level as usize].insert(key.clone(), over);
                }
            }
        }
    }

    /// Lays the map in a field of a document, if it has one, over what the level has.
    pub(crate) fn merge_field(
        &mut self,
        level: Level,
        document: &Rc<Document>,
        field: &'static str,
    ) {
        if let Some(map) = document.value.get(field).and_then(Value::as_object) {
            let origin =
                Origin::Document { document: Rc::clone(document), below: vec![field.to_owned()] };
            self.merge(level, map, &Rc::new(origin));
        }
    }

    /// The merged value below a first key.
    pub fn get(&self, key: &str) -> Option<Rc<Value>> {
        if let Some(known) = self.merged.borrow().get(key) {
            return known.clone();
        }
        let values = self.levels.iter().filter_map(|level| level.get(key)).map(Tree::value);
        let merged = values
            .reduce(|mut merged, value| {
                merge(&mut merged, value);
                merged
            })
            .map(Rc::new);
        self.merged.borrow_mut().insert(key.to_owned(), merged.clone());
        merged
    }

    /// What each level has below a first key, lowest level first.
    #[must_use]
    pub fn settings(&self, key: &str) -> Vec<Setting> {
        let mut settings = Vec::new();
        for (level, trees) in Level::ALL.into_iter().zip(&self.levels) {
            if let Some(tree) = trees.get(key) {
                tree.leaves(&mut vec![key.to_owned()], &mut |path, value, origin| {
                    settings.push(Setting {
                        level,
                        path: path.to_vec(),
                        value,
                        origin: Rc::clone(origin),
                    });
                });
            }
        }
        settings
    }

    /// Every first key that some level has.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> =
            self.levels.iter().flat_map(IndexMap::keys).map(String::as_str).collect();
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

/// What a value of the machine sets, as a level's settings are told.
#[must_use]
pub fn settings_of(level: Level, key: &str, value: &Value, origin: &Rc<Origin>) -> Vec<Setting> {
    let mut settings = Vec::new();
    Tree::of(value.clone(), origin).leaves(
        &mut vec![key.to_owned()],
        &mut |path, value, origin| {
            settings.push(Setting { level, path: path.to_vec(), value, origin: Rc::clone(origin) });
        },
    );
    settings
}

/// Reads a path: `"nginx.port"` is two keys. Empty keys are refused.
/// # Errors
/// What is wrong with the text.
pub fn parse_path(text: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) {
        return Err(format!(
            "`{text}` is no attribute path: write `nginx.port`, or an array for keys that hold dots"
        ));
    }
    Ok(keys)
}

/// A path as people write it: `nginx.port`, and `["web.example", "port"]` where a key holds a dot.
#[must_use]
pub fn shown_path(path: &[String]) -> String {
    if path.iter().any(|key| key.contains('.') || key.is_empty()) {
        format!("{path:?}")
    } else {
        path.join(".")
    }
}

/// A value in a message: of a large one only what it is, because a part of it would not be known
/// for one that must be hidden.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 40 { toque_core::json::described(value).to_owned() } else { text }
}
