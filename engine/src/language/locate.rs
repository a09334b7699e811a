//! Finding the property that an error is about. Rhai knows only where the call begins, so the script is parsed again, on errors only.

use rhai::{AST, ASTNode, Expr, NativeCallContext, Position, Stmt};

use super::script;
use crate::diagnostic::Span;
use crate::session::Session;

/// Where the key `property` stands in the map that the call in progress was given.
pub(super) fn property(context: &NativeCallContext<'_>, session: &Session, property: &str) -> Option<Span> {
    if property.is_empty() {
        return None;
    }
    let name = context.call_source()?;
    let source = session.sources.borrow().get(name).cloned()?;
    let ast = script::compile(context.engine(), session, &source).ok()?;
    let position = key_position(&ast, context.call_position(), property)?;
    session.span(Some(name), position)
}

fn key_position(ast: &AST, call: Position, property: &str) -> Option<Position> {
    let mut found = None;
    ast.walk(&mut |path| {
        let call_at = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(function, position)) | ASTNode::Stmt(Stmt::FnCall(function, position))) => {
                Some((function, *position))
            }
            _ => None,
        };
        if let Some((function, position)) = call_at
            && position == call
        {
            for argument in &function.args {
                if let Expr::Map(map, _) = argument {
                    found = found.or_else(|| map.0.iter().find(|(key, _)| key.name == property).map(|(key, _)| key.pos));
                }
            }
        }
        found.is_none()
    });
    found
}
