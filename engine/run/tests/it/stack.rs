//! Events of stacks: what runs, and with which data.

use std::path::Path;
use std::rc::Rc;

use proptest::prelude::{Just, Strategy, proptest};
use proptest::prop_assert_eq;
use serde_json::{Value, json};
use toque_contract::resource::Asked;
use toque_core::json::Document;
use toque_core::redaction::Redactor;
use toque_data::run_list::Item;
use toque_data::stack::{Command, CustomJson, Event, LARGEST_CUSTOM_JSON, Stack, Wanted, expand};
use toque_engine::{Options, Run, asks};
use toque_machine::facts::shipped::Shipped;
use toque_machine::system::FakeSystem;

fn shop() -> Value {
    json!({
        "stack": {
            "name": "shop",
            "custom_json": {
                "nginx": { "port": 80, "workers": 4, "modules": ["a", "b"] },
                "data_bags": { "db": { "main": { "user": "stack", "host": "db1" } } },
            },
        },
        "layers": [
            {
                "shortname": "web", "packages": ["git", "curl"],
                "custom_json": { "nginx": { "port": 81, "modules": ["c"] }, "opsworks": { "data_bags": { "db": { "main": { "user": "web" } } } } },
                "custom_recipes": { "setup": ["web", "base"], "configure": ["web::peers"], "deploy": ["web::deploy"], "undeploy": ["web::undeploy"], "shutdown": ["web::bye"] },
            },
            {
                "shortname": "cache", "packages": ["curl", "redis"],
                "custom_json": "{ \"nginx\": { \"port\": 82 } }",
                "custom_recipes": { "setup": ["base", "cache"], "deploy": ["web::deploy", "cache::deploy"] },
            },
        ],
        "instances": [
            { "hostname": "web1", "layers": ["web"], "private_ip": "10.0.0.11", "custom_json": { "nginx": { "port": 84 } } },
            { "hostname": "both", "layers": ["web", "cache"], "private_ip": "10.0.0.12" },
            { "hostname": "off", "layers": ["cache"], "status": "stopped" },
        ],
        "apps": [
            {
                "shortname": "site", "name": "The site",
                "app_source": { "type": "git", "url": "https://git.example.com/site.git", "password": "correct-horse" },
                "environment": { "PORT": "8080", "TOKEN": { "value": "battery-staple", "secure": true } },
                "custom_json": { "nginx": { "port": 83 } },
            },
            { "shortname": "blog", "app_source": { "type": "other" } },
        ],
        "users": [{ "username": "alice", "unix_user_id": 2001, "ssh_public_key": "ssh-ed25519 AAAA" }],
        "load_balancers": [{ "elastic_load_balancer_name": "front", "layer": "web" }],
        "databases": [{ "db_instance_identifier": "main", "db_password": "hunter2hunter2", "port": 5432 }],
    })
}

fn stack(document: &Value) -> Rc<Stack> {
    let document = Rc::new(Document::of("stack.json", document).unwrap());
    Rc::new(
        Stack::of(document, LARGEST_CUSTOM_JSON, &Redactor::default())
            .unwrap_or_else(|wrong| panic!("{wrong}")),
    )
}

fn wanted(instance: &str, apps: &[&str]) -> Wanted {
    Wanted {
        instance: instance.to_owned(),
        apps: apps.iter().map(|&app| app.to_owned()).collect(),
        ..Wanted::default()
    }
}

