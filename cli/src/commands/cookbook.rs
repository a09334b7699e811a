//! `toque cookbook`: cookbooks from elsewhere.

mod add;
mod gc;
mod index;
mod install;
mod list;
mod network;
mod new;
mod outdated;
mod package;
mod remove;
mod show;
mod tree;
mod vendor;
mod verify;
mod why;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::FetchContext;
use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::manifest::cookfile::{self, Cookfile};
use toque_cookbooks::manifest::lockfile::{self, Lockfile};
use toque_cookbooks::repository::{Repository, Update};
use toque_engine::cookbook::{FindLocked, Locked};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::run::Refused;
use toque_engine::stop::Stop;

pub use self::network::Network;
use super::{Exit, heed_signals};
use crate::args::{CookbookArgs, CookbookWhat, Fetching};
use crate::settings::{Settings, find_repository, seconds};

pub fn cookbook(args: &CookbookArgs) -> Result<Exit, Refused> {
    let repo = args.repo.as_deref();
    match &args.what {
        CookbookWhat::New { name } => new::new(repo, name),
        CookbookWhat::Add(wanted) => add::add(repo, wanted),
        CookbookWhat::Remove { names, group, fetching } => {
            remove::remove(repo, names, group.as_deref(), fetching)
        }
        CookbookWhat::Install { locked, fetching } => {
            install(repo, Update::Nothing, *locked, fetching)
        }
        CookbookWhat::Update { names, fetching } if names.is_empty() => {
            install(repo, Update::Everything, false, fetching)
        }
        CookbookWhat::Update { names, fetching } => {
            install(repo, Update::Some(names.clone()), false, fetching)
        }
        CookbookWhat::Outdated { format, fetching } => outdated::outdated(repo, *format, fetching),
        CookbookWhat::Tree => tree::tree(repo),
        CookbookWhat::Why { name } => why::why(repo, name),
        CookbookWhat::Gc { dry_run, cache_dir } => gc::gc(repo, *dry_run, cache_dir.as_deref()),
        CookbookWhat::Show { name, cache_dir, format } => {
            show::show(repo, name, cache_dir.as_deref(), *format)
        }
        CookbookWhat::Verify(wanted) => verify::verify(repo, wanted),
        CookbookWhat::List { format } => list::list(repo, *format),
        CookbookWhat::Vendor { dir, fetching } => vendor::vendor(repo, dir, fetching),
        CookbookWhat::Package { file, name, fetching } => {
            package::package(repo, file, name.as_deref(), fetching)
        }
        CookbookWhat::Index { dir, url } => index::index(dir, url.as_deref()),
    }
}

fn install(
    repo: Option<&Path>,
    update: Update,
    locked: bool,
    fetching: &Fetching,
) -> Result<Exit, Refused> {
    let folder = folder(repo)?;
    let _alone = Repository::lock(&folder, &Stop::default())?;
    install::install(&repository(Some(&folder))?, fetching, |without| InstallOptions {
        update,
        locked,
        without,
    })
}

/// The cookbooks that a repository has from elsewhere, as its lockfile names them; none without a
/// Cookfile. What is missing is fetched; nothing is chosen.
/// # Errors
/// When the lockfile is missing or out of step, or something cannot be fetched.
pub fn locked(
    repository: Option<&Path>,
    settings: &Settings,
    stop: &Stop,
) -> Result<Locked, Diagnostic> {
    let network = Network::new(settings.clone(), stop.clone(), &Fetching::default());
    repository.map_or_else(|| Ok(Locked::default()), |repository| network.locked(repository))
}

/// The same of repositories that a run fetches by itself.
pub fn find_locked(settings: &Settings, stop: &Stop) -> FindLocked {
    let network = Network::new(settings.clone(), stop.clone(), &Fetching::default());
    Rc::new(move |repository| network.locked(repository))
}

impl Network {
    fn locked(&self, repository: &Path) -> Result<Locked, Diagnostic> {
        let Some(read) = Repository::read(repository)? else { return Ok(Locked::default()) };
        let lockfile = read.without(&in_step(&read)?, &self.without);
        let store = self.store()?;
        let roots =
            self.with_machine(&store, repository, |machine| read.fetch(machine, &lockfile))?;
        Ok(Locked { roots: roots.into_iter().collect(), held: Some(Rc::new(store)) })
    }
}

/// The repository that is named or the nearest, which must have a Cookfile.
fn repository(named: Option<&Path>) -> Result<Repository, Diagnostic> {
    Repository::read(&folder(named)?)?.ok_or_else(nowhere)
}

/// The folder of that repository; nothing in it is read.
fn folder(named: Option<&Path>) -> Result<PathBuf, Diagnostic> {
    find_repository(named, None)?
        .filter(|path| path.join(cookfile::NAME).exists())
        .ok_or_else(nowhere)
}

fn nowhere() -> Diagnostic {
    Diagnostic::error(format!("there is no `{}` here", cookfile::NAME))
        .hint("write one that names sources and cookbooks, or name the repository with `--repo`")
}

/// Where cookbooks are kept that were fetched.
fn store_of(repository: Option<&Path>, cache_dir: Option<&Path>) -> Result<Cache, Diagnostic> {
    Ok(Cache::open(Settings::read(repository)?.cache_dir(cache_dir))?)
}

/// The lockfile of a repository, which must be what the Cookfile asks for.
fn in_step(repository: &Repository) -> Result<Lockfile, Diagnostic> {
    let reason = match Lockfile::read(&repository.path)? {
        Some(lockfile) => match repository.stale_reason(&lockfile) {
            None => return Ok(lockfile),
            Some(reason) => format!("`{}` is out of step: {reason}", lockfile::NAME),
        },
        None => format!("there is no `{}`", lockfile::NAME),
    };
    Err(Diagnostic::error(reason)
        .hint("run `toque cookbook install`, and commit the file that it writes"))
}

/// Does something with a machine that can fetch.
fn with_machine<T>(
    repository: &Repository,
    fetching: &Fetching,
    act: impl FnOnce(&Network, &FetchContext<'_>) -> Result<T, Diagnostic>,
) -> Result<T, Refused> {
    with_machine_at(&repository.path, fetching, act)
}

/// The same for a folder, whether it has a Cookfile or not.
fn with_machine_at<T>(
    repository: &Path,
    fetching: &Fetching,
    act: impl FnOnce(&Network, &FetchContext<'_>) -> Result<T, Diagnostic>,
) -> Result<T, Refused> {
    let stop = Stop::new(seconds(1.0));
    heed_signals(&stop);
    Cookfile::read(repository)?.unwrap_or_default().check_groups(&fetching.without)?;
    let network = Network::new(Settings::read(Some(repository))?, stop, fetching);
    Ok(network.with_machine(&network.store()?, repository, |machine| act(&network, machine))?)
}
