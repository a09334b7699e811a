//! Levels of attributes: `attributes.json`, each case as a repository with an attribute file, a
//! recipe, an environment, two roles and `-j`. A model with Chef's rules gives what Chef recorded,
//! and without those that Toque leaves out it gives what Toque does; so each difference is one of
//! these rules.

mod model;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use toque_contract::event::Event;
use toque_contract::report::Outcome;
use toque_core::json::Document;
use toque_data::run_list::Item;
use toque_engine::{Options, Run};
use toque_machine::system::FakeSystem;

use crate::conformance::recipe::{literal, write};
use crate::conformance::{cases, compare, differences};
use model::{Rules, Trees, model};

const RECORDED: &str = include_str!("../../conformance/attributes.json");

#[test]
fn attributes() {
    compare(RECORDED, differences::ATTRIBUTES, |case| {
        let (found, expected) = (run(case), expected(case));
        if found == expected { Ok(()) } else { Err(format!("{found:?}, expected {expected:?}")) }
    });
}

#[test]
fn the_model_is_chefs() {
    for case in cases(RECORDED) {
        let recorded = Trees::of(&case);
        let modelled = model(&case, Rules::CHEF);
        // Where an assignment failed, Chef recorded no end; what came before it may have been
        // recorded.
        assert_eq!(modelled, recorded, "{} ({})", case["id"], case["title"]);
        if case["expected"].get("end_if_arrays_were_replaced").is_some() {
            let replaced = json!({ "present": true, "value": case["expected"]["end_if_arrays_were_replaced"] });
            assert_eq!(expected(&case).end, Some(replaced), "{}", case["id"]);
        }
    }
}

#[test]
fn toque_is_the_model_without_these_rules() {
    for case in cases(RECORDED) {
        assert_eq!(run(&case), model(&case, Rules::TOQUE), "{} ({})", case["id"], case["title"]);
    }
}

/// A case stands under the reason of a rule that shows in it.
#[test]
fn reasons_are_the_cases_own() {
    assert_eq!(differences::ATTRIBUTES.len(), Rules::EACH_LEFT_OUT.len());
    for ((reason, ids), without) in differences::ATTRIBUTES.iter().zip(Rules::EACH_LEFT_OUT) {
        for case in
            cases(RECORDED).iter().filter(|case| ids.contains(&case["id"].as_str().unwrap()))
        {
            assert_ne!(model(case, without), expected(case), "{}: {reason}", case["id"]);
        }
    }
}

/// What Chef does, but that arrays are not united.
fn expected(case: &Value) -> Trees {
    model(case, Rules::WITHOUT_ARRAYS)
}

/// What Toque makes of a case.
fn run(case: &Value) -> Trees {
    let repository = tempfile::tempdir().unwrap();
    let given = write_repository(repository.path(), case);
    let told = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&told);
    let sink = move |event: &Event<'_>| {
        if let Event::Log { message, .. } = event {
            heard.borrow_mut().push(
                serde_json::from_str::<Value>(message).unwrap_or_else(|_| panic!("{message}")),
            );
        }
    };
    let options = Options {
        repository: Some(repository.path().to_owned()),
        run_list: ["role[one]", "role[two]", "o"].map(|item| Item::parse(item).unwrap()).into(),
        environment: Some("e".to_owned()),
        attributes: Some(Rc::new(Document::of("given", &given).unwrap())),
        ..Options::default()
    };
    let report = Run::on(Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()))
        .options(options.clone())
        .sink(sink)
        .converge();
    match report {
        Ok(report) => assert_eq!(report.outcome, Outcome::Success, "{:?}", report.resources),
        // Only an assignment may be wrong.
        Err(refused) => {
            let message = &refused.diagnostics.0[0].message;
            assert!(
                message.starts_with("the attribute `") && message.contains("cannot be set"),
                "{message}"
            );
        }
    }
    let mut trees = told.take().into_iter();
    Trees { start: trees.next(), end: trees.next() }
}

/// Gives the JSON of the run.
fn write_repository(repository: &Path, case: &Value) -> Value {
    const TELL: &str = "log_info(to_json(#{ present: node.has(\"t\"), value: node.get(\"t\") }));";
    let (mut file, mut recipe) = (String::new(), TELL.to_owned() + "\n");
    let mut documents = json!({ "env": {}, "role": {}, "role2": {}, "json": {} });
    for op in case["ops"].as_array().unwrap() {
        let level = op["level"].as_str().unwrap();
        match level.rsplit_once('-') {
            // Recipes cannot set facts.
            Some(("automatic", _)) => {}
            Some((level, place)) => {
                let path: Vec<&Value> = op["path"].as_array().unwrap().iter().collect();
                let path = json!([[&json!("t")].as_slice(), &path].concat());
                let line = format!("{level}({}, {});\n", literal(&path), literal(&op["value"]));
                if place == "file" { &mut file } else { &mut recipe }.push_str(&line);
            }
            None => match level.split_once('_') {
                Some((document, level)) => {
                    documents[document][format!("{level}_attributes")] =
                        json!({ "t": op["value"] });
                }
                None => documents[level] = json!({ "t": op["value"] }),
            },
        }
    }
    recipe.push_str(&format!("block(\"end\", #{{ run: || {{ {TELL} }} }});\n"));
    let cookbook = repository.join("cookbooks/o");
    write(&cookbook.join("cookbook.toml"), "name = \"o\"\nversion = \"1.0.0\"\n");
    write(&cookbook.join("attributes/default.rhai"), &file);
    write(&cookbook.join("recipes/default.rhai"), &recipe);
    write(&repository.join("environments/e.json"), &documents["env"].to_string());
    write(&repository.join("roles/one.json"), &documents["role"].to_string());
    write(&repository.join("roles/two.json"), &documents["role2"].to_string());
    documents["json"].take()
}
