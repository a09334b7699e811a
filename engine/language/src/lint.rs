//! Mistakes that can be found without running a script.

pub(crate) mod attributes_used;
pub(crate) mod check;
pub(crate) mod warnings;
