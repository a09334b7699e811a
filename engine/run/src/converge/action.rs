//! One resource's turn: one action, from its guards to what was changed.

use std::rc::Rc;
use std::time::Duration;

use super::{Halted, Walk};
use crate::options::Mode;
use toque_contract::event::Event;
use toque_contract::graph::{ActionRef, Declared, IgnoreFailure, Index, Timing};
use toque_contract::registry::{AnyProvider, Plan, Shown};
use toque_contract::report::{Cause, Record, Status};
use toque_contract::resource::{Apply, Effect};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::FailureKind;
use toque_core::message::first_value;
use toque_core::name::ResourceId;
use toque_core::redaction::REDACTED;
use toque_language::interpreter::Changed;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::{PlannedEffect, Uncertainty, add_uncertainty};

/// How a turn ended, and in a plan what leaves it open.
pub(crate) struct Turn {
    pub record: Record,
    pub doubts: Uncertainty,
    /// It failed when something inside had changed.
    pub(crate) changed_inside: bool,
}

/// What the tries of one action have done so far.
#[derive(Default)]
pub(crate) struct Tries {
    /// What is to happen before the change has happened; once, however often it is tried.
    pub(crate) sent_before: bool,
    /// What the last try was to change, and failed at.
    failed: Vec<Shown>,
    /// Something inside a custom resource has changed.
    pub(crate) changed_inside: bool,
}

/// What a plan can tell of an action.
enum Forecast {
    HeldBack {
        guard: String,
        provider: Option<usize>,
    },
    UpToDate {
        provider: usize,
        notes: Vec<String>,
    },
    /// `held_back`: the guard that keeps it from acting today.
    Acts {
        provider: usize,
        plan: Plan,
        doubts: Uncertainty,
        held_back: Option<String>,
    },
    /// Nothing can be told of what it does, nor of what it may touch.
    Unknown {
        doubts: Uncertainty,
        reason: Option<String>,
    },
}

