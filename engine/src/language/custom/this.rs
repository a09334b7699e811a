//! One custom resource, and `this`: how its actions read its properties.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};
use serde_json::{Map, Value};

use super::super::closure::{self, Closure, Lazy};
use super::super::error::{Fallible, throw};
use super::super::value::from_json;
use super::{Secrets, definition};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::session::{Phase, Session};

/// A declared custom resource.
#[derive(Clone)]
pub struct Instance {
    pub kind: Rc<str>,
    /// The resource's name.
    pub name: Rc<str>,
    /// The properties as they were given.
    pub given: Map<String, Value>,
    /// The properties to use.
    pub values: Map<String, Value>,
    /// Those that are computed when they are needed.
    pub lazy: Vec<Lazy>,
    pub secrets: Secrets,
    /// How many custom resources it is inside of.
    pub depth: usize,
    /// Defaults that are computed have been.
    pub complete: bool,
}

impl Instance {
    /// Whether a property has a value, or will have one.
    pub(super) fn has(&self, property: &str) -> bool {
        self.values.get(property).is_some_and(|value| !value.is_null())
            || self.lazy.iter().any(|lazy| lazy.property == property)
    }
}

/// A `converge_if_changed`: what it compares, and whose.
pub struct Group {
    pub instance: Rc<Instance>,
    pub compared: Compared,
}

/// Which properties decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// All that `current` tells of.
    Told,
    Named(Vec<String>),
}

/// A custom resource in its own actions.
#[derive(Clone)]
pub(in super::super) struct This(pub Rc<Instance>);

/// A property that is computed late, on its way into another resource.
#[derive(Clone)]
pub(in super::super) struct Handed {
    instance: Rc<Instance>,
    property: Rc<str>,
}

impl Handed {
    /// The property's value, now.
    /// # Errors
    /// What its closure threw, or why the value cannot be used.
    pub fn value(&self, engine: &Engine, session: &Session) -> Result<Value, Diagnostic> {
        late_value(engine, session, &self.instance, &self.property)
    }

    /// The closure itself, when the property is nothing else.
    pub fn closure(&self) -> Option<Closure> {
        self.instance.lazy.iter().find(|lazy| *lazy.property == *self.property)?.closure()
    }
}

/// A lazy property, computed and checked.
/// # Errors
/// What its closure threw, or why the value cannot be used.
pub(super) fn late_value(
    engine: &Engine,
    session: &Session,
    instance: &Instance,
    property: &str,
) -> Result<Value, Diagnostic> {
    let lazy = instance.lazy.iter().find(|lazy| lazy.property == property);
    let lazy =
        lazy.ok_or_else(|| Diagnostic::error(format!("`{property}` is not computed late")))?;
    let value = closure::evaluate(engine, session, lazy)?;
    let kind = session.registry.kinds.get(&instance.kind);
    let declared = kind
        .and_then(|kind| definition(kind))
        .and_then(|definition| definition.properties.get(property));
    match declared {
        Some(declared) => declared.accept(engine, session, property, value).map_err(|error| {
            let wrong = Diagnostic::error(format!("{}: {}", instance.kind, error.message))
                .at(lazy.span.clone());
            error.hint.into_iter().fold(wrong, Diagnostic::hint)
        }),
        None => Ok(value),
    }
}

pub(super) fn register(engine: &mut Engine, session: &Rc<Session>) {
    let s = Rc::clone(session);
    engine.register_indexer_get(
        move |context: NativeCallContext<'_>,
              this: &mut This,
              key: ImmutableString|
              -> Fallible<Dynamic> { read(&context, &s, this, &key) },
    );
    engine.register_fn("to_string", |this: &mut This| format!("{}[{}]", this.0.kind, this.0.name));
    engine.register_fn("to_debug", |this: &mut This| format!("{}[{}]", this.0.kind, this.0.name));
    let noted = |s: &Session, context: &NativeCallContext<'_>, handed: &Handed| {
        let place = s.span(context.call_source(), context.call_position());
        s.too_early.borrow_mut().get_or_insert_with(|| too_early(&handed.property).at(place));
    };
    for text in ["to_string", "to_debug"] {
        let s = Rc::clone(session);
        engine.register_fn(text, move |context: NativeCallContext<'_>, handed: &mut Handed| {
            noted(&s, &context, handed);
            String::new()
        });
    }
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        let s = Rc::clone(session);
        engine.register_fn(
            operator,
            move |context: NativeCallContext<'_>, handed: Handed, _: Dynamic| {
                noted(&s, &context, &handed);
                false
            },
        );
        let s = Rc::clone(session);
        engine.register_fn(
            operator,
            move |context: NativeCallContext<'_>, _: Dynamic, handed: Handed| {
                noted(&s, &context, &handed);
                false
            },
        );
    }
}

fn read(
    context: &NativeCallContext<'_>,
    session: &Session,
    this: &This,
    key: &str,
) -> Fallible<Dynamic> {
    let instance = &this.0;
    if let Some(value) = instance.values.get(key) {
        return Ok(from_json(value));
    }
    if instance.lazy.iter().any(|lazy| lazy.property == key) {
        if session.phase.get() < Phase::Converge {
            return Ok(Dynamic::from(Handed {
                instance: Rc::clone(instance),
                property: key.into(),
            }));
        }
        let value = late_value(context.engine(), session, instance, key)
            .map_err(|mistake| throw(context, session, mistake))?;
        return Ok(from_json(&value));
    }
    if key == "name" {
        return Ok(Dynamic::from(ImmutableString::from(&*instance.name)));
    }
    let kind = session.registry.kinds.get(&instance.kind);
    if kind.is_some_and(|kind| kind.properties().any(|property| property == key)) {
        // Neither given nor with a default.
        return Ok(Dynamic::UNIT);
    }
    let properties: Vec<&str> =
        kind.iter().flat_map(|kind| kind.properties()).chain(["name"]).collect();
    let missing = Diagnostic::error(format!("`{}` has no property `{key}`", instance.kind));
    let hint = did_you_mean(key, properties.iter().copied()).unwrap_or_else(|| {
        format!(
            "it has {}",
            properties.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    });
    Err(throw(context, session, missing.hint(hint)))
}

fn too_early(property: &str) -> Diagnostic {
    Diagnostic::error(format!("`{property}` is a closure, and is not computed before its resource converges"))
        .hint(format!("hand it on whole (`property: this.{property}`), or read it in a closure (`|| … this.{property} …`)"))
}
