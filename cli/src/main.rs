//! `toque`, the command line. It alone reads the environment, prints and exits; the engine does
//! none of that.

mod atomic_write;
mod commands;
mod exit;
mod fetching;
mod input;
mod output;
mod prepare;
#[cfg(test)]
mod reference;
mod reporting;
mod repository;
mod run_list;
mod settings;
mod signals;
mod stack_command;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    ExitCode::from(run().code())
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a reader that went away is none either.
            let _ = error.print();
            return if error.use_stderr() { Exit::Refused } else { Exit::Success };
        }
    };
    cli.color.write_global();
    let exit = commands::run(&cli.command).unwrap_or_else(|refused| {
        output::diagnostic::print(&refused.diagnostics);
        let stopped = refused.stopped
            || refused.diagnostics.0.iter().any(|diagnostic| diagnostic.interrupted);
        if stopped { Exit::Stopped } else { Exit::Refused }
    });
    if exit == Exit::Success && output::lost() { Exit::Failed } else { exit }
}
