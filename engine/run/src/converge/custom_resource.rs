//! The turn of a custom resource, and of a `converge_if_changed`: what is inside is taken in order,
//! and decides what the whole did.

use std::rc::Rc;

use super::action::{Ended, Tries};
use super::{Open, Walk};
use crate::options::Mode;
use crate::state::Debt;
use toque_contract::graph::{ActionRef, Body, Index, Timing};
use toque_contract::registry::Shown;
use toque_contract::report::{Record, Status};
use toque_core::diagnostic::Diagnostic;
use toque_language::interpreter::Changed;
use toque_machine::planned::{Uncertainty, add_uncertainty};

/// What came of taking what is inside.
struct Taken {
    halted: bool,
    changed: Option<Changed>,
    /// What the whole owes since the first change was at hand.
    debts: Vec<Debt>,
}

impl<'a> Walk<'a> {
    /// Converges what is inside, once.
    pub(crate) fn apply_inside(
        &mut self,
        index: Index,
        action: ActionRef,
        record: &mut Record,
        tries: &mut Tries,
    ) -> Result<Uncertainty, Ended> {
        let compiled = self.compiled;
        loop {
            if let Some(guard) = self.held_back(index)? {
                record.status = Status::Skipped;
                record.reason = Some(guard);
                return Ok(Uncertainty::new());
            }
            let Some(differences) = self.differs(index)? else {
                record.status = Status::UpToDate;
                return Ok(Uncertainty::new());
            };
            let has_before = compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
            if has_before
                && !tries.sent_before
                && self.would_change(index, action, &Uncertainty::new()).is_some()
            {
                tries.sent_before = true;
                self.send_before(index, &Uncertainty::new())?;
                // What ran may have changed what this resource finds.
                continue;
            }
            let known = self.errors.len();
            let taken = self.take_inside(index, action, &Uncertainty::new());
            tries.changed_inside |= taken.changed.is_some();
            if !tries.changed_inside {
                self.owe_no_more(taken.debts)?;
            }
            if taken.halted {
                return Err(self.failed_inside(index, known, record));
            }
            record.status = if tries.changed_inside { Status::Changed } else { Status::UpToDate };
            record.changes = if tries.changed_inside { differences } else { Vec::new() };
            return Ok(Uncertainty::new());
        }
    }

    /// Plans what is inside. `sent`: what decides whether the action is taken at all.
    pub(crate) fn plan_inside(
        &mut self,
        index: Index,
        action: ActionRef,
        record: &mut Record,
        sent: &Uncertainty,
    ) -> Result<Uncertainty, Ended> {
        let view = self.view;
        let mut sent_before = false;
        loop {
            let (held_back, of_guards) = view.observe(|| self.held_back(index));
            let mut doubts = of_guards.clone();
            add_uncertainty(&mut doubts, sent);
            let mut reason = None;
            let held_back = match held_back {
                Err(diagnostic) if doubts.is_empty() => return Err(diagnostic.into()),
                Err(diagnostic) => {
                    reason = Some(self.unknown(index, diagnostic));
                    None
                }
                Ok(Some(guard)) if of_guards.is_empty() => {
                    record.status = Status::Skipped;
                    record.reason = Some(guard);
                    return Ok(Uncertainty::new());
                }
                Ok(held_back) => held_back,
            };
            let (differs, of_current) = view.observe(|| self.differs(index));
            let differences = match differs {
                Err(diagnostic) if doubts.is_empty() && of_current.is_empty() => {
                    return Err(diagnostic.into());
                }
                Err(diagnostic) => {
                    reason = Some(self.unknown(index, diagnostic));
                    Vec::new()
                }
                Ok(None) if of_current.is_empty() => {
                    record.status = Status::UpToDate;
                    return Ok(Uncertainty::new());
                }
                Ok(None) => Vec::new(),
                Ok(Some(differences)) => differences,
            };
            add_uncertainty(&mut doubts, &of_current);
            let has_before =
                self.compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
            // One look ahead is enough: looking ahead in each look would take twice the time for
            // each level.
            if has_before
                && !sent_before
                && !self.probing
                && let Some(changed) = self.would_change(index, action, &doubts)
            {
                sent_before = true;
                self.send_before(index, &causes_of(&changed))?;
                continue;
            }
            let known = self.errors.len();
            let taken = self.take_inside(index, action, &doubts);
            if taken.halted {
                return Err(self.failed_inside(index, known, record));
            }
            let Some(changed) = taken.changed else {
                record.status = Status::UpToDate;
                return Ok(Uncertainty::new());
            };
            let decides = causes_of(&changed);
            record.status =
                if changed == Changed::Yes { Status::WouldChange } else { Status::MayChange };
            record.depends_on = decides.iter().map(ToString::to_string).collect();
            record.reason = reason.or_else(|| {
                held_back.map(|guard| format!("today the guard holds it back: {guard}"))
            });
            record.changes = differences;
            return Ok(decides);
        }
    }