fn command(event: Event, wanted: Wanted) -> Command {
    Command::new(stack(&shop()), event, wanted).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn run_list(command: &Command) -> Vec<String> {
    command.run_list().iter().map(|placed| placed.item.to_string()).collect()
}

#[test]
fn an_event_runs_the_recipes_of_each_layer_each_once() {
    for (instance, event, expected) in [
        ("web1", Event::Setup, "web base web::deploy"),
        ("both", Event::Setup, "web base cache web::deploy cache::deploy"),
        ("both", Event::Configure, "web::peers"),
        ("both", Event::Deploy, "web::deploy cache::deploy"),
        ("off", Event::Configure, ""),
        ("web1", Event::Undeploy, "web::undeploy"),
        ("web1", Event::Shutdown, "web::bye"),
        ("both", Event::Rollback, "web::deploy cache::deploy"),
        ("web1", Event::Restart, "web::deploy"),
        ("web1", Event::InstallDependencies, ""),
        ("web1", Event::UpdateCustomCookbooks, ""),
    ] {
        let found = run_list(&command(event, Wanted { all_apps: true, ..wanted(instance, &[]) }));
        assert_eq!(found.join(" "), expected, "{event} on {instance}");
    }
    let recipes = vec![Item::parse("a::b").unwrap(), Item::parse("recipe[c]").unwrap()];
    assert_eq!(
        run_list(&command(Event::ExecuteRecipes, Wanted { recipes, ..wanted("web1", &[]) })),
        ["a::b", "c"]
    );
}

#[test]
fn deploy_undeploy_and_rollback_must_be_told_which_of_several_apps() {
    for event in [Event::Deploy, Event::Undeploy, Event::Rollback, Event::Restart] {
        let wrong = Command::new(stack(&shop()), event, wanted("web1", &[])).unwrap_err();
        assert_eq!(wrong.message, format!("`{event}` was not told which of 2 apps"));
        assert_eq!(command(event, wanted("web1", &["blog"])).apps, ["blog"]);
        assert_eq!(
            command(event, wanted("web1", &["blog", "site"])).apps,
            ["site", "blog"],
            "in the document's order"
        );
    }
    assert!(command(Event::Configure, wanted("web1", &[])).apps.is_empty());
    assert_eq!(
        command(Event::Setup, wanted("web1", &[])).apps,
        ["site", "blog"],
        "a setup deploys all"
    );
    let mut one = shop();
    one["apps"].as_array_mut().unwrap().pop();
    assert_eq!(
        Command::new(stack(&one), Event::Deploy, wanted("web1", &[])).unwrap().apps,
        ["site"],
        "there is only one"
    );
}

/// The files that a command comes to, by path.
fn files(command: &Command) -> std::collections::BTreeMap<String, Value> {
    let files = expand(command, &[], None).unwrap_or_else(|wrong| panic!("{wrong}"));
    files.into_iter().map(|(path, text)| (path, serde_json::from_str(&text).unwrap())).collect()
}

#[test]
fn custom_json_is_laid_over_level_by_level() {
    let port = |instance: &str| {
        files(&command(Event::Configure, wanted(instance, &[])))["attribs.json"]["nginx"]["port"]
            .clone()
    };
    assert_eq!(port("web1"), 84, "the instance's own");
    assert_eq!(port("both"), 83, "every app's holds at every event, over the layers'");
    let mut without_apps = shop();
    without_apps["apps"] = json!([]);
    let port = |document: &Value, instance: &str| {
        let command =
            Command::new(stack(document), Event::Configure, wanted(instance, &[])).unwrap();
        files(&command)["attribs.json"]["nginx"]["port"].clone()
    };
    assert_eq!(port(&without_apps, "both"), 82, "of two layers the later");
    without_apps["layers"][1]["custom_json"] = Value::Null;
    assert_eq!(port(&without_apps, "both"), 81);
    let custom = CustomJson::parse("x", r#"{ "nginx": { "port": 99 } }"#.to_owned(), 1000).unwrap();
    let files = files(&command(
        Event::Configure,
        Wanted { custom_json: Some(custom), ..wanted("web1", &[]) },
    ));
    let nginx = &files["attribs.json"]["nginx"];
    assert_eq!(
        *nginx,
        json!({ "port": 99, "workers": 4, "modules": ["c"] }),
        "maps merge, arrays are replaced"
    );
    assert_eq!(files["attribs.json"].get("data_bags"), None);
    assert_eq!(files["attribs.json"].get("opsworks"), None);
    assert_eq!(
        files["data_bags/layer/web.json"]["custom_json"]["nginx"]["port"], 81,
        "verbatim in its item"
    );
}

#[test]
fn data_bags_are_those_of_opsworks_and_of_custom_json() {
    let files = files(&command(Event::Deploy, wanted("web1", &["site"])));
    let site = &files["data_bags/aws_opsworks_app/site.json"];
    assert_eq!(*site, files["data_bags/app/site.json"], "by its short name too");
    assert_eq!(
        (&site["deploy"], &site["name"], &site["description"]),
        (&json!(true), &json!("The site"), &Value::Null)
    );
    assert_eq!(site["app_source"]["password"], "[sensitive]");
    assert_eq!(site["environment"], json!({ "PORT": "8080", "TOKEN": "[sensitive]" }));
    assert_eq!(
        files["data_bags/aws_opsworks_app/blog.json"].get("deploy"),
        None,
        "absent, not false"
    );
    let web1 = &files["data_bags/instance/web1.json"];
    assert_eq!(
        (&web1["self"], &web1["role"], &web1["status"]),
        (&json!(true), &json!(["web"]), &json!("online"))
    );
    assert_eq!(files["data_bags/instance/off.json"]["self"], false);
    assert_eq!(web1["layer_ids"], json!([files["data_bags/layer/web.json"]["layer_id"]]));
    assert_eq!(
        files["data_bags/load_balancer/front.json"]["layer_id"],
        files["data_bags/layer/web.json"]["layer_id"]
    );
    assert_eq!(files["data_bags/database/main.json"]["db_password"], "[sensitive]");
    assert_eq!(files["data_bags/user/alice.json"]["administrator_privileges"], false);
    assert_eq!(
        files["data_bags/db/main.json"],
        json!({ "id": "main", "user": "web", "host": "db1" }),
        "merged over the levels"
    );
    let nodes: Vec<&String> = files.keys().filter(|path| path.starts_with("nodes/")).collect();
    assert_eq!(nodes, ["nodes/both.json"], "the others that are online");
    assert_eq!(files["nodes/both.json"]["roles"], json!(["web", "cache"]));
}

#[test]
fn a_repository_keeps_its_own_bag_under_a_short_name() {
    let command = command(Event::Configure, wanted("web1", &[]));
    let files = expand(&command, &["app".to_owned()], None).unwrap();
    assert!(files.iter().all(|(path, _)| !path.starts_with("data_bags/app/")));
    assert!(files.iter().any(|(path, _)| path.starts_with("data_bags/aws_opsworks_app/")));
}

#[test]
fn ids_that_are_absent_are_made_of_names() {
    let one = stack(&shop());
    let mut renamed = shop();
    renamed["stack"]["name"] = json!("other");
    let other = stack(&renamed);
    assert_eq!(one.layers[0].id, stack(&shop()).layers[0].id);
    assert_ne!(one.layers[0].id, other.layers[0].id);
    assert_ne!(one.layers[0].id, one.apps[0].id);
    assert_eq!(one.layers[0].id.as_bytes()[14], b'5', "a UUID of version 5");
    let mut given = shop();
    given["apps"][0]["app_id"] = json!("3aef37c1");
    assert_eq!(stack(&given).apps[0].id, "3aef37c1");
}

#[test]
fn the_first_instance_of_a_layer_that_is_online() {
    let stack = stack(&shop());
    assert_eq!(stack.first_online("web").unwrap().hostname, "web1");
    assert_eq!(stack.first_online("cache").unwrap().hostname, "both");
    let mut off = shop();
    off["instances"][0]["status"] = json!("stopped");
    assert_eq!(self::stack(&off).first_online("web").unwrap().hostname, "both");
}

#[test]
fn what_is_too_large_is_refused() {
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut document = shop();
        change(&mut document);
        let document = Rc::new(Document::of("stack.json", &document).unwrap());
        Stack::of(document, LARGEST_CUSTOM_JSON, &Redactor::default())
            .unwrap_err()
            .0
            .remove(0)
            .message
    };
    let large = "x".repeat(LARGEST_CUSTOM_JSON);
    let told = wrong(&|document| document["layers"][0]["custom_json"] = json!({ "x": large }));
    assert_eq!(
        told,
        format!("this custom JSON has {} bytes, and 122880 are allowed", LARGEST_CUSTOM_JSON + 8)
    );
    let told = wrong(&|document| {
        document["apps"][0]["environment"] = json!({ "A": "x".repeat(20 * 1024) });
    });
    assert_eq!(told, "the environment of the app `site` has 20481 bytes, and 20480 are allowed");
    let most = wrong(&|document| {
        document["apps"][0]["environment"] = json!({ "A": "x".repeat(20 * 1024 - 1) });
        document["stack"]["compat"] = json!("opsworks-10");
    });
    assert_eq!(most, "`compat` knows no `opsworks-10`", "all that is allowed");
}

/// What a recipe of an event leaves in the file `/out`.
fn out(
    document: &Value,
    event: Event,
    wanted: Wanted,
    recipe: &str,
    options: impl FnOnce(&Path, &mut Options),
) -> String {
    let repository = tempfile::tempdir().unwrap();
    let whole = [
        ("web", vec!["default", "peers", "deploy", "undeploy", "bye"]),
        ("base", vec!["default"]),
        ("cache", vec!["default", "deploy"]),
    ];
    for (cookbook, recipes) in whole {
        let folder = repository.path().join("cookbooks").join(cookbook);
        std::fs::create_dir_all(folder.join("recipes")).unwrap();
        std::fs::write(
            folder.join("cookbook.toml"),
            format!("name = \"{cookbook}\"\nversion = \"1.0\"\n"),
        )
        .unwrap();
        for name in recipes {
            let text = if (cookbook, name) == ("web", "peers") { recipe } else { "" };
            std::fs::write(folder.join(format!("recipes/{name}.rhai")), text).unwrap();
        }
    }
    let command =
        Command::new(stack(document), event, wanted).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut given = Options {
        repository: Some(repository.path().to_owned()),
        node_name: command.instance.clone(),
        command: Some(Rc::new(command)),
        elsewhere: Some(Shipped {
            facts: [("platform".to_owned(), "debian".into())].into_iter().collect(),
            programs: Vec::new(),
        }),
        ..Options::default()
    };
    options(repository.path(), &mut given);
    let system = Rc::new(FakeSystem::new());
    let registry = Rc::new(toque_resources::standard());
    let report = Run::on(Rc::clone(&system) as Rc<_>, registry).options(given.clone()).converge();
    let report = report.unwrap_or_else(|refused| panic!("{}", refused.diagnostics));
    for record in &report.resources {
        assert!(record.error.is_none(), "{:?}", record.error);
    }
    system.text("/out")
}

#[test]
fn recipes_find_peers_apps_and_themselves() {
    let recipe = r#"
        let lines = [];
        for node in search("node", "role:web") { lines.push(`node ${node.name} ${node.get("ipaddress", "-")}`); }
        for node in search("node", "role:cache") { lines.push(`cache ${node.name}`); }
        for app in search("aws_opsworks_app") { lines.push(`app ${app.shortname} ${app.get("deploy", false)}`); }
        let me = search("instance", "self:true")[0];
        lines.push(`me ${me.hostname} first ${is_first_online("web")}`);
        lines.push(`layer ${search("layer", "layer_id:" + me.layer_ids[0])[0].shortname}`);
        lines.push(`command ${search("command")[0].type} of ${search("stack")[0].name}`);
        lines.push(`bag ${data_bag_item("db", "main").user}`);
        lines.push(`port ${node.nginx.port} roles ${node.roles}`);
        file("/out", #{ content: lines.reduce(|all, line| all + line + "\n", "") });
    "#;
    let found = out(&shop(), Event::Configure, wanted("both", &[]), recipe, |_, _| ());
    assert_eq!(
        found,
        "node both 10.0.0.12\nnode web1 10.0.0.11\ncache both\napp blog false\napp site false\nme both first false\nlayer web\n\
         command configure of shop\nbag web\nport 83 roles [\"web\", \"cache\"]\n"
    );
}

#[test]
fn opsworks_11_has_its_node_attributes() {
    let recipe = r#"
        let mine = node.opsworks.layers.web.instances.keys();
        file("/out", #{ content: `${node.opsworks.activity} ${node.opsworks.instance.hostname} ${mine} ${node.opsworks.stack.name} ${node.deploy.keys()} ${node.ssh_users["2001"].name}` });
    "#;
    let mut document = shop();
    document["stack"]["compat"] = json!("opsworks-11");
    let found = out(&document, Event::Configure, wanted("web1", &[]), recipe, |_, _| ());
    assert_eq!(found, r#"configure web1 ["web1", "both"] shop [] alice"#);
    let command = Command::new(stack(&document), Event::Deploy, wanted("web1", &["site"])).unwrap();
    let deploy = files(&command)["attribs.json"]["deploy"]["site"].clone();
    assert_eq!(deploy["deploy_to"], "/srv/www/site");
    assert_eq!(deploy["scm"]["repository"], "https://git.example.com/site.git");
    assert_eq!(deploy["scm"]["password"], "[sensitive]");
    assert_eq!(deploy["environment_variables"]["PORT"], "8080");
}

#[test]
fn secrets_are_read_where_they_are_kept_and_only_when_they_are_read() {
    let mut document = shop();
    document["apps"][0]["app_source"]["ssh_key"] =
        json!({ "secret": { "file": "/nowhere/site.key" } });
    let recipe =
        r#"file("/out", #{ content: search("app", "shortname:site")[0].environment.PORT });"#;
    assert_eq!(
        out(&document, Event::Configure, wanted("web1", &[]), recipe, |_, _| ()),
        "8080",
        "the key was not read"
    );
    document["apps"][0]["environment"]["PASSWORD"] =
        json!({ "secret": { "bag": "keys", "item": "site", "key": "password" } });
    let recipe =
        r#"file("/out", #{ content: search("app", "shortname:site")[0].environment.PASSWORD });"#;
    let found = out(&document, Event::Configure, wanted("web1", &[]), recipe, |repository, _| {
        std::fs::create_dir_all(repository.join("data_bags/keys")).unwrap();
        std::fs::write(
            repository.join("data_bags/keys/site.json"),
            r#"{ "id": "site", "password": "kept in a bag" }"#,
        )
        .unwrap();
    });
    assert_eq!(found, "kept in a bag");
    let kept = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kept.path(), "kept in a file\n").unwrap();
    document["stack"]["custom_json"]["token"] = json!({ "secret": { "file": kept.path() } });
    let recipe = r#"file("/out", #{ content: node.token });"#;
    assert_eq!(
        out(&document, Event::Configure, wanted("web1", &[]), recipe, |_, _| ()),
        "kept in a file"
    );
}

#[test]
fn every_level_is_told_by_explain() {
    let mut document = shop();
    for layer in document["layers"].as_array_mut().unwrap() {
        layer["custom_recipes"] = json!({});
    }
    let repository = tempfile::tempdir().unwrap();
    let command = Command::new(stack(&document), Event::Configure, wanted("both", &[])).unwrap();
    let options = Options {
        repository: Some(repository.path().to_owned()),
        command: Some(Rc::new(command)),
        ..Options::default()
    };
    let path = ["nginx".to_owned(), "port".to_owned()];
    let registry = Rc::new(toque_resources::standard());
    let explained =
        Run::on(Rc::new(FakeSystem::new()), registry).options(options.clone()).explain(&path);
    let explained = explained.unwrap_or_else(|refused| panic!("{}", refused.diagnostics));
    let told: Vec<String> = explained
        .settings
        .iter()
        .map(|one| format!("{} {} {}", one.level, one.value, one.wins))
        .collect();
    assert_eq!(told, ["stack_normal 80 false", "layer_normal 82 false", "app_normal 83 true"]);
    assert!(
        explained.settings[0].set_by.starts_with("stack.json:"),
        "{}",
        explained.settings[0].set_by
    );
}

#[test]
fn a_command_leaves_the_other_apps_alone() {
    for (event, asked) in [
        (Event::Deploy, Asked::Deploy),
        (Event::Undeploy, Asked::Undeploy),
        (Event::Rollback, Asked::Rollback),
        (Event::Restart, Asked::Restart),
    ] {
        let command = command(event, wanted("web1", &["site"]));
        assert_eq!(
            ["site", "blog", "no app"].map(|app| asks(&command, app)),
            [asked, Asked::Another, Asked::Nothing]
        );
    }
    for event in [Event::Setup, Event::Configure, Event::Shutdown] {
        assert_eq!(asks(&command(event, wanted("web1", &[])), "site"), Asked::Nothing);
    }
}

/// Reads a command document that may be wrong.
fn read(document: &Value) -> Result<Command, String> {
    let document = Rc::new(Document::of("command.json", document).unwrap());
    Command::read(document, LARGEST_CUSTOM_JSON, &Redactor::default())
        .map_err(|wrong| wrong.to_string())
}

#[test]
fn a_document_must_say_which_of_several_apps() {
    let mut document = shop();
    document["command"] = json!({ "type": "rollback", "instance": "web1" });
    assert!(read(&document).unwrap_err().contains("`rollback` was not told which of 2 apps"));
    document["command"]["args"] = json!({ "apps": ["blog"] });
    assert_eq!(read(&document).unwrap().apps, ["blog"]);
    document["apps"].as_array_mut().unwrap().pop();
    document["command"]["args"] = json!({});
    assert_eq!(read(&document).unwrap().apps, ["site"], "there is only one");
    document["version"] = json!(1.5);
    assert!(read(&document).unwrap_err().contains("version 1.5"));
}

/// What an agent kept holds secrets in plain text, and names that nobody checked.
#[test]
fn documents_of_agents_tell_no_secret_and_lead_nowhere_else() {
    let mut document = json!({
        "opsworks": { "activity": "deploy", "instance": { "hostname": "web1", "layers": ["web"] }, "stack": { "name": "s" }, "layers": {} },
        "deploy": { "site": {
            "scm": { "scm_type": "git", "repository": "https://u:MARK-url@h/x", "password": "MARK-password", "ssh_key": "MARK-key" },
            "database": { "password": "MARK-database" },
            "environment_variables": { "TOKEN": "MARK-variable" },
        } },
        "mysql": { "server_root_password": "MARK-root" },
    });
    let command = read(&document).unwrap();
    for (path, text) in expand(&command, &[], None).unwrap() {
        assert!(!text.contains("MARK"), "{path}: {text}");
    }
    let plain = |value: &Value| Ok(value.clone());
    let told = expand(&command, &[], Some(&plain))
        .unwrap()
        .into_iter()
        .map(|(_, text)| text)
        .collect::<String>();
    for mark in
        ["MARK-url", "MARK-password", "MARK-key", "MARK-database", "MARK-variable", "MARK-root"]
    {
        assert!(told.contains(mark), "{mark} is lost");
    }
    document["opsworks"]["instance"]["hostname"] = json!("../../evil");
    assert!(read(&document).unwrap_err().contains("`../../evil` is no hostname"));
}

#[test]
fn a_command_document_finds_secrets_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut document = shop();
    document["apps"][0]["app_source"]["ssh_key"] = json!({ "secret": { "file": "keys/site" } });
    std::fs::write(folder.path().join("stack.json"), document.to_string()).unwrap();
    let stack =
        Stack::read(&folder.path().join("stack.json"), LARGEST_CUSTOM_JSON, &Redactor::default())
            .unwrap();
    let command = Command::new(Rc::new(stack), Event::Configure, wanted("web1", &[])).unwrap();
    let kept = command.document()["apps"][0]["app_source"]["ssh_key"]["secret"]["file"].clone();
    assert_eq!(Path::new(kept.as_str().unwrap()), folder.path().join("keys/site"));
}

/// The same document always gives the same run: whatever is written of a command, and read again,
/// comes to the same bytes.
fn events() -> impl Strategy<Value = (Event, &'static str, Vec<&'static str>)> {
    let event = proptest::sample::select(
        Event::all().filter(|event| *event != Event::ExecuteRecipes).collect::<Vec<_>>(),
    );
    let instance = proptest::sample::select(vec!["web1", "both", "off"]);
    (event, instance, Just(vec!["site"]))
}

proptest! {
    #[test]
    fn a_command_document_is_the_whole_of_a_run((event, instance, apps) in events()) {
        let first = command(event, wanted(instance, if event.needs_apps() { &apps } else { &[] }));
        let written = Rc::new(Document::of("command.json", &first.document()).unwrap());
        let read = Command::read(written, LARGEST_CUSTOM_JSON, &Redactor::default()).unwrap();
        prop_assert_eq!(first.document(), read.document());
        prop_assert_eq!(expand(&first, &[], None).unwrap(), expand(&read, &[], None).unwrap());
        prop_assert_eq!(run_list(&first), run_list(&read));
    }
}
