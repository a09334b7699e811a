//! Closures that outlive their recipe. Rhai's closures are a name and shared variables; to be
//! called later they need the script they came from, and to keep the values they saw they need
//! copies.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map};
use serde_json::Value;

use crate::closure::{Closure, DeferredValue, Home};
use crate::error::diagnose;
use crate::interpreter::{CallContext, Interpreter};
use crate::script_stack::on_script_stack;
use crate::script_values::{DeferredProperty, This, from_json};
use crate::source_positions;
use crate::value::{Unevaluated, to_json, to_json_with};
use toque_contract::graph::Deferred;
use toque_contract::resource::ClosureId;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::property_error::PropertyError;

/// Closures that one holds, inside one another, and altogether. It has copies of what it saw, so
/// that one which holds another twice is twice as large, and one which holds itself has no end.
const DEEPEST: usize = 128;
const MOST: usize = 10_000;

/// The place that closures of one call come from.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
pub(crate) fn home(context: &CallContext<'_>) -> Home {
    Rc::new(context.store_data())
}

impl Closure {
    /// # Errors
    /// One that holds too many others.
    pub(crate) fn new(
        interpreter: &Interpreter,
        mut pointer: FnPtr,
        home: &Home,
        span: Option<Span>,
    ) -> Result<Self, PropertyError> {
        keep_values(&mut pointer, 0, &mut 0)?;
        Ok(Self { pointer, home: Rc::clone(home), this: this(interpreter), span })
    }
}

/// Keeps a closure for the rest of the run.
pub(crate) fn keep(interpreter: &Interpreter, closure: Closure) -> ClosureId {
    let mut closures = interpreter.kept.closures.borrow_mut();
    closures.push(closure);
    ClosureId(closures.len() - 1)
}

/// Keeps a property that holds closures, to be computed when its resource converges.
/// # Errors
/// A closure that holds too many others.
pub(crate) fn defer(
    interpreter: &Interpreter,
    property: &str,
    mut value: Dynamic,
    home: &Home,
    span: Option<Span>,
) -> Result<Deferred, PropertyError> {
    keep_values_in(&mut value, 0, &mut 0)
        .map_err(|error| PropertyError { property: property.to_owned(), ..error })?;
    let mut values = interpreter.kept.deferred.borrow_mut();
    values.push(DeferredValue { value, home: Rc::clone(home), this: this(interpreter) });
    Ok(Deferred { property: property.to_owned(), id: values.len() - 1, span })
}

/// The closure that a deferred property is, when it is nothing else.
pub(crate) fn closure_in(interpreter: &Interpreter, deferred: &Deferred) -> Option<Closure> {
    let DeferredValue { value, home, this } =
        interpreter.kept.deferred.borrow().get(deferred.id)?.clone();
    if let Some(handed) = value.read_lock::<DeferredProperty>() {
        return closure_of_property(interpreter, &handed);
    }
    let pointer = value.try_cast::<FnPtr>()?;
    Some(Closure { pointer, home, this, span: deferred.span.clone() })
}

/// The closure that a property of a custom resource is, when it is nothing else.
pub(crate) fn closure_of_property(
    interpreter: &Interpreter,
    handed: &DeferredProperty,
) -> Option<Closure> {
    let DeferredProperty { instance, property } = handed;
    closure_in(
        interpreter,
        instance.deferred.iter().find(|deferred| *deferred.property == **property)?,
    )
}

/// The custom resource whose action is in progress.
fn this(interpreter: &Interpreter) -> Option<This> {
    interpreter.progress.inside.borrow().last().map(|inside| This(Rc::clone(&inside.instance)))
}

/// Calls a closure that was kept.
/// # Errors
/// An exception of the closure, or a value that cannot leave the language.
pub(crate) fn call_by_id(
    engine: &Engine,
    interpreter: &Interpreter,
    closure: ClosureId,
    given: Option<&Value>,
) -> Result<Value, Diagnostic> {
    let kept = interpreter.kept.closures.borrow().get(closure.0).cloned();
    let Some(Closure { pointer, home, this, span }) = kept else {
        return Err(Diagnostic::error(format!("there is no closure {} in this run", closure.0)));
    };
    let value =
        run(engine, interpreter, &pointer, &home, this.as_ref(), Vec::new(), given.map(from_json))?;
    to_json(value).map_err(|message| {
        Diagnostic::error(format!("the closure gave no usable value: {message}")).at(span)
    })
}

/// The place where a path that begins with the property was written.
pub(crate) fn place(
    engine: &Engine,
    interpreter: &Interpreter,
    deferred: &Deferred,
    path: &str,
) -> Option<Span> {
    source_positions::written(engine, interpreter, deferred.span.as_ref()?, path)
}

