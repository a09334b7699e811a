//! A recorded case on the real machine, as root, in a folder of its own: planned, converged, and
//! converged again.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;
use toque_contract::event::Event;
use toque_contract::report::{Outcome, Report, Status};
use toque_data::run_list::Item;
use toque_engine::{Options, Refused, Run};
use toque_machine::system::HostSystem;

use crate::conformance::recipe::{resources, write_cookbook};
use crate::conformance::scratch::Scratch;

/// What came of a run.
struct Ran {
    /// `[action, status]`, with the resource's id before it where there are several.
    statuses: Vec<Value>,
    /// Something was changed, or in a plan would or may be.
    changes: bool,
    /// In which phase it failed.
    failed: Option<&'static str>,
    message: String,
}

/// A machine for one case.
struct Place {
    repository: TempDir,
    state: TempDir,
    scratch: Scratch,
}

impl Place {
    fn new(case: &Value) -> Self {
        let (repository, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let scratch = Scratch::new(&case["initial"]);
        write_cookbook(repository.path(), case, &scratch);
        Self { repository, state, scratch }
    }

    fn run(&self, case: &Value, dry: bool) -> Ran {
        let options = Options {
            repository: Some(self.repository.path().to_owned()),
            run_list: vec![Item::parse("o").unwrap()],
            state_dir: Some(self.state.path().to_owned()),
            umask: case["umask"]
                .as_str()
                .map_or(0o022, |umask| u32::from_str_radix(umask, 8).unwrap()),
            ..Options::default()
        };
        let events = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&events);
        let listen = move |event: &Event<'_>| match event {
            Event::Retrying { action, .. } => {
                heard.borrow_mut().push((None, json!([action, "retried"])));
            }
            Event::Done(record) => {
                let line = record.at.as_ref().map_or(0, |span| span.line);
                heard
                    .borrow_mut()
                    .push((Some(line), json!([&*record.action, word(record.status)])));
            }
            _ => {}
        };
        let act = if dry { Run::plan } else { Run::converge };
        let run = Run::new(HostSystem::new(), toque_resources::standard());
        let result = act(run.options(options).sink(listen));
        let events = events.take();
        ran(result, named(events, case))
    }

    fn backups(&self) -> u64 {
        count_files(&self.state.path().join("backups"))
    }
}

