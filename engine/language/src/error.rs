//! Rhai's errors as diagnostics: what a person did wrong in a recipe, in words about recipes.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, LexError, ParseErrorType};

use crate::function_table::{self, REFUSED};
use crate::interpreter::{CallContext, Halt, Interpreter, Phase};
use crate::type_names::plain_type;
use crate::value::shown;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_data::cookbook::Cookbook;

pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A diagnostic on its way through a script.
#[derive(Clone)]
pub(crate) struct Thrown(pub Diagnostic);

/// Throws a diagnostic from a native function, at the call.
pub(crate) fn throw(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    diagnostic: Diagnostic,
) -> Box<EvalAltResult> {
    let diagnostic = if diagnostic.span.is_some() {
        diagnostic
    } else {
        diagnostic.at(interpreter.here(context).map(Span::after_dot))
    };
    EvalAltResult::ErrorRuntime(Dynamic::from(Thrown(diagnostic)), context.call_position()).into()
}

/// Throws a plain sentence, at the call.
pub(crate) fn throw_text(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    text: impl Into<String>,
) -> Box<EvalAltResult> {
    throw(context, interpreter, Diagnostic::error(text))
}

/// What went wrong, and where in `source` or in what it called.
pub(crate) fn diagnose(
    interpreter: &Interpreter,
    error: EvalAltResult,
    source: Option<&str>,
) -> Diagnostic {
    let mut error = error;
    let mut source = source.map(str::to_owned);
    let mut frames = Vec::new();
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(name, inside, inner, position) => {
                if let Some(span) = interpreter.span(source.as_deref(), position)
                    && !name.starts_with("anon$")
                {
                    frames.insert(0, (span, format!("in the call of `{name}`")));
                }
                if !inside.is_empty() {
                    source = Some(inside);
                }
                error = *inner;
            }
            EvalAltResult::ErrorInModule(path, inner, position) => {
                if let Some(span) = interpreter.span(source.as_deref(), position) {
                    frames.insert(0, (span, format!("imported `{path}` here")));
                }
                if !path.is_empty() {
                    source = Some(path);
                }
                error = *inner;
            }
            _ => break,
        }
    }
    let position = error.position();
    let mut diagnostic = cause(interpreter, error);
    if diagnostic.span.is_none() {
        diagnostic =
            diagnostic.at(interpreter.span(source.as_deref(), position).map(Span::after_dot));
    }
    diagnostic.frames.extend(frames);
    diagnostic
}

fn cause(interpreter: &Interpreter, mut error: EvalAltResult) -> Diagnostic {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => match value.clone().try_cast::<Thrown>() {
            Some(Thrown(diagnostic)) => diagnostic,
            None => Diagnostic::error(if value.is_unit() { "the recipe threw an error".to_owned() } else { shown(&value) }),
        },
        EvalAltResult::ErrorTerminated(token, _) => interpreter.halted(token.try_cast::<Halt>()),
        EvalAltResult::ErrorParsing(what, _) => syntax(&what),
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(&name),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => unknown_function(interpreter, &signature),
        EvalAltResult::ErrorStackOverflow(_) => {
            Diagnostic::error(format!("calls are nested more than {} deep", interpreter.inputs.limits.depth))
                .hint("a function probably calls itself without end")
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            Diagnostic::error(format!("{} is larger than the limit of {}", what.to_lowercase(), interpreter.inputs.limits.size))
        }
        EvalAltResult::ErrorDotExpr(text, _) | EvalAltResult::ErrorIndexingType(text, _) => {
            match text.strip_prefix("No writable property '").and_then(|rest| rest.split('\'').next()) {
                Some(property) => {
                    Diagnostic::error(format!("`{property}` cannot be set like this")).hint(if text.contains("::This'") {
                        "properties are set where the resource is declared; a variable keeps another value"
                    } else {
                        "attributes are set with `default(\"path\", value)` and its like, scratch values in `node.run_state`"
                    })
                }
                None => no_getter(&text),
            }
        }
        EvalAltResult::ErrorDataRace(..) => {
            Diagnostic::error("a call cannot change a value and be given a closure that uses it").hint("let the closure use a copy")
        }
        EvalAltResult::ErrorFor(_) => {
            Diagnostic::error("`for` needs something to go through").hint("it goes through arrays, ranges and maps")
        }
        EvalAltResult::ErrorUnboundThis(_) => Diagnostic::error("`this` is nothing in this function")
            .hint("a function that is called as `this.name()` has it; any other is given what it needs as a parameter"),
        EvalAltResult::ErrorModuleNotFound(path, _) => unknown_library(interpreter, &path),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) | EvalAltResult::ErrorMismatchOutputType(wanted, found, _) => {
            Diagnostic::error(format!("expected {}, found {}", plain_type(&wanted), plain_type(&found)))
        }
        _ => {
            error.clear_position();
            let told = error.to_string();
            // Before the text is changed, and with it what must be found in it.
            let told = interpreter.inputs.redactor.redact(&told).unwrap_or(told);
            Diagnostic::error(lower(&told).replace('\'', "`"))
        }
    }
}

