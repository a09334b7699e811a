//! Conditions of a resource: a command that succeeds, or a closure that is true.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::resource::ClosureId;
use toque_core::redaction::{Exposure, Redactor};
use toque_machine::property::{Account, CommandLine, Mode, OneOrMany, Seconds};

/// One `only_if` or `not_if`.
#[derive(Clone)]
pub struct Guard {
    /// `not_if`: the resource is left alone when the condition holds.
    pub negated: bool,
    pub condition: Condition,
}

#[derive(Clone)]
pub enum Condition {
    Command(Box<CommandGuard>),
    Closure(ClosureId),
}

/// A command that answers by its exit status. It runs as root in the run's clean environment and
/// inherits nothing from its resource.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandGuard {
    /// A shell line, or a program and its arguments.
    pub command: CommandLine,
    /// Whom to run it as.
    #[serde(default)]
    pub user: Option<Account>,
    #[serde(default)]
    pub group: Option<Account>,
    /// An absolute path; `/` unless told.
    #[serde(default)]
    pub cwd: Option<String>,
    #[serde(default)]
    pub environment: IndexMap<String, String>,
    #[serde(default)]
    pub umask: Option<Mode>,
    /// Seconds, 60 unless told; a guard that takes longer is an error.
    #[serde(default)]
    pub timeout: Option<Seconds>,
    /// The exit statuses that mean yes, 0 unless told.
    #[serde(default)]
    pub returns: Option<OneOrMany<i32>>,
}

impl CommandGuard {
    /// A guard that is only a command.
    #[must_use]
    pub fn plain(command: CommandLine) -> Self {
        Self {
            command,
            user: None,
            group: None,
            cwd: None,
            environment: IndexMap::new(),
            umask: None,
            timeout: None,
            returns: None,
        }
    }

    /// What is wrong with it, whatever the machine.
    /// # Errors
    /// A command that says nothing: it would be run, and answer yes. A folder that depends on where
    /// toque was started.
    pub fn check(&self) -> Result<(), String> {
        let empty = match &self.command {
            CommandLine::Shell(line) => line.trim().is_empty(),
            CommandLine::Argv(argv) => argv.first().is_none_or(String::is_empty),
        };
        match &self.cwd {
            _ if empty => Err("the command is empty".to_owned()),
            Some(cwd) if !cwd.starts_with('/') => {
                Err(format!("`cwd` must be an absolute path, and `{cwd}` is not"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a decrypted value is in it.
    #[must_use]
    pub fn holds(&self, redactor: &Redactor) -> Exposure {
        let words = self.command.command().argv;
        words
            .iter()
            .chain(self.environment.values())
            .map(|text| redactor.in_text(text))
            .max()
            .unwrap_or_default()
    }

    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.timeout.map_or(Duration::from_secs(60), Seconds::duration)
    }
}

impl Guard {
    #[must_use]
    pub fn property(&self) -> &'static str {
        if self.negated { "not_if" } else { "only_if" }
    }
}

/// `not_if: test -e /x`, as reports show it.
impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.condition {
            Condition::Command(guard) => write!(f, "{}: {}", self.property(), guard.command),
            Condition::Closure(_) => write!(f, "{}: a closure", self.property()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_wrong_with_a_command_whatever_the_machine() {
        let cases: &[(Value, bool)] = &[
            (json!({ "command": "true" }), true),
            (json!({ "command": ["test", ""] }), true),
            (json!({ "command": "true", "cwd": "/srv", "user": 33, "group": "adm" }), true),
            (json!({ "command": "" }), false),
            (json!({ "command": " \n" }), false),
            (json!({ "command": [] }), false),
            (json!({ "command": [""] }), false),
            (json!({ "command": "true", "cwd": "srv" }), false),
            (json!({ "command": "true", "cwd": "" }), false),
        ];
        for (guard, fine) in cases {
            let parsed: CommandGuard = serde_json::from_value(guard.clone()).unwrap();
            assert_eq!(parsed.check().is_ok(), *fine, "{guard}");
        }
    }
}
