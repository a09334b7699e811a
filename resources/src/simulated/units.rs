//! systemd.

use std::fmt::Write;
use std::path::Path;

use toque_machine::command::{Command, Output};
use toque_machine::system::{FakeSystem, FileKind, Query};

use super::{arguments, fail, ok};

const FOLDERS: [&str; 2] = ["/etc/systemd/system", "/lib/systemd/system"];
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

pub(super) fn install_programs(machine: &FakeSystem) {
    machine.install_program("systemctl", systemctl);
    machine.install_program("systemd-analyze", analyze);
}

/// The text of a unit's file; `None` without one. A masked unit has none either.
fn file(machine: &FakeSystem, unit: &str) -> Option<String> {
    let path = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(unit))
        .find(|path| machine.lstat(path).is_ok())?;
    (machine.lstat(&path).ok()?.kind == FileKind::File).then(|| machine.text(path))
}

fn is_masked(machine: &FakeSystem, unit: &str) -> bool {
    machine
        .read_link(&Path::new(FOLDERS[0]).join(unit))
        .is_ok_and(|to| to == Path::new("/dev/null"))
}

fn is_enabled(machine: &FakeSystem, unit: &str) -> bool {
    machine.lstat(&Path::new(WANTS).join(unit)).is_ok()
}

fn is_installable(machine: &FakeSystem, unit: &str) -> bool {
    file(machine, unit).is_some_and(|text| text.lines().any(|line| line.trim() == "[Install]"))
}

fn active(machine: &FakeSystem, unit: &str) -> String {
    let state = machine.recall(&format!("unit:{unit}"));
    state
        .and_then(|state| state.as_str().map(str::to_owned))
        .unwrap_or_else(|| "inactive".to_owned())
}

fn is_active(machine: &FakeSystem, unit: &str) -> bool {
    active(machine, unit) == "active"
}

