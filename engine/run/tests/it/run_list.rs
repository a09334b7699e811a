//! What a run is given: run lists, roles, environments and node files, each as a repository.

use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;
use toque_contract::report::Report;
use toque_core::json::Document;
use toque_data::run_list::Item;
use toque_engine::{Options, Run, Usual};
use toque_machine::system::FakeSystem;

const COOKBOOK: [(&str, &str); 5] = [
    ("cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.2.0\"\n"),
    ("cookbooks/web/attributes/default.rhai", "default(\"v\", \"cookbook\");\n"),
    (
        "cookbooks/web/recipes/default.rhai",
        "log(`${node.roles} ${node.recipes} ${node.environment} ${node.v}`);\n",
    ),
    ("cookbooks/web/recipes/a.rhai", ""),
    ("cookbooks/web/recipes/b.rhai", ""),
];

fn repository(files: &[(&str, &str)]) -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    for (name, text) in COOKBOOK.iter().chain(files) {
        let path = repository.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    repository
}

fn options(repository: &Path, run_list: &[&str]) -> Options {
    Options {
        repository: Some(repository.to_owned()),
        run_list: run_list.iter().map(|item| Item::parse(item).unwrap()).collect(),
        node_name: "web1".to_owned(),
        ..Options::default()
    }
}

fn json_of(value: &Value) -> Option<Rc<Document>> {
    Some(Rc::new(Document::of("given", value).unwrap()))
}

fn run(options: &Options) -> Result<Report, String> {
    Run::on(Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge()
        .map_err(|refused| refused.diagnostics.to_string())
}

/// What the recipe `web` saw.
fn seen(options: &Options) -> String {
    run(options).unwrap().resources[0].resource.name.to_string()
}

fn value(options: &Options, key: &str) -> Value {
    let (system, registry) = (Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()));
    Run::on(system, registry)
        .options(options.clone())
        .explain(&[key.to_owned()])
        .unwrap()
        .value
        .unwrap()
}

const ROLES: [(&str, &str); 4] = [
    (
        "roles/inner.json",
        r#"{ "run_list": ["web::a"], "default_attributes": { "v": "inner", "i": 1 }, "override_attributes": { "o": "inner" } }"#,
    ),
    (
        "roles/outer.json",
        r#"{ "name": "outer", "run_list": ["recipe[web::b@1.2]", "role[inner]", "recipe[web]", "web::b", "role[inner]"],
             "default_attributes": { "v": "outer" }, "override_attributes": { "o": "outer" } }"#,
    ),
    (
        "roles/staged.json",
        r#"{ "run_list": ["web"], "env_run_lists": { "staging": ["role[inner]", "web"] } }"#,
    ),
    (
        "environments/staging.json",
        r#"{ // here it is tried
            "cookbook_versions": { "web": "~> 1.0", "none": "= 9.9" },
            "default_attributes": { "v": "environment", "e": true }, "override_attributes": { "o": "environment" } }"#,
    ),
];

