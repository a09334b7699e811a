//! Asking a resource's guards.

use super::Converge;
use crate::command::End;
use crate::diagnostic::Diagnostic;
use crate::failure::Failure;
use crate::graph::Index;
use crate::guard::{CommandGuard, Condition};
use crate::language::diagnostic_of;
use crate::property::OneOrMany;
use crate::resource::command_failure;
use crate::system::Query;

impl Converge<'_> {
    /// The first guard that keeps the resource from acting; all `only_if` are asked before any `not_if`.
    pub(super) fn held_back(&self, index: Index) -> Result<Option<String>, Diagnostic> {
        let guards = &self.compiled.resources[index].common.guards;
        for negated in [false, true] {
            for guard in guards.iter().filter(|guard| guard.negated == negated) {
                let holds = match &guard.condition {
                    Condition::Command(command) => {
                        self.session.view.looked_at_everything();
                        self.ask(command).map_err(|failure| {
                            let mut diagnostic = diagnostic_of(failure);
                            diagnostic.message = format!("the guard `{guard}`: {}", diagnostic.message);
                            diagnostic
                        })?
                    }
                    // Only nothing and false say no.
                    Condition::Closure(closure) => {
                        !matches!(self.language.call(closure)?, serde_json::Value::Null | serde_json::Value::Bool(false))
                    }
                };
                if holds == negated {
                    return Ok(Some(guard.to_string()));
                }
            }
        }
        Ok(None)
    }

    fn ask(&self, guard: &CommandGuard) -> Result<bool, Failure> {
        let view = &self.session.view;
        let mut command = guard.command.command();
        command.cwd = guard.cwd.clone().map(Into::into);
        command.environment.clone_from(&guard.environment);
        command.umask = guard.umask.map(|mode| mode.0);
        command.timeout = guard.time_limit();
        if guard.user.is_some() || guard.group.is_some() {
            command.identity = Some(view.accounts()?.identity(view, guard.user.as_deref(), guard.group.as_deref())?);
        }
        let output = view.probe(&command)?;
        let yes = guard.returns.as_ref().map_or(&[0][..], OneOrMany::as_slice);
        match output.end {
            End::Exited(status) => Ok(yes.contains(&status)),
            End::Signalled(_) => Ok(false),
            End::TimedOut | End::Interrupted => Err(command_failure(&command, &output, false)),
        }
    }
}