/// `Unknown property 'name' - a getter is not registered for type 'string'`
fn no_getter(text: &str) -> Diagnostic {
    let quoted: Vec<&str> = text.split('\'').skip(1).step_by(2).collect();
    match quoted[..] {
        [property, found] => {
            Diagnostic::error(format!("{} has no property `{property}`", plain_type(found)))
        }
        _ => Diagnostic::error(format!("this has no such property: {text}")),
    }
}

/// A mistake that keeps a script from being read at all.
pub(crate) fn syntax(what: &ParseErrorType) -> Diagnostic {
    let wrong = |told: String| Diagnostic::error(format!("syntax error: {told}"));
    match what {
        ParseErrorType::VariableUndefined(name) => unknown_variable(name),
        ParseErrorType::ModuleUndefined(name) => {
            Diagnostic::error(format!("nothing is imported as `{name}` here"))
                .hint(format!("import it first: `import \"cookbook::file\" as {name};`"))
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(word, _)) if refused(word).is_some() => {
            Diagnostic::error(format!("there is no function `{word}`"))
                .hint(refused(word).unwrap_or_default())
        }
        ParseErrorType::Reserved(word) => wrong(format!("`{word}` is a word of the language"))
            .hint(format!("as a key, quote it: \"{word}\"")),
        ParseErrorType::ForbiddenVariable(name) => {
            wrong(format!("`{name}` cannot be set: it is there everywhere"))
                .hint("give the variable another name")
        }
        ParseErrorType::DuplicatedProperty(name) => {
            wrong(format!("the map has the key `{name}` twice")).hint("take one of them out")
        }
        ParseErrorType::FnDuplicatedDefinition(name, _) => {
            wrong(format!("the function `{name}` is defined twice with as many parameters"))
                .hint("give one of them another name")
        }
        ParseErrorType::AssignmentToConstant(name) if !name.is_empty() => {
            wrong(format!("`{name}` is a constant"))
                .hint("a variable that changes is set with `let`")
        }
        ParseErrorType::MismatchedType(expected, _) if expected == "an iterable value" => {
            wrong("a loop cannot go through what is written here".to_owned())
                .hint("it goes through arrays and ranges, and through a map that is a variable")
        }
        ParseErrorType::UnexpectedEOF => wrong("the script ends too early".to_owned())
            .hint("a bracket, a brace or a string is probably not closed"),
        // Rhai quotes what it names as English does.
        _ => wrong(lower(&what.to_string()).replace('\'', "`")),
    }
}

/// Why recipes do not have a function of Rhai.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, why)| *why)
}

fn unknown_variable(name: &str) -> Diagnostic {
    Diagnostic::error(format!("there is no variable `{name}` here"))
        .hint("functions see only their parameters and `node`; a variable must be set with `let` before it is used")
}

fn unknown_library(interpreter: &Interpreter, path: &str) -> Diagnostic {
    let of = |cookbook: &Rc<Cookbook>| {
        // Only names to choose the nearest of: the error is about another one.
        let files = cookbook.libraries().unwrap_or_default().into_iter();
        files.map(|(file, _)| format!("{}::{file}", cookbook.manifest.name)).collect::<Vec<_>>()
    };
    let known: Vec<String> = interpreter.inputs.cookbooks.values().flat_map(of).collect();
    let unknown = Diagnostic::error(format!("there is no library `{path}`"));
    unknown.suggest_or(path, known.iter().map(String::as_str), || {
        "libraries are imported as \"cookbook::file\", from libraries/ of a cookbook of this run"
    })
}

