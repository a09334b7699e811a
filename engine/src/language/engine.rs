//! Rhai with everything taken out that a recipe must not do, and limits that hold.

use std::rc::Rc;
use std::time::Instant;

use rhai::{Dynamic, Engine, OptimizationLevel, Token};

use super::{custom, data, functions, handle, kinds, library, node_view, search, stack};
use crate::session::{Phase, Session};

/// Words that Rhai reserves without using them, and that recipes need: as functions (`package`) or
/// as keys (`default`).
const UNRESERVED: [&str; 37] = [
    "package",
    "default",
    "with",
    "new",
    "use",
    "public",
    "protected",
    "module",
    "match",
    "case",
    "static",
    "shared",
    "thread",
    "is",
    "var",
    "void",
    "null",
    "nil",
    "sync",
    "go",
    "spawn",
    "super",
    "async",
    "await",
    "yield",
    "goto",
    "print",
    "debug",
    "from",
    "exit",
    "auto",
    "namespace",
    "virtual",
    "final",
    "begin",
    "end",
    "where",
];

/// What stops a script from outside; the token that the progress callback returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Halt {
    Time,
    Operations,
    Stopped,
}

pub(super) fn build(session: &Rc<Session>) -> Engine {
    let mut engine = Engine::new();
    // Rhai's optimiser panics on `const M = #{}; M.a = 1`.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.disable_symbol("eval");
    // No limit counts what a closure was given: `f = f.curry(f)` in a loop fills all memory.
    engine.disable_symbol("curry");
    let limits = session.limits;
    engine.set_max_call_levels(limits.depth);
    engine.set_max_expr_depths(128, 64);
    // Rhai looks through all the strings that it keeps whenever it keeps a new one, which costs
    // more than it saves where names are computed in a loop.
    engine.set_max_strings_interned(0);
    engine.set_max_operations(0);
    engine.set_max_variables(10_000);
    engine.set_max_functions(10_000);
    engine.set_max_modules(10_000);
    engine.set_max_string_size(limits.size);
    engine.set_max_array_size(limits.size);
    engine.set_max_map_size(limits.size);
    unreserve(&mut engine);
    progress(&mut engine, session);
    engine.on_print({
        let session = Rc::clone(session);
        move |text| functions::log(&session, crate::resource::Level::Info, text)
    });
    engine.on_debug({
        let session = Rc::clone(session);
        move |text, _, _| functions::log(&session, crate::resource::Level::Debug, text)
    });
    engine.set_module_resolver(library::Libraries::new(session));
    node_view::register(&mut engine, session);
    handle::register(&mut engine, session);
    functions::register(&mut engine, session);
    data::register(&mut engine, session);
    search::register(&mut engine, session);
    stack::register(&mut engine, session);
    kinds::register(&mut engine, session);
    custom::register(&mut engine, session);
    engine
}

#[expect(deprecated, reason = "Rhai marks the interface as volatile; the version is pinned")]
fn unreserve(engine: &mut Engine) {
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if UNRESERVED.contains(&word.as_str()) => Token::Identifier(word),
        other => other,
    });
}

/// Rhai counts operations per evaluation and knows no clock: both limits are for the whole run.
fn progress(engine: &mut Engine, session: &Rc<Session>) {
    const EVERY: u64 = 256;
    let session = Rc::clone(session);
    engine.on_progress(move |count| {
        if count % EVERY != 0 {
            return None;
        }
        let total = session.operations.get() + EVERY;
        session.operations.set(total);
        if total > session.limits.operations {
            return Some(Dynamic::from(Halt::Operations));
        }
        if session.deadline.get().is_some_and(|deadline| Instant::now() > deadline) {
            return Some(Dynamic::from(Halt::Time));
        }
        // What is in progress on the machine is finished, unless that takes too long.
        let converging = session.phase.get() == Phase::Converge;
        let stop = if converging { session.stop.forced() } else { session.stop.requested() };
        stop.then(|| Dynamic::from(Halt::Stopped))
    });
}
