//! `toque stack check`.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_core::cancel::CancelToken;
use toque_engine::Refused;
use toque_engine::check::{Checked, check_stack};
use toque_machine::trust::Trust;

use super::document;
use crate::commands::check::report;
use crate::exit::Exit;
use crate::fetching::locked;
use crate::output::Format;
use crate::repository::{Named, find_repository};
use crate::settings::Settings;

/// Find every mistake in a stack document, and in the recipes that its events come to
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque stack check\n  toque stack check staging.json")]
pub(crate) struct Args {
    /// The document; `stack.json` or `stack.toml` of the repository unless told
    file: Option<PathBuf>,
    /// The repository of cookbooks; the nearest folder above with `Cookfile.toml` or
    /// `cookbooks/` unless told
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let repo = Named { repo: args.repo.as_deref(), trust };
    let path = document(args.file.as_deref(), repo)?;
    let folder = std::path::absolute(&path).ok().and_then(|path| path.parent().map(Path::to_owned));
    let repository = find_repository(repo, folder.as_deref())?;
    let settings = Settings::read(repository.as_deref(), trust)?;
    let locked = locked(repository.as_deref(), &settings, &CancelToken::default())?;
    let checked = Checked {
        repository,
        locked,
        limits: settings.limits(),
        trust: trust.clone(),
        ..Checked::default()
    };
    Ok(report(&check_stack(&Rc::new(toque_resources::standard()), &checked, &path), args.format))
}
