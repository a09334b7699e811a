//! What one run knows: shared by the language, which fills it, and by converge, which works from
//! it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexSet;
use toque_contract::event::{Event, Sink};
use toque_contract::graph::{ActionRef, Graph, Index, Instance, ScopeIndex};
use toque_core::diagnostic::{Diagnostic, Severity, Source, Span};
use toque_core::name::{RecipeName, ResourceId};
use toque_core::redaction::Secrets;
use toque_data::file_specificity::Lookup;
use toque_machine::planned::Uncertainty;
use toque_machine::view::View;

use crate::closure::{Closure, DeferredValue};
use crate::definition::Definition;
use crate::node::Node;
use crate::run_inputs::{MachineAccess, RunInputs};
use crate::template::{self, Templates};

/// What stops a script from outside; the token that the progress callback returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Halt {
    Time,
    Operations,
    Stopped,
}

/// How far the run is; decides what a script may do.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    Attributes,
    Recipes,
    /// Attributes are final; actions of custom resources say what is inside them.
    Expansion,
    Converge,
}

/// Where an action of a custom resource declares.
#[derive(Clone)]
pub struct Inside {
    /// The custom resource, or a group in it.
    pub container: Index,
    pub act: ActionRef,
    pub scope: ScopeIndex,
    /// The custom resource's name, which is the beginning of the names inside.
    pub owner: Rc<ResourceId>,
    pub instance: Rc<Instance>,
    /// What is inside is as sensitive as the whole.
    pub sensitive: bool,
    pub umask: Option<u32>,
    /// How many actions run one another.
    pub calls: usize,
}

/// The context of a call in a script.
pub(crate) type CallContext<'a> = rhai::NativeCallContext<'a>;

/// The state of the language in one run.
pub struct Interpreter {
    pub inputs: RunInputs,
    pub node: Node,
    pub view: View<'static>,
    pub templates: Templates,
    pub lookup: Lookup,
    pub sink: RefCell<Box<dyn Sink>>,
    pub graph: RefCell<Graph>,
    pub progress: Progress,
    pub sources: Sources,
    pub kept: Kept,
    pub findings: Findings,
    /// Names of which a part is hidden, as people see them, each with those that would look so.
    pub(crate) hidden_names: RefCell<HashMap<String, IndexSet<Rc<str>>>>,
    /// `node.run_state`.
    pub run_state: rhai::Dynamic,
    /// What each resource's `changed` answers, by index.
    pub changed: RefCell<HashMap<usize, Changed>>,
    /// A value was used before it is there. Rhai swallows errors where it makes text of values or
    /// compares them.
    pub(crate) too_early: RefCell<Option<Diagnostic>>,
    /// The end of the time for compiling.
    pub deadline: Cell<Option<Instant>>,
    /// The operations that scripts have used up.
    pub operations: Cell<u64>,
}

/// The scripts in progress.
#[derive(Default)]
pub struct Progress {
    pub phase: Cell<Phase>,
    /// The recipes and attribute files in progress, outermost first.
    pub recipes: RefCell<Vec<Rc<RecipeName>>>,
    pub included: RefCell<HashSet<RecipeName>>,
    /// The declarations of a file in `resources/`, while it runs.
    pub(crate) defining: RefCell<Option<Definition>>,
    /// The actions of custom resources in progress, outermost first.
    pub inside: RefCell<Vec<Rc<Inside>>>,
    /// The place of a resource that is declared by another text than a script.
    pub place: RefCell<Option<Span>>,
}

/// The texts of the scripts.
#[derive(Default)]
pub struct Sources {
    pub texts: RefCell<HashMap<String, Arc<Source>>>,
    /// Text that was put into scripts before they were parsed, by script, from left to right.
    pub(crate) inserted: RefCell<HashMap<String, Vec<Inserted>>>,
}

/// Values of scripts that are used after their script has ended.
#[derive(Default)]
pub struct Kept {
    /// By [`ClosureId`](toque_contract::resource::ClosureId).
    pub closures: RefCell<Vec<Closure>>,
    /// The values of deferred properties, by number.
    pub deferred: RefCell<Vec<DeferredValue>>,
    /// The custom kinds, by name.
    pub definitions: RefCell<HashMap<Rc<str>, Rc<Definition>>>,
}

/// The findings of `check`, which goes on after a mistake.
#[derive(Default)]
pub struct Findings {
    pub mistakes: RefCell<Vec<Diagnostic>>,
    /// A script ended at a mistake, so that later declarations are missing.
    pub incomplete: Cell<bool>,
    /// A script asked the machine, and got no answer.
    pub asked: Cell<bool>,
}

