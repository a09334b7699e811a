//! The contract between a kind of resource and the run. A kind is a struct whose fields are the
//! properties, an enum of actions, and one or more providers; everything else (validation, binding,
//! reference, plan, report) follows from these.
//!
//! `resolve` prepares what is wanted, `inspect` reads what is there, `plan` compares the two,
//! `apply` makes the difference. A dry run is a run without the last.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log_level::LogLevel;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::areas::Areas;
use toque_machine::command::{Command, Output};
use toque_machine::content::Content;
pub use toque_machine::planned::PlannedEffect;
use toque_machine::system::System;
use toque_machine::view::View;

/// What a recipe declares. The fields are the properties: their types validate, their doc comments
/// are the reference.
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Clone + 'static {
    /// The function's name in recipes, and the word before the bracket in `kind[name]`.
    const KIND: &'static str;
    /// The property that takes the resource's name when it is not given.
    const IDENTITY: &'static str;
    /// Properties that are closures for the provider to call, rather than values to be computed
    /// late.
    const CALLBACKS: &'static [&'static str] = &[];
    type Action: Action;
    /// What a provider works with: content found and rendered, names looked up in the cookbook.
    type Desired: 'static;

    /// Conditions over several properties, which types cannot say.
    /// # Errors
    /// The property at fault and why.
    fn check(&self, _actions: &[Self::Action]) -> Result<(), PropertyError> {
        Ok(())
    }

    /// Further names that the resource answers to: `package[git]` for one of several packages.
    fn aliases(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether `resolve` looks at the machine, so that it must wait for the resource's turn.
    fn resolves_late(&self) -> bool {
        false
    }

    /// Finds and renders what the provider will need. Called before anything is touched, unless the
    /// resource is late ([`resolves_late`](Self::resolves_late)) or has deferred properties.
    /// # Errors
    /// A missing source, a template that does not render.
    fn resolve(self, scope: &dyn Scope) -> Result<Self::Desired, Diagnostic>;
}

/// A closed set of action names. Use [`actions!`](crate::actions) to make one.
pub trait Action: Copy + Eq + std::fmt::Debug + 'static {
    /// Every action with its name and what it does; the first is the default.
    const ALL: &'static [(Self, &'static str, &'static str)];

    #[must_use]
    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(action, ..)| *action == self).map_or("", |(_, name, _)| name)
    }
}

/// Defines an enum of actions: `actions! { pub enum FileAction { Create = "create", "Make it so"; …
/// } }`. The first is the default.
#[macro_export]
macro_rules! actions {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($variant:ident = $text:literal, $doc:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name { $(#[doc = $doc] $variant,)+ }
        impl $crate::resource::Action for $name {
            const ALL: &'static [(Self, &'static str, &'static str)] = &[$((Self::$variant, $text, $doc),)+];
        }
    };
}

/// How one platform brings a kind about.
pub trait Provider: 'static {
    type Resource: Resource;
    /// What `inspect` found.
    type State: 'static;
    /// One thing to do, as data: enough for `apply` to do exactly what was planned.
    type Step: 'static;
    /// The name that the property `provider` takes.
    const NAME: &'static str;
    /// All that a change may touch: what a plan must leave open when it cannot tell the change
    /// itself.
    const REACH: Areas = Areas::ALL;
    /// Whether neighbours may be applied in one transaction, see [`batch`](Self::batch).
    const JOINS: bool = false;

    /// Whether this provider works on a machine, and whether it is the machine's own way.
    fn supports(&self, _host: &HostFacts<'_>) -> Support {
        Support::Preferred
    }

    /// Reads what is there. It is given nothing that could change it.
    /// # Errors
    /// When it cannot be told.
    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired<Self>,
        action: ActionOf<Self>,
    ) -> Result<Self::State, Failure>;

    /// What has to be done; nothing when the state is the desired one.
    /// # Errors
    /// When no plan leads to the desired state.
    fn plan(
        &self,
        desired: &Desired<Self>,
        action: ActionOf<Self>,
        state: &Self::State,
    ) -> Result<Vec<Change<Self::Step>>, Failure>;

    /// Remarks for the report about what was found, such as why nothing is to be done.
    fn notes(
        &self,
        _desired: &Desired<Self>,
        _action: ActionOf<Self>,
        _state: &Self::State,
    ) -> Vec<String> {
        Vec::new()
    }

    /// Does what was planned, all of one action together.
    /// # Errors
    /// When it could not be done; what was done by then stays.
    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired<Self>,
        action: ActionOf<Self>,
        changes: &[Change<Self::Step>],
    ) -> Result<Effect, Failure>;

    /// Says something when the resource's turn comes while converging, before it is inspected. It
    /// must change nothing, so that a resource which only speaks is up to date. A plan never calls
    /// it.
    fn announce(
        &self,
        _services: &dyn Services,
        _desired: &Desired<Self>,
        _action: ActionOf<Self>,
    ) {
    }

    /// A key under which neighbouring resources may be applied in one transaction; `None` when this
    /// one must be alone.
    fn batch(
        &self,
        _desired: &Desired<Self>,
        _action: ActionOf<Self>,
        _changes: &[Change<Self::Step>],
    ) -> Option<String> {
        None
    }

    /// Applies neighbours of one [`batch`](Self::batch) key together, and says for each whether it
    /// made a difference: two may have asked for the same thing.
    /// # Errors
    /// When the transaction failed as a whole; each is then applied by itself.
    fn apply_together(
        &self,
        _apply: &mut Apply<'_>,
        _items: &[Item<'_, Self>],
    ) -> Result<Vec<Effect>, Failure> {
        Err(Failure::new("this provider does not join resources"))
    }
}

