//! `toque completions`.

use clap::CommandFactory;
use toque_engine::run::Refused;

use super::Exit;
use crate::args::Args;

pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Refused> {
    clap_complete::generate(shell, &mut Args::command(), "toque", &mut std::io::stdout());
    Ok(Exit::Success)
}
