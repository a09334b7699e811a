//! Order of actions, statuses and notifications: `notifications.json`, each case as a cookbook on
//! the fake machine.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use toque_contract::registry::Kind;
use toque_contract::report::{Report, Status};
use toque_data::run_list::Item;
use toque_engine::{Options, Run};
use toque_machine::system::{FakeSystem, Query};

use crate::conformance::append::{Append, Appender, OUTPUT};
use crate::conformance::{compare, differences};

#[test]
fn notifications() {
    compare(
        include_str!("../../conformance/notifications.json"),
        differences::NOTIFICATIONS,
        agrees,
    );
}

fn agrees(case: &Value) -> Result<(), String> {
    let repository = tempfile::tempdir().unwrap();
    let cookbook = cookbook(case)?;
    cookbook.write(repository.path());
    let system = Rc::new(FakeSystem::new());
    for (name, content) in case["initial"].as_object().into_iter().flatten() {
        system.put_file(format!("/{name}"), content.as_str().unwrap());
    }
    let registry =
        toque_resources::standard().with(Kind::of::<Append>().provider(Appender::default()));
    let run_list = match case["run_list"].as_array() {
        Some(items) => {
            items.iter().map(|item| Item::parse(item.as_str().unwrap()).unwrap()).collect()
        }
        None => vec![Item::parse("o").unwrap()],
    };
    let options =
        Options { repository: Some(repository.path().to_owned()), run_list, ..Options::default() };
    let expected = &case["expected"];
    let result = Run::on(Rc::<FakeSystem>::clone(&system), Rc::new(registry))
        .options(options.clone())
        .converge();
    let report = match result {
        Err(refused) if expected["phase"] == "compile" => {
            assert!(!refused.diagnostics.0.is_empty());
            return Ok(());
        }
        Err(refused) => return Err(format!("refused: {}", refused.diagnostics)),
        Ok(_) if expected["phase"] == "compile" => {
            return Err("it converged, and should have been refused".into());
        }
        Ok(report) => report,
    };
    let output = String::from_utf8(system.read(Path::new(OUTPUT)).unwrap_or_default()).unwrap();
    let events = events(&report, &cookbook);
    let wanted: Vec<Value> = expected["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event[2] != "retried")
        .cloned()
        .collect();
    if output != expected["output"] {
        return Err(format!(
            "wrote {output}, expected {}\n  {events:?}\n  {wanted:?}",
            expected["output"]
        ));
    }
    if events != wanted {
        return Err(format!("events\n  {events:?}\n  {wanted:?}"));
    }
    let success = report.outcome == toque_contract::report::Outcome::Success;
    if expected["success"] != success {
        return Err(format!("success is {success}"));
    }
    for (name, content) in expected["files"].as_object().into_iter().flatten() {
        let there = system
            .read(Path::new(&format!("/{name}")))
            .ok()
            .map(|bytes| String::from_utf8(bytes).unwrap());
        if there.as_deref() != content.as_str() {
            return Err(format!("file {name} holds {there:?}, expected {content}"));
        }
    }
    Ok(())
}

/// What happened, as the recorded events are written: `[id, action, status]`.
fn events(report: &Report, cookbook: &Cookbook) -> Vec<Value> {
    report
        .resources
        .iter()
        .map(|record| {
            let line = record.at.as_ref().map_or(0, |span| span.line);
            let file = record.at.as_ref().map(|span| span.source.name.clone()).unwrap_or_default();
            let status = match record.status {
                Status::Changed => "updated",
                Status::UpToDate => "up-to-date",
                Status::Skipped => "skipped",
                Status::Failed => "failed",
                other => panic!("{other:?} while converging"),
            };
            let id = file
                .strip_prefix("cookbooks/o/")
                .and_then(|file| cookbook.ids.get(&(file.to_owned(), line)));
            json!([id.map_or("?", String::as_str), &*record.action, status])
        })
        .collect()
}

/// The files of a cookbook by path, and the id of the resource on each line.
#[derive(Default)]
struct Cookbook {
    files: BTreeMap<String, String>,
    ids: HashMap<(String, usize), String>,
}

/// The one custom resource: what is inside depends on its id.
const CUSTOM: &str = "resources/custom.rhai";

impl Cookbook {
    fn line(&mut self, file: &str, line: &str) -> usize {
        let text = self.files.entry(file.to_owned()).or_default();
        writeln!(text, "{line}").unwrap();
        text.lines().count()
    }

    fn item(&mut self, file: &str, item: &Value) -> Result<(), String> {
        let number = self.line(file, &statement(item)?);
        if let Some(id) = item["id"].as_str() {
            self.ids.insert((file.to_owned(), number), id.to_owned());
        }
        Ok(())
    }

    fn write(&self, repository: &Path) {
        let root = repository.join("cookbooks/o");
        for folder in ["recipes", "resources"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("cookbook.toml"), "name = \"o\"\nversion = \"1.0.0\"\n").unwrap();
        for (file, text) in &self.files {
            std::fs::write(root.join(file), text).unwrap();
        }
    }
}

fn cookbook(case: &Value) -> Result<Cookbook, String> {
    let mut cookbook = Cookbook::default();
    let mut custom = Vec::new();
    for (name, items) in case["recipes"].as_object().unwrap() {
        let recipe = if name == "main" { "default" } else { name };
        for item in items.as_array().unwrap() {
            cookbook.item(&format!("recipes/{recipe}.rhai"), item)?;
            custom.extend(customs(item));
        }
    }
    cookbook.line(CUSTOM, "property(\"id\", #{ type: \"string\" });");
    cookbook.line(CUSTOM, "action(\"run\", || {");
    for item in custom {
        cookbook.line(CUSTOM, &format!("if this.id == {} {{", item["id"]));
        for child in item["children"].as_array().unwrap() {
            cookbook.item(CUSTOM, child)?;
        }
        cookbook.line(CUSTOM, "}");
    }
    cookbook.line(CUSTOM, "});");
    Ok(cookbook)
}

/// The custom resources that an item is and holds.
fn customs(item: &Value) -> Vec<&Value> {
    let children = item["children"].as_array().into_iter().flatten();
    item["children"]
        .is_array()
        .then_some(item)
        .into_iter()
        .chain(children.flat_map(customs))
        .collect()
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
            properties.push(format!(
                "path: {}, content: {}",
                json!(format!("/{name}")),
                json!(chars)
            ));
            "file"
        }
        "group" => "notify_group",
        "custom" => {
            properties.push(format!("id: {}", json!(id)));
            "o_custom"
        }
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
                Some(text) => format!(
                    "|| file_exists(\"{OUTPUT}\") && read_file(\"{OUTPUT}\").contains({})",
                    json!(text)
                ),
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
                Some(("custom", rest)) => format!("o_custom[{rest}"),
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
