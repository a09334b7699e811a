//! Closures of scripts that are called after their script has ended.

use std::rc::Rc;

use rhai::{Dynamic, FnPtr};
use toque_core::diagnostic::Span;

use crate::script_values::This;

/// The script, and the place in it, that a closure comes from.
#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
pub(crate) type Home = Rc<rhai::NativeCallContextStore>;

/// A closure with what it needs to run later.
#[derive(Clone)]
pub struct Closure {
    pub(crate) pointer: FnPtr,
    pub home: Home,
    /// The custom resource whose action it was written in.
    pub(crate) this: Option<This>,
    /// Where the resource that holds it was declared.
    pub span: Option<Span>,
}

/// What a deferred property is computed from.
#[derive(Clone)]
pub struct DeferredValue {
    pub value: Dynamic,
    pub home: Home,
    pub(crate) this: Option<This>,
}
