//! Going through the graph: guards, inspect, plan, apply, notifications. A plan is the same walk
//! without `apply`; what would be applied is laid over the view instead.

mod action;
mod batch;
mod custom_resource;
mod deliveries;
mod guards;
mod prepare;
mod services;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use deliveries::{Deliveries, Delivery};
use indexmap::IndexSet;
pub(crate) use prepare::choose;

use crate::compile::Compiled;
use crate::options::Mode;
use crate::prepared::Prepared;
use crate::state::{Debt, Journal};
use toque_contract::event::Event;
use toque_contract::graph::{ActionRef, Edge, Index, Timing};
use toque_contract::report::{Cause, Owed, Record, Status};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::name::ResourceId;
use toque_language::Language;
use toque_language::interpreter::{Changed, Interpreter};
use toque_language::run_inputs::RunInputs;
use toque_machine::planned::Uncertainty;
use toque_machine::system::System;
use toque_machine::view::View;

/// A walk through the graph.
pub(crate) struct Walk<'a> {
    prepared: &'a Prepared,
    language: &'a Language,
    interpreter: &'a Interpreter,
    inputs: &'a RunInputs,
    view: &'a View<'static>,
    pub system: &'a dyn System,
    pub compiled: &'a Compiled,
    pub mode: Mode,
    pub(crate) run_id: &'a str,
    pub journal: Journal,
    /// What happened, with the resource's index.
    pub records: Vec<(Index, Record)>,
    /// What ended the walk or a delayed notification; the first is the cause of all.
    pub errors: Vec<Diagnostic>,
    /// Those of them that are in no record.
    pub unrecorded: Vec<Diagnostic>,
    deliveries: Deliveries,
    /// The chosen provider of each kind, until packages change.
    providers: HashMap<usize, usize>,
    reached: Vec<bool>,
    /// The custom resources and groups whose turn it is, outermost first.
    open: Vec<Open>,
    /// The actions of custom resources, and the groups, whose insides have had their turn.
    begun: IndexSet<(Index, ActionRef)>,
    /// Nobody is told: it is only looked whether something would change.
    probing: bool,
    /// The mistake of the last closure that a provider called: a failure has the message alone.
    thrown: RefCell<Option<Diagnostic>>,
}

/// A resource made of others, while those are taken.
struct Open {
    index: Index,
    /// What was written down as owed when the first change inside was at hand.
    debts: Option<Vec<Debt>>,
}

/// The walk ends here.
pub(crate) struct Halted;

impl<'a> Walk<'a> {
    #[must_use]
    pub(crate) fn new(
        prepared: &'a Prepared,
        system: &'a dyn System,
        compiled: &'a Compiled,
        mode: Mode,
        run_id: &'a str,
        journal: Journal,
    ) -> Self {
        let interpreter = prepared.interpreter();
        Self {
            prepared,
            language: &prepared.language,
            interpreter,
            inputs: &interpreter.inputs,
            view: &interpreter.view,
            system,
            compiled,
            mode,
            run_id,
            journal,
            records: Vec::with_capacity(compiled.resources.len()),
            errors: Vec::new(),
            unrecorded: Vec::new(),
            deliveries: Deliveries::default(),
            providers: HashMap::new(),
            reached: vec![false; compiled.resources.len()],
            open: Vec::new(),
            begun: IndexSet::new(),
            probing: false,
            thrown: RefCell::default(),
        }
    }

    /// Goes through every resource, then delivers what was delayed, also after a failure, unless
    /// `hold` keeps it owed then.
    pub(crate) fn walk(&mut self, hold: bool) {
        self.take_over_what_is_owed();
        let compiled = self.compiled;
        let walked = self.sequence(&compiled.outermost, &Uncertainty::new());
        if walked.is_err() && hold {
            return;
        }
        if !self.stopping() {
            self.deliver();
        }
    }

    /// The resources that were never come to: of those that the recipes declare, and of those
    /// inside what had its turn.
    pub(crate) fn not_reached(&self) -> impl Iterator<Item = &ResourceId> {
        let begun = self.begun.iter().filter_map(|body| self.compiled.bodies.get(body));
        let due = self.compiled.outermost.iter().chain(begun.flatten());
        let missed = due
            .filter(|index| !self.reached[**index])
            .map(|index| &self.compiled.resources[*index]);
        missed.filter(|ready| !ready.removed).map(|ready| &ready.id)
    }

