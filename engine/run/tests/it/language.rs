//! The language from outside: what recipes mean, each as a recipe on the fake machine.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use toque_contract::event::Event;
use toque_contract::report::{Report, Status};
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Source;
use toque_core::json::Document;
use toque_data::run_list::Item;
use toque_engine::{Options, Refused, Run};
use toque_machine::command::{End, Output};
use toque_machine::system::{FakeSystem, Query};

/// `sh` and `true` succeed unless their line says `false`.
fn machine() -> Rc<FakeSystem> {
    let system = FakeSystem::new();
    system.put_dir("/out", 0o755);
    system.install_program("sh", |_, command| {
        let line = command.argv.last().cloned().unwrap_or_default();
        Output { end: End::Exited(i32::from(line.contains("false"))), ..Output::default() }
    });
    Rc::new(system)
}

fn options(recipe: &str) -> Options {
    Options {
        recipe: Some(Source { name: "test".into(), path: None, text: recipe.into() }),
        ..Options::default()
    }
}

fn try_run(system: &Rc<FakeSystem>, options: &Options) -> Result<Report, Refused> {
    Run::on(Rc::<FakeSystem>::clone(system), Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge()
}

/// Converges a recipe that must succeed.
fn run(recipe: &str) -> Rc<FakeSystem> {
    let system = machine();
    let report = try_run(&system, &options(recipe))
        .unwrap_or_else(|refused| panic!("{recipe}\n{}", refused.diagnostics));
    let failed: Vec<_> =
        report.resources.iter().filter_map(|record| record.error.as_ref()).collect();
    assert!(failed.is_empty(), "{recipe}\n{failed:?}");
    system
}

fn there(system: &FakeSystem, path: &str) -> bool {
    system.lstat(Path::new(path)).is_ok()
}

#[test]
fn values_of_expressions() {
    for (expression, expected) in [
        ("#{ default: 1, package: 2, new: 3 }.default", "1"),
        ("#{ match: 1, shared: 2, is: 3, public: 4, from: 5 }.shared", "2"),
        ("node.name", "localhost"),
        ("node.get(\"no.such\", 7)", "7"),
        ("node.get(\"no.such\") == ()", "true"),
        ("node.has(\"a.b\")", "true"),
        ("node.a.keys()", "[\"b\", \"list\"]"),
        ("node.a.len()", "2"),
        ("\"b\" in node.a", "true"),
        ("node.a.list[1]", "20"),
        ("node[\"a\"][\"b\"]", "x"),
        ("node.a == #{ b: \"x\", list: [10, 20] }", "true"),
        ("node.get([\"a\", \"b\"])", "x"),
        ("value_for_platform_family(#{ default: \"d\" })", "d"),
        ("value_for_platform(#{ default: \"d\" })", "d"),
        ("shell_quote(\"it's\")", "'it'\\''s'"),
        ("sha256(\"\")", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("base64(\"hi\")", "aGk="),
        ("parse_json(\"{\\\"a\\\": [1, 2]}\").a[1]", "2"),
        ("parse_yaml(\"a: [1, 2]\").a[1]", "2"),
        ("parse_toml(\"a = [1, 2]\").a[1]", "2"),
        ("parse_json(to_json(#{ a: 1.5 })).a", "1.5"),
        ("parse_json(to_json(#{ part: node.a })).part.b", "x"),
        ("parse_yaml(to_yaml(#{ a: [1] })).a[0]", "1"),
        ("parse_toml(to_toml(#{ a: \"b\" })).a", "b"),
        ("shell_out([\"sh\", \"true\"]).status", "0"),
        ("shell_out([\"sh\", \"false\"], #{ returns: [0, 1] }).status", "1"),
        ("file_exists(\"/out\")", "true"),
        ("read_file(\"/etc/passwd\").contains(\"root\")", "true"),
        ("has_resource(\"file[/x]\")", "false"),
    ] {
        let recipe = format!(
            "default(\"a\", #{{ b: \"x\", list: [10, 20] }}); file(\"/out/v\", #{{ content: `${{{expression}}}` }});"
        );
        assert_eq!(run(&recipe).text("/out/v"), expected, "{expression}");
    }
}

#[test]
fn closures_keep_the_values_of_their_declaration() {
    let system = run(r#"
        for x in ["a", "b", "c"] {
            file("/out/" + x, #{ content: || x, only_if: || x != "b" });
        }
        let later = "early";
        file("/out/later", #{ content: || later });
        later = "late";
    "#);
    assert_eq!(system.text("/out/a"), "a");
    assert_eq!(system.text("/out/c"), "c");
    assert!(!there(&system, "/out/b"));
    assert_eq!(system.text("/out/later"), "early");
}

/// A closure has copies of what it saw: one that holds itself has no end, and one that holds
/// another twice is twice as large.
#[test]
fn closures_that_hold_too_many_others_are_refused() {
    let twice = |what: &str| {
        format!("let f = || 1; for i in 0..40 {{ let one = f; let two = f; f = {what}; }}")
    };
    for (make, told) in [
        ("let f = || 1; f = || f;".to_owned(), "more than 128 deep"),
        ("let f = || 1; f = || f.call();".to_owned(), "more than 128 deep"),
        ("let map = #{}; let f = || map; map.f = f;".to_owned(), "more than 128 deep"),
        (
            "let f = || 1; for i in 0..5000 { let other = f; f = || other; }".to_owned(),
            "more than 128 deep",
        ),
        (twice("|| { one.call(); two.call() }"), "more than 10000 in one"),
        (twice("|| [one, two]"), "more than 10000 in one"),
        (twice("#{ one: || one, two: || two }"), "more than 10000 in one"),
    ] {
        for usage in [
            "file(\"/out/x\", #{ content: f });",
            "file(\"/out/x\", #{ content: || f });",
            "file(\"/out/x\", #{ only_if: || f });",
            "block(\"x\", #{ run: || f });",
            "template(\"/out/x\", #{ source: \"/x.hbs\", local: true, variables: #{ f: f } });",
        ] {
            let recipe = format!("{make}\n{usage}");
            let refused = try_run(&machine(), &options(&recipe)).expect_err(&recipe);
            let mistake = &refused.diagnostics.0[0];
            assert!(
                mistake.message.contains(&format!("closures hold one another, {told}")),
                "{recipe}\n{mistake}"
            );
            assert_eq!(mistake.span.as_ref().map(|span| span.line), Some(2), "{recipe}\n{mistake}");
        }
    }
}

#[test]
fn what_has_no_end_is_refused() {
    let template = "{{#each list}}{{#each ../list}}{{#each ../../list}}{{#each ../../../list}}{{#each ../../../../list}}some text\
                    {{/each}}{{/each}}{{/each}}{{/each}}{{/each}}";
    let long = "let list = []; list.pad(100, 1); template(\"/out/x\", #{ source: \"/x.hbs\", local: true, variables: #{ list: list } });";
    for (recipe, told) in [
        ("let text = \"abc\"; text.pad(10, \"\");", "there is nothing to pad the text with"),
        ("let text = \"abc\"; text.pad(1000000000, \"de\");", "is larger than the limit"),
        (long, "it prints more than the limit of 16777216 bytes"),
    ] {
        let system = machine();
        system.put_file("/x.hbs", template);
        let told_by = match try_run(&system, &options(recipe)) {
            Err(refused) => refused.diagnostics.to_string(),
            Ok(report) => report
                .resources
                .iter()
                .filter_map(|record| record.error.as_deref())
                .map(ToString::to_string)
                .collect(),
        };
        assert!(told_by.contains(told), "{recipe}\n{told_by}");
    }
    let system = run(
        "let text = \"é\"; text.pad(4, \"ab\"); text.pad(2, \"\"); text.pad(-1, \"x\"); file(\"/out/x\", #{ content: text });",
    );
    assert_eq!(system.text("/out/x"), "éaba");
}

/// Renders a template of 100 × 100 × … rounds that print nothing, or what else it says.
fn render(template: &str, options: impl FnOnce(Options) -> Options) -> String {
    let recipe = "let list = []; list.pad(100, 1); template(\"/out/x\", #{ source: \"/x.hbs\", local: true, variables: #{ list: list, x: true } });";
    let system = machine();
    system.put_file("/x.hbs", template);
    match try_run(&system, &options(self::options(recipe))) {
        Err(refused) => refused.diagnostics.to_string(),
        Ok(report) => report
            .resources
            .iter()
            .filter_map(|record| record.error.as_deref())
            .map(ToString::to_string)
            .collect(),
    }
}

#[test]
fn templates_that_are_nested_too_deep_are_refused() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("line 1\n{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    assert_eq!(render(&nested("{{#if x}}", "", "{{/if}}", 100), |options| options), "");
    for template in [
        nested("{{#if x}}", "", "{{/if}}", 101),
        nested("{{#if x}}", "", "{{/if}}", 3_000),
        nested("{{#each list}}", "", "", 3_000),
        nested("{{#if x}}{{else if x}}", "", "{{/if}}", 51),
        format!("\n{{{{#if x}}}}{}{{{{/if}}}}", "{{else if x}}".repeat(2_000)),
        format!(
            "\n{{{{{}}}}}",
            nested("upper (lower ", "x", ")", 60).replace("line 1\n", "") + ")"
        ),
    ] {
        let told = render(&template, |options| options);
        assert!(
            told.contains("nested too deep: 100 blocks") || told.contains("a tag is wrong"),
            "{}…: {told}",
            &template[..60]
        );
        assert!(told.contains("x.hbs:2:"), "{}…: {told}", &template[..60]);
    }
}

#[test]
fn rendering_heeds_time_steps_and_stop() {
    let open = "{{#each list}}{{#each ../list}}{{#each ../../list}}{{#each ../../../list}}";
    let template = format!("{open}{{{{#each ../../../../list}}}}{}", "{{/each}}".repeat(5));
    let told = render(&template, |mut options| {
        options.limits.operations = 100_000;
        options
    });
    assert!(
        told.contains("more than the limit of 100000 steps") && told.contains("x.hbs:1:"),
        "{told}"
    );
    let told = render(&template, |mut options| {
        options.limits.compile_time = Duration::from_millis(200);
        options
    });
    assert!(told.contains("longer than the limit of 0 s"), "{told}");
    let stop = CancelToken::new(Duration::ZERO);
    let asked = stop.clone();
    let asking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        asked.request();
    });
    let told = render(&template, |options| Options { stop, ..options });
    asking.join().unwrap();
    assert!(told.contains("told to stop"), "{told}");
}

/// Windows' line ends are as good as others; Rhai would count other lines where a carriage return
/// stands alone.
#[test]
fn carriage_returns_end_lines_or_are_refused() {
    for (recipe, told) in [
        (
            "let a = 1;\r\n// a comment\r\n/* one\r\nmore */ let b = `x\r\ny`;\r\n  c;",
            "test:6:3: there is no variable `c` here",
        ),
        (
            "let a = 1;\n// it's\r\rso\nb;",
            "test:2:8: syntax error: a carriage return stands here and ends no line",
        ),
        ("let a = 1;\r", "test:1:11: syntax error: a carriage return stands here and ends no line"),
    ] {
        let refused = try_run(&machine(), &options(recipe)).expect_err(recipe);
        assert_eq!(refused.diagnostics.to_string(), told, "{recipe:?}");
    }
}

#[test]
fn node_and_run_state_are_read_when_the_closure_runs() {
    let system = run(r#"
        block("compute", #{ run: || { node.run_state.token = "secret" + 1; node.run_state["more"] = #{ x: 2 }; } });
        file("/out/t", #{ content: || node.run_state.token + node.run_state.more.x });
        file("/out/a", #{ content: || node.late });
        default("late", "set after");
    "#);
    assert_eq!(system.text("/out/t"), "secret12");
    assert_eq!(system.text("/out/a"), "set after");
}

#[test]
fn pairs_are_taken_apart() {
    let system = run(r#"
        default("sites", #{ shop: #{ port: 80 }, blog: #{ port: 81 } });
        let text = "";
        for (name, site) in node.sites { if name == "x" { continue; } text += `${name}=${site.port} `; }
        let plain = #{ a: 1, b: 2 };
        for (key, value) in plain { text += `${key}${value} `; }
        for (item, index) in ["x", "y"] { text += `${index}${item} `; }
        for (key, value) in plain { file("/out/" + key, #{ content: || `${value}` }); }
        file("/out/text", #{ content: text });
    "#);
    let text = system.text("/out/text");
    assert!(
        text.contains("shop=80 ") && text.contains("blog=81 ") && text.ends_with("a1 b2 0x 1y "),
        "{text}"
    );
    assert_eq!(system.text("/out/b"), "2");
}

#[test]
fn errors_on_the_line_of_a_pair_loop_stand_where_they_were_written() {
    let recipe = "let m = #{ a: 1 };\nfor (k, v) in m { file(k, #{ contnt: v }); }";
    let told = try_run(&machine(), &options(recipe)).unwrap_err().diagnostics.to_string();
    assert!(told.starts_with("test:2:30:"), "{told}");
}

#[test]
fn attributes_by_level() {
    let recipe = r#"
        override("a.b", 3); default("a.b", 1); default("a.c", 1); normal("a.c", 2); force_default("a.d", 5); default("a.d", 4);
        force_override("a.e", 9); override("a.e", 8);
        default(["with.dot", "x"], 6);
        file("/out/v", #{ content: `${node.a.b}${node.a.c}${node.a.d}${node.a.e}${node["with.dot"].x}${node.a.f}` });
    "#;
    let attributes = Document::of("given", &json!({ "a": { "c": 7, "f": 1 } })).unwrap();
    let options = Options { attributes: Some(Rc::new(attributes)), ..options(recipe) };
    let system = machine();
    try_run(&system, &options).unwrap();
    assert_eq!(system.text("/out/v"), "375961");
}

#[test]
fn handles_change_and_remove_what_was_declared() {
    let system = run(r#"
        file("/out/a", #{ content: "1", mode: "0600", not_if: "true" });
        resource("file[/out/a]").set(#{ content: "2", not_if: "false" });
        file("/out/b", #{ content: "1" }).notifies("create", "file[/out/c]");
        resource("file[/out/b]").remove();
        let gone = has_resource("file[/out/b]");
        file("/out/c", #{ content: `${gone}` });
        file("/out/lazy", #{ content: || "lazy" });
        resource("file[/out/lazy]").set(#{ content: "plain" });
        let first = file("/out/first", #{ content: "x" });
        file("/out/changed", #{ content: || `${first.changed} ${first.name}` });
    "#);
    assert_eq!(system.text("/out/a"), "2");
    assert_eq!(system.lstat(Path::new("/out/a")).unwrap().mode, 0o600);
    assert!(!there(&system, "/out/b"));
    assert_eq!(system.text("/out/c"), "false");
    assert_eq!(system.text("/out/lazy"), "plain");
    assert_eq!(system.text("/out/changed"), "true /out/first");
}

#[test]
fn guards_in_every_form() {
    for (guard, runs) in [
        ("only_if: \"sh true\"", true),
        ("only_if: \"sh false\"", false),
        ("not_if: \"sh true\"", false),
        ("only_if: || true", true),
        ("only_if: || false", false),
        ("only_if: || ()", false),
        ("not_if: || ()", true),
        ("only_if: [\"sh true\", || false]", false),
        ("not_if: [\"sh false\", || false]", true),
        ("only_if: #{ command: \"sh false\", returns: [1] }", true),
        (
            "only_if: #{ command: [\"sh\", \"true\"], cwd: \"/\", environment: #{ A: \"b\" }, timeout: 5 }",
            true,
        ),
        ("only_if: \"sh true\", not_if: \"sh true\"", false),
    ] {
        let system = run(&format!("file(\"/out/x\", #{{ content: \"\", {guard} }});"));
        assert_eq!(there(&system, "/out/x"), runs, "{guard}");
    }
}

#[test]
fn what_a_recipe_must_not_do() {
    for (recipe, told) in [
        ("let node = 1;", "node"),
        ("eval(\"1\");", "eval"),
        ("sleep(1);", "there is no function `sleep`"),
        ("timestamp();", "there is no function `timestamp`"),
        ("const M = #{ a: 1 }; M.a = 2;", "constant"),
        ("node.x = 1;", "cannot be set"),
        ("import \"../x\" as x;", "there is no library"),
        ("fn f() { f() } f();", "nested more than 64"),
        ("let a = []; loop { a = [a]; }", "limit"),
        ("let s = \"x\"; loop { s += s; }", "limit"),
        ("default(\"a\", || 1);", "closure"),
        ("default(\"a..b\", 1);", "no attribute path"),
        ("file(\"/out/x\", #{ action: || \"create\" });", "`action`"),
        ("file(\"\");", "cannot be empty"),
        ("file(5.5);", "not an absolute path"),
        ("file(\"/x\", \"y\");", "map"),
        ("throw \"no good\";", "no good"),
        ("shell_out([\"sh\", \"false\"]);", "exited with 1"),
        ("shell_out(\"true\", #{ usr: \"x\" });", "usr"),
        ("include_recipe(\"web\");", "no cookbook `web`"),
        ("package(\"a\").notifies(\"install\", 5);", "a target is"),
        ("to_toml([1]);", "only a map"),
        ("parse_json(\"{\");", "cannot read JSON: it ends too early"),
        ("log(1); /* log(2);", "the comment is not closed"),
        ("names::full();", "nothing is imported as `names`"),
        ("let m = #{ a: 1, a: 2 };", "the key `a` twice"),
        ("fn f() {} fn f() {}", "defined twice"),
        ("for x in #{ a: 1 } {}", "a loop cannot go through"),
        (
            "file(\"/x\", #{ only_if: #{ command: \"true\", usr: 1 } });",
            "there is no key `usr` here",
        ),
        ("file(\"/x\", #{ only_if: [#{ command: 5 }] });", "a shell line or an array"),
        ("file(\"/x\", #{ backup: -1 });", "found -1"),
    ] {
        let compile_time = std::time::Duration::from_secs(3);
        let limits = toque_engine::Limits {
            operations: 300_000,
            size: 100_000,
            compile_time,
            ..toque_engine::Limits::default()
        };
        let options = Options { limits, ..options(recipe) };
        let error = match try_run(&machine(), &options) {
            Ok(_) => panic!("{recipe} was not refused"),
            Err(refused) => refused.diagnostics,
        };
        assert_eq!(error.0.len(), 1, "{recipe}: {error}");
        assert!(error.to_string().contains(told), "{recipe}: {error}");
        assert!(error.0[0].span.is_some(), "{recipe}: {error}");
    }
}

#[test]
fn nothing_is_declared_while_converging() {
    let report =
        try_run(&machine(), &options("block(\"b\", #{ run: || { file(\"/out/x\"); } });")).unwrap();
    assert_eq!(report.resources[0].status, Status::Failed);
    let error = report.resources[0].error.as_ref().unwrap();
    assert!(error.message.contains("cannot be declared while"), "{error}");
}

#[test]
fn recipes_are_included_once_with_their_cookbooks_attributes_and_libraries() {
    let repository = tempfile::tempdir().unwrap();
    let cookbook = |name: &str, more: &str, files: &[(&str, &str)]| {
        let root = repository.path().join("cookbooks").join(name);
        for folder in ["recipes", "attributes", "libraries"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(
            root.join("cookbook.toml"),
            format!("name = \"{name}\"\nversion = \"1.0\"\n{more}"),
        )
        .unwrap();
        for (path, text) in files {
            std::fs::write(root.join(path), text).unwrap();
        }
    };
    cookbook(
        "base",
        "",
        &[
            ("attributes/default.rhai", "default(\"order\", \"base\");"),
            ("recipes/default.rhai", "file(\"/out/base\", #{ content: node.order });"),
            ("libraries/names.rhai", "fn full(name) { `${name}.${node.domain_of}` }"),
        ],
    );
    cookbook(
        "web",
        "[dependencies]\nbase = \">= 1.0\"\n",
        &[
            (
                "attributes/default.rhai",
                "default(\"order\", \"web\"); default(\"domain_of\", \"example.com\");",
            ),
            ("attributes/a.rhai", "default(\"order\", node.order + \"+a\");"),
            (
                "recipes/default.rhai",
                "import \"base::names\" as names;\nlet n = include_recipe(\"base\"); let m = include_recipe(\"base\");\n\
                 include_recipe(\"::tls\"); file(\"/out/web\", #{ content: `${n}${m} ${names::full(\"www\")}` });",
            ),
            (
                "recipes/tls.rhai",
                "include_recipe(\"web\"); file(\"/out/tls\", #{ content: \"tls\" });",
            ),
        ],
    );
    let system = machine();
    let run_list = vec![Item::parse("web").unwrap()];
    let options =
        Options { repository: Some(repository.path().to_owned()), run_list, ..Options::default() };
    let report =
        try_run(&system, &options).unwrap_or_else(|refused| panic!("{}", refused.diagnostics));
    let order: Vec<String> =
        report.resources.iter().map(|record| record.resource.to_string()).collect();
    assert_eq!(order, ["file[/out/base]", "file[/out/tls]", "file[/out/web]"]);
    assert_eq!(system.text("/out/base"), "web+a");
    assert_eq!(system.text("/out/web"), "truefalse www.example.com");
}

#[test]
fn a_run_tells_what_it_does() {
    let told = Rc::new(std::cell::RefCell::new(Vec::new()));
    let heard = Rc::clone(&told);
    let sink = move |event: &Event<'_>| {
        heard.borrow_mut().push(match event {
            Event::Log { message, .. } => format!("log {message}"),
            Event::Started { resource, action } => format!("start {resource} {action}"),
            Event::Done(record) => format!("done {} {:?}", record.resource, record.status),
            Event::Delayed { count } => format!("delayed {count}"),
            Event::Converging { resources } => format!("converging {resources}"),
            _ => return,
        });
    };
    let recipe = r#"
        log_info("compiling");
        file("/out/a", #{ content: "" }).notifies("write", "log[hello]");
        log("hello", #{ action: "nothing" });
    "#;
    Run::on(machine(), Rc::new(toque_resources::standard()))
        .options(options(recipe))
        .sink(sink)
        .converge()
        .unwrap();
    let expected = [
        "log compiling",
        "converging 2",
        "start file[/out/a] create",
        "done file[/out/a] Changed",
        "done log[hello] Skipped",
        "delayed 1",
        "start log[hello] write",
        "log hello",
        "done log[hello] UpToDate",
    ];
    assert_eq!(*told.borrow(), expected);
}
