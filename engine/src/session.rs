//! What one run knows: shared by the language, which fills it, and by converge, which works from
//! it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexSet;

use crate::cookbook::Cookbooks;
use crate::data_bag::DataBags;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::event::{Event, Sink};
use crate::graph::{Act, Graph, Index, ScopeIndex};
use crate::language::{Closure, Definition, Instance, Secrets};
use crate::lookup::Lookup;
use crate::masks::Masks;
use crate::name::{RecipeName, ResourceId};
use crate::node::Node;
use crate::registry::Registry;
use crate::search::index::Indexes;
use crate::stack::Command;
use crate::template::Templates;
use crate::vault::Vault;
use crate::view::View;

/// What a script may use up. The same in every build profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For everything that runs before the first resource converges.
    pub compile_time: Duration,
    /// Steps of the language, over the whole run.
    pub operations: u64,
    pub resources: usize,
    /// Nested function calls, and nested includes.
    pub depth: usize,
    /// Custom resources inside one another.
    pub nesting: usize,
    /// Bytes of a string, elements of a collection.
    pub size: usize,
    /// Bytes of the custom JSON of one level of a stack.
    pub custom_json: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compile_time: Duration::from_secs(60),
            operations: 100_000_000,
            resources: 1_000_000,
            depth: 64,
            nesting: 32,
            size: 16 * 1024 * 1024,
            custom_json: crate::stack::LARGEST_CUSTOM_JSON,
        }
    }
}

/// How far the run is; decides what a script may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
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
    pub act: Act,
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

/// Whether the machine may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Machine,
    /// `check`: no command runs, and nothing outside the repository is read.
    Repository,
}

pub struct Session {
    /// What the program brings, and the custom resources of the cookbooks.
    pub registry: Registry,
    pub node: Node,
    pub view: View<'static>,
    pub cookbooks: Cookbooks,
    pub data_bags: Rc<DataBags>,
    /// What the run is for, when it is for an event of a stack.
    pub command: Option<Rc<Command>>,
    /// The apps of which a resource has asked what the command wants.
    pub asked_for: RefCell<HashSet<String>>,
    pub indexes: Indexes,
    pub vault: Rc<Vault>,
    /// What it has decrypted.
    pub masks: Rc<Masks>,
    pub templates: Templates,
    pub lookup: Lookup,
    pub limits: Limits,
    pub reach: Reach,
    /// Of a machine that is only thought of.
    pub programs: Option<Vec<String>>,
    pub umask: u32,
    /// Where the run keeps what it must remember; none for `check`.
    pub state_dir: Option<PathBuf>,
    pub sink: RefCell<Box<dyn Sink>>,
    pub graph: RefCell<Graph>,
    pub phase: Cell<Phase>,
    /// The recipes and attribute files in progress, outermost first.
    pub recipes: RefCell<Vec<Rc<RecipeName>>>,
    pub included: RefCell<HashSet<RecipeName>>,
    /// What a file in `resources/` has declared so far, while it runs.
    pub defining: RefCell<Option<Definition>>,
    /// The actions of custom resources in progress, outermost first.
    pub inside: RefCell<Vec<Rc<Inside>>>,
    /// Something was made of a value that is not there yet. Rhai swallows errors where it makes
    /// text of values or compares them.
    pub too_early: RefCell<Option<Diagnostic>>,
    /// Names of which a part is hidden, as people see them, each with those that would look so.
    pub hidden_names: RefCell<HashMap<String, IndexSet<Rc<str>>>>,
    pub sources: RefCell<HashMap<String, Arc<Source>>>,
    /// What earlier runs owe: resources and their actions.
    pub owed: RefCell<Vec<(String, String)>>,
    /// What was put into scripts before they were parsed, by script, from left to right.
    pub inserted: RefCell<HashMap<String, Vec<Inserted>>>,
    /// Closures that providers call, by number.
    pub callbacks: RefCell<Vec<Closure>>,
    /// `node.run_state`.
    pub run_state: rhai::Dynamic,
    /// What each resource's `changed` answers, by index.
    pub changed: RefCell<HashMap<usize, Changed>>,
    /// What the last closure that a provider called did wrong: a provider tells only the message.
    pub thrown: RefCell<Option<Diagnostic>>,
    /// What `check` found while it went on.
    pub mistakes: RefCell<Vec<Diagnostic>>,
    /// A script ended at a mistake, so that what it would have declared is missing.
    pub incomplete: Cell<bool>,
    /// A script wanted to look at the machine and was not let.
    pub asked: Cell<bool>,
    pub deadline: Cell<Option<Instant>>,
    pub operations: Cell<u64>,
    /// Ends scripts when the run is told to stop.
    pub stop: crate::stop::Stop,
}