/// Text that a script was given for the parser; people never see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inserted {
    pub line: usize,
    /// The column, as written, that it follows.
    pub column: usize,
    pub length: usize,
}

/// Whether a resource has changed, as far as a plan can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    Yes,
    /// It depends on these.
    Perhaps(Uncertainty),
}

/// A limit of time that ends when it is dropped.
pub struct TimeLimit<'a> {
    interpreter: &'a Interpreter,
    before: Option<Instant>,
}

impl Drop for TimeLimit<'_> {
    fn drop(&mut self) {
        self.interpreter.deadline.set(self.before);
    }
}

impl Interpreter {
    /// An interpreter that has run nothing.
    #[must_use]
    pub fn new(inputs: RunInputs, node: Node, view: View<'static>, sink: Box<dyn Sink>) -> Self {
        Self {
            inputs,
            node,
            view,
            templates: Templates::default(),
            lookup: Lookup::default(),
            sink: RefCell::new(sink),
            graph: RefCell::default(),
            progress: Progress::default(),
            sources: Sources::default(),
            kept: Kept::default(),
            findings: Findings::default(),
            hidden_names: RefCell::default(),
            run_state: rhai::Dynamic::from_map(rhai::Map::new()).into_shared(),
            changed: RefCell::default(),
            too_early: RefCell::default(),
            deadline: Cell::new(None),
            operations: Cell::new(0),
        }
    }

    /// Counts steps of a script or a template, and returns what ends it.
    pub(crate) fn halt_after(&self, steps: u64) -> Option<Halt> {
        let total = self.operations.get() + steps;
        self.operations.set(total);
        if total > self.inputs.limits.operations {
            return Some(Halt::Operations);
        }
        if self.deadline.get().is_some_and(|deadline| Instant::now() > deadline) {
            return Some(Halt::Time);
        }
        // What is in progress on the machine is finished, unless that takes too long.
        let converging = self.progress.phase.get() == Phase::Converge;
        let stop =
            if converging { self.inputs.stop.forced() } else { self.inputs.stop.requested() };
        stop.then_some(Halt::Stopped)
    }

    /// Returns the mistake of what was ended.
    pub(crate) fn halted(&self, halt: Option<Halt>) -> Diagnostic {
        let limits = &self.inputs.limits;
        match halt {
            Some(Halt::Time) => Diagnostic::error(format!(
                "recipes ran longer than the limit of {} s",
                limits.compile_time.as_secs()
            ))
            .hint("look for a loop without end; `compile_time` in toque.toml sets the limit"),
            Some(Halt::Operations) => Diagnostic::error(format!(
                "recipes took more than the limit of {} steps",
                limits.operations
            ))
            .hint("look for a loop without end; `operations` in toque.toml sets the limit"),
            _ => Diagnostic { interrupted: true, ..Diagnostic::error("the run was told to stop") },
        }
    }

