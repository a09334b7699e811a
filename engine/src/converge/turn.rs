//! One resource's turn: one action, from its guards to what was changed.

use std::any::Any;
use std::rc::Rc;
use std::time::Duration;

use super::{Converge, Halted, Mode};
use crate::compile::{Ready, ResolveScope, Wanted, about};
use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::failure::Failure;
use crate::graph::{Act, IgnoreFailure, Index, Timing};
use crate::language::diagnostic_of;
use crate::overlay::{Causes, Provide};
use crate::registry::{AnyProvider, Plan, Shown};
use crate::report::{Cause, Record, Status};
use crate::resource::{Apply, Effect, HostFacts};
use crate::session::Session;
use crate::snapshots::{Area, Areas};

/// How a turn ended, and in a plan what leaves it open.
pub(super) struct Turn {
    pub record: Record,
    pub doubts: Causes,
}

/// A failed attempt.
struct Wrong {
    diagnostic: Diagnostic,
    interrupted: bool,
}

impl From<Diagnostic> for Wrong {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, interrupted: false }
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        let interrupted = failure.interrupted;
        Self { diagnostic: diagnostic_of(failure), interrupted }
    }
}

/// What an action would do, or why it need not.
enum Found {
    HeldBack(String),
    Planned { provider: usize, plan: Plan },
}

/// What a plan can tell of an action.
enum Forecast {
    HeldBack { guard: String, provider: Option<usize> },
    UpToDate { provider: usize },
    /// `held_back`: the guard that keeps it from acting today.
    Acts { provider: usize, plan: Plan, doubts: Causes, held_back: Option<String> },
    /// Nothing can be told of what it does, nor of what it may touch.
    Unknown { doubts: Causes, reason: Option<String> },
}

