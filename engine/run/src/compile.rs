//! From the files of a repository to the resource graph, with everything resolved that can be
//! before the machine is touched.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use toque_contract::graph::{ActionRef, Body, Declared, Edge, Graph, Index};
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source};
use toque_core::name::RecipeName;
use toque_core::platform::Platform;
use toque_core::version::Version;
use toque_data::cookbook::Cookbook;
use toque_language::Language;
use toque_language::interpreter::{Interpreter, Phase};

use crate::resolve::{AppsAsked, resolve_early};
use crate::state::Debt;

/// The resources of a run, and what they notify.
pub(crate) struct Compiled {
    pub resources: Vec<Declared>,
    /// Of each resource, what it notifies, in the order of writing.
    pub edges: Vec<Vec<Edge>>,
    /// The resources that the recipes declare themselves, in order.
    pub outermost: Vec<Index>,
    /// What is inside each action of a custom resource, and each group, in order.
    pub bodies: IndexMap<(Index, ActionRef), Vec<Index>>,
}

/// What to compile.
pub(crate) enum Recipes {
    RunList(Vec<RecipeName>),
    /// One recipe that belongs to no cookbook.
    Text(Arc<Source>),
}

/// Runs attribute files, dependencies first, then the recipes and what custom resources do; then
/// freezes the graph and resolves what can be.
/// # Errors
/// Everything that is wrong, as far as it can be told together. Nothing has been touched.
pub(crate) fn compile(
    language: &Language,
    recipes: &Recipes,
    owed: &[Debt],
    apps: &AppsAsked,
) -> Result<Compiled, Diagnostics> {
    declare(language, recipes, owed)?;
    let interpreter = &language.interpreter;
    let mut graph = interpreter.graph.borrow_mut();
    let mut wrong = Vec::new();
    let edges = graph.freeze(&interpreter.inputs.registry).unwrap_or_else(|mistakes| {
        // Where a script ended early, a target may be missing only because of that.
        wrong = if interpreter.findings.incomplete.get() { Vec::new() } else { mistakes };
        Vec::new()
    });
    let outermost = graph.outermost().collect();
    let bodies = std::mem::take(&mut graph.bodies);
    let mut resources = std::mem::take(&mut graph.resources);
    drop(graph);
    interpreter.progress.phase.set(Phase::Converge);
    let mut actions: Vec<Vec<ActionRef>> =
        resources.iter().map(|declared| declared.common.actions.clone()).collect();
    for edge in edges.iter().flatten() {
        actions[edge.to].push(edge.action);
    }
    for (declared, actions) in resources.iter_mut().zip(actions) {
        wrong.extend(resolve_early(interpreter, declared, &actions, apps).err());
    }
    // Templates may call libraries, so the limit holds until they are rendered.
    interpreter.deadline.set(None);
    if wrong.is_empty() {
        Ok(Compiled { resources, edges, outermost, bodies })
    } else {
        Err(Diagnostics(wrong))
    }
}

/// Compiles up to the graph, which stays in the interpreter.
/// # Errors
/// The first mistake of a recipe.
pub(crate) fn declare(
    language: &Language,
    recipes: &Recipes,
    owed: &[Debt],
) -> Result<(), Diagnostics> {
    begin(language)?;
    let interpreter = &language.interpreter;
    interpreter.progress.phase.set(Phase::Recipes);
    match recipes {
        Recipes::RunList(names) => {
            let command = interpreter.inputs.command.as_ref();
            for package in command.map(|command| command.packages()).unwrap_or_default() {
                let declared = language.declare("package", &package.name, &package.at);
                declared.or_else(|mistake| interpreter.go_on_after(mistake))?;
            }
            for name in names {
                language.include(name).or_else(|mistake| interpreter.go_on_after(mistake))?;
            }
        }
        Recipes::Text(source) => {
            language.run_text(source).or_else(|mistake| interpreter.go_on_after(mistake))?;
        }
    }
    interpreter.progress.phase.set(Phase::Expansion);
    expand(language, owed)?;
    hide_names(interpreter);
    Ok(())
}

