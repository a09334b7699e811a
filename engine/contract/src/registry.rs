//! Every kind with its providers: the single list from which functions, validation, reference and
//! completion are made. Only here and in the graph are types erased.

use std::any::Any;
use std::cell::OnceCell;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::resource::{
    Action, Apply, Change, Effect, HostFacts, Provider, Resource, Scope, Services, Support,
};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_core::serde_errors;
use toque_machine::areas::Areas;
use toque_machine::planned::PlannedEffect;
use toque_machine::view::View;

/// The kinds that recipes can use. A run adds the custom resources of its cookbooks.
#[derive(Default, Clone)]
pub struct Registry {
    pub kinds: IndexMap<Rc<str>, Rc<Kind>>,
}

impl Registry {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind; a kind of the same name is replaced.
    #[must_use]
    pub fn with(mut self, kind: impl Into<Kind>) -> Self {
        self.add(kind.into());
        self
    }

    pub fn add(&mut self, kind: Kind) {
        self.kinds.insert(Rc::clone(&kind.name), Rc::new(kind));
    }
}

/// A kind of resource.
pub struct Kind {
    pub name: Rc<str>,
    pub origin: Origin,
}

/// Where a kind comes from.
pub enum Origin {
    Native(Native),
    /// A file in a cookbook's `resources/`.
    Custom(CustomKind),
    /// `converge_if_changed`, with its one action.
    Group(ActionDoc),
}

/// A kind that a program brings, with its providers, its types erased.
pub struct Native {
    identity: &'static str,
    callbacks: &'static [&'static str],
    actions: Vec<ActionDoc>,
    pub parse: fn(Map<String, Value>) -> Result<Box<dyn AnyResource>, PropertyError>,
    pub providers: Vec<Box<dyn AnyProvider>>,
    /// Some provider applies neighbours in one transaction.
    pub joins: bool,
    schema: OnceCell<Value>,
    generate: fn() -> Value,
}

/// A kind that a cookbook brings.
pub struct CustomKind {
    pub cookbook: String,
    pub path: PathBuf,
    /// Read after the attributes.
    pub declared: OnceCell<Declaration>,
}

/// The outside of a custom kind, as its file declares it.
#[derive(Default)]
pub struct Declaration {
    /// The property that takes the resource's name; empty when none does.
    pub identity: String,
    /// The first is the default.
    pub actions: Vec<ActionDoc>,
    /// The properties as a JSON schema, for the reference.
    pub schema: Value,
}

/// An action and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionDoc {
    pub name: Rc<str>,
    pub doc: Rc<str>,
}

impl Kind {
    /// A kind without providers yet. Add them in the order of preference.
    #[must_use]
    pub fn of<R: Resource>() -> KindOf<R> {
        KindOf { providers: Vec::new(), joins: false, resource: PhantomData }
    }

    /// The property that takes the resource's name when it is not given; empty when none does.
    #[must_use]
    pub fn identity(&self) -> &str {
        match &self.origin {
            Origin::Native(native) => native.identity,
            Origin::Custom(custom) => {
                custom.declared.get().map_or("", |declared| &declared.identity)
            }
            Origin::Group(_) => "",
        }
    }

    /// What can be done with it; the first is the default.
    #[must_use]
    pub fn actions(&self) -> &[ActionDoc] {
        match &self.origin {
            Origin::Native(native) => &native.actions,
            Origin::Custom(custom) => {
                custom.declared.get().map_or(&[], |declared| &declared.actions)
            }
            Origin::Group(action) => std::slice::from_ref(action),
        }
    }

    /// The JSON schema of the properties: made from the struct, or from what the cookbook declares.
    pub fn schema(&self) -> &Value {
        const NONE: &Value = &Value::Null;
        match &self.origin {
            Origin::Native(native) => native.schema.get_or_init(native.generate),
            Origin::Custom(custom) => {
                custom.declared.get().map_or(NONE, |declared| &declared.schema)
            }
            Origin::Group(_) => NONE,
        }
    }

    /// The cookbook that brings it, if one does.
    #[must_use]
    pub fn cookbook(&self) -> Option<&str> {
        match &self.origin {
            Origin::Custom(custom) => Some(&custom.cookbook),
            _ => None,
        }
    }

    /// Whether a property is a closure for the provider to call.
    pub fn calls(&self, property: &str) -> bool {
        matches!(&self.origin, Origin::Native(native) if native.callbacks.contains(&property))
    }

    /// Whether this is a resource made of others.
    pub fn is_container(&self) -> bool {
        !matches!(self.origin, Origin::Native(_))
    }

    pub fn is_group(&self) -> bool {
        matches!(self.origin, Origin::Group(_))
    }

    pub fn joins(&self) -> bool {
        matches!(&self.origin, Origin::Native(native) if native.joins)
    }