    /// Begins to count time, unless it is counted already, until the result is dropped.
    #[must_use]
    pub fn limit_time(&self) -> TimeLimit<'_> {
        let before = self.deadline.get();
        if before.is_none() {
            self.deadline.set(Some(Instant::now() + self.inputs.limits.compile_time));
        }
        TimeLimit { interpreter: self, before }
    }

    /// Returns what ends the render of a template.
    #[must_use]
    pub fn halt(self: &Rc<Self>) -> Rc<template::Halt> {
        let interpreter = Rc::downgrade(self);
        Rc::new(move |steps| {
            let interpreter = interpreter.upgrade()?;
            let halt = interpreter.halt_after(steps)?;
            Some(interpreter.halted(Some(halt)))
        })
    }

    /// Tells whoever listens, without what was decrypted. Records are told without it already.
    pub fn event(&self, event: &Event<'_>) {
        let hidden = match event {
            Event::Log { message, .. } | Event::Retrying { error: message, .. } => {
                self.inputs.redactor.redact(message)
            }
            _ => None,
        };
        let mut sink = self.sink.borrow_mut();
        match (event, hidden.as_deref()) {
            (Event::Log { level, .. }, Some(message)) => {
                sink.event(&Event::Log { level: *level, message });
            }
            (Event::Retrying { resource, action, left, .. }, Some(error)) => {
                sink.event(&Event::Retrying { resource, action, left: *left, error });
            }
            _ => sink.event(event),
        }
    }

    /// The cookbook whose recipe or attribute file is in progress.
    pub(crate) fn own_cookbook(&self) -> Option<String> {
        self.progress
            .recipes
            .borrow()
            .last()
            .map(|name| name.cookbook.clone())
            .filter(|name| !name.is_empty())
    }

    /// The scope in which names are looked up now.
    pub fn scope(&self) -> ScopeIndex {
        self.progress.inside.borrow().last().map_or(0, |inside| inside.scope)
    }

    /// What the custom resource whose action is in progress must not show.
    pub fn secrets(&self) -> Secrets {
        self.progress
            .inside
            .borrow()
            .last()
            .map(|inside| inside.instance.secrets.clone())
            .unwrap_or_default()
    }

    /// What people see of a resource's name when a part of it is hidden. Those that would look
    /// alike are numbered, because what is owed to a resource goes by what people see.
    pub fn told_apart(&self, id: &ResourceId, hidden: String) -> Rc<str> {
        let looks = ResourceId { shown: Some(hidden.as_str().into()), ..id.clone() }.to_string();
        let (place, _) = self
            .hidden_names
            .borrow_mut()
            .entry(looks)
            .or_default()
            .insert_full(Rc::clone(&id.name));
        if place == 0 { hidden.into() } else { format!("{hidden} {}", place + 1).into() }
    }

    /// Returns the position of a call.
    pub(crate) fn here(&self, context: &CallContext<'_>) -> Option<Span> {
        self.span(context.call_source(), context.call_position())
    }

    /// Returns a position in a script as a span.
    pub fn span(&self, source: Option<&str>, position: rhai::Position) -> Option<Span> {
        let Some(name) = source else { return self.progress.place.borrow().clone() };
        let source = Arc::clone(self.sources.texts.borrow().get(name)?);
        let (line, mut column) = (position.line()?, position.position().unwrap_or(1));
        for inserted in self
            .sources
            .inserted
            .borrow()
            .get(name)
            .into_iter()
            .flatten()
            .filter(|inserted| inserted.line == line)
        {
            if column > inserted.column {
                column = column.saturating_sub(inserted.length).max(inserted.column);
            }
        }
        Some(Span::word(source, line, column))
    }

    /// Whether a program is on the machine's path, or among those of the machine that is thought
    /// of.
    pub fn has_program(&self, name: &str) -> bool {
        if let Some(programs) = &self.inputs.programs {
            return programs.iter().any(|program| program == name);
        }
        let folders = toque_machine::command::DEFAULT_PATH.split(':');
        folders
            .map(|folder| std::path::Path::new(folder).join(name))
            .any(|path| self.view.exists(&path))
    }

    /// Whether a script may look at the machine. Where it may not, what it makes of the answer is
    /// no proof of a mistake.
    pub(crate) fn may_ask(&self) -> bool {
        if self.inputs.reach == MachineAccess::Repository {
            self.findings.asked.set(true);
        }
        self.inputs.reach == MachineAccess::Machine
    }

    /// What is below a first key of `node`.
    /// # Errors
    /// As [`Node::get`].
    pub fn read(&self, key: &str) -> Result<Option<Rc<serde_json::Value>>, Diagnostic> {
        if self.node.is_program(key) {
            // Where it may not run, what is made of its answer is no proof of a mistake.
            self.may_ask();
        }
        self.node.get(key, &self.view)
    }

    /// A script ended at a mistake. Looking for mistakes goes on with the next one.
    /// # Errors
    /// The mistake, where it ends everything.
    pub fn go_on_after(&self, mistake: Diagnostic) -> Result<(), Diagnostic> {
        if self.inputs.reach == MachineAccess::Machine {
            return Err(mistake);
        }
        self.findings.incomplete.set(true);
        self.note_mistake(mistake);
        Ok(())
    }

    /// Keeps a mistake, so that looking can go on.
    pub fn note_mistake(&self, mistake: Diagnostic) {
        let mistake = if self.findings.asked.get() {
            let unsure =
                "the recipe asked the machine before, and `check` does not: it may be no mistake";
            Diagnostic { severity: Severity::Warning, ..mistake }.note(unsure)
        } else {
            mistake
        };
        self.findings.mistakes.borrow_mut().push(mistake);
    }

    /// Remembers a text under its name, so that positions in it can be shown.
    pub(crate) fn add_source(
        &self,
        name: &str,
        path: Option<PathBuf>,
        text: String,
    ) -> Arc<Source> {
        let source = Arc::new(Source::new(name, path, text));
        self.sources.texts.borrow_mut().insert(name.to_owned(), Arc::clone(&source));
        source
    }
}
