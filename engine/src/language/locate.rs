//! Finding the property that an error is about. Rhai knows only where the call begins, so the script is parsed again, on errors only.

use rhai::{AST, ASTNode, Engine, Expr, NativeCallContext, Position, Stmt};

use super::script;
use crate::diagnostic::Span;
use crate::session::Session;

/// The call that declared a resource.
pub(super) struct Place<'a> {
    pub source: Option<&'a str>,
    pub call: Position,
}

/// [`written`], for the call in progress.
pub(super) fn property(context: &NativeCallContext<'_>, session: &Session, path: &str) -> Option<Span> {
    let place = Place { source: context.call_source(), call: context.call_position() };
    written(context.engine(), session, &place, path)
}

/// Where `path` stands in the map that the call was given: the key of a property, or what lies below it, as far as it is written out:
/// `environment.PATH`, `only_if[1].user`.
pub(super) fn written(engine: &Engine, session: &Session, place: &Place<'_>, path: &str) -> Option<Span> {
    if path.is_empty() {
        return None;
    }
    let source = session.sources.borrow().get(place.source?).cloned()?;
    let ast = script::compile(engine, session, &source).ok()?;
    let position = position(&ast, place.call, path)?;
    session.span(place.source, position)
}

fn position(ast: &AST, call: Position, path: &str) -> Option<Position> {
    let mut found = None;
    ast.walk(&mut |nodes| {
        let call_at = match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(function, position)) | ASTNode::Stmt(Stmt::FnCall(function, position))) => {
                Some((function, *position))
            }
            Some(ASTNode::Expr(Expr::MethodCall(function, position))) => Some((function, *position)),
            _ => None,
        };
        if let Some((function, position)) = call_at
            && position == call
        {
            let maps = function.args.iter().filter(|argument| matches!(argument, Expr::Map(..)));
            found = found.or_else(|| maps.filter_map(|map| below(map, path)).next());
        }
        found.is_none()
    });
    found
}

/// Follows a path as far as the expression is written out.
fn below(expression: &Expr, path: &str) -> Option<Position> {
    let mut here = expression;
    let mut found = None;
    for part in path.split(['.', '[']) {
        let (next, position) = match here {
            Expr::Map(map, _) => {
                let Some((key, value)) = map.0.iter().find(|(key, _)| key.name == part) else { break };
                (value, key.pos)
            }
            Expr::Array(items, _) => {
                let Some(item) = part.strip_suffix(']').and_then(|index| items.get(index.parse::<usize>().ok()?)) else { break };
                (item, item.position())
            }
            _ => break,
        };
        (here, found) = (next, Some(position));
    }
    found
}