/// Text that a script was given for the parser; people never see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
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
    Perhaps(crate::overlay::Causes),
}

impl Session {
    /// Tells whoever listens, without what was decrypted. Records are told without it already.
    pub fn event(&self, event: &Event<'_>) {
        let hidden = match event {
            Event::Log { message, .. } | Event::Retrying { error: message, .. } => {
                self.masks.hide(message)
            }
            _ => None,
        };
        let mut sink = self.sink.borrow_mut();
        match (event, hidden.as_deref()) {
            (Event::Log { level, .. }, Some(message)) => {
                sink.event(&Event::Log { level: *level, message })
            }
            (Event::Retrying { resource, action, left, .. }, Some(error)) => {
                sink.event(&Event::Retrying { resource, action, left: *left, error });
            }
            _ => sink.event(event),
        }
    }

    /// The cookbook whose recipe or attribute file is in progress.
    pub fn own_cookbook(&self) -> Option<String> {
        self.recipes
            .borrow()
            .last()
            .map(|name| name.cookbook.clone())
            .filter(|name| !name.is_empty())
    }

    /// The scope in which names are looked up now.
    pub fn scope(&self) -> ScopeIndex {
        self.inside.borrow().last().map_or(0, |inside| inside.scope)
    }

    /// What the custom resource whose action is in progress must not show.
    pub fn secrets(&self) -> Secrets {
        self.inside
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

    /// A position in a script as a span.
    pub fn span(&self, source: Option<&str>, position: rhai::Position) -> Option<Span> {
        let name = source?;
        let source = Arc::clone(self.sources.borrow().get(name)?);
        let (line, mut column) = (position.line()?, position.position().unwrap_or(1));
        for inserted in self
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
        if let Some(programs) = &self.programs {
            return programs.iter().any(|program| program == name);
        }
        let folders = crate::command::DEFAULT_PATH.split(':');
        folders
            .map(|folder| std::path::Path::new(folder).join(name))
            .any(|path| self.view.exists(&path))
    }

    /// Whether a script may look at the machine. Where it may not, what it makes of the answer is
    /// no proof of a mistake.
    pub fn may_ask(&self) -> bool {
        if self.reach == Reach::Repository {
            self.asked.set(true);
        }
        self.reach == Reach::Machine
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
        if self.reach == Reach::Machine {
            return Err(mistake);
        }
        self.incomplete.set(true);
        self.note_mistake(mistake);
        Ok(())
    }

    /// Keeps a mistake, so that looking can go on.
    pub fn note_mistake(&self, mistake: Diagnostic) {
        let mistake = if self.asked.get() {
            let unsure =
                "the recipe asked the machine before, and `check` does not: it may be no mistake";
            Diagnostic { severity: Severity::Warning, ..mistake }.note(unsure)
        } else {
            mistake
        };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Remembers a text under its name, so that positions in it can be shown.
    pub fn add_source(&self, name: &str, path: Option<PathBuf>, text: String) -> Arc<Source> {
        let source = Arc::new(Source::new(name, path, text));
        self.sources.borrow_mut().insert(name.to_owned(), Arc::clone(&source));
        source
    }
}
