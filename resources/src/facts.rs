//! Facts of the node, gathered anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::view::View;

/// Forgets the node's facts, so that whoever reads them next sees the machine as it is then. It
/// always counts as changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// Any name.
    pub name: String,
}

actions! {
    pub enum FactsAction {
        Reload = "reload", "Forget the facts";
    }
}

impl Resource for Facts {
    const KIND: &'static str = "facts";
    const IDENTITY: &'static str = "name";
    type Action = FactsAction;
    type Desired = Self;

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The run holds the facts, and drops what a change touches.
#[derive(Debug)]
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Facts;
    type State = ();
    type Step = ();
    const NAME: &'static str = "facts";
    const REACH: Areas = Areas::of(&[Area::Facts]);

    fn inspect(&self, _: &View<'_>, _: &Facts, _: FactsAction) -> Result<(), Failure> {
        Ok(())
    }

    fn plan(&self, _: &Facts, _: FactsAction, (): &()) -> Result<Vec<Change<()>>, Failure> {
        Ok(vec![Change::new("reload the facts", ()).touches(Area::Facts)])
    }

    fn apply(
        &self,
        _: &mut Apply<'_>,
        _: &Facts,
        _: FactsAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        Ok(Effect::Changed)
    }
}
