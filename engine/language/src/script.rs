//! Scripts: read, parsed, checked for what Rhai would accept and a recipe must not mean, and run.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, Module, Position, Scope, ScriptFnMetadata, Stmt};

use crate::error::{diagnose, syntax};
use crate::function_table;
use crate::interpreter::{Inserted, Interpreter};
use crate::node_view::{PAIR_KEY, PAIR_VALUE};
use crate::script_stack::on_script_stack;
use crate::script_values::NodeView;
use crate::template::{BLOCKS, HELPERS};
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::name::RecipeName;
use toque_core::read_text::read_text;
use toque_data::cookbook;

/// Properties that are modes: a decimal number there is a slip that Rhai cannot see.
pub(crate) const MODES: [&str; 4] = ["mode", "umask", "files_mode", "file_mode"];

/// Runs a recipe once per run. Says whether it ran now.
pub(crate) fn include(
    engine: &Engine,
    interpreter: &Interpreter,
    name: &RecipeName,
) -> Result<bool, Diagnostic> {
    let cookbook = cookbook::get(&interpreter.inputs.cookbooks, &name.cookbook)?;
    let path = cookbook.find_recipe(&name.recipe)?;
    if !interpreter.progress.included.borrow_mut().insert(name.clone()) {
        return Ok(false);
    }
    run_file(engine, interpreter, name, &path)?;
    Ok(true)
}

/// A recipe of a cookbook that is no dependency.
pub(crate) fn undeclared(own: &str, name: &RecipeName) -> Diagnostic {
    Diagnostic::error(format!("`{own}` includes `{name}` without depending on `{}`", name.cookbook))
        .hint(dependency_hint(own, &name.cookbook))
}

/// How a cookbook is made a dependency of another.
pub(crate) fn dependency_hint(own: &str, cookbook: &str) -> String {
    format!("add `{cookbook} = \">= 0\"` to [dependencies] of cookbooks/{own}/cookbook.toml")
}

pub(crate) fn run_file(
    engine: &Engine,
    interpreter: &Interpreter,
    name: &RecipeName,
    path: &Path,
) -> Result<(), Diagnostic> {
    let source = read(interpreter, path)?;
    run(engine, interpreter, name, &source)
}

/// Runs a script as the recipe of this name.
pub(crate) fn run(
    engine: &Engine,
    interpreter: &Interpreter,
    name: &RecipeName,
    source: &Arc<Source>,
) -> Result<(), Diagnostic> {
    if interpreter.progress.recipes.borrow().len() >= interpreter.inputs.limits.depth {
        return Err(Diagnostic::error(format!(
            "recipes include one another more than {} deep",
            interpreter.inputs.limits.depth
        ))
        .hint("one of them probably includes itself by way of others"));
    }
    interpreter.sources.texts.borrow_mut().insert(source.name.clone(), Arc::clone(source));
    let ast = compile(engine, interpreter, source)?;
    interpreter.progress.recipes.borrow_mut().push(Rc::new(name.clone()));
    let result = on_script_stack(&interpreter.inputs.limits, || {
        engine.run_ast_with_scope(&mut scope(), &ast)
    });
    interpreter.progress.recipes.borrow_mut().pop();
    result?.map_err(|error| diagnose(interpreter, *error, Some(&source.name)))
}

/// Compiles a library into a module.
pub(crate) fn load_library(
    engine: &Engine,
    interpreter: &Interpreter,
    path: &Path,
) -> Result<Module, Diagnostic> {
    let source = read(interpreter, path)?;
    let ast = compile(engine, interpreter, &source)?;
    on_script_stack(&interpreter.inputs.limits, || Module::eval_ast_as_new(scope(), &ast, engine))?
        .map_err(|error| diagnose(interpreter, *error, Some(&source.name)))
}

/// Reads a script for running.
/// # Errors
/// A syntax error; a function that would hide one of the language; a mode in decimal.
pub(crate) fn compile(
    engine: &Engine,
    interpreter: &Interpreter,
    source: &Arc<Source>,
) -> Result<AST, Diagnostic> {
    let mut ast =
        parse(engine, interpreter, source, &source.text).map_err(|(mistake, _)| mistake)?;
    if let Some(mistake) = oddities(interpreter, source, &ast).into_iter().next() {
        return Err(mistake);
    }
    let loops = pair_loops(&ast);
    if !loops.is_empty() {
        let (text, inserted) = with_pairs(&source.text, loops);
        interpreter.sources.inserted.borrow_mut().insert(source.name.clone(), inserted);
        ast = parse(engine, interpreter, source, &text).map_err(|(mistake, _)| mistake)?;
    }
    ast.set_source(&source.name);
    Ok(ast)
}