    /// The providers, in the order of preference; a custom resource has none.
    pub fn providers(&self) -> &[Box<dyn AnyProvider>] {
        match &self.origin {
            Origin::Native(native) => &native.providers,
            _ => &[],
        }
    }

    /// The declaration that these properties make.
    pub fn parse(
        &self,
        properties: Map<String, Value>,
    ) -> Result<Box<dyn AnyResource>, PropertyError> {
        match &self.origin {
            Origin::Native(native) => (native.parse)(properties),
            _ => Err(PropertyError::of_kind(
                "",
                format!("`{}` is made of other resources", self.name),
            )),
        }
    }

    /// The names of the properties, in the struct's order, without those that every kind has.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.schema()["properties"]
            .as_object()
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// The names of the providers, in the order of preference.
    pub fn provider_names(&self) -> impl Iterator<Item = &'static str> {
        self.providers().iter().map(|provider| provider.name())
    }

    /// The provider for a machine: the one asked for, else the first preferred, else the first
    /// usable.
    /// # Errors
    /// When none fits, with each one's reason.
    pub fn choose(&self, host: &HostFacts<'_>, wanted: Option<&str>) -> Result<usize, Failure> {
        if let Some(wanted) = wanted {
            return self
                .providers()
                .iter()
                .position(|provider| provider.name() == wanted)
                .ok_or_else(|| {
                    let names: Vec<_> =
                        self.provider_names().map(|name| format!("`{name}`")).collect();
                    Failure::new(format!("`{}` has no provider `{wanted}`", self.name))
                        .hint(format!("it has {}", names.join(", ")))
                });
        }
        let mut usable = None;
        let mut reasons = Vec::new();
        for (index, provider) in self.providers().iter().enumerate() {
            match provider.supports(host) {
                Support::Preferred => return Ok(index),
                Support::Usable => usable = usable.or(Some(index)),
                Support::No(reason) => reasons.push(format!("`{}`: {reason}", provider.name())),
            }
        }
        usable.ok_or_else(|| {
            let platform = format!("{} {}", host.platform, host.platform_version);
            Failure::new(format!(
                "no provider of `{}` works on this machine ({platform})",
                self.name
            ))
            .note(reasons.join("\n"))
            .hint("set `provider` to say which to use, or keep the resource off this platform")
        })
    }
}

/// A kind whose types are still known.
pub struct KindOf<R> {
    providers: Vec<Box<dyn AnyProvider>>,
    joins: bool,
    resource: PhantomData<R>,
}

impl<R: Resource> KindOf<R> {
    /// Adds a provider.
    #[must_use]
    pub fn provider<P: Provider<Resource = R>>(mut self, provider: P) -> Self {
        self.joins |= P::JOINS;
        self.providers.push(Box::new(provider));
        self
    }
}

impl<R: Resource> From<KindOf<R>> for Kind {
    fn from(kind: KindOf<R>) -> Self {
        let doc = |(_, name, doc): &(R::Action, &str, &str)| ActionDoc {
            name: Rc::from(*name),
            doc: Rc::from(*doc),
        };
        let native = Native {
            identity: R::IDENTITY,
            callbacks: R::CALLBACKS,
            actions: R::Action::ALL.iter().map(doc).collect(),
            parse: parse::<R>,
            joins: kind.joins,
            providers: kind.providers,
            schema: OnceCell::new(),
            generate: || schemars::schema_for!(R).to_value(),
        };
        Self { name: Rc::from(R::KIND), origin: Origin::Native(native) }
    }
}

/// A declared resource of any kind.
pub trait AnyResource {
    fn check(&self, actions: &[usize]) -> Result<(), PropertyError>;
    fn aliases(&self) -> Vec<String>;
    fn resolves_late(&self) -> bool;
    fn resolve(&self, scope: &dyn Scope) -> Result<Rc<dyn Any>, Diagnostic>;
    /// Resolves without keeping the declaration.
    fn resolve_once(self: Box<Self>, scope: &dyn Scope) -> Result<Rc<dyn Any>, Diagnostic>;
    /// The properties that are set.
    fn properties(&self) -> Map<String, Value>;
}

impl<R: Resource> AnyResource for R {
    fn check(&self, actions: &[usize]) -> Result<(), PropertyError> {
        let actions: Vec<R::Action> =
            actions.iter().map(|index| R::Action::ALL[*index].0).collect();
        Resource::check(self, &actions)
    }

    fn aliases(&self) -> Vec<String> {
        Resource::aliases(self)
    }

    fn resolves_late(&self) -> bool {
        Resource::resolves_late(self)
    }

    fn resolve(&self, scope: &dyn Scope) -> Result<Rc<dyn Any>, Diagnostic> {
        Ok(Rc::new(Resource::resolve(self.clone(), scope)?))
    }

