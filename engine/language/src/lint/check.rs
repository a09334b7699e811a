//! What can be told of a script without running it: calls of what does not exist, and properties
//! and actions that a kind has not, also in branches that are never taken.

use std::collections::HashSet;
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use crate::error::unknown_word;
use crate::handle::unknown_timing;
use crate::interpreter::Interpreter;
use crate::lint::attributes_used::{AttributesUsed, attributes_used};
use crate::lint::warnings;
use crate::{COMMON, script};
use toque_contract::graph::{ActionRef, Timing, actions_hint};
use toque_contract::registry::Kind;
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::name::{RecipeName, ResourceId};

/// What a look at a script told.
#[derive(Default)]
pub struct Looked {
    pub mistakes: Vec<Diagnostic>,
    /// The recipes that it names in `include_recipe`, as written.
    pub includes: Vec<String>,
    pub attributes: AttributesUsed,
}

/// `lenient` parses also what uses variables that nothing defines, so that such a slip does not
/// hide what else is wrong.
pub(crate) fn look(
    engine: &Engine,
    lenient: &Engine,
    interpreter: &Interpreter,
    source: &Arc<Source>,
) -> Looked {
    interpreter.sources.texts.borrow_mut().insert(source.name.clone(), Arc::clone(source));
    let mut looked = Looked::default();
    let ast = match script::parse(engine, interpreter, source, &source.text) {
        Ok(ast) => ast,
        Err((mistake, variable)) => {
            looked.mistakes.push(mistake);
            match script::parse(lenient, interpreter, source, &source.text) {
                Ok(ast) if variable => ast,
                _ => return looked,
            }
        }
    };
    looked.mistakes.extend(script::oddities(interpreter, source, &ast));
    looked.mistakes.extend(warnings::warnings(interpreter, source, &ast));
    looked.attributes = attributes_used(interpreter, source, &ast);
    let known = function_names(engine, &ast);
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                function_call(interpreter, source, &known, call, *at, &mut looked);
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                method_call(interpreter, source, call, &mut looked);
            }
            _ => {}
        }
        true
    });
    looked
}

/// Every name that a call may have: what is registered, and what the script defines.
fn function_names(engine: &Engine, ast: &AST) -> HashSet<String> {
    let mut names: HashSet<String> = engine
        .collect_fn_metadata(None, |function| Some(function.metadata.name.to_string()), true)
        .into_iter()
        .collect();
    names.extend(ast.iter_functions().map(|function| function.name.to_owned()));
    // These are part of Rhai's grammar. No recipe writes `curry`, but a closure that captures is
    // parsed as a call of it.
    names.extend(
        [
            "Fn",
            "call",
            "curry",
            "is_shared",
            "is_def_var",
            "is_def_fn",
            "type_of",
            "print",
            "debug",
        ]
        .map(str::to_owned),
    );
    names
}

fn function_call(
    interpreter: &Interpreter,
    source: &Arc<Source>,
    known: &HashSet<String>,
    call: &FnCallExpr,
    at: Position,
    looked: &mut Looked,
) {
    if call.op_token.is_some() || !call.namespace.is_empty() {
        return;
    }
    let name = call.name.as_str();
    let place = |position| interpreter.span(Some(&source.name), position);
    if let Some(kind) = interpreter.inputs.registry.kinds.get(name) {
        if let Some(Expr::Map(properties, _)) = call.args.get(1) {
            for (key, value) in &properties.0 {
                property(kind, key.name.as_str(), value, key.pos, &place, looked);
            }
        }
    } else if name == "include_recipe" {
        if let Some(Expr::StringConstant(recipe, _)) = call.args.first() {
            looked.includes.push(recipe.to_string());
            let own = source.path.as_deref().and_then(|path| owner(interpreter, path));
            if let Some(mistake) = own.and_then(|own| unknown_recipe(interpreter, recipe, &own)) {
                looked.mistakes.push(mistake.at(place(at)));
            }
        }
    } else if !known.contains(name) && !name.starts_with("anon$") {
        looked.mistakes.push(unknown_word(interpreter, name).at(place(at)));
    }
}