/// Parses a text.
/// # Errors
/// The first syntax error, and whether it is only a variable that nothing defines.
pub(crate) fn parse(
    engine: &Engine,
    interpreter: &Interpreter,
    source: &Arc<Source>,
    text: &str,
) -> Result<AST, (Diagnostic, bool)> {
    if let Some(place) = open_comment(engine, source) {
        return Err((
            Diagnostic::error("syntax error: the comment is not closed")
                .at(place)
                .hint("close it with `*/`"),
            false,
        ));
    }
    if let Some(place) = stray_return(source) {
        let stray =
            Diagnostic::error("syntax error: a carriage return stands here and ends no line")
                .at(place);
        return Err((stray.hint("take it out; a text that needs one has it as \"\\r\""), false));
    }
    engine.compile_with_scope(&scope(), text).map_err(|error| {
        let place =
            interpreter.span(Some(&source.name), error.position()).unwrap_or_else(|| start(source));
        let variable = matches!(error.err_type(), rhai::ParseErrorType::VariableUndefined(_));
        (syntax(error.err_type()).at(place), variable)
    })
}

/// Where a comment begins that does not end: Rhai takes the rest of the script for a part of it.
fn open_comment(engine: &Engine, source: &Arc<Source>) -> Option<Span> {
    // What is at the end of a text: how many comments are open.
    let depth = |text: &str| {
        let text = text.to_owned();
        let (mut tokens, _) = engine.lex([&text]);
        tokens.by_ref().take_while(|(token, _)| *token != rhai::Token::EOF).for_each(drop);
        tokens.state.comment_level
    };
    let text = &source.text;
    if !text.contains("/*") || depth(text) == 0 {
        return None;
    }
    let (at, _) = text.rmatch_indices("/*").find(|(at, _)| depth(&text[..*at]) == 0)?;
    Some(place(source, at, 2))
}

/// Rhai counts a line where a carriage return stands alone, and nobody else does: its positions
/// would mean another text.
fn stray_return(source: &Arc<Source>) -> Option<Span> {
    let mut returns = source.text.match_indices('\r').map(|(at, _)| at);
    let at = returns.find(|at| source.text.as_bytes().get(at + 1) != Some(&b'\n'))?;
    Some(place(source, at, 1))
}

fn place(source: &Arc<Source>, at: usize, length: usize) -> Span {
    let before = &source.text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Span { source: Arc::clone(source), line, column, length: Some(length) }
}

/// What Rhai accepts and a recipe must not mean.
pub(crate) fn oddities(
    interpreter: &Interpreter,
    source: &Arc<Source>,
    ast: &AST,
) -> Vec<Diagnostic> {
    let span = |function: &ScriptFnMetadata<'_>| {
        function_span(source, function.name, function.params.len()).unwrap_or_else(|| start(source))
    };
    let hiding = hiding_functions(interpreter, ast).into_iter().map(|function| {
        let name = function.name;
        Diagnostic::error(format!("the function `{name}` would hide `{name}` of the language"))
            .at(span(&function))
            .hint("give it another name")
    });
    let helpers = hidden_helpers(source, ast).into_iter().map(|function| {
        let name = function.name;
        Diagnostic::error(format!("templates of the cookbook could not call `{name}`: it is a helper that they always have"))
            .at(span(&function))
            .hint("give the function another name, or make it `private` if only its library calls it")
    });
    let decimal = decimal_modes(ast, source).into_iter().map(|(position, number)| {
        Diagnostic::error(format!("{number} is a decimal number, not a mode"))
            .at(interpreter.span(Some(&source.name), position))
            .hint(if looks_octal(number) {
                format!("write \"{number:04}\" or 0o{number}")
            } else {
                "write up to four octal digits, such as \"0644\" or 0o644".to_owned()
            })
    });
    hiding.chain(helpers).chain(decimal).collect()
}

/// Every script sees `node` (strict variables ask for it at compile time) and nothing else.
fn scope() -> Scope<'static> {
    let mut scope = Scope::new();
    scope.push_constant("node", NodeView::Root);
    scope
}

/// The text of a script, remembered for positions.
pub(crate) fn read(interpreter: &Interpreter, path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let text = read_text(path).map_err(|error| {
        let cause = toque_core::failure::plain_io(&error);
        Diagnostic::error(format!("cannot read `{}`: {cause}", path.display()))
    })?;
    Ok(interpreter.add_source(&cookbook::shown(path), Some(path.to_owned()), text))
}

pub(crate) fn start(source: &Arc<Source>) -> Span {
    Span { source: Arc::clone(source), line: 1, column: 1, length: Some(1) }
}

/// A script's function silently takes the place of a native one of the same name.
fn hiding_functions<'a>(interpreter: &Interpreter, ast: &'a AST) -> Vec<ScriptFnMetadata<'a>> {
    let known = |name: &str| {
        interpreter.inputs.registry.kinds.contains_key(name) || function_table::is_function(name)
    };
    ast.iter_functions().filter(|function| known(function.name)).collect()
}

