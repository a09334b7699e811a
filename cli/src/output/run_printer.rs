//! Prints a run: a line for each action that did something, its changes below it, and a summary.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use toque_contract::event::{Event, Sink};
use toque_contract::log_level::LogLevel;
use toque_contract::report::{Cause, Counts, Outcome, Record, Report, Status};

use super::diagnostic;
use super::progress::Progress;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const CHANGED: Style = AnsiColor::Yellow.on_default();
const PERHAPS: Style = AnsiColor::Cyan.on_default();
const FINE: Style = AnsiColor::Green.on_default();
const WRONG: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The amount of output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Only what failed.
    Quiet,
    /// Changes and failures.
    Normal,
    /// Everything.
    Verbose,
}

/// Writes a run as it goes on.
pub(crate) struct RunPrinter {
    pub(crate) detail: Detail,
    pub(crate) progress: Progress,
    /// Prints no lines, because JSON takes their place.
    pub(crate) silent: bool,
    /// The file to which all output is appended, without colours.
    pub(crate) log: Option<std::fs::File>,
}

impl RunPrinter {
    fn line(&mut self, text: &str) {
        self.progress.clear();
        if let Some(log) = &mut self.log {
            let _ = writeln!(log, "{}", anstream::adapter::strip_str(text));
        }
        if !self.silent {
            super::print(text);
        }
    }

    fn message(&mut self, text: &str) {
        self.progress.clear();
        if let Some(log) = &mut self.log {
            let _ = writeln!(log, "{}", anstream::adapter::strip_str(text));
        }
        super::message(text);
    }

    fn done(&mut self, record: &Record) {
        let wrong = matches!(record.status, Status::Failed | Status::Interrupted);
        let quiet_end = matches!(record.status, Status::UpToDate | Status::Skipped);
        let shown = match self.detail {
            Detail::Quiet => wrong,
            Detail::Normal => !quiet_end || !record.notes.is_empty(),
            Detail::Verbose => true,
        };
        if shown {
            let text = described(record);
            self.line(&text);
        }
        if let Some(error) = &record.error {
            let drawn = diagnostic::draw(error);
            self.message(&drawn);
        }
    }

    fn finished(&mut self, report: &Report, counts: &Counts) {
        for owed in &report.owed {
            let text = format!(
                "{PERHAPS}owed{PERHAPS:#} {} of {} since run {}, because {} changed{}",
                owed.action,
                owed.target,
                owed.since,
                owed.by,
                if report.command == "plan" {
                    "; converge would deliver it if it is declared"
                } else {
                    ""
                }
            );
            self.message(&text);
        }
        if self.detail == Detail::Quiet {
            return;
        }
        let text = summary(report, counts);
        self.line(&text);
    }
}

impl Sink for RunPrinter {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Waiting { holder } => {
                self.message(&format!("waiting for another run: {holder}"));
            }
            Event::Compiling { .. } => self.progress.show("compiling recipes"),
            Event::Converging { .. } => self.progress.clear(),
            Event::Started { resource, action } => {
                self.progress.show(format_args!("{resource} {action}"));
            }
            Event::Retrying { resource, action, left, error } => {
                self.message(&format!(
                    "{resource} {action} failed and is tried again ({left} left): {error}"
                ));
            }
            Event::Done(record) => self.done(record),
            Event::Delayed { .. } => {}
            Event::Stopping => self.message("stopped: nothing further is begun"),
            Event::Log { level, message } => {
                let shown = match level {
                    LogLevel::Debug => self.detail == Detail::Verbose,
                    LogLevel::Info => self.detail >= Detail::Normal,
                    LogLevel::Warn | LogLevel::Error => true,
                };
                if shown {
                    let style = if *level >= LogLevel::Warn { CHANGED } else { DIM };
                    self.message(&format!(
                        "{style}{}:{style:#} {message}",
                        format!("{level:?}").to_lowercase()
                    ));
                }
            }
            Event::Failed(error) => {
                let drawn = diagnostic::draw(error);
                self.message(&drawn);
            }
            Event::Finished { report, counts } => self.finished(report, counts),
        }
    }
}

/// An action and what it changed.
fn described(record: &Record) -> String {
    let (glyph, style, word) = match record.status {
        Status::Changed => ("~", CHANGED, ""),
        Status::WouldChange => ("~", CHANGED, "would change"),
        Status::MayChange => ("?", PERHAPS, "may change"),
        Status::UpToDate => ("=", FINE, "up to date"),
        Status::Skipped => ("-", DIM, "skipped"),
        Status::Failed => {
            ("!", WRONG, if record.ignored { "failed, and that is ignored" } else { "failed" })
        }
        Status::Interrupted => ("!", WRONG, "interrupted"),
    };
    let mut text =
        format!("{style}{glyph}{style:#} {BOLD}{}{BOLD:#} {}", record.resource, record.action);
    if !word.is_empty() {
        let _ = write!(text, ": {style}{word}{style:#}");
    }
    if !record.depends_on.is_empty() {
        let named =
            record.depends_on.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = record.depends_on.len().saturating_sub(3);
        let _ = write!(
            text,
            ", depending on {named}{}",
            if more > 0 { format!(" and {more} more") } else { String::new() }
        );
    }
    match &record.cause {
        Cause::Declared => {}
        Cause::Before(by) => {
            let _ = write!(text, " {DIM}(before {by} changes){DIM:#}");
        }
        Cause::Immediately(by) | Cause::Delayed(by) => {
            let _ = write!(text, " {DIM}(because {by} changed){DIM:#}");
        }
        Cause::Owed => {
            let _ = write!(text, " {DIM}(owed by an earlier run){DIM:#}");
        }
    }
    if let Some(reason) = &record.reason {
        let _ = write!(text, " {DIM}({reason}){DIM:#}");
    }
    for change in &record.changes {
        let _ = write!(text, "\n    {}", change.what);
        for line in change.diff.iter().flat_map(|diff| diff.lines()) {
            let style = match line.as_bytes().first() {
                Some(b'+') => FINE,
                Some(b'-') => AnsiColor::Red.on_default(),
                _ => DIM,
            };
            let _ = write!(text, "\n      {style}{line}{style:#}");
        }
    }
    for note in &record.notes {
        let _ = write!(text, "\n    {DIM}note: {note}{DIM:#}");
    }
    text
}

/// The last line of a run.
fn summary(report: &Report, counts: &Counts) -> String {
    let mut parts = Vec::new();
    if report.command == "plan" {
        parts.push(format!("{} would change", counts.would_change));
        if counts.may_change > 0 {
            parts.push(format!("{} may change", counts.may_change));
        }
    } else {
        parts.push(format!("{} changed", counts.changed));
    }
    parts.push(format!("{} up to date", counts.up_to_date));
    for (count, word) in [
        (counts.skipped, "skipped"),
        (counts.failed, "failed"),
        (counts.not_reached, "not reached"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let (style, word) = match (report.outcome, report.command) {
        (Outcome::Success, "plan") => (FINE, "planned"),
        (Outcome::Success, _) => (FINE, "converged"),
        (Outcome::Failed, _) => (WRONG, "failed"),
        (Outcome::Stopped, _) => (WRONG, "stopped"),
    };
    let seconds = report.compile_seconds + report.converge_seconds;
    let resources = super::counted(counts.resources, "resource");
    format!("{style}{word}{style:#} {resources}: {} {DIM}({seconds:.2} s){DIM:#}", parts.join(", "))
}
