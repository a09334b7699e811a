//! What is told of each document that is found, in place of all of it.

use serde_json::{Map, Value};

/// Names, each with the path of keys that leads to its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(pub Vec<(String, Vec<String>)>);

impl Filter {
    /// The names with their values; null where there is none.
    #[must_use]
    pub fn of(&self, document: &Map<String, Value>) -> Map<String, Value> {
        let value = |path: &[String]| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(document.get(first)?, |value, key| value.get(key)).cloned()
        };
        self.0.iter().map(|(name, path)| (name.clone(), value(path).unwrap_or_default())).collect()
    }
}
