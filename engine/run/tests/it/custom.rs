//! Custom resources from outside: cookbooks in a folder, converged on the fake machine.

use std::path::Path;
use std::rc::Rc;

use tempfile::TempDir;
use toque_contract::report::{Outcome, Report, Status};
use toque_core::diagnostic::Source;
use toque_data::run_list::Item;
use toque_engine::{Options, Refused, Run};
use toque_machine::command::{End, Output};
use toque_machine::system::{FakeSystem, Query};

/// A repository with the cookbook `c`, and a machine.
struct World {
    repository: TempDir,
    system: Rc<FakeSystem>,
    state: Option<TempDir>,
}

impl World {
    fn new(resources: &[(&str, &str)]) -> Self {
        let system = FakeSystem::new();
        system.put_dir("/out", 0o755);
        system.install_program("sh", |system, command| {
            let line = command.argv.last().cloned().unwrap_or_default();
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["write", text, path] => system.put_file(path, text),
                ["append", text] => {
                    let log = system.read(Path::new("/out/log")).unwrap_or_default();
                    system
                        .put_file("/out/log", format!("{}{text}", String::from_utf8(log).unwrap()));
                }
                _ => {}
            }
            Output { end: End::Exited(i32::from(line.contains("false"))), ..Output::default() }
        });
        let world =
            Self { repository: tempfile::tempdir().unwrap(), system: Rc::new(system), state: None };
        world.put("cookbooks/c/cookbook.toml", "name = \"c\"\nversion = \"1.0\"\n");
        world.put("cookbooks/c/recipes/default.rhai", "");
        for (name, text) in resources {
            world.put(&format!("cookbooks/c/resources/{name}.rhai"), text);
        }
        world
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.repository.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn options(&self, recipe: &str) -> Options {
        Options {
            repository: Some(self.repository.path().to_owned()),
            run_list: vec![Item::parse("c").unwrap()],
            recipe: Some(Source { name: "test".into(), path: None, text: recipe.into() }),
            state_dir: self.state.as_ref().map(|dir| dir.path().to_owned()),
            ..Options::default()
        }
    }

    fn try_run(&self, recipe: &str) -> Result<Report, Refused> {
        let system = Rc::<FakeSystem>::clone(&self.system);
        Run::on(system, Rc::new(toque_resources::standard()))
            .options(self.options(recipe))
            .converge()
    }

    fn plan(&self, recipe: &str) -> Vec<String> {
        let system = Rc::<FakeSystem>::clone(&self.system);
        let report = Run::on(system, Rc::new(toque_resources::standard()))
            .options(self.options(recipe))
            .plan();
        lines(&report.unwrap_or_else(|refused| panic!("{recipe}\n{}", refused.diagnostics)))
    }

    /// Converges a recipe that must succeed: `kind[name] action: status` of each record.
    fn run(&self, recipe: &str) -> Vec<String> {
        let report = self
            .try_run(recipe)
            .unwrap_or_else(|refused| panic!("{recipe}\n{}", refused.diagnostics));
        let failed: Vec<_> =
            report.resources.iter().filter_map(|record| record.error.as_ref()).collect();
        assert!(failed.is_empty(), "{recipe}\n{failed:?}");
        lines(&report)
    }

    /// What a recipe is refused with.
    fn refused(&self, recipe: &str) -> String {
        match self.try_run(recipe) {
            Ok(report) => panic!("{recipe}\nwas not refused: {:?}", lines(&report)),
            Err(refused) => told(&refused),
        }
    }

    fn text(&self, path: &str) -> String {
        self.system.text(path)
    }
}

/// Messages with their places, notes and hints.
fn told(refused: &Refused) -> String {
    let all = refused.diagnostics.0.iter().map(|diagnostic| {
        let more: Vec<&str> =
            diagnostic.notes.iter().chain(&diagnostic.hints).map(String::as_str).collect();
        format!("{diagnostic}\n{}\n", more.join("\n"))
    });
    all.collect()
}

fn lines(report: &Report) -> Vec<String> {
    let line = |record: &toque_contract::report::Record| {
        let status = match record.status {
            Status::Changed => "changed",
            Status::UpToDate => "up to date",
            Status::Skipped => "skipped",
            Status::Failed => "failed",
            Status::WouldChange => "would change",
            Status::MayChange => "may change",
            Status::Interrupted => "interrupted",
        };
        format!("{} {}: {status}", record.resource, record.action)
    };
    report.resources.iter().map(line).collect()
}

/// The result of one property of the type and options given.
fn property(options: &str, value: &str) -> Result<String, String> {
    let run = "action(\"run\", || { file(\"/out/p\", #{ content: `${this.p}` }); });";
    let resource = format!("property(\"p\", #{{ {options} }}); {run} action(\"other\", || {{}});");
    let world = World::new(&[("r", &resource)]);
    let given = if value.is_empty() { String::new() } else { format!("p: {value}") };
    match world.try_run(&format!("c_r(\"x\", #{{ {given} }});")) {
        Ok(_) => Ok(world.text("/out/p")),
        Err(refused) => Err(told(&refused)),
    }
}

