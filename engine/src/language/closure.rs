//! Closures that outlive their recipe. Rhai's closures are a name and shared variables; to be
//! called later they need the script they came from, and to keep the values they saw they need
//! copies.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext};
use serde_json::Value;

use super::custom::{Handed, This};
use super::error::diagnose;
use super::locate;
use super::value::{Late, from_json, to_json, to_json_with};
use crate::diagnostic::{Diagnostic, Span};
use crate::resource::PropertyError;
use crate::session::Session;

/// Closures that one holds, inside one another, and altogether. It has copies of what it saw, so
/// that one which holds another twice is twice as large, and one which holds itself has no end.
const DEEPEST: usize = 128;
const MOST: usize = 10_000;

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
    /// # Errors
    /// One that holds too many others.
    pub(super) fn new(
        session: &Session,
        mut pointer: FnPtr,
        home: &Home,
        span: Option<Span>,
    ) -> Result<Self, PropertyError> {
        keep_values(&mut pointer, 0, &mut 0)?;
        Ok(Self { pointer, home: Rc::clone(home), this: this(session), span })
    }
}

impl Lazy {
    /// # Errors
    /// A closure that holds too many others.
    pub(super) fn new(
        session: &Session,
        property: &str,
        mut value: Dynamic,
        home: &Home,
        span: Option<Span>,
    ) -> Result<Self, PropertyError> {
        keep_values_in(&mut value, 0, &mut 0)
            .map_err(|error| PropertyError { property: property.to_owned(), ..error })?;
        Ok(Self {
            property: property.to_owned(),
            value,
            home: Rc::clone(home),
            this: this(session),
            span,
        })
    }

    /// The closure that the property is, when it is nothing else.
    pub(super) fn closure(&self) -> Option<Closure> {
        if let Some(handed) = self.value.read_lock::<Handed>() {
            return handed.closure();
        }
        let pointer = self.value.clone().try_cast::<FnPtr>()?;
        Some(Closure {
            pointer,
            home: Rc::clone(&self.home),
            this: self.this.clone(),
            span: self.span.clone(),
        })
    }
}

/// The custom resource whose action is in progress.
fn this(session: &Session) -> Option<This> {
    session.inside.borrow().last().map(|inside| This(Rc::clone(&inside.instance)))
}

pub(super) fn call(
    engine: &Engine,
    session: &Session,
    closure: &Closure,
    given: Option<&Value>,
) -> Result<Value, Diagnostic> {
    let value = run(
        engine,
        session,
        &closure.pointer,
        &closure.home,
        closure.this.as_ref(),
        Vec::new(),
        given.map(from_json),
    )?;
    to_json(value).map_err(|message| {
        Diagnostic::error(format!("the closure gave no usable value: {message}"))
            .at(closure.span.clone())
    })
}

/// Where a path that begins with the property was written.
pub(super) fn place(engine: &Engine, session: &Session, lazy: &Lazy, path: &str) -> Option<Span> {
    locate::written(engine, session, lazy.span.as_ref()?, path)
}

pub(super) fn evaluate(
    engine: &Engine,
    session: &Session,
    lazy: &Lazy,
) -> Result<Value, Diagnostic> {
    let mut thrown = None;
    let computed = to_json_with(lazy.value.clone(), &mut |late| {
        let computed = match late {
            Late::Closure(pointer) => {
                run(engine, session, &pointer, &lazy.home, lazy.this.as_ref(), Vec::new(), None)
            }
            Late::Handed(handed) => handed.value(engine, session).map(|value| from_json(&value)),
        };
        Some(computed.map_err(|diagnostic| {
            thrown = Some(diagnostic);
            String::new()
        }))
    });
    computed.map_err(|message| {
        let span = || place(engine, session, lazy, &lazy.property).or(lazy.span.clone());
        let plain = || {
            Diagnostic::error(format!("`{}` cannot be computed: {message}", lazy.property))
                .at(span())
        };
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
    run(engine, session, &closure.pointer, &closure.home, this, arguments, None)
}

/// Calls a closure with these arguments; with `given` as well when it is not to be found without.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
fn run(
    engine: &Engine,
    session: &Session,
    pointer: &FnPtr,
    home: &Home,
    this: Option<&This>,
    mut arguments: Vec<Dynamic>,
    given: Option<Dynamic>,
) -> Result<Dynamic, Diagnostic> {
    let context = home.create_context(engine);
    let mut this = this.cloned().map(Dynamic::from);
    let mut returned = pointer.call_raw(&context, this.as_mut(), arguments.clone());
    // What is not found inside it comes wrapped in the call.
    if let (Err(error), Some(given)) = (&returned, given)
        && matches!(&**error, EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.starts_with(pointer.fn_name()))
    {
        arguments.push(given);
        returned = pointer.call_raw(&context, this.as_mut(), arguments);
    }
    match session.too_early.take() {
        Some(mistake) => Err(mistake),
        None => returned.map_err(|error| diagnose(session, *error, home.source.as_deref())),
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
