//! A command.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::property_error::PropertyError;
use toque_machine::command::Command;
use toque_machine::property::{Account, CommandLine, OneOrMany, Seconds};

use crate::shared::defaults;
use crate::shared::process::{Process, RunsCommand, Wanted, shorten};

/// Runs a command. Nothing is known of what it does, so it counts as changed each time: guard it,
/// or give `creates`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Execute {
    /// A line for `/bin/sh`, or an array of a program and its arguments, which no shell sees.
    pub command: CommandLine,
    /// A path that the command creates: where it exists, the command is not run. A relative one is
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
    /// Text for its standard input.
    pub input: Option<String>,
    /// Whether its output is shown as it comes. Default: false.
    #[serde(default)]
    pub live_stream: bool,
    /// Whether a login shell runs it, which reads the profile files first. Default: false.
    #[serde(default)]
    pub login: bool,
}

actions! {
    pub enum ExecuteAction {
        Run = "run", "Run the command";
    }
}

impl Resource for Execute {
    const KIND: &'static str = "execute";
    const IDENTITY: &'static str = "command";
    type Action = ExecuteAction;
    type Desired = Wanted<Self>;

    fn check(&self, _actions: &[ExecuteAction]) -> Result<(), PropertyError> {
        let empty = match &self.command {
            CommandLine::Shell(line) => line.trim().is_empty(),
            CommandLine::Argv(argv) => argv.first().is_none_or(String::is_empty),
        };
        if empty {
            return Err(PropertyError::named(
                "command",
                "`command` is empty: it needs at least a program",
            ));
        }
        self.process(0).check()
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted<Self>, Diagnostic> {
        Ok(Wanted { umask: scope.umask(), resource: self })
    }
}

impl RunsCommand for Execute {
    const PROVIDER: &'static str = "execute";

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
        let mut command = match &self.command {
            line if !self.login => line.command(),
            CommandLine::Shell(line) => Command::new(["/bin/sh", "-l", "-c", line]),
            // The shell replaces itself with the program, whose arguments it never reads.
            CommandLine::Argv(argv) => {
                let shell = ["/bin/sh", "-l", "-c", r#"exec "$0" "$@""#].map(str::to_owned);
                Command::new(shell.into_iter().chain(argv.iter().cloned()))
            }
        };
        command.input = self.input.clone().map(String::into_bytes);
        command
    }

    fn describe(&self) -> String {
        format!("run `{}`", shorten(&self.command.to_string()))
    }
}
