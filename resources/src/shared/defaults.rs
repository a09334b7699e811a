//! Defaults that properties of several kinds have.

use toque_machine::property::{OneOrMany, Seconds};

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn an_hour() -> Seconds {
    Seconds(3600.0)
}

/// Returns the exit status of success.
pub(crate) fn zero() -> OneOrMany<i32> {
    OneOrMany::One(0)
}
