//! The recipe language: Rhai, hardened and bound to the kinds. Nothing outside this module knows of
//! Rhai, but for values that a recipe leaves behind (closures, `node.run_state`).
//!
//! Rhai is pinned: this module uses interfaces that it calls volatile. Each use is in one place and
//! has a test.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rhai::Engine;
use serde_json::{Map, Value};

use crate::interpreter::Interpreter;
use crate::library::Offered;
use crate::lint::check::Looked;
use crate::template_functions::TemplateFunctions;
use crate::{closures, custom_resource, declare, engine, library, lint, script};
use toque_contract::graph::{ActionRef, Declared, Deferred, Group, Index};
use toque_contract::registry::{AnyResource, Shown};
use toque_contract::resource::ClosureId;
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::name::RecipeName;

/// The language of one run.
pub struct Language {
    pub(crate) engine: Rc<Engine>,
    functions: Rc<TemplateFunctions>,
    /// Accepts variables that nothing defines, for looking at scripts.
    lenient: std::cell::OnceCell<rhai::Engine>,
    pub interpreter: Rc<Interpreter>,
}

impl Language {
    #[must_use]
    pub fn new(interpreter: &Rc<Interpreter>) -> Self {
        let engine = Rc::new(engine::build(interpreter));
        let functions = Rc::new(TemplateFunctions::new(&engine, interpreter));
        interpreter.templates.give(Rc::<TemplateFunctions>::clone(&functions));
        Self {
            engine,
            functions,
            lenient: std::cell::OnceCell::new(),
            interpreter: Rc::clone(interpreter),
        }
    }

    /// Runs an attribute file or a recipe from disk.
    /// # Errors
    /// The first mistake.
    pub fn run_file(&self, name: &RecipeName, path: &Path) -> Result<(), Diagnostic> {
        script::run_file(&self.engine, &self.interpreter, name, path)
    }

    /// Runs a recipe of the run list, and what it includes; a recipe that was included before is
    /// not run again.
    /// # Errors
    /// An unknown recipe, or the first mistake in it.
    pub fn include(&self, name: &RecipeName) -> Result<(), Diagnostic> {
        script::include(&self.engine, &self.interpreter, name).map(|_| ())
    }

    /// Runs a recipe that belongs to no cookbook.
    /// # Errors
    /// The first mistake.
    pub fn run_text(&self, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let name = RecipeName { cookbook: String::new(), recipe: source.name.clone() };
        script::run(&self.engine, &self.interpreter, &name, source)
    }

    /// Declares a resource of a kind by its name, as a recipe would; `span` is its place.
    /// # Errors
    /// A kind that does not exist, or a name that it cannot have.
    pub fn declare(&self, kind: &str, name: &str, span: &Span) -> Result<(), Diagnostic> {
        declare::declare_by_name(&self.engine, &self.interpreter, kind, name, span)
    }

    /// Looks at a script without running it.
    pub fn look(&self, source: &Arc<Source>) -> Looked {
        let lenient = self.lenient.get_or_init(|| {
            let mut lenient = engine::build(&self.interpreter);
            lenient.set_strict_variables(false);
            lenient
        });
        lint::check::look(&self.engine, lenient, &self.interpreter, source)
    }

    /// Looks at a script on disk without running it.
    /// # Errors
    /// When it cannot be read.
    pub fn look_at(&self, path: &Path) -> Result<Looked, Diagnostic> {
        Ok(self.look(&script::read(&self.interpreter, path)?))
    }

    /// What a library on disk offers.
    /// # Errors
    /// When it cannot be read or does not compile.
    pub fn offered(&self, path: &Path) -> Result<Vec<Offered>, Diagnostic> {
        library::offered(&self.engine, &self.interpreter, path)
    }

    /// Looks at a template of a cookbook.
    /// # Errors
    /// When it cannot be parsed.
    pub fn look_at_template(
        &self,
        path: &Path,
        cookbook: &str,
    ) -> Result<crate::template::Looked, Diagnostic> {
        crate::template::look(path, cookbook, &*self.functions)
    }

    /// Reads what the cookbooks' custom resources are.
    /// # Errors
    /// The first mistake in one of their files.
    pub fn define(&self) -> Result<(), Diagnostic> {
        custom_resource::define_all(&self.engine, &self.interpreter)
    }

    /// Runs an action of a declared custom resource, so that what is inside it is in the graph.
    /// # Errors
    /// The first mistake in the action.
    pub fn expand(&self, index: Index, act: ActionRef) -> Result<(), Diagnostic> {
        custom_resource::expand(&self.engine, &self.interpreter, index, act)
    }

    /// What differs between the machine and a custom resource, as its `current` tells.
    /// # Errors
    /// What `current` threw, or an answer that cannot be used.
    pub fn differences(&self, group: &Group) -> Result<Vec<Shown>, Diagnostic> {
        custom_resource::differences(&self.engine, &self.interpreter, group)
    }

    /// Calls a closure of a recipe, and gives what it returned. One with a parameter gets `given`.
    /// # Errors
    /// What it threw, or a value that cannot leave the language.
    pub fn call(&self, closure: ClosureId, given: Option<&Value>) -> Result<Value, Diagnostic> {
        closures::call_by_id(&self.engine, &self.interpreter, closure, given)
    }

    /// Makes the declaration of a resource that has deferred properties, which are computed now.
    /// # Errors
    /// An exception of a closure; a value that its property cannot have.
    pub fn complete(
        &self,
        declared: &Declared,
        fixed: &Map<String, Value>,
        deferred: &[Deferred],
    ) -> Result<Box<dyn AnyResource>, Diagnostic> {
        declare::complete(&self.engine, &self.interpreter, declared, fixed, deferred)
    }
}