    /// Whether the run was told to stop, and does so.
    #[must_use]
    pub(crate) fn stopping(&self) -> bool {
        self.inputs.stop.requested()
    }

    /// Takes resources in order, each with its declared actions. `doubts`: what decides in a plan
    /// whether they come to be taken.
    fn sequence(&mut self, list: &'a [Index], doubts: &Uncertainty) -> Result<(), Halted> {
        let mut rest = list;
        while let Some((&index, after)) = rest.split_first() {
            if self.stopping() {
                self.interpreter.event(&Event::Stopping);
                return Err(Halted);
            }
            let ready = &self.compiled.resources[index];
            if ready.removed {
                rest = after;
                continue;
            }
            let together = self.neighbours(rest);
            if together > 1 {
                self.apply_batch(&rest[..together])?;
                rest = &rest[together..];
                continue;
            }
            for action in &ready.common.actions {
                self.act(index, *action, Cause::Declared, doubts.clone())?;
            }
            rest = after;
        }
        Ok(())
    }

    /// What earlier runs owe to resources of this one is delivered at the end.
    fn take_over_what_is_owed(&mut self) {
        if self.journal.owed().next().is_none() {
            return;
        }
        let there = self.compiled.resources.iter().enumerate().filter(|(_, ready)| !ready.removed);
        // Of several with one name, notifications mean the first.
        let by_id: HashMap<String, Index> =
            there.rev().map(|(index, ready)| (ready.id.to_string(), index)).collect();
        let found: Vec<(Index, ActionRef)> = self
            .journal
            .owed()
            .filter_map(|owed| {
                let index = *by_id.get(&owed.target)?;
                let kind = &self.inputs.registry.kinds[self.compiled.resources[index].kind];
                Some((index, ActionRef::named(kind, &owed.action)?))
            })
            .collect();
        for (to, action) in found {
            self.deliveries.queue(Delivery {
                to,
                action,
                cause: Cause::Owed,
                doubts: Uncertainty::new(),
                again: false,
            });
        }
    }

    /// Delivers in the order of queueing; what they queue comes last. A failure does not keep the
    /// others from being delivered.
    fn deliver(&mut self) {
        if !self.deliveries.is_done() {
            self.interpreter.event(&Event::Delayed { count: self.deliveries.len() });
        }
        while !self.deliveries.is_done() {
            if self.stopping() {
                self.interpreter.event(&Event::Stopping);
                return;
            }
            let Some(Delivery { to, action, cause, doubts, .. }) = self.deliveries.next() else {
                return;
            };
            // The error is kept already.
            let _ = self.act(to, action, cause, doubts);
        }
    }

    /// Takes one action on one resource, and what it notifies.
    fn act(
        &mut self,
        index: Index,
        action: ActionRef,
        cause: Cause,
        doubts: Uncertainty,
    ) -> Result<Option<Status>, Halted> {
        self.reached[index] = true;
        let begun = Instant::now();
        let target = self.compiled.resources[index].id.clone();
        let notified = cause != Cause::Declared;
        if self.mode == Mode::Converge && action != ActionRef::Nothing && !self.probing {
            let kind = &self.inputs.registry.kinds[self.compiled.resources[index].kind];
            self.interpreter
                .event(&Event::Started { resource: &target, action: action.name(kind) });
        }
        let mut turn = self.take_action(index, action, cause, doubts)?;
        turn.record.microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = turn.record.status;
        let failed = matches!(status, Status::Failed | Status::Interrupted);
        let ignored = turn.record.ignored;
        let error = turn.record.error.as_deref().cloned();
        let action_name = Rc::clone(&turn.record.action);
        self.record(index, turn.record);
        let changed_all_the_same = failed && turn.changed_inside;
        if changed_all_the_same {
            // What this is inside of has changed with it, and owes what it notifies.
            self.interpreter.changed.borrow_mut().insert(index, Changed::Yes);
        }
        if failed && !ignored {
            self.errors.extend(error);
            return Err(Halted);
        }
        if changed_all_the_same {
            self.notify(index, &Uncertainty::new())?;
        }
        if notified && !failed && self.mode == Mode::Converge {
            self.strike_out(index, &target.to_string(), &action_name)?;
        }
        if matches!(status, Status::Changed | Status::WouldChange | Status::MayChange) {
            let doubts = turn.doubts;
            let changed = match status {
                Status::MayChange => Changed::Perhaps(if doubts.is_empty() {
                    vec![target.to_string().into()]
                } else {
                    doubts.clone()
                }),
                _ => Changed::Yes,
            };
            let mut known = self.interpreter.changed.borrow_mut();
            if known.get(&index) != Some(&Changed::Yes) {
                known.insert(index, changed);
            }
            drop(known);
            let doubts = if status == Status::MayChange { doubts } else { Uncertainty::new() };
            self.notify(index, &doubts)?;
        }
        Ok(Some(status))
    }

