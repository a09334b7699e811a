//! What can happen to an instance, and what it can be told to do.

use std::fmt;

use toque_core::diagnostic::Diagnostic;

/// A lifecycle event, or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    Setup,
    Configure,
    Deploy,
    Undeploy,
    Shutdown,
    Rollback,
    Restart,
    ExecuteRecipes,
    InstallDependencies,
    UpdateCustomCookbooks,
    /// What OpsWorks told its agent to do, and what needs no recipe here.
    Other(&'static str),
}

const NAMES: [(Event, &str); 10] = [
    (Event::Setup, "setup"),
    (Event::Configure, "configure"),
    (Event::Deploy, "deploy"),
    (Event::Undeploy, "undeploy"),
    (Event::Shutdown, "shutdown"),
    (Event::Rollback, "rollback"),
    (Event::Restart, "restart"),
    (Event::ExecuteRecipes, "execute_recipes"),
    (Event::InstallDependencies, "install_dependencies"),
    (Event::UpdateCustomCookbooks, "update_custom_cookbooks"),
];

/// Types of OpsWorks' commands that have no meaning of their own here: only the recipes that the
/// document names are run.
const OTHERS: [&str; 10] = [
    "start",
    "stop",
    "reboot",
    "update_dependencies",
    "update_agent",
    "update_cloud_watch_logs_configuration",
    "sync_remote_users",
    "grant_remote_access",
    "revoke_remote_access",
    "deregister",
];

impl Event {
    /// Those that layers have recipes for.
    pub const LIFECYCLE: [Self; 5] =
        [Self::Setup, Self::Configure, Self::Deploy, Self::Undeploy, Self::Shutdown];

    /// Every one that can be asked for.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.into_iter().map(|(event, _)| event)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Other(name) => name,
            event => NAMES.iter().find(|(known, _)| *known == event).map_or("", |(_, name)| name),
        }
    }

    /// Reads the name of one that can be asked for.
    /// # Errors
    /// When there is none, with the nearest.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(event, _)| *event).ok_or_else(|| {
            let names = || NAMES.iter().map(|(_, name)| *name);
            let all = || {
                format!("the events and commands are {}", names().collect::<Vec<_>>().join(", "))
            };
            Diagnostic::error(format!("there is no event `{text}`")).suggest_or(text, names(), all)
        })
    }

    /// Reads the type of a command document, which may be one of OpsWorks' own.
    /// # Errors
    /// As [`Event::parse`].
    pub(crate) fn of_type(text: &str) -> Result<Self, Diagnostic> {
        match OTHERS.iter().find(|name| **name == text) {
            Some(name) => Ok(Self::Other(name)),
            None => Self::parse(text),
        }
    }

    /// Whether it is about certain apps, which must be told.
    #[must_use]
    pub fn needs_apps(self) -> bool {
        matches!(self, Self::Deploy | Self::Undeploy | Self::Rollback | Self::Restart)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
