//! The functions of a cookbook's libraries, as its templates call them: by name alone, with values,
//! and without anything imported.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use rhai::{Engine, FnAccess, Scope};
use serde_json::Value;

use crate::error::diagnose;
use crate::interpreter::Interpreter;
use crate::script;
use crate::script_stack::on_script_stack;
use crate::script_values::from_json;
use crate::template::{Functions, unknown_helper};
use crate::value::to_json;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_data::cookbook::Cookbook;

/// The functions by cookbook. They are looked for when a template first names a helper that is not
/// built in.
pub(crate) struct TemplateFunctions {
    engine: Weak<Engine>,
    interpreter: Weak<Interpreter>,
    known: RefCell<HashMap<String, Rc<Vec<Function>>>>,
}

/// A function that a library defines for others.
struct Function {
    /// As it is imported: `nginx::helpers`.
    library: String,
    name: String,
    arguments: usize,
    span: Option<Span>,
}

impl TemplateFunctions {
    pub(crate) fn new(engine: &Rc<Engine>, interpreter: &Rc<Interpreter>) -> Self {
        Self {
            engine: Rc::downgrade(engine),
            interpreter: Rc::downgrade(interpreter),
            known: RefCell::default(),
        }
    }

    fn run(&self) -> Result<(Rc<Engine>, Rc<Interpreter>), Diagnostic> {
        let run = self.engine.upgrade().zip(self.interpreter.upgrade());
        run.ok_or_else(|| Diagnostic::error("a template calls a function after its run has ended"))
    }

    fn of(&self, cookbook: &str) -> Result<Rc<Vec<Function>>, Diagnostic> {
        if let Some(known) = self.known.borrow().get(cookbook) {
            return Ok(Rc::clone(known));
        }
        let (engine, interpreter) = self.run()?;
        let functions = match interpreter.inputs.cookbooks.get(cookbook) {
            Some(cookbook) => Rc::new(defined(&engine, &interpreter, cookbook)?),
            None => Rc::default(),
        };
        self.known.borrow_mut().insert(cookbook.to_owned(), Rc::clone(&functions));
        Ok(functions)
    }

    /// The library that defines the function, and where.
    fn library(
        &self,
        cookbook: &str,
        name: &str,
        arguments: usize,
    ) -> Result<(String, Option<Span>), Diagnostic> {
        let functions = self.of(cookbook)?;
        let named: Vec<&Function> =
            functions.iter().filter(|function| function.name == name).collect();
        let fitting: Vec<&&Function> =
            named.iter().filter(|function| function.arguments == arguments).collect();
        match fitting[..] {
            [one] => Ok((one.library.clone(), one.span.clone())),
            [] if named.is_empty() => {
                let names = functions.iter().map(|function| function.name.as_str());
                let unknown = unknown_helper(name, names);
                let hint = format!(
                    "a template has the built-in helpers, and the functions in libraries/ of `{cookbook}`"
                );
                Err(if unknown.hints.is_empty() { unknown.hint(hint) } else { unknown })
            }
            [] => {
                let mut takes: Vec<usize> =
                    named.iter().map(|function| function.arguments).collect();
                takes.sort_unstable();
                takes.dedup();
                let takes: Vec<String> = takes.iter().map(usize::to_string).collect();
                let noun = if takes == ["1"] { "argument" } else { "arguments" };
                let wrong = format!(
                    "`{name}` takes {} {noun}, and is given {arguments}",
                    takes.join(" or ")
                );
                Err(with_places(Diagnostic::error(wrong), &named))
            }
            [..] => {
                let libraries: Vec<String> =
                    fitting.iter().map(|function| format!("`{}`", function.library)).collect();
                let wrong = Diagnostic::error(format!(
                    "`{name}` is a function of several libraries: {}",
                    libraries.join(", ")
                ));
                let fitting: Vec<&Function> = fitting.into_iter().copied().collect();
                Err(with_places(wrong, &fitting).hint(
                    "a template calls it by name alone: rename one of them, or make it `private`",
                ))
            }
        }
    }
}

fn with_places(diagnostic: Diagnostic, functions: &[&Function]) -> Diagnostic {
    functions
        .iter()
        .filter_map(|function| function.span.clone())
        .fold(diagnostic, |told, span| told.frame(span, "defined here"))
}

impl Functions for TemplateFunctions {
    fn check(&self, cookbook: &str, name: &str, arguments: usize) -> Result<(), Diagnostic> {
        self.library(cookbook, name, arguments).map(|_| ())
    }

    /// Imports the library and calls the function, as a recipe would.
    fn call(&self, cookbook: &str, name: &str, arguments: &[&Value]) -> Result<Value, Diagnostic> {
        let (library, defined) = self.library(cookbook, name, arguments.len())?;
        let (engine, interpreter) = self.run()?;
        let mut scope = Scope::new();
        let mut names = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let argument_name = format!("argument_{index}");
            scope.push_constant_dynamic(argument_name.clone(), from_json(argument));
            names.push(argument_name);
        }
        let call =
            format!("import \"{library}\" as library; library::{name}({})", names.join(", "));
        let ast = engine
            .compile_with_scope(&scope, &call)
            .map_err(|error| Diagnostic::error(error.to_string()))?;
        let value = on_script_stack(&interpreter.inputs.limits, || {
            engine.eval_ast_with_scope(&mut scope, &ast)
        })?
        .map_err(|error| {
            let mistake = diagnose(&interpreter, *error, None);
            // Of a limit that was reached, Rhai tells only the outermost call.
            if mistake.span.is_none() { mistake.at(defined) } else { mistake }
        })?;
        to_json(value).map_err(|message| {
            Diagnostic::error(format!("`{name}` gives no usable value: {message}"))
        })
    }
}

/// The public functions of a cookbook's libraries.
fn defined(
    engine: &Engine,
    interpreter: &Interpreter,
    cookbook: &Cookbook,
) -> Result<Vec<Function>, Diagnostic> {
    let mut functions = Vec::new();
    for (file, path) in cookbook.libraries()? {
        let source = script::read(interpreter, &path)?;
        let ast = script::compile(engine, interpreter, &source)?;
        let public = ast.iter_functions().filter(|function| function.access == FnAccess::Public);
        functions.extend(public.filter(|function| !function.name.starts_with("anon$")).map(
            |function| Function {
                library: format!("{}::{file}", cookbook.manifest.name),
                name: function.name.to_owned(),
                arguments: function.params.len(),
                span: script::function_span(&source, function.name, function.params.len()),
            },
        ));
    }
    Ok(functions)
}
