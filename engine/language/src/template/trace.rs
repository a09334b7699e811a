//! What goes on in the render in progress. Handlebars gives its helpers nothing but values, so what
//! else they need lies here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use handlebars::{RenderError, RenderErrorReason};
use serde_json::Value;

use toque_core::diagnostic::Diagnostic;

/// Steps between two looks at the clock.
const EVERY: u64 = 256;

/// A line and a column, from 1.
pub(super) type At = (usize, usize);

/// The functions that the libraries of cookbooks give to their templates.
pub trait Functions {
    /// Whether a template of the cookbook can call the function with so many arguments.
    /// # Errors
    /// An unknown function, another number of arguments, a name that several libraries define, or a
    /// library that cannot be read.
    fn check(&self, cookbook: &str, name: &str, arguments: usize) -> Result<(), Diagnostic>;

    /// Calls the function.
    /// # Errors
    /// As [`Functions::check`], and what the function throws.
    fn call(&self, cookbook: &str, name: &str, arguments: &[&Value]) -> Result<Value, Diagnostic>;
}

/// A render in progress.
#[derive(Default)]
pub(super) struct Trace {
    /// The cookbook of the template, with the functions of its libraries.
    functions: RefCell<Option<(String, Rc<dyn Functions>)>>,
    /// The includes of the partials in progress, outermost first: the name of the template that
    /// includes, and where.
    includes: RefCell<Vec<(String, At)>>,
    /// What went wrong in a library, or ended the render.
    mistake: RefCell<Option<Diagnostic>>,
    /// Rounds of loops, and partials.
    steps: Cell<u64>,
    /// Is given the steps since the last time, and returns what ends the render.
    halt: RefCell<Option<Rc<Halt>>>,
}

/// Counts steps, and returns what ends a render.
pub type Halt = dyn Fn(u64) -> Option<Diagnostic>;

impl Trace {
    /// A render begins.
    pub(super) fn begin(&self, functions: Option<(String, Rc<dyn Functions>)>, halt: &Rc<Halt>) {
        *self.functions.borrow_mut() = functions;
        *self.halt.borrow_mut() = Some(Rc::clone(halt));
        self.includes.borrow_mut().clear();
        self.mistake.take();
    }

    /// Goes on, unless the render is to end.
    pub(super) fn step(&self) -> Result<(), RenderError> {
        let steps = self.steps.get() + 1;
        self.steps.set(if steps < EVERY { steps } else { 0 });
        let halt = self.halt.borrow().clone().filter(|_| steps >= EVERY);
        match halt.and_then(|halt| halt(EVERY)) {
            None => Ok(()),
            Some(told) => {
                let message = told.message.clone();
                *self.mistake.borrow_mut() = Some(told);
                Err(RenderErrorReason::Other(message).into())
            }
        }
    }

    pub(super) fn enter(&self, template: String, at: At) {
        self.includes.borrow_mut().push((template, at));
    }

    pub(super) fn leave(&self) {
        self.includes.borrow_mut().pop();
    }

    /// The includes that lead to where a render ended early, innermost first.
    pub(super) fn includes(&self) -> Vec<(String, At)> {
        self.includes.take().into_iter().rev().collect()
    }

    /// What ended a render, when it was a library.
    pub(super) fn mistake(&self) -> Option<Diagnostic> {
        self.mistake.take()
    }

    /// Calls a function of the cookbook's libraries.
    pub(super) fn call(&self, name: &str, arguments: &[&Value]) -> Result<Value, RenderError> {
        let functions = self.functions.borrow().clone();
        let Some((cookbook, functions)) = functions else {
            return Err(RenderErrorReason::HelperNotFound(name.to_owned()).into());
        };
        functions.call(&cookbook, name, arguments).map_err(|mistake| {
            let told = mistake.message.clone();
            *self.mistake.borrow_mut() = Some(mistake);
            RenderErrorReason::Other(told).into()
        })
    }

    /// Calls a function without arguments, if there is one of the name.
    pub(super) fn call_if_known(&self, name: &str) -> Result<Option<Value>, RenderError> {
        let functions = self.functions.borrow().clone();
        let known = functions
            .is_some_and(|(cookbook, functions)| functions.check(&cookbook, name, 0).is_ok());
        if known { self.call(name, &[]).map(Some) } else { Ok(None) }
    }
}
