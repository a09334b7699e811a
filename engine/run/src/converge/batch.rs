//! Neighbours that are alike share one transaction: twenty packages are one run of the package
//! manager.

use std::any::Any;
use std::collections::HashSet;

use super::action::blank;
use super::{Halted, Walk};
use crate::options::Mode;
use toque_contract::event::Event;
use toque_contract::graph::{ActionRef, Body, IgnoreFailure, Index, Timing};
use toque_contract::registry::Plan;
use toque_contract::report::{Cause, Status};
use toque_contract::resource::{Apply, Effect};
use toque_core::failure::Failure;
use toque_machine::areas::Areas;
use toque_machine::planned::Uncertainty;

impl Walk<'_> {
    /// How many of the resources that come next are alike enough to share a transaction; 1 when the
    /// first is on its own.
    pub(crate) fn neighbours(&self, next: &[Index]) -> usize {
        let [first, second, ..] = next else { return 1 };
        if self.mode == Mode::Plan || !self.may_share(*first) || !self.may_share(*second) {
            return 1;
        }
        let kind = self.compiled.resources[*first].kind;
        let alike = next.iter().take_while(|index| {
            self.may_share(**index) && self.compiled.resources[**index].kind == kind
        });
        alike.count()
    }

    /// Nothing tells it apart from its neighbours: no guard, no lazy property, nothing that must
    /// happen around it alone.
    fn may_share(&self, index: Index) -> bool {
        let ready = &self.compiled.resources[index];
        let common = &ready.common;
        matches!(ready.body, Body::Resolved(_))
            && common.guards.is_empty()
            && common.retries == 0
            && common.ignore_failure == IgnoreFailure::No
            && common.provider.is_none()
            && common.umask.is_none()
            && !ready.hides_content()
            && matches!(common.actions[..], [ActionRef::Kind(_)])
            && self.inputs.registry.kinds[ready.kind].joins()
            && self.compiled.edges[index].iter().all(|edge| edge.timing == Timing::Delayed)
    }

    /// Converges neighbours, those that want the same transaction in one. If it fails they are
    /// taken one by one.
    pub(crate) fn apply_batch(&mut self, list: &[Index]) -> Result<(), Halted> {
        let compiled = self.compiled;
        let interpreter = self.interpreter;
        let mut joined: Vec<(Index, usize, Plan)> = Vec::new();
        let mut key = None;
        let mut provider_index = 0;
        for &index in list {
            let ActionRef::Kind(number) = compiled.resources[index].common.actions[0] else {
                continue;
            };
            match self.plan(index, number) {
                Ok((_, plan, _)) if plan.shown.is_empty() => {}
                Ok((provider, plan, _))
                    if plan.batch.is_some() && (key.is_none() || key == plan.batch) =>
                {
                    key.clone_from(&plan.batch);
                    provider_index = provider;
                    joined.push((index, number, plan));
                }
                // Nothing overtakes what must be done in between.
                _ => break,
            }
        }
        let mut done: HashSet<Index> = HashSet::new();
        if joined.len() > 1 {
            let provider = &interpreter.inputs.registry.kinds[compiled.resources[list[0]].kind]
                .providers()[provider_index];
            let mut debts = Vec::with_capacity(joined.len());
            for (index, ..) in &joined {
                let owed = self.owe(*index);
                debts.push(self.or_halt(owed)?);
            }
            let begun = std::time::Instant::now();
            let mut apply = Apply {
                system: self.system,
                view: &interpreter.view,
                services: self,
                sensitive: false,
                notes: Vec::new(),
            };
            let items: Vec<(&dyn Any, usize, &Plan)> = joined
                .iter()
                .filter_map(|(index, number, plan)| match &compiled.resources[*index].body {
                    Body::Resolved(desired) => Some((&**desired, *number, plan)),
                    _ => None,
                })
                .collect();
            let applied = provider.apply_together(&mut apply, &items);
            self.forget(joined.iter().fold(Areas::NONE, |areas, (.., plan)| areas | plan.touches));
            // One that failed may have come far: what it brought about all the same is a change
            // like any other.
            let interrupted = applied.as_ref().is_err_and(|failure| failure.interrupted);
            let effects = match applied {
                Ok(effects) => effects,
                Err(_) => joined
                    .iter()
                    .map(|(index, number, _)| self.effect_of_failed(*index, *number))
                    .collect(),
            };
            let share = begun.elapsed() / u32::try_from(joined.len()).unwrap_or(u32::MAX);
            for (((index, _, plan), effect), debts) in joined.into_iter().zip(effects).zip(debts) {
                // Whoever made no difference is taken by itself below. What an interruption left
                // half done stays owed.
                if effect == Effect::Unchanged {
                    if !interrupted {
                        let struck = self.owe_no_more(debts);
                        self.or_halt(struck)?;
                    }
                    continue;
                }
                let ready = &compiled.resources[index];
                let kind = &interpreter.inputs.registry.kinds[ready.kind];
                let mut record = blank(ready, ready.common.actions[0].name(kind), Cause::Declared);
                record.status = Status::Changed;
                record.provider = Some(provider.name());
                record.changes = plan.shown;
                record.microseconds = u64::try_from(share.as_micros()).unwrap_or(u64::MAX);
                self.reached[index] = true;
                done.insert(index);
                self.record(index, record);
                interpreter
                    .changed
                    .borrow_mut()
                    .insert(index, toque_language::interpreter::Changed::Yes);
                self.notify(index, &Uncertainty::new())?;
            }
        }
        for &index in list {
            if !done.contains(&index) {
                if self.stopping() {
                    self.interpreter.event(&Event::Stopping);
                    return Err(Halted);
                }
                self.act(
                    index,
                    compiled.resources[index].common.actions[0],
                    Cause::Declared,
                    Uncertainty::new(),
                )?;
            }
        }
        Ok(())
    }

    /// Ends the walk with a failure that is about no resource.
    fn or_halt<T>(&mut self, result: Result<T, Failure>) -> Result<T, Halted> {
        result.map_err(|failure| self.fail(failure.into()))
    }

    /// Whether a transaction that failed did for this resource what it was to do.
    fn effect_of_failed(&mut self, index: Index, number: usize) -> Effect {
        match self.plan(index, number) {
            Ok((_, plan, _)) if plan.shown.is_empty() => Effect::Changed,
            _ => Effect::Unchanged,
        }
    }
}