    fn resolve_once(self: Box<Self>, scope: &dyn Scope) -> Result<Rc<dyn Any>, Diagnostic> {
        Ok(Rc::new(Resource::resolve(*self, scope)?))
    }

    fn properties(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => {
                map.into_iter().filter(|(_, value)| !value.is_null()).collect()
            }
            _ => Map::new(),
        }
    }
}

fn parse<R: Resource>(
    properties: Map<String, Value>,
) -> Result<Box<dyn AnyResource>, PropertyError> {
    serde_errors::read::<R>(Value::Object(properties))
        .map(|resource| Box::new(resource) as Box<dyn AnyResource>)
}

/// What an action would do to one resource.
pub struct Plan {
    /// `Vec<Change<Step>>` of the provider.
    changes: Box<dyn Any>,
    pub shown: Vec<Shown>,
    /// Remarks about what was found.
    pub notes: Vec<String>,
    pub touches: Areas,
    /// Files of which a copy is kept first.
    pub backs_up: Vec<PathBuf>,
    pub batch: Option<String>,
}

/// A change as people see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shown {
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// A provider of any kind.
pub trait AnyProvider {
    fn name(&self) -> &'static str;
    fn reach(&self) -> Areas;
    fn supports(&self, host: &HostFacts<'_>) -> Support;
    fn announce(
        &self,
        services: &dyn Services,
        desired: &dyn Any,
        action: usize,
    ) -> Result<(), Failure>;
    /// Inspects and plans.
    fn plan(&self, view: &View<'_>, desired: &dyn Any, action: usize) -> Result<Plan, Failure>;
    fn provides(&self, plan: &Plan) -> Vec<PlannedEffect>;
    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &dyn Any,
        action: usize,
        plan: &Plan,
    ) -> Result<Effect, Failure>;
    fn apply_together(
        &self,
        apply: &mut Apply<'_>,
        items: &[(&dyn Any, usize, &Plan)],
    ) -> Result<Vec<Effect>, Failure>;
}

impl<P: Provider> AnyProvider for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn reach(&self) -> Areas {
        P::REACH
    }

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        Provider::supports(self, host)
    }

    fn announce(
        &self,
        services: &dyn Services,
        desired: &dyn Any,
        action: usize,
    ) -> Result<(), Failure> {
        let action = <P::Resource as Resource>::Action::ALL[action].0;
        Provider::announce(self, services, desired_of::<P>(desired)?, action);
        Ok(())
    }

    fn plan(&self, view: &View<'_>, desired: &dyn Any, action: usize) -> Result<Plan, Failure> {
        let desired = desired_of::<P>(desired)?;
        let action = <P::Resource as Resource>::Action::ALL[action].0;
        let state = self.inspect(view, desired, action)?;
        let changes = Provider::plan(self, desired, action, &state)?;
        Ok(Plan {
            notes: self.notes(desired, action, &state),
            shown: changes
                .iter()
                .map(|change| Shown { what: change.what.clone(), diff: change.diff.clone() })
                .collect(),
            touches: changes.iter().fold(Areas::NONE, |areas, change| areas | change.touches),
            backs_up: changes.iter().filter_map(|change| change.backs_up.clone()).collect(),
            batch: if changes.is_empty() { None } else { self.batch(desired, action, &changes) },
            changes: Box::new(changes),
        })
    }

    fn provides(&self, plan: &Plan) -> Vec<PlannedEffect> {
        changes_of::<P>(plan).iter().flat_map(|change| change.provides.iter().cloned()).collect()
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &dyn Any,
        action: usize,
        plan: &Plan,
    ) -> Result<Effect, Failure> {
        let action = <P::Resource as Resource>::Action::ALL[action].0;
        Provider::apply(self, apply, desired_of::<P>(desired)?, action, changes_of::<P>(plan))
    }

    fn apply_together(
        &self,
        apply: &mut Apply<'_>,
        items: &[(&dyn Any, usize, &Plan)],
    ) -> Result<Vec<Effect>, Failure> {
        let mut typed: Vec<crate::resource::Item<'_, P>> = Vec::with_capacity(items.len());
        for (desired, action, plan) in items {
            let action = <P::Resource as Resource>::Action::ALL[*action].0;
            typed.push((desired_of::<P>(*desired)?, action, changes_of::<P>(plan)));
        }
        Provider::apply_together(self, apply, &typed)
    }
}

fn desired_of<P: Provider>(desired: &dyn Any) -> Result<&crate::resource::Desired<P>, Failure> {
    desired.downcast_ref().ok_or_else(|| {
        Failure::new(format!("provider `{}` was given another kind's resource", P::NAME))
    })
}

fn changes_of<P: Provider>(plan: &Plan) -> &[Change<P::Step>] {
    plan.changes.downcast_ref::<Vec<Change<P::Step>>>().map_or(&[], Vec::as_slice)
}
