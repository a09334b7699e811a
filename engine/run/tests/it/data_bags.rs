//! Data bag items in recipes: how they read, and that what is decrypted is in nothing that a run
//! writes.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;
use toque_contract::event::Event;
use toque_contract::report::Report;
use toque_core::diagnostic::Source;
use toque_data::encrypted_item::{Secret, encrypt};
use toque_data::run_list::Item;
use toque_data::search::{Order, Query, Search};
use toque_engine::{Encrypted, Options, Refused, Run};
use toque_machine::command::{End, Output};
use toque_machine::system::{FakeSystem, Query as _};

const SECRET: &str = "correct horse battery staple\n";
const PASSWORD: &str = "Xq7-plain-password";
const PIN: &str = "zz4711z";
/// Quotes of all kinds, and a line break at the end.
const QUOTED: &str = "it's a `qtick` \"secret\" \\ one\n";
/// Longer than any window that a message shows.
const LONG: &str = "long-0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ-end: [";
const KEY: &str = "-----BEGIN KEY-----\nplain/line/one+\nplain/line/two+\n-----END KEY-----\n";

/// A repository with the cookbook `c` and the bag `db`, and a machine.
struct World {
    folder: TempDir,
    system: Rc<FakeSystem>,
    /// Everything that a run told, and the arguments of all that it started.
    told: Rc<RefCell<String>>,
}

impl World {
    fn new() -> Self {
        let system = FakeSystem::new();
        for folder in ["/out", "/etc", "/tmp"] {
            system.put_dir(folder, 0o755);
        }
        system.put_file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        system.put_file("/etc/group", "root:x:0:\n");
        let told = Rc::<RefCell<String>>::default();
        for name in [
            "sh", "bash", "mysql", "useradd", "usermod", "groupadd", "groupmod", "gpasswd",
            "chpasswd",
        ] {
            let told = Rc::clone(&told);
            system.install_program(name, move |_, command| {
                // Whoever lists the processes is told their arguments.
                told.borrow_mut().push_str(&format!("{}\n", command.argv.join(" ")));
                Output {
                    stdout: format!("password is {:?}\n", command.environment).into_bytes(),
                    stderr: command.input.clone().unwrap_or_default(),
                    end: End::Exited(i32::from(
                        command.argv.iter().any(|word| word.contains("false")),
                    )),
                }
            });
        }
        let world = Self { folder: tempfile::tempdir().unwrap(), system: Rc::new(system), told };
        let secret = Secret::of_file(SECRET.as_bytes()).unwrap();
        world.put("secret", SECRET);
        world.put("other", "another secret\n");
        world.put("cookbooks/c/cookbook.toml", "name = \"c\"\nversion = \"1.0\"\n");
        world.put("cookbooks/c/recipes/default.rhai", "");
        world
            .put("cookbooks/c/templates/t.hbs", "{{#each words}}{{this}}\n{{/each}}{{password}}\n");
        world.put("cookbooks/c/templates/node.hbs", "{{node.db.password}}\n");
        world.put(
            "cookbooks/c/resources/account.rhai",
            "property(\"login\", #{ type: \"string\", name: true });\nproperty(\"password\", #{ type: \"string\" });\n\
             action(\"create\", || { file(`/out/${this.login}`, #{ content: this.password }); file(`/out/x-${this.password}`, #{ content: \"x\" }); });\n",
        );
        let sealed = |value: Value| encrypt(&value, &secret).unwrap();
        let shop = json!({
            "id": "shop", "host": "db1", "port": 5432, "owner": { "team": "core", "mail": "core@example.com" },
            "password": sealed(json!(PASSWORD)), "pin": sealed(json!(PIN)), "key": sealed(json!(KEY)),
            "quoted": sealed(json!(QUOTED)), "long": sealed(json!(LONG)), "broken_off": sealed(json!("hunter2\n")),
            "more": sealed(json!({ "inner": [PASSWORD, { "token": format!("{PASSWORD}-and-more") }], "login": "shopkeeper" })),
        });
        world.put("data_bags/db/shop.json", &shop.to_string());
        world.put(
            "data_bags/db/plain.json",
            r#"{ "id": "plain", "words": ["a", "b"], "deep": { "er": { "est": 1 } }, "none": null }"#,
        );
        world
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn options(&self, recipe: &str) -> Options {
        Options {
            repository: Some(self.folder.path().to_owned()),
            run_list: vec![Item::parse("c").unwrap()],
            recipe: Some(Source { name: "test".into(), path: None, text: recipe.into() }),
            state_dir: Some(self.folder.path().join("state")),
            secret_files: vec![
                self.folder.path().join("absent"),
                self.folder.path().join("secret"),
            ],
            ..Options::default()
        }
    }

    fn converge(&self, recipe: &str) -> Result<Report, Refused> {
        let system = Rc::<FakeSystem>::clone(&self.system);
        Run::on(system, Rc::new(toque_resources::standard()))
            .options(self.options(recipe))
            .sink(self.listener())
            .converge()
    }

    fn plan(&self, recipe: &str) -> Result<Report, Refused> {
        let system = Rc::<FakeSystem>::clone(&self.system);
        Run::on(system, Rc::new(toque_resources::standard()))
            .options(self.options(recipe))
            .sink(self.listener())
            .plan()
    }

    fn listener(&self) -> impl FnMut(&Event<'_>) + use<> {
        let told = Rc::clone(&self.told);
        move |event: &Event<'_>| told.borrow_mut().push_str(&format!("{event:?}\n"))
    }

    /// Runs a recipe that must succeed, and gives what it logged.
    fn log(&self, recipe: &str) -> Vec<String> {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&lines);
        let listener = move |event: &Event<'_>| {
            if let Event::Log { message, .. } = event {
                heard.borrow_mut().push((*message).to_owned());
            }
        };
        let system = Rc::<FakeSystem>::clone(&self.system);
        let run = Run::on(system, Rc::new(toque_resources::standard()))
            .options(self.options(recipe))
            .sink(listener)
            .converge();
        run.unwrap_or_else(|refused| panic!("{recipe}\n{:?}", refused.diagnostics));
        lines.take()
    }

    /// Everything of the state directory but the copies of files, as text.
    fn state(&self) -> String {
        let files = walkdir::WalkDir::new(self.folder.path().join("state")).into_iter().flatten();
        let files = files.filter(|entry| {
            entry.file_type().is_file() && !entry.path().to_string_lossy().contains("backup")
        });
        files.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect()
    }
}

