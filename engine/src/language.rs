//! The recipe language: Rhai, hardened and bound to the kinds. Nothing outside this module knows of
//! Rhai, but for values that a recipe leaves behind (closures, `node.run_state`).
//!
//! Rhai is pinned: this module uses interfaces that it calls volatile. Each use is in one place and
//! has a test.

mod attributes_used;
mod check;
mod closure;
mod common;
mod custom;
mod data;
mod engine;
mod error;
mod functions;
mod handle;
mod kinds;
mod library;
mod locate;
mod node_view;
mod script;
mod search;
pub mod signature;
mod stack;
mod template_functions;
mod value;
mod warnings;
pub mod words;

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) use attributes_used::AttributesUsed;
pub use check::Looked;
pub use closure::{Closure, Lazy};
pub use custom::{Definition, kind_name};
pub(crate) use custom::{Group, Instance, Secrets, add_kinds as add_custom_kinds};
pub(crate) use functions::hex;
pub(crate) use kinds::{check_arguments, nothing, numbers, told};
pub use library::Offered;
use template_functions::TemplateFunctions;
pub use words::COMMON;

use crate::diagnostic::{Diagnostic, Source, Span};
use crate::graph::{Act, Index};
use crate::name::RecipeName;
use crate::registry::Shown;
use crate::session::Session;

/// The language of one run.
pub struct Language {
    engine: Rc<rhai::Engine>,
    functions: Rc<TemplateFunctions>,
    /// Accepts variables that nothing defines, for looking at scripts.
    lenient: std::cell::OnceCell<rhai::Engine>,
    session: Rc<Session>,
}

impl Language {
    #[must_use]
    pub fn new(session: &Rc<Session>) -> Self {
        let engine = Rc::new(engine::build(session));
        let functions = Rc::new(TemplateFunctions::new(&engine, session));
        session.templates.give(Rc::<TemplateFunctions>::clone(&functions));
        Self { engine, functions, lenient: std::cell::OnceCell::new(), session: Rc::clone(session) }
    }

    /// Runs an attribute file or a recipe from disk.
    /// # Errors
    /// The first mistake.
    pub fn run_file(&self, name: &RecipeName, path: &Path) -> Result<(), Diagnostic> {
        script::run_file(&self.engine, &self.session, name, path)
    }

    /// Runs a recipe of the run list, and what it includes; a recipe that was included before is
    /// not run again.
    /// # Errors
    /// An unknown recipe, or the first mistake in it.
    pub fn include(&self, name: &RecipeName) -> Result<(), Diagnostic> {
        script::include(&self.engine, &self.session, name).map(|_| ())
    }

    /// Runs a recipe that belongs to no cookbook.
    /// # Errors
    /// The first mistake.
    pub fn run_text(&self, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let name = RecipeName { cookbook: String::new(), recipe: source.name.clone() };
        script::run(&self.engine, &self.session, &name, source)
    }

    /// Looks at a script without running it.
    pub fn look(&self, source: &Arc<Source>) -> Looked {
        let lenient = self.lenient.get_or_init(|| {
            let mut lenient = engine::build(&self.session);
            lenient.set_strict_variables(false);
            lenient
        });
        check::look(&self.engine, lenient, &self.session, source)
    }

    /// Looks at a script on disk without running it.
    /// # Errors
    /// When it cannot be read.
    pub fn look_at(&self, path: &Path) -> Result<Looked, Diagnostic> {
        Ok(self.look(&script::read(&self.session, path)?))
    }

    /// What a library on disk offers.
    /// # Errors
    /// When it cannot be read or does not compile.
    pub fn offered(&self, path: &Path) -> Result<Vec<Offered>, Diagnostic> {
        library::offered(&self.engine, &self.session, path)
    }

    /// Looks at a template of a cookbook.
    /// # Errors
    /// When it cannot be parsed.
    pub(crate) fn look_at_template(
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
        custom::define_all(&self.engine, &self.session)
    }

    /// Runs an action of a declared custom resource, so that what is inside it is in the graph.
    /// # Errors
    /// The first mistake in the action.
    pub(crate) fn expand(&self, index: Index, act: Act) -> Result<(), Diagnostic> {
        custom::expand(&self.engine, &self.session, index, act)
    }

    /// What differs between the machine and a custom resource, as its `current` tells.
    /// # Errors
    /// What `current` threw, or an answer that cannot be used.
    pub(crate) fn differences(&self, group: &Group) -> Result<Vec<Shown>, Diagnostic> {
        custom::differences(&self.engine, &self.session, group)
    }

    /// Calls a closure of a recipe, and gives what it returned. One with a parameter gets `given`.
    /// # Errors
    /// What it threw, or a value that cannot leave the language.
    pub fn call(
        &self,
        closure: &Closure,
        given: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Diagnostic> {
        closure::call(&self.engine, &self.session, closure, given)
    }

    /// Where a lazy property, or what is below it by the path, was written.
    pub(crate) fn place(&self, lazy: &Lazy, path: &str) -> Option<Span> {
        closure::place(&self.engine, &self.session, lazy, path)
    }

    /// Computes a lazy property.
    /// # Errors
    /// What a closure in it threw, or a value that cannot leave the language.
    pub fn evaluate(&self, lazy: &Lazy) -> Result<serde_json::Value, Diagnostic> {
        closure::evaluate(&self.engine, &self.session, lazy)
    }
}
