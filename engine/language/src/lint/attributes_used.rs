//! Which attributes a script reads, and which it sets, as far as they are written out.

use std::sync::Arc;

use rhai::{AST, ASTFlags, ASTNode, BinaryExpr, Expr, FnCallExpr, Position, Stmt};

use crate::interpreter::Interpreter;
use crate::known_attributes::Known;
use toque_core::diagnostic::{Source, Span};
use toque_data::attributes::parse_path;

/// The functions that set an attribute, by level.
const LEVELS: [&str; 5] = ["default", "force_default", "normal", "override", "force_override"];

/// What a script has to do with attributes.
#[derive(Default)]
pub struct AttributesUsed {
    /// The keys after `node`, and where the last one stands.
    pub reads: Vec<(Vec<String>, Span)>,
    /// What it sets, and what it asks for before it is read.
    pub known: Known,
}

pub(crate) fn attributes_used(
    interpreter: &Interpreter,
    source: &Arc<Source>,
    ast: &AST,
) -> AttributesUsed {
    let mut used = AttributesUsed::default();
    // A parameter or a loop can have the name, and then no reading is sure. A closure has those
    // that it captures too, so its bars tell.
    let parameter = |list: &str| list.split(',').any(|name| name.trim() == "node");
    let function = ast
        .iter_functions()
        .any(|function| !function.name.starts_with("anon$") && function.params.contains(&"node"));
    let mut renamed = function || source.text.split('|').any(parameter);
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::For(parts, _))) = path.last() {
            renamed |= parts.0.name == "node"
                || parts.1.as_ref().is_some_and(|second| second.name == "node");
        }
        !renamed
    });
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                if LEVELS.contains(&call.name.as_str())
                    && call.args.len() == 2
                    && call.namespace.path.is_empty()
                {
                    set(call, &mut used.known);
                }
                // `"key" in node.a` is a call with the map first.
                if let (
                    "contains",
                    [
                        Expr::Dot(map, flags, _) | Expr::Index(map, flags, _),
                        Expr::StringConstant(key, _),
                    ],
                ) = (call.name.as_str(), &call.args[..])
                    && let Some(mut asked) =
                        Chain::of(map, *flags, matches!(call.args[0], Expr::Index(..)))
                {
                    asked.keys.push((key.to_string(), Position::NONE));
                    used.known.open_below(asked.keys.iter().map(|(key, _)| key.as_str()));
                }
            }
            Some(ASTNode::Expr(
                expression @ (Expr::Dot(map, flags, _) | Expr::Index(map, flags, _)),
            )) => {
                let Some(chain) = Chain::of(map, *flags, matches!(expression, Expr::Index(..)))
                else {
                    return true;
                };
                if let Some(asked) = &chain.asked {
                    let keys = chain.keys.iter().map(|(key, _)| key.as_str());
                    used.known.open_below(keys.chain(asked.iter().map(String::as_str)));
                }
                let caught =
                    path.iter().any(|node| matches!(node, ASTNode::Stmt(Stmt::TryCatch(..))));
                if let (Some((_, at)), false, false) = (chain.keys.last(), renamed, caught)
                    && let Some(span) = interpreter.span(Some(&source.name), *at)
                {
                    used.reads
                        .push((chain.keys.iter().map(|(key, _)| key.clone()).collect(), span));
                }
            }
            _ => {}
        }
        true
    });
    used
}

/// `node.a["b"].get("c")`: the keys that are written out, and the path that is asked for in the
/// end.
struct Chain {
    keys: Vec<(String, Position)>,
    asked: Option<Vec<String>>,
}

impl Chain {
    /// Of an expression that begins with `node`.
    fn of(first: &BinaryExpr, flags: ASTFlags, index: bool) -> Option<Self> {
        if !matches!(&first.lhs, Expr::Variable(variable, ..) if variable.1 == "node" && variable.2.path.is_empty())
        {
            return None;
        }
        let mut chain = Self { keys: Vec::new(), asked: None };
        let (mut rest, mut flags, mut index) = (&first.rhs, flags, index);
        // What is read with `?.` may be absent.
        while !flags.contains(ASTFlags::NEGATED) {
            let (key, next) = match rest {
                Expr::Dot(more, next, _) if !flags.contains(ASTFlags::BREAK) => {
                    (&more.lhs, Some((&more.rhs, *next, false)))
                }
                Expr::Index(more, next, _) if !flags.contains(ASTFlags::BREAK) => {
                    (&more.lhs, Some((&more.rhs, *next, true)))
                }
                key => (key, None),
            };
            match key {
                Expr::Property(property, at) if !index => {
                    chain.keys.push((property.2.to_string(), *at));
                }
                Expr::StringConstant(key, at) if index => chain.keys.push((key.to_string(), *at)),
                Expr::MethodCall(call, _) if !index => {
                    chain.asked = asked_by(call);
                    break;
                }
                _ => break,
            }
            let Some((more, next_flags, next_index)) = next else { break };
            (rest, flags, index) = (more, next_flags, next_index);
        }
        Some(chain)
    }
}

/// The path of `get("a.b")`, `has("a.b")` or `contains("a")`.
fn asked_by(call: &FnCallExpr) -> Option<Vec<String>> {
    let path =
        call.args.first().filter(|_| ["get", "has", "contains"].contains(&call.name.as_str()))?;
    match path {
        Expr::StringConstant(key, _) if call.name == "contains" => Some(vec![key.to_string()]),
        Expr::StringConstant(path, _) => parse_path(path).ok(),
        // A path that is computed asks for all that is below.
        Expr::Array(..) | Expr::InterpolatedString(..) => Some(prefix(path)),
        _ => Some(Vec::new()),
    }
}

/// The keys of a path as far as they are written out.
fn prefix(path: &Expr) -> Vec<String> {
    match path {
        Expr::Array(items, _) => items
            .iter()
            .map_while(|item| {
                if let Expr::StringConstant(key, _) = item { Some(key.to_string()) } else { None }
            })
            .collect(),
        Expr::InterpolatedString(parts, _) => match parts.first() {
            // The key in which the first value is put is not known.
            Some(Expr::StringConstant(start, _)) => start
                .rsplit_once('.')
                .map_or(Vec::new(), |(keys, _)| keys.split('.').map(str::to_owned).collect()),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// `default("a.b", value)`.
fn set(call: &FnCallExpr, known: &mut Known) {
    let (path, whole) = match &call.args[0] {
        Expr::StringConstant(path, _) => (parse_path(path).unwrap_or_default(), true),
        array @ Expr::Array(items, _) => {
            let path = prefix(array);
            let whole = path.len() == items.len();
            (path, whole)
        }
        other => (prefix(other), false),
    };
    let here = known.at(path.iter().map(String::as_str));
    if whole { value(&call.args[1], here) } else { here.open = true }
}

fn value(expression: &Expr, known: &mut Known) {
    match expression {
        Expr::Map(map, _) => {
            for (key, inner) in &map.0 {
                value(inner, known.at([key.name.as_str()]));
            }
        }
        _ => known.open = true,
    }
}
