//! A recipe on a machine: planned, converged, and the two compared.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use proptest::prelude::TestCaseError;
use toque_contract::registry::Registry;
use toque_contract::report::{Outcome, Report, Status};
use toque_core::diagnostic::Source;
use toque_data::run_list::Item;
use toque_engine::{Options, Run};
use toque_machine::system::FakeSystem;

use crate::law::machine;

/// What all runs of a test share, and what came of them.
pub(super) struct Law {
    repository: tempfile::TempDir,
    registry: Rc<Registry>,
    pub counts: RefCell<BTreeMap<String, usize>>,
}

/// What a converge came to.
pub(super) enum Ended {
    /// It ended without failure.
    Well(Box<FakeSystem>),
    /// It failed, or was never begun; the law is about the others.
    Badly,
}

type Pairs = BTreeSet<(String, Rc<str>)>;

impl Law {
    pub(super) fn new() -> Self {
        let registry = Rc::new(toque_resources::standard());
        Self { repository: machine::repository(), registry, counts: RefCell::default() }
    }

    pub(super) fn count(&self, what: impl Into<String>) {
        *self.counts.borrow_mut().entry(what.into()).or_default() += 1;
    }

    pub(super) fn counted(&self, what: &str) -> usize {
        self.counts.borrow().get(what).copied().unwrap_or_default()
    }

    pub(super) fn print(&self) {
        for (what, count) in &*self.counts.borrow() {
            println!("{count:8} {what}");
        }
    }

    fn run(&self, machine: &Rc<FakeSystem>, recipe: &str, planning: bool) -> Option<Report> {
        let options = Options {
            repository: Some(PathBuf::from(self.repository.path())),
            run_list: vec![Item::parse("law").unwrap()],
            recipe: Some(Source {
                name: "law.rhai".to_owned(),
                path: None,
                text: recipe.to_owned(),
            }),
            ..Options::default()
        };
        let act = if planning { Run::plan } else { Run::converge };
        let run = Run::on(Rc::<FakeSystem>::clone(machine), Rc::clone(&self.registry));
        act(run.options(options)).map_or_else(
            |refused| {
                let text =
                    refused.diagnostics.0.first().map(|diagnostic| diagnostic.message.clone());
                let text = text.unwrap_or_default();
                self.count(format!("refused: {}", text.split('`').next().unwrap_or_default()));
                None
            },
            Some,
        )
    }

    /// Plans and converges.
    pub(super) fn holds(&self, machine: &FakeSystem, recipe: &str) -> Result<Ended, TestCaseError> {
        let before = Rc::new(machine.clone());
        before.take_effects();
        let Some(foretold) = self.run(&before, recipe, true) else {
            self.count("runs refused");
            return Ok(Ended::Badly);
        };
        let effects = before.effects();
        let fail = |why: String| Err(TestCaseError::fail(format!("{why}\nof\n{recipe}")));
        if before.snapshot() != machine.snapshot() || !effects.is_empty() {
            return fail(format!("the plan changed the machine: {effects:?}"));
        }
        let after = Rc::new(machine.clone());
        let Some(done) = self.run(&after, recipe, false) else {
            return fail("only the converge was refused".to_owned());
        };
        // A failure that a plan could not know makes what comes after it another story.
        let failed = failures(&done);
        if done.outcome != Outcome::Success || failed != failures(&foretold) {
            if done.outcome == Outcome::Success && failed.is_empty() {
                return fail(format!(
                    "the plan failed and converge did not:\n{}",
                    errors(&foretold)
                ));
            }
            self.count("runs failed");
            let error = done
                .resources
                .iter()
                .find_map(|record| record.error.as_ref())
                .map(|error| error.message.clone());
            let kind = done
                .resources
                .iter()
                .find(|record| record.error.is_some())
                .map(|record| record.resource.kind.to_string());
            let words = error.unwrap_or_default();
            let plain: Vec<&str> = words.split('`').step_by(2).collect();
            self.count(format!("failed: {} {}", kind.unwrap_or_default(), plain.join("_")));
            return Ok(Ended::Badly);
        }
        self.count("runs compared");
        if let Err(why) = compare(&foretold, &done) {
            return fail(why);
        }
        self.tally(&foretold, &done);
        Ok(Ended::Well(Box::new((*after).clone())))
    }

