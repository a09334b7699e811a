//! Code for an interpreter: a shell, perl, python.

use std::marker::PhantomData;
use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::property_error::PropertyError;
use toque_machine::command::Command;
use toque_machine::property::{Account, OneOrMany, Seconds};

use crate::shared::defaults;
use crate::shared::process::{Process, RunsCommand, Wanted};
use crate::shared::words::words;

/// Pipes code into an interpreter. Nothing is known of what it does, so it counts as changed each
/// time: guard it, or give `creates`. A failing line does not end a shell's script: begin it with
/// `set -e` for that.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(bound = "")]
#[serde(bound = "")]
pub(crate) struct Script<K> {
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
pub(crate) trait Language: Clone + 'static {
    const KIND: &'static str;
    /// The interpreter when none is named.
    const INTERPRETER: Option<&'static str>;
}

/// `script`: the recipe names the interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Any;

impl Language for Any {
    const KIND: &'static str = "script";
    const INTERPRETER: Option<&'static str> = None;
}

/// `bash`.
#[derive(Debug, Clone)]
pub(crate) struct BashOnly;

impl Language for BashOnly {
    const KIND: &'static str = "bash";
    const INTERPRETER: Option<&'static str> = Some("bash");
}

actions! {
    pub enum ScriptAction {
        Run = "run", "Run the code";
    }
}

impl<K: Language> Resource for Script<K> {
    const KIND: &'static str = K::KIND;
    const IDENTITY: &'static str = "name";
    type Action = ScriptAction;
    type Desired = Wanted<Self>;

    fn check(&self, _actions: &[ScriptAction]) -> Result<(), PropertyError> {
        if self.interpreter.is_none() && K::INTERPRETER.is_none() {
            return Err(PropertyError::named(
                "interpreter",
                "`interpreter` is required and not set",
            )
            .hint("name the program that reads the code, such as `interpreter: \"perl\"`"));
        }
        self.process(0).check()
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted<Self>, Diagnostic> {
        Ok(Wanted { umask: scope.umask(), resource: self })
    }
}

impl<K: Language> Script<K> {
    fn interpreter(&self) -> &str {
        self.interpreter.as_deref().or(K::INTERPRETER).unwrap_or_default()
    }
}

impl<K: Language> RunsCommand for Script<K> {
    const PROVIDER: &'static str = "interpreter";

    fn process(&self, umask: u32) -> Process<'_> {
        Process {
            creates: self.creates.as_deref(),
            cwd: self.cwd.as_deref(),
            environment: &self.environment,
            user: self.user.as_ref(),
            group: self.group.as_ref(),
            umask,
            timeout: self.timeout,
            returns: self.returns.as_slice(),
            live: self.live_stream,
        }
    }

    fn command(&self) -> Command {
        let flags = words(self.flags.as_ref());
        Command::new([self.interpreter().to_owned()].into_iter().chain(flags))
            .input(self.code.as_bytes())
    }

    fn describe(&self) -> String {
        let lines = self.code.lines().filter(|line| !line.trim().is_empty()).count();
        let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
        format!("run {lines} of `{}`", self.interpreter())
    }
}
