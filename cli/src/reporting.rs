//! The report of a run: on the terminal, in the log, and as JSON.

use std::path::PathBuf;

use toque_contract::event::Sink;
use toque_contract::report::{Outcome, Report};
use toque_engine::Refused;

use crate::exit::Exit;
use crate::new_mode::{ModeArgument, PRIVATE};
use crate::output::progress::Progress;
use crate::output::run_printer::{Detail, RunPrinter};
use crate::output::{self, Format};
use crate::report_file;
use crate::settings::Settings;

/// The flags of commands that run recipes.
#[derive(clap::Args)]
pub(crate) struct Reporting {
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The mode of a new report, in octal digits or `umask`; one that is there keeps its own
    #[arg(long, value_name = "MODE", default_value = PRIVATE, requires = "report")]
    report_mode: ModeArgument,
    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show only what failed
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Show also what is up to date or skipped
    #[arg(short, long)]
    verbose: bool,
}

impl Reporting {
    /// Returns the printer of a run. The files of report and log must be writable, which is checked
    /// before the machine is changed.
    pub(crate) fn sink(&self, settings: &Settings) -> Result<Box<dyn Sink>, Refused> {
        let detail = match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        };
        if let Some(path) = &self.report {
            report_file::prepare(path, self.report_mode.0)?;
        }
        Ok(Box::new(RunPrinter {
            detail,
            progress: Progress::new(!self.quiet),
            silent: self.format == Format::Json,
            log: settings.log.as_deref().map(report_file::open_log).transpose()?,
        }))
    }

    /// Writes the report to its file and as JSON, and returns the exit code.
    pub(crate) fn finish(&self, report: &Report) -> Exit {
        if self.format == Format::Json {
            output::json(report);
        }
        let exit = match report.outcome {
            Outcome::Success => Exit::Success,
            Outcome::Failed => Exit::Failed,
            Outcome::Stopped => Exit::Stopped,
        };
        if let Some(path) = &self.report
            && let Err(failed) =
                report_file::write(path, &(output::pretty(report) + "\n"), self.report_mode.0)
        {
            output::diagnostic::print(&failed.into());
            return if exit == Exit::Success { Exit::Failed } else { exit };
        }
        exit
    }
}
