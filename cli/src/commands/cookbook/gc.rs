//! `toque cookbook gc`.

use std::path::PathBuf;

use toque_cookbooks::cache::{Cache, GcReport, Removed};
use toque_core::cancel::CancelToken;
use toque_core::text::size;
use toque_engine::Refused;

use crate::exit::Exit;
use crate::output::{self, counted};
use crate::repository::{Named, find_repository};
use crate::settings::Settings;

/// Remove what was fetched and no lockfile needs any more
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook gc --dry-run\n  toque cookbook gc")]
pub(crate) struct Args {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let dry_run = args.dry_run;
    // The settings of a repository may name the folder.
    let settings = Settings::read(find_repository(repo, None)?.as_deref(), repo.trust)?;
    let folder = settings.cache_dir(args.cache_dir.as_deref());
    // Nothing is made of a folder that is not there.
    let cleared = if folder.exists() {
        Cache::open_trusted(folder, CancelToken::default(), repo.trust)?.collect_garbage(dry_run)?
    } else {
        GcReport::default()
    };
    let GcReport { removed, lockfiles, kept } = cleared;
    for Removed { what, bytes } in &removed {
        output::print(&format!("{what}, {}", size(*bytes)));
    }
    let freed = size(removed.iter().map(|one| one.bytes).sum());
    let freed = if dry_run { format!("{freed} would be freed") } else { format!("{freed} freed") };
    output::message(&format!(
        "{freed}; {} kept for {}",
        counted(kept, "cookbook"),
        counted(lockfiles.len(), "lockfile")
    ));
    Ok(Exit::Success)
}