impl Converge<'_> {
    /// Takes an action, trying again as often as the resource says.
    pub(super) fn turn(&mut self, index: Index, action: Act, cause: Cause, doubts: Causes) -> Result<Turn, Halted> {
        let compiled = self.compiled;
        let ready = &compiled.resources[index];
        let kind = &self.session.registry.kinds[ready.kind];
        let mut record = blank(ready, action.name(kind), cause);
        let Act::Kind(number) = action else {
            record.status = Status::Skipped;
            record.reason = Some("action nothing".to_owned());
            return Ok(Turn { record, doubts: Causes::new() });
        };
        let mut left = if self.mode == Mode::Converge { ready.common.retries } else { 0 };
        // Sent once, however often the action is tried.
        let mut sent_before = false;
        loop {
            self.session.view.take_doubts();
            let attempt = match self.mode {
                Mode::Converge => self.attempt(index, number, &mut record, &mut sent_before),
                Mode::Plan => self.foresee(index, number, &mut record, &doubts),
            };
            let wrong = match attempt {
                Ok(doubts) => {
                    if ready.common.sensitive {
                        hide(&mut record.changes);
                    }
                    return Ok(Turn { record, doubts });
                }
                Err(Ended::Wrong(wrong)) => wrong,
                Err(Ended::Halted) => return Err(Halted),
            };
            let again = left > 0 && !wrong.interrupted && !self.stopping();
            if again {
                let error = wrong.diagnostic.message.clone();
                let (resource, action) = (ready.id.to_string(), record.action);
                self.session.event(&Event::Retrying { resource: &resource, action, left, error: &error });
                left -= 1;
                self.system.wait(Duration::try_from_secs_f64(ready.common.retry_delay).unwrap_or_default());
                continue;
            }
            record.status = if wrong.interrupted { Status::Interrupted } else { Status::Failed };
            record.ignored = ready.common.ignore_failure != IgnoreFailure::No && !wrong.interrupted;
            let quiet = ready.common.ignore_failure == IgnoreFailure::Quiet && record.ignored;
            if !quiet {
                record.error = Some(Box::new(about(wrong.diagnostic, &ready.id, ready.span.clone())));
            }
            record.changes.clear();
            return Ok(Turn { record, doubts: Causes::new() });
        }
    }

    /// Converges once.
    fn attempt(&mut self, index: Index, number: usize, record: &mut Record, sent_before: &mut bool) -> Result<Causes, Ended> {
        let compiled = self.compiled;
        let ready = &compiled.resources[index];
        let session = Rc::clone(self.session);
        loop {
            let desired = match self.find(index, number)? {
                (Found::HeldBack(guard), _) => {
                    record.status = Status::Skipped;
                    record.reason = Some(guard);
                    return Ok(Causes::new());
                }
                (Found::Planned { provider, plan }, desired) => (provider, plan, desired),
            };
            let (provider, plan, desired) = desired;
            let provider: &dyn AnyProvider = &*session.registry.kinds[ready.kind].providers[provider];
            record.provider = Some(provider.name());
            provider.announce(self, &*desired, number)?;
            if plan.shown.is_empty() {
                record.status = Status::UpToDate;
                return Ok(Causes::new());
            }
            let has_before = compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
            if has_before && !*sent_before {
                *sent_before = true;
                self.send_before(index, &Causes::new())?;
                // What ran may have changed what this resource finds.
                continue;
            }
            self.owe(index)?;
            let mut apply = Apply {
                system: self.system,
                view: &session.view,
                services: self,
                sensitive: ready.common.sensitive,
                notes: Vec::new(),
            };
            let applied = provider.apply(&mut apply, &*desired, number, &plan);
            record.notes = apply.notes;
            self.forget(plan.touches);
            match applied {
                Ok(effect) => {
                    if effect == Effect::Unchanged {
                        self.owe_no_more(index)?;
                    }
                    record.status = if effect == Effect::Changed { Status::Changed } else { Status::UpToDate };
                    record.changes = if effect == Effect::Changed { plan.shown } else { Vec::new() };
                    return Ok(Causes::new());
                }
                Err(failure) => {
                    let mut failure = failure;
                    // A change that was made before the failure still owes its notifications; the next run would not see it.
                    let again = provider.plan(&session.view, &*desired, number);
                    if again.is_ok_and(|again| again.shown.len() < plan.shown.len()) || failure.interrupted {
                        if compiled.edges[index].iter().any(|edge| edge.timing != Timing::Before) {
                            failure
                                .notes
                                .push("part of the change was made: what it notifies stays owed to the next run".to_owned());
                        }
                    } else {
                        self.owe_no_more(index)?;
                    }
                    return Err(failure.into());
                }
            }
        }
    }

    /// Plans: what converge would do, and what leaves that open.
    fn foresee(&mut self, index: Index, number: usize, record: &mut Record, sent_in_doubt: &Causes) -> Result<Causes, Ended> {
        let compiled = self.compiled;
        let session = Rc::clone(self.session);
        let mut forecast = self.forecast(index, number, sent_in_doubt)?;
        let has_before = compiled.edges[index].iter().any(|edge| edge.timing == Timing::Before);
        if has_before && let Forecast::Acts { doubts, .. } | Forecast::Unknown { doubts, .. } = &forecast {
            let doubts = doubts.clone();
            self.send_before(index, &doubts)?;
            // What ran may have changed what this resource finds.
            forecast = self.forecast(index, number, &doubts)?;
        }
        let kind = &session.registry.kinds[compiled.resources[index].kind];
        let name: Rc<str> = compiled.resources[index].id.to_string().into();
        match forecast {
            Forecast::HeldBack { guard, provider } => {
                record.status = Status::Skipped;
                record.reason = Some(guard);
                record.provider = provider.map(|provider| kind.providers[provider].name());
                Ok(Causes::new())
            }
            Forecast::UpToDate { provider } => {
                record.status = Status::UpToDate;
                record.provider = Some(kind.providers[provider].name());
                Ok(Causes::new())
            }
            Forecast::Acts { provider, plan, doubts, held_back } => {
                record.status = if doubts.is_empty() { Status::WouldChange } else { Status::MayChange };
                record.provider = Some(kind.providers[provider].name());
                record.depends_on = doubts.iter().map(ToString::to_string).collect();
                record.reason = held_back.map(|guard| format!("today the guard holds it back: {guard}"));
                let mut provides = kind.providers[provider].provides(&plan);
                if plan.touches.contains(Area::Facts) {
                    // Read again, they tell what the plan assumes; unless nobody knows whether they are.
                    session.node.reload_facts();
                    provides.extend((!doubts.is_empty()).then(|| Provide::Anything(Area::Facts.into())));
                }
                // What it would leave is made from what it finds: with the one in doubt, the other is.
                session.view.assume(&name, &provides, !doubts.is_empty());
                record.changes = plan.shown;
                session.view.take_doubts();
                Ok(doubts)
            }
            Forecast::Unknown { doubts, reason } => {
                record.status = Status::MayChange;
                record.depends_on = doubts.iter().map(ToString::to_string).collect();
                record.reason = reason.map(|reason| format!("cannot be told yet: {reason}"));
                let reach = kind.providers.iter().fold(Areas::NONE, |areas, provider| areas | provider.reach());
                if reach.contains(Area::Facts) {
                    session.node.reload_facts();
                }
                session.view.assume(&name, &[Provide::Anything(reach)], true);
                session.view.take_doubts();
                Ok(doubts)
            }
        }
    }

    /// What converge would find out, guards first.
    fn forecast(&mut self, index: Index, number: usize, sent_in_doubt: &Causes) -> Result<Forecast, Ended> {
        let session = Rc::clone(self.session);
        let with = |mut all: Causes, more: &Causes| {
            all.extend(more.iter().filter(|cause| !all.contains(cause)).cloned().collect::<Vec<_>>());
            all
        };
        session.view.take_doubts();
        let held_back = self.held_back(index);
        let guard_doubts = session.view.take_doubts();
        let held_back = match held_back {
            Err(diagnostic) => {
                let doubts = with(guard_doubts, sent_in_doubt);
                let reason = Some(diagnostic.message.clone());
                return if doubts.is_empty() { Err(diagnostic.into()) } else { Ok(Forecast::Unknown { doubts, reason }) };
            }
            Ok(Some(guard)) if guard_doubts.is_empty() => return Ok(Forecast::HeldBack { guard, provider: None }),
            Ok(held_back) => held_back,
        };
        let planned = self.plan(index, number);
        let own_doubts = session.view.take_doubts();
        let doubts = with(with(guard_doubts, &own_doubts), sent_in_doubt);
        match planned {
            Err(wrong) if doubts.is_empty() => Err(wrong.into()),
            Err(wrong) => Ok(Forecast::Unknown { doubts, reason: Some(wrong.diagnostic.message) }),
            Ok((provider, plan, _)) if plan.shown.is_empty() && own_doubts.is_empty() => Ok(match held_back {
                Some(guard) => Forecast::HeldBack { guard, provider: Some(provider) },
                None => Forecast::UpToDate { provider },
            }),
            Ok((_, plan, _)) if plan.shown.is_empty() => Ok(Forecast::Unknown { doubts, reason: None }),
            Ok((provider, plan, _)) => Ok(Forecast::Acts { provider, plan, doubts, held_back }),
        }
    }

    /// Runs what is to happen before the resource changes.
    fn send_before(&mut self, index: Index, doubts: &Causes) -> Result<(), Ended> {
        let compiled = self.compiled;
        for edge in compiled.edges[index].iter().filter(|edge| edge.timing == Timing::Before) {
            let by = compiled.resources[index].id.clone();
            self.act(edge.to, edge.action, Cause::Before(by), doubts.clone()).map_err(|Halted| Ended::Halted)?;
        }
        Ok(())
    }

    /// Guards, then the plan.
    fn find(&mut self, index: Index, number: usize) -> Result<(Found, Rc<dyn Any>), Wrong> {
        if let Some(guard) = self.held_back(index)? {
            return Ok((Found::HeldBack(guard), Rc::new(())));
        }
        let (provider, plan, desired) = self.plan(index, number)?;
        Ok((Found::Planned { provider, plan }, desired))
    }

    /// Resolves what is not resolved yet, chooses the provider, inspects and plans.
    fn plan(&mut self, index: Index, number: usize) -> Result<(usize, Plan, Rc<dyn Any>), Wrong> {
        let ready = &self.compiled.resources[index];
        let desired = self.desired(ready, &[Act::Kind(number)])?;
        let provider = self.provider(ready)?;
        let kind = &self.session.registry.kinds[ready.kind];
        let plan = kind.providers[provider].plan(&self.session.view, &*desired, number)?;
        Ok((provider, plan, desired))
    }

    /// The desired state; lazy properties are computed now.
    fn desired(&self, ready: &Ready, actions: &[Act]) -> Result<Rc<dyn Any>, Wrong> {
        let scope = ResolveScope {
            session: self.session,
            recipe: ready.recipe.as_deref(),
            umask: ready.common.umask.unwrap_or(self.session.umask),
            kind: ready.kind,
            actions,
        };
        match &ready.desired {
            Wanted::Known(desired) => Ok(Rc::clone(desired)),
            Wanted::Late(resource) => Ok(resource.resolve(&scope)?.into()),
            Wanted::Removed => Err(Failure::new("the resource was removed").into()),
            Wanted::Lazy { fixed, lazy } => {
                let mut properties = fixed.clone();
                for lazy in lazy {
                    let value = self.language.evaluate(lazy)?;
                    if !value.is_null() {
                        properties.insert(lazy.property.clone(), value);
                    }
                }
                let kind = &self.session.registry.kinds[ready.kind];
                let checked = (kind.parse)(properties).and_then(|resource| {
                    resource.check(&crate::language::numbers(&ready.common.actions))?;
                    Ok(resource)
                });
                let resource = checked.map_err(|error| {
                    let place = if error.property.is_empty() { String::new() } else { format!("`{}`: ", error.property) };
                    let diagnostic = Diagnostic::error(format!("{place}{}", error.message));
                    error.hint.into_iter().fold(diagnostic, Diagnostic::hint)
                })?;
                Ok(resource.resolve_once(&scope)?.into())
            }
        }
    }

    fn provider(&mut self, ready: &Ready) -> Result<usize, Failure> {
        let kind = &self.session.registry.kinds[ready.kind];
        if let Some(wanted) = &ready.common.provider {
            return choose(self.session, kind, Some(wanted));
        }
        if let Some(known) = self.providers.get(&ready.kind) {
            return Ok(*known);
        }
        // What kind of machine this is, no pending change is taken to alter.
        let doubts = self.session.view.take_doubts();
        let chosen = choose(self.session, kind, None);
        self.session.view.take_doubts();
        self.session.view.doubt(doubts);
        let chosen = chosen?;
        self.providers.insert(ready.kind, chosen);
        Ok(chosen)
    }

    /// Drops what an action may have changed.
    fn forget(&mut self, touched: Areas) {
        self.session.view.drop_areas(touched);
        if touched.contains(Area::Packages) {
            self.providers.clear();
        }
        if touched.contains(Area::Facts) {
            self.session.node.reload_facts();
        }
    }

    /// How many resources from here on are alike enough to share a transaction; 1 when this one is on its own.
    pub(super) fn neighbours(&mut self, index: Index) -> usize {
        if self.mode == Mode::Plan || !self.may_share(index) || !self.may_share(index + 1) {
            return 1;
        }
        let kind = self.compiled.resources[index].kind;
        let same = |other: &Ready| other.kind == kind;
        let mut count = 1;
        while self.may_share(index + count) && same(&self.compiled.resources[index + count]) {
            count += 1;
        }
        count
    }

    /// Nothing tells it apart from its neighbours: no guard, no lazy property, nothing that must happen around it alone.
    fn may_share(&self, index: Index) -> bool {
        let Some(ready) = self.compiled.resources.get(index) else { return false };
        let common = &ready.common;
        matches!(ready.desired, Wanted::Known(_))
            && common.guards.is_empty()
            && common.retries == 0
            && common.ignore_failure == IgnoreFailure::No
            && common.provider.is_none()
            && common.umask.is_none()
            && !common.sensitive
            && matches!(common.actions[..], [Act::Kind(_)])
            && self.session.registry.kinds[ready.kind].joins
            && self.compiled.edges[index].iter().all(|edge| edge.timing == Timing::Delayed)
    }

    /// Converges neighbours, those that want the same transaction in one. If it fails they are taken one by one.
    pub(super) fn together(&mut self, range: std::ops::Range<Index>) -> Result<(), Halted> {
        let compiled = self.compiled;
        let session = Rc::clone(self.session);
        let mut joined: Vec<(Index, usize, Plan)> = Vec::new();
        let mut key = None;
        let mut provider_index = 0;
        for index in range.clone() {
            let Act::Kind(number) = compiled.resources[index].common.actions[0] else { continue };
            match self.plan(index, number) {
                Ok((provider, plan, _)) if plan.batch.is_some() && (key.is_none() || key == plan.batch) => {
                    key.clone_from(&plan.batch);
                    provider_index = provider;
                    joined.push((index, number, plan));
                }
                _ => {}
            }
        }
        let mut done = vec![false; range.len()];
        if joined.len() > 1 {
            let provider = &session.registry.kinds[compiled.resources[range.start].kind].providers[provider_index];
            for (index, ..) in &joined {
                let index = *index;
                self.owe(index).map_err(|failure| self.errors.push(diagnostic_of(failure))).map_err(|()| Halted)?;
            }
            let begun = std::time::Instant::now();
            let mut apply = Apply { system: self.system, view: &session.view, services: self, sensitive: false, notes: Vec::new() };
            let items: Vec<(&dyn Any, usize, &Plan)> = joined
                .iter()
                .filter_map(|(index, number, plan)| match &compiled.resources[*index].desired {
                    Wanted::Known(desired) => Some((&**desired, *number, plan)),
                    _ => None,
                })
                .collect();
            let applied = provider.apply_together(&mut apply, &items);
            self.forget(joined.iter().fold(Areas::NONE, |areas, (.., plan)| areas | plan.touches));
            if let Ok(effects) = applied {
                let share = begun.elapsed() / u32::try_from(joined.len()).unwrap_or(u32::MAX);
                for ((index, _, plan), effect) in joined.into_iter().zip(effects) {
                    // Whoever made no difference is taken by itself below, and found up to date.
                    if effect == Effect::Unchanged {
                        continue;
                    }
                    let ready = &compiled.resources[index];
                    let kind = &session.registry.kinds[ready.kind];
                    let mut record = blank(ready, ready.common.actions[0].name(kind), Cause::Declared);
                    record.status = Status::Changed;
                    record.provider = Some(provider.name());
                    record.changes = plan.shown;
                    record.microseconds = u64::try_from(share.as_micros()).unwrap_or(u64::MAX);
                    self.reached[index] = true;
                    done[index - range.start] = true;
                    self.record(index, record);
                    session.changed.borrow_mut().insert(index, crate::session::Changed::Yes);
                    self.notify(index, &Causes::new())?;
                }
            }
        }
        for (index, done) in range.zip(done) {
            if !done {
                if self.stopping() {
                    self.session.event(&Event::Stopping);
                    return Err(Halted);
                }
                self.act(index, compiled.resources[index].common.actions[0], Cause::Declared, Causes::new())?;
            }
        }
        Ok(())
    }
}

