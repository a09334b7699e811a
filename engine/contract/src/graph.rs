//! The resource graph: what was declared, in order, and what notifies what. Built while recipes
//! compile, then frozen.

mod container;
mod cycle;

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::guard::Guard;
use crate::registry::{AnyResource, Registry};
pub use container::{Compared, Group, Instance};
use toque_core::diagnostic::{Diagnostic, Span, did_you_mean};
use toque_core::name::{RecipeName, ResourceId};
use toque_core::redaction::{Exposure, Secrets};

/// A resource's place in the graph.
pub type Index = usize;

/// What was declared so far.
pub struct Graph {
    pub resources: Vec<Declared>,
    pub relations: Vec<Relation>,
    /// Where names mean something: first the recipes, then each action of a custom resource.
    scopes: Vec<Scope>,
    by_name: HashMap<(ScopeIndex, usize, Rc<str>), Vec<Index>>,
    /// What is inside an action of a custom resource, or a group, in order.
    pub bodies: IndexMap<(Index, ActionRef), Vec<Index>>,
}

/// The place of a scope in the graph; 0 is that of the recipes.
pub type ScopeIndex = usize;

/// A place where resources are declared.
struct Scope {
    /// Where names are looked up that are not found here.
    outer: Option<ScopeIndex>,
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            resources: Vec::new(),
            relations: Vec::new(),
            scopes: vec![Scope { outer: None }],
            by_name: HashMap::new(),
            bodies: IndexMap::new(),
        }
    }
}

/// One resource, from its declaration in a recipe to its convergence.
pub struct Declared {
    /// The kind's place in the registry.
    pub kind: usize,
    pub id: ResourceId,
    pub body: Body,
    pub common: Common,
    /// Where it was declared; absent for resources made by a program.
    pub span: Option<Span>,
    pub recipe: Option<Rc<RecipeName>>,
    /// Where its name means something.
    pub scope: ScopeIndex,
    /// The action of a custom resource, or the group, that it is inside of.
    pub inside: Option<(Index, ActionRef)>,
    /// Which of its actions have said what is inside.
    pub expanded: Vec<ActionRef>,
    /// Who changed it later, by `.set`.
    pub set_by: Vec<Span>,
    pub removed: bool,
}

impl Declared {
    /// Whether nothing of its changes and errors may be shown.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.common.sensitive || self.common.holds.get() == Exposure::Short
    }

    /// Whether its content may not be shown.
    #[must_use]
    pub fn hides_content(&self) -> bool {
        self.is_sensitive() || self.common.holds.get() != Exposure::Nothing
    }
}

/// The properties of the kind itself.
pub enum Body {
    Parsed(Box<dyn AnyResource>),
    /// The desired state of the kind.
    Resolved(Rc<dyn Any>),
    /// Some properties are computed when the resource converges.
    Deferred {
        fixed: Map<String, Value>,
        deferred: Vec<Deferred>,
    },
    /// It is made of other resources.
    Container(Rc<Instance>),
    /// What is inside converges when something differs.
    Group(Rc<Group>),
}

/// A property that is computed when its resource converges, because it holds closures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    pub property: String,
    /// The value, by its number in the run. The language has the value itself.
    pub id: usize,
    /// Where the resource that has the property was declared.
    pub span: Option<Span>,
}

/// The properties that every kind has.
#[derive(Default, Clone)]
pub struct Common {
    pub actions: Vec<ActionRef>,
    pub guards: Vec<Guard>,
    pub ignore_failure: IgnoreFailure,
    /// How often an action is tried again.
    pub retries: u32,
    /// Seconds between tries.
    pub retry_delay: f64,
    pub sensitive: bool,
    /// The decrypted values in its properties, and in texts that are made of them.
    pub holds: Cell<Exposure>,
    pub umask: Option<u32>,
    pub provider: Option<String>,
}

/// What to do with a resource: an action of its kind by number, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionRef {
    Nothing,
    Kind(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IgnoreFailure {
    #[default]
    No,
    Yes,
    /// Without telling.
    Quiet,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Timing {
    Before,
    Immediately,
    Delayed,
}

impl Timing {
    /// The timing of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "delayed" => Some(Self::Delayed),
            "immediately" | "immediate" => Some(Self::Immediately),
            "before" => Some(Self::Before),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Immediately => "immediately",
            Self::Delayed => "delayed",
        }
    }
}

/// `notifies` or `subscribes`, as written.
pub struct Relation {
    pub from: Target,
    pub to: Target,
    pub action: String,
    pub timing: Timing,
    pub span: Option<Span>,
    /// Where it was written, for its names.
    pub scope: ScopeIndex,
    /// What no message about it may show.
    pub secrets: Secrets,
}

/// One end of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Declared(Index),
    Named(String),
}

/// A relation between resources that exist.
#[derive(Debug, Clone)]
pub struct Edge {
    pub to: Index,
    pub action: ActionRef,
    pub timing: Timing,
    pub span: Option<Span>,
}