/// The desired state of a provider's kind.
pub type Desired<P> = <<P as Provider>::Resource as Resource>::Desired;
/// The actions of a provider's kind.
pub type ActionOf<P> = <<P as Provider>::Resource as Resource>::Action;
/// One of several resources that are applied together.
pub type Item<'a, P> = (&'a Desired<P>, ActionOf<P>, &'a [Change<<P as Provider>::Step>]);

/// Whether a provider can be used on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// The machine's own way.
    Preferred,
    /// It works, when nothing better does.
    Usable,
    /// Why it does not work here, as part of a sentence: "there is no `apt-get`".
    No(String),
}

/// What decides between providers.
pub struct HostFacts<'a> {
    /// Ohai's `platform`, `platform_family`, `platform_version`.
    pub platform: &'a str,
    pub platform_family: &'a str,
    pub platform_version: &'a str,
    /// `systemd`, or `init` for anything else.
    pub init_package: &'a str,
    /// Whether a program of this name is on the system's path.
    pub has_program: &'a dyn Fn(&str) -> bool,
}

/// One intended change: what people are told, what is done, and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<S> {
    /// "create directory `/srv`", without secrets.
    pub what: String,
    /// A unified diff, or the reason why none is shown.
    pub diff: Option<String>,
    pub step: S,
    /// What a plan may assume afterwards.
    pub provides: Vec<PlannedEffect>,
    /// What must be read again afterwards.
    pub touches: Areas,
    /// The file that is replaced or removed, of which a copy is kept first.
    pub backs_up: Option<PathBuf>,
}

impl<S> Change<S> {
    pub fn new(what: impl Into<String>, step: S) -> Self {
        Self {
            what: what.into(),
            diff: None,
            step,
            provides: Vec::new(),
            touches: Areas::NONE,
            backs_up: None,
        }
    }

    #[must_use]
    pub fn diff(mut self, diff: impl Into<Option<String>>) -> Self {
        self.diff = diff.into();
        self
    }

    #[must_use]
    pub fn provides(mut self, provide: PlannedEffect) -> Self {
        self.provides.push(provide);
        self
    }

    #[must_use]
    pub fn backs_up(mut self, path: impl Into<PathBuf>) -> Self {
        self.backs_up = Some(path.into());
        self
    }

    #[must_use]
    pub fn touches(mut self, areas: impl Into<Areas>) -> Self {
        self.touches = self.touches | areas.into();
        self
    }
}

/// Whether an `apply` made a difference after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Changed,
    Unchanged,
}

