//! What reads wrongly in a script and need not be wrong: told by `check`, and never by a run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhai::{AST, ASTFlags, ASTNode, Expr, FnPtr, ImmutableString, Position, Stmt};

use crate::interpreter::Interpreter;
use crate::script::{self, MODES, is_decimal, looks_octal};
use toque_core::diagnostic::{Diagnostic, Source};

pub(crate) fn warnings(
    interpreter: &Interpreter,
    source: &Arc<Source>,
    ast: &AST,
) -> Vec<Diagnostic> {
    let place = |position| interpreter.span(Some(&source.name), position);
    let seen = Seen::of(source, ast);
    let unused = seen.defined.iter().filter(|defined| !seen.uses(defined)).map(
        |Defined { name, what, at, .. }| {
            let (told, hint) = match what {
                What::Variable => (
                    format!("`{name}` is set and not used"),
                    format!("take it out, or call it `_{name}`"),
                ),
                What::Loop => (
                    format!("the loop does not use `{name}`"),
                    format!("call it `_{name}` if only the number of turns counts"),
                ),
                What::Library => (
                    format!("the library `{name}` is imported and not used"),
                    "take the import out".to_owned(),
                ),
            };
            Diagnostic::warning(told).at(place(*at)).hint(hint)
        },
    );
    let guards = seen.guards.iter().filter_map(|(property, closure)| {
        let at = (*seen.results.get(closure)?)?;
        let when = if property == "only_if" {
            "it always holds"
        } else {
            "it always holds, so that nothing is ever done"
        };
        let told =
            format!("the closure of `{property}` gives a string and runs no command: {when}");
        let hint = format!("to run a command, leave out the bars: `{property}: \"command\"`");
        Some(Diagnostic::warning(told).at(place(at)).hint(hint))
    });
    let modes = seen
        .numbers
        .iter()
        .filter(|(body, name, ..)| seen.modes.contains(&(*body, name.clone())))
        .map(|(_, name, number, at)| {
            Diagnostic::warning(format!(
                "`{name}` is used as a mode, and {number} is a decimal number"
            ))
            .at(place(*at))
            .hint(format!("write \"{number:04}\" or 0o{number}"))
        });
    let breaks = seen.breaks.iter().map(|at| {
        Diagnostic::warning(
            "`\\n` is no line break between backticks: the backslash and the letter stay",
        )
        .at(place(*at))
        .hint("begin a new line there, or add it in double quotes: `…` + \"\\n\"")
    });
    unused.chain(guards).chain(modes).chain(breaks).collect()
}

/// A function of the script by number; none is the script itself. Neither sees the variables of the
/// others.
type Body = Option<usize>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Variable,
    Loop,
    Library,
}

struct Defined {
    body: Body,
    name: ImmutableString,
    what: What,
    at: Position,
    /// Of a loop, where its body ends.
    end: Option<Position>,
}

/// What a walk through a script saw.
#[derive(Default)]
struct Seen {
    defined: Vec<Defined>,
    used: HashMap<(Body, ImmutableString), Vec<Position>>,
    /// Libraries that are called, and constants that are read as `global::NAME`: every function
    /// sees them.
    used_anywhere: HashSet<ImmutableString>,
    /// Guards that are closures: the property, and the closure's function.
    guards: Vec<(ImmutableString, ImmutableString)>,
    /// Where the string stands that a function gives, if it gives one.
    results: HashMap<ImmutableString, Option<Position>>,
    /// Variables that are set to a decimal number as it stands.
    numbers: Vec<(Body, ImmutableString, i64, Position)>,
    /// Variables that are the value of a property that is a mode.
    modes: HashSet<(Body, ImmutableString)>,
    /// Texts in backticks that end in `\n`. Within, it may be meant for a command.
    breaks: Vec<Position>,
}

impl Seen {
    fn of(source: &Source, ast: &AST) -> Self {
        let functions: Vec<Function> = ast
            .iter_fn_def()
            .map(|function| Function {
                name: function.name.clone(),
                start: function.body.start_position(),
                end: function.body.end_position(),
            })
            .collect();
        let mut seen = Self::default();
        ast.walk(&mut |path| {
            let Some(first) = path.first() else { return true };
            let body = body_of(&functions, first.position());
            if let ([ASTNode::Stmt(statement)], Some(index)) = (path, body) {
                // The last one counts.
                seen.results.insert(functions[index].name.clone(), string_of(statement));
            }
            match path.last() {
                Some(ASTNode::Stmt(statement)) => seen.statement(source, body, statement),
                Some(ASTNode::Expr(expression)) => {
                    // `x = 1` is no use of `x`.
                    let set = path.len().checked_sub(2).is_some_and(
                        |above| matches!(path[above], ASTNode::Stmt(Stmt::Assignment(set)) if std::ptr::eq(&raw const set.1.lhs, *expression)),
                    );
                    if !set {
                        seen.expression(source, body, expression);
                    }
                }
                _ => {}
            }
            true
        });
        seen
    }

