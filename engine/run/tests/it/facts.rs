//! Facts that cookbooks bring, as recipes see them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;

use serde_json::json;
use tempfile::TempDir;
use toque_contract::report::Report;
use toque_core::diagnostic::Severity;
use toque_data::run_list::Item;
use toque_engine::check::{Checked, check};
use toque_engine::{Options, Run};
use toque_machine::command::Output;
use toque_machine::system::FakeSystem;

/// A cookbook `web` with a fact `rack`, a program `warranty`, and this recipe.
fn repository(recipe: &str, more: &[(&str, &str)]) -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    let root = repository.path().join("cookbooks/web");
    let files = [
        ("cookbook.toml", "name = \"web\"\nversion = \"1.0\"\n"),
        ("recipes/default.rhai", recipe),
        ("facts/rack.json", "{ \"row\": 4, \"site\": { \"name\": \"north\" } }"),
        ("facts/warranty", "#!/bin/sh\necho the fake machine answers instead\n"),
        ("templates/t.hbs", "{{node.rack.site.name}} {{node.warranty.ends}}"),
    ];
    for (name, text) in files.iter().chain(more) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    repository
}

fn machine(warranty: &'static str) -> Rc<FakeSystem> {
    let fake = FakeSystem::new();
    fake.put_dir("/srv", 0o755);
    fake.install_program("warranty", move |_, _| Output {
        stdout: warranty.as_bytes().to_vec(),
        ..Output::default()
    });
    Rc::new(fake)
}

fn options(repository: &Path) -> Options {
    Options {
        repository: Some(repository.to_owned()),
        run_list: vec![Item::parse("web").unwrap()],
        node_name: "web1".to_owned(),
        ..Options::default()
    }
}

type Act = fn(Run) -> Result<Report, toque_engine::Refused>;

fn run(act: Act, fake: &Rc<FakeSystem>, repository: &TempDir) -> Result<Report, String> {
    let registry = Rc::new(toque_resources::standard());
    let run = Run::on(Rc::<FakeSystem>::clone(fake), registry).options(options(repository.path()));
    let told = act(run);
    told.map_err(|refused| {
        refused
            .diagnostics
            .0
            .iter()
            .map(|wrong| format!("{:?} {wrong} {:?}", wrong.span, wrong.hints))
            .collect()
    })
}

fn statuses(report: &Report) -> Vec<String> {
    let status = |record: &toque_contract::report::Record| {
        json!(record.status).as_str().unwrap_or_default().to_owned()
    };
    report
        .resources
        .iter()
        .map(|record| format!("{}: {}", record.resource, status(record)))
        .collect()
}

#[test]
fn recipes_and_templates_read_them() {
    let repository = repository(
        "template(\"/srv/t\", #{ source: \"t.hbs\" }); file(`/srv/${node.rack.row}`, #{ content: node.get(\"warranty.ends\", 0).to_string() });\
         if \"rack\" in node && node.has(\"warranty.ends\") && !node.has(\"warranty.none\") { file(\"/srv/yes\"); }",
        &[],
    );
    let fake = machine("{ \"ends\": 2030 }");
    let report = run(Run::converge, &fake, &repository).unwrap();
    assert_eq!(report.counts.changed, 3, "{:?}", statuses(&report));
    let content = |path: &str| {
        String::from_utf8(toque_machine::system::Query::read(&*fake, path.as_ref()).unwrap())
            .unwrap()
    };
    assert_eq!([content("/srv/t"), content("/srv/4")], ["north 2030", "2030"]);
    let runs = fake.probes().iter().filter(|line| line.ends_with("facts/warranty")).count();
    assert_eq!(runs, 1, "{:?}", fake.probes());
}

#[test]
fn one_that_nobody_reads_is_not_run() {
    let repository = repository(
        "file(\"/srv/a\", #{ content: node.rack.row.to_string() });",
        &[("facts/broken.json", "no JSON")],
    );
    let fake = machine("garbage");
    run(Run::converge, &fake, &repository).unwrap();
    assert!(fake.probes().iter().all(|line| !line.contains("warranty")), "{:?}", fake.probes());
}

#[test]
fn a_run_that_asks_for_no_fact_reads_none() {
    let fake = machine("{}");
    let files = [
        "/etc/os-release",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/self/mounts",
        "/proc/sys/kernel/hostname",
    ];
    for path in files {
        fake.put_file(path, "");
    }
    run(Run::converge, &fake, &repository("let port = 80;", &[])).unwrap();
    assert_eq!(fake.probes(), [""; 0]);
    assert_eq!(files.map(|path| fake.reads(path)), [0; 5]);
    run(Run::converge, &fake, &repository("let platform = node.get(\"platform\");", &[])).unwrap();
    assert_eq!(fake.reads("/etc/os-release"), 1);
}