#[test]
fn properties_take_what_they_declare() {
    for (options, value, expected) in [
        ("", "1", "1"),
        ("type: \"string\"", "\"a\"", "a"),
        ("type: \"int\"", "-3", "-3"),
        ("type: \"float\"", "1.5", "1.5"),
        ("type: \"float\"", "2", "2"),
        ("type: \"bool\"", "false", "false"),
        ("type: \"array\"", "[1, \"b\"]", "[1, \"b\"]"),
        ("type: \"map\"", "#{ a: 1 }", "#{\"a\": 1}"),
        ("type: \"mode\"", "\"644\"", "0644"),
        ("type: \"mode\"", "0o600", "0600"),
        ("type: \"any\"", "[true]", "[true]"),
        ("type: [\"string\", \"int\"]", "7", "7"),
        ("type: [\"array\", \"string\"]", "\"one\"", "one"),
        ("type: \"int\", default: 80", "", "80"),
        ("default: ()", "", ""),
        ("default: || node.name + this.name", "", "localhostx"),
        ("default: #{ a: [1] }", "", "#{\"a\": [1]}"),
        ("one_of: [\"a\", 2]", "2", "2"),
        ("pattern: \"^[a-z]+$\"", "\"abc\"", "abc"),
        ("validate: |value| value > 3", "4", "4"),
        ("validate: |value| if value == 4 { true } else { \"must be four\" }", "4", "4"),
        ("coerce: |value| value.to_upper()", "\"abc\"", "ABC"),
        (
            "type: \"array\", coerce: |value| if type_of(value) == \"array\" { value } else { [value] }",
            "1",
            "[1]",
        ),
        ("name: true", "", "x"),
        ("name: true", "\"y\"", "y"),
        ("required: true", "1", "1"),
        ("required: [\"other\"]", "", ""),
        ("", "|| 40 + 2", "?"),
    ] {
        let got = property(options, value);
        if value.starts_with("||") {
            assert!(
                got.unwrap_err().contains("`p` is a closure, and is not computed before"),
                "{options} {value}"
            );
        } else {
            assert_eq!(got.as_deref(), Ok(expected), "{options} {value}");
        }
    }
}

#[test]
fn properties_refuse_what_they_do_not_take() {
    for (options, value, expected) in [
        ("type: \"string\"", "1", "`p`: expected a string, found an integer"),
        ("type: \"int\"", "1.5", "`p`: expected an integer, found a decimal number"),
        ("type: \"bool\"", "\"true\"", "`p`: expected true or false, found a string"),
        ("type: \"map\"", "[]", "`p`: expected a map, found an array"),
        (
            "type: [\"string\", \"int\"]",
            "[]",
            "`p`: expected a string or an integer, found an array",
        ),
        ("type: \"mode\"", "644", "decimal number"),
        ("type: \"mode\"", "\"9\"", "no mode"),
        ("one_of: [\"on\", \"off\"]", "\"of\"", "\"of\" is not allowed"),
        ("pattern: \"^[a-z]+$\"", "\"A\"", "`A` does not match `^[a-z]+$`"),
        ("pattern: \"^[a-z]+$\", sensitive: true", "\"A\"", "the value does not match"),
        ("validate: |value| value > 3", "3", "3 is refused by its `validate`"),
        ("validate: |value| \"must be four\"", "3", "must be four"),
        ("validate: |value| 7", "3", "must give true, false or a sentence"),
        ("validate: |value| throw \"no way\"", "3", "no way"),
        ("coerce: |value| value.nothing_like_it()", "3", "nothing_like_it"),
        ("required: true", "", "`p` is required and not set"),
        ("required: [\"run\"]", "", "the action `run` needs `p`"),
        ("", "()", "`p` is nothing"),
        ("type: \"int\", default: \"a\"", "", "expected an integer, found a string"),
        (
            "type: \"int\", default: || \"a\"",
            "",
            "the default of `p`: expected an integer, found a string",
        ),
        ("type: \"integer\"", "", "there is no type `integer`"),
        ("typ: \"int\"", "", "there is no option `typ`"),
        ("pattern: \"(\"", "", "no regular expression"),
        ("required: true, default: 1", "", "required and has a default"),
        (
            "required: [\"rnu\"]",
            "",
            "`required` names `rnu`, which is no action of `c_r`\ndid you mean `run`?",
        ),
        (
            "sensitive: true, validate: |value| `${value} is short`",
            "\"abc\"",
            "`p`: [sensitive] is short",
        ),
        (
            "sensitive: true, coerce: |value| throw `${value} is short`",
            "\"abc\"",
            "`p`: [sensitive] is short",
        ),
        ("coerce: || 1", "\"abc\"", "write its parameters as `|value| …`"),
        ("sensitive: true, name: true", "", "which everybody sees"),
        ("name: 1", "", "`name`: expected true or false, found an integer"),
        ("one_of: []", "", "expected an array of values"),
        ("validate: 1", "", "expected a closure of the value, found an integer"),
    ] {
        let told = property(options, value).unwrap_err();
        assert!(told.contains(expected), "{options} {value}\n{told}");
    }
}

