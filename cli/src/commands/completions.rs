//! `toque completions`.

use clap::CommandFactory;
use toque_engine::Refused;

use super::Cli;
use crate::exit::Exit;

/// Write completions for a shell
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque completions bash > /etc/bash_completion.d/toque")]
pub(crate) struct Args {
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Refused> {
    clap_complete::generate(args.shell, &mut Cli::command(), "toque", &mut std::io::stdout());
    Ok(Exit::Success)
}
