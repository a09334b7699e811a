//! Code of the recipe that runs when its turn comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change, ClosureId, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::areas::Areas;
use toque_machine::planned::PlannedEffect;
use toque_machine::view::View;

/// Calls a closure while the machine converges. Nothing is known of what it does, so it counts as
/// changed each time: guard it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// Any name.
    pub block_name: String,
    /// The closure. What it returns is ignored; what it throws fails the resource.
    pub run: ClosureId,
}

actions! {
    pub enum BlockAction {
        Run = "run", "Call the closure";
    }
}

impl Resource for Block {
    const KIND: &'static str = "block";
    const IDENTITY: &'static str = "block_name";
    const CALLBACKS: &'static [&'static str] = &["run"];
    type Action = BlockAction;
    type Desired = Self;

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The recipe language.
#[derive(Debug)]
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Block;
    type State = ();
    type Step = ();
    const NAME: &'static str = "block";

    fn inspect(&self, _: &View<'_>, _: &Block, _: BlockAction) -> Result<(), Failure> {
        Ok(())
    }

    fn plan(&self, _: &Block, _: BlockAction, (): &()) -> Result<Vec<Change<()>>, Failure> {
        Ok(vec![
            Change::new("call the closure", ())
                .provides(PlannedEffect::Anything(Areas::ALL))
                .touches(Areas::ALL),
        ])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        block: &Block,
        _: BlockAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        apply.services.call(block.run, None)?;
        Ok(Effect::Changed)
    }
}
