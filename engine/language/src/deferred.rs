//! Computing deferred properties.

use rhai::Engine;
use serde_json::Value;
use toque_contract::graph::{Deferred, Instance};
use toque_core::diagnostic::Diagnostic;

use crate::closures;
use crate::interpreter::Interpreter;

/// Computes a deferred property.
/// # Errors
/// An exception of a closure in it, or a value that cannot leave the language.
pub(crate) fn evaluate(
    engine: &Engine,
    interpreter: &Interpreter,
    deferred: &Deferred,
) -> Result<Value, Diagnostic> {
    closures::evaluate(engine, interpreter, deferred, &|handed| {
        deferred_value(engine, interpreter, &handed.instance, &handed.property)
    })
}

/// A lazy property, computed and checked.
/// # Errors
/// What its closure threw, or why the value cannot be used.
pub(crate) fn deferred_value(
    engine: &Engine,
    interpreter: &Interpreter,
    instance: &Instance,
    property: &str,
) -> Result<Value, Diagnostic> {
    let deferred = instance.deferred.iter().find(|deferred| deferred.property == property);
    let deferred =
        deferred.ok_or_else(|| Diagnostic::error(format!("`{property}` is not computed late")))?;
    let value = evaluate(engine, interpreter, deferred)?;
    let definition = interpreter.kept.definitions.borrow().get(&instance.kind).cloned();
    match definition.as_ref().and_then(|definition| definition.properties.get(property)) {
        Some(declared) => declared.accept(engine, interpreter, property, value).map_err(|error| {
            let wrong = Diagnostic::error(format!("{}: {}", instance.kind, error.message))
                .at(deferred.span.clone());
            error.hint.into_iter().fold(wrong, Diagnostic::hint)
        }),
        None => Ok(value),
    }
}
