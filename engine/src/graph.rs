//! The resource graph: what was declared, in order, and what notifies what. Built while recipes compile, then frozen.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::guard::Guard;
use crate::language::Lazy;
use crate::name::{RecipeName, ResourceId};
use crate::registry::{AnyResource, Registry};

/// How many resources may set off one another at once; each waits for the next.
const DEEPEST: usize = 1000;

/// A resource's place in the graph.
pub type Index = usize;

/// What was declared so far.
#[derive(Default)]
pub struct Graph {
    pub resources: Vec<Declared>,
    pub relations: Vec<Relation>,
    by_name: HashMap<(usize, Rc<str>), Vec<Index>>,
}

/// One declaration in a recipe.
pub struct Declared {
    /// The kind's place in the registry.
    pub kind: usize,
    pub id: ResourceId,
    pub body: Body,
    pub common: Common,
    /// Where it was declared; absent for resources made by a program.
    pub span: Option<Span>,
    pub recipe: Option<Rc<RecipeName>>,
    /// Who changed it later, by `.set`.
    pub set_by: Vec<Span>,
    pub removed: bool,
}

/// The properties of the kind itself.
pub enum Body {
    Parsed(Box<dyn AnyResource>),
    /// Some properties are computed when the resource's turn comes.
    Lazy {
        fixed: Map<String, Value>,
        lazy: Vec<Lazy>,
    },
}

/// The properties that every kind has.
#[derive(Default, Clone)]
pub struct Common {
    pub actions: Vec<Act>,
    pub guards: Vec<Guard>,
    pub ignore_failure: IgnoreFailure,
    /// How often an action is tried again.
    pub retries: u32,
    /// Seconds between tries.
    pub retry_delay: f64,
    pub sensitive: bool,
    pub umask: Option<u32>,
    pub provider: Option<String>,
}

/// What to do with a resource: an action of its kind by number, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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
    pub action: Act,
    pub timing: Timing,
    pub span: Option<Span>,
}

impl Act {
    /// The action of this name, if the kind has it.
    #[must_use]
    pub fn named(kind: &crate::registry::Kind, name: &str) -> Option<Self> {
        if name == "nothing" {
            return Some(Self::Nothing);
        }
        kind.actions.iter().position(|(action, _)| *action == name).map(Self::Kind)
    }

    #[must_use]
    pub fn name(self, kind: &crate::registry::Kind) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Kind(index) => kind.actions.get(index).map_or("", |(name, _)| name),
        }
    }
}

impl Graph {
    /// Adds a resource at the end.
    pub fn declare(&mut self, declared: Declared, aliases: Vec<String>) -> Index {
        let index = self.resources.len();
        let kind = declared.kind;
        self.by_name.entry((kind, Rc::clone(&declared.id.name))).or_default().push(index);
        for alias in aliases {
            if *alias != *declared.id.name {
                self.by_name.entry((kind, alias.into())).or_default().push(index);
            }
        }
        self.resources.push(declared);
        index
    }

    /// Every resource of this name that was not removed, in order of declaration.
    #[must_use]
    pub fn named(&self, registry: &Registry, id: &ResourceId) -> Vec<Index> {
        let Some(kind) = registry.kinds.get_index_of(&*id.kind) else { return Vec::new() };
        let found = self.by_name.get(&(kind, Rc::clone(&id.name)));
        found.into_iter().flatten().copied().filter(|index| !self.resources[*index].removed).collect()
    }

