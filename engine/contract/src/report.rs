//! What a run did or would do, resource by resource: the same data for the terminal, the JSON
//! report and the history.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::registry::Shown;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::name::ResourceId;
use toque_core::redaction::Redactor;

/// How an action on a resource ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Changed,
    UpToDate,
    /// A guard, or the action `nothing`.
    Skipped,
    Failed,
    /// Ended with the run, in the middle.
    Interrupted,
    /// In a plan: converge changes it.
    WouldChange,
    /// In a plan: it depends on an earlier change whether converge changes it.
    MayChange,
}

/// Why an action was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    Declared,
    /// Before this resource's change.
    Before(ResourceId),
    /// Right after this resource's change.
    Immediately(ResourceId),
    /// At the end, because of this resource's change.
    Delayed(ResourceId),
    /// An earlier run owed it.
    Owed,
}

/// One action on one resource.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    #[serde(serialize_with = "as_text")]
    pub resource: ResourceId,
    #[serde(serialize_with = "as_word")]
    pub action: Rc<str>,
    pub status: Status,
    #[serde(skip_serializing_if = "is_declared")]
    pub cause: Cause,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Shown>,
    /// Which guard, or why it could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The earlier resources that decide a *may change*.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_error")]
    pub error: Option<Box<Diagnostic>>,
    /// The failure did not end the run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_place")]
    pub at: Option<Span>,
    pub microseconds: u64,
}

impl Record {
    /// Takes decrypted values out of all that is told of the action.
    pub fn redact(&mut self, redactor: &Redactor) {
        if redactor.is_empty() {
            return;
        }
        let hide = |text: &mut String| {
            if let Some(hidden) = redactor.redact(text) {
                *text = hidden;
            }
        };
        if let Some(hidden) = redactor.redact_name(&self.resource.name) {
            self.resource.shown.get_or_insert_with(|| hidden.into());
        }
        for change in &mut self.changes {
            hide(&mut change.what);
            change.diff.iter_mut().for_each(hide);
        }
        self.reason.iter_mut().chain(&mut self.notes).chain(&mut self.depends_on).for_each(hide);
        self.error = self.error.take().map(|error| Box::new(redactor.redact_in(*error)));
    }
}

/// How the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Success,
    Failed,
    Stopped,
}

/// The event that a run is for.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    pub stack: String,
    pub instance: String,
    /// `setup`, `deploy`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub command_id: String,
    /// The shortnames of the apps that it is about.
    pub apps: Vec<String>,
}

/// The whole of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `17-20261120T165629Z`: a number that is one more than that of the run before, and the time. A
    /// plan has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub toque: &'static str,
    /// `converge` or `plan`.
    pub command: &'static str,
    pub node: String,
    /// As it was asked for.
    pub run_list: Vec<String>,
    /// The recipes that it came to.
    pub expanded_run_list: Vec<String>,
    pub environment: String,
    /// What happened on the stack, when the run is for an event of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<About>,
    /// What was fetched, where the cookbooks come from elsewhere: `v7 (1a2b3c4)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookbooks_revision: Option<String>,
    pub cookbooks: IndexMap<String, String>,
    /// RFC 3339, UTC.
    pub started: String,
    pub compile_seconds: f64,
    pub converge_seconds: f64,
    pub outcome: Outcome,
    pub counts: Counts,
    pub resources: Vec<Record>,
    /// Resources that the run did not come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_reached: Vec<String>,
    /// What failed and is no action of a resource, such as writing down what is owed.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_errors")]
    pub errors: Vec<Diagnostic>,
    /// Notifications that are still to be delivered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Owed>,
}

/// One notification that is still to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// `service[nginx]`
    pub target: String,
    pub action: String,
    pub timing: String,
    /// The resource whose change it follows.
    pub by: String,
    /// Where the notification was declared: `cookbooks/web/recipes/default.rhai:8:3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// The run that came to owe it.
    pub since: String,
}

/// Resources by how they ended; one that was acted on several times counts by its weightiest end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub resources: usize,
    pub changed: usize,
    pub up_to_date: usize,
    pub skipped: usize,
    pub failed: usize,
    pub would_change: usize,
    pub may_change: usize,
    pub not_reached: usize,
}

impl Counts {
    /// Counts each resource once: those with records, by their place in the graph, and those that
    /// had none.
    #[must_use]
    pub fn of<'a>(records: impl Iterator<Item = (usize, &'a Record)>, not_reached: usize) -> Self {
        let mut weightiest: HashMap<usize, &Record> = HashMap::new();
        for (index, record) in records {
            let known = weightiest.entry(index).or_insert(record);
            // What failed and was forgiven counts by what came of it later.
            if known.ignored || weight(record.status) > weight(known.status) {
                *known = record;
            }
        }
        let mut counts =
            Self { resources: weightiest.len() + not_reached, not_reached, ..Self::default() };
        for record in weightiest.into_values() {
            match record.status {
                Status::Changed => counts.changed += 1,
                Status::UpToDate => counts.up_to_date += 1,
                Status::Skipped => counts.skipped += 1,
                Status::Failed | Status::Interrupted => counts.failed += 1,
                Status::WouldChange => counts.would_change += 1,
                Status::MayChange => counts.may_change += 1,
            }
        }
        counts
    }
}

fn weight(status: Status) -> u8 {
    match status {
        Status::Skipped => 0,
        Status::UpToDate => 1,
        Status::MayChange => 2,
        Status::WouldChange => 3,
        Status::Changed => 4,
        Status::Interrupted => 5,
        Status::Failed => 6,
    }
}

fn as_word<S: Serializer>(word: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word)
}

fn as_text<S: Serializer>(id: &ResourceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn as_place<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.collect_str(span),
        None => serializer.serialize_none(),
    }
}

fn as_error<S: Serializer>(
    error: &Option<Box<Diagnostic>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    error.as_deref().map(Error::of).serialize(serializer)
}

fn as_errors<S: Serializer>(errors: &[Diagnostic], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(errors.iter().map(Error::of))
}

/// An error as reports have it.
#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What led there, innermost call first: `recipes/web.rhai:3:7 in the call of `f``.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    frames: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    hints: &'a [String],
}

impl<'a> Error<'a> {
    fn of(error: &'a Diagnostic) -> Self {
        Self {
            message: &error.message,
            at: error.span.as_ref().map(ToString::to_string),
            frames: error.frames.iter().map(|(span, what)| format!("{span} {what}")).collect(),
            notes: &error.notes,
            hints: &error.hints,
        }
    }
}

fn is_declared(cause: &Cause) -> bool {
    *cause == Cause::Declared
}
