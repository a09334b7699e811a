//! Secrets of a stack document: the API does not tell them, agents do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Import;
use crate::secret_markers;

/// What the API has in their place.
const FILTERED: &str = "*****FILTERED*****";

/// Where they are looked for.
const FOLDER: &str = "/etc/toque/secrets";

/// Puts files in the place of what was not told, and notes what was.
pub(super) fn keep(import: &mut Import) {
    let mut secrets = Secrets::default();
    for (section, value) in &mut import.document {
        secrets.walk(value, std::slice::from_ref(section));
    }
    import.wanted = secrets.wanted.into_iter().collect();
    import.plain = secrets.plain.into_iter().collect();
}

#[derive(Default)]
struct Secrets {
    wanted: BTreeSet<String>,
    plain: BTreeSet<String>,
}

impl Secrets {
    fn walk(&mut self, value: &mut Value, path: &[String]) {
        let last = path.last().map(String::as_str).unwrap_or_default();
        let below = |key: &str| path.iter().cloned().chain([key.to_owned()]).collect::<Vec<_>>();
        match value {
            Value::String(text) if text == FILTERED => {
                let file = self.file(path);
                *value = json!({ "secret": { "file": file } });
            }
            Value::String(text) if secret_markers::is_named(last) && !text.is_empty() => {
                self.plain.insert(path.join("."));
            }
            Value::Array(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    let name = called(item).map_or_else(|| place.to_string(), str::to_owned);
                    self.walk(item, &below(&name));
                }
            }
            // A variable goes by its name.
            Value::Object(map) if is_secure(map) => {
                if let Some(inner) = map.get_mut("value") {
                    self.walk(inner, path);
                    if inner.is_string() {
                        self.plain.insert(path.join("."));
                    }
                }
            }
            // It is its owner's alone.
            Value::Object(map) => {
                for (key, inner) in map.iter_mut().filter(|(key, _)| *key != "custom_json") {
                    self.walk(inner, &below(key));
                }
            }
            _ => {}
        }
    }

    /// The file of what stands at a path, another one for each.
    fn file(&mut self, path: &[String]) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name: String = path.join(".").chars().map(plain).collect();
        let numbered = (2..).map(|number| format!("{FOLDER}/{name}.{number}"));
        let file = [format!("{FOLDER}/{name}")]
            .into_iter()
            .chain(numbered)
            .find(|file| !self.wanted.contains(file));
        let file = file.unwrap_or_default();
        self.wanted.insert(file.clone());
        file
    }
}

fn is_secure(map: &Map<String, Value>) -> bool {
    map.get("secure") == Some(&json!(true)) && map.contains_key("value")
}

/// What people call an entry of a list.
fn called(entry: &Value) -> Option<&str> {
    ["shortname", "hostname", "username", "db_instance_identifier"]
        .iter()
        .find_map(|key| entry.get(key)?.as_str())
}
