//! A line in the run's log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::log_level::LogLevel;
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope, Services};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::areas::Areas;
use toque_machine::view::View;

/// Writes a line to the log when its turn comes. It changes nothing, so it never counts as changed
/// and notifies nobody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// What to say.
    pub message: String,
    /// How it is weighed: `debug`, `info`, `warn` or `error`. Default: `info`.
    #[serde(default)]
    pub level: LogLevel,
}

actions! {
    pub enum LogAction {
        Write = "write", "Write the message to the log";
    }
}

impl Resource for Log {
    const KIND: &'static str = "log";
    const IDENTITY: &'static str = "message";
    type Action = LogAction;
    type Desired = Self;

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The log of the run.
#[derive(Debug)]
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Log;
    type State = ();
    type Step = ();
    const NAME: &'static str = "log";
    const REACH: Areas = Areas::NONE;

    fn inspect(&self, _: &View<'_>, _: &Log, _: LogAction) -> Result<(), Failure> {
        Ok(())
    }

    fn plan(&self, _: &Log, _: LogAction, (): &()) -> Result<Vec<Change<()>>, Failure> {
        Ok(Vec::new())
    }

    fn apply(
        &self,
        _: &mut Apply<'_>,
        _: &Log,
        _: LogAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        Ok(Effect::Unchanged)
    }

    fn announce(&self, services: &dyn Services, log: &Log, _: LogAction) {
        services.log(log.level, &log.message);
    }
}