    fn statement(&mut self, source: &Source, body: Body, statement: &Stmt) {
        match statement {
            Stmt::Var(parts, flags, _) if !flags.contains(ASTFlags::EXPORTED) => {
                let (ident, value, _) = &**parts;
                self.defined.push(Defined {
                    body,
                    name: ident.name.clone(),
                    what: What::Variable,
                    at: ident.pos,
                    end: None,
                });
                if let Expr::IntegerConstant(number, at) = value
                    && *number >= 100
                    && looks_octal(*number)
                    && is_decimal(source, *at)
                {
                    self.numbers.push((body, ident.name.clone(), *number, *at));
                }
            }
            Stmt::For(parts, _) => {
                let (ident, pair, flow) = &**parts;
                // Of a pair, one is often enough; a range is gone through for its length.
                let range = matches!(&flow.expr, Expr::FnCall(call, _) if ["..", "..=", "range"].contains(&call.name.as_str()));
                if pair.is_none() && !range {
                    let end = Some(flow.body.end_position());
                    self.defined.push(Defined {
                        body,
                        name: ident.name.clone(),
                        what: What::Loop,
                        at: ident.pos,
                        end,
                    });
                }
            }
            Stmt::Import(parts, _) => {
                let ident = &parts.1;
                if !ident.name.is_empty() {
                    self.defined.push(Defined {
                        body,
                        name: ident.name.clone(),
                        what: What::Library,
                        at: ident.pos,
                        end: None,
                    });
                }
            }
            Stmt::Export(parts, _) => self.use_of(body, &parts.0.name, parts.0.pos),
            Stmt::FnCall(call, at) => self.call(body, call, *at),
            _ => {}
        }
    }

    fn expression(&mut self, source: &Source, body: Body, expression: &Expr) {
        match expression {
            Expr::InterpolatedString(parts, at) if parts.last().is_some_and(ends_in_break) => {
                self.breaks.push(*at);
            }
            Expr::StringConstant(_, at)
                if ends_in_break(expression) && script::character(source, *at) == Some('`') =>
            {
                self.breaks.push(*at);
            }
            Expr::Variable(variable, _, at) => {
                self.use_of(body, &variable.1, *at);
                if let Some(first) = variable.2.path.first() {
                    self.used_anywhere.insert(first.name.clone());
                    self.used_anywhere.insert(variable.1.clone());
                }
            }
            Expr::FnCall(call, at) | Expr::MethodCall(call, at) => self.call(body, call, *at),
            Expr::Map(map, _) => {
                for (key, value) in &map.0 {
                    if MODES.contains(&key.name.as_str())
                        && let Expr::Variable(variable, ..) = value
                    {
                        self.modes.insert((body, variable.1.clone()));
                    }
                    if ["only_if", "not_if"].contains(&key.name.as_str()) {
                        let guards = if let Expr::Array(items, _) = value {
                            items.iter().collect()
                        } else {
                            vec![value]
                        };
                        let closures = guards.into_iter().filter_map(closure_of);
                        self.guards.extend(closures.map(|closure| (key.name.clone(), closure)));
                    }
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, body: Body, call: &rhai::FnCallExpr, at: Position) {
        // A variable that holds a closure can be called.
        self.use_of(body, &call.name, at);
        if let Some(first) = call.namespace.path.first() {
            self.used_anywhere.insert(first.name.clone());
        }
    }

    fn use_of(&mut self, body: Body, name: &ImmutableString, at: Position) {
        self.used.entry((body, name.clone())).or_default().push(at);
    }

    fn uses(&self, defined: &Defined) -> bool {
        let used = || match (self.used.get(&(defined.body, defined.name.clone())), defined.end) {
            (Some(places), Some(end)) => {
                places.iter().any(|place| defined.at < *place && *place <= end)
            }
            (places, _) => places.is_some() && defined.what != What::Library,
        };
        defined.name.starts_with('_') || self.used_anywhere.contains(&defined.name) || used()
    }
}

/// A function's name, and where its body begins and ends.
struct Function {
    name: ImmutableString,
    start: Position,
    end: Position,
}

/// The innermost function that a statement is directly in.
fn body_of(functions: &[Function], statement: Position) -> Body {
    let within = |function: &Function| {
        // A closure without braces is one expression, and ends nowhere.
        if function.end.is_none() {
            function.start == statement
        } else {
            function.start <= statement && statement <= function.end
        }
    };
    let around = functions.iter().enumerate().filter(|(_, function)| within(function));
    around.max_by_key(|(_, function)| function.start).map(|(index, _)| index)
}

fn ends_in_break(expression: &Expr) -> bool {
    matches!(expression, Expr::StringConstant(text, _) if text.ends_with("\\n"))
}

/// Where the string stands that the statement gives as its value.
fn string_of(statement: &Stmt) -> Option<Position> {
    match statement {
        Stmt::Expr(expression) => string_in(expression),
        Stmt::Return(Some(expression), flags, _) if !flags.contains(ASTFlags::BREAK) => {
            string_in(expression)
        }
        Stmt::Block(block) => block.iter().last().and_then(string_of),
        _ => None,
    }
}

fn string_in(expression: &Expr) -> Option<Position> {
    match expression {
        Expr::StringConstant(text, at) if !text.is_empty() => Some(*at),
        Expr::InterpolatedString(_, at) => Some(*at),
        Expr::Stmt(block) => block.iter().last().and_then(string_of),
        _ => None,
    }
}

/// The function of a closure that is written here.
fn closure_of(expression: &Expr) -> Option<ImmutableString> {
    match expression {
        Expr::DynamicConstant(value, _) => {
            value.read_lock::<FnPtr>().map(|pointer| pointer.fn_name().into())
        }
        // What it captures is shared first, and then given to it.
        Expr::Stmt(block) => block.iter().last().and_then(|last| match last {
            Stmt::Expr(expression) => closure_of(expression),
            Stmt::FnCall(call, _) => call.args.first().and_then(closure_of),
            _ => None,
        }),
        Expr::FnCall(call, _) => call.args.first().and_then(closure_of),
        _ => None,
    }
}
