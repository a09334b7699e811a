//! Recorded resources as a cookbook of Toque.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::conformance::scratch::Scratch;

/// The resources of a case, in order.
pub(super) fn resources(case: &Value) -> Vec<&Value> {
    case["resources"].as_array().map_or_else(|| vec![&case["resource"]], |all| all.iter().collect())
}

/// Writes the cookbook `o`: one recipe with a resource on each line, its templates and its files.
pub(super) fn write_cookbook(repository: &Path, case: &Value, scratch: &Scratch) {
    let root = repository.join("cookbooks/o");
    let lines: Vec<String> =
        resources(case).into_iter().map(|resource| scratch.fill(&statement(resource))).collect();
    write(&root.join("cookbook.toml"), "name = \"o\"\nversion = \"1.0.0\"\n");
    write(&root.join("recipes/default.rhai"), &(lines.join("\n") + "\n"));
    for (name, parts) in case["templates"].as_object().into_iter().flatten() {
        write(&root.join("templates").join(handlebars(name)), &template(parts));
    }
    for (name, content) in case["cookbook_files"].as_object().into_iter().flatten() {
        write(&root.join("files").join(name), content.as_str().unwrap());
    }
}

pub(super) fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Templates are Handlebars here.
fn handlebars(name: &str) -> String {
    name.strip_suffix(".erb").map_or_else(|| name.to_owned(), |name| format!("{name}.hbs"))
}

fn template(parts: &Value) -> String {
    let parts = parts.as_array().unwrap().iter().map(|part| match part["variable"].as_str() {
        Some(name) => format!("{{{{{name}}}}}"),
        None => part.as_str().unwrap().replace("{{", "\\{{"),
    });
    parts.collect()
}

fn statement(resource: &Value) -> String {
    let mut properties = Vec::new();
    for (name, value) in resource["properties"].as_object().into_iter().flatten() {
        properties.push(format!("{name}: {}", property(name, value)));
    }
    if !resource["action"].is_null() {
        properties.push(format!("action: {}", literal(&resource["action"])));
    }
    for when in ["only_if", "not_if"] {
        let guards = resource["guards"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|guard| guard["when"] == when);
        let guards: Vec<String> = guards.map(guard).collect();
        if !guards.is_empty() {
            properties.push(format!("{when}: [{}]", guards.join(", ")));
        }
    }
    let (kind, name) = (resource["kind"].as_str().unwrap(), literal(&resource["name"]));
    format!("{kind}({name}, #{{ {} }});", properties.join(", "))
}

/// A value as the recipe language writes it: what is a number in octal and a symbol in Ruby, and
/// the name of a template.
fn property(name: &str, value: &Value) -> String {
    match (name, value) {
        ("mode" | "files_mode" | "umask", Value::Number(number)) if number.is_u64() => {
            format!("0o{:o}", number.as_u64().unwrap())
        }
        ("verify", Value::String(symbol)) if symbol.starts_with(':') => {
            literal(&json!(symbol[1..]))
        }
        ("source", Value::String(source)) if !source.starts_with('$') => {
            literal(&json!(handlebars(source)))
        }
        _ => literal(value),
    }
}

fn guard(guard: &Value) -> String {
    let block = &guard["block"];
    if let Some(message) = block.get("raise") {
        return format!("|| throw {}", literal(message));
    }
    if let Some(path) = block.get("exists") {
        return format!("|| file_exists({})", literal(path));
    }
    if guard.get("block").is_some() {
        return format!("|| {}", literal(block));
    }
    let command = &guard["command"];
    match (command, guard["options"].as_object()) {
        (Value::String(_), None) => literal(command),
        (_, options) => {
            let options = options
                .into_iter()
                .flatten()
                .map(|(name, value)| format!(", {name}: {}", property(name, value)));
            format!("#{{ command: {}{} }}", literal(command), options.collect::<String>())
        }
    }
}

/// JSON as Rhai writes it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "()".to_owned(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs =
                map.iter().map(|(key, value)| format!("{}: {}", json!(key), literal(value)));
            format!("#{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}
