//! Notifications that several resources share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::areas::Areas;
use toque_machine::view::View;

/// Does nothing itself: whoever notifies it sets off everything that it notifies.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifyGroup {
    /// Any name.
    pub name: String,
}

actions! {
    pub enum NotifyGroupAction {
        Nothing = "nothing", "Wait to be notified";
        Run = "run", "Send its notifications";
    }
}

impl Resource for NotifyGroup {
    const KIND: &'static str = "notify_group";
    const IDENTITY: &'static str = "name";
    type Action = NotifyGroupAction;
    type Desired = Self;

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The run itself delivers; it only has to be told that there is a reason.
#[derive(Debug)]
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = NotifyGroup;
    type State = ();
    type Step = ();
    const NAME: &'static str = "notify_group";
    const REACH: Areas = Areas::NONE;

    fn inspect(&self, _: &View<'_>, _: &NotifyGroup, _: NotifyGroupAction) -> Result<(), Failure> {
        Ok(())
    }

    fn plan(
        &self,
        _: &NotifyGroup,
        action: NotifyGroupAction,
        (): &(),
    ) -> Result<Vec<Change<()>>, Failure> {
        Ok((action == NotifyGroupAction::Run)
            .then(|| Change::new("send its notifications", ()))
            .into_iter()
            .collect())
    }

    fn apply(
        &self,
        _: &mut Apply<'_>,
        _: &NotifyGroup,
        _: NotifyGroupAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        Ok(Effect::Changed)
    }
}
