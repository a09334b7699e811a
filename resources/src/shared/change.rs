//! Changes that are part of the changes of another kind.

use toque_contract::resource::Change;

/// Returns the change with its step wrapped.
pub(crate) fn map_step<S, T>(change: Change<S>, step: impl FnOnce(S) -> T) -> Change<T> {
    let Change { what, diff, step: inner, provides, touches, backs_up } = change;
    Change { what, diff, step: step(inner), provides, touches, backs_up }
}
