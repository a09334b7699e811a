//! One custom resource, and `this`: how its actions read its properties.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString};

use crate::deferred::deferred_value;
use crate::error::{Fallible, throw};
use crate::interpreter::{CallContext, Interpreter, Phase};
use crate::script_values::{DeferredProperty, This, from_json};
use toque_core::diagnostic::Diagnostic;

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_indexer_get(
        move |context: CallContext<'_>,
              this: &mut This,
              key: ImmutableString|
              -> Fallible<Dynamic> { read(&context, &s, this, &key) },
    );
    engine.register_fn("to_string", |this: &mut This| format!("{}[{}]", this.0.kind, this.0.name));
    engine.register_fn("to_debug", |this: &mut This| format!("{}[{}]", this.0.kind, this.0.name));
    let noted = |s: &Interpreter, context: &CallContext<'_>, handed: &DeferredProperty| {
        let place = s.here(context);
        s.too_early.borrow_mut().get_or_insert_with(|| too_early(&handed.property).at(place));
    };
    for text in ["to_string", "to_debug"] {
        let s = Rc::clone(interpreter);
        engine.register_fn(text, move |context: CallContext<'_>, handed: &mut DeferredProperty| {
            noted(&s, &context, handed);
            String::new()
        });
    }
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        let s = Rc::clone(interpreter);
        engine.register_fn(
            operator,
            move |context: CallContext<'_>, handed: DeferredProperty, _: Dynamic| {
                noted(&s, &context, &handed);
                false
            },
        );
        let s = Rc::clone(interpreter);
        engine.register_fn(
            operator,
            move |context: CallContext<'_>, _: Dynamic, handed: DeferredProperty| {
                noted(&s, &context, &handed);
                false
            },
        );
    }
}

fn read(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    this: &This,
    key: &str,
) -> Fallible<Dynamic> {
    let instance = &this.0;
    if let Some(value) = instance.values.get(key) {
        return Ok(from_json(value));
    }
    if instance.deferred.iter().any(|deferred| deferred.property == key) {
        if interpreter.progress.phase.get() < Phase::Converge {
            return Ok(Dynamic::from(DeferredProperty {
                instance: Rc::clone(instance),
                property: key.into(),
            }));
        }
        let value = deferred_value(context.engine(), interpreter, instance, key)
            .map_err(|mistake| throw(context, interpreter, mistake))?;
        return Ok(from_json(&value));
    }
    if key == "name" {
        return Ok(Dynamic::from(ImmutableString::from(&*instance.name)));
    }
    let kind = interpreter.inputs.registry.kinds.get(&instance.kind);
    if kind.is_some_and(|kind| kind.properties().any(|property| property == key)) {
        // Neither given nor with a default.
        return Ok(Dynamic::UNIT);
    }
    let properties: Vec<&str> =
        kind.iter().flat_map(|kind| kind.properties()).chain(["name"]).collect();
    let missing = Diagnostic::error(format!("`{}` has no property `{key}`", instance.kind));
    let missing = missing.suggest_or(key, properties.iter().copied(), || {
        format!(
            "it has {}",
            properties.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    });
    Err(throw(context, interpreter, missing))
}

fn too_early(property: &str) -> Diagnostic {
    Diagnostic::error(format!("`{property}` is a closure, and is not computed before its resource converges"))
        .hint(format!("hand it on whole (`property: this.{property}`), or read it in a closure (`|| … this.{property} …`)"))
}
