//! `toque resource`: the reference, made from the declarations.

use std::fmt::Write as _;

use serde_json::{Value, json};
use toque_engine::COMMON;
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::registry::{ActionDoc, Kind};
use toque_engine::run::Refused;

use super::Exit;
use crate::args::{Format, ResourceArgs, ResourceWhat};
use crate::output;

pub fn resource(args: &ResourceArgs) -> Result<Exit, Refused> {
    let registry = toque_resources::standard();
    match &args.what {
        ResourceWhat::List => {
            let width = registry.kinds.keys().map(|name| name.len()).max().unwrap_or(0);
            for (name, kind) in &registry.kinds {
                output::print(&format!("{name:width$}  {}", first_sentence(kind.schema())));
            }
        }
        ResourceWhat::Show { kind, format } => {
            let Some(found) = registry.kinds.get(kind.as_str()) else {
                let unknown = Diagnostic::error(format!("there is no kind `{kind}`"));
                return Err(match did_you_mean(kind, registry.kinds.keys().map(|name| &**name)) {
                    Some(hint) => unknown.hint(hint),
                    None => unknown.hint("`toque resource list` shows the kinds"),
                }
                .into());
            };
            output::print(&match format {
                Format::Text => text(found),
                Format::Json => serde_json::to_string_pretty(&data(found)).unwrap_or_default(),
            });
        }
    }
    Ok(Exit::Success)
}

fn first_sentence(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    text.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn data(kind: &Kind) -> Value {
    json!({
        "kind": &*kind.name,
        "name_property": kind.identity(),
        "actions": kind.actions().iter().map(|action| json!({ "name": &*action.name, "doc": &*action.doc })).collect::<Vec<_>>(),
        "providers": kind.provider_names().collect::<Vec<_>>(),
        "schema": kind.schema(),
        "common": COMMON.map(|(name, kind, doc)| json!({ "name": name, "type": kind, "doc": doc })),
    })
}

fn text(kind: &Kind) -> String {
    let schema = kind.schema();
    let mut text = format!("{}\n", kind.name);
    if let Some(doc) = schema["description"].as_str() {
        let _ = writeln!(text, "\n{doc}");
    }
    let _ = writeln!(text, "\nActions (the first is the default)");
    for ActionDoc { name, doc } in kind.actions() {
        let _ = writeln!(text, "  {name:20} {doc}");
    }
    let _ = writeln!(text, "\nProperties");
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for name in kind.properties() {
        let property = &schema["properties"][name];
        let mut remark = type_of(property);
        if name == kind.identity() {
            remark.push_str(", the resource's name unless told");
        } else if required.contains(&name) {
            remark.push_str(", required");
        } else if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            let _ = write!(remark, ", default {default}");
        }
        let _ = writeln!(text, "  {name:20} {remark}");
        for line in property["description"].as_str().unwrap_or_default().lines() {
            let _ = writeln!(text, "  {:20}   {line}", "");
        }
    }
    let _ = writeln!(text, "\nProperties of every kind");
    for (name, kind, doc) in COMMON {
        let _ = writeln!(text, "  {name:20} {kind}\n  {:20}   {doc}", "");
    }
    let _ = write!(text, "\nProviders: {}", kind.provider_names().collect::<Vec<_>>().join(", "));
    text
}

/// A JSON schema's type in the words of recipes.
fn type_of(schema: &Value) -> String {
    if schema["format"] == "mode" {
        return "mode".to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(options) = schema[key].as_array() {
            let mut names: Vec<String> = options.iter().filter(|option| option["type"] != "null").map(type_of).collect();
            names.dedup();
            return names.join(" or ");
        }
    }
    let word = |name: &str| match name {
        "integer" => "int".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "bool".to_owned(),
        "object" => "map".to_owned(),
        "array" => match schema.get("items") {
            Some(items) if items.is_object() => format!("array of {}", type_of(items)),
            _ => "array".to_owned(),
        },
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => word(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(word).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}
