//! From a repository to a resource graph: attributes, recipes, and everything that can be resolved
//! before a machine is touched.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::cookbook;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::graph::{Act, Body, Common, Declared, Edge, Graph, Index};
use crate::language::{Group, Language, Lazy};
use crate::lookup;
use crate::masks::Holds;
use crate::name::{RecipeName, ResourceId};
use crate::platform::Platform;
use crate::registry::AnyResource;
use crate::resource::{Asked, Scope, TemplateSource};
use crate::session::{Phase, Session};
use crate::system::Query;
use crate::template::{self, Given};
use crate::version::Version;
use crate::view::View;

/// What is to be converged, in order.
pub struct Compiled {
    pub resources: Vec<Ready>,
    /// Of each resource, what it notifies, in the order of writing.
    pub edges: Vec<Vec<Edge>>,
    /// What the recipes declare themselves, in order.
    pub outermost: Vec<Index>,
    /// What is inside each action of a custom resource, and each group, in order.
    pub bodies: IndexMap<(Index, Act), Vec<Index>>,
}

/// A resource that only waits for its turn.
pub struct Ready {
    pub kind: usize,
    pub id: ResourceId,
    pub desired: Wanted,
    pub common: Common,
    /// Whether a decrypted value came in when it was resolved.
    pub holds: Cell<Holds>,
    pub span: Option<crate::diagnostic::Span>,
    pub recipe: Option<Rc<RecipeName>>,
}

impl Ready {
    /// Whether nothing of what it makes, and of what goes wrong, may be shown.
    pub fn is_sensitive(&self) -> bool {
        self.common.sensitive || self.common.holds.max(self.holds.get()) == Holds::Short
    }

    /// Whether its content may not be shown.
    pub fn hides_content(&self) -> bool {
        self.is_sensitive() || self.common.holds.max(self.holds.get()) != Holds::Nothing
    }
}

/// The desired state, or what it will be computed from.
pub enum Wanted {
    Known(Rc<dyn Any>),
    /// It looks at the machine.
    Late(Box<dyn AnyResource>),
    /// Some properties are closures.
    Lazy {
        fixed: serde_json::Map<String, serde_json::Value>,
        lazy: Vec<Lazy>,
    },
    /// It is made of other resources.
    Container,
    /// What is inside converges when something differs.
    Group(Rc<Group>),
    /// A recipe took the declaration back.
    Removed,
}

/// What to compile.
pub enum Recipes {
    RunList(Vec<RecipeName>),
    /// One recipe that belongs to no cookbook.
    Text(Arc<Source>),
}

