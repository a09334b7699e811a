//! The stack of scripts: Rhai recurses natively, and so do functions of ours that run scripts.

use toque_core::deep_stack::with_stack;
use toque_core::failure::Failure;

use crate::run_inputs::Limits;

/// Bytes that one nested call needs at the most, with an expression in it that is nested as deep as
/// the parser lets it be: below 70 KiB without optimisation.
const PER_CALL: usize = 192 * 1024;
/// Bytes for what is around calls: parsing, values nested in one another, templates.
const AROUND: usize = 4 * 1024 * 1024;

/// Runs a script, or work that leads to one, on a stack that nested calls cannot exhaust. Each way
/// from a script back into the language leads through here, so that include in include has it too.
/// # Errors
/// An address space without room for it.
pub fn on_script_stack<T>(limits: &Limits, work: impl FnOnce() -> T) -> Result<T, Failure> {
    with_stack(limits.depth.saturating_mul(PER_CALL).saturating_add(AROUND), work)
}