/// `packge (string, map)`: no such function, or not with such arguments.
fn unknown_function(interpreter: &Interpreter, signature: &str) -> Diagnostic {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let arguments = arguments.trim_end_matches(')');
    if name.starts_with("anon$") {
        let count = arguments
            .split(", ")
            .filter(|word| !word.is_empty() && !word.ends_with("::This"))
            .count();
        let (called, written) = if count == 0 {
            ("without a value", "|| …")
        } else {
            ("with one value", "|value| …")
        };
        return Diagnostic::error(format!("the closure is called {called}, and cannot be called so"))
            .hint(format!("write its parameters as `{written}`"))
            .hint("one that a library gives cannot be called at all: write `|| library::function()` where it is used");
    }
    if let Some(property) = name.strip_prefix("get$") {
        return Diagnostic::error(format!(
            "{} has no property `{property}`",
            plain_type(arguments)
        ));
    }
    if let Some(property) = name.strip_prefix("set$") {
        let owner = arguments.split(',').next().unwrap_or_default();
        return Diagnostic::error(format!("`{property}` of {} cannot be set", plain_type(owner)))
            .hint("attributes are set with `default(\"path\", value)` and its like");
    }
    let known =
        interpreter.inputs.registry.kinds.contains_key(name) || function_table::is_function(name);
    if known {
        let types: Vec<String> =
            arguments.split(", ").filter(|word| !word.is_empty()).map(plain_type).collect();
        return Diagnostic::error(format!(
            "`{name}` does not take these arguments: ({})",
            types.join(", ")
        ));
    }
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        unknown_word(interpreter, name)
    } else if let Some((library, function)) = name.rsplit_once("::") {
        let types: Vec<String> =
            arguments.split(", ").filter(|word| !word.is_empty()).map(plain_type).collect();
        let takes = if types.is_empty() {
            "without arguments".to_owned()
        } else {
            format!("for ({})", types.join(", "))
        };
        Diagnostic::error(format!("what is imported as `{library}` has no function `{function}` {takes}")).hint(
            "it has the functions of its file in libraries/ that are not `private`, with as many arguments as they have there",
        )
    } else {
        let types: Vec<String> = arguments.split(", ").map(plain_type).collect();
        Diagnostic::error(format!("`{name}` does not work on {}", types.join(" and ")))
    }
}

/// A call of something that is neither kind nor function.
pub(crate) fn unknown_word(interpreter: &Interpreter, name: &str) -> Diagnostic {
    let words = interpreter
        .inputs
        .registry
        .kinds
        .keys()
        .map(|name| &**name)
        .chain(function_table::functions().map(|word| word.name));
    let unknown = Diagnostic::error(format!("there is no kind or function `{name}`"));
    unknown.suggest_or(name, words, || "`toque resource list` shows the kinds")
}

/// Actions of custom resources run when the attributes are final.
pub(crate) fn final_by_now(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    what: &str,
) -> Fallible<()> {
    too_late(context, interpreter, what)?;
    if interpreter.progress.phase.get() == Phase::Expansion
        || interpreter.progress.defining.borrow().is_some()
    {
        let diagnostic = Diagnostic::error(format!("{what} by a custom resource"))
            .hint("do it in an attribute file or a recipe: what custom resources do comes after all recipes");
        return Err(throw(context, interpreter, diagnostic));
    }
    Ok(())
}

/// An attribute or resource changed when it is too late.
pub(crate) fn too_late(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    what: &str,
) -> Fallible<()> {
    if interpreter.progress.phase.get() == Phase::Converge {
        let diagnostic = Diagnostic::error(format!("{what} while resources converge"))
            .hint("closures that run at converge time may only read, run commands, and write to `node.run_state`");
        return Err(throw(context, interpreter, diagnostic));
    }
    Ok(())
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}
