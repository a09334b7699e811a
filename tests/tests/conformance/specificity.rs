//! Which template or file a machine is given: `specificity.json`, asked of the lookup itself and of
//! recipes.

use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;
use toque_contract::report::Outcome;
use toque_data::cookbook::Cookbook;
use toque_data::file_specificity;
use toque_data::file_specificity::Machine;
use toque_data::run_list::Item;
use toque_engine::{Options, Run};
use toque_machine::facts::shipped::Shipped;
use toque_machine::system::FakeSystem;

use crate::conformance::recipe::{literal, write};
use crate::conformance::{compare, differences};

const RECORDED: &str = include_str!("../../conformance/specificity.json");

#[test]
fn file_specificity() {
    compare(RECORDED, differences::SPECIFICITY, looked_up);
}

#[test]
fn recipes() {
    compare(RECORDED, differences::SPECIFICITY, converged);
}

/// The lookup finds the same file or folder.
fn looked_up(case: &Value) -> Result<(), String> {
    let repository = write_cookbook(case, "");
    let root = repository.path().join("cookbooks/o");
    let cookbook = Cookbook::load(&root).unwrap();
    let segment = case["segment"].as_str().unwrap();
    let below = |path: &Path, folder: &Path| {
        path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()
    };
    let found = if case["kind"] == "directory" {
        file_specificity::find_folder(
            &cookbook,
            segment,
            case["source"].as_str().unwrap(),
            &machine(case),
        )
        .map(|folder| {
            let files = paths(case)
                .into_iter()
                .map(|path| root.join(segment).join(path))
                .filter(|path| path.starts_with(&folder));
            let mut files: Vec<String> = files.map(|path| below(&path, &folder)).collect();
            files.sort();
            json!({ "files": files })
        })
    } else {
        let sources: Vec<String> =
            sources(case).iter().map(|source| source.as_str().unwrap().to_owned()).collect();
        let found = file_specificity::find(&cookbook, segment, &sources, &machine(case));
        found.map(|path| json!({ "chosen": below(&path, &root.join(segment)) }))
    };
    agree(found.map_err(|diagnostic| diagnostic.message), case)
}

/// A recipe writes the same file or folder to the machine. Each file of the cookbook holds its own
/// path.
fn converged(case: &Value) -> Result<(), String> {
    let directory = case["kind"] == "directory";
    let kind = match (directory, case["segment"].as_str().unwrap()) {
        (true, _) => "remote_directory",
        (false, "templates") => "template",
        (false, _) => "cookbook_file",
    };
    let repository = write_cookbook(
        case,
        &format!("{kind}(\"/target\", #{{ source: {} }});\n", literal(&case["source"])),
    );
    let machine = machine(case);
    let facts = [
        ("platform", machine.platform),
        ("platform_version", machine.platform_version),
        ("platform_family", machine.platform_family),
        ("fqdn", machine.fqdn),
    ];
    let options = Options {
        repository: Some(repository.path().to_owned()),
        run_list: vec![Item::parse("o").unwrap()],
        elsewhere: Some(Shipped {
            facts: facts.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect(),
            programs: Vec::new(),
        }),
        ..Options::default()
    };
    let system = Rc::new(FakeSystem::new());
    let report = Run::on(Rc::<FakeSystem>::clone(&system), Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge();
    let found = report.map_err(|refused| refused.diagnostics.to_string()).map(|report| {
        assert_eq!(report.outcome, Outcome::Success, "{:?}", report.resources);
        if directory {
            let written = system
                .snapshot()
                .into_iter()
                .filter(|(_, described)| described.starts_with("file "));
            let below = written.filter_map(|(path, _)| {
                Some(path.strip_prefix("/target").ok()?.to_str()?.to_owned())
            });
            json!({ "files": below.collect::<Vec<_>>() })
        } else {
            json!({ "chosen": system.text("/target") })
        }
    });
    agree(found, case)
}

fn agree(found: Result<Value, String>, case: &Value) -> Result<(), String> {
    let expected = &case["expected"];
    match found {
        Ok(found) if found == *expected => Ok(()),
        Err(_) if expected.get("error").is_some() => Ok(()),
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

fn machine(case: &Value) -> Machine {
    let fact = |name: &str| case["node"][name].as_str().unwrap_or_default().to_owned();
    Machine {
        fqdn: fact("fqdn"),
        platform: fact("platform"),
        platform_version: fact("platform_version"),
        platform_family: fact("platform_family"),
    }
}

fn paths(case: &Value) -> Vec<&str> {
    case["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect()
}

fn sources(case: &Value) -> Vec<Value> {
    case["source"].as_array().cloned().unwrap_or_else(|| vec![case["source"].clone()])
}

fn write_cookbook(case: &Value, recipe: &str) -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    let root = repository.path().join("cookbooks/o");
    write(&root.join("cookbook.toml"), "name = \"o\"\nversion = \"1.0.0\"\n");
    write(&root.join("recipes/default.rhai"), recipe);
    for path in paths(case) {
        write(&root.join(case["segment"].as_str().unwrap()).join(path), path);
    }
    repository
}
