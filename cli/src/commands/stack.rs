//! `toque stack`: stack documents.

mod add;
mod check;
mod import;
mod show;

use std::path::{Path, PathBuf};

use toque_engine::check::stack_of;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::run::Refused;

use super::Exit;
use crate::args::{StackArgs, StackWhat};
use crate::settings::find_repository;

pub fn stack(args: &StackArgs) -> Result<Exit, Refused> {
    match &args.what {
        StackWhat::Check { file, repo, format } => {
            check::check(file.as_deref(), repo.as_deref(), *format)
        }
        StackWhat::Import(args) => import::import(args),
        StackWhat::Add(args) => add::add(args),
        StackWhat::Show { instance, stack, reveal, format } => {
            show::show(instance.as_deref(), stack.as_deref(), *reveal, *format)
        }
    }
}

/// The document that is named, else that of the repository.
fn document(named: Option<&Path>, repository: Option<&Path>) -> Result<PathBuf, Diagnostic> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let found = match repository {
        Some(repository) => Some(repository.to_owned()),
        None => find_repository(None, None)?,
    };
    let here = PathBuf::from(".");
    let found = stack_of(&here).or_else(|| stack_of(found.as_deref().unwrap_or(&here)));
    // Where it is nearest, it is called by its name alone.
    let named = |path: PathBuf| path.strip_prefix("./").map(Path::to_owned).unwrap_or(path);
    found.map(named).ok_or_else(|| {
        Diagnostic::error("there is no `stack.json` or `stack.toml` here")
            .hint("name the document, or make one: `toque stack import` does of what OpsWorks had")
    })
}