/// What was decrypted after a resource was declared may be in its name too.
fn hide_names(interpreter: &Interpreter) {
    if !interpreter.inputs.redactor.is_empty() {
        for declared in &mut interpreter.graph.borrow_mut().resources {
            let shown = declared.id.shown.as_ref().unwrap_or(&declared.id.name);
            if let Some(hidden) = interpreter.inputs.redactor.redact_name(shown) {
                declared.id.shown = Some(interpreter.told_apart(&declared.id, hidden));
            }
        }
    }
}

/// What comes before the first recipe: attribute files, and what the custom resources are.
/// # Errors
/// The first mistake in one of these files.
pub(crate) fn begin(language: &Language) -> Result<(), Diagnostics> {
    let interpreter = &language.interpreter;
    interpreter
        .deadline
        .set(Some(std::time::Instant::now() + interpreter.inputs.limits.compile_time));
    interpreter.progress.phase.set(Phase::Attributes);
    let unfit: Vec<Diagnostic> = interpreter
        .inputs
        .cookbooks
        .values()
        .filter_map(|cookbook| unfit(interpreter, cookbook))
        .collect();
    if !unfit.is_empty() {
        return Err(Diagnostics(unfit));
    }
    for cookbook in interpreter.inputs.cookbooks.values() {
        for path in cookbook.attribute_files().map_err(Diagnostic::from)? {
            let file = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            let name = RecipeName { cookbook: cookbook.manifest.name.clone(), recipe: file };
            language.run_file(&name, &path).or_else(|mistake| interpreter.go_on_after(mistake))?;
        }
    }
    Ok(language.define()?)
}

/// Why a cookbook is not for this engine or this machine.
fn unfit(interpreter: &Interpreter, cookbook: &Cookbook) -> Option<Diagnostic> {
    let about = &cookbook.manifest;
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
    let text = |key: &str| interpreter.node.text(key, &interpreter.view);
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
fn expand(language: &Language, owed: &[Debt]) -> Result<(), Diagnostic> {
    let interpreter = &language.interpreter;
    let mut done: HashSet<(Index, ActionRef)> = HashSet::new();
    let mut open: Vec<(Index, ActionRef)> = Vec::new();
    // How much of the graph's resources and relations has been looked at.
    let mut seen = (0, 0);
    loop {
        let from = seen;
        let graph = interpreter.graph.borrow();
        open.extend(
            due(interpreter, &graph, from, owed)
                .into_iter()
                .rev()
                .filter(|next| !done.contains(next)),
        );
        seen = (graph.resources.len(), graph.relations.len());
        drop(graph);
        match open.pop() {
            Some((index, action)) => {
                if done.insert((index, action))
                    && !interpreter.graph.borrow().resources[index].removed
                {
                    language
                        .expand(index, action)
                        .or_else(|mistake| interpreter.go_on_after(mistake))?;
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
    interpreter: &Interpreter,
    graph: &Graph,
    (resources, relations): (usize, usize),
    owed: &[Debt],
) -> Vec<(Index, ActionRef)> {
    let is_custom = |index: Index| matches!(graph.resources[index].body, Body::Container(_));
    let mut due = Vec::new();
    for (index, declared) in graph.resources.iter().enumerate().skip(resources) {
        if declared.removed || !is_custom(index) {
            continue;
        }
        due.extend(declared.common.actions.iter().map(|action| (index, *action)));
        if !owed.is_empty() {
            let (kind, path) =
                (&interpreter.inputs.registry.kinds[declared.kind], declared.id.to_string());
            let owed = owed.iter().filter(|(target, _)| *target == path);
            due.extend(
                owed.filter_map(|(_, action)| Some((index, ActionRef::named(kind, action)?))),
            );
        }
    }
    let told = graph.relations[relations..]
        .iter()
        .filter_map(|relation| graph.target(&interpreter.inputs.registry, relation));
    due.extend(told.filter(|(index, _)| is_custom(*index)));
    due.retain(|(_, action)| *action != ActionRef::Nothing);
    due
}