/// The units that a unit's file names under an option.
fn named(machine: &FakeSystem, unit: &str, options: &[&str]) -> Vec<String> {
    let text = file(machine, unit).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(option, _)| options.contains(option))
        .flat_map(|(_, units)| units.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The units whose files name a unit under an option.
fn naming(machine: &FakeSystem, unit: &str, options: &[&str]) -> Vec<String> {
    all(machine)
        .into_iter()
        .filter(|other| named(machine, other, options).iter().any(|named| named == unit))
        .collect()
}

/// Every unit that has a file.
fn all(machine: &FakeSystem) -> Vec<String> {
    let mut names: Vec<String> = FOLDERS
        .iter()
        .flat_map(|folder| machine.read_dir(Path::new(folder)).unwrap_or_default())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| !name.ends_with(".wants"))
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(super) fn set_enabled(machine: &FakeSystem, unit: &str, enabled: bool) {
    let link = Path::new(WANTS).join(unit);
    if !enabled {
        machine.clear(&link);
    } else if is_installable(machine, unit) && !is_enabled(machine, unit) {
        machine.put_link(&link, Path::new(FOLDERS[1]).join(unit));
    }
}

/// What `systemctl` does: the units that `Also=` names come along.
fn switch(machine: &FakeSystem, unit: &str, enabled: bool) {
    set_enabled(machine, unit, enabled);
    for other in named(machine, unit, &["Also"]) {
        set_enabled(machine, &other, enabled);
    }
}

/// Starts a unit with what it needs; what it conflicts with is stopped. `ExecStart=/bin/false`
/// fails.
pub(super) fn start(machine: &FakeSystem, unit: &str) -> bool {
    if is_active(machine, unit) {
        return true;
    }
    if is_masked(machine, unit) {
        return false;
    }
    let Some(text) = file(machine, unit) else { return false };
    for other in named(machine, unit, &["Conflicts"]).into_iter().chain(naming(
        machine,
        unit,
        &["Conflicts"],
    )) {
        stop(machine, &other);
    }
    // So that units which need each other do not start each other for ever.
    machine.remember(format!("unit:{unit}"), "active");
    for other in named(machine, unit, &["Requires", "Wants", "BindsTo"]) {
        start(machine, &other);
    }
    let works = !text.lines().any(|line| line.trim() == "ExecStart=/bin/false");
    if !works {
        machine.remember(format!("unit:{unit}"), "failed");
    }
    works
}

/// Stops a unit with those that need it.
pub(super) fn stop(machine: &FakeSystem, unit: &str) {
    if !is_active(machine, unit) {
        machine.forget(&format!("unit:{unit}"));
        return;
    }
    machine.forget(&format!("unit:{unit}"));
    for other in all(machine) {
        if named(machine, &other, &["Requires", "BindsTo"]).iter().any(|needed| needed == unit) {
            stop(machine, &other);
        }
    }
}

pub(super) fn restart_running(machine: &FakeSystem, unit: &str) {
    if is_active(machine, unit) {
        restart(machine, unit);
    }
}

/// What stops along starts again along, as systemd does it.
fn restart(machine: &FakeSystem, unit: &str) -> bool {
    let along: Vec<String> = all(machine)
        .into_iter()
        .filter(|other| {
            is_active(machine, other)
                && named(machine, other, &["Requires", "BindsTo"])
                    .iter()
                    .any(|needed| needed == unit)
        })
        .collect();
    stop(machine, unit);
    let works = start(machine, unit);
    for other in along {
        start(machine, &other);
    }
    works
}

fn systemctl(machine: &FakeSystem, command: &Command) -> Output {
    let (_, flags, rest) = arguments(command, &["--property"]);
    let Some((verb, units)) = rest.split_first() else { return fail(1, "Too few arguments.\n") };
    let unit = units.first().copied().unwrap_or_default();
    let works =
        |works: bool| if works { ok("") } else { fail(1, &format!("Job for {unit} failed.\n")) };
    let there = file(machine, unit).is_some() || is_masked(machine, unit);
    match *verb {
        "daemon-reload" => ok(""),
        "show" => ok(&show(machine, unit)),
        "list-unit-files" => ok(&all(machine)
            .iter()
            .map(|unit| format!("{unit} disabled enabled\n"))
            .collect::<String>()),
        "status" => ok(&format!("{unit}\n   Active: {}\n", active(machine, unit))),
        "is-enabled" => {
            if is_enabled(machine, unit) && !is_masked(machine, unit) {
                ok("")
            } else {
                fail(1, "")
            }
        }
        "stop" if there || is_active(machine, unit) => {
            stop(machine, unit);
            ok("")
        }
        "unmask" => {
            if is_masked(machine, unit) {
                machine.clear(Path::new(FOLDERS[0]).join(unit));
            }
            ok("")
        }
        "mask" => {
            let path = Path::new(FOLDERS[0]).join(unit);
            if machine.lstat(&path).is_ok_and(|found| found.kind == FileKind::File) {
                return fail(
                    1,
                    &format!("Failed to mask unit: File '{}' already exists.\n", path.display()),
                );
            }
            machine.put_link(path, "/dev/null");
            ok("")
        }
        _ if !there => fail(5, &format!("Unit {unit} not found.\n")),
        "enable" | "reenable" | "preset" if is_masked(machine, unit) => {
            fail(1, &format!("Unit {unit} is masked.\n"))
        }
        "enable" | "reenable" | "preset" | "disable" => {
            switch(machine, unit, *verb != "disable");
            if flags.contains(&"--now") { works(start(machine, unit)) } else { ok("") }
        }
        "revert" => ok(""),
        "start" => works(start(machine, unit)),
        "restart" | "reload-or-restart" => works(restart(machine, unit)),
        "try-restart" | "try-reload-or-restart" => {
            works(!is_active(machine, unit) || restart(machine, unit))
        }
        "reload" => works(is_active(machine, unit)),
        other => fail(1, &format!("Unknown command verb {other}.\n")),
    }
}

fn show(machine: &FakeSystem, unit: &str) -> String {
    let found = file(machine, unit).is_some();
    let (load, state) = match (is_masked(machine, unit), found) {
        (true, _) => ("masked", "masked"),
        (false, false) => ("not-found", ""),
        (false, true) if !is_installable(machine, unit) => ("loaded", "static"),
        (false, true) if is_enabled(machine, unit) => ("loaded", "enabled"),
        (false, true) => ("loaded", "disabled"),
    };
    let mut text =
        format!("LoadState={load}\nUnitFileState={state}\nActiveState={}\n", active(machine, unit));
    for option in ["Requires", "Wants", "BindsTo", "Conflicts"] {
        let _ = writeln!(text, "{option}={}", named(machine, unit, &[option]).join(" "));
    }
    for (property, option) in
        [("RequiredBy", "Requires"), ("BoundBy", "BindsTo"), ("ConflictedBy", "Conflicts")]
    {
        let _ = writeln!(text, "{property}={}", naming(machine, unit, &[option]).join(" "));
    }
    text
}

/// Accepts what has a section.
fn analyze(machine: &FakeSystem, command: &Command) -> Output {
    let (_, _, rest) = arguments(command, &[]);
    let text = machine.text(rest.last().copied().unwrap_or_default());
    if text.lines().any(|line| line.starts_with('[')) {
        ok("")
    } else {
        fail(1, "Assignment outside of section. Ignoring.\n")
    }
}