/// Runs attribute files, dependencies first, then the recipes and what custom resources do; then
/// freezes the graph and resolves what can be.
/// # Errors
/// Everything that is wrong, as far as it can be told together. Nothing has been touched.
pub fn compile(
    session: &Rc<Session>,
    language: &Language,
    recipes: &Recipes,
) -> Result<Compiled, Diagnostics> {
    declare(session, language, recipes)?;
    let mut graph = session.graph.borrow_mut();
    let mut wrong = Vec::new();
    let edges = graph.freeze(&session.registry).unwrap_or_else(|mistakes| {
        // Where a script ended early, a target may be missing only because of that.
        wrong = if session.incomplete.get() { Vec::new() } else { mistakes };
        Vec::new()
    });
    let outermost = graph.outermost().collect();
    let bodies = std::mem::take(&mut graph.bodies);
    let resources = std::mem::take(&mut graph.resources);
    drop(graph);
    session.phase.set(Phase::Converge);
    let mut ready = Vec::with_capacity(resources.len());
    let mut actions: Vec<Vec<Act>> =
        resources.iter().map(|declared| declared.common.actions.clone()).collect();
    for edge in edges.iter().flatten() {
        actions[edge.to].push(edge.action);
    }
    for (declared, actions) in resources.into_iter().zip(actions) {
        match prepare(session, declared, &actions) {
            Ok(resource) => ready.push(resource),
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    // Templates may call libraries, so the limit holds until they are rendered.
    session.deadline.set(None);
    if wrong.is_empty() {
        Ok(Compiled { resources: ready, edges, outermost, bodies })
    } else {
        Err(Diagnostics(wrong))
    }
}

/// Compiles up to the graph, which stays in the session.
/// # Errors
/// The first mistake of a recipe.
pub fn declare(
    session: &Rc<Session>,
    language: &Language,
    recipes: &Recipes,
) -> Result<(), Diagnostics> {
    begin(session, language)?;
    session.phase.set(Phase::Recipes);
    match recipes {
        Recipes::RunList(names) => {
            if let Some(packages) = session.command.as_ref().and_then(|command| command.packages())
            {
                language.run_text(&packages).or_else(|mistake| session.go_on_after(mistake))?;
            }
            for name in names {
                language.include(name).or_else(|mistake| session.go_on_after(mistake))?;
            }
        }
        Recipes::Text(source) => {
            language.run_text(source).or_else(|mistake| session.go_on_after(mistake))?
        }
    }
    session.phase.set(Phase::Expansion);
    expand(session, language)?;
    hide_names(session);
    Ok(())
}

/// What was decrypted after a resource was declared may be in its name too.
fn hide_names(session: &Session) {
    if !session.masks.is_empty() {
        for declared in &mut session.graph.borrow_mut().resources {
            let shown = declared.id.shown.as_ref().unwrap_or(&declared.id.name);
            if let Some(hidden) = session.masks.hide_in_name(shown) {
                declared.id.shown = Some(session.told_apart(&declared.id, hidden));
            }
        }
    }
}

/// What comes before the first recipe: attribute files, and what the custom resources are.
/// # Errors
/// The first mistake in one of these files.
pub fn begin(session: &Rc<Session>, language: &Language) -> Result<(), Diagnostics> {
    session.deadline.set(Some(std::time::Instant::now() + session.limits.compile_time));
    session.phase.set(Phase::Attributes);
    let unfit: Vec<Diagnostic> =
        session.cookbooks.values().filter_map(|cookbook| unfit(session, cookbook)).collect();
    if !unfit.is_empty() {
        return Err(Diagnostics(unfit));
    }
    for cookbook in session.cookbooks.values() {
        for path in cookbook.attribute_files() {
            let file = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            let name = RecipeName { cookbook: cookbook.about.name.clone(), recipe: file };
            language.run_file(&name, &path).or_else(|mistake| session.go_on_after(mistake))?;
        }
    }
    Ok(language.define()?)
}

/// Why a cookbook is not for this engine or this machine.
fn unfit(session: &Session, cookbook: &cookbook::Cookbook) -> Option<Diagnostic> {
    let about = &cookbook.about;
    let engine = Version::of_engine();
    if let Some(wanted) = about.toque.as_ref().filter(|wanted| !wanted.accepts(&engine)) {
        return Some(
            Diagnostic::error(format!(
                "cookbook `{}` needs toque {wanted}, and this is {engine}",
                about.name
            ))
            .at(cookbook.place_of("toque"))
            .hint("install a version of toque or of the cookbook that fits"),
        );
    }
    if about.platforms.is_empty() {
        return None;
    }
    let text = |key: &str| session.node.text(key, &session.view);
    let platform = Platform { name: text("platform"), version: text("platform_version") };
    (!platform.is_among(&about.platforms)).then(|| {
        let those: Vec<String> = about.platforms.iter().map(|(name, wanted)| format!("{name} {wanted}")).collect();
        Diagnostic::error(format!("cookbook `{}` does not support {platform}", about.name))
            .at(cookbook.place_of("platforms"))
            .note(format!("it is for {}", those.join(", ")))
            .hint("take a version of the cookbook that supports it, or add it to `[platforms]` of its cookbook.toml")
    })
}

/// Runs the actions of custom resources that are declared, that a notification names, or that an
/// earlier run owes; and so on for what they declare. The innermost first, so that a circle is met
/// at the limit of depth.
fn expand(session: &Rc<Session>, language: &Language) -> Result<(), Diagnostic> {
    let mut done: HashSet<(Index, Act)> = HashSet::new();
    let mut open: Vec<(Index, Act)> = Vec::new();
    // How much of the graph's resources and relations has been looked at.
    let mut seen = (0, 0);
    loop {
        let from = seen;
        let graph = session.graph.borrow();
        open.extend(
            due(session, &graph, from).into_iter().rev().filter(|next| !done.contains(next)),
        );
        seen = (graph.resources.len(), graph.relations.len());
        drop(graph);
        match open.pop() {
            Some((index, action)) => {
                if done.insert((index, action)) && !session.graph.borrow().resources[index].removed
                {
                    language
                        .expand(index, action)
                        .or_else(|mistake| session.go_on_after(mistake))?;
                }
            }
            None if from == (0, 0) => return Ok(()),
            // An action may have changed or removed what was there before it.
            None => seen = (0, 0),
        }
    }
}

/// The actions of custom resources that are to be run, in order, as far as these resources and
/// relations tell, and those after them.
fn due(
    session: &Session,
    graph: &Graph,
    (resources, relations): (usize, usize),
) -> Vec<(Index, Act)> {
    let is_custom = |index: Index| matches!(graph.resources[index].body, Body::Container(_));
    let owed = session.owed.borrow();
    let mut due = Vec::new();
    for (index, declared) in graph.resources.iter().enumerate().skip(resources) {
        if declared.removed || !is_custom(index) {
            continue;
        }
        due.extend(declared.common.actions.iter().map(|action| (index, *action)));
        if !owed.is_empty() {
            let (kind, path) = (&session.registry.kinds[declared.kind], declared.id.to_string());
            let owed = owed.iter().filter(|(target, _)| *target == path);
            due.extend(owed.filter_map(|(_, action)| Some((index, Act::named(kind, action)?))));
        }
    }
    let told = graph.relations[relations..]
        .iter()
        .filter_map(|relation| graph.target(&session.registry, relation));
    due.extend(told.filter(|(index, _)| is_custom(*index)));
    due.retain(|(_, action)| *action != Act::Nothing);
    due
}

fn prepare(
    session: &Rc<Session>,
    declared: Declared,
    actions: &[Act],
) -> Result<Ready, Diagnostic> {
    let Declared { kind, id, body, common, span, recipe, removed, .. } = declared;
    let holds = Cell::new(common.holds);
    let desired = match body {
        _ if removed => Wanted::Removed,
        Body::Container(_) => Wanted::Container,
        Body::Group(group) => Wanted::Group(group),
        Body::Lazy { fixed, lazy } => Wanted::Lazy { fixed, lazy },
        Body::Parsed(resource) if resource.late() => Wanted::Late(resource),
        Body::Parsed(resource) => {
            let umask = common.umask.unwrap_or(session.umask);
            let scope = ResolveScope {
                session,
                recipe: recipe.as_deref(),
                umask,
                kind,
                actions,
                holds: &holds,
            };
            let resolved = resource.resolve_once(&scope);
            Wanted::Known(resolved.map_err(|diagnostic| {
                let error = about(diagnostic, &id, span.clone());
                let error = session.masks.hide_in(error);
                if common.sensitive || holds.get() == Holds::Short { error.hidden() } else { error }
            })?)
        }
    };
    Ok(Ready { kind, id, desired, common, holds, span, recipe })
}

/// Adds which resource a diagnostic is about.
pub(crate) fn about(
    diagnostic: Diagnostic,
    id: &ResourceId,
    span: Option<crate::diagnostic::Span>,
) -> Diagnostic {
    match (&diagnostic.span, span) {
        (Some(_), Some(span)) => diagnostic.frame(span, format!("for `{id}`")),
        // What is inside a custom resource begins with its name.
        (None, span) if diagnostic.message.starts_with(&id.to_string()) => diagnostic.at(span),
        (None, span) => {
            Diagnostic { message: format!("{id}: {}", diagnostic.message), ..diagnostic }.at(span)
        }
        (Some(_), None) => diagnostic,
    }
}

/// What a resource of a recipe finds around it.
pub(crate) struct ResolveScope<'a> {
    pub session: &'a Session,
    pub recipe: Option<&'a RecipeName>,
    pub umask: u32,
    pub kind: usize,
    /// What may be done to the resource, as declared and by notifications.
    pub actions: &'a [Act],
    /// Raised when a text that is made for it holds a decrypted value.
    pub holds: &'a Cell<Holds>,
}

impl ResolveScope<'_> {
    fn cookbook(&self, named: Option<&str>) -> Result<&Rc<cookbook::Cookbook>, Diagnostic> {
        let own =
            self.recipe.map(|recipe| recipe.cookbook.as_str()).filter(|name| !name.is_empty());
        let name = named.or(own).ok_or_else(|| {
            Diagnostic::error("a recipe outside a cookbook has no templates and files of its own")
                .hint("name a `cookbook`, or use `local: true` with a path, or `content`")
        })?;
        cookbook::get(&self.session.cookbooks, name)
    }

    fn machine(&self) -> lookup::Machine {
        self.session.node.machine(&self.session.view)
    }

    fn rendered(&self, wanted: &TemplateSource) -> Result<String, Diagnostic> {
        let view = &self.session.view;
        let node = |key: &str| self.session.read(key);
        let node_keys = || self.session.node.keys();
        let size = self.session.limits.size;
        if wanted.local {
            let path = PathBuf::from(wanted.sources.first().map_or("", String::as_str));
            let text = || {
                let bytes = view.read(&path).map_err(|error| {
                    Diagnostic::error(
                        crate::failure::Failure::io("read the template", &path, &error).message,
                    )
                })?;
                String::from_utf8(bytes).map_err(|_| {
                    Diagnostic::error(format!(
                        "cannot read the template `{}`: it is not UTF-8 text",
                        path.display()
                    ))
                })
            };
            let beside = |name: &str| Ok(path.with_file_name(format!("{name}.hbs")));
            // What another resource may write is read anew each time.
            let given = Given {
                variables: &wanted.variables,
                partial: &beside,
                node: &node,
                node_keys: &node_keys,
                cookbook: None,
                size,
            };
            return template::Templates::default().render(&path, text, &given);
        }
        let cookbook = self.cookbook(wanted.cookbook.as_deref())?;
        let path =
            self.session.lookup.find(cookbook, "templates", &wanted.sources, || self.machine())?;
        let partial = |name: &str| {
            let source = if Path::new(name).extension().is_some() {
                name.to_owned()
            } else {
                format!("{name}.hbs")
            };
            self.session.lookup.find(cookbook, "templates", &[source], || self.machine())
        };
        let own = Some(cookbook.about.name.as_str());
        let given = Given {
            variables: &wanted.variables,
            partial: &partial,
            node: &node,
            node_keys: &node_keys,
            cookbook: own,
            size,
        };
        self.session.templates.render(&path, || template::read(&path), &given)
    }
}

