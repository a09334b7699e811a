//! `package` by apt, and `apt_update`.

use std::rc::Rc;

use toque_contract::report::Status;
use toque_machine::command::{Command, Output};
use toque_machine::system::FakeSystem;
use toque_resources::simulated::debian;

use crate::{converges, fails, fresh, offered, run};

fn commands(machine: &FakeSystem, word: &str) -> Vec<String> {
    machine
        .effects()
        .into_iter()
        .filter(|effect| effect.contains("apt-get") && effect.split(' ').any(|part| part == word))
        .collect()
}

#[test]
fn installs_in_one_command() {
    let (machine, lines) =
        converges(&fresh(), r#"package(["tool", "web"]); log("between"); package("libc");"#);
    assert_eq!(lines, ["install package `tool` 1.1", "install package `web` 2.0"]);
    let installs = commands(&machine, "install");
    assert!(installs.len() == 1 && installs[0].ends_with("install -- tool web"), "{installs:?}");
}

#[test]
fn neighbours_share_a_transaction() {
    let (machine, _) = converges(&fresh(), r#"package("tool"); package("web"); package("mta");"#);
    assert_eq!(commands(&machine, "install").len(), 1, "{:?}", machine.effects());
}

#[test]
fn reads_the_database_once_until_something_may_change_it() {
    const STATUS: &str = "/var/lib/dpkg/status";
    let packages = r#"package("tool"); package("web"); file("/tmp/a"); package(["libc", "mta-a"]); service("web");"#;
    let (machine, _) = converges(&fresh(), packages);
    let reads = |recipe: &str| {
        let machine = Rc::new(machine.clone());
        let before = machine.reads(STATUS);
        run(Rc::<FakeSystem>::clone(&machine), recipe, false);
        machine.reads(STATUS) - before
    };
    assert_eq!(reads(packages), 1);
    let between = r#"package("tool"); package("web"); execute("touch /tmp/done"); package("libc"); package("mta-a");"#;
    assert_eq!(reads(between), 2);
}

#[test]
fn refreshes_the_lists_once() {
    let (machine, lines) =
        converges(&debian(offered()), r#"package("tool"); package("web"); package("mta-a");"#);
    assert_eq!(lines[0], "refresh the package lists");
    assert_eq!(commands(&machine, "update").len(), 1, "{:?}", machine.effects());
    let (machine, _) = converges(&debian(offered()), r#"apt_update("daily"); package("tool");"#);
    assert_eq!(commands(&machine, "update").len(), 1, "{:?}", machine.effects());
}

#[test]
fn brings_versions_about() {
    let (machine, _) = converges(&fresh(), r#"package("tool", #{ version: "1.0" });"#);
    let (machine, lines) = converges(&machine, r#"package("tool", #{ action: "upgrade" });"#);
    assert_eq!(lines, ["upgrade package `tool` from 1.0 to 1.1"]);
    let (_, lines) =
        converges(&machine, r#"package("tool", #{ version: "1.0", allow_downgrade: false });"#);
    assert!(lines.is_empty(), "{lines:?}");
    let (machine, lines) = converges(&machine, r#"package("tool", #{ version: "1.0" });"#);
    assert_eq!(lines, ["downgrade package `tool` from 1.1 to 1.0"]);
    let (machine, _) = converges(&machine, r#"package("tool", #{ action: "lock" });"#);
    assert!(
        fails(&machine, r#"package("tool", #{ action: "upgrade" });"#).contains("is locked at 1.0")
    );
    converges(&machine, r#"package("tool", #{ action: ["unlock", "upgrade"] });"#);
}

#[test]
fn removes_and_purges() {
    let (machine, _) = converges(&fresh(), r#"package("web");"#);
    let (machine, lines) = converges(&machine, r#"package("web", #{ action: "remove" });"#);
    assert_eq!(lines, ["remove package `web` 2.0"]);
    assert_eq!(machine.text("/etc/web/web.conf"), "# main\n");
    let (machine, lines) = converges(&machine, r#"package("web", #{ action: "purge" });"#);
    assert_eq!(lines, ["purge the configuration files of package `web`"]);
    assert_eq!(machine.text("/etc/web/web.conf"), "");
}

/// What lies at a path now says nothing about the file that a plan would put there.
#[test]
fn a_package_file_that_the_plan_replaces_is_not_asked() {
    let machine = fresh();
    machine.put_file("/srv/tool.deb", "old");
    let told = Output { stdout: b"tool\t1.0".to_vec(), ..Output::default() };
    machine.install_program("dpkg-deb", move |_: &FakeSystem, _: &Command| told.clone());
    let recipe = r#"file("/srv/tool.deb", #{ content: "new" }); package("tool", #{ source: "/srv/tool.deb" });"#;
    let planned_on = Rc::new(machine.clone());
    let report = run(Rc::<FakeSystem>::clone(&planned_on), recipe, true);
    let statuses: Vec<Status> = report.resources.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::WouldChange, Status::MayChange]);
    assert!(
        !planned_on.probes().iter().any(|probe| probe.contains("dpkg-deb")),
        "{:?}",
        planned_on.probes()
    );
}

/// Pins, sources and options of apt decide which version is the candidate, and apt reads them by
/// itself.
#[test]
fn what_would_change_below_the_configuration_of_apt_leaves_candidates_open() {
    let (machine, _) = converges(&fresh(), r#"package("tool", #{ version: "1.0" });"#);
    machine.put_dir("/etc/apt/preferences.d", 0o755);
    let upgrade = r#"package("tool", #{ action: "upgrade" });"#;
    let upgraded = |before: &str| {
        let report = run(Rc::new(machine.clone()), &format!("{before}{upgrade}"), true);
        report.resources.last().map(|record| record.status).unwrap()
    };
    assert_eq!(upgraded(""), Status::WouldChange);
    assert_eq!(upgraded(r#"file("/etc/motd", #{ content: "x" });"#), Status::WouldChange);
    assert_eq!(
        upgraded(r#"file("/etc/apt/preferences.d/pin", #{ content: "x" });"#),
        Status::MayChange
    );
    assert_eq!(upgraded(r#"file("/etc/apt/apt.conf", #{ content: "x" });"#), Status::MayChange);
    assert_eq!(
        upgraded(r#"directory("/var/lib/apt/lists", #{ mode: "0700" });"#),
        Status::MayChange
    );
    // What a pin cannot change stays certain.
    let report = run(
        Rc::new(machine.clone()),
        r#"file("/etc/apt/apt.conf", #{ content: "x" }); package("tool"); package("tool", #{ action: "remove" });"#,
        true,
    );
    let statuses: Vec<Status> = report.resources.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::WouldChange, Status::UpToDate, Status::WouldChange]);
}

#[test]
fn what_would_change_below_the_configuration_of_dnf_leaves_offers_open() {
    let machine = fresh();
    let says = |text: &'static str| {
        move |_: &FakeSystem, _: &Command| Output { stdout: text.into(), ..Output::default() }
    };
    machine.install_program("rpm", says("tool\t0\t1.0\t1\tnoarch\n"));
    machine.install_program("dnf", says("tool\t0\t1.1\t1\tnoarch\n"));
    let upgraded = |before: &str| {
        let upgrade = r#"package("tool", #{ provider: "dnf", action: "upgrade" });"#;
        let report = run(Rc::new(machine.clone()), &format!("{before}{upgrade}"), true);
        report.resources.last().map(|record| record.status).unwrap()
    };
    assert_eq!(upgraded(r#"file("/etc/motd", #{ content: "x" });"#), Status::WouldChange);
    assert_eq!(upgraded(r#"directory("/etc/yum.repos.d");"#), Status::MayChange);
    assert_eq!(
        upgraded(r#"directory("/etc/dnf/modules.d", #{ recursive: true });"#),
        Status::MayChange
    );
}

#[test]
fn names_what_does_not_exist() {
    let said = fails(&fresh(), r#"package("wep");"#);
    assert!(
        said.contains("no package `wep` in the lists of this machine")
            && said.contains("did you mean `web`?"),
        "{said}"
    );
    let said = fails(&fresh(), r#"package("tool", #{ version: "9" });"#);
    assert!(said.contains("no version 9") && said.contains("1.1, 1.0"), "{said}");
    let said = fails(&fresh(), r#"package("dns");"#);
    assert!(said.contains("several provide it") && said.contains("dns-a, dns-b"), "{said}");
    converges(&fresh(), r#"package("mta"); package("mta-a");"#);
}