impl ActionRef {
    /// The action of this name, if the kind has it.
    #[must_use]
    pub fn named(kind: &crate::registry::Kind, name: &str) -> Option<Self> {
        if name == "nothing" {
            return Some(Self::Nothing);
        }
        kind.actions().iter().position(|action| *action.name == *name).map(Self::Kind)
    }

    #[must_use]
    pub fn name(self, kind: &crate::registry::Kind) -> &str {
        match self {
            Self::Nothing => "nothing",
            Self::Kind(index) => kind.actions().get(index).map_or("", |action| &action.name),
        }
    }
}

impl Graph {
    /// Adds a resource at the end.
    pub fn declare(&mut self, declared: Declared, aliases: Vec<String>) -> Index {
        let index = self.resources.len();
        let Declared { kind, scope, .. } = declared;
        self.by_name.entry((scope, kind, Rc::clone(&declared.id.name))).or_default().push(index);
        for alias in aliases {
            if *alias != *declared.id.name {
                self.by_name.entry((scope, kind, alias.into())).or_default().push(index);
            }
        }
        if let Some(inside) = declared.inside {
            self.bodies.entry(inside).or_default().push(index);
        }
        self.resources.push(declared);
        index
    }

    /// Takes a resource back, and what is inside it.
    pub fn remove(&mut self, index: Index) {
        self.resources[index].removed = true;
        let inside: Vec<Index> = self.inside(index).collect();
        inside.into_iter().for_each(|inner| self.remove(inner));
    }

    /// Makes room for what an action of a custom resource, or a group, declares.
    pub fn open(&mut self, container: Index, action: ActionRef) {
        self.resources[container].expanded.push(action);
        self.bodies.entry((container, action)).or_default();
    }

    /// What is inside a resource, by action, in order.
    pub fn inside(&self, container: Index) -> impl Iterator<Item = Index> {
        let actions = self.resources[container].expanded.iter();
        actions.filter_map(move |action| self.bodies.get(&(container, *action))).flatten().copied()
    }

    /// A new scope inside another.
    pub fn scope_inside(&mut self, outer: ScopeIndex) -> ScopeIndex {
        self.scopes.push(Scope { outer: Some(outer) });
        self.scopes.len() - 1
    }

    /// Every resource of this name that was not removed, in order of declaration: those of the
    /// innermost scope that has any.
    #[must_use]
    pub fn named(&self, registry: &Registry, id: &ResourceId, scope: ScopeIndex) -> Vec<Index> {
        let Some(kind) = registry.kinds.get_index_of(&*id.kind) else { return Vec::new() };
        let mut open = Some(scope);
        while let Some(scope) = open {
            let found = self.by_name.get(&(scope, kind, Rc::clone(&id.name)));
            let found: Vec<Index> = found
                .into_iter()
                .flatten()
                .copied()
                .filter(|index| !self.resources[*index].removed)
                .collect();
            if !found.is_empty() {
                return found;
            }
            open = self.scopes[scope].outer;
        }
        Vec::new()
    }

    /// What the recipes declare themselves, in order.
    pub fn outermost(&self) -> impl Iterator<Item = Index> {
        self.resources
            .iter()
            .enumerate()
            .filter(|(_, declared)| declared.inside.is_none())
            .map(|(index, _)| index)
    }

    /// The one resource that a name means in a scope.
    /// # Errors
    /// When there is none, or when several differ.
    pub fn find(
        &self,
        registry: &Registry,
        text: &str,
        scope: ScopeIndex,
        span: Option<&Span>,
    ) -> Result<Index, Diagnostic> {
        let wrong = |message: String| Diagnostic::error(message).at(span.cloned());
        let id = ResourceId::parse(text).ok_or_else(|| {
            wrong(format!("`{text}` names no resource"))
                .hint("write it as `kind[name]`, such as `service[nginx]`")
        })?;
        if !registry.kinds.contains_key(&*id.kind) {
            let unknown = wrong(format!("`{text}`: there is no kind `{}`", id.kind));
            return Err(unknown.suggest(&id.kind, registry.kinds.keys().map(|name| &**name)));
        }
        let found = self.named(registry, &id, scope);
        let Some((&first, rest)) = found.split_first() else {
            return Err(self.missing(
                text,
                &id,
                scope,
                wrong(format!("`{text}` is not declared by any recipe of this run")),
            ));
        };
        for &other in rest {
            if !self.twins(first, other) {
                let mut ambiguous =
                    wrong(format!("`{text}` is declared {} times, and differently", found.len()));
                for &index in &found {
                    if let Some(span) = self.resources[index].span.clone() {
                        ambiguous = ambiguous.frame(span, "declared here");
                    }
                }
                return Err(ambiguous.hint("keep one of them (`resource(…).set(#{…})` changes it), or give them different names"));
            }
        }
        Ok(first)
    }

