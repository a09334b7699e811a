//! Documents of OpsWorks: each command document, and what Chef 11 was given, is read; what recipes
//! find is what OpsWorks gave them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use toque_core::json::Document;
use toque_core::redaction::Redactor;
use toque_data::stack::{Command, LARGEST_CUSTOM_JSON, expand};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/opsworks")
}

fn files(below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join(below)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn command(path: &Path) -> Command {
    let document = Document::read(path, &path.display().to_string()).unwrap().unwrap();
    Command::read(Rc::new(document), LARGEST_CUSTOM_JSON, &Redactor::default()).unwrap()
}

/// What recipes find, with all that is secret.
fn expanded(command: &Command) -> BTreeMap<String, Value> {
    let plain = |value: &Value| Ok(revealed(value));
    let files = expand(command, &[], Some(&plain)).unwrap();
    files.into_iter().map(|(path, text)| (path, serde_json::from_str(&text).unwrap())).collect()
}

fn revealed(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("secret").and_then(|secret| secret.get("value")) {
            Some(plain) => plain.clone(),
            None => map.iter().map(|(key, value)| (key.clone(), revealed(value))).collect(),
        },
        Value::Array(items) => items.iter().map(revealed).collect(),
        other => other.clone(),
    }
}

#[test]
fn every_command_document_is_read() {
    let documents = files("commands");
    assert_eq!(documents.len(), 18);
    for path in documents {
        let command = command(&path);
        assert_eq!(command.instance, "xxx01", "{}", path.display());
        let found = expanded(&command);
        let own = found
            .iter()
            .find(|(path, _)| path.starts_with("data_bags/aws_opsworks_command/"))
            .unwrap()
            .1;
        assert_eq!(own["type"], path.file_stem().unwrap().to_str().unwrap());
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(own["command_id"], whole["aws_opsworks_agent"]["command"]["command_id"]);
        assert_eq!(found["data_bags/myapp/mysql.json"]["password"], "default-pass");
        assert_eq!(found["attribs.json"]["site"]["port"], 8080);
    }
}

/// The examples of the data bags are items of the `deploy` command; that of the command itself is
/// one of a `setup`.
#[test]
fn the_items_are_those_of_opsworks() {
    let mut compared = 0;
    for bag in files("items") {
        for path in files(bag.strip_prefix(folder()).unwrap().to_str().unwrap()) {
            let example: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let name = path.strip_prefix(folder().join("items")).unwrap().display().to_string();
            let of = if name.starts_with("aws_opsworks_command") { "setup" } else { "deploy" };
            let found = expanded(&command(&folder().join(format!("commands/{of}.json"))));
            let item = found.get(&format!("data_bags/{name}"));
            let item = item.unwrap_or_else(|| panic!("{name} is not among {:?}", found.keys()));
            for (key, value) in example.as_object().unwrap() {
                if name.starts_with("aws_opsworks_layer") && key == "custom_recipes" {
                    // The layer has recipes for more events here.
                    assert_eq!(item[key]["setup"], value["setup"], "{name}");
                } else {
                    assert_eq!(&item[key], value, "{name}: {key}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
}

#[test]
fn what_chef_11_was_given_is_read() {
    for (name, activity) in [("configure", "configure"), ("deploy", "deploy")] {
        let path = folder().join(format!("chef11/{name}.json"));
        let command = command(&path);
        assert_eq!((command.instance.as_str(), command.event.name()), ("php-app1", activity));
        let given: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let attributes = &expanded(&command)["attribs.json"];
        for key in ["opsworks", "deploy"] {
            for (name, value) in given[key].as_object().unwrap() {
                assert_eq!(&attributes[key][name], value, "{key}.{name}");
            }
        }
    }
}
