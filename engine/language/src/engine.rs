//! Rhai with everything taken out that a recipe must not do, and limits that hold.

use std::rc::Rc;

use rhai::{Dynamic, Engine, OptimizationLevel, Token};

use crate::interpreter::Interpreter;
use crate::{
    custom_resource, data_functions, declare, functions, handle, library, node_view,
    search_functions, stack_functions,
};

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

pub(crate) fn build(interpreter: &Rc<Interpreter>) -> Engine {
    let mut engine = Engine::new();
    // Rhai's optimiser panics on `const M = #{}; M.a = 1`.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.disable_symbol("eval");
    // No limit counts what a closure was given: `f = f.curry(f)` in a loop fills all memory.
    engine.disable_symbol("curry");
    let limits = interpreter.inputs.limits;
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
    progress(&mut engine, interpreter);
    engine.on_print({
        let interpreter = Rc::clone(interpreter);
        move |text| functions::log(&interpreter, toque_contract::log_level::LogLevel::Info, text)
    });
    engine.on_debug({
        let interpreter = Rc::clone(interpreter);
        move |text, _, _| {
            functions::log(&interpreter, toque_contract::log_level::LogLevel::Debug, text);
        }
    });
    engine.set_module_resolver(library::Libraries::new(interpreter));
    node_view::register(&mut engine, interpreter);
    handle::register(&mut engine, interpreter);
    functions::register(&mut engine, interpreter);
    data_functions::register(&mut engine, interpreter);
    search_functions::register(&mut engine, interpreter);
    stack_functions::register(&mut engine, interpreter);
    declare::register(&mut engine, interpreter);
    custom_resource::register(&mut engine, interpreter);
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
fn progress(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    const EVERY: u64 = 256;
    let interpreter = Rc::clone(interpreter);
    engine.on_progress(move |count| {
        if count % EVERY != 0 {
            return None;
        }
        interpreter.halt_after(EVERY).map(Dynamic::from)
    });
}