#[test]
fn a_plan_runs_them_and_doubts_what_they_say_after_a_change() {
    let recipe = "file(\"/srv/first\"); file(\"/opt/b\", #{ content: || node.rack.row.to_string() });\
                  file(\"/srv/a\", #{ content: || node.warranty.ends.to_string() });";
    let repository = repository(recipe, &[]);
    let fake = machine("{ \"ends\": 2030 }");
    fake.put_file("/srv/a", "2030");
    fake.put_dir("/opt", 0o755);
    let report = run(Run::plan, &fake, &repository).unwrap();
    assert_eq!(
        statuses(&report),
        [
            "file[/srv/first]: would-change",
            "file[/opt/b]: would-change",
            "file[/srv/a]: may-change"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_told_where_it_is_asked_for() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "let x = node.warranty;",
            "garbage",
            &[
                "the fact `warranty` of cookbook `web` (`cookbooks/web/facts/warranty`)",
                "one JSON value",
            ],
        ),
        (
            "file(\"/srv/a\");\nlet x = node.get(\"warranty.ends\", 1);",
            "",
            &["web/recipes/default.rhai:2:", "prints nothing"],
        ),
        ("let x = node.has(\"warranty\");", "", &["web/recipes/default.rhai:1:", "prints nothing"]),
        ("template(\"/srv/t\", #{ source: \"t.hbs\" });", "", &["prints nothing"]),
        ("let x = node.warrant;", "{}", &["`node.warrant` is not set", "did you mean `warranty`?"]),
        ("default(\"warranty\", 1);", "{}", &["`warranty` is a fact of the machine"]),
        ("default(\"rack\", 1);", "{}", &["`rack` is a fact of the machine"]),
    ];
    for (recipe, warranty, parts) in cases {
        let fake = machine(warranty);
        let wrong = run(Run::converge, &fake, &repository(recipe, &[])).unwrap_err();
        assert!(parts.iter().all(|part| wrong.contains(part)), "{recipe}: {wrong}");
        assert_eq!(fake.effects(), [""; 0]);
    }
}

#[test]
fn explain_names_the_file() {
    let repository =
        repository("", &[("attributes/default.rhai", "default(\"rack\", #{ note: \"mine\" });")]);
    let (system, registry) = (machine("{}"), Rc::new(toque_resources::standard()));
    let explained = Run::on(system, registry)
        .options(options(repository.path()))
        .explain(&["rack".to_owned(), "row".to_owned()])
        .unwrap();
    assert_eq!(
        (explained.value, explained.settings[0].set_by.as_str()),
        (Some(json!(4)), "cookbooks/web/facts/rack.json")
    );
}

#[test]
fn check_runs_no_program_and_reads_every_document() {
    let checked = |repository: &TempDir| {
        let registry = Rc::new(toque_resources::standard());
        check(
            &registry,
            &Checked { repository: Some(repository.path().to_owned()), ..Checked::default() },
        )
    };
    let ran = "#!/bin/sh\ntouch \"$0.ran\"; echo '{ \"ends\": 1 }'\n";
    let recipe =
        "file(\"/srv/a\", #{ content: `${node.rack.row} ${node.get(\"warranty.ends\", 0)}` });";
    let right = repository(recipe, &[("facts/warranty", ran)]);
    assert_eq!(checked(&right), []);
    assert!(!right.path().join("cookbooks/web/facts/warranty.ran").exists());

    // What it would tell is not known, so that what is made of it is no sure mistake.
    let unsure = checked(&repository(
        "file(\"/srv/a\", #{ content: node.warranty.ends.to_string() });",
        &[],
    ));
    assert!(unsure.iter().all(|mistake| mistake.severity == Severity::Warning), "{unsure:?}");
    let sure =
        checked(&repository("file(\"/srv/a\", #{ content: node.rack.column.to_string() });", &[]));
    assert!(
        sure.iter().any(|mistake| mistake.severity == Severity::Error
            && mistake.message.contains("`node.rack.column`")),
        "{sure:?}"
    );

    let broken = checked(&repository("", &[("facts/shelf.json", "{ \"a\": 1,\n  \"b\": }")]));
    let places: Vec<_> = broken
        .iter()
        .filter_map(|mistake| mistake.span.as_ref())
        .map(ToString::to_string)
        .collect();
    assert_eq!(places, ["cookbooks/web/facts/shelf.json:2:8"], "{broken:?}");
    let two = checked(&repository("", &[("facts/rack", "#!/bin/sh\n")]));
    assert!(two.iter().any(|mistake| mistake.message.contains("two facts `rack`")), "{two:?}");
}
