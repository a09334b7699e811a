//! `toque cookbook`: cookbooks from elsewhere.

mod add;
mod gc;
mod index;
mod install;
mod list;
mod new;
mod outdated;
mod package;
mod remove;
mod show;
mod tree;
mod update;
mod vendor;
mod verify;
mod why;

use std::path::{Path, PathBuf};

use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::FetchContext;
use toque_cookbooks::manifest::cookfile::{self, Cookfile};
use toque_cookbooks::repository::Repository;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Diagnostic;
use toque_engine::Refused;
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::fetching::{Fetching, Network};
use crate::repository::{Named, find_repository};
use crate::settings::{Settings, seconds};
use crate::signals::stop_on_signals;

/// Cookbooks from elsewhere: choose, fetch and lock what Cookfile.toml asks for
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook install\n  toque cookbook update nginx\n  toque cookbook why nginx"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
    /// The repository; the nearest folder above with `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    repo: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Commands {
    New(new::Args),
    Add(Box<add::Args>),
    Remove(remove::Args),
    Install(install::Args),
    Update(update::Args),
    Outdated(outdated::Args),
    /// Show what depends on what
    #[command(after_help = "Example:\n  toque cookbook tree")]
    Tree,
    Why(why::Args),
    Show(show::Args),
    Verify(verify::Args),
    Gc(gc::Args),
    List(list::Args),
    Vendor(vendor::Args),
    Package(package::Args),
    Index(index::Args),
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let repo = Named { repo: args.repo.as_deref(), trust };
    match &args.command {
        Commands::New(args) => new::run(repo, args),
        Commands::Add(args) => add::run(repo, args),
        Commands::Remove(args) => remove::run(repo, args),
        Commands::Install(args) => install::run(repo, args),
        Commands::Update(args) => update::run(repo, args),
        Commands::Outdated(args) => outdated::run(repo, args),
        Commands::Tree => tree::run(repo),
        Commands::Why(args) => why::run(repo, args),
        Commands::Show(args) => show::run(repo, args),
        Commands::Verify(args) => verify::run(repo, args),
        Commands::Gc(args) => gc::run(repo, args),
        Commands::List(args) => list::run(repo, args),
        Commands::Vendor(args) => vendor::run(repo, args),
        Commands::Package(args) => package::run(repo, args),
        Commands::Index(args) => index::run(args),
    }
}

/// Reads the repository that is named, or the nearest, which must have a Cookfile.
fn repository(named: Named<'_>) -> Result<Repository, Diagnostic> {
    Repository::read(&folder(named)?)?.ok_or_else(nowhere)
}

/// Finds the folder of that repository, reading nothing in it.
fn folder(named: Named<'_>) -> Result<PathBuf, Diagnostic> {
    find_repository(named, None)?
        .filter(|path| path.join(cookfile::NAME).exists())
        .ok_or_else(nowhere)
}

fn nowhere() -> Diagnostic {
    Diagnostic::error(format!("there is no `{}` here", cookfile::NAME))
        .hint("write one that names sources and cookbooks, or name the repository with `--repo`")
}

/// Opens the cache of fetched cookbooks.
fn store_of(
    repository: Option<&Path>,
    cache_dir: Option<&Path>,
    trust: &Trust,
) -> Result<Cache, Diagnostic> {
    let folder = Settings::read(repository, trust)?.cache_dir(cache_dir);
    Ok(Cache::open_trusted(folder, CancelToken::default(), trust)?)
}

/// Calls `act` with access to the network; the folder may have no Cookfile.
fn with_machine<T>(
    repository: &Path,
    fetching: &Fetching,
    trust: &Trust,
    act: impl FnOnce(&Network, &FetchContext<'_>) -> Result<T, Diagnostic>,
) -> Result<T, Refused> {
    let stop = CancelToken::new(seconds(1.0));
    stop_on_signals(&stop)?;
    Cookfile::read(repository)?.unwrap_or_default().check_groups(&fetching.without)?;
    let network = Network::new(Settings::read(Some(repository), trust)?, stop, fetching);
    Ok(network.with_machine(&network.store()?, repository, |machine| act(&network, machine))?)
}