/// Why an attempt ended early.
enum Ended {
    Wrong(Wrong),
    /// Something that it started has ended the walk.
    Halted,
}

impl<W: Into<Wrong>> From<W> for Ended {
    fn from(wrong: W) -> Self {
        Self::Wrong(wrong.into())
    }
}

/// The provider of a kind on this machine.
pub(crate) fn choose(session: &Session, kind: &crate::registry::Kind, wanted: Option<&str>) -> Result<usize, Failure> {
    if let ([_], None) = (&kind.providers[..], wanted) {
        return Ok(0);
    }
    let view = &session.view;
    let text = |key: &str| session.node.text(key, view);
    let (platform, family, version, init) =
        (text("platform"), text("platform_family"), text("platform_version"), text("init_package"));
    kind.choose(
        &HostFacts {
            platform: &platform,
            platform_family: &family,
            platform_version: &version,
            init_package: &init,
            has_program: &|name| session.has_program(name),
        },
        wanted,
    )
}

fn blank(ready: &Ready, action: &'static str, cause: Cause) -> Record {
    Record {
        resource: ready.id.clone(),
        action,
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

fn hide(changes: &mut [Shown]) {
    for change in changes {
        if change.diff.is_some() {
            change.diff = Some("[sensitive]".to_owned());
        }
    }
}