/// What a resource may ask for while it is resolved.
pub trait Scope {
    /// Renders a template of a cookbook, or of the node's own disk.
    /// # Errors
    /// When it is missing or does not render.
    fn render(&self, template: &TemplateSource) -> Result<String, Diagnostic>;
    /// The content of a file of a cookbook's `files/`: the most specific of the first source that
    /// exists.
    /// # Errors
    /// When there is none, or it cannot be read.
    fn cookbook_file(
        &self,
        sources: &[String],
        cookbook: Option<&str>,
    ) -> Result<Content, Diagnostic>;
    /// Every file below a folder of a cookbook's `files/`, the most specific folder alone, by path
    /// relative to it, in order.
    /// # Errors
    /// When there is none, or something in it cannot be read.
    fn cookbook_directory(
        &self,
        source: &str,
        cookbook: Option<&str>,
    ) -> Result<Vec<(PathBuf, Content)>, Diagnostic>;
    /// Whether an action of this name may be run on the resource: it is declared, or a notification
    /// names it. What is only deleted needs no source.
    fn may_run(&self, _action: &str) -> bool {
        true
    }
    /// The mask for modes of new files: the resource's `umask`, else the run's.
    fn umask(&self) -> u32;
    /// The machine. Only a [late](Resource::resolves_late) resource may look at it.
    fn view(&self) -> &View<'_>;
    /// What the command that the run is for asks of an app, by its short name.
    fn asked(&self, _app: &str) -> Asked {
        Asked::Nothing
    }
}

/// What a command asks of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asked {
    /// The run is for something else: a setup, a configure.
    #[default]
    Nothing,
    /// It is for another app of the stack.
    Another,
    Deploy,
    Undeploy,
    Rollback,
    Restart,
}

/// A template to render, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSource {
    /// Names below `templates/`; the first that exists is taken. One name is looked up by
    /// specificity, several are taken as they stand.
    pub sources: Vec<String>,
    /// The cookbook, when it is not the recipe's own.
    pub cookbook: Option<String>,
    /// The source is a path on this machine.
    pub local: bool,
    pub variables: serde_json::Map<String, Value>,
}

/// A closure of a recipe, by its number in the run. The language has the closure itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, extend("format" = "closure"))]
pub struct ClosureId(pub usize);

/// What the run offers an `apply` beside the machine itself.
pub trait Services {
    /// Calls a closure of the recipe. One with a parameter gets `given`.
    /// # Errors
    /// What the closure threw.
    fn call(&self, closure: ClosureId, given: Option<&Value>) -> Result<Value, Failure>;
    /// Tells the people who watch.
    fn log(&self, level: LogLevel, message: &str);
    /// Keeps a copy of a file before it is replaced or removed, and the newest `keep` of them.
    /// Returns the reason, for the report, where the file is too large to be kept.
    /// # Errors
    /// When the copy cannot be written; then the file must not be touched.
    fn back_up(&self, path: &Path, keep: usize) -> Result<Option<String>, Failure>;
    /// Where a provider may keep what it must remember between runs, such as a server's ETag.
    /// # Errors
    /// When it cannot be written.
    fn remember(&self, key: &str, value: &Value) -> Result<(), Failure>;
}

/// The machine, to be changed.
pub struct Apply<'a> {
    pub system: &'a dyn System,
    /// Read through this what is shared (accounts, snapshots); it is current.
    pub view: &'a View<'a>,
    pub services: &'a dyn Services,
    /// Nothing of this resource's content may be repeated in a message.
    pub sensitive: bool,
    /// Remarks for the report, such as "written in place".
    pub notes: Vec<String>,
}

impl Apply<'_> {
    /// Keeps a copy of a file before it is replaced or removed, or notes why there is none.
    /// # Errors
    /// As [`Services::back_up`].
    pub fn back_up(&mut self, path: &Path, keep: usize) -> Result<(), Failure> {
        self.notes.extend(self.services.back_up(path, keep)?);
        Ok(())
    }

    /// Runs a command, however it ends.
    /// # Errors
    /// When it cannot start, or would show a decrypted value in its arguments.
    pub fn output(&self, command: &Command) -> Result<Output, Failure> {
        self.view.check_arguments(command)?;
        self.system.run(command)
    }

    /// Runs a command that must succeed.
    /// # Errors
    /// As [`Apply::output`], and when it does not exit with 0; with what it printed.
    pub fn run(&self, command: &Command) -> Result<Output, Failure> {
        let output = self.output(command)?;
        if output.success() { Ok(output) } else { Err(output.failure(command, self.sensitive)) }
    }
}