    /// What a relation is about, if that exists by now.
    pub fn target(&self, registry: &Registry, relation: &Relation) -> Option<(Index, ActionRef)> {
        let to = match &relation.to {
            Target::Declared(index) => *index,
            Target::Named(text) => {
                *self.named(registry, &ResourceId::parse(text)?, relation.scope).first()?
            }
        };
        let action = ActionRef::named(&registry.kinds[self.resources[to].kind], &relation.action)?;
        Some((to, action))
    }

    /// What may have been meant by a name that nothing has.
    fn missing(
        &self,
        text: &str,
        id: &ResourceId,
        scope: ScopeIndex,
        missing: Diagnostic,
    ) -> Diagnostic {
        let mut seen = vec![scope];
        while let Some(outer) = seen.last().and_then(|scope| self.scopes[*scope].outer) {
            seen.push(outer);
        }
        let there = || self.resources.iter().filter(|declared| !declared.removed);
        let inner =
            there().find(|declared| !seen.contains(&declared.scope) && declared.id.is_called(id));
        if let Some(inner) = inner {
            let owner = inner.id.owner.as_ref().map(ToString::to_string).unwrap_or_default();
            return missing
                .note(format!(
                    "`{}` is inside a custom resource and has no name outside it",
                    inner.id
                ))
                .hint(format!("notify `{owner}` itself, or let that custom resource notify"));
        }
        let names: Vec<String> = there()
            .filter(|declared| seen.contains(&declared.scope))
            .map(|declared| ResourceId { owner: None, ..declared.id.clone() }.to_string())
            .collect();
        missing.suggest_or(
            text,
            names.iter().map(String::as_str),
            || "declare it, or correct the name; a target may be declared before or after",
        )
    }

    /// The edges of every resource, in the order in which they were written.
    /// # Errors
    /// Every target that does not exist or is ambiguous, every action that the target's kind has
    /// not, and circles.
    pub fn freeze(&mut self, registry: &Registry) -> Result<Vec<Vec<Edge>>, Vec<Diagnostic>> {
        let mut edges: Vec<Vec<Edge>> = Vec::new();
        edges.resize_with(self.resources.len(), Vec::new);
        let mut wrong = Vec::new();
        for relation in &self.relations {
            let end = |target: &Target| match target {
                Target::Declared(index) => Ok(*index),
                Target::Named(text) => {
                    let found = self.find(registry, text, relation.scope, relation.span.as_ref());
                    found.map_err(|mistake| relation.secrets.redact_in(mistake))
                }
            };
            let gone = |target: &Target| matches!(target, Target::Declared(index) if self.resources[*index].removed);
            if gone(&relation.from) || gone(&relation.to) {
                continue;
            }
            match (end(&relation.from), end(&relation.to)) {
                (Ok(from), Ok(to)) => {
                    let kind = &registry.kinds[self.resources[to].kind];
                    match ActionRef::named(kind, &relation.action) {
                        Some(action) => {
                            edges[from].push(Edge {
                                to,
                                action,
                                timing: relation.timing,
                                span: relation.span.clone(),
                            });
                        }
                        None => wrong.push(
                            Diagnostic::error(format!(
                                "`{}` has no action `{}`",
                                kind.name, relation.action
                            ))
                            .at(relation.span.clone())
                            .hint(actions_hint(kind, &relation.action)),
                        ),
                    }
                }
                (Err(one), Err(two)) if one != two => wrong.extend([one, two]),
                (Err(one), _) | (_, Err(one)) => wrong.push(one),
            }
        }
        if wrong.is_empty()
            && let Some(circle) = self.circle(&edges)
        {
            wrong.push(circle);
        }
        if wrong.is_empty() { Ok(edges) } else { Err(wrong) }
    }

    /// Whether two declarations say the same.
    fn twins(&self, one: Index, two: Index) -> bool {
        let (one, two) = (&self.resources[one], &self.resources[two]);
        let plain = |declared: &Declared| match &declared.body {
            Body::Parsed(resource) if declared.common.guards.is_empty() => {
                Some(resource.properties())
            }
            Body::Container(instance)
                if declared.common.guards.is_empty() && instance.deferred.is_empty() =>
            {
                Some(instance.values.clone())
            }
            _ => None,
        };
        let same_common = one.common.actions == two.common.actions
            && one.common.ignore_failure == two.common.ignore_failure
            && one.common.provider == two.common.provider
            && one.common.umask == two.common.umask;
        same_common && plain(one).zip(plain(two)).is_some_and(|(one, two)| one == two)
    }
}

/// What to say when an action is not one of a kind's.
pub fn actions_hint(kind: &crate::registry::Kind, wanted: &str) -> String {
    let names = || {
        kind.actions()
            .iter()
            .map(|action| &*action.name)
            .filter(|name| *name != "nothing")
            .chain(["nothing"])
    };
    did_you_mean(wanted, names()).unwrap_or_else(|| {
        let all: Vec<_> = names().map(|name| format!("`{name}`")).collect();
        format!("its actions are {}", all.join(", "))
    })
}
