//! What a resource needs before it acts: its desired state, its provider, its plan.

use std::any::Any;
use std::rc::Rc;

use super::Walk;
use crate::resolve::resolve;
use toque_contract::graph::{ActionRef, Declared, Index};
use toque_contract::registry::Plan;
use toque_contract::resource::HostFacts;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_language::interpreter::Interpreter;
use toque_machine::areas::{Area, Areas};

impl Walk<'_> {
    /// Resolves what is not resolved yet, chooses the provider, inspects and plans.
    pub(crate) fn plan(
        &mut self,
        index: Index,
        number: usize,
    ) -> Result<(usize, Plan, Rc<dyn Any>), Diagnostic> {
        let declared = &self.compiled.resources[index];
        let desired =
            resolve(self.language, declared, ActionRef::Kind(number), &self.prepared.apps)?;
        let provider = self.provider(declared)?;
        let kind = &self.inputs.registry.kinds[declared.kind];
        let plan = kind.providers()[provider].plan(self.view, &*desired, number)?;
        Ok((provider, plan, desired))
    }

    fn provider(&mut self, declared: &Declared) -> Result<usize, Failure> {
        let kind = &self.inputs.registry.kinds[declared.kind];
        if let Some(wanted) = &declared.common.provider {
            return choose(self.interpreter, kind, Some(wanted));
        }
        if let Some(known) = self.providers.get(&declared.kind) {
            return Ok(*known);
        }
        // No pending change is taken to alter the kind of the machine.
        let (chosen, _) = self.view.observe(|| choose(self.interpreter, kind, None));
        let chosen = chosen?;
        self.providers.insert(declared.kind, chosen);
        Ok(chosen)
    }

    /// Drops what an action may have changed.
    pub(crate) fn forget(&mut self, touched: Areas) {
        self.view.drop_areas(touched);
        if touched.contains(Area::Packages) {
            self.providers.clear();
        }
        if touched.contains(Area::Facts) {
            self.interpreter.node.reload_facts();
            self.interpreter.lookup.forget();
        }
    }
}

/// The provider of a kind on this machine.
pub(crate) fn choose(
    interpreter: &Interpreter,
    kind: &toque_contract::registry::Kind,
    wanted: Option<&str>,
) -> Result<usize, Failure> {
    let view = &interpreter.view;
    let text = |key: &str| interpreter.node.text(key, view);
    let (platform, family, version, init) =
        (text("platform"), text("platform_family"), text("platform_version"), text("init_package"));
    kind.choose(
        &HostFacts {
            platform: &platform,
            platform_family: &family,
            platform_version: &version,
            init_package: &init,
            has_program: &|name| interpreter.has_program(name),
        },
        wanted,
    )
}
