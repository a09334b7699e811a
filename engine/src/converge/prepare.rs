//! What a resource needs before it acts: its desired state, its provider, its plan.

use std::any::Any;
use std::rc::Rc;

use super::Converge;
use super::turn::Wrong;
use crate::compile::{Ready, ResolveScope, Wanted};
use crate::diagnostic::Diagnostic;
use crate::failure::Failure;
use crate::graph::{Act, Index};
use crate::registry::Plan;
use crate::resource::HostFacts;
use crate::session::Session;
use crate::snapshots::{Area, Areas};

impl Converge<'_> {
    /// Resolves what is not resolved yet, chooses the provider, inspects and plans.
    pub(super) fn plan(
        &mut self,
        index: Index,
        number: usize,
    ) -> Result<(usize, Plan, Rc<dyn Any>), Wrong> {
        let ready = &self.compiled.resources[index];
        let desired = self.desired(ready, &[Act::Kind(number)])?;
        let provider = self.provider(ready)?;
        let kind = &self.session.registry.kinds[ready.kind];
        let plan = kind.providers()[provider].plan(&self.session.view, &*desired, number)?;
        Ok((provider, plan, desired))
    }

    /// The desired state; lazy properties are computed now.
    fn desired(&self, ready: &Ready, actions: &[Act]) -> Result<Rc<dyn Any>, Wrong> {
        let scope = ResolveScope {
            session: self.session,
            recipe: ready.recipe.as_deref(),
            umask: ready.common.umask.unwrap_or(self.session.umask),
            kind: ready.kind,
            actions,
            holds: &ready.holds,
        };
        match &ready.desired {
            Wanted::Known(desired) => Ok(Rc::clone(desired)),
            Wanted::Late(resource) => Ok(resource.resolve(&scope)?),
            Wanted::Container | Wanted::Group(_) => {
                Err(Failure::new("the resource is made of others").into())
            }
            Wanted::Removed => Err(Failure::new("the resource was removed").into()),
            Wanted::Lazy { fixed, lazy } => {
                let mut properties = fixed.clone();
                for lazy in lazy {
                    let value = self.language.evaluate(lazy)?;
                    if value.is_null() {
                        let nothing = crate::language::nothing(&lazy.property);
                        let told = Diagnostic::error(nothing.message)
                            .hint("a closure of a property returns its value");
                        return Err(told.at(self.language.place(lazy, &lazy.property)).into());
                    }
                    ready.holds.set(ready.holds.get().max(self.session.masks.in_value(&value)));
                    properties.insert(lazy.property.clone(), value);
                }
                let kind = &self.session.registry.kinds[ready.kind];
                let safe = crate::language::check_arguments(kind, &self.session.masks, &properties);
                let checked = safe.and_then(|()| kind.parse(properties)).and_then(|resource| {
                    resource.check(&crate::language::numbers(&ready.common.actions))?;
                    Ok(resource)
                });
                let resource = checked.map_err(|error| {
                    let first = error.property.split(['.', '[']).next().unwrap_or_default();
                    let written = lazy.iter().find(|lazy| lazy.property == first);
                    let place = written.and_then(|lazy| self.language.place(lazy, &error.property));
                    crate::language::told(&kind.name, &error).at(place)
                })?;
                Ok(resource.resolve_once(&scope)?)
            }
        }
    }

    fn provider(&mut self, ready: &Ready) -> Result<usize, Failure> {
        let kind = &self.session.registry.kinds[ready.kind];
        if let Some(wanted) = &ready.common.provider {
            return choose(self.session, kind, Some(wanted));
        }
        if let Some(known) = self.providers.get(&ready.kind) {
            return Ok(*known);
        }
        // What kind of machine this is, no pending change is taken to alter.
        let doubts = self.session.view.take_doubts();
        let chosen = choose(self.session, kind, None);
        self.session.view.take_doubts();
        self.session.view.doubt(doubts);
        let chosen = chosen?;
        self.providers.insert(ready.kind, chosen);
        Ok(chosen)
    }

    /// Drops what an action may have changed.
    pub(super) fn forget(&mut self, touched: Areas) {
        self.session.view.drop_areas(touched);
        if touched.contains(Area::Packages) {
            self.providers.clear();
        }
        if touched.contains(Area::Facts) {
            self.session.node.reload_facts();
            self.session.lookup.forget();
        }
    }
}

/// The provider of a kind on this machine.
pub(crate) fn choose(
    session: &Session,
    kind: &crate::registry::Kind,
    wanted: Option<&str>,
) -> Result<usize, Failure> {
    let view = &session.view;
    let text = |key: &str| session.node.text(key, view);
    let (platform, family, version, init) =
        (text("platform"), text("platform_family"), text("platform_version"), text("init_package"));
    kind.choose(
        &HostFacts {
            platform: &platform,
            platform_family: &family,
            platform_version: &version,
            init_package: &init,
            has_program: &|name| session.has_program(name),
        },
        wanted,
    )
}