impl Scope for ResolveScope<'_> {
    fn render(&self, wanted: &TemplateSource) -> Result<String, Diagnostic> {
        let rendered = self.rendered(wanted)?;
        if !self.session.masks.is_empty() {
            self.holds.set(self.holds.get().max(self.session.masks.in_text(&rendered)));
        }
        Ok(rendered)
    }

    fn cookbook_file(
        &self,
        sources: &[String],
        cookbook: Option<&str>,
    ) -> Result<Vec<u8>, Diagnostic> {
        let path = self
            .session
            .lookup
            .find(self.cookbook(cookbook)?, "files", sources, || self.machine())?;
        read(&path)
    }

    fn cookbook_directory(
        &self,
        source: &str,
        cookbook: Option<&str>,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, Diagnostic> {
        let root = lookup::find_folder(self.cookbook(cookbook)?, "files", source, &self.machine())?;
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                Diagnostic::error(format!("cannot list `{}`: {error}", root.display()))
            })?;
            if entry.file_type().is_file()
                && let Ok(relative) = entry.path().strip_prefix(&root)
            {
                files.push((relative.to_owned(), read(entry.path())?));
            }
        }
        Ok(files)
    }

    fn may_run(&self, action: &str) -> bool {
        let kind = &self.session.registry.kinds[self.kind];
        self.actions.iter().any(|act| act.name(kind) == action)
    }

    fn umask(&self) -> u32 {
        self.umask
    }

    fn view(&self) -> &View<'_> {
        &self.session.view
    }

    fn asked(&self, app: &str) -> Asked {
        self.session.asked_for.borrow_mut().insert(app.to_owned());
        self.session.command.as_ref().map_or(Asked::Nothing, |command| command.asks(app))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(path).map_err(|error| {
        Diagnostic::error(format!(
            "cannot read `{}`: {}",
            path.display(),
            crate::failure::plain_io(&error)
        ))
    })
}
