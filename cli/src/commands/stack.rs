//! `toque stack`: stack documents.

mod add;
mod check;
mod import;
mod show;

use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_engine::Refused;
use toque_engine::check::stack_of;
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::input;
use crate::repository::{Named, find_repository, trusted};

/// Stack documents: check, show and import them, and add to them
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque stack check\n  toque stack show web1\n  toque stack import opsworks --to stack.json\n  toque stack add instance --layer web"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(clap::Subcommand)]
enum Commands {
    Check(check::Args),
    Show(show::Args),
    Import(import::Args),
    Add(add::Args),
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    match &args.command {
        Commands::Check(args) => check::run(args, trust),
        Commands::Show(args) => show::run(args, trust),
        Commands::Import(args) => import::run(args),
        Commands::Add(args) => add::run(args, trust),
    }
}

/// Finds the document, which no others decide about: the one that is named, else that of the
/// repository.
fn document(named: Option<&Path>, repo: Named<'_>) -> Result<PathBuf, Diagnostic> {
    if let Some(named) = named {
        input::check(named, repo.trust)?;
        return Ok(named.to_owned());
    }
    let found = match repo.repo {
        Some(repository) => {
            trusted(repository, repo.trust)?;
            Some(repository.to_owned())
        }
        None => find_repository(repo, None)?,
    };
    let here = PathBuf::from(".");
    let found = stack_of(&here).or_else(|| stack_of(found.as_deref().unwrap_or(&here)));
    // A document in the current folder is shown by its name alone.
    let named = |path: PathBuf| path.strip_prefix("./").map(Path::to_owned).unwrap_or(path);
    let found = found.map(named).ok_or_else(|| {
        Diagnostic::error("there is no `stack.json` or `stack.toml` here")
            .hint("name the document, or make one: `toque stack import` does of what OpsWorks had")
    })?;
    input::check(&found, repo.trust)?;
    Ok(found)
}