/// Functions of a library that have the name of a built-in helper of templates.
fn hidden_helpers<'a>(source: &Source, ast: &'a AST) -> Vec<ScriptFnMetadata<'a>> {
    let folder = source.path.as_deref().and_then(Path::parent).and_then(Path::file_name);
    if folder.is_none_or(|folder| folder != "libraries") {
        return Vec::new();
    }
    let public = ast.iter_functions().filter(|function| function.access == rhai::FnAccess::Public);
    public
        .filter(|function| HELPERS.contains(&function.name) || BLOCKS.contains(&function.name))
        .collect()
}

/// Where a function's name stands in its definition; of functions of one name, the one with so many
/// parameters.
pub(crate) fn function_span(source: &Arc<Source>, name: &str, parameters: usize) -> Option<Span> {
    let mut spans = source.text.lines().enumerate().filter_map(|(index, line)| {
        let at = line.find(&format!("fn {name}"))?;
        let listed = line[at + 3 + name.len()..]
            .trim_start()
            .strip_prefix('(')?
            .split(')')
            .next()
            .unwrap_or_default();
        let count = listed.split(',').filter(|parameter| !parameter.trim().is_empty()).count();
        let column = line[..at].chars().count() + 4;
        Some((
            count,
            Span {
                source: Arc::clone(source),
                line: index + 1,
                column,
                length: Some(name.chars().count()),
            },
        ))
    });
    let first = spans.next()?;
    let fitting =
        if first.0 == parameters { None } else { spans.find(|(count, _)| *count == parameters) };
    Some(fitting.unwrap_or(first).1)
}

/// A property such as `mode: 644`: the literal is decimal, where an octal number was meant.
fn decimal_modes(ast: &AST, source: &Source) -> Vec<(Position, i64)> {
    let mut found = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Map(map, _))) = path.last() {
            for (key, value) in &map.0 {
                if MODES.contains(&key.name.as_str())
                    && let Expr::IntegerConstant(number, position) = value
                    && *number > 7
                    && is_decimal(source, *position)
                {
                    found.push((*position, *number));
                }
            }
        }
        true
    });
    found
}

/// 644, 755, 1777: digits as modes have them.
pub(crate) fn looks_octal(number: i64) -> bool {
    (0..=7777).contains(&number) && number.to_string().bytes().all(|digit| digit < b'8')
}

/// What stands here.
pub(crate) fn character(source: &Source, position: Position) -> Option<char> {
    source
        .text
        .lines()
        .nth(position.line()?.checked_sub(1)?)?
        .chars()
        .nth(position.position()?.checked_sub(1)?)
}

/// Whether the number that stands here is written in decimal.
pub(crate) fn is_decimal(source: &Source, position: Position) -> bool {
    let (Some(line), Some(column)) = (position.line(), position.position()) else { return false };
    let start: Option<String> = source
        .text
        .lines()
        .nth(line - 1)
        .map(|line| line.chars().skip(column - 1).take(2).collect());
    start.is_some_and(|start| !["0o", "0x", "0b"].contains(&start.to_lowercase().as_str()))
}

/// A loop of two variables: where its body begins, and the variables.
struct PairLoop {
    body: Position,
    key: String,
    value: String,
}

fn pair_loops(ast: &AST) -> Vec<PairLoop> {
    let mut loops = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::For(parts, _))) = path.last() {
            let (key, value, flow) = &**parts;
            if let Some(value) = value {
                loops.push(PairLoop {
                    body: flow.body.position(),
                    key: key.name.to_string(),
                    value: value.name.to_string(),
                });
            }
        }
        true
    });
    loops
}

/// Rhai's `for (x, i) in …` counts; over a map the second variable is to be the value. So each such
/// body begins by taking the pair apart. What is put in stands on the line of the opening brace, so
/// that lines keep their numbers.
fn with_pairs(text: &str, mut loops: Vec<PairLoop>) -> (String, Vec<Inserted>) {
    // From the end, so that what is put in moves nothing that is still to be found.
    loops.sort_by_key(|pair| std::cmp::Reverse((pair.body.line(), pair.body.position())));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut inserted = Vec::new();
    for PairLoop { body, key, value } in loops {
        let (Some(line), Some(column)) = (body.line(), body.position()) else { continue };
        let Some(text) = lines.get_mut(line - 1) else { continue };
        if let Some((at, '{')) = text.char_indices().nth(column - 1) {
            let taken_apart =
                format!(" {value} = {PAIR_VALUE}({key}, {value}); {key} = {PAIR_KEY}({key}); ");
            inserted.push(Inserted { line, column, length: taken_apart.chars().count() });
            text.insert_str(at + 1, &taken_apart);
        }
    }
    inserted.reverse();
    (lines.join("\n"), inserted)
}
