//! A run from its lock to its report: the way in for the command line, the agent, and programs that
//! embed toque.

mod cookbooks;
mod data;
mod given;
mod options;
mod search;

pub use data::expand;
pub use options::{Options, Refused, Usual};
pub use search::{ENCRYPTED, Encrypted, Found, search};

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::compile::{Recipes, begin, compile, declare};
use crate::converge::{Converge, Mode};
use crate::cookbook::{self, Locked};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::drawing::Drawing;
use crate::event::{Event, Sink};
use crate::explain::{Explained, explain as explain_attribute};
use crate::facts::Facts;
use crate::facts::custom::Custom;
use crate::language::{Language, add_custom_kinds};
use crate::lookup::Lookup;
use crate::name::RecipeName;
use crate::node::Node;
use crate::registry::Registry;
use crate::report::{About, Counts, Outcome, Report, Status};
use crate::run_list::Item;
use crate::search::index::Indexes;
use crate::session::{Phase, Reach, Session};
use crate::stack;
use crate::state::{History, Journal, RunLock, recall};
use crate::system::System;
use crate::template::Templates;
use crate::view::View;

/// The stack that recipes may use: calls, includes and values nest, and Rhai recurses natively.
pub(crate) const STACK: usize = 256 * 1024 * 1024;

/// Brings the machine to the declared state.
/// # Errors
/// When nothing was touched: bad usage, a lock that is not let go, a recipe that does not compile.
/// What fails later is in the report.
pub fn converge(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Report, Refused> {
    stacker::grow(STACK, || run(system, registry, options, sink, Mode::Converge))
        .map_err(|refused| refused.hidden(options))
}

/// Says what [`converge`] would do. Writes nothing.
/// # Errors
/// As [`converge`].
pub fn plan(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Report, Refused> {
    stacker::grow(STACK, || run(system, registry, options, sink, Mode::Plan))
        .map_err(|refused| refused.hidden(options))
}

/// Compiles and gives the graph.
/// # Errors
/// What does not compile.
pub fn graph(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Drawing, Refused> {
    stacker::grow(STACK, || {
        let ready = cookbooks::ready(&system, options, Mode::Plan, &mut ())?;
        let options = &ready.options;
        let session = open(system, registry, options, sink)?;
        let language = Language::new(&session);
        declare(&session, &language, &recipes(options, &session)?)?;
        let mut graph = session.graph.borrow_mut();
        let edges = graph.freeze(&session.registry).map_err(Diagnostics)?;
        Ok(Drawing::of(&graph, &edges, &session))
    })
    .map_err(|refused: Refused| refused.hidden(options))
}

/// Compiles, and says which level has what at an attribute, and who set it.
/// # Errors
/// What does not compile; an attribute that nothing sets.
pub fn explain(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    path: &[String],
    sink: Box<dyn Sink>,
) -> Result<Explained, Refused> {
    stacker::grow(STACK, || {
        let ready = cookbooks::ready(&system, options, Mode::Plan, &mut ())?;
        let options = &ready.options;
        let session = open(system, registry, options, sink)?;
        let language = Language::new(&session);
        declare(&session, &language, &recipes(options, &session)?)?;
        let mut explained = explain_attribute(&session.node, &session.view, path)?;
        let values = explained
            .settings
            .iter_mut()
            .map(|setting| &mut setting.value)
            .chain(&mut explained.value);
        values.for_each(|value| session.masks.hide_in_value(value));
        Ok(explained)
    })
    .map_err(|refused: Refused| refused.hidden(options))
}

/// Which provider each resource would get on this machine, or on the one whose facts are given.
/// # Errors
/// What does not compile.
pub fn providers(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Vec<(String, Result<&'static str, crate::failure::Failure>)>, Refused> {
    stacker::grow(STACK, || {
        let ready = cookbooks::ready(&system, options, Mode::Plan, &mut ())?;
        let options = &ready.options;
        let session = open(system, registry, options, sink)?;
        let language = Language::new(&session);
        let compiled = compile(&session, &language, &recipes(options, &session)?)?;
        let chosen = |ready: &crate::compile::Ready| {
            let kind = &session.registry.kinds[ready.kind];
            let provider =
                crate::converge::choose(&session, kind, ready.common.provider.as_deref());
            (ready.id.to_string(), provider.map(|index| kind.providers()[index].name()))
        };
        let native =
            |ready: &&crate::compile::Ready| !session.registry.kinds[ready.kind].is_container();
        Ok(compiled.resources.iter().filter(native).map(chosen).collect())
    })
    .map_err(|refused: Refused| refused.hidden(options))
}

/// The kinds that recipes of a repository can use: those of the program, and the custom resources
/// of its cookbooks.
/// # Errors
/// A cookbook that cannot be read, a mistake in an attribute file or in a custom resource.
pub fn kinds(
    registry: Rc<Registry>,
    repository: &Path,
    locked: &Locked,
) -> Result<Registry, Refused> {
    stacker::grow(STACK, || {
        let mut known = begun(registry, Some(repository), locked)?.0.registry.clone();
        // No recipe declares a group by its name.
        known.kinds.retain(|_, kind| !kind.is_group());
        Ok(known)
    })
}

/// All cookbooks of a repository up to their recipes, which are not run: attribute files, because
/// what a custom resource declares may depend on them, and the custom resources. Nothing is asked
/// of the machine.
/// # Errors
/// A cookbook that cannot be read, a mistake in one of these files.
pub(crate) fn begun(
    registry: Rc<Registry>,
    repository: Option<&Path>,
    locked: &Locked,
) -> Result<(Rc<Session>, Language), Refused> {
    let (cookbooks, wrong) =
        repository.map(|repository| cookbook::find_all(repository, locked)).unwrap_or_default();
    if !wrong.is_empty() {
        return Err(Diagnostics(wrong).into());
    }
    let name = |cookbook: &String| {
        Item::from(RecipeName { cookbook: cookbook.clone(), recipe: "default".to_owned() })
    };
    let options = Options {
        repository: repository.map(Path::to_owned),
        locked: locked.clone(),
        run_list: cookbooks.keys().map(name).collect(),
        elsewhere: crate::facts::shipped::shipped("debian", None),
        reach: Reach::Repository,
        ..Options::default()
    };
    let session =
        open(Rc::new(crate::system::FakeSystem::new()), registry, &options, Box::new(()))?;
    let language = Language::new(&session);
    begin(&session, &language)?;
    match session.mistakes.take() {
        none if none.is_empty() => Ok((session, language)),
        mistakes => Err(Diagnostics(mistakes).into()),
    }
}

/// Compiles only, going on as far as it can, and gives what is wrong.
pub(crate) fn mistakes(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
) -> Vec<Diagnostic> {
    stacker::grow(STACK, || {
        let session = match open(system, registry, options, Box::new(())) {
            Ok(session) => session,
            Err(refused) => return refused.diagnostics.0,
        };
        let language = Language::new(&session);
        let compiled = recipes(options, &session)
            .and_then(|recipes| compile(&session, &language, &recipes).map(|_| ()));
        if let Err(Diagnostics(last)) = compiled {
            last.into_iter().for_each(|mistake| session.note_mistake(mistake));
        }
        session.mistakes.take()
    })
}

fn run(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
    mode: Mode,
) -> Result<Report, Refused> {
    let mut sink = sink;
    let _lock = match (&options.state_dir, mode) {
        (Some(dir), Mode::Converge) => {
            Some(RunLock::take(dir, options.lock_timeout, &options.stop, &mut |holder| {
                sink.event(&Event::Waiting { holder });
            })?)
        }
        _ => None,
    };
    let begun = Instant::now();
    let started = jiff::Timestamp::now();
    let ready = cookbooks::ready(&system, options, mode, &mut *sink)?;
    let options = &ready.options;
    let session = open(Rc::clone(&system), registry, options, sink)?;
    let journal = Journal::open(options.state_dir.as_deref())?;
    session
        .owed
        .replace(journal.owed().map(|owed| (owed.target.clone(), owed.action.clone())).collect());
    let language = Language::new(&session);
    let names: Vec<String> = session.cookbooks.keys().cloned().collect();
    session.event(&Event::Compiling { cookbooks: &names });
    let compiled = recipes(options, &session)
        .and_then(|recipes| compile(&session, &language, &recipes))
        .map_err(|diagnostics| Refused { diagnostics, stopped: options.stop.requested() })?;
    let compile_seconds = begun.elapsed().as_secs_f64();
    let id = format!("{}-{}", started.strftime("%Y%m%dT%H%M%S%.3fZ"), std::process::id());
    if journal.unreadable > 0 {
        let message = "owed.jsonl in the state directory is damaged: what its unreadable lines owe will not be delivered";
        session.event(&Event::Log { level: crate::resource::Level::Warn, message });
    }
    let count = compiled.resources.len();
    session.event(&Event::Converging { resources: count });
    let mut walk = Converge::new(&session, &language, &*system, &compiled, mode, &id, journal);
    walk.walk(options.hold_notifications_on_failure);
    if let Some(command) = &session.command {
        // Other events may be served by any resource.
        let only_theirs = matches!(command.event, stack::Event::Rollback | stack::Event::Restart);
        for app in command
            .apps
            .iter()
            .filter(|app| only_theirs && !session.asked_for.borrow().contains(*app))
        {
            let message = format!(
                "no resource of this run is about the app `{app}`: the {} did nothing to it here",
                command.event
            );
            session.event(&Event::Log { level: crate::resource::Level::Warn, message: &message });
        }
    }
    let mut report = report(&mut walk, options, &ready, &Times { started, begun, compile_seconds });
    if mode == Mode::Converge
        && let Err(failure) = keep(walk.journal, &report, options)
    {
        // The machine is converged; that the next run is not told so is a failure of its own.
        report.outcome = Outcome::Failed;
        session
            .event(&Event::Log { level: crate::resource::Level::Error, message: &failure.message });
    }
    session.event(&Event::Finished { report: &report, counts: &report.counts });
    Ok(report)
}

/// What a walk did, as data.
fn report(
    walk: &mut Converge<'_>,
    options: &Options,
    ready: &cookbooks::Ready,
    times: &Times,
) -> Report {
    let not_reached: Vec<String> = walk.not_reached().map(ToString::to_string).collect();
    let counts =
        Counts::of(walk.records.iter().map(|(index, record)| (*index, record)), not_reached.len());
    let interrupted = walk.records.iter().any(|(_, record)| record.status == Status::Interrupted);
    let left_over = !not_reached.is_empty() || walk.journal.owed().next().is_some();
    let outcome = if interrupted || (walk.stopping() && (left_over || !walk.errors.is_empty())) {
        Outcome::Stopped
    } else if walk.errors.is_empty() {
        Outcome::Success
    } else {
        Outcome::Failed
    };
    Report {
        id: (walk.mode == Mode::Converge).then(|| walk.run_id.to_owned()),
        toque: env!("CARGO_PKG_VERSION"),
        command: if walk.mode == Mode::Converge { "converge" } else { "plan" },
        node: walk.session.node.name.clone(),
        run_list: match &options.recipe {
            Some(recipe) => vec![recipe.name.clone()],
            None => walk
                .session
                .node
                .run_list
                .items
                .iter()
                .map(|placed| placed.item.to_string())
                .collect(),
        },
        expanded_run_list: match &options.recipe {
            Some(recipe) => vec![recipe.name.clone()],
            None => walk.session.node.run_list.recipes().iter().map(ToString::to_string).collect(),
        },
        environment: walk.session.node.environment.clone(),
        event: walk.session.command.as_deref().map(About::of),
        cookbooks_revision: ready.revision.clone(),
        cookbooks: walk
            .session
            .cookbooks
            .values()
            .map(|c| (c.about.name.clone(), c.about.version.to_string()))
            .collect(),
        started: times.started.strftime("%FT%T%.3fZ").to_string(),
        compile_seconds: times.compile_seconds,
        converge_seconds: times.begun.elapsed().as_secs_f64() - times.compile_seconds,
        outcome,
        counts,
        resources: std::mem::take(&mut walk.records)
            .into_iter()
            .map(|(_, record)| record)
            .collect(),
        not_reached,
        owed: walk.journal.owed().cloned().collect(),
    }
}

/// When a run began, and how long its recipes took to compile.
struct Times {
    started: jiff::Timestamp,
    begun: Instant,
    compile_seconds: f64,
}

/// Writes down what the next run must know, and what people may want to.
fn keep(
    journal: Journal,
    report: &Report,
    options: &Options,
) -> Result<(), crate::failure::Failure> {
    journal.close()?;
    match &options.state_dir {
        Some(dir) => History::of(dir).keep(report),
        None => Ok(()),
    }
}

fn recipes(options: &Options, session: &Session) -> Result<Recipes, Diagnostics> {
    match &options.recipe {
        Some(recipe) => {
            let source = Source::new(&recipe.name, recipe.path.clone(), recipe.text.clone());
            Ok(Recipes::Text(Arc::new(source)))
        }
        None => {
            session.node.run_list.check_recipes(&session.cookbooks)?;
            Ok(Recipes::RunList(session.node.run_list.recipes()))
        }
    }
}

/// Reads what a run needs before its first recipe.
pub(crate) fn open(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Rc<Session>, Refused> {
    let repository = options.repository.as_deref();
    let data::Data { bags, given: of_command, vault } = data::data(options)?;
    let given = given::gather(options, of_command.as_ref(), &vault)?;
    let view = match options.state_dir.clone() {
        Some(dir) => View::shared(system).with_memory(move |key| recall(&dir, key)),
        None => View::shared(system),
    };
    let view = view.with_masks(Rc::clone(&options.masks));
    let mut registry = (*registry).clone();
    add_custom_kinds(&mut registry, given.cookbooks.values())?;
    let (custom, wrong) = Custom::find(given.cookbooks.values());
    if !wrong.is_empty() {
        return Err(Diagnostics(wrong).into());
    }
    let facts = match &options.elsewhere {
        Some(machine) => Facts::fixed(machine.facts.clone()),
        None => Facts::new(),
    };
    let facts =
        facts.with(if options.reach == Reach::Repository { custom.offline() } else { custom });
    Ok(Rc::new(Session {
        registry,
        node: Node::new(
            options.node_name.clone(),
            given.environment,
            given.attributes,
            given.run_list,
            facts,
        ),
        view,
        cookbooks: given.cookbooks,
        indexes: Indexes::of(
            repository,
            options.command.as_deref().map(stack::nodes).unwrap_or_default(),
        ),
        data_bags: bags,
        command: options.command.clone(),
        asked_for: RefCell::default(),
        vault,
        masks: Rc::clone(&options.masks),
        templates: Templates::default(),
        lookup: Lookup::default(),
        limits: options.limits,
        reach: options.reach,
        programs: options.elsewhere.as_ref().map(|machine| machine.programs.clone()),
        umask: options.umask,
        state_dir: options.state_dir.clone(),
        sink: RefCell::new(sink),
        graph: RefCell::default(),
        phase: Cell::new(Phase::Attributes),
        recipes: RefCell::default(),
        included: RefCell::new(HashSet::new()),
        defining: RefCell::default(),
        inside: RefCell::default(),
        owed: RefCell::default(),
        too_early: RefCell::default(),
        hidden_names: RefCell::default(),
        sources: RefCell::default(),
        inserted: RefCell::default(),
        callbacks: RefCell::default(),
        run_state: rhai::Dynamic::from_map(rhai::Map::new()).into_shared(),
        changed: RefCell::default(),
        thrown: RefCell::default(),
        mistakes: RefCell::default(),
        incomplete: Cell::new(false),
        asked: Cell::new(false),
        deadline: Cell::new(None),
        operations: Cell::new(0),
        stop: options.stop.clone(),
    }))
}
