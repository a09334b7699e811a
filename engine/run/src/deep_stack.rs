//! The stack of scripts.

/// The stack that recipes may use: calls, includes and values nest, and Rhai recurses natively.
const STACK: usize = 256 * 1024 * 1024;

/// Does work on a stack that is large enough for recipes.
pub(crate) fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(STACK, work)
}
