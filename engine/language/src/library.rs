//! Imports: `"cookbook::file"` is `libraries/file.rhai` of a cookbook of this run. Nothing else can
//! be imported.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::{Rc, Weak};

use rhai::{Engine, EvalAltResult, FnAccess, Module, ModuleResolver, Position, Shared};

use crate::error::{Fallible, Thrown};
use crate::interpreter::Interpreter;
use crate::script;
use toque_core::diagnostic::Diagnostic;

/// The libraries of the run's cookbooks, each compiled once.
pub(crate) struct Libraries {
    interpreter: Weak<Interpreter>,
    loaded: RefCell<HashMap<String, Option<Shared<Module>>>>,
}

impl Libraries {
    pub(crate) fn new(interpreter: &Rc<Interpreter>) -> Self {
        Self { interpreter: Rc::downgrade(interpreter), loaded: RefCell::default() }
    }
}

/// A function that a library offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offered {
    pub name: String,
    pub parameters: Vec<String>,
    /// The lines of its `///` comment.
    pub doc: Vec<String>,
}

/// What a library offers, sorted by name.
/// # Errors
/// When it does not compile.
pub(crate) fn offered(
    engine: &Engine,
    interpreter: &Interpreter,
    path: &Path,
) -> Result<Vec<Offered>, Diagnostic> {
    let source = script::read(interpreter, path)?;
    let ast = script::compile(engine, interpreter, &source)?;
    let mut offered: Vec<Offered> = ast
        .iter_functions()
        .filter(|function| {
            function.access == FnAccess::Public && !function.name.starts_with("anon$")
        })
        .map(|function| Offered {
            name: function.name.to_owned(),
            parameters: function.params.iter().map(|name| (*name).to_owned()).collect(),
            doc: doc_of(&source.text, function.name),
        })
        .collect();
    offered.sort();
    Ok(offered)
}

/// The comment above a function. Rhai keeps it only with its feature `metadata`.
fn doc_of(text: &str, function: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let defines = |line: &str| {
        let rest =
            line.strip_prefix("fn ").and_then(|rest| rest.trim_start().strip_prefix(function));
        rest.is_some_and(|rest| rest.trim_start().starts_with('('))
    };
    let Some(at) = lines.iter().position(|line| defines(line)) else { return Vec::new() };
    let above = lines[..at].iter().rev().map_while(|line| line.strip_prefix("///"));
    let mut doc: Vec<String> =
        above.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect();
    doc.reverse();
    doc
}

impl ModuleResolver for Libraries {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Fallible<Shared<Module>> {
        let not_found = || EvalAltResult::ErrorModuleNotFound(path.to_owned(), position);
        let interpreter = self.interpreter.upgrade().ok_or_else(not_found)?;
        match self.loaded.borrow().get(path) {
            Some(Some(module)) => return Ok(Shared::clone(module)),
            Some(None) => {
                let circle = Diagnostic::error(format!(
                    "the library `{path}` imports itself, directly or through others"
                ));
                let circle = circle
                    .at(interpreter.span(source, position))
                    .hint("move what they share into a third library");
                return Err(EvalAltResult::ErrorRuntime(
                    rhai::Dynamic::from(Thrown(circle)),
                    position,
                )
                .into());
            }
            None => {}
        }
        let (cookbook, file) = path.split_once("::").ok_or_else(not_found)?;
        let plain = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        let cookbook = interpreter
            .inputs
            .cookbooks
            .get(cookbook)
            .filter(|_| plain(file))
            .ok_or_else(not_found)?;
        let file = cookbook.root.join("libraries").join(format!("{file}.rhai"));
        if !file.is_file() {
            return Err(not_found().into());
        }
        self.loaded.borrow_mut().insert(path.to_owned(), None);
        let module = script::load_library(engine, &interpreter, &file).map_err(|diagnostic| {
            let diagnostic = match interpreter.span(source, position) {
                Some(here) if diagnostic.span.is_some() => {
                    diagnostic.frame(here, format!("`{path}` was imported here"))
                }
                here => diagnostic.at(here),
            };
            EvalAltResult::ErrorRuntime(rhai::Dynamic::from(Thrown(diagnostic)), position)
        });
        match module {
            Ok(module) => {
                let module = Shared::new(module);
                self.loaded.borrow_mut().insert(path.to_owned(), Some(Shared::clone(&module)));
                Ok(module)
            }
            Err(error) => {
                self.loaded.borrow_mut().remove(path);
                Err(error.into())
            }
        }
    }
}
