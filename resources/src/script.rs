//! Code for an interpreter: a shell, perl, python.

use std::marker::PhantomData;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_engine::actions;
use toque_engine::command::Command;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::property::{Account, OneOrMany, Seconds};
use toque_engine::resource::{self, Apply, Change, Effect, PropertyError, Resource, Scope};
use toque_engine::view::View;

use crate::execute::{self, Process};
use crate::shared::defaults;
use crate::shared::words::words;

/// Pipes code into an interpreter. Nothing is known of what it does, so it counts as changed each
/// time: guard it, or give `creates`. A failing line does not end a shell's script: begin it with
/// `set -e` for that.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(bound = "")]
#[serde(bound = "")]
pub struct Script<K> {
    /// Any name.
    pub name: String,
    /// The code.
    pub code: String,
    /// The program that reads the code from its standard input, such as `perl`. Default for `bash`:
    /// `bash`.
    pub interpreter: Option<String>,
    /// Options of the interpreter: a line that is split as a shell would, or an array.
    pub flags: Option<OneOrMany<String>>,
    /// A path that the script creates: where it exists, the script is not run. A relative one is
    /// below `cwd`.
    pub creates: Option<PathBuf>,
    /// The folder to run in. Default: `/`.
    pub cwd: Option<PathBuf>,
    /// Environment variables, on top of a clean environment.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// Whom to run as. Default: root.
    pub user: Option<Account>,
    /// The group to run as. Default: the user's.
    pub group: Option<Account>,
    /// Seconds it may take before it is killed with all that it started. Default: 3600.
    #[serde(default = "defaults::an_hour")]
    pub timeout: Seconds,
    /// The exit status, or an array of those, that mean success. Default: 0.
    #[serde(default = "defaults::zero")]
    pub returns: OneOrMany<i32>,
    /// Whether its output is shown as it comes. Default: false.
    #[serde(default)]
    pub live_stream: bool,
    #[serde(skip)]
    kind: PhantomData<K>,
}

/// Which kind a script is: the same but for the interpreter.
pub trait Language: Clone + 'static {
    const KIND: &'static str;
    /// The interpreter when none is named.
    const INTERPRETER: Option<&'static str>;
}

/// `script`: the recipe names the interpreter.
#[derive(Debug, Clone)]
pub struct Any;

impl Language for Any {
    const KIND: &'static str = "script";
    const INTERPRETER: Option<&'static str> = None;
}

/// `bash`.
#[derive(Debug, Clone)]
pub struct BashOnly;

impl Language for BashOnly {
    const KIND: &'static str = "bash";
    const INTERPRETER: Option<&'static str> = Some("bash");
}

actions! {
    pub enum ScriptAction {
        Run = "run", "Run the code";
    }
}

/// A script with the mask that holds for this resource.
#[derive(Debug)]
pub struct Wanted<K> {
    script: Script<K>,
    interpreter: String,
    umask: u32,
}

impl<K: Language> Resource for Script<K> {
    const KIND: &'static str = K::KIND;
    const IDENTITY: &'static str = "name";
    type Action = ScriptAction;
    type Desired = Wanted<K>;

    fn check(&self, _actions: &[ScriptAction]) -> Result<(), PropertyError> {
        if self.interpreter.is_none() && K::INTERPRETER.is_none() {
            return Err(PropertyError::new("interpreter", "`interpreter` is required and not set")
                .hint("name the program that reads the code, such as `interpreter: \"perl\"`"));
        }
        execute::check_creates(self.creates.as_deref(), self.cwd.as_deref())
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted<K>, Diagnostic> {
        let interpreter = self
            .interpreter
            .clone()
            .or_else(|| K::INTERPRETER.map(str::to_owned))
            .unwrap_or_default();
        Ok(Wanted { umask: scope.umask(), interpreter, script: self })
    }
}

/// A process of the machine that reads code.
#[derive(Debug, Default)]
pub struct Provider<K>(PhantomData<K>);

impl<K> Provider<K> {
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K: Language> resource::Provider for Provider<K> {
    type Resource = Script<K>;
    /// Whether what the script creates is there.
    type State = bool;
    type Step = ();
    const NAME: &'static str = "interpreter";

    fn inspect(
        &self,
        view: &View<'_>,
        wanted: &Wanted<K>,
        _: ScriptAction,
    ) -> Result<bool, Failure> {
        let Script { creates, cwd, user, group, .. } = &wanted.script;
        execute::inspect(view, creates.as_deref(), cwd.as_deref(), user.as_ref(), group.as_ref())
    }

    fn plan(
        &self,
        wanted: &Wanted<K>,
        _: ScriptAction,
        created: &bool,
    ) -> Result<Vec<Change<()>>, Failure> {
        let lines = wanted.script.code.lines().filter(|line| !line.trim().is_empty()).count();
        let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
        Ok(execute::plan(*created, format!("run {lines} of `{}`", wanted.interpreter)))
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted<K>,
        _: ScriptAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        let script = &wanted.script;
        let flags = words(script.flags.as_ref());
        let command = Command::new([wanted.interpreter.clone()].into_iter().chain(flags))
            .input(script.code.as_bytes());
        let process = Process {
            cwd: script.cwd.as_deref(),
            environment: &script.environment,
            user: script.user.as_ref(),
            group: script.group.as_ref(),
            umask: wanted.umask,
            timeout: script.timeout,
            live: script.live_stream,
        };
        execute::run(apply, process.dress(apply, command)?, script.returns.as_slice())?;
        Ok(Effect::Changed)
    }
}
