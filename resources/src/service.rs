//! Services: what runs, and what starts with the machine.

mod systemd;
mod sysv;
pub(crate) mod unit;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Apply, Provider, Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::command::Command;
use toque_machine::property::{Account, OneOrMany, Seconds};
use toque_machine::system::Query;
use toque_machine::view::View;

pub(crate) use systemd::Systemd;
pub(crate) use sysv::Sysv;

use crate::shared::optional;
use crate::shared::words::words;

/// A service of the machine's init system.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The service: a unit of systemd (`.service` is added where no suffix stands) or a script in
    /// `/etc/init.d`.
    pub service_name: String,
    /// What the init script can do, where that cannot be seen in it: `#{ status: true, restart:
    /// true, reload: false }`. Only `sysv`.
    pub supports: Option<Supports>,
    /// What the command line of the running service contains, where its script cannot tell.
    /// Default: the service's name. Only `sysv`.
    pub pattern: Option<String>,
    /// A shell line that starts it, instead of the init system's way.
    pub start_command: Option<String>,
    /// A shell line that stops it.
    pub stop_command: Option<String>,
    /// A shell line that succeeds while it runs. It must only look.
    pub status_command: Option<String>,
    /// A shell line that restarts it.
    pub restart_command: Option<String>,
    /// A shell line that makes it read its configuration again.
    pub reload_command: Option<String>,
    /// The path of the init script. Default: `/etc/init.d/` and the name. Only `sysv`.
    pub init_command: Option<String>,
    /// Further options of `systemctl`: a line that is split as a shell would, or an array. Only
    /// `systemd`.
    pub options: Option<OneOrMany<String>>,
    /// When it starts among the others, 0 to 99, where the platform still goes by numbers. Only
    /// `sysv`.
    pub priority: Option<u8>,
    /// The run levels in which it is enabled. Default: those that its script asks for, else 2 to 5.
    /// Only `sysv`.
    pub run_levels: Option<Vec<u8>>,
    /// Seconds that each command may take. Default: 900.
    pub timeout: Option<Seconds>,
    /// The user whose own service it is (`systemctl --user`). Only `systemd`.
    pub user: Option<Account>,
}

/// What an init script can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Supports {
    pub status: Option<bool>,
    pub restart: Option<bool>,
    pub reload: Option<bool>,
}

actions! {
    pub enum ServiceAction {
        Nothing = "nothing", "Wait to be notified";
        Enable = "enable", "Make it start with the machine";
        Disable = "disable", "Keep it from starting with the machine";
        Start = "start", "Make it run now";
        Stop = "stop", "Make it end now";
        Restart = "restart", "Stop and start it, or start it where it does not run";
        Reload = "reload", "Make it read its configuration again, where it runs";
        Mask = "mask", "Make it impossible to start";
        Unmask = "unmask", "Undo `mask`";
    }
}

impl Resource for Service {
    const KIND: &'static str = "service";
    const IDENTITY: &'static str = "service_name";
    type Action = ServiceAction;
    type Desired = Self;

    fn check(&self, _actions: &[ServiceAction]) -> Result<(), PropertyError> {
        check_name(&self.service_name)
            .map_err(|message| PropertyError::new("service_name", message))?;
        if self.run_levels.iter().flatten().any(|level| *level > 6) {
            return Err(PropertyError::new("run_levels", "run levels go from 0 to 6"));
        }
        if self.priority.is_some_and(|priority| priority > 99) {
            return Err(PropertyError::named("priority", "`priority` goes from 0 to 99"));
        }
        Ok(())
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A line of the recipe.
    Shell(String),
    /// What the init system is asked to do.
    Act(ServiceAction),
}

impl Service {
    /// The recipe's own line for an action.
    fn line(&self, action: ServiceAction) -> Option<&String> {
        match action {
            ServiceAction::Start => self.start_command.as_ref(),
            ServiceAction::Stop => self.stop_command.as_ref(),
            ServiceAction::Restart => self.restart_command.as_ref(),
            ServiceAction::Reload => self.reload_command.as_ref(),
            _ => None,
        }
    }

    fn options(&self) -> Vec<String> {
        words(self.options.as_ref())
    }

    fn timed(&self, command: Command) -> Command {
        match self.timeout {
            Some(timeout) => command.timeout(timeout.duration()),
            None => command,
        }
    }

    /// What the recipe's own status line says, where there is one. Any pending change could make it
    /// say something else.
    fn asked_status(&self, view: &View<'_>) -> Result<Option<bool>, Failure> {
        let Some(line) = &self.status_command else { return Ok(None) };
        view.depends_on_everything();
        Ok(Some(view.probe(&self.timed(Command::shell(line.as_str())))?.success()))
    }

    fn run_line(&self, apply: &Apply<'_>, line: &str) -> Result<(), Failure> {
        apply.run(&self.timed(Command::shell(line)))?;
        Ok(())
    }
}

/// # Errors
/// Why no service can have this name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let wrong = name.is_empty() || name.starts_with('-') || name.contains(['/', '\n']);
    if wrong { Err(format!("`{name}` cannot be the name of a service")) } else { Ok(()) }
}

/// Restarts a service for a resource of another kind, as the machine's init system does it.
/// # Errors
/// When there is no such service, or it does not come up; with what it said.
pub(crate) fn restart(apply: &mut Apply<'_>, name: &str) -> Result<(), Failure> {
    fn with<P: Provider<Resource = Service>>(
        provider: &P,
        apply: &mut Apply<'_>,
        service: &Service,
    ) -> Result<(), Failure> {
        let state = provider.inspect(apply.view, service, ServiceAction::Restart)?;
        let changes = provider.plan(service, ServiceAction::Restart, &state)?;
        provider.apply(apply, service, ServiceAction::Restart, &changes).map(|_| ())
    }
    let service = Service { service_name: name.to_owned(), ..Service::default() };
    // As sd_booted(3) does.
    if optional::exists(apply.view, Path::new("/run/systemd/system"))? {
        with(&Systemd, apply, &service)
    } else {
        with(&Sysv, apply, &service)
    }
}

/// "started" for "start", for messages of what would be done.
fn describe(action: ServiceAction, name: &str) -> String {
    use toque_contract::resource::Action;
    format!("{} service `{name}`", action.name())
}