/// Computes a deferred property. `handed` gives the values of properties of custom resources in it.
/// # Errors
/// An exception of a closure in it, or a value that cannot leave the language.
pub(crate) fn evaluate(
    engine: &Engine,
    interpreter: &Interpreter,
    deferred: &Deferred,
    handed: &dyn Fn(&DeferredProperty) -> Result<Value, Diagnostic>,
) -> Result<Value, Diagnostic> {
    let kept = interpreter.kept.deferred.borrow().get(deferred.id).cloned();
    let Some(DeferredValue { value, home, this }) = kept else {
        return Err(Diagnostic::error(format!("`{}` is not deferred", deferred.property)));
    };
    let mut thrown = None;
    let computed = to_json_with(value, &mut |late| {
        let computed = match late {
            Unevaluated::Closure(pointer) => {
                run(engine, interpreter, &pointer, &home, this.as_ref(), Vec::new(), None)
            }
            Unevaluated::DeferredProperty(value) => handed(&value).map(|value| from_json(&value)),
        };
        Some(computed.map_err(|diagnostic| {
            thrown = Some(diagnostic);
            String::new()
        }))
    });
    computed.map_err(|message| {
        let span = || {
            place(engine, interpreter, deferred, &deferred.property)
                .or_else(|| deferred.span.clone())
        };
        let plain = || {
            Diagnostic::error(format!("`{}` cannot be computed: {message}", deferred.property))
                .at(span())
        };
        thrown.unwrap_or_else(plain)
    })
}

/// Calls a closure with these arguments, as an action of `this` where there is one.
pub(crate) fn call_with(
    engine: &Engine,
    interpreter: &Interpreter,
    closure: &Closure,
    this: Option<&This>,
    arguments: Vec<Dynamic>,
) -> Result<Dynamic, Diagnostic> {
    run(engine, interpreter, &closure.pointer, &closure.home, this, arguments, None)
}

/// Calls a closure with these arguments; with `given` as well when it is not to be found without.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
fn run(
    engine: &Engine,
    interpreter: &Interpreter,
    pointer: &FnPtr,
    home: &Home,
    this: Option<&This>,
    mut arguments: Vec<Dynamic>,
    given: Option<Dynamic>,
) -> Result<Dynamic, Diagnostic> {
    let context = home.create_context(engine);
    let mut this = this.cloned().map(Dynamic::from);
    let mut call = |arguments| {
        on_script_stack(&interpreter.inputs.limits, || {
            pointer.call_raw(&context, this.as_mut(), arguments)
        })
    };
    let mut returned = call(arguments.clone())?;
    // What is not found inside it comes wrapped in the call.
    if let (Err(error), Some(given)) = (&returned, given)
        && matches!(&**error, EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.starts_with(pointer.fn_name()))
    {
        arguments.push(given);
        returned = call(arguments)?;
    }
    match interpreter.too_early.take() {
        Some(mistake) => Err(mistake),
        None => returned.map_err(|error| diagnose(interpreter, *error, home.source.as_deref())),
    }
}

/// Replaces what the closure shares with its recipe by copies of the values as they are now.
/// `depth` is how far inside it is, `count` how many closures were met.
fn keep_values(pointer: &mut FnPtr, depth: usize, count: &mut usize) -> Result<(), PropertyError> {
    *count += 1;
    if depth > DEEPEST || *count > MOST {
        let wrong = if depth > DEEPEST {
            format!("more than {DEEPEST} deep")
        } else {
            format!("more than {MOST} in one")
        };
        return Err(PropertyError::new("", format!("closures hold one another, {wrong}")).hint(
            "one of them probably uses the variable that holds it: give it a name of its own",
        ));
    }
    pointer.iter_curry_mut().try_for_each(|value| keep_values_in(value, depth + 1, count))
}

fn keep_values_in(
    value: &mut Dynamic,
    depth: usize,
    count: &mut usize,
) -> Result<(), PropertyError> {
    if value.is_shared() {
        *value = value.flatten_clone();
    }
    if let Some(mut pointer) = value.write_lock::<FnPtr>() {
        return keep_values(&mut pointer, depth, count);
    }
    if let Some(mut items) = value.write_lock::<Array>() {
        return items.iter_mut().try_for_each(|item| keep_values_in(item, depth, count));
    }
    if let Some(mut map) = value.write_lock::<Map>() {
        return map.values_mut().try_for_each(|value| keep_values_in(value, depth, count));
    }
    Ok(())
}
