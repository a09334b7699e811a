//! `search` in recipes.

use std::rc::Rc;

use toque_core::diagnostic::Diagnostic;
use toque_data::run_list::Item;
use toque_data::search::{Query, Search};
use toque_engine::{Encrypted, MachineAccess, Options, Run};
use toque_machine::facts::shipped::Shipped;
use toque_machine::system::FakeSystem;

const FILES: &[(&str, &str)] = &[
    (
        "data_bags/apps/shop.json",
        r#"{ "id": "shop", "deploy": true, "port": 80, "owner": { "team": "core" } }"#,
    ),
    (
        "data_bags/apps/blog.json",
        r#"{ "id": "blog", "deploy": true, "port": 8080, "owner": { "team": "web" } }"#,
    ),
    ("data_bags/apps/wiki.json", r#"{ "id": "wiki", "deploy": false, "port": 443 }"#),
    (
        "data_bags/apps/vault.json",
        r#"{ "id": "vault", "key": { "encrypted_data": "c2VjcmV0", "iv": "aXY=", "version": 1, "cipher": "aes-256-cbc" } }"#,
    ),
    ("data_bags/node/x.json", r#"{ "id": "x" }"#),
    (
        "roles/web.json",
        r#"{ "run_list": ["recipe[web]", "role[base]"], "description": "serves pages" }"#,
    ),
    ("roles/base.json", r#"{ "run_list": ["recipe[web::tls]"] }"#),
    ("environments/production.json", r#"{ "description": "the real thing" }"#),
    (
        "nodes/web1.json",
        r#"{ "chef_environment": "production", "run_list": ["role[web]"], "normal": { "site": { "port": 81 } } }"#,
    ),
    (
        "nodes/db1.json",
        r#"{ "run_list": ["recipe[web@1.0]"], "default": { "site": { "port": 1, "name": "d" } }, "override": { "site": { "port": 82 } },
             "automatic": { "ipaddress": "10.0.0.2", "site": { "name": "a" } } }"#,
    ),
    (
        "nodes/me.json",
        r#"{ "run_list": ["recipe[web]"], "normal": { "site": { "port": 83 }, "tags": ["mine"] } }"#,
    ),
];

/// What a recipe leaves in the file `/out`, on the node `me`.
fn run_with(recipe: &str, more: impl FnOnce(&mut Options)) -> Result<String, Diagnostic> {
    let repository = tempfile::tempdir().unwrap();
    let recipe = ("cookbooks/web/recipes/default.rhai", recipe);
    let cookbook = ("cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0\"\n");
    let tls = ("cookbooks/web/recipes/tls.rhai", "");
    for (path, text) in FILES.iter().copied().chain([recipe, cookbook, tls]) {
        let path = repository.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let facts = [("platform", "debian"), ("ipaddress", "10.0.0.1")];
    let mut options = Options {
        repository: Some(repository.path().to_owned()),
        run_list: vec![Item::parse("web").unwrap()],
        node_name: "me".to_owned(),
        elsewhere: Some(Shipped {
            facts: facts.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect(),
            programs: Vec::new(),
        }),
        ..Options::default()
    };
    more(&mut options);
    let system = Rc::new(FakeSystem::new());
    let registry = Rc::new(toque_resources::standard());
    match Run::on(Rc::<FakeSystem>::clone(&system), registry).options(options.clone()).converge() {
        Err(refused) => Err(refused.diagnostics.0.into_iter().next().unwrap()),
        Ok(report) => match report.resources.into_iter().find_map(|record| record.error) {
            Some(error) => Err(*error),
            None => Ok(system.text("/out")),
        },
    }
}

fn ran(recipe: &str) -> Result<String, Diagnostic> {
    run_with(recipe, |_| ())
}

/// What a search finds: ids or names, joined by spaces.
fn found(search: &str) -> String {
    let recipe = format!(
        "file(\"/out\", #{{ content: {search}.map(|found| found.get(\"id\", found.get(\"name\"))).reduce(|all, id| `${{all}} ${{id}}`, \"\") }});"
    );
    ran(&recipe).unwrap_or_else(|wrong| panic!("{search}: {wrong}")).trim().to_owned()
}

#[test]
fn indexes() {
    for (search, names) in [
        ("search(\"apps\")", "blog shop vault wiki"),
        ("search(\"apps\", \"deploy:true\")", "blog shop"),
        ("search(\"apps\", \"owner.team:core\")", "shop"),
        ("search(\"apps\", \"key:*\")", "vault"),
        ("search(\"apps\", \"c2VjcmV0\")", ""),
        ("search(\"apps\", \"*:*\", #{ sort: \"port DESC\", start: 1, rows: 2 })", "wiki shop"),
        ("search(\"role\")", "base web"),
        ("search(\"role\", \"description:pages\")", "web"),
        ("search(\"environment\", \"description:*\")", "production"),
        ("search(\"node\")", "db1 me web1"),
        ("search(\"node\", \"role:web\")", "web1"),
        ("search(\"node\", \"roles:base\")", "web1"),
        ("search(\"node\", \"recipe:web\")", "db1 me"),
        ("search(\"node\", \"recipes:web\")", "db1 me web1"),
        ("search(\"node\", \"recipes:web\\\\:\\\\:default\")", "db1 me web1"),
        ("search(\"node\", \"recipes:web\\\\:\\\\:tls\")", "web1"),
        ("search(\"node\", `run_list:\"recipe[web]\"`)", "me"),
        ("search(\"node\", \"chef_environment:production\")", "web1"),
        ("search(\"node\", \"environment:_default\")", "db1 me"),
        ("search(\"node\", \"site_port:[82 TO *]\")", "db1 me"),
        ("search(\"node\", \"site_name:a\")", "db1"),
        ("search(\"node\", \"platform:debian\")", "me"),
        ("search(\"node\", \"ipaddress:10.0.0.*\", #{ sort: \"ipaddress\" })", "me db1"),
        ("search(\"node\", \"debian\")", "me"),
        ("search(\"node\", \"tags:mine\")", "me"),
    ] {
        assert_eq!(found(search), names, "{search}");
    }
}

#[test]
fn what_is_found_reads_like_node() {
    let read = |expression: &str| ran(&format!("file(\"/out\", #{{ content: {expression} }});"));
    assert_eq!(read("search(\"apps\", \"id:shop\")[0].owner.team").unwrap(), "core");
    assert_eq!(read("search(\"node\", \"name:me\")[0].ipaddress").unwrap(), "10.0.0.1");
    assert_eq!(read("search(\"node\", \"name:db1\")[0].ipaddress").unwrap(), "10.0.0.2");
    assert_eq!(
        read("`${search(\"node\", \"name:me\")[0].run_list}`").unwrap(),
        "[\"recipe[web]\"]"
    );
    let wrong = read("search(\"apps\", \"id:shop\")[0].onwer").unwrap_err();
    assert!(wrong.message.contains("`apps/shop.onwer` is not set"), "{wrong}");
    assert_eq!(wrong.hints, ["did you mean `owner`?"]);
    let filtered = "to_json(search(\"node\", \"site_port:*\", #{ filter_result: #{ port: \"site.port\", ip: [\"ipaddress\"] } }))";
    let filtered: serde_json::Value = serde_json::from_str(&read(filtered).unwrap()).unwrap();
    let expected = serde_json::json!([
        { "ip": "10.0.0.2", "port": 82 }, { "ip": "10.0.0.1", "port": 83 }, { "ip": null, "port": 81 },
    ]);
    assert_eq!(filtered, expected);
    // An encrypted value is opened when it is read, and not before.
    assert_eq!(read("search(\"apps\", \"id:vault\")[0].id").unwrap(), "vault");
    assert!(read("search(\"apps\", \"id:vault\")[0].key").unwrap_err().message.contains("secret"));
}

#[test]
fn this_node_is_as_it_is_now() {
    let recipe = r#"
        let before = search("node", "colour:blue").len();
        default("colour", "blue");
        let found = search("node", "colour:blue");
        file("/out", #{ content: || `${before} ${found[0].name} ${search("node", "colour:blue").len()}` });
    "#;
    assert_eq!(ran(recipe).unwrap(), "0 me 1");
    let without = |options: &mut Options| options.repository = None;
    let alone = |options: &mut Options| {
        without(options);
        options.run_list.clear();
        let text = "file(\"/out\", #{ content: search(\"node\", \"platform:debian\")[0].name });"
            .to_owned();
        options.recipe =
            Some(toque_core::diagnostic::Source { name: "-e".to_owned(), path: None, text });
    };
    assert_eq!(run_with("", alone).unwrap(), "me");
}

/// What a field does not need is not read from the machine.
#[test]
fn facts_are_read_when_a_field_needs_them() {
    let reads = |query: &str| {
        let system = Rc::new(FakeSystem::new());
        system.put_file("/etc/os-release", "ID=debian\nVERSION_ID=12\n");
        system.put_file("/proc/meminfo", "MemTotal: 1024 kB\n");
        let text = format!("search(\"node\", `{query}`);");
        let options = Options {
            recipe: Some(toque_core::diagnostic::Source {
                name: "-e".to_owned(),
                path: None,
                text,
            }),
            ..Options::default()
        };
        Run::on(Rc::<FakeSystem>::clone(&system), Rc::new(toque_resources::standard()))
            .options(options.clone())
            .converge()
            .unwrap();
        (system.reads("/etc/os-release") > 0, system.reads("/proc/meminfo") > 0)
    };
    for (query, platform, memory) in [
        ("name:x tags:x role:web NOT chef_environment:x", false, false),
        ("*:*", false, false),
        ("platform:debian", true, false),
        ("platform_version:[11 TO *]", true, false),
        ("memory.total:*", false, true),
        ("platform:x memory_total:y", true, true),
        ("debian", true, true),
        ("plat*:debian", true, true),
        ("total:1024kB", true, true),
    ] {
        assert_eq!(reads(query), (platform, memory), "{query}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let wrong = |recipe: &str| ran(recipe).unwrap_err();
    let told = wrong("let found = search(\"apps\", \"recipes:apt::default\");");
    assert_eq!(
        told.to_string(),
        "cookbooks/web/recipes/default.rhai:1:28: cannot read the query: this colon comes after another"
    );
    assert_eq!(told.frames[0].0.to_string(), "the query:1:12");
    assert!(told.hints[0].contains("apt\\:\\:default"), "{:?}", told.hints);
    let told = wrong("search(\"apps\", \"*:*\", #{ sort: \"port DOWN\" });");
    assert_eq!(
        (told.span.unwrap().column, told.frames[0].0.to_string()),
        (26, "the order:1:1".to_owned())
    );
    for (recipe, message, hint) in [
        ("search(\"appz\");", "there is no index `appz` to search", "did you mean `apps`?"),
        (
            "search(\"nodes\", \"x:y\");",
            "there is no index `nodes` to search",
            "did you mean `node`?",
        ),
        ("search(\"client\");", "there are no clients to search", "`node`"),
        ("search(\"apps\", \"x:y\", #{ row: 1 });", "row", "did you mean `rows`?"),
        (
            "search(\"apps\", \"x:y\", #{ filter_result: #{ a: \"b..c\" } });",
            "`b..c` is no attribute path",
            "filter_result",
        ),
    ] {
        let told = wrong(recipe);
        assert!(told.message.contains(message), "{recipe}: {told}");
        assert!(told.hints.iter().any(|shown| shown.contains(hint)), "{recipe}: {:?}", told.hints);
    }
    assert!(wrong("search(\"apps\", \"x:y\", #{ rows: -1 });").span.is_some());
}

/// The way in of the command line.
#[test]
fn encrypted_values_are_shown_on_demand_alone() {
    let repository = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = repository.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let options = Options { repository: Some(repository.path().to_owned()), ..Options::default() };
    let wanted = Search { query: Query::parse("id:vault").unwrap(), ..Search::default() };
    let found = |encrypted| {
        let registry = Rc::new(toque_resources::standard());
        Run::on(Rc::new(FakeSystem::new()), registry)
            .options(options.clone())
            .search("apps", &wanted, encrypted)
    };
    assert_eq!(found(Encrypted::Hidden).unwrap()[0].values["key"], "[encrypted]");
    assert!(
        found(Encrypted::Decrypted)
            .unwrap_err()
            .diagnostics
            .to_string()
            .contains("no secret file is named")
    );
}

#[test]
fn a_check_reads_no_machine_and_no_secret() {
    let recipe = r#"
        for app in search("apps") { file("/out", #{ content: app.get("key", "") }); }
        for peer in search("node", "platform:debian") { file(`/${peer.name}`); }
    "#;
    let repository_only = |options: &mut Options| options.reach = MachineAccess::Repository;
    assert_eq!(run_with(recipe, repository_only).map_err(|wrong| wrong.to_string()).unwrap(), "");
}