/// What a person is told of a refusal, with the lines of code around.
fn shown(refused: &Refused) -> String {
    let mut text = String::new();
    for diagnostic in &refused.diagnostics.0 {
        text.push_str(&format!("{diagnostic} {:?} {:?}\n", diagnostic.notes, diagnostic.hints));
        for span in diagnostic.span.iter().chain(diagnostic.frames.iter().map(|(span, _)| span)) {
            text.push_str(span.line_text());
        }
        text.extend(diagnostic.frames.iter().map(|(_, what)| what.as_str()));
    }
    text
}

fn assert_hidden(about: &str, text: &str) {
    let secrets = [
        PASSWORD,
        "plain/line/one+",
        "plain/line/two+",
        "shopkeeper",
        SECRET.trim(),
        "qtick",
        &LONG[..16],
        "abcdefghijkl",
        "XYZ-end",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{about} shows {secret}:\n{text}");
    }
}

#[test]
fn items_read_like_attributes() {
    let world = World::new();
    let logged = world.log(
        r#"
        let item = data_bag_item("db", "plain");
        log_info(data_bag("db"));
        log_info(item.id + item.words[1] + item.deep.er.est + item["deep"]["er"].est);
        log_info(`${item.get("deep.er.est")} ${item.get("deep.nothing", 7)} ${item.has("words")} ${item.has("x")} ${"none" in item} ${item.none}`);
        for (key, value) in item { log_info(`${key}=${value}`); }
        log_info(item.keys().len + item.len());
        log_info(item.deep == #{ er: #{ est: 1 } });
        log_info(item.deep);
        log_info([item.deep, 1]);
        log_info(to_json(item.deep) == to_json(#{ er: #{ est: 1 } }));
        let shop = data_bag_item("db", "shop");
        log_info(shop.port + 1);
        log_info(shop.owner.team);
        log_info(shop.password == "Xq7-plain-password");
        log_info(shop.more.inner[1].token);
        log_info(sha256(shop.password));
        log_info(nonsensitive(shop.more.login));
        "#,
    );
    assert_eq!(
        logged,
        [
            "[\"plain\", \"shop\"]",
            "plainb11",
            "1 7 true false true ",
            "id=plain",
            "words=[\"a\", \"b\"]",
            "deep={\"er\":{\"est\":1}}",
            "none=",
            "8",
            "true",
            "{\"er\":{\"est\":1}}",
            r#"["{\"er\":{\"est\":1}}", 1]"#,
            "true",
            "5433",
            "core",
            "true",
            "[sensitive]",
            "d40c4dc3c1b67ff1c3a059cd9a883cf1ecb0bef5db9a6723e7ee53f78c1dc42d",
            "shopkeeper",
        ]
    );
}

#[test]
fn what_is_decrypted_is_in_nothing_that_is_written() {
    // Each is run after `let i = data_bag_item("db", "shop");`.
    let recipes = [
        r#"file("/out/a", #{ content: i.password });"#,
        r#"file("/out/a", #{ content: `user=shop password=${i.password} pin=${i.pin}` });"#,
        r#"file("/out/a", #{ content: i.key });"#,
        r#"file("/out/a", #{ content: || i.password + "!" });"#,
        r#"template("/out/a", #{ source: "t.hbs", cookbook: "c", variables: #{ words: i.more.inner, password: i.key } });"#,
        r#"template("/out/a", #{ source: "t.hbs", cookbook: "c", variables: || #{ words: [i.password], password: 1 } });"#,
        r#"default("db.password", i.password); template("/out/a", #{ source: "node.hbs", cookbook: "c" });"#,
        r#"execute("true", #{ environment: #{ PASSWORD: i.password } });"#,
        r#"execute("false", #{ environment: #{ PASSWORD: i.password }, input: i.key, retries: 1, retry_delay: 0 });"#,
        r#"execute("cat", #{ input: i.password, live_stream: true });"#,
        r#"bash("load", #{ code: `echo ${i.password}` });"#,
        r#"file(`/out/${i.password}`, #{ content: "x" });"#,
        r#"file(`/out/${i.password}`, #{ content: "x" }).notifies("run", execute("true", #{ action: "nothing" }));"#,
        r#"let e = execute("false", #{ action: "nothing", environment: #{ A: i.password } }); file(`/out/${i.password}`, #{ content: "x" }).notifies("run", e);"#,
        r#"c_account("shop", #{ password: i.password });"#,
        r#"c_account(i.more.login);"#,
        r#"log_info(i.password); log_warn(`${i}`); log_info(to_json(i)); log_info(i.more); print(i.password); log_info(base64(i.password));"#,
        r#"log(`the password is ${i.password}`);"#,
        r#"throw i.password;"#,
        r#"throw `wrong: ${i.more}`;"#,
        r#"package(i.password).notifies("restrt", "service[x]");"#,
        r#"file("/out/a", #{ content: i.password, mode: i.password });"#,
        r#"file("/out/a", #{ content: i.password, owner: i.more.login });"#,
        r#"file("/out/a", #{ kontent: i.password });"#,
        r#"let x = i.more.inner.nothing;"#,
        r#"let x = i.password.nothing;"#,
        r#"let x = #{}; x[i.password].y.z;"#,
        r#"include_recipe(i.password);"#,
        r#"let x = parse_json(i.key);"#,
        r#"let x = parse_json(i.long);"#,
        r#"let x = parse_yaml(i.long);"#,
        r#"let x = parse_yaml("a: b\nc: " + i.long + "\n]");"#,
        r#"let x = parse_toml(i.long);"#,
        r#"default("t", i.long); default("t.x", 1);"#,
        r#"default("t", i.password); default("t.x", 1);"#,
        r#"throw i.quoted;"#,
        r#"log_info(i.quoted); log_info(to_json(i.quoted)); log_info(shell_quote(i.quoted)); log_info(i.quoted.trim());"#,
        r#"file("/out/a", #{ content: "x", mode: i.quoted });"#,
        r#"file("/out/a", #{ content: "x", owner: i.quoted });"#,
        r#"execute("false", #{ environment: #{ P: i.quoted }, input: i.long });"#,
        r#"let x = #{}; x[i.quoted].y;"#,
        r#"let x = [1]; x[i.quoted];"#,
        r#"let x = i.quoted - 1;"#,
        r#"let x = 1 / i.quoted;"#,
        r#"data_bag_item("db", i.quoted);"#,
        r#"data_bag(i.long);"#,
        r#"search("db", i.long);"#,
        r#"search(i.long, "*:*");"#,
        r#"include_recipe(i.quoted);"#,
        r#"value_for_platform(#{ "nothing": i.long });"#,
        r#"node[i.long];"#,
        r#"template("/out/a", #{ source: i.long, cookbook: "c" });"#,
        r#"template("/out/a", #{ source: "t.hbs", cookbook: "c", variables: #{ words: i.long, password: #{ a: i.long } } });"#,
        r#"file("/out/a", #{ content: "x" }).notifies(i.long, "file[/out/a]");"#,
        r#"file("/out/a", #{ content: "x" }).notifies("create", i.quoted);"#,
        r#"file("/out/a", #{ content: "x", verify: "test {path} " + i.long });"#,
        r#"resource(`file[${i.password}]`);"#,
        r#"execute(`mysql -p${i.password}`);"#,
        r#"execute(["mysql", "-p" + i.password]);"#,
        r#"execute(|| `mysql -p${i.password}`);"#,
        r#"execute("load", #{ command: || `mysql -p${i.password}` });"#,
        r#"execute("true", #{ not_if: `mysql -p${i.password}` });"#,
        r#"execute("true", #{ only_if: #{ command: "false", environment: #{ P: i.password } } });"#,
        r#"shell_out(`mysql -p${i.password}`);"#,
        r#"shell_out("false", #{ environment: #{ P: i.password }, input: i.key });"#,
        r#"let out = shell_out("cat", #{ input: i.key }); log_info(out.stderr); log_info(out.stdout);"#,
        r#"file("/out/a", #{ content: "Xq7-plain-password" }); packge("Xq7-plain-password");"#,
        r#"block("b", #{ run: || { throw i.password; } });"#,
        r#"block("b", #{ run: || { log_info(i.key); } });"#,
        r#"node.run_state.p = i.password; file("/out/a", #{ content: || node.run_state.p });"#,
        r#"user("shop", #{ password: i.password });"#,
        r#"user(i.more.login, #{ comment: "x" });"#,
        r#"group("g", #{ members: [i.more.login] });"#,
        r#"link("/out/l", #{ to: `/out/${i.password}` });"#,
        r#"remote_file("/out/r", #{ source: `https://u:${i.password}@127.0.0.1:1/${i.password}`, retries: 0 });"#,
        r#"remote_file("/out/r", #{ source: "https://127.0.0.1:1/", headers: #{ Authorization: i.password } });"#,
    ];
    for recipe in recipes {
        let world = World::new();
        let recipe = format!("let i = data_bag_item(\"db\", \"shop\");\n{recipe}");
        let mut written = String::new();
        for run in [
            world.plan(&recipe),
            world.converge(&recipe),
            world.converge(&recipe),
            world.plan(&recipe),
        ] {
            match run {
                Ok(report) => written.push_str(&serde_json::to_string_pretty(&report).unwrap()),
                Err(refused) => written.push_str(&shown(&refused)),
            }
        }
        let options = world.options(&recipe);
        let system = Rc::<FakeSystem>::clone(&world.system);
        match Run::on(system, Rc::new(toque_resources::standard())).options(options.clone()).graph()
        {
            Ok(drawing) => written.push_str(&serde_json::to_string_pretty(&drawing).unwrap()),
            Err(refused) => written.push_str(&shown(&refused)),
        }
        written.push_str(&world.told.borrow());
        written.push_str(&world.state());
        assert_hidden(&recipe, &written);
    }
}

#[test]
fn short_values_make_their_resource_sensitive() {
    for recipe in [
        r#"file("/out/a", #{ content: `pin ${i.pin}` });"#,
        r#"file("/out/a", #{ content: || `pin ${i.pin}` });"#,
        r#"template("/out/a", #{ source: "t.hbs", cookbook: "c", variables: #{ words: ["a", i.pin], password: "" } });"#,
        r#"default("db.password", i.pin); template("/out/a", #{ source: "node.hbs", cookbook: "c" });"#,
        r#"execute("false", #{ environment: #{ PIN: i.pin } });"#,
        r#"file(`/out/${i.pin}`, #{ content: "x" });"#,
        r#"c_account("shop", #{ password: i.pin });"#,
        r#"file("/out/a", #{ content: i.pin, sensitive: false });"#,
        r#"file("/out/a", #{ sensitive: true }).set(#{ content: i.pin, sensitive: false });"#,
    ] {
        let world = World::new();
        let recipe = format!("let i = data_bag_item(\"db\", \"shop\");\n{recipe}");
        for run in [world.plan(&recipe), world.converge(&recipe)] {
            let report = run.unwrap_or_else(|refused| panic!("{recipe}\n{}", shown(&refused)));
            let text =
                serde_json::to_string_pretty(&report).unwrap() + world.told.borrow().as_str();
            assert!(!text.contains(PIN), "{recipe}\n{text}");
        }
    }
}

#[test]
fn a_command_is_never_given_a_decrypted_value_as_an_argument() {
    let world = World::new();
    let refusal = |recipe: &str| {
        let recipe = format!("let i = data_bag_item(\"db\", \"shop\");\n{recipe}");
        match world.converge(&recipe) {
            Err(refused) => shown(&refused),
            Ok(report) => panic!("{recipe}\n{}", serde_json::to_string_pretty(&report).unwrap()),
        }
    };
    for recipe in [
        "execute(`mysql -p${i.password}`);",
        "execute([\"mysql\", i.more.login]);",
        "execute(\"x\", #{ command: `mysql -p${i.password}` });",
        "execute(\"true\", #{ not_if: `mysql -p${i.password}` });",
        "execute(\"true\", #{ not_if: [#{ command: [\"mysql\", i.password] }] });",
        "shell_out(`mysql -p${i.password}`);",
        "execute(`mysql -p ${i.pin}`);",
        "execute([\"mysql\", i.pin]);",
        "shell_out([\"mysql\", \"--password=\" + i.pin]);",
    ] {
        let told = refusal(recipe);
        assert!(told.contains("test:2:") && told.contains("`environment`"), "{recipe}\n{told}");
    }
    // What was said to be no secret may be an argument.
    world.converge("let i = data_bag_item(\"db\", \"shop\"); execute(`createuser ${nonsensitive(i.more.login)}`);").unwrap();
    assert_eq!(
        world.log("let i = data_bag_item(\"db\", \"shop\"); execute(\"echo $P\", #{ environment: #{ P: i.password } });"),
        [""; 0]
    );
    assert_eq!(world.system.read(Path::new("/etc/group")).unwrap(), b"root:x:0:\n");
}

#[test]
fn attributes_are_told_without_what_was_decrypted() {
    let world = World::new();
    let code = r#"let i = data_bag_item("db", "shop"); default("db", #{ password: i.password, pin: i.pin, off: i.broken_off, port: 1 });"#;
    world.put("cookbooks/c/attributes/default.rhai", code);
    let options = Options { recipe: None, ..world.options("") };
    let system = Rc::<FakeSystem>::clone(&world.system);
    let explained = Run::on(system, Rc::new(toque_resources::standard()))
        .options(options.clone())
        .explain(&["db".to_owned()])
        .unwrap();
    let text = serde_json::to_string(&explained).unwrap();
    assert!(text.contains("[sensitive]") && text.contains("\"port\":1"), "{text}");
    assert_hidden("explain", &text);
    assert!(!text.contains(PIN) && !text.contains("hunter2"), "{text}");

    let found = |encrypted| {
        let system = Rc::<FakeSystem>::clone(&world.system);
        let wanted = Search {
            query: Query::parse("name:localhost").unwrap(),
            order: Order::default(),
            start: 0,
            rows: None,
        };
        let found = Run::on(system, Rc::new(toque_resources::standard()))
            .options(options.clone())
            .search("node", &wanted, encrypted)
            .unwrap();
        Value::from_iter(found.into_iter().map(|found| (found.id, Value::Object(found.values))))["localhost"]["db"].to_string()
    };
    let hidden = found(Encrypted::Hidden);
    assert!(hidden.contains("\"port\":1") && !hidden.contains(PIN), "{hidden}");
    assert_hidden("a search", &hidden);
    assert!(found(Encrypted::Decrypted).contains(PASSWORD));
}

#[test]
fn what_cannot_be_opened_is_told_with_item_and_key() {
    let world = World::new();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut item: Value = serde_json::from_slice(
            &std::fs::read(world.folder.path().join("data_bags/db/shop.json")).unwrap(),
        )
        .unwrap();
        item["id"] = json!("broken");
        change(&mut item);
        world.put("data_bags/db/broken.json", &serde_json::to_string_pretty(&item).unwrap());
        let refused = world.converge("let i = data_bag_item(\"db\", \"broken\");").unwrap_err();
        shown(&refused)
    };
    let cases: [(&dyn Fn(&mut Value), &[&str]); 4] = [
        (
            &|item| item["password"]["version"] = json!(4),
            &["`password` of the item `db/broken`", "version 4"],
        ),
        (
            &|item| item["password"]["auth_tag"] = json!("AAAA"),
            &["`password`", "auth_tag", "should be 16"],
        ),
        (
            &|item| item["password"]["encrypted_data"] = json!("AAAAAAAAAAAAAAAA"),
            &["`password`", "the secret is not the one"],
        ),
        (
            &|item| item["pin"] = json!({ "encrypted_data": "AAAA", "version": 3 }),
            &["`pin` of the item `db/broken`", "it has no `iv`"],
        ),
    ];
    for (change, told) in cases {
        let text = broken(change);
        for part in told {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(text.contains("data_bags/db/broken.json:"), "{text}");
        assert_hidden("a broken value", &text);
    }
    for (recipe, told) in [
        (
            r#"data_bag_item("db", "shop", #{ secret_file: "/nowhere/secret" });"#,
            "the secret file `/nowhere/secret` is not there",
        ),
        (r#"data_bag_item("db", "shop", #{ secret: "x" });"#, "secret_file"),
        (r#"data_bag_item("db", "shop", #{ version: 3 });"#, "only for items of version 0"),
        (r#"data_bag_item("bd", "shop");"#, "did you mean `db`?"),
        (r#"data_bag_item("db", "shp");"#, "did you mean `shop`?"),
        (r#"data_bag("users");"#, "there is no data bag `users`"),
        (r#"let x = data_bag_item("db", "plain").deep.err;"#, "`db/plain.deep.err` is not set"),
    ] {
        let text = shown(&world.converge(recipe).unwrap_err());
        assert!(text.contains(told), "{recipe}\n{text}");
    }
    let other = world.folder.path().join("other");
    let text = shown(
        &world
            .converge(&format!("data_bag_item(\"db\", \"shop\", #{{ secret_file: {other:?} }});"))
            .unwrap_err(),
    );
    assert!(text.contains("the secret is not the one"), "{text}");
    let options =
        Options { secret_files: Vec::new(), ..world.options("data_bag_item(\"db\", \"shop\");") };
    let system = Rc::<FakeSystem>::clone(&world.system);
    let none = Run::on(system, Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge()
        .unwrap_err();
    assert!(shown(&none).contains("no secret file is named"), "{}", shown(&none));
}

#[test]
fn what_is_owed_to_names_that_look_alike_is_kept_apart() {
    let world = World::new();
    let recipe = r#"
        let i = data_bag_item("db", "shop");
        let (one, other) = (i.password, i.more.login);
        let (one, other) = (`load ${one}`, `load ${other}`);
        file("/out/a", #{ content: "x" }).notifies("run", `execute[${one}]`).notifies("run", `execute[${other}]`);
        execute(one, #{ command: "test -e /out/ok || false", action: "nothing" });
        execute(other, #{ command: "true", action: "nothing" });
    "#
    .replace("let (one, other) = (i.password, i.more.login);", "let one = i.password; let other = i.more.login;")
    .replace("let (one, other) = (`load ${one}`, `load ${other}`);", "one = `load ${one}`; other = `load ${other}`;");
    let report = world.converge(&recipe).unwrap();
    let owed: Vec<&str> = report.owed.iter().map(|owed| owed.target.as_str()).collect();
    assert_eq!(owed, ["execute[load [sensitive]]"]);
    let names: Vec<String> =
        report.resources.iter().map(|record| record.resource.to_string()).collect();
    assert_eq!(
        names,
        [
            "file[/out/a]",
            "execute[load [sensitive]]",
            "execute[load [sensitive] 2]",
            "execute[load [sensitive]]",
            "execute[load [sensitive] 2]"
        ]
    );
    assert_hidden("the journal", &world.state());
}

#[test]
fn what_goes_wrong_is_told_with_all_but_the_value() {
    let world = World::new();
    for (recipe, told) in [
        (r#"file("/nowhere/a", #{ content: i.password });"#, "cannot create `/nowhere/a`"),
        (
            r#"file("/out/a", #{ content: i.password, owner: "nosuch" });"#,
            "there is no user `nosuch`",
        ),
        (
            r#"execute("echo oops >&2; false", #{ environment: #{ P: i.password } });"#,
            "`echo oops >&2; false` exited with 1",
        ),
        (
            r#"execute("echo oops >&2; false", #{ environment: #{ P: i.pin } });"#,
            "the command [sensitive] exited with 1",
        ),
    ] {
        let report =
            world.converge(&format!("let i = data_bag_item(\"db\", \"shop\"); {recipe}")).unwrap();
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.contains(told), "{recipe}\n{text}");
        assert_hidden(recipe, &text);
    }
    let refused = world
        .converge("let i = data_bag_item(\"db\", \"shop\"); execute(`login ${i.more.login}`);")
        .unwrap_err();
    assert!(
        shown(&refused).contains("the command holds `more` of the item `db/shop`"),
        "{}",
        shown(&refused)
    );
}