    /// Takes what is inside, in order.
    fn take_inside(&mut self, index: Index, action: ActionRef, doubts: &Uncertainty) -> Taken {
        let inside = self.inside(index, action);
        self.begun.insert((index, action));
        self.forget_changes(inside);
        self.open.push(Open { index, debts: None });
        let halted = self.sequence(inside, doubts).is_err();
        let debts = self.open.pop().and_then(|open| open.debts).unwrap_or_default();
        Taken { halted, changed: self.changed_of(inside), debts }
    }

    /// What is inside an action of a custom resource, or a group.
    fn inside(&self, index: Index, action: ActionRef) -> &'a [Index] {
        self.compiled.bodies.get(&(index, action)).map_or(&[], Vec::as_slice)
    }

    /// Returns what differs, for a group, and none when nothing does. A custom resource always goes
    /// on to what is inside.
    fn differs(&self, index: Index) -> Result<Option<Vec<Shown>>, Diagnostic> {
        let Body::Group(group) = &self.compiled.resources[index].body else {
            return Ok(Some(Vec::new()));
        };
        let differences = self.language.differences(group)?;
        Ok((!differences.is_empty()).then_some(differences))
    }

    /// Each turn finds out anew what changed inside.
    fn forget_changes(&self, inside: &[Index]) {
        let mut changed = self.interpreter.changed.borrow_mut();
        for index in inside {
            changed.remove(index);
        }
    }

    /// Whether something inside has changed since its turn began.
    fn changed_of(&self, inside: &[Index]) -> Option<Changed> {
        let changed = self.interpreter.changed.borrow();
        let found = inside.iter().filter_map(|index| changed.get(index));
        found.fold(None, |all, one| match (all, one) {
            (Some(Changed::Yes), _) | (_, Changed::Yes) => Some(Changed::Yes),
            (None, Changed::Perhaps(causes)) => Some(Changed::Perhaps(causes.clone())),
            (Some(Changed::Perhaps(mut all)), Changed::Perhaps(causes)) => {
                add_uncertainty(&mut all, causes);
                Some(Changed::Perhaps(all))
            }
        })
    }

    /// Whether something inside would change, found out by a plan that nobody is told of.
    fn would_change(
        &mut self,
        index: Index,
        action: ActionRef,
        doubts: &Uncertainty,
    ) -> Option<Changed> {
        let interpreter = self.interpreter;
        let inside = self.inside(index, action);
        let (mode, probing) = (self.mode, self.probing);
        let laid_over = interpreter.view.overlay();
        let changed = interpreter.changed.borrow().clone();
        let (records, errors, reached, begun) =
            (self.records.len(), self.errors.len(), self.reached.clone(), self.begun.len());
        let deliveries = self.deliveries.clone();
        (self.mode, self.probing) = (Mode::Plan, true);
        self.forget_changes(inside);
        // One that would fail may have been preceded by one that would change.
        let _ = self.sequence(inside, doubts);
        let found = self.changed_of(inside).map(|found| match found {
            // What is inside decides nothing before its turn.
            Changed::Perhaps(causes) => {
                let earlier =
                    |cause: &Rc<str>| laid_over.pending().contains(cause) || doubts.contains(cause);
                Changed::Perhaps(causes.into_iter().filter(earlier).collect())
            }
            Changed::Yes => Changed::Yes,
        });
        (self.mode, self.probing) = (mode, probing);
        (self.deliveries, self.reached) = (deliveries, reached);
        self.begun.truncate(begun);
        self.records.truncate(records);
        self.errors.truncate(errors);
        interpreter.changed.replace(changed);
        interpreter.view.lay_over(laid_over);
        // What was read meanwhile was read of a machine that is only thought of.
        interpreter.node.reload_facts();
        interpreter.lookup.forget();
        found
    }

    /// Something inside failed, or the run was told to stop.
    fn failed_inside(&self, index: Index, known: usize, record: &mut Record) -> Ended {
        let ready = &self.compiled.resources[index];
        let Some(error) = self.errors.get(known) else {
            record.status = Status::Interrupted;
            let stopped = Diagnostic::error("stopped before all that is inside had its turn");
            return Diagnostic { interrupted: true, ..stopped }.into();
        };
        let failed = self
            .records
            .iter()
            .rev()
            .find(|(_, record)| matches!(record.status, Status::Failed | Status::Interrupted));
        let what =
            failed.map_or_else(|| ready.id.to_string(), |(_, record)| record.resource.to_string());
        let failed = Diagnostic::error(format!("{what} failed"));
        Diagnostic { interrupted: error.interrupted, ..failed }.into()
    }
}

fn causes_of(changed: &Changed) -> Uncertainty {
    match changed {
        Changed::Yes => Uncertainty::new(),
        Changed::Perhaps(causes) => causes.clone(),
    }
}