impl Walk<'_> {
    /// Takes an action, trying again as often as the resource says.
    pub(crate) fn take_action(
        &mut self,
        index: Index,
        action: ActionRef,
        cause: Cause,
        doubts: Uncertainty,
    ) -> Result<Turn, Halted> {
        let compiled = self.compiled;
        let ready = &compiled.resources[index];
        let kind = &self.inputs.registry.kinds[ready.kind];
        let mut record = blank(ready, action.name(kind), cause);
        let ActionRef::Kind(number) = action else {
            record.status = Status::Skipped;
            record.reason = Some("action nothing".to_owned());
            return Ok(Turn { record, doubts: Uncertainty::new(), changed_inside: false });
        };
        let mut left = if self.mode == Mode::Converge { ready.common.retries } else { 0 };
        let mut tries = Tries::default();
        loop {
            let (errors, records) = (self.errors.len(), self.records.len());
            let attempt = match (self.mode, kind.is_container()) {
                (Mode::Converge, false) => {
                    self.apply_action(index, number, &mut record, &mut tries)
                }
                (Mode::Plan, false) => self.plan_action(index, number, &mut record, &doubts),
                (Mode::Converge, true) => self.apply_inside(index, action, &mut record, &mut tries),
                (Mode::Plan, true) => self.plan_inside(index, action, &mut record, &doubts),
            };
            let wrong = match attempt {
                Ok(doubts) => {
                    if ready.is_sensitive() {
                        hide(&mut record.changes, &ready.id);
                    } else if ready.hides_content() {
                        record.changes.iter_mut().for_each(hide_diff);
                    }
                    return Ok(Turn { record, doubts, changed_inside: false });
                }
                Err(Ended::Failed(wrong)) => wrong,
                Err(Ended::Halted) => {
                    record.status = Status::Skipped;
                    record.reason = Some("what was to happen before it failed".to_owned());
                    self.record(index, record);
                    return Err(Halted);
                }
            };
            let again = left > 0 && !wrong.interrupted && !self.stopping();
            if again {
                let error =
                    if ready.is_sensitive() { REDACTED.to_owned() } else { wrong.message.clone() };
                let (resource, action) = (ready.id.to_string(), Rc::clone(&record.action));
                self.interpreter.event(&Event::Retrying {
                    resource: &resource,
                    action: &action,
                    left,
                    error: &error,
                });
                left -= 1;
                self.forgive(errors, records);
                self.system.wait(
                    Duration::try_from_secs_f64(ready.common.retry_delay).unwrap_or_default(),
                );
                continue;
            }
            record.status = if wrong.interrupted { Status::Interrupted } else { Status::Failed };
            record.ignored = ready.common.ignore_failure != IgnoreFailure::No && !wrong.interrupted;
            let quiet = ready.common.ignore_failure == IgnoreFailure::Quiet && record.ignored;
            if !quiet {
                let wrong = match self.thrown.take() {
                    Some(thrown) if wrong.kind == FailureKind::Thrown => {
                        Diagnostic { message: wrong.message, ..thrown }
                    }
                    _ => wrong,
                };
                // What was decrypted first: only whole is it found.
                let wrong = self.inputs.redactor.redact_in(wrong);
                let wrong = if ready.is_sensitive() { wrong.hidden() } else { wrong };
                let span = ready
                    .span
                    .as_ref()
                    .map(|span| if ready.is_sensitive() { span.hidden() } else { span.clone() });
                record.error = Some(Box::new(wrong.about(&ready.id, span)));
            }
            record.changes.clear();
            if self.errors.len() > errors {
                // The error is that of something inside, which has told it.
                record.reason = record.error.take().map(|error| error.message);
            }
            if record.ignored {
                self.forgive(errors, records);
            }
            return Ok(Turn {
                record,
                doubts: Uncertainty::new(),
                changed_inside: tries.changed_inside,
            });
        }
    }

    /// What failed inside since then does not end the run: the whole is tried again, or may fail.
    fn forgive(&mut self, errors: usize, records: usize) {
        self.errors.truncate(errors);
        for (_, record) in self.records.iter_mut().skip(records) {
            record.ignored |= record.status == Status::Failed;
        }
    }

    /// Converges once.
    fn apply_action(
        &mut self,
        index: Index,
        number: usize,
        record: &mut Record,
        tries: &mut Tries,
    ) -> Result<Uncertainty, Ended> {
        let compiled = self.compiled;
        let ready = &compiled.resources[index];
        let interpreter = self.interpreter;
        loop {
            if let Some(guard) = self.held_back(index)? {
                record.status = Status::Skipped;
                record.reason = Some(guard);
                return Ok(Uncertainty::new());
            }
            let (provider, plan, desired) = self.plan(index, number)?;
            let provider: &dyn AnyProvider =
                &*interpreter.inputs.registry.kinds[ready.kind].providers()[provider];
            record.provider = Some(provider.name());
            record.notes.clone_from(&plan.notes);
            if !ready.is_sensitive() {
                provider.announce(self, &*desired, number)?;
            }
            if plan.shown.is_empty() && tries.failed.is_empty() {
                record.status = Status::UpToDate;
                return Ok(Uncertainty::new());
            }
            if plan.shown.is_empty() {
                // An earlier try failed and took effect all the same.
                self.owe(index)?;
                record.status = Status::Changed;
                record.changes = std::mem::take(&mut tries.failed);
                return Ok(Uncertainty::new());
            }
            let has_before = compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
            if has_before && !tries.sent_before {
                tries.sent_before = true;
                self.send_before(index, &Uncertainty::new())?;
                // What ran may have changed what this resource finds.
                continue;
            }
            let debts = self.owe(index)?;
            let mut apply = Apply {
                system: self.system,
                view: &interpreter.view,
                services: self,
                sensitive: ready.is_sensitive(),
                notes: Vec::new(),
            };
            let applied = provider.apply(&mut apply, &*desired, number, &plan);
            record.notes.extend(apply.notes);
            self.forget(plan.touches);
            match applied {
                Ok(effect) => {
                    if effect == Effect::Unchanged {
                        self.owe_no_more(debts)?;
                    }
                    record.status =
                        if effect == Effect::Changed { Status::Changed } else { Status::UpToDate };
                    record.changes =
                        if effect == Effect::Changed { plan.shown } else { Vec::new() };
                    return Ok(Uncertainty::new());
                }
                Err(failure) => {
                    let mut failure = failure;
                    // A change that was made before the failure still owes its notifications; the
                    // next run would not see it.
                    let again = provider.plan(&interpreter.view, &*desired, number);
                    let nothing_done =
                        again.is_ok_and(|again| again.shown.len() >= plan.shown.len());
                    tries.failed = plan.shown;
                    if failure.interrupted || !nothing_done {
                        interpreter.changed.borrow_mut().insert(index, Changed::Yes);
                        if compiled.edges[index].iter().any(|edge| edge.timing != Timing::Before) {
                            failure
                                .notes
                                .push("part of the change was made: what it notifies stays owed to the next run".to_owned());
                        }
                    } else {
                        self.owe_no_more(debts)?;
                    }
                    return Err(failure.into());
                }
            }
        }
    }

    /// Plans: what converge would do, and what leaves that open.
    fn plan_action(
        &mut self,
        index: Index,
        number: usize,
        record: &mut Record,
        sent_in_doubt: &Uncertainty,
    ) -> Result<Uncertainty, Ended> {
        let compiled = self.compiled;
        let interpreter = self.interpreter;
        let mut forecast = self.forecast(index, number, sent_in_doubt)?;
        let has_before = compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
        if has_before
            && let Forecast::Acts { doubts, .. } | Forecast::Unknown { doubts, .. } = &forecast
        {
            let doubts = doubts.clone();
            self.send_before(index, &doubts)?;
            // What ran may have changed what this resource finds.
            forecast = self.forecast(index, number, &doubts)?;
        }
        let kind = &interpreter.inputs.registry.kinds[compiled.resources[index].kind];
        let name: Rc<str> = compiled.resources[index].id.to_string().into();
        match forecast {
            Forecast::HeldBack { guard, provider } => {
                record.status = Status::Skipped;
                record.reason = Some(guard);
                record.provider = provider.map(|provider| kind.providers()[provider].name());
                Ok(Uncertainty::new())
            }
            Forecast::UpToDate { provider, notes } => {
                record.notes = notes;
                record.status = Status::UpToDate;
                record.provider = Some(kind.providers()[provider].name());
                Ok(Uncertainty::new())
            }
            Forecast::Acts { provider, plan, doubts, held_back } => {
                record.status =
                    if doubts.is_empty() { Status::WouldChange } else { Status::MayChange };
                record.provider = Some(kind.providers()[provider].name());
                record.depends_on = doubts.iter().map(ToString::to_string).collect();
                record.reason =
                    held_back.map(|guard| format!("today the guard holds it back: {guard}"));
                record.notes = plan.notes.clone();
                record.notes.extend(plan.backs_up.iter().filter_map(|path| self.no_backup(path)));
                let mut provides = kind.providers()[provider].provides(&plan);
                if plan.touches.contains(Area::Facts) {
                    // Read again, they tell what the plan assumes; unless nobody knows whether they
                    // are.
                    interpreter.node.reload_facts();
                    interpreter.lookup.forget();
                    provides.extend(
                        (!doubts.is_empty()).then(|| PlannedEffect::Anything(Area::Facts.into())),
                    );
                }
                // What it would leave is made from what it finds: with the one in doubt, the other
                // is.
                interpreter.view.assume(&name, &provides, !doubts.is_empty());
                record.changes = plan.shown;
                Ok(doubts)
            }
            Forecast::Unknown { doubts, reason } => {
                record.status = Status::MayChange;
                record.depends_on = doubts.iter().map(ToString::to_string).collect();
                record.reason = reason;
                let reach = kind
                    .providers()
                    .iter()
                    .fold(Areas::NONE, |areas, provider| areas | provider.reach());
                if reach.contains(Area::Facts) {
                    interpreter.node.reload_facts();
                }
                interpreter.view.assume(&name, &[PlannedEffect::Anything(reach)], true);
                Ok(doubts)
            }
        }
    }

    /// What converge would find out, guards first.
    fn forecast(
        &mut self,
        index: Index,
        number: usize,
        sent_in_doubt: &Uncertainty,
    ) -> Result<Forecast, Ended> {
        let with = |mut all: Uncertainty, more: &Uncertainty| {
            add_uncertainty(&mut all, more);
            all
        };
        let view = self.view;
        let (held_back, guard_doubts) = view.observe(|| self.held_back(index));
        let held_back = match held_back {
            Err(diagnostic) => {
                let doubts = with(guard_doubts, sent_in_doubt);
                if doubts.is_empty() {
                    return Err(diagnostic.into());
                }
                return Ok(Forecast::Unknown {
                    doubts,
                    reason: Some(self.unknown(index, diagnostic)),
                });
            }
            Ok(Some(guard)) if guard_doubts.is_empty() => {
                return Ok(Forecast::HeldBack { guard, provider: None });
            }
            Ok(held_back) => held_back,
        };
        let (planned, own_doubts) = view.observe(|| self.plan(index, number));
        let doubts = with(with(guard_doubts, &own_doubts), sent_in_doubt);
        match planned {
            Err(wrong) if doubts.is_empty() => Err(wrong.into()),
            Err(wrong) => {
                Ok(Forecast::Unknown { doubts, reason: Some(self.unknown(index, wrong)) })
            }
            Ok((provider, plan, _)) if plan.shown.is_empty() && own_doubts.is_empty() => {
                Ok(match held_back {
                    Some(guard) => Forecast::HeldBack { guard, provider: Some(provider) },
                    None => Forecast::UpToDate { provider, notes: plan.notes },
                })
            }
            Ok((_, plan, _)) if plan.shown.is_empty() => {
                Ok(Forecast::Unknown { doubts, reason: None })
            }
            Ok((provider, plan, _)) => Ok(Forecast::Acts { provider, plan, doubts, held_back }),
        }
    }

    /// Why a plan cannot tell what an action would do.
    pub(crate) fn unknown(&self, index: Index, why: Diagnostic) -> String {
        let why = self.inputs.redactor.redact_in(why);
        let why = if self.compiled.resources[index].is_sensitive() { why.hidden() } else { why };
        format!("cannot be told yet: {}", why.message)
    }

    /// Runs what is to happen before the resource changes.
    pub(crate) fn send_before(&mut self, index: Index, doubts: &Uncertainty) -> Result<(), Ended> {
        let compiled = self.compiled;
        for edge in compiled.edges[index].iter().filter(|edge| edge.timing == Timing::Before) {
            let by = compiled.resources[index].id.clone();
            self.act(edge.to, edge.action, Cause::Before(by), doubts.clone())
                .map_err(|Halted| Ended::Halted)?;
        }
        Ok(())
    }
}

/// Why an attempt ended early.
pub(crate) enum Ended {
    Failed(Diagnostic),
    /// Something that it started has ended the walk.
    Halted,
}

impl<E: Into<Diagnostic>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(crate) fn blank(ready: &Declared, action: &str, cause: Cause) -> Record {
    Record {
        resource: ready.id.clone(),
        action: action.into(),
        status: Status::UpToDate,
        cause,
        changes: Vec::new(),
        reason: None,
        depends_on: Vec::new(),
        error: None,
        ignored: false,
        notes: Vec::new(),
        provider: None,
        at: ready.span.clone(),
        microseconds: 0,
    }
}

/// Hides the first value of each change and all that follows, except the resource's name, which is
/// shown everywhere.
fn hide(changes: &mut [Shown], id: &ResourceId) {
    for change in changes {
        if let Some((words, value)) = first_value(&change.what) {
            let is_name = id.shown.is_none() && *value == *id.name;
            change.what =
                if is_name { format!("{words}`{value}`") } else { format!("{words}{REDACTED}") };
        }
        hide_diff(change);
    }
}

fn hide_diff(change: &mut Shown) {
    if change.diff.is_some() {
        change.diff = Some(REDACTED.to_owned());
    }
}
