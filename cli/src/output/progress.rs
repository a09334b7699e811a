//! The work in progress, on a line of the terminal that is written over.

use std::io::{IsTerminal, Write};

/// The line at the bottom of the terminal.
pub(crate) struct Progress {
    watched: bool,
    shown: bool,
    /// A bar is drawn that is not complete.
    bar: bool,
}

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { watched: wanted && std::io::stderr().is_terminal(), shown: false, bar: false }
    }

    /// Writes over the line.
    pub(crate) fn show(&mut self, text: impl std::fmt::Display) {
        if self.watched {
            let short: String = text.to_string().chars().take(76).collect();
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K… {short}");
            let _ = out.flush();
            self.shown = true;
        }
    }

    /// Returns whether standard error is a terminal.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Returns whether a bar is drawn that is not complete.
    pub(crate) fn has_bar(&self) -> bool {
        self.bar
    }

    /// Draws a bar for `count` of `of`.
    pub(crate) fn bar(&mut self, count: usize, of: usize, name: &str) {
        self.bar = count < of;
        const WIDTH: usize = 24;
        let done = (count * WIDTH).checked_div(of).unwrap_or(WIDTH).min(WIDTH);
        self.show(format_args!(
            "[{}{}] {count}/{of} {name}",
            "#".repeat(done),
            "-".repeat(WIDTH - done)
        ));
    }

    /// Clears the line.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
            self.shown = false;
        }
    }
}
