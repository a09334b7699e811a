//! The kinds of this crate, run from recipes on a simulated machine: what changes, that a plan
//! foretells it, and that a second run finds nothing to do.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on says why and ends")]

mod accounts;
mod foretelling;
mod packages;
mod planted;
mod services;

use std::collections::BTreeSet;
use std::rc::Rc;

use toque_contract::report::{Outcome, Report, Status};
use toque_engine::Run;
use toque_machine::system::{FakeSystem, System};
use toque_resources::simulated::{self, Package, debian};

fn offered() -> Vec<Package> {
    vec![
        Package::new("libc", "2.36"),
        Package::new("tool", "1.0").version("1.1").depends("libc"),
        Package::new("web", "2.0")
            .depends("libc")
            .file("/etc/web/web.conf", "# main\n")
            .file("/usr/sbin/web", "")
            .service("web")
            .user("www"),
        Package::new("mta-a", "1.0").provides("mta"),
        Package::new("dns-a", "1.0").provides("dns"),
        Package::new("dns-b", "1.0").provides("dns"),
    ]
}

/// A machine whose package lists are up to date.
fn fresh() -> FakeSystem {
    let machine = debian(offered());
    simulated::update_lists(&machine);
    machine
}

fn run(system: Rc<dyn System>, recipe: &str, planning: bool) -> Report {
    let act = if planning { Run::plan } else { Run::converge };
    act(Run::on(system, Rc::new(toque_resources::standard())).recipe("test.rhai", recipe))
        .unwrap_or_else(|refused| panic!("{recipe}\n{}", refused.diagnostics))
}

/// The actions that would or may happen on a machine, which stays as it is.
fn planned(machine: &FakeSystem, recipe: &str, status: Status) -> BTreeSet<(String, String)> {
    named(&run(Rc::new(machine.clone()), recipe, true), &[status])
}

fn named(report: &Report, statuses: &[Status]) -> BTreeSet<(String, String)> {
    let records = report.resources.iter().filter(|record| statuses.contains(&record.status));
    records.map(|record| (record.resource.to_string(), record.action.to_string())).collect()
}

/// Plans, converges, compares the two, and converges again, which must change nothing. Gives the
/// machine afterwards and what changed.
fn converges(machine: &FakeSystem, recipe: &str) -> (FakeSystem, Vec<String>) {
    let (machine, lines) =
        try_converge(machine, recipe).unwrap_or_else(|errors| panic!("{recipe}\n{errors}"));
    let (_, again) = try_converge(&machine, recipe)
        .unwrap_or_else(|errors| panic!("the second run of\n{recipe}\n{errors}"));
    assert!(again.is_empty(), "a second run of\n{recipe}\ndid {again:?}");
    (machine, lines)
}

fn try_converge(machine: &FakeSystem, recipe: &str) -> Result<(FakeSystem, Vec<String>), String> {
    let untouched = Rc::new(machine.clone());
    let foretold = run(Rc::<FakeSystem>::clone(&untouched), recipe, true);
    assert_eq!(
        untouched.snapshot(),
        machine.snapshot(),
        "the plan of\n{recipe}\nchanged the machine"
    );
    let after = Rc::new(machine.clone());
    let done = run(Rc::<FakeSystem>::clone(&after), recipe, false);
    if done.outcome != Outcome::Success {
        let errors = done.resources.iter().filter_map(|record| record.error.as_ref());
        return Err(errors
            .map(|error| {
                format!("{error}\n{}\n{}\n", error.notes.join("\n"), error.hints.join("\n"))
            })
            .collect());
    }
    let would = named(&foretold, &[Status::WouldChange]);
    let may = named(&foretold, &[Status::WouldChange, Status::MayChange]);
    let changed = named(&done, &[Status::Changed]);
    assert!(would.is_subset(&changed), "{recipe}\nwould {would:?}\nchanged {changed:?}");
    assert!(changed.is_subset(&may), "{recipe}\nchanged {changed:?}\nwould or may {may:?}");
    let lines = done
        .resources
        .iter()
        .flat_map(|record| &record.changes)
        .map(|change| change.what.clone())
        .collect();
    Ok(((*after).clone(), lines))
}

/// What a recipe that fails says.
fn fails(machine: &FakeSystem, recipe: &str) -> String {
    match try_converge(machine, recipe) {
        Ok((_, lines)) => panic!("{recipe}\ndid not fail, but did {lines:?}"),
        Err(errors) => errors,
    }
}

#[test]
fn commands_say_what_went_wrong() {
    assert!(fails(&fresh(), r#"execute("false");"#).contains("`false` exited with 1"));
    assert!(
        fails(&fresh(), r#"execute("true", #{ cwd: "/nowhere" });"#)
            .contains("cannot run a command in `/nowhere`")
    );
    assert!(
        fails(&fresh(), r#"execute("true", #{ user: "zoe" });"#).contains("there is no user `zoe`")
    );
    let said =
        fails(&fresh(), r#"execute("quiet", #{ command: "hush secret", sensitive: true });"#);
    assert!(!said.contains("secret"), "{said}");
    let (_, lines) = converges(
        &fresh(),
        r#"execute("touch /tmp/done", #{ creates: "/tmp/done", returns: [0, 3] });"#,
    );
    assert_eq!(lines, ["run `touch /tmp/done`"]);
}

#[test]
fn some_kinds_only_speak_or_pass_on() {
    let recipe = r#"
        let all = notify_group("all").notifies("run", "execute[touch /tmp/told]");
        execute("touch /tmp/told", #{ action: "nothing" });
        log("hello", #{ level: "warn" }).notifies("run", all);
        file("/tmp/a", #{ content: "a" }).notifies("run", all);
    "#;
    let (machine, lines) = converges(&fresh(), recipe);
    assert_eq!(&lines[lines.len() - 2..], ["send its notifications", "run `touch /tmp/told`"]);
    let told: Vec<String> =
        machine.effects().into_iter().filter(|effect| effect.contains("told")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}
