//! Order of actions, statuses and notifications: `notifications.json`, each case as a cookbook on the fake machine.

use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use toque_engine::name::RecipeName;
use toque_engine::registry::Kind;
use toque_engine::report::{Report, Status};
use toque_engine::run::{Options, converge};
use toque_engine::system::{FakeSystem, Query};

use crate::append::{Append, Appender, OUTPUT};
use crate::{compare, differences};

#[test]
fn notifications() {
    compare(include_str!("../../conformance/notifications.json"), differences::NOTIFICATIONS, agrees);
}

fn agrees(case: &Value) -> Result<(), String> {
    let repository = tempfile::tempdir().unwrap();
    write_cookbook(repository.path(), case)?;
    let system = Rc::new(FakeSystem::new());
    for (name, content) in case["initial"].as_object().into_iter().flatten() {
        system.put_file(format!("/{name}"), content.as_str().unwrap());
    }
    let registry = toque_resources::standard().with(Kind::of::<Append>().provider(Appender::default()));
    let run_list = match case["run_list"].as_array() {
        Some(items) => items.iter().map(|item| RecipeName::parse(item.as_str().unwrap(), None).unwrap()).collect(),
        None => vec![RecipeName { cookbook: "o".into(), recipe: "default".into() }],
    };
    let options = Options { repository: Some(repository.path().to_owned()), run_list, ..Options::default() };
    let expected = &case["expected"];
    let result = converge(Rc::<FakeSystem>::clone(&system), Rc::new(registry), &options, Box::new(()));
    let report = match result {
        Err(refused) if expected["phase"] == "compile" => {
            assert!(!refused.diagnostics.0.is_empty());
            return Ok(());
        }
        Err(refused) => return Err(format!("refused: {}", refused.diagnostics)),
        Ok(_) if expected["phase"] == "compile" => return Err("it converged, and should have been refused".into()),
        Ok(report) => report,
    };
    let output = String::from_utf8(system.read(Path::new(OUTPUT)).unwrap_or_default()).unwrap();
    let events = events(&report, case);
    let wanted: Vec<Value> = expected["events"].as_array().unwrap().iter().filter(|event| event[2] != "retried").cloned().collect();
    if output != expected["output"] {
        return Err(format!("wrote {output}, expected {}\n  {events:?}\n  {wanted:?}", expected["output"]));
    }
    if events != wanted {
        return Err(format!("events\n  {events:?}\n  {wanted:?}"));
    }
    let success = report.outcome == toque_engine::report::Outcome::Success;
    if expected["success"] != success {
        return Err(format!("success is {success}"));
    }
    for (name, content) in expected["files"].as_object().into_iter().flatten() {
        let there = system.read(Path::new(&format!("/{name}"))).ok().map(|bytes| String::from_utf8(bytes).unwrap());
        if there.as_deref() != content.as_str() {
            return Err(format!("file {name} holds {there:?}, expected {content}"));
        }
    }
    Ok(())
}

/// What happened, as the recorded events are written: `[id, action, status]`.
fn events(report: &Report, case: &Value) -> Vec<Value> {
    let ids = ids(case);
    report
        .resources
        .iter()
        .map(|record| {
            let line = record.at.as_ref().map_or(0, |span| span.line);
            let recipe = record.at.as_ref().map(|span| span.source.name.clone()).unwrap_or_default();
            let status = match record.status {
                Status::Changed => "updated",
                Status::UpToDate => "up-to-date",
                Status::Skipped => "skipped",
                Status::Failed => "failed",
                other => panic!("{other:?} while converging"),
            };
            let id = ids.iter().find(|(name, number, _)| recipe.ends_with(&format!("/{name}.rhai")) && *number == line);
            json!([id.map_or("?", |(.., id)| id.as_str()), &*record.action, status])
        })
        .collect()
}

/// Recipe, line and id of each resource: every item stands on a line of its own.
fn ids(case: &Value) -> Vec<(String, usize, String)> {
    let recipes = case["recipes"].as_object().unwrap();
    let items = recipes.iter().flat_map(|(name, items)| {
        let recipe = if name == "main" { "default" } else { name };
        items.as_array().unwrap().iter().enumerate().map(move |(index, item)| (recipe.to_owned(), index + 1, item))
    });
    items.filter_map(|(recipe, line, item)| Some((recipe, line, item["id"].as_str()?.to_owned()))).collect()
}

fn write_cookbook(repository: &Path, case: &Value) -> Result<(), String> {
    let root = repository.join("cookbooks/o");
    std::fs::create_dir_all(root.join("recipes")).unwrap();
    std::fs::write(root.join("cookbook.toml"), "name = \"o\"\nversion = \"1.0.0\"\n").unwrap();
    for (name, items) in case["recipes"].as_object().unwrap() {
        let mut text = String::new();
        for item in items.as_array().unwrap() {
            writeln!(text, "{}", statement(item)?).unwrap();
        }
        let recipe = if name == "main" { "default" } else { name };
        std::fs::write(root.join(format!("recipes/{recipe}.rhai")), text).unwrap();
    }
    Ok(())
}

/// An item of a recorded recipe as a line of a recipe.
fn statement(item: &Value) -> Result<String, String> {
    if let Some(name) = item["include"].as_str() {
        return Ok(format!("include_recipe(\"::{name}\");"));
    }
    let id = item["id"].as_str().unwrap();
    let name = item["name"].as_str().unwrap_or(id);
    let chars = item["chars"].as_str().unwrap_or(id);
    let mut properties = vec!["retry_delay: 0".to_owned()];
    let kind = match item["kind"].as_str().unwrap() {
        "append" => {
            let fails = match &item["fails"] {
                Value::Bool(true) => 1_000_000,
                other => other.as_u64().unwrap_or(0),
            };
            properties.push(format!("id: {}, chars: {}, fails: {fails}", json!(id), json!(chars)));
            "append"
        }
        "file" => {
            properties.push(format!("path: {}, content: {}", json!(format!("/{name}")), json!(chars)));
            "file"
        }
        "group" => "notify_group",
        other => return Err(format!("the kind `{other}` is not there yet")),
    };
    for property in ["action", "ignore_failure", "retries"] {
        if !item[property].is_null() {
            properties.push(format!("{property}: {}", item[property]));
        }
    }
    for guard in ["only_if", "not_if"] {
        let conditions: Vec<&Value> = match &item[guard] {
            Value::Null => continue,
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        };
        let closures: Vec<String> = conditions
            .iter()
            .map(|condition| match condition["output_contains"].as_str() {
                Some(text) => format!("|| file_exists(\"{OUTPUT}\") && read_file(\"{OUTPUT}\").contains({})", json!(text)),
                None => format!("|| {condition}"),
            })
            .collect();
        properties.push(format!("{guard}: [{}]", closures.join(", ")));
    }
    let mut line = format!("{kind}({}, #{{ {} }})", json!(name), properties.join(", "));
    for relation in ["notifies", "subscribes"] {
        for entry in item[relation].as_array().into_iter().flatten() {
            let target = match entry["target"].as_str().unwrap().split_once('[') {
                Some(("group", rest)) => format!("notify_group[{rest}"),
                _ => entry["target"].as_str().unwrap().to_owned(),
            };
            write!(line, ".{relation}({}, {}", entry["action"], json!(target)).unwrap();
            if !entry["timing"].is_null() {
                write!(line, ", {}", entry["timing"]).unwrap();
            }
            line.push(')');
        }
    }
    Ok(line + ";")
}