    /// A plan that finds something to do, or may, is not empty.
    pub(super) fn is_empty(&self, machine: &FakeSystem, recipe: &str) -> Result<(), TestCaseError> {
        let foretold = self.run(&Rc::new(machine.clone()), recipe, true);
        let open =
            |report: &Report| !pairs(report, &[Status::WouldChange, Status::MayChange]).is_empty();
        match foretold.filter(open) {
            Some(report) => Err(TestCaseError::fail(format!(
                "the plan after a run is not empty:\n{}of\n{recipe}",
                told(&report)
            ))),
            None => Ok(()),
        }
    }

    fn tally(&self, foretold: &Report, done: &Report) {
        let changed = pairs(done, &[Status::Changed]);
        for record in &foretold.resources {
            let what = match record.status {
                Status::WouldChange => "actions that would change",
                Status::MayChange
                    if changed
                        .contains(&(record.resource.to_string(), Rc::clone(&record.action))) =>
                {
                    "actions that may change, and did"
                }
                Status::MayChange => "actions that may change, and did not",
                Status::Skipped => "actions skipped",
                Status::UpToDate => "actions up to date",
                _ => "actions failed",
            };
            self.count(what);
            if let Some((kind, _)) = record.resource.to_string().split_once('[') {
                self.count(format!("kind {kind}: {what}"));
            }
        }
    }
}

/// The law of plans.
fn compare(foretold: &Report, done: &Report) -> Result<(), String> {
    let would = pairs(foretold, &[Status::WouldChange]);
    let may = pairs(foretold, &[Status::MayChange]);
    let changed = pairs(done, &[Status::Changed]);
    let story = || format!("\nplan\n{}converge\n{}", told(foretold), told(done));
    if let Some(kept) = would.difference(&changed).next() {
        return Err(format!("{kept:?} would change, and did not{}", story()));
    }
    if let Some(unforeseen) =
        changed.iter().find(|pair| !would.contains(*pair) && !may.contains(*pair))
    {
        return Err(format!("{unforeseen:?} changed and was not foretold{}", story()));
    }
    let mut pending = BTreeSet::new();
    for record in &foretold.resources {
        if record.status == Status::MayChange {
            let strange = record.depends_on.iter().find(|cause| !pending.contains(*cause));
            if record.depends_on.is_empty() || strange.is_some() {
                return Err(format!(
                    "{}: {} may change without a pending cause{}",
                    record.resource,
                    record.action,
                    story()
                ));
            }
        }
        if matches!(record.status, Status::WouldChange | Status::MayChange) {
            pending.insert(record.resource.to_string());
        }
    }
    Ok(())
}

fn pairs(report: &Report, statuses: &[Status]) -> Pairs {
    let records = report.resources.iter().filter(|record| statuses.contains(&record.status));
    records.map(|record| (record.resource.to_string(), Rc::clone(&record.action))).collect()
}

/// What failed and was ignored, each time.
fn failures(report: &Report) -> Vec<(String, Rc<str>)> {
    let records = report.resources.iter().filter(|record| record.status == Status::Failed);
    let mut failures: Vec<_> =
        records.map(|record| (record.resource.to_string(), Rc::clone(&record.action))).collect();
    failures.sort();
    failures
}

fn errors(report: &Report) -> String {
    let errors =
        report.resources.iter().filter_map(|record| Some((record, record.error.as_ref()?)));
    errors.map(|(record, error)| format!("{}: {error}\n", record.resource)).collect()
}

/// A report, for whoever looks into a case.
fn told(report: &Report) -> String {
    let line = |record: &toque_contract::report::Record| {
        let changes: Vec<&str> = record.changes.iter().map(|change| change.what.as_str()).collect();
        let (why, reason) = (&record.depends_on, record.reason.clone().unwrap_or_default());
        let error = record.error.as_ref().map(ToString::to_string).unwrap_or_default();
        format!(
            "    {} {}: {:?} {:?} {changes:?} {why:?} {reason} {error}\n",
            record.resource, record.action, record.status, record.cause
        )
    };
    report.resources.iter().map(line).collect()
}
