//! A run with everything read that comes before its first recipe.

use std::rc::Rc;
use std::sync::Arc;

use toque_contract::event::Sink;
use toque_contract::registry::Registry;
use toque_core::diagnostic::{Diagnostics, Source};
use toque_data::search::index::Indexes;
use toque_data::stack;
use toque_language::interpreter::Interpreter;
use toque_language::node::Node;
use toque_language::run_inputs::{MachineAccess, RunInputs};
use toque_language::{Language, add_custom_kinds};
use toque_machine::atomic_write::TemporaryFolder;
use toque_machine::facts::Facts;
use toque_machine::facts::custom::Custom;
use toque_machine::system::System;
use toque_machine::trust::Subject;
use toque_machine::view::View;

use crate::compile::{Compiled, Recipes, compile, declare};
use crate::options::{Mode, Options, Refused};
use crate::resolve::AppsAsked;
use crate::state::{Debt, recall};
use crate::{cookbooks, data_bags, inputs};

/// A run that can begin.
pub(crate) struct Prepared {
    pub language: Language,
    pub options: Options,
    /// The revision of the cookbooks, where they were fetched.
    pub revision: Option<String>,
    pub apps: AppsAsked,
    /// The cookbooks that a plan fetches.
    _temporary: Option<TemporaryFolder>,
}

impl Prepared {
    /// Fetches the cookbooks that have to be, and reads all others.
    /// # Errors
    /// A source that cannot be reached; a document or a cookbook with a mistake.
    pub(crate) fn new(
        system: &Rc<dyn System>,
        registry: &Registry,
        options: &Options,
        mut sink: Box<dyn Sink>,
        mode: Mode,
    ) -> Result<Self, Refused> {
        if let Some(dir) = &options.state_dir {
            options.trust.folder(Subject::State, dir)?;
        }
        options.check_trust()?;
        let fetched = cookbooks::fetch(system, options, mode, &mut *sink)?;
        if fetched.options.repository != options.repository {
            fetched.options.check_trust()?;
        }
        let language = open(Rc::clone(system), registry, &fetched.options, sink)?;
        Ok(Self {
            language,
            options: fetched.options,
            revision: fetched.revision,
            apps: AppsAsked::default(),
            _temporary: fetched.temporary,
        })
    }

    pub(crate) fn interpreter(&self) -> &Interpreter {
        &self.language.interpreter
    }

    /// Compiles up to the graph, which stays in the interpreter.
    /// # Errors
    /// The first mistake of a recipe.
    pub(crate) fn declare(&self) -> Result<(), Diagnostics> {
        declare(&self.language, &recipes(&self.language, &self.options)?, &[])
    }

    /// Compiles, and resolves everything that does not depend on the machine.
    /// # Errors
    /// All mistakes, as far as they can be found together. Nothing has been touched.
    pub(crate) fn compile(&self, owed: &[Debt]) -> Result<Compiled, Diagnostics> {
        compile(&self.language, &recipes(&self.language, &self.options)?, owed, &self.apps)
    }
}

/// Returns the recipes of a run.
/// # Errors
/// A recipe that is in no cookbook.
pub(crate) fn recipes(language: &Language, options: &Options) -> Result<Recipes, Diagnostics> {
    if let Some(recipe) = &options.recipe {
        let source = Source::new(&recipe.name, recipe.path.clone(), recipe.text.clone());
        return Ok(Recipes::Text(Arc::new(source)));
    }
    let Interpreter { inputs, node, .. } = &*language.interpreter;
    node.run_list.check_recipes(&inputs.cookbooks)?;
    Ok(Recipes::RunList(node.run_list.recipes()))
}

/// Reads everything that comes before the first recipe of a run.
/// # Errors
/// A document or a cookbook with a mistake.
pub(crate) fn open(
    system: Rc<dyn System>,
    registry: &Registry,
    options: &Options,
    sink: Box<dyn Sink>,
) -> Result<Language, Refused> {
    let data_bags::Data { bags, given: of_command, decryptor } = data_bags::data(options)?;
    let given = inputs::gather(options, of_command.as_ref(), &decryptor)?;
    let view = match options.state_dir.clone() {
        Some(dir) => View::shared(system).with_memory(move |key| recall(&dir, key)),
        None => View::shared(system),
    };
    let view = view.with_redactor(Rc::clone(&options.redactor));
    let mut registry = registry.clone();
    add_custom_kinds(&mut registry, given.cookbooks.values())?;
    let files: Vec<_> =
        given.cookbooks.values().map(|cookbook| cookbook.fact_files()).collect::<Result<_, _>>()?;
    let (custom, wrong) = Custom::find(files.into_iter().flatten());
    if !wrong.is_empty() {
        return Err(Diagnostics(wrong).into());
    }
    let facts = match &options.elsewhere {
        Some(machine) => Facts::fixed(machine.facts.clone()),
        None => Facts::new(),
    };
    let custom = if options.reach == MachineAccess::Repository { custom.offline() } else { custom };
    let node = Node::new(
        options.node_name.clone(),
        given.environment,
        given.attributes,
        given.run_list,
        facts.with(custom),
    );
    let peers = options.command.as_deref().map(stack::nodes).unwrap_or_default();
    let inputs = RunInputs {
        registry,
        cookbooks: given.cookbooks,
        indexes: Indexes::of(options.repository.as_deref(), peers),
        data_bags: bags,
        command: options.command.clone(),
        decryptor,
        redactor: Rc::clone(&options.redactor),
        limits: options.limits,
        reach: options.reach,
        programs: options.elsewhere.as_ref().map(|machine| machine.programs.clone()),
        umask: options.umask,
        state_dir: options.state_dir.clone(),
        stop: options.stop.clone(),
    };
    Ok(Language::new(&Rc::new(Interpreter::new(inputs, node, view, sink))))
}
