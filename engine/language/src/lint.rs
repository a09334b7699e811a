//! Mistakes that can be found without running a script.

pub mod attributes_used;
pub mod check;
pub mod warnings;
