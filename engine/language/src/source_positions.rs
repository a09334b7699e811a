//! Finding the property that an error is about. Rhai knows only where the call begins, so the
//! script is parsed again, on errors only.

use rhai::{ASTNode, Engine, Expr, Position, Stmt};

use crate::interpreter::{CallContext, Interpreter};
use crate::script;
use toque_core::diagnostic::Span;

/// [`written`], for the call in progress.
pub(crate) fn property(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    path: &str,
) -> Option<Span> {
    let call = interpreter.here(context)?;
    written(context.engine(), interpreter, &call, path)
}

/// Where `path` stands in the map that the call was given: the key of a property, or what lies
/// below it, as far as it is written out: `environment.PATH`, `only_if[1].user`.
pub(crate) fn written(
    engine: &Engine,
    interpreter: &Interpreter,
    call: &Span,
    path: &str,
) -> Option<Span> {
    if path.is_empty() {
        return None;
    }
    let ast = script::compile(engine, interpreter, &call.source).ok()?;
    let place = |position| interpreter.span(Some(&call.source.name), position);
    let mut found = None;
    ast.walk(&mut |nodes| {
        let made = match nodes.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(made, at) | Expr::MethodCall(made, at))
                | ASTNode::Stmt(Stmt::FnCall(made, at)),
            ) => made
                .args
                .iter()
                .any(|argument| matches!(argument, Expr::Map(..)))
                .then_some((made, *at)),
            _ => None,
        };
        if let Some((made, at)) = made
            && place(at).is_some_and(|at| (at.line, at.column) == (call.line, call.column))
        {
            found = made.args.iter().find_map(|argument| below(argument, path));
        }
        found.is_none()
    });
    place(found?)
}

/// Follows a path as far as the expression is written out.
fn below(expression: &Expr, path: &str) -> Option<Position> {
    let mut here = expression;
    let mut found = None;
    for part in path.split(['.', '[']) {
        let (next, position) = match here {
            Expr::Map(map, _) => {
                let Some((key, value)) = map.0.iter().find(|(key, _)| key.name == part) else {
                    break;
                };
                (value, key.pos)
            }
            Expr::Array(items, _) => {
                let Some(item) = part
                    .strip_suffix(']')
                    .and_then(|index| items.get(index.parse::<usize>().ok()?))
                else {
                    break;
                };
                (item, item.position())
            }
            _ => break,
        };
        (here, found) = (next, Some(position));
    }
    found
}

/// Where an argument of the call in progress stands, by its number.
pub(crate) fn argument(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    number: usize,
) -> Option<Span> {
    let call = interpreter.here(context)?;
    let ast = script::compile(context.engine(), interpreter, &call.source).ok()?;
    let place = |position| interpreter.span(Some(&call.source.name), position);
    let mut found = None;
    ast.walk(&mut |nodes| {
        if let Some(ASTNode::Expr(Expr::FnCall(made, at)) | ASTNode::Stmt(Stmt::FnCall(made, at))) =
            nodes.last()
            && place(*at).is_some_and(|at| (at.line, at.column) == (call.line, call.column))
        {
            found = made.args.get(number).map(Expr::position);
        }
        found.is_none()
    });
    place(found?)
}
