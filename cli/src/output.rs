//! What people see: data on standard output, messages on standard error.

pub mod diagnostic;
pub mod progress;
pub mod text;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use toque_engine::failure::plain_io;

/// Data that could not be written, other than to a reader that went away.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. A reader that went away ends nothing.
pub fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        message(&format!("error: cannot write to standard output: {}", plain_io(&error)));
    }
}

/// Whether anything that was to be printed could not be.
pub fn lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Prints to standard error.
pub fn message(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}
