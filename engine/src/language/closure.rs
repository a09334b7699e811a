//! Closures that outlive their recipe. Rhai's closures are a name and shared variables; to be called later they need the script
//! they came from, and to keep the values they saw they need copies.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::Value;

use super::custom::{Handed, This};
use super::error::diagnose;
use super::locate;
use super::value::{Late, from_json, to_json, to_json_with};
use crate::diagnostic::{Diagnostic, Span};
use crate::session::Session;

/// The script, and the place in it, that a closure comes from.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
pub(super) type Home = Rc<rhai::NativeCallContextStore>;

/// A closure with what it needs to run later.
#[derive(Clone)]
pub struct Closure {
    pointer: FnPtr,
    home: Home,
    /// The custom resource whose action it was written in.
    this: Option<This>,
    /// Where the resource that holds it was declared.
    pub span: Option<Span>,
}

/// A property that holds closures: all of it is computed when the resource's turn comes.
#[derive(Clone)]
pub struct Lazy {
    pub property: String,
    value: Dynamic,
    home: Home,
    this: Option<This>,
    /// Where the resource that has the property was declared.
    pub span: Option<Span>,
}

/// The place that closures of one call come from.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
pub(super) fn home(context: &NativeCallContext<'_>) -> Home {
    Rc::new(context.store_data())
}

impl Closure {
    pub(super) fn new(session: &Session, mut pointer: FnPtr, home: &Home, span: Option<Span>) -> Self {
        keep_values(&mut pointer);
        Self { pointer, home: Rc::clone(home), this: this(session), span }
    }
}

impl Lazy {
    pub(super) fn new(session: &Session, property: String, mut value: Dynamic, home: &Home, span: Option<Span>) -> Self {
        keep_values_in(&mut value);
        Self { property, value, home: Rc::clone(home), this: this(session), span }
    }

    /// The closure that the property is, when it is nothing else.
    pub(super) fn closure(&self) -> Option<Closure> {
        if let Some(handed) = self.value.read_lock::<Handed>() {
            return handed.closure();
        }
        let pointer = self.value.clone().try_cast::<FnPtr>()?;
        Some(Closure { pointer, home: Rc::clone(&self.home), this: self.this.clone(), span: self.span.clone() })
    }
}

/// The custom resource whose action is in progress.
fn this(session: &Session) -> Option<This> {
    session.inside.borrow().last().map(|inside| This(Rc::clone(&inside.instance)))
}

pub(super) fn call(engine: &Engine, session: &Session, closure: &Closure) -> Result<Value, Diagnostic> {
    let value = call_with(engine, session, closure, closure.this.as_ref(), Vec::new())?;
    to_json(value)
        .map_err(|message| Diagnostic::error(format!("the closure gave no usable value: {message}")).at(closure.span.clone()))
}

/// Where a path that begins with the property was written.
pub(super) fn place(engine: &Engine, session: &Session, lazy: &Lazy, path: &str) -> Option<Span> {
    locate::written(engine, session, lazy.span.as_ref()?, path)
}

pub(super) fn evaluate(engine: &Engine, session: &Session, lazy: &Lazy) -> Result<Value, Diagnostic> {
    let mut thrown = None;
    let computed = to_json_with(lazy.value.clone(), &mut |late| {
        let computed = match late {
            Late::Closure(pointer) => run(engine, session, &pointer, &lazy.home, lazy.this.as_ref(), Vec::new()),
            Late::Handed(handed) => handed.value(engine, session).map(|value| from_json(&value)),
        };
        Some(computed.map_err(|diagnostic| {
            thrown = Some(diagnostic);
            String::new()
        }))
    });
    computed.map_err(|message| {
        let span = || place(engine, session, lazy, &lazy.property).or(lazy.span.clone());
        let plain = || Diagnostic::error(format!("`{}` cannot be computed: {message}", lazy.property)).at(span());
        thrown.unwrap_or_else(plain)
    })
}

/// Calls a closure with these arguments, as an action of `this` where there is one.
pub(super) fn call_with(
    engine: &Engine,
    session: &Session,
    closure: &Closure,
    this: Option<&This>,
    arguments: Vec<Dynamic>,
) -> Result<Dynamic, Diagnostic> {
    run(engine, session, &closure.pointer, &closure.home, this, arguments)
}

#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
fn run(
    engine: &Engine,
    session: &Session,
    pointer: &FnPtr,
    home: &Home,
    this: Option<&This>,
    arguments: Vec<Dynamic>,
) -> Result<Dynamic, Diagnostic> {
    let context = home.create_context(engine);
    let mut this = this.cloned().map(Dynamic::from);
    let returned = pointer.call_raw(&context, this.as_mut(), arguments);
    match session.too_early.take() {
        Some(mistake) => Err(mistake),
        None => returned.map_err(|error| diagnose(session, *error, home.source.as_deref())),
    }
}

/// Replaces what the closure shares with its recipe by copies of the values as they are now.
fn keep_values(pointer: &mut FnPtr) {
    for value in pointer.iter_curry_mut() {
        *value = value.flatten_clone();
        keep_values_in(value);
    }
}

fn keep_values_in(value: &mut Dynamic) {
    if value.is_shared() {
        *value = value.flatten_clone();
    }
    if let Some(mut pointer) = value.write_lock::<FnPtr>() {
        keep_values(&mut pointer);
        return;
    }
    if let Some(mut items) = value.write_lock::<Array>() {
        items.iter_mut().for_each(keep_values_in);
        return;
    }
    if let Some(mut map) = value.write_lock::<Map>() {
        map.values_mut().for_each(keep_values_in);
    }
}