#[test]
fn roles_are_opened_depth_first_and_each_thing_runs_once() {
    let repository = repository(&ROLES);
    let report = run(&options(repository.path(), &["role[outer]", "web::a"])).unwrap();
    assert_eq!(report.run_list, ["role[outer]", "web::a"]);
    assert_eq!(report.expanded_run_list, ["web::b", "web::a", "web"]);
    assert_eq!(report.environment, "_default");
    let options = options(repository.path(), &["role[outer]"]);
    assert_eq!(seen(&options), r#"["outer", "inner"] ["web::b", "web::a", "web"] _default outer"#);
    assert_eq!(value(&options, "i"), 1);
    assert_eq!(value(&options, "o"), "outer");
}

#[test]
fn an_environment_gives_way_to_roles_by_default_and_wins_by_override() {
    let repository = repository(&ROLES);
    let mut options = options(repository.path(), &["role[staged]"]);
    assert_eq!(seen(&options), r#"["staged"] ["web"] _default cookbook"#);
    options.environment = Some("staging".to_owned());
    assert_eq!(seen(&options), r#"["staged", "inner"] ["web::a", "web"] staging inner"#);
    assert_eq!(value(&options, "o"), "environment");
    assert_eq!(value(&options, "e"), true);
}

#[test]
fn flags_come_before_json_before_the_node_before_settings() {
    let mut files = ROLES.to_vec();
    files.push((
        "nodes/web1.json",
        r#"{ "name": "web1", "json_class": "Chef::Node", "chef_environment": "staging", "run_list": ["role[inner]", "web"],
             "default": { "v": "node" }, "normal": { "n": "node", "m": { "a": 1 } }, "override": { "o": "node" },
             "automatic": { "platform": "never" } }"#,
    ));
    let repository = repository(&files);
    let mut options = options(repository.path(), &[]);
    options.usual = Usual {
        run_list: vec![Item::parse("web::b").unwrap()],
        environment: Some("nowhere".to_owned()),
    };
    assert_eq!(seen(&options), r#"["inner"] ["web::a", "web"] staging node"#);
    assert_eq!(value(&options, "o"), "node");
    options.attributes = json_of(
        &json!({ "recipes": ["web"], "chef_environment": "_default", "n": "json", "m": { "b": 2 } }),
    );
    assert_eq!(seen(&options), r#"[] ["web"] _default node"#);
    assert_eq!(value(&options, "n"), "json");
    assert_eq!(value(&options, "m"), json!({ "a": 1, "b": 2 }));
    options.environment = Some("staging".to_owned());
    options.run_list = vec![Item::parse("role[staged]").unwrap()];
    assert_eq!(seen(&options), r#"["staged", "inner"] ["web::a", "web"] staging node"#);
    // Without a file, and with nothing in the JSON, the settings say it.
    let elsewhere = Options {
        node_name: "web2".to_owned(),
        attributes: None,
        environment: None,
        run_list: Vec::new(),
        ..options
    };
    assert_eq!(run(&elsewhere).unwrap_err(), "there is no environment `nowhere`");
    let usual = Usual { environment: None, ..elsewhere.usual.clone() };
    assert_eq!(run(&Options { usual, ..elsewhere }).unwrap().expanded_run_list, ["web::b"]);
}

#[test]
fn an_environment_of_the_json_that_is_no_text_is_an_attribute() {
    let repository = repository(&[]);
    let mut options = options(repository.path(), &["web"]);
    options.attributes = json_of(&json!({ "environment": { "PATH": "/bin" }, "run_list": [] }));
    assert_eq!(seen(&options), r#"[] ["web"] _default cookbook"#);
    options.attributes = json_of(&json!({ "chef_environment": 1 }));
    assert!(
        run(&options)
            .unwrap_err()
            .contains("`chef_environment` in `given` should be text, and is a number")
    );
}

#[test]
fn nothing_leaks_from_run_to_run() {
    let repository = repository(&[(
        "cookbooks/web/recipes/a.rhai",
        "normal(\"v\", \"set\"); override(\"gone\", 1);",
    )]);
    let both = options(repository.path(), &["web::a", "web"]);
    assert!(seen(&both).ends_with("_default set"));
    let one = options(repository.path(), &["web"]);
    assert!(seen(&one).ends_with("_default cookbook"));
    let (system, registry) = (Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()));
    assert!(Run::on(system, registry).options(one.clone()).explain(&["gone".to_owned()]).is_err());
}

#[test]
fn explain_names_who_set_what() {
    let repository = repository(&ROLES);
    let mut options = options(repository.path(), &["role[outer]"]);
    options.environment = Some("staging".to_owned());
    options.attributes = json_of(&json!({ "other": 1 }));
    let (system, registry) = (Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()));
    let explained =
        Run::on(system, registry).options(options.clone()).explain(&["v".to_owned()]).unwrap();
    let rows: Vec<(&str, &str, &str, bool)> = explained
        .settings
        .iter()
        .map(|setting| {
            (setting.level, setting.value.as_str().unwrap(), setting.set_by.as_str(), setting.wins)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("default", "cookbook", "cookbooks/web/attributes/default.rhai:1:1", false),
            ("env_default", "environment", "environments/staging.json:3:37", false),
            ("role_default", "outer", "roles/outer.json:2:38", true),
        ]
    );
}
