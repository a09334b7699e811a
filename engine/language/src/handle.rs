//! The handle that a declaration returns: relations chain on it, and the resource can still be
//! changed by it.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, Map};

use crate::declare;
use crate::error::{Fallible, throw, throw_text, too_late};
use crate::interpreter::{CallContext, Changed, Interpreter};
use crate::script_values::Handle;
use toque_contract::graph::{Relation, Target, Timing};
use toque_core::diagnostic::Diagnostic;
use toque_core::name::ResourceId;

/// Which end of a relation the handle is.
#[derive(Clone, Copy)]
enum End {
    Notifies,
    Subscribes,
}

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    for (name, end) in [("notifies", End::Notifies), ("subscribes", End::Subscribes)] {
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>,
                  handle: &mut Handle,
                  action: ImmutableString,
                  target: Dynamic| {
                relate(&context, &s, handle, end, &action, target, "delayed")
            },
        );
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>,
                  handle: &mut Handle,
                  action: ImmutableString,
                  target: Dynamic,
                  timing: ImmutableString| {
                relate(&context, &s, handle, end, &action, target, &timing)
            },
        );
    }
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "set",
        move |context: CallContext<'_>, handle: &mut Handle, properties: Map| {
            too_late(&context, &s, "a resource cannot be changed")?;
            declare::set(&context, &s, handle.index, properties)?;
            Ok::<_, Box<rhai::EvalAltResult>>(handle.clone())
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "remove",
        move |context: CallContext<'_>, handle: &mut Handle| -> Fallible<()> {
            too_late(&context, &s, "a resource cannot be removed")?;
            s.graph.borrow_mut().remove(handle.index);
            Ok(())
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_get("changed", move |handle: &mut Handle| {
        match s.changed.borrow().get(&handle.index) {
            Some(Changed::Yes) => true,
            Some(Changed::Perhaps(causes)) => {
                s.view.doubt(causes.clone());
                true
            }
            None => false,
        }
    });
    engine.register_get("name", |handle: &mut Handle| handle.id.name.to_string());
    engine.register_fn("to_string", |handle: &mut Handle| handle.id.to_string());
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "resource",
        move |context: CallContext<'_>, name: ImmutableString| -> Fallible<Handle> {
            too_late(
                &context,
                &s,
                "a resource cannot be looked up (use the handle that its declaration returned)",
            )?;
            let span = s.here(&context);
            let graph = s.graph.borrow();
            match graph.find(&s.inputs.registry, &name, s.scope(), span.as_ref()) {
                Ok(index) => Ok(Handle { index, id: graph.resources[index].id.clone() }),
                Err(diagnostic) => Err(throw(
                    &context,
                    &s,
                    diagnostic.note("`resource` finds what was declared before it"),
                )),
            }
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "has_resource",
        move |context: CallContext<'_>, name: ImmutableString| -> Fallible<bool> {
            too_late(&context, &s, "a resource cannot be looked up")?;
            let id = ResourceId::parse(&name);
            Ok(id.is_some_and(|id| {
                !s.graph.borrow().named(&s.inputs.registry, &id, s.scope()).is_empty()
            }))
        },
    );
}

fn relate(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    handle: &Handle,
    end: End,
    action: &str,
    target: Dynamic,
    timing: &str,
) -> Fallible<Handle> {
    too_late(context, interpreter, "a notification cannot be added")?;
    let timing =
        Timing::named(timing).ok_or_else(|| throw(context, interpreter, unknown_timing(timing)))?;
    let other = match target.try_cast_result::<Handle>() {
        Ok(handle) => Target::Declared(handle.index),
        Err(target) if target.is_string() => Target::Named(target.to_string()),
        Err(target) => {
            let found = crate::type_names::plain_type(target.type_name());
            return Err(throw_text(
                context,
                interpreter,
                format!("a target is a resource or its name as \"kind[name]\", not {found}"),
            ));
        }
    };
    let this = Target::Declared(handle.index);
    let (from, to) = match end {
        End::Notifies => (this, other),
        End::Subscribes => (other, this),
    };
    let span = interpreter.here(context);
    interpreter.graph.borrow_mut().relations.push(Relation {
        from,
        to,
        action: action.to_owned(),
        timing,
        span,
        scope: interpreter.scope(),
        secrets: interpreter.secrets(),
    });
    Ok(handle.clone())
}

pub(crate) fn unknown_timing(name: &str) -> Diagnostic {
    let known = ["delayed", "immediately", "before"];
    Diagnostic::error(format!("there is no timing `{name}`")).suggest_or(
        name,
        known,
        || "it is \"delayed\", \"immediately\" or \"before\"",
    )
}