#[test]
fn what_a_file_in_resources_cannot_say() {
    for (resource, expected) in [
        ("property(\"p\");", "has no action"),
        ("property(\"action\"); action(\"run\", || {});", "every kind has a property of that name"),
        (
            "property(\"include_recipe\"); action(\"run\", || {});",
            "there is a function of that name",
        ),
        (
            "property(\"notifies\"); action(\"run\", || {});",
            "it means something else on a resource",
        ),
        ("property(\"a-b\"); action(\"run\", || {});", "names are letters, digits and `_`"),
        (
            "property(\"p\"); property(\"p\"); action(\"run\", || {});",
            "there are two properties `p`",
        ),
        (
            "property(\"p\", #{ name: true }); property(\"q\", #{ name: true }); action(\"run\", || {});",
            "both `p` and `q`",
        ),
        ("action(\"run\", || {}); action(\"run\", || {});", "there are two actions `run`"),
        ("action(\"nothing\", || {});", "every resource has the action `nothing`"),
        ("current(|| ()); current(|| ()); action(\"run\", || {});", "`current` is there twice"),
        ("file(\"/out/x\"); action(\"run\", || {});", "a resource is declared in an action"),
        (
            "default(\"a\", 1); action(\"run\", || {});",
            "an attribute cannot be set by a custom resource",
        ),
        ("action(\"run\", || {", "syntax error"),
        (
            "action(\"run\", || { converge_if_changed(|| { file(\"/out/x\"); }); });",
            "`converge_if_changed` needs `current`",
        ),
        (
            "current(|| ()); action(\"run\", || { converge_if_changed(|| {}); });",
            "declares no resource",
        ),
        (
            "current(|| ()); action(\"run\", || { converge_if_changed(\"q\", || { file(\"/out/x\"); }); });",
            "has no property `q`",
        ),
        (
            "current(|| ()); action(\"run\", || { converge_if_changed(|| { shell_out(\"true\"); }); });",
            "would run while recipes compile",
        ),
        ("action(\"run\", || { run_action(\"rnu\"); });", "has no action `rnu`"),
        (
            "property(\"p\", #{ required: \"rnu\" }); action(\"run\", || {});",
            "property `p`: `required` names `rnu`, which is no action of `c_r`",
        ),
        (
            "property(\"p\", #{ required: \"more\" }); action(\"run\", || { run_action(\"more\"); }); action(\"more\", || {});",
            "the action `more` needs `p`, which is not set",
        ),
        (
            "action(\"run\", || { run_action(\"run\"); });",
            "actions run one another more than 64 deep",
        ),
        ("action(\"run\", || { c_r(\"again\"); });", "inside one another more than 32 deep"),
        (
            "action(\"run\", || { c_r(\"a\"); c_r(\"b\"); });",
            "inside one another more than 32 deep",
        ),
        (
            "action(\"run\", || { default(\"a\", 1); });",
            "an attribute cannot be set by a custom resource",
        ),
        (
            "action(\"run\", || { include_recipe(\"c\"); });",
            "a recipe cannot be included by a custom resource",
        ),
        (
            "action(\"run\", || { file(\"/out/x\", #{ content: this.nam }); });",
            "`c_r` has no property `nam`",
        ),
        ("action(\"run\", || { loop {} });", "steps"),
    ] {
        let world = World::new(&[("r", resource)]);
        let told = world.refused("c_r(\"x\");");
        assert!(told.contains(expected), "{resource}\n{told}");
        assert!(told.contains("resources/r.rhai") || told.contains("test:1"), "{resource}\n{told}");
    }
    for word in ["property(\"p\")", "action(\"run\", || {})", "current(|| ())"] {
        assert!(
            World::new(&[])
                .refused(word)
                .contains("belongs into a file of a cookbook's resources/"),
            "{word}"
        );
    }
    for word in ["run_action(\"run\")", "converge_if_changed(|| {})"] {
        assert!(
            World::new(&[]).refused(word).contains("belongs into an action of a custom resource"),
            "{word}"
        );
    }
}