    /// The one resource that a name means.
    /// # Errors
    /// When there is none, or when several differ.
    pub fn find(&self, registry: &Registry, text: &str, span: Option<&Span>) -> Result<Index, Diagnostic> {
        let wrong = |message: String| Diagnostic::error(message).at(span.cloned());
        let id = ResourceId::parse(text).ok_or_else(|| {
            wrong(format!("`{text}` names no resource")).hint("write it as `kind[name]`, such as `service[nginx]`")
        })?;
        if !registry.kinds.contains_key(&*id.kind) {
            let unknown = wrong(format!("`{text}`: there is no kind `{}`", id.kind));
            return Err(match did_you_mean(&id.kind, registry.kinds.keys().copied()) {
                Some(hint) => unknown.hint(hint),
                None => unknown,
            });
        }
        let found = self.named(registry, &id);
        let Some((&first, rest)) = found.split_first() else {
            let names: Vec<String> =
                self.resources.iter().filter(|declared| !declared.removed).map(|declared| declared.id.to_string()).collect();
            let missing = wrong(format!("`{text}` is not declared by any recipe of this run"));
            return Err(match did_you_mean(text, names.iter().map(String::as_str)) {
                Some(hint) => missing.hint(hint),
                None => missing.hint("declare it, or correct the name; a target may be declared before or after"),
            });
        };
        for &other in rest {
            if !self.twins(first, other) {
                let mut ambiguous = wrong(format!("`{text}` is declared {} times, and differently", found.len()));
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

    /// The edges of every resource, in the order in which they were written.
    /// # Errors
    /// Every target that does not exist or is ambiguous, every action that the target's kind has not, and circles.
    pub fn freeze(&mut self, registry: &Registry) -> Result<Vec<Vec<Edge>>, Vec<Diagnostic>> {
        let mut edges: Vec<Vec<Edge>> = Vec::new();
        edges.resize_with(self.resources.len(), Vec::new);
        let mut wrong = Vec::new();
        for relation in &self.relations {
            let end = |target: &Target| match target {
                Target::Declared(index) => Ok(*index),
                Target::Named(text) => self.find(registry, text, relation.span.as_ref()),
            };
            let gone = |target: &Target| matches!(target, Target::Declared(index) if self.resources[*index].removed);
            if gone(&relation.from) || gone(&relation.to) {
                continue;
            }
            match (end(&relation.from), end(&relation.to)) {
                (Ok(from), Ok(to)) => {
                    let kind = &registry.kinds[self.resources[to].kind];
                    match Act::named(kind, &relation.action) {
                        Some(action) => {
                            edges[from].push(Edge { to, action, timing: relation.timing, span: relation.span.clone() });
                        }
                        None => wrong.push(
                            Diagnostic::error(format!("`{}` has no action `{}`", kind.name, relation.action))
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

    /// Immediate and before notifications that come back to where they started would never end.
    fn circle(&self, edges: &[Vec<Edge>]) -> Option<Diagnostic> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; edges.len()];
        for start in 0..edges.len() {
            if marks[start] != Mark::New || edges[start].is_empty() {
                continue;
            }
            marks[start] = Mark::Open;
            let mut path = vec![(start, 0)];
            while let Some((at, next)) = path.last_mut() {
                let Some(edge) = edges[*at].get(*next) else {
                    marks[*at] = Mark::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                if edge.timing == Timing::Delayed || edge.action == Act::Nothing {
                    continue;
                }
                match marks[edge.to] {
                    Mark::New => {
                        marks[edge.to] = Mark::Open;
                        if path.len() >= DEEPEST {
                            return Some(
                                Diagnostic::error(format!("notifications set off one another more than {DEEPEST} deep"))
                                    .at(edge.span.clone())
                                    .hint("make some of them \"delayed\""),
                            );
                        }
                        path.push((edge.to, 0));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|(index, _)| *index == edge.to).unwrap_or(0);
                        let names: Vec<String> = path[from..]
                            .iter()
                            .map(|(index, _)| *index)
                            .chain([edge.to])
                            .map(|index| format!("`{}`", self.resources[index].id))
                            .collect();
                        return Some(
                            Diagnostic::error(format!("notifications go round in a circle: {}", names.join(" -> ")))
                                .at(edge.span.clone())
                                .hint("make one of them \"delayed\", or take it out"),
                        );
                    }
                    Mark::Done => {}
                }
            }
        }
        None
    }

    /// Whether two declarations say the same.
    fn twins(&self, one: Index, two: Index) -> bool {
        let (one, two) = (&self.resources[one], &self.resources[two]);
        let plain = |declared: &Declared| match &declared.body {
            Body::Parsed(resource) if declared.common.guards.is_empty() => Some(resource.properties()),
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
pub(crate) fn actions_hint(kind: &crate::registry::Kind, wanted: &str) -> String {
    let names = || kind.actions.iter().map(|(name, _)| *name).filter(|name| *name != "nothing").chain(["nothing"]);
    did_you_mean(wanted, names()).unwrap_or_else(|| {
        let all: Vec<_> = names().map(|name| format!("`{name}`")).collect();
        format!("its actions are {}", all.join(", "))
    })
}
