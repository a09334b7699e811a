//! What recipes find in a command, as the files that OpsWorks' agent made of it.

use serde_json::{Map, Value, json};

use super::{Command, bags, chef11_attributes, nodes};
use crate::attributes::merge;
use crate::secret_markers;
use toque_core::diagnostic::Diagnostic;
use toque_core::redaction::REDACTED;
use toque_core::url::split_userinfo;

/// Paths below a folder, with their texts: `attribs.json` (attributes and run list), `data_bags/`
/// and `nodes/`, sorted. The same command gives the same bytes. `own` are the names of the data
/// bags that the repository has; what must not be seen is not, unless `reveal` tells it.
/// # Errors
/// Custom JSON whose items cannot be data bag items; what `reveal` cannot tell.
pub fn expand(
    command: &Command,
    own: &[String],
    reveal: Option<&dyn Fn(&Value) -> Result<Value, Diagnostic>>,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let bags = bags(command, own)?;
    let mut attributes = Value::Object(Map::new());
    if command.stack.opsworks_11 {
        merge(&mut attributes, Value::Object(chef11_attributes::attributes(command, &bags)));
    }
    for custom in command.custom_json() {
        merge(&mut attributes, Value::Object(custom.attributes()));
    }
    let list: Vec<String> =
        command.run_list().iter().map(|placed| placed.item.in_brackets()).collect();
    attributes["run_list"] = json!(list);
    let mut files = vec![("attribs.json".to_owned(), attributes)];
    for (bag, items) in &bags {
        for (id, item) in items {
            files.push((format!("data_bags/{bag}/{id}.json"), Value::Object(item.values.clone())));
        }
    }
    for node in nodes(command) {
        files.push((format!("nodes/{}.json", node.id), Value::Object(node.values.clone())));
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    let text = |(path, mut value): (String, Value)| {
        match reveal {
            Some(open) => value = open(&value)?,
            None => hide(&mut value),
        }
        Ok((path, serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"))
    };
    files.into_iter().map(text).collect()
}

/// Puts a word into the place of what must not be seen.
pub fn hide(value: &mut Value) {
    match value {
        _ if secret_markers::is_meant(value) => *value = REDACTED.into(),
        Value::String(text) => {
            // A URL may hold who asks, and the password.
            if let Some((_, plain)) = split_userinfo(text).filter(|(who, _)| who.contains(':')) {
                *text = plain;
            }
        }
        Value::Object(map) => map.values_mut().for_each(hide),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}
