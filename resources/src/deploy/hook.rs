//! What an app wants done while it is deployed: commands, and closures of the recipe.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use toque_contract::resource::{Apply, ClosureId};
use toque_core::failure::Failure;
use toque_machine::command::Command;
use toque_machine::property::CommandLine;

use super::{Desired, environment};
use crate::shared::process::{self, Process};

/// A closure, or a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a closure, a shell line, or an array of a program and its arguments"
)]
#[schemars(inline)]
pub(crate) enum Hook {
    Closure(ClosureId),
    Command(CommandLine),
}

/// Whom a command runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// Whoever owns the releases.
    Owner,
    /// Toque's own user: services of the machine are not the app's to restart.
    Own,
}

impl Hook {
    /// "run before_migrate" and what that is.
    pub(crate) fn describe(&self, name: &str) -> String {
        match self {
            Self::Closure(_) => format!("call {name}"),
            Self::Command(line) => describe(name, line),
        }
    }

    /// # Errors
    /// What the closure threw, or a command that does not end with 0.
    pub(crate) fn run(
        &self,
        apply: &Apply<'_>,
        desired: &Desired,
        release: &str,
    ) -> Result<(), Failure> {
        match self {
            Self::Command(line) => run(apply, desired, release, line, As::Owner),
            Self::Closure(callback) => {
                let of = |name: &str| variables(desired, release).swap_remove(name).unwrap_or_default();
                let given = json!({
                    "app": desired.app, "path": of("DEPLOY_PATH"), "release": of("RELEASE_PATH"), "current": of("CURRENT_PATH"),
                    "shared": of("SHARED_PATH"), "revision": of("REVISION"),
                });
                apply.services.call(*callback, Some(&given)).map(|_| ())
            }
        }
        .map_err(|failure| environment::hidden(failure, desired.deploy.environment.as_ref()))
    }
}

/// "run migrate_command: `rake db:migrate`".
pub(crate) fn describe(name: &str, line: &CommandLine) -> String {
    format!("run {name}: `{}`", process::shorten(&line.to_string()))
}

/// Runs a command of the app in a release.
/// # Errors
/// When it does not end with 0; what it printed is told without the environment's values.
pub(crate) fn run(
    apply: &Apply<'_>,
    desired: &Desired,
    release: &str,
    line: &CommandLine,
    who: As,
) -> Result<(), Failure> {
    let command = dressed(apply, desired, release, line.command(), who)?;
    process::run(apply, command, &[0])
        .map_err(|failure| environment::hidden(failure, desired.deploy.environment.as_ref()))
}

/// A command with the circumstances of the app.
/// # Errors
/// When the owner does not exist.
pub(crate) fn dressed(
    apply: &Apply<'_>,
    desired: &Desired,
    release: &str,
    command: Command,
    who: As,
) -> Result<Command, Failure> {
    let mut all: IndexMap<String, String> = desired
        .deploy
        .environment
        .iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.text()))
        .collect();
    all.extend(variables(desired, release));
    let folder = desired.layout.release(release);
    let (user, group) = match who {
        As::Owner => (desired.deploy.owner.as_ref(), desired.deploy.group.as_ref()),
        As::Own => (None, None),
    };
    let process = Process {
        creates: None,
        cwd: Some(&folder),
        environment: &all,
        user,
        group,
        umask: desired.umask,
        timeout: desired.deploy.timeout,
        returns: &[0],
        live: false,
    };
    process.dress(apply, command)
}

/// What tells a command where it is.
fn variables(desired: &Desired, release: &str) -> IndexMap<String, String> {
    let layout = &desired.layout;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    [
        ("APP", desired.app.clone()),
        ("DEPLOY_PATH", text(&layout.path)),
        ("RELEASE_PATH", text(&layout.release(release))),
        ("CURRENT_PATH", text(&layout.current())),
        ("SHARED_PATH", text(&layout.shared())),
        ("REVISION", release.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