/// Whether Toque does what was recorded; else everything that differs.
pub(super) fn agrees(case: &Value) -> Result<(), String> {
    let mut wrong = Vec::new();
    dry_run(case, &mut wrong);
    real_run(case, &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

fn real_run(case: &Value, wrong: &mut Vec<String>) {
    let expected = &case["expected"];
    let place = Place::new(case);
    let ran = place.run(case, false);
    let wanted = expected["phase"].as_str();
    if ran.failed != wanted {
        wrong.push(format!("fails in {:?}, expected {wanted:?}: {}", ran.failed, ran.message));
    }
    differ("statuses", &json!(ran.statuses), &expected["statuses"], wrong);
    if expected["updated"].is_boolean() {
        differ("updated", &json!(ran.changes), &expected["updated"], wrong);
    }
    differ_in_tree(case, &place.scratch, wrong);
    differ(
        "backups",
        &json!(place.backups()),
        &json!(expected["backups"].as_u64().unwrap_or(0)),
        wrong,
    );
    if expected["ran"].is_boolean() {
        let left_its_mark = |entry: &Value| {
            entry["path"].as_str().is_some_and(|path| path == "out" || path.ends_with("/out"))
                && entry["content"] != ""
        };
        differ(
            "ran",
            &json!(place.scratch.tree().values().any(left_its_mark)),
            &expected["ran"],
            wrong,
        );
    }
    if let (Some(again), None) = (expected["again"].as_object(), ran.failed) {
        let before = place.scratch.tree();
        let ran = place.run(case, false);
        differ("again, updated", &json!(ran.changes), &again["updated"], wrong);
        let touched = json!(place.scratch.tree() != before);
        differ(
            "again, changed something",
            &touched,
            again.get("changed_something").unwrap_or(&json!(false)),
            wrong,
        );
    }
}

/// A plan touches nothing but what its guards touch, and foretells. That converge will fail, Chef's
/// dry run mostly does not see, for it assumes that whatever is missing will have been made; a plan
/// that sees it is right.
fn dry_run(case: &Value, wrong: &mut Vec<String>) {
    let expected = &case["expected"];
    let place = Place::new(case);
    let before = place.scratch.fingerprint();
    let ran = place.run(case, true);
    let foreseen = ran.failed.is_some() && !expected["phase"].is_null();
    if !foreseen {
        if let Some(phase) = ran.failed {
            wrong.push(format!("the plan fails in {phase}: {}", ran.message));
        }
        differ("plan, updated", &json!(ran.changes), &expected["why_run"]["updated"], wrong);
    }
    let touched = json!(place.scratch.fingerprint() != before);
    differ(
        "plan, changed something",
        &touched,
        expected["why_run"].get("changed_something").unwrap_or(&json!(false)),
        wrong,
    );
    if count_files(place.state.path()) > 0 {
        wrong.push("the plan wrote into the state directory".to_owned());
    }
}

fn differ(what: &str, found: &Value, wanted: &Value, wrong: &mut Vec<String>) {
    if found != wanted {
        wrong.push(format!("{what}: {found}, expected {wanted}"));
    }
}

fn differ_in_tree(case: &Value, scratch: &Scratch, wrong: &mut Vec<String>) {
    let mut found = scratch.tree();
    for wanted in case["expected"]["after"].as_array().unwrap() {
        let path = wanted["path"].as_str().unwrap();
        let Some(mut entry) = found.remove(path) else {
            wrong.push(format!("{path} is missing, expected {wanted}"));
            continue;
        };
        let mut wanted = wanted.clone();
        if made_anew(case, &wanted) {
            for entry in [&mut entry, &mut wanted] {
                entry.as_object_mut().unwrap().remove("same_inode");
            }
        }
        if entry != wanted {
            wrong.push(format!("{path}: {entry}, expected {wanted}"));
        }
    }
    wrong.extend(found.values().map(|entry| format!("unexpected: {entry}")));
}

/// What is removed and made again is given the inode that has just become free, or is not.
fn made_anew(case: &Value, entry: &Value) -> bool {
    let resources = resources(case);
    let deleted = || {
        resources.iter().any(|resource| {
            resource["action"].as_array().is_some_and(|all| all.contains(&json!("delete")))
        })
    };
    let linked = || resources.iter().any(|resource| resource["kind"] == "link");
    deleted() || (entry["type"] == "link" && linked())
}

fn ran(result: Result<Report, Refused>, statuses: Vec<Value>) -> Ran {
    match result {
        Err(refused) => {
            let message = refused
                .diagnostics
                .0
                .iter()
                .map(|diagnostic| diagnostic.message.as_str())
                .collect::<Vec<_>>()
                .join("; ");
            Ran { statuses, changes: false, failed: Some("compile"), message }
        }
        Ok(report) => {
            let changed = |status: Status| {
                matches!(status, Status::Changed | Status::WouldChange | Status::MayChange)
            };
            let errors = report
                .resources
                .iter()
                .filter_map(|record| record.error.as_ref().map(|error| error.message.as_str()));
            Ran {
                statuses,
                changes: report.resources.iter().any(|record| changed(record.status)),
                failed: (report.outcome != Outcome::Success).then_some("converge"),
                message: errors.collect::<Vec<_>>().join("; "),
            }
        }
    }
}

/// Statuses with the ids of their resources: each stands on a line of its own.
fn named(events: Vec<(Option<usize>, Value)>, case: &Value) -> Vec<Value> {
    let ids: Vec<&Value> = resources(case).into_iter().map(|resource| &resource["id"]).collect();
    let mut line = 1;
    let mut named: Vec<Value> = Vec::new();
    // From the end: which resource was tried again, its record tells.
    for (at, mut event) in events.into_iter().rev() {
        line = at.unwrap_or(line);
        if ids.len() > 1 {
            event.as_array_mut().unwrap().insert(0, ids[line - 1].clone());
        }
        named.insert(0, event);
    }
    named
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Changed => "updated",
        Status::UpToDate => "up-to-date",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
        Status::Interrupted => "interrupted",
        Status::WouldChange => "would change",
        Status::MayChange => "may change",
    }
}

fn count_files(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: &Path| if path.is_dir() { count_files(path) } else { 1 };
    entries.map(|entry| count(&entry.unwrap().path())).sum()
}