    /// Sends what a change brings about: at once, or queued for the end. What is delayed is queued
    /// after what is immediate has happened, and also when that failed: the change was made.
    fn notify(&mut self, index: Index, doubts: &Uncertainty) -> Result<(), Halted> {
        let compiled = self.compiled;
        let by = || compiled.resources[index].id.clone();
        let at_once = self.notify_at_once(index, doubts);
        for edge in compiled.edges[index].iter().filter(|edge| edge.timing == Timing::Delayed) {
            self.deliveries.queue(Delivery {
                to: edge.to,
                action: edge.action,
                cause: Cause::Delayed(by()),
                doubts: doubts.clone(),
                again: false,
            });
        }
        at_once
    }

    fn notify_at_once(&mut self, index: Index, doubts: &Uncertainty) -> Result<(), Halted> {
        let compiled = self.compiled;
        for edge in compiled.edges[index].iter().filter(|edge| edge.timing == Timing::Immediately) {
            if self.stopping() {
                self.interpreter.event(&Event::Stopping);
                return Err(Halted);
            }
            let by = compiled.resources[index].id.clone();
            self.act(edge.to, edge.action, Cause::Immediately(by), doubts.clone())?;
        }
        Ok(())
    }

    /// Writes down what the change of a resource will owe, before it is made.
    /// Gives what was not owed already. The custom resources that it is inside of change with it.
    fn owe(&mut self, index: Index) -> Result<Vec<Debt>, Failure> {
        for place in 0..self.open.len() {
            if self.open[place].debts.is_none() {
                self.open[place].debts = Some(self.owe_for(self.open[place].index)?);
            }
        }
        self.owe_for(index)
    }

    fn owe_for(&mut self, index: Index) -> Result<Vec<Debt>, Failure> {
        let compiled = self.compiled;
        // A delayed one comes once in a run: when it has had its turn, another change at the end
        // does not bring it about again.
        let had_its_turn = |edge: &Edge| {
            edge.timing == Timing::Delayed && self.deliveries.has_delivered(edge.to, edge.action)
        };
        let later = |edge: &&Edge| {
            edge.timing != Timing::Before
                && edge.action != ActionRef::Nothing
                && !had_its_turn(edge)
        };
        let owed: Vec<Owed> = compiled.edges[index]
            .iter()
            .filter(later)
            .map(|edge| {
                let target = &compiled.resources[edge.to];
                Owed {
                    target: target.id.to_string(),
                    action: edge.action.name(&self.inputs.registry.kinds[target.kind]).to_owned(),
                    timing: edge.timing.name().to_owned(),
                    by: compiled.resources[index].id.to_string(),
                    declared: edge.span.as_ref().map(ToString::to_string),
                    since: self.run_id.to_owned(),
                }
            })
            .collect();
        self.journal.owe(owed)
    }

    /// Takes back what [`owe`](Self::owe) wrote, when the change was not made after all. What
    /// others owe stays.
    fn owe_no_more(&mut self, debts: Vec<Debt>) -> Result<(), Failure> {
        debts.iter().try_for_each(|(target, action)| self.journal.forget(target, action))
    }

    fn strike_out(&mut self, index: Index, target: &str, action: &str) -> Result<(), Halted> {
        self.journal.delivered(target, action, self.system).map_err(|failure| {
            let ready = &self.compiled.resources[index];
            self.fail(Diagnostic::from(failure).about(&ready.id, ready.span.clone()))
        })
    }

    /// Ends the walk with an error that no record has.
    fn fail(&mut self, error: Diagnostic) -> Halted {
        let error = self.inputs.redactor.redact_in(error);
        self.interpreter.event(&Event::Failed(&error));
        self.unrecorded.push(error.clone());
        self.errors.push(error);
        Halted
    }

    fn record(&mut self, index: Index, mut record: Record) {
        record.redact(&self.inputs.redactor);
        if !self.probing {
            self.interpreter.event(&Event::Done(&record));
        }
        self.records.push((index, record));
    }
}
