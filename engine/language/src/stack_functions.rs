//! Stacks in the language, beside their data bags.

use std::rc::Rc;

use rhai::{Engine, ImmutableString};

use crate::error::{Fallible, throw, throw_text};
use crate::interpreter::{CallContext, Interpreter};
use crate::source_positions;

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn("is_first_online", move |context: CallContext<'_>, layer: ImmutableString| -> Fallible<bool> {
        let Some(command) = &s.inputs.command else {
            let wrong = "`is_first_online` asks a stack, and this run is for none: run it with `--stack` and `--event`";
            return if s.may_ask() { Err(throw_text(&context, &s, wrong)) } else { Ok(false) };
        };
        let known = command.stack.layer(&layer);
        known.map_err(|wrong| throw(&context, &s, wrong.at(source_positions::argument(&context, &s, 0))))?;
        Ok(command.stack.first_online(&layer).is_some_and(|first| first.hostname == command.instance))
    });
}
