//! The fields of an entry that a stack document has.

use serde_json::{Map, Value, json};

use super::Import;
use super::input::Entry;

/// The fields of an entry that have a place, in the order of the columns; `used` are those that
/// something was made of.
pub(super) fn kept(
    entry: &Entry,
    columns: &[&str],
    used: &[&str],
    import: &mut Import,
) -> Map<String, Value> {
    for (key, value) in &entry.fields {
        if !value.is_null() && ![columns, used, &["stack_id"]].concat().contains(&key.as_str()) {
            import.leave_out(entry.list(), &entry.spelt(key));
        }
    }
    let mut kept = Map::new();
    for key in columns {
        let Some(mut value) = entry.fields.get(*key).cloned() else { continue };
        let mut unknown = |field: &str| {
            import.leave_out(entry.list(), &format!("{}.{}", entry.spelt(key), entry.spelt(field)));
        };
        tidy(&mut value, inside(key), &mut unknown);
        // What is absent is told in fewer words by nothing.
        if !value.is_null() && value != json!({}) {
            kept.insert((*key).to_owned(), value);
        }
    }
    kept
}

/// Without nulls, and maps with these keys alone.
fn tidy(value: &mut Value, keys: Option<&[&str]>, unknown: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, keys, unknown)),
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            if let Some(keys) = keys {
                map.keys().filter(|key| !keys.contains(&key.as_str())).for_each(|key| unknown(key));
                *map = keys
                    .iter()
                    .filter_map(|key| Some(((*key).to_owned(), map.remove(*key)?)))
                    .collect();
            }
            map.values_mut().for_each(|value| tidy(value, None, unknown));
        }
        _ => {}
    }
}

/// What maps inside entries hold; of others nothing is left out.
fn inside(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "custom_cookbooks_source" => {
            &["type", "url", "username", "password", "ssh_key", "revision"]
        }
        "app_source" => &["type", "url", "user", "password", "ssh_key", "revision"],
        "custom_recipes" | "default_recipes" => {
            &["setup", "configure", "deploy", "undeploy", "shutdown"]
        }
        "volume_configurations" => &[
            "mount_point",
            "volume_type",
            "size",
            "number_of_disks",
            "raid_level",
            "iops",
            "encrypted",
        ],
        "data_sources" => &["type", "arn", "database_name"],
        "ssl_configuration" => &["certificate", "private_key", "chain"],
        _ => return None,
    })
}