fn property(
    kind: &Kind,
    name: &str,
    value: &Expr,
    at: Position,
    place: &dyn Fn(Position) -> Option<toque_core::diagnostic::Span>,
    looked: &mut Looked,
) {
    if name == "action" {
        let actions = match value {
            Expr::Array(items, _) => items.iter().collect(),
            one => vec![one],
        };
        for action in actions {
            if let Expr::StringConstant(action, at) = action
                && ActionRef::named(kind, action).is_none()
            {
                let mistake =
                    Diagnostic::error(format!("`{}` has no action `{action}`", kind.name))
                        .at(place(*at));
                looked.mistakes.push(mistake.hint(actions_hint(kind, action)));
            }
        }
    } else if kind.schema()["properties"].get(name).is_none()
        && !COMMON.iter().any(|(known, ..)| *known == name)
    {
        let known = kind.properties().chain(COMMON.iter().map(|(known, ..)| *known));
        let mistake =
            Diagnostic::error(format!("`{}` has no property `{name}`", kind.name)).at(place(at));
        looked.mistakes.push(mistake.suggest_or(name, known, || {
            format!("`toque resource show {}` lists its properties", kind.name)
        }));
    }
}

/// The cookbook that a script belongs to.
fn owner(interpreter: &Interpreter, path: &std::path::Path) -> Option<String> {
    interpreter
        .inputs
        .cookbooks
        .values()
        .find(|cookbook| path.starts_with(&cookbook.root))
        .map(|cookbook| cookbook.manifest.name.clone())
}

/// A recipe that is included by name and is not there.
fn unknown_recipe(interpreter: &Interpreter, text: &str, own: &str) -> Option<Diagnostic> {
    let name = match RecipeName::parse(text, Some(own)) {
        Ok(name) => name,
        Err(wrong) => return Some(Diagnostic::error(wrong)),
    };
    match interpreter.inputs.cookbooks.get(&name.cookbook) {
        Some(cookbook) => cookbook.find_recipe(&name.recipe).err(),
        None => Some(script::undeclared(own, &name)),
    }
}

/// `.notifies("action", "kind[name]")` and its like, where both are written out.
fn method_call(
    interpreter: &Interpreter,
    source: &Arc<Source>,
    call: &FnCallExpr,
    looked: &mut Looked,
) {
    let relation = ["notifies", "subscribes"].contains(&call.name.as_str());
    let [Expr::StringConstant(action, action_at), Expr::StringConstant(target, target_at), ..] =
        &call.args[..]
    else {
        return;
    };
    if !relation {
        return;
    }
    let place = |position: &Position| interpreter.span(Some(&source.name), *position);
    if let Some(Expr::StringConstant(timing, at)) = call.args.get(2)
        && Timing::named(timing).is_none()
    {
        looked.mistakes.push(unknown_timing(timing).at(place(at)));
    }
    let Some(kind) = ResourceId::parse(target).map(|id| id.kind) else {
        let mistake =
            Diagnostic::error(format!("`{target}` names no resource")).at(place(target_at));
        looked.mistakes.push(mistake.hint("write it as `kind[name]`, such as `service[nginx]`"));
        return;
    };
    match interpreter.inputs.registry.kinds.get(&*kind) {
        None => looked.mistakes.push(unknown_word(interpreter, &kind).at(place(target_at))),
        // A subscription's action is one of the resource itself, which the call alone does not
        // tell.
        Some(found) if call.name == "notifies" && ActionRef::named(found, action).is_none() => {
            let mistake = Diagnostic::error(format!("`{kind}` has no action `{action}`"))
                .at(place(action_at));
            looked.mistakes.push(mistake.hint(actions_hint(found, action)));
        }
        Some(_) => {}
    }
}
