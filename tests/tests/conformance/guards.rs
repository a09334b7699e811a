//! `only_if` and `not_if`: `guards.json`, each case as a recipe on the real machine.

use crate::{compare, differences, on_host};

#[test]
fn guards() {
    compare(include_str!("../../conformance/guards.json"), differences::GUARDS, on_host::agrees);
}
