//! Imports: `"cookbook::file"` is `libraries/file.rhai` of a cookbook of this run. Nothing else can be imported.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Shared};

use super::error::{Fallible, Thrown};
use super::script;
use crate::diagnostic::Diagnostic;
use crate::session::Session;

/// The libraries of the run's cookbooks, each compiled once.
pub(super) struct Libraries {
    session: Weak<Session>,
    loaded: RefCell<HashMap<String, Option<Shared<Module>>>>,
}

impl Libraries {
    pub(super) fn new(session: &Rc<Session>) -> Self {
        Self { session: Rc::downgrade(session), loaded: RefCell::default() }
    }
}

impl ModuleResolver for Libraries {
    fn resolve(&self, engine: &Engine, source: Option<&str>, path: &str, position: Position) -> Fallible<Shared<Module>> {
        let not_found = || EvalAltResult::ErrorModuleNotFound(path.to_owned(), position);
        let session = self.session.upgrade().ok_or_else(not_found)?;
        match self.loaded.borrow().get(path) {
            Some(Some(module)) => return Ok(Shared::clone(module)),
            Some(None) => {
                let circle = Diagnostic::error(format!("the library `{path}` imports itself, directly or through others"));
                let circle = circle.at(session.span(source, position)).hint("move what they share into a third library");
                return Err(EvalAltResult::ErrorRuntime(rhai::Dynamic::from(Thrown(circle)), position).into());
            }
            None => {}
        }
        let (cookbook, file) = path.split_once("::").ok_or_else(not_found)?;
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let cookbook = session.cookbooks.get(cookbook).filter(|_| plain(file)).ok_or_else(not_found)?;
        let file = cookbook.root.join("libraries").join(format!("{file}.rhai"));
        if !file.is_file() {
            return Err(not_found().into());
        }
        self.loaded.borrow_mut().insert(path.to_owned(), None);
        let module = script::load_library(engine, &session, &file).map_err(|diagnostic| {
            let diagnostic = match session.span(source, position) {
                Some(here) if diagnostic.span.is_some() => diagnostic.frame(here, format!("`{path}` was imported here")),
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
