//! The attributes that somebody sets, as far as that can be told without a run.

use std::collections::BTreeMap;

use serde_json::Value;

/// A map of attributes, or what is below one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Known {
    /// What is below is not known: it is a value, or computed.
    pub open: bool,
    keys: BTreeMap<String, Known>,
}

impl Known {
    /// What is below a path, which is from now on set.
    pub fn at<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) -> &mut Self {
        path.into_iter().fold(self, |here, key| here.keys.entry(key.to_owned()).or_default())
    }

    /// Anything may be below a path.
    pub fn open_below<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        self.at(path).open = true;
    }

    /// Adds what a document sets.
    pub fn add(&mut self, document: &Value) {
        match document {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| self.at([key.as_str()]).add(value));
            }
            _ => self.open = true,
        }
    }

    /// Adds all that another knows.
    pub fn merge(&mut self, other: Self) {
        self.open |= other.open;
        for (key, below) in other.keys {
            self.keys.entry(key).or_default().merge(below);
        }
    }

    /// How much of a path is set, when it is not all: the number of keys, and what is there beside
    /// the next one.
    #[must_use]
    pub fn gap<'a>(&'a self, path: &[String]) -> Option<(usize, impl Iterator<Item = &'a str>)> {
        let mut here = self;
        for (depth, key) in path.iter().enumerate() {
            if here.open {
                return None;
            }
            match here.keys.get(key) {
                Some(below) => here = below,
                None => return Some((depth, here.keys.keys().map(String::as_str))),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gap_is_where_nothing_is_set() {
        let mut known = Known::default();
        known.add(&json!({ "a": { "b": 1, "c": {} }, "list": [] }));
        known.open_below(["asked", "x"]);
        let mut other = Known::default();
        other.at(["a", "d", "e"]);
        known.merge(other);
        for (path, gap) in [
            ("a", None),
            ("a.b", None),
            ("a.b.anything", None),
            ("a.c", None),
            ("a.c.x", Some(2)),
            ("a.d.e", None),
            ("a.d.f", Some(2)),
            ("a.x.y", Some(1)),
            ("list.0", None),
            ("asked.x.y", None),
            ("asked.y", Some(1)),
            ("b", Some(0)),
        ] {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(known.gap(&keys).map(|(depth, _)| depth), gap, "{path}");
        }
    }
}
