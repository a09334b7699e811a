//! The way in: a run as a builder, and everything that can be made of it.

use std::path::PathBuf;
use std::rc::Rc;

use toque_contract::event::Sink;
use toque_contract::registry::Registry;
use toque_contract::report::Report;
use toque_core::diagnostic::{Diagnostics, Source};
use toque_core::failure::Failure;
use toque_data::run_list::Item;
use toque_data::search::Search;
use toque_data::search::index::NODE;
use toque_language::on_script_stack;
use toque_machine::system::System;

use crate::compile::begin;
use crate::converge::choose;
use crate::execution::execute;
use crate::explain::{Explained, explain};
use crate::graph_export::GraphExport;
use crate::options::{Mode, Options, Refused};
use crate::prepared::Prepared;
use crate::run_search;
pub(crate) use crate::run_search::{Encrypted, Found};

/// A run of recipes on a machine.
///
/// It ends in [`converge`](Self::converge), or in one of the methods that change nothing:
/// [`plan`](Self::plan), [`graph`](Self::graph), [`explain`](Self::explain),
/// [`search`](Self::search), [`providers`](Self::providers).
pub struct Run {
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: Options,
    sink: Box<dyn Sink>,
}

impl Run {
    /// A run on a machine, with these kinds.
    #[must_use]
    pub fn new(system: impl System + 'static, registry: Registry) -> Self {
        Self::on(Rc::new(system), Rc::new(registry))
    }

    /// A run on a machine that others use too.
    #[must_use]
    pub fn on(system: Rc<dyn System>, registry: Rc<Registry>) -> Self {
        Self { system, registry, options: Options::default(), sink: Box::new(()) }
    }

    /// Replaces all options.
    #[must_use]
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Sets one recipe, which belongs to no cookbook, in place of a run list.
    #[must_use]
    pub fn recipe(mut self, name: &str, text: &str) -> Self {
        self.options.recipe = Some(Source::new(name, None, text.to_owned()));
        self
    }

    /// Sets the folder with the cookbooks, and the run list.
    #[must_use]
    pub fn repository(
        mut self,
        folder: impl Into<PathBuf>,
        run_list: impl IntoIterator<Item = Item>,
    ) -> Self {
        self.options.repository = Some(folder.into());
        self.options.run_list = run_list.into_iter().collect();
        self
    }

    /// Sets the folder of lock, history, journal and backups. Without it nothing is kept.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.state_dir = Some(folder.into());
        self
    }

    /// Sets the receiver of the events of the run.
    #[must_use]
    pub fn sink(self, sink: impl Sink + 'static) -> Self {
        Self { sink: Box::new(sink), ..self }
    }

    /// Brings the machine to the declared state.
    /// # Errors
    /// When nothing was touched: bad usage, a lock that is not let go, a recipe that does not
    /// compile. What fails later is in the report.
    pub fn converge(self) -> Result<Report, Refused> {
        self.executed(Mode::Converge)
    }

    /// Returns what [`converge`](Self::converge) would do. Writes nothing.
    /// # Errors
    /// As [`converge`](Self::converge).
    pub fn plan(self) -> Result<Report, Refused> {
        self.executed(Mode::Plan)
    }

    fn executed(self, mode: Mode) -> Result<Report, Refused> {
        let Self { system, registry, options, sink } = self;
        on_script_stack(&options.limits, || execute(&system, &registry, &options, sink, mode))
            .unwrap_or_else(|failure| Err(failure.into()))
            .map_err(|refused| refused.hidden(&options))
    }

    /// Compiles, and returns the graph.
    /// # Errors
    /// Recipes that do not compile.
    pub fn graph(self) -> Result<GraphExport, Refused> {
        self.prepared(|prepared| {
            prepared.declare()?;
            let interpreter = prepared.interpreter();
            let mut graph = interpreter.graph.borrow_mut();
            let edges = graph.freeze(&interpreter.inputs.registry).map_err(Diagnostics)?;
            Ok(GraphExport::of(&graph, &edges, &interpreter.inputs.registry))
        })
    }

    /// Compiles, and returns what each level has at an attribute, and who set it.
    /// # Errors
    /// Recipes that do not compile; an attribute that nothing sets.
    pub fn explain(self, path: &[String]) -> Result<Explained, Refused> {
        self.prepared(|prepared| {
            prepared.declare()?;
            let interpreter = prepared.interpreter();
            let mut explained = explain(&interpreter.node, &interpreter.view, path)?;
            let settings = explained.settings.iter_mut().map(|setting| &mut setting.value);
            settings
                .chain(&mut explained.value)
                .for_each(|value| interpreter.inputs.redactor.redact_value(value));
            Ok(explained)
        })
    }

    /// Searches an index. Recipes do not run; attribute files do for the index `node`, because they
    /// say what this node is.
    /// # Errors
    /// An index that is not there; a document or an attribute file with a mistake; a value that
    /// cannot be decrypted.
    pub fn search(
        self,
        index: &str,
        wanted: &Search,
        encrypted: Encrypted,
    ) -> Result<Vec<Found>, Refused> {
        self.prepared(|prepared| {
            if index == NODE {
                begin(&prepared.language)?;
            }
            Ok(run_search::search(prepared.interpreter(), index, wanted, encrypted)?)
        })
    }

    /// Compiles, and returns which provider each resource would get on this machine, or on the one
    /// whose facts are given.
    /// # Errors
    /// Recipes that do not compile.
    pub fn providers(self) -> Result<Vec<(String, Result<&'static str, Failure>)>, Refused> {
        self.prepared(|prepared| {
            let interpreter = prepared.interpreter();
            let compiled = prepared.compile(&[])?;
            let chosen = compiled.resources.iter().filter_map(|declared| {
                let kind = &interpreter.inputs.registry.kinds[declared.kind];
                if kind.is_container() {
                    return None;
                }
                let provider = choose(interpreter, kind, declared.common.provider.as_deref());
                let name = provider.map(|index| kind.providers()[index].name());
                Some((declared.id.to_string(), name))
            });
            Ok(chosen.collect())
        })
    }

    /// Prepares a run that changes nothing, and works with it.
    fn prepared<T>(self, work: impl FnOnce(&Prepared) -> Result<T, Refused>) -> Result<T, Refused> {
        let Self { system, registry, options, sink } = self;
        let prepared = || work(&Prepared::new(&system, &registry, &options, sink, Mode::Plan)?);
        on_script_stack(&options.limits, prepared)
            .unwrap_or_else(|failure| Err(failure.into()))
            .map_err(|refused| refused.hidden(&options))
    }
}
