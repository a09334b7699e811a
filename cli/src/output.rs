//! Output: data on standard output, messages on standard error.

pub(crate) mod diagnostic;
pub(crate) mod progress;
pub(crate) mod run_printer;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde::Serialize;
use toque_core::failure::plain_io;

/// The form of data on standard output.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Sets the choice for all further output.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Data that could not be written, other than to a reader that went away.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. A reader that went away ends nothing.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        message(&format!("error: cannot write to standard output: {}", plain_io(&error)));
    }
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) {
    print(&pretty(value));
}

/// Returns a value as JSON with line breaks.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Returns `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns whether data could not be written.
pub(crate) fn lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Prints to standard error.
pub(crate) fn message(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}
