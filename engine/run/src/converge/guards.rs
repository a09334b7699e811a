//! Asking a resource's guards.

use super::Walk;
use toque_contract::graph::Index;
use toque_contract::guard::{CommandGuard, Condition};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::redaction::REDACTED;
use toque_machine::command::End;
use toque_machine::property::{Account, CommandLine, OneOrMany};
use toque_machine::system::Query;

impl Walk<'_> {
    /// The first guard that keeps the resource from acting; all `only_if` are asked before any
    /// `not_if`.
    pub(crate) fn held_back(&self, index: Index) -> Result<Option<String>, Diagnostic> {
        let ready = &self.compiled.resources[index];
        let (common, sensitive) = (&ready.common, ready.is_sensitive());
        for negated in [false, true] {
            for guard in common.guards.iter().filter(|guard| guard.negated == negated) {
                let shown = if sensitive {
                    format!("{}: {REDACTED}", guard.property())
                } else {
                    guard.to_string()
                };
                let holds = match &guard.condition {
                    Condition::Command(command) => {
                        self.view.depends_on_everything();
                        self.ask(command, sensitive).map_err(|failure| {
                            let mut diagnostic = Diagnostic::from(failure);
                            diagnostic.message =
                                format!("the guard `{shown}`: {}", diagnostic.message);
                            diagnostic
                        })?
                    }
                    // Only nothing and false say no.
                    Condition::Closure(closure) => !matches!(
                        self.language.call(*closure, None)?,
                        serde_json::Value::Null | serde_json::Value::Bool(false)
                    ),
                };
                if holds == negated {
                    return Ok(Some(shown));
                }
            }
        }
        Ok(None)
    }

    /// Whether the command says yes. One that could not be asked (its folder, user or program is
    /// missing, its time is up) has said neither yes nor no.
    fn ask(&self, guard: &CommandGuard, sensitive: bool) -> Result<bool, Failure> {
        let view = self.view;
        let mut command = guard.command.command();
        command.cwd = Some(guard.cwd.as_deref().unwrap_or("/").into());
        command.environment.clone_from(&guard.environment);
        command.umask = Some(guard.umask.map_or(self.inputs.umask, |mode| mode.0));
        command.timeout = guard.time_limit();
        command.sensitive = sensitive;
        if guard.user.is_some() || guard.group.is_some() {
            let name = |account: &Option<Account>| account.as_ref().map(Account::to_string);
            let (user, group) = (name(&guard.user), name(&guard.group));
            command.identity =
                Some(view.accounts()?.identity(view, user.as_deref(), group.as_deref())?);
        }
        let output = view.probe(&command)?;
        let yes = guard.returns.as_ref().map_or(&[0][..], OneOrMany::as_slice);
        match output.end {
            End::Exited(status) if yes.contains(&status) => Ok(true),
            End::Exited(126 | 127) if is_plain(&guard.command) => Err(output.failure(&command, sensitive)
                .hint("correct the command; where its program may be missing, ask for that first: `command -v NAME`")),
            End::Exited(_) | End::Signalled(_) => Ok(false),
            End::TimedOut | End::Interrupted => Err(output.failure(&command, sensitive)),
        }
    }
}

/// Whether a command is one program with its arguments, so that the shell's word for "not found"
/// can only be about that program.
fn is_plain(command: &CommandLine) -> bool {
    matches!(command, CommandLine::Shell(line) if !line.contains(|c: char| "*?{}[]<>()~&|\\$;'`\"\n#=%!".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_of_one_program_the_shell_says_for_sure_that_it_is_missing() {
        let shell = |line: &str| CommandLine::Shell(line.to_owned());
        for plain in ["nosuch", "/opt/app/bin/migrated --check", "test -e /etc/x_y,z:1"] {
            assert!(is_plain(&shell(plain)), "{plain}");
        }
        for involved in [
            "nosuch --version >/dev/null",
            "nosuch | grep x",
            "nosuch; true",
            "a && b",
            "x $(nosuch)",
            "a\nb",
            "A=1 b",
        ] {
            assert!(!is_plain(&shell(involved)), "{involved}");
        }
        // Whether that exists is found out before it is started.
        assert!(!is_plain(&CommandLine::Argv(vec!["nosuch".to_owned()])));
    }
}