const VHOST: &str = r#"
property("server", #{ name: true });
property("port", #{ type: "int", default: 80 });
action("create", || {
    file(`/out/${this.server}`, #{ content: `${this.port}` }).notifies("run", "execute[reload]");
});
action("delete", || {
    file(`/out/${this.server}`, #{ action: "delete" }).notifies("run", "execute[reload]", "immediately");
});
"#;

#[test]
fn actions_converge_what_is_inside_and_change_with_it() {
    let world = World::new(&[("default", VHOST)]);
    let reload = "execute(\"reload\", #{ command: \"append r\", action: \"nothing\" });";
    let recipe = format!(
        "{reload} c(\"a\"); c(\"b\", #{{ port: 81 }}).notifies(\"run\", \"execute[last]\"); execute(\"last\", #{{ command: \"append l\", action: \"nothing\" }});"
    );
    assert_eq!(
        world.run(&recipe),
        [
            "execute[reload] nothing: skipped",
            "c[a]/file[/out/a] create: changed",
            "c[a] create: changed",
            "c[b]/file[/out/b] create: changed",
            "c[b] create: changed",
            "execute[last] nothing: skipped",
            "execute[reload] run: changed",
            "execute[last] run: changed",
        ]
    );
    assert_eq!(
        (
            world.text("/out/a").as_str(),
            world.text("/out/b").as_str(),
            world.text("/out/log").as_str()
        ),
        ("80", "81", "rl")
    );
    let again = world.run(&recipe);
    assert!(
        again.iter().all(|line| line.ends_with("up to date") || line.ends_with("skipped")),
        "{again:?}"
    );
    assert_eq!(
        world.run(&format!("{reload} c(\"a\", #{{ action: [\"delete\", \"create\"] }});")),
        [
            "execute[reload] nothing: skipped",
            "c[a]/file[/out/a] delete: changed",
            "execute[reload] run: changed",
            "c[a] delete: changed",
            "c[a]/file[/out/a] create: changed",
            "c[a] create: changed",
            "execute[reload] run: changed",
        ]
    );
    // An action that only a notification names is there too, and in the plan.
    let recipe = format!(
        "{reload} file(\"/out/f\", #{{ content: \"1\" }}).notifies(\"delete\", \"c[a]\"); c(\"a\");"
    );
    let planned = world.plan(&recipe);
    assert!(planned.contains(&"c[a]/file[/out/a] delete: would change".to_owned()), "{planned:?}");
    let done = world.run(&recipe);
    assert!(done.contains(&"c[a]/file[/out/a] delete: changed".to_owned()), "{done:?}");
}

const STATE: &str = r#"
property("key", #{ name: true });
property("value", #{ required: true });
property("other");
current(|| if file_exists(`/out/${this.key}`) { #{ value: read_file(`/out/${this.key}`) } });
action("set", || {
    converge_if_changed("value", || {
        execute(`write ${this.value} /out/${this.key}`);
    });
});
action("any", || {
    converge_if_changed(|| {
        execute(`write ${this.value} /out/${this.key}`);
    });
});
"#;

#[test]
fn current_decides_what_is_done() {
    for action in ["set", "any"] {
        let world = World::new(&[("state", STATE)]);
        let recipe = |value: &str| {
            format!("c_state(\"k\", #{{ value: \"{value}\", action: \"{action}\" }});")
        };
        let group = if action == "set" { "value" } else { "all" };
        let first = |status: &str| {
            [
                format!("c_state[k]/execute[write one /out/k] run: {status}"),
                format!("c_state[k]/converge_if_changed[{group}] converge: {status}"),
                format!("c_state[k] {action}: {status}"),
            ]
        };
        assert_eq!(world.plan(&recipe("one")), first("would change"));
        assert_eq!(world.run(&recipe("one")), first("changed"));
        let nothing = [
            format!("c_state[k]/converge_if_changed[{group}] converge: up to date"),
            format!("c_state[k] {action}: up to date"),
        ];
        assert_eq!(world.plan(&recipe("one")), nothing);
        assert_eq!(world.run(&recipe("one")), nothing);
        let report = world.try_run(&recipe("two")).unwrap();
        let changes: Vec<&str> = report
            .resources
            .iter()
            .flat_map(|record| &record.changes)
            .map(|change| change.what.as_str())
            .collect();
        assert_eq!(changes, ["run `write two /out/k`", "set value to `\"two\"` (now `\"one\"`)"]);
        assert_eq!(world.text("/out/k"), "two");
    }
    // A value that is computed late is compared too.
    let world = World::new(&[("state", STATE)]);
    world.run("block(\"b\", #{ run: || { node.run_state.v = \"late\"; } }); c_state(\"k\", #{ value: || node.run_state.v, action: \"nothing\" });");
    let told = world.refused("c_state(\"k\", #{ value: || node.run_state.v });");
    assert!(told.contains("`value` is a closure, and is not computed before"), "{told}");
}

#[test]
fn current_must_tell_properties() {
    for (current, expected) in [
        (
            "1",
            "`current` must give a map of properties, or () when there is nothing, and gave an integer",
        ),
        ("#{ valeu: 1 }", "`current` tells of `valeu`, which is no property of `c_r`"),
        ("throw \"no daemon\"", "no daemon"),
    ] {
        let resource = format!(
            "property(\"value\"); current(|| {current}); action(\"run\", || {{ converge_if_changed(|| {{ file(\"/out/x\"); }}); }});"
        );
        let world = World::new(&[("r", &resource)]);
        let report = world.try_run("c_r(\"x\", #{ value: 1 });").unwrap();
        let errors: Vec<String> = report
            .resources
            .iter()
            .filter_map(|record| Some(record.error.as_ref()?.to_string()))
            .collect();
        assert!(errors.len() == 1 && errors[0].contains(expected), "{current}\n{errors:?}");
        assert!(world.system.lstat(Path::new("/out/x")).is_err());
    }
}

#[test]
fn this_is_the_resource_in_every_closure() {
    let resource = r#"
        let shared = "of the file";
        property("a", #{ default: "A" });
        property("late");
        property("hook");
        fn helper(value) { value + "!" }
        action("run", || {
            let local = "local";
            for item in ["x", "y"] {
                file(`/out/${item}`, #{ content: || `${this.a}${item}${local}${shared}`, only_if: || this.name == "one" });
            }
            local = "changed";
            file("/out/late", #{ content: this.late });
            file("/out/more", #{ content: || helper(this.late + "more") });
            block("hook", #{ run: this.hook });
            template("/out/t", #{ source: "t.hbs", variables: #{ late: this.late, plain: this.a } });
            execute("append done", #{ only_if: || this.late == "L", umask: "0077" });
        });
    "#;
    let world = World::new(&[("r", resource)]);
    world.put("cookbooks/c/templates/t.hbs", "{{late}}{{plain}}");
    world.run("c_r(\"one\", #{ late: || \"L\", hook: || { node.run_state.hooked = true; } }); file(\"/out/hooked\", #{ content: || `${node.run_state.hooked}` });");
    for (path, text) in [
        ("x", "Axlocalof the file"),
        ("y", "Aylocalof the file"),
        ("late", "L"),
        ("more", "Lmore!"),
        ("hooked", "true"),
        ("t", "LA"),
        ("log", "done"),
    ] {
        assert_eq!(world.text(&format!("/out/{path}")), text, "{path}");
    }
    for use_of_late in
        ["`${this.late}`", "\"a\" + this.late", "if this.late == \"L\" { \"a\" } else { \"b\" }"]
    {
        let resource = format!(
            "property(\"late\"); action(\"run\", || {{ file(\"/out/late\", #{{ content: {use_of_late} }}); }});"
        );
        let told = World::new(&[("r", &resource)]).refused("c_r(\"one\", #{ late: || \"L\" });");
        assert!(told.contains("closure"), "{use_of_late}\n{told}");
    }
}

#[test]
fn names_resolve_innermost_first_and_not_from_outside() {
    let resource = r#"
        action("run", || {
            execute("mark", #{ command: "append inner", action: "nothing" });
            file("/out/f", #{ content: "1" }).notifies("run", "execute[mark]").notifies("run", "execute[outer]", "immediately");
        });
    "#;
    let world = World::new(&[("r", resource)]);
    let recipe = "execute(\"mark\", #{ command: \"append outer\", action: \"nothing\" }); c_r(\"x\"); execute(\"outer\", #{ command: \"append o\", action: \"nothing\" });";
    world.run(recipe);
    assert_eq!(world.text("/out/log"), "oinner");
    let told = world.refused(
        "c_r(\"x\"); file(\"/out/g\").notifies(\"create\", \"file[/out/f]\"); execute(\"outer\");",
    );
    assert!(told.contains("is inside a custom resource and has no name outside it"), "{told}");
    // Two of a kind have the same names inside.
    let world = World::new(&[("r", resource)]);
    let both = world.run("c_r(\"x\"); c_r(\"y\"); execute(\"outer\", #{ command: \"append o\", action: \"nothing\" });");
    assert!(both.contains(&"c_r[y]/file[/out/f] create: up to date".to_owned()), "{both:?}");
    assert!(
        world
            .refused("c_r(\"x\", #{ umask: \"0077\" }); c_r(\"x\"); log(\"l\").notifies(\"run\", \"c_r[x]\"); execute(\"outer\");")
            .contains("differently")
    );
}

#[test]
fn failures_inside_are_those_of_the_whole() {
    let resource = r#"
        action("run", || {
            file("/out/f", #{ content: "1" });
            execute("false");
            file("/out/g", #{ content: "1" });
        });
    "#;
    let world =
        World { state: Some(tempfile::tempdir().unwrap()), ..World::new(&[("r", resource)]) };
    let mark = "execute(\"mark\", #{ command: \"append m\", action: \"nothing\" });";
    let report =
        world.try_run(&format!("{mark} c_r(\"x\").notifies(\"run\", \"execute[mark]\");")).unwrap();
    assert_eq!(
        lines(&report),
        [
            "execute[mark] nothing: skipped",
            "c_r[x]/file[/out/f] create: changed",
            "c_r[x]/execute[false] run: failed",
            "c_r[x] run: failed"
        ]
    );
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(report.not_reached, ["c_r[x]/file[/out/g]"]);
    assert_eq!(
        report.owed.iter().map(|owed| owed.target.as_str()).collect::<Vec<_>>(),
        ["execute[mark]"]
    );
    // What was changed is owed to the next run, and delivered by it.
    assert!(world.run(mark).contains(&"execute[mark] run: changed".to_owned()));

    let world = World::new(&[("r", resource)]);
    let ignored = world
        .try_run(&format!(
            "{mark} c_r(\"x\", #{{ ignore_failure: true, retries: 1, retry_delay: 0 }}).notifies(\"run\", \"execute[mark]\");"
        ))
        .unwrap();
    assert_eq!(ignored.outcome, Outcome::Success);
    let told = lines(&ignored);
    assert_eq!(told.iter().filter(|line| line.contains("execute[false]")).count(), 2, "{told:?}");
    assert!(told.contains(&"execute[mark] run: changed".to_owned()), "{told:?}");
}

#[test]
fn what_is_owed_inside_is_delivered_by_the_next_run() {
    let resource = r#"
        action("run", || {
            file("/out/f", #{ content: "1" }).notifies("run", "execute[mark]");
            execute("mark", #{ command: "append inner", action: "nothing" });
        });
    "#;
    let world =
        World { state: Some(tempfile::tempdir().unwrap()), ..World::new(&[("r", resource)]) };
    let mut options = world.options("c_r(\"x\"); execute(\"false\");");
    options.hold_notifications_on_failure = true;
    let system = Rc::<FakeSystem>::clone(&world.system);
    let report = Run::on(system, Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge()
        .unwrap();
    assert_eq!(
        report.owed.iter().map(|owed| owed.target.as_str()).collect::<Vec<_>>(),
        ["c_r[x]/execute[mark]"]
    );
    assert!(world.run("c_r(\"x\");").contains(&"c_r[x]/execute[mark] run: changed".to_owned()));
    assert_eq!(world.text("/out/log"), "inner");
}

#[test]
fn what_is_sensitive_is_so_inside() {
    let resource = r#"
        property("password", #{ sensitive: true });
        action("run", || { file("/out/secret", #{ content: this.password }); });
    "#;
    let world = World::new(&[("r", resource)]);
    let report = world.try_run("c_r(\"x\", #{ password: \"hunter22\" });").unwrap();
    assert_eq!(world.text("/out/secret"), "hunter22");
    assert!(!serde_json::to_string(&report).unwrap().contains("hunter22"));
    assert!(serde_json::to_string(&report).unwrap().contains("[sensitive]"));
    let plain = world.try_run("c_r(\"y\");").unwrap_err().diagnostics.to_string();
    assert!(plain.contains("`content` is nothing"), "{plain}");
    // In a plan, why nothing can be told of it yet.
    let unsure = "execute(\"touch\"); file(\"/out/secret\", #{ sensitive: true, content: || throw read_file(\"/out/secret\") });";
    let planned =
        Run::on(Rc::<FakeSystem>::clone(&world.system), Rc::new(toque_resources::standard()))
            .options(world.options(unsure))
            .plan();
    let planned = serde_json::to_string(&planned.unwrap()).unwrap();
    assert!(planned.contains("cannot be told yet") && !planned.contains("hunter22"), "{planned}");
    // A default that is computed, and a mistake that an action makes of the value.
    let computed = r#"
        property("password", #{ sensitive: true, default: || "hunter" + 22 });
        action("run", || { file("/out/secret", #{ content: this.password }); });
        action("slip", || { file("/out/secret", #{ mode: this.password }); });
    "#;
    let world = World::new(&[("r", computed)]);
    let report = world.try_run("c_r(\"x\");").unwrap();
    assert_eq!(world.text("/out/secret"), "hunter22");
    assert!(!serde_json::to_string(&report).unwrap().contains("hunter22"));
    let slip = world.refused("c_r(\"x\", #{ action: \"slip\" });");
    assert!(slip.contains("sensitive") && !slip.contains("hunter22"), "{slip}");
}

#[test]
fn names_and_messages_inside_do_not_show_what_is_sensitive() {
    let outer = r#"
        property("password", #{ sensitive: true, default: || "hunter" + "22" });
        property("wrong", #{ default: () });
        current(|| "hunter" + "23");
        action("run", || {
            execute(`write ${this.password} /out/secret`).notifies("run", `execute[append ${this.password}]`);
            execute(`append ${this.password}`, #{ action: "nothing" });
            c_inner("y", #{ passed: this.password });
            if this.wrong == "name" { log("x").notifies("write", `log[${this.password}]`); }
            if this.wrong == "value" { file("/out/f", #{ mode: this.password }); }
            if this.wrong == "thrown" { throw `not ${this.password}`; }
            if this.wrong == "current" { converge_if_changed("password", || { log("x"); }); }
        });
    "#;
    let inner = "property(\"passed\"); action(\"run\", || { log(`got ${this.passed}`); });";
    let mut world = World::new(&[("r", outer), ("inner", inner)]);
    world.state = Some(tempfile::tempdir().unwrap());
    assert_eq!(
        world.run("c_r(\"x\");"),
        [
            "c_r[x]/execute[write [sensitive] /out/secret] run: changed",
            "c_r[x]/execute[append [sensitive]] nothing: skipped",
            "c_r[x]/c_inner[y]/log[got [sensitive]] write: up to date",
            "c_r[x]/c_inner[y] run: up to date",
            "c_r[x] run: changed",
            "c_r[x]/execute[append [sensitive]] run: changed",
        ]
        .map(ToString::to_string)
    );
    assert!(world.text("/out/log").contains("hunter22"));
    for (wrong, message) in [
        ("name", "`log[[sensitive]]` is not declared"),
        ("value", "`[sensitive]` is no mode"),
        ("thrown", "not [sensitive]"),
    ] {
        let told = world.refused(&format!("c_r(\"x\", #{{ wrong: \"{wrong}\" }});"));
        assert!(told.contains(message) && !told.contains("hunter"), "{told}");
    }
    let report = world.try_run("c_r(\"x\", #{ wrong: \"current\" });").unwrap();
    assert!(!serde_json::to_string(&report).unwrap().contains("hunter"), "{report:?}");
}

#[test]
fn an_array_is_no_name_of_a_resource_that_takes_none() {
    let world = World::new(&[("r", "action(\"run\", || { log(\"x\"); });")]);
    let told = world.refused("c_r([\"a\", \"b\"]);");
    assert!(
        told.contains("the first argument of `c_r` is the resource's name, not an array"),
        "{told}"
    );
}

#[test]
fn a_loop_without_end_is_told_of_in_its_action() {
    let world = World::new(&[("r", "\naction(\"run\", || { loop {} });")]);
    let told = world.refused("c_r(\"x\");");
    assert!(told.contains("resources/r.rhai:2:1: recipes took more than the limit"), "{told}");
}

#[test]
fn a_property_cannot_be_set_in_an_action() {
    let world = World::new(&[("r", "property(\"p\"); action(\"run\", || { this.p = 1; });")]);
    let told = world.refused("c_r(\"x\");");
    assert!(
        told.contains("`p` cannot be set like this")
            && told.contains("where the resource is declared"),
        "{told}"
    );
}

#[test]
fn files_may_begin_with_a_byte_order_mark() {
    let world = World::new(&[(
        "r",
        "\u{feff}action(\"run\", || { file(\"/out/f\", #{ content: \"1\" }); });",
    )]);
    world.put("cookbooks/c/recipes/marked.rhai", "\u{feff}c_r(\"x\");");
    assert_eq!(
        world.run("\u{feff}include_recipe(\"c::marked\");"),
        ["c_r[x]/file[/out/f] create: changed", "c_r[x] run: changed"].map(ToString::to_string)
    );
    std::fs::write(world.repository.path().join("cookbooks/c/recipes/other.rhai"), [0xff]).unwrap();
    let told = world.refused("include_recipe(\"c::other\");");
    assert!(told.contains("it is not UTF-8 text"), "{told}");
}

#[test]
fn handles_change_and_remove_custom_resources() {
    let world = World::new(&[("default", VHOST)]);
    let reload = "execute(\"reload\", #{ action: \"nothing\" });";
    world.run(&format!(
        "{reload} c(\"a\").set(#{{ port: 90 }}); c(\"b\").remove(); resource(\"c[a]\").set(#{{ umask: \"0077\" }});"
    ));
    assert_eq!(world.text("/out/a"), "90");
    assert_eq!(world.system.lstat(Path::new("/out/a")).unwrap().mode & 0o777, 0o600);
    assert!(world.system.lstat(Path::new("/out/b")).is_err());
    let told = world.refused(&format!("{reload} c(\"a\").set(#{{ prot: 90 }});"));
    assert!(told.contains("has no property `prot`"), "{told}");
}

#[test]
fn before_is_sent_only_when_something_inside_would_change() {
    let world = World::new(&[("default", VHOST)]);
    let recipe = |port: i64| {
        format!(
            "execute(\"reload\", #{{ action: \"nothing\" }}); execute(\"stop\", #{{ command: \"append s\", action: \"nothing\" }}); c(\"a\", #{{ port: {port} }}).notifies(\"run\", \"execute[stop]\", \"before\");"
        )
    };
    let first = world.run(&recipe(80));
    let place = |line: &str| {
        first.iter().position(|found| found == line).unwrap_or_else(|| panic!("{first:?}"))
    };
    assert!(place("execute[stop] run: changed") < place("c[a]/file[/out/a] create: changed"));
    assert_eq!(world.text("/out/log"), "s");
    world.run(&recipe(80));
    assert_eq!(world.text("/out/log"), "s");
    let planned = world.plan(&recipe(81));
    assert!(planned.contains(&"execute[stop] run: would change".to_owned()), "{planned:?}");
    assert_eq!(world.text("/out/log"), "s");
}

#[test]
fn a_cookbook_uses_the_resources_of_its_dependencies() {
    let world = World::new(&[("default", VHOST)]);
    world.put("cookbooks/user/cookbook.toml", "name = \"user-site\"\nversion = \"1.0\"\n");
    std::fs::rename(
        world.repository.path().join("cookbooks/user"),
        world.repository.path().join("cookbooks/user-site"),
    )
    .unwrap();
    world.put("cookbooks/user-site/recipes/default.rhai", "c(\"a\");");
    world.put(
        "cookbooks/user-site/resources/page.rhai",
        "action(\"run\", || { c(\"page\"); execute(\"reload\", #{ action: \"nothing\" }); });",
    );
    let mut options = world.options("");
    options.recipe = None;
    options.run_list = vec![Item::parse("c").unwrap(), Item::parse("user-site").unwrap()];
    let attempt = |options: &Options| {
        Run::on(Rc::<FakeSystem>::clone(&world.system), Rc::new(toque_resources::standard()))
            .options(options.clone())
            .converge()
    };
    let told = attempt(&options).unwrap_err().diagnostics.to_string();
    assert!(told.contains("`user-site` uses `c` without depending on `c`"), "{told}");
    world.put(
        "cookbooks/user-site/cookbook.toml",
        "name = \"user-site\"\nversion = \"1.0\"\n[dependencies]\nc = \">= 0\"\n",
    );
    world.put("cookbooks/user-site/recipes/default.rhai", "user_site_page(\"a\");");
    assert!(
        lines(&attempt(&options).unwrap())
            .contains(&"user_site_page[a]/c[page]/file[/out/page] create: changed".to_owned())
    );
}

#[test]
fn two_resources_cannot_have_one_name() {
    let world = World::new(&[("b_r", "action(\"run\", || {});")]);
    world.put("cookbooks/c_b/cookbook.toml", "name = \"c_b\"\nversion = \"1.0\"\n");
    world.put("cookbooks/c_b/resources/r.rhai", "action(\"run\", || {});");
    let mut options = world.options("");
    options.run_list.push(Item::parse("c_b").unwrap());
    let attempt =
        Run::on(Rc::<FakeSystem>::clone(&world.system), Rc::new(toque_resources::standard()))
            .options(options.clone())
            .converge();
    let told = attempt.unwrap_err().diagnostics.to_string();
    assert!(
        told.contains("`cookbooks/c_b/resources/r.rhai` makes a resource `c_b_r`, and so does `cookbooks/c/resources/b_r.rhai`"),
        "{told}"
    );

    for (cookbook, expected) in [
        ("file", "there is a built-in kind of that name"),
        ("normal", "there is a function of that name"),
    ] {
        let world = World::new(&[]);
        world.put(
            &format!("cookbooks/{cookbook}/cookbook.toml"),
            &format!("name = \"{cookbook}\"\nversion = \"1.0\"\n"),
        );
        world.put(
            &format!("cookbooks/{cookbook}/resources/default.rhai"),
            "action(\"run\", || {});",
        );
        let mut options = world.options("");
        options.run_list.push(Item::parse(cookbook).unwrap());
        let attempt =
            Run::on(Rc::<FakeSystem>::clone(&world.system), Rc::new(toque_resources::standard()))
                .options(options.clone())
                .converge();
        assert!(attempt.unwrap_err().diagnostics.to_string().contains(expected), "{cookbook}");
    }
}

#[test]
fn attribute_files_come_before_custom_resources() {
    let world = World::new(&[("default", VHOST)]);
    world.put("cookbooks/c/attributes/default.rhai", "c(\"a\");");
    assert!(
        world.refused("").contains("an attribute file comes before the custom resources are read")
    );
}

#[test]
fn a_failure_further_inside_keeps_what_the_whole_owes() {
    let world = World {
        state: Some(tempfile::tempdir().unwrap()),
        ..World::new(&[
            ("outer", r#"action("run", || { c_inner("y"); });"#),
            (
                "inner",
                r#"action("run", || { file("/out/f", #{ content: "1" }); execute("false"); });"#,
            ),
        ])
    };
    let mark = "execute(\"mark\", #{ command: \"append m\", action: \"nothing\" });";
    let report = world
        .try_run(&format!("{mark} c_outer(\"x\").notifies(\"run\", \"execute[mark]\");"))
        .unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(
        report.owed.iter().map(|owed| owed.target.as_str()).collect::<Vec<_>>(),
        ["execute[mark]"]
    );
}

#[test]
fn what_failed_before_a_second_try_did_not_end_the_run() {
    // It leaves a file and fails.
    let resource = r#"action("run", || { execute("append false", #{ not_if: || file_exists("/out/log") }); });"#;
    let world = World::new(&[("r", resource)]);
    let report = world.try_run("c_r(\"x\", #{ retries: 1, retry_delay: 0 });").unwrap();
    assert_eq!(report.outcome, Outcome::Success, "{report:#?}");
    assert_eq!(
        lines(&report),
        [
            "c_r[x]/execute[append false] run: failed",
            "c_r[x]/execute[append false] run: skipped",
            "c_r[x] run: up to date"
        ]
    );
    assert!(report.resources[0].ignored);
}

#[test]
fn a_guard_in_doubt_is_in_doubt_also_where_the_same_change_sends_the_action() {
    let resource = r#"action("run", || { file("/out/f", #{ content: "1" }); });"#;
    let world = World::new(&[("r", resource)]);
    // The command may make both what the file waits for and what the guard asks for.
    let recipe = r#"
        c_r("x", #{ action: "nothing", only_if: || file_exists("/out/log") });
        execute("append a");
        file("/out/z", #{ content: "1", only_if: || file_exists("/out/more") }).notifies("run", "c_r[x]");
    "#;
    let planned = world.plan(recipe);
    assert!(planned.contains(&"c_r[x] run: may change".to_owned()), "{planned:?}");
}

#[test]
fn an_action_may_change_what_is_not_run_yet() {
    let resource = r#"
        action("create", || {
            if this.name == "a" { resource("c_r[b]").set(#{ action: "delete" }); }
            file(`/out/${this.name}`, #{ content: "1" });
        });
        action("delete", || { file(`/out/${this.name}`, #{ action: "delete" }); });
    "#;
    let world = World::new(&[("r", resource)]);
    world.system.put_file("/out/b", "1");
    let told = world.run("c_r(\"a\"); c_r(\"b\");");
    assert!(told.contains(&"c_r[b]/file[/out/b] delete: changed".to_owned()), "{told:?}");
}

#[test]
fn a_late_property_is_no_empty_text_in_a_closure() {
    let resource = r#"
        property("late");
        action("run", || {
            let late = this.late;
            file("/out/whole", #{ content: || late });
            file("/out/text", #{ content: || `${late}!` });
        });
    "#;
    let world = World::new(&[("r", resource)]);
    let report = world.try_run("c_r(\"x\", #{ late: || \"L\" });").unwrap();
    assert_eq!(world.text("/out/whole"), "L");
    assert!(world.system.lstat(Path::new("/out/text")).is_err());
    let errors: Vec<String> = report
        .resources
        .iter()
        .filter_map(|record| Some(record.error.as_ref()?.to_string()))
        .collect();
    assert!(
        errors.len() == 1 && errors[0].contains("`late` is a closure, and is not computed before"),
        "{errors:?}"
    );
}

#[test]
fn what_current_tells_is_compared_in_the_propertys_type() {
    let resource = r#"
        property("mode", #{ type: "mode" });
        property("host", #{ type: "string", coerce: |host| { let host = host; host.make_lower(); host } });
        property("port", #{ type: "int" });
        current(|| #{ mode: 0o644, host: "Example.COM", port: node.run_state.port });
        action("run", || { converge_if_changed(|| { file("/out/x"); }); });
    "#;
    let world = World::new(&[("r", resource)]);
    let told = world.run("c_r(\"x\", #{ mode: \"644\", host: \"EXAMPLE.com\", port: 80 });");
    assert!(told.contains(&"c_r[x] run: changed".to_owned()), "{told:?}");
    let same = "node.run_state.port = 80; c_r(\"x\", #{ mode: \"644\", host: \"EXAMPLE.com\", port: 80 });";
    assert_eq!(world.run(same).last().map(String::as_str), Some("c_r[x] run: up to date"));
    let report = world.try_run("node.run_state.port = \"80\"; c_r(\"x\", #{ port: 80 });").unwrap();
    let errors: Vec<String> = report
        .resources
        .iter()
        .filter_map(|record| Some(record.error.as_ref()?.to_string()))
        .collect();
    assert!(
        errors.len() == 1
            && errors[0].contains("`current`: `port`: expected an integer, found a string"),
        "{errors:?}"
    );
}
