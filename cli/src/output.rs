//! What people see: data on standard output, messages on standard error.

pub mod diagnostic;
pub mod progress;
pub mod text;

use std::io::Write;

/// Prints to standard output. A reader that went away ends nothing.
pub fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints to standard error.
pub fn message(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}
