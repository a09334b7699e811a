//! Stack for work that recurses.

use crate::failure::Failure;

/// Bytes of a page at the most; a new stack has one more at each end.
const GUARD: usize = 64 * 1024;

/// Does work with at least so many bytes of stack left. Where fewer are, as many again are reserved
/// beside them, so that what recurses through here reserves seldom; only what is used of them takes
/// memory.
/// # Errors
/// An address space without room for them.
pub fn with_stack<T>(bytes: usize, work: impl FnOnce() -> T) -> Result<T, Failure> {
    if stacker::remaining_stack().is_some_and(|left| left >= bytes) {
        return Ok(work());
    }
    let reserved = bytes.saturating_mul(2);
    // A stack that cannot be reserved is a panic in `stacker`, so the room is tried out first.
    let mut room = Vec::<u8>::new();
    let tried = room.try_reserve_exact(reserved.saturating_add(2 * GUARD));
    drop(std::hint::black_box(room));
    if tried.is_err() {
        let mebibytes = reserved / (1024 * 1024);
        return Err(Failure::new(format!(
            "cannot reserve {mebibytes} MiB of address space for the stack"
        ))
        .hint("allow this process more (`ulimit -v` shows its limit in KiB), or free memory"));
    }
    Ok(stacker::grow(reserved, work))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses about `depth` KiB of stack.
    fn recurse(depth: usize) -> usize {
        let block = std::hint::black_box([1_u8; 1024]);
        if depth == 0 { 0 } else { recurse(depth - 1) + usize::from(block[depth % 1024]) }
    }

    #[test]
    fn gives_what_is_asked_for() {
        // The threads of tests have 2 MiB.
        let deep = || recurse(24 * 1024);
        assert_eq!(with_stack(64 * 1024 * 1024, deep).ok(), Some(24 * 1024));
    }

    #[test]
    fn stays_where_there_is_enough() {
        let nested = with_stack(1024 * 1024, || {
            let before = stacker::remaining_stack();
            with_stack(1024, || (before, stacker::remaining_stack()))
        });
        let Ok(Ok((Some(before), Some(after)))) = nested else { panic!("{nested:?}") };
        assert!(after <= before);
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        let failure = with_stack(usize::MAX / 4, || ()).map_err(|failure| failure.message);
        assert!(failure.is_err_and(|message| message.contains("stack")));
    }
}
