//! Fetching of cookbooks, with settings, flags and the environment.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::{FetchContext, FetchEvent, PATIENCE};
use toque_cookbooks::manifest::lockfile::{self, Lockfile};
use toque_cookbooks::repository::Repository;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, visible};
use toque_data::cookbook::{FindLocked, Locked};
use toque_machine::system::{Agents, HostSystem};
use toque_machine::trust::{Subject, Trust};

use crate::output;
use crate::output::progress::Progress;
use crate::settings::{Settings, path_variable, seconds};

/// The flags of commands that fetch.
#[derive(clap::Args, Default)]
pub(crate) struct Fetching {
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Ask no server: what is not on this machine is an error
    #[arg(long)]
    offline: bool,
    /// A group of Cookfile.toml that is left out; those of the settings unless told
    #[arg(long, value_name = "GROUP")]
    pub(crate) without: Vec<String>,
}

/// Fetches the cookbooks of a repository that its lockfile names; none without a Cookfile. Nothing
/// is chosen.
/// # Errors
/// When the lockfile is missing or out of step, or something cannot be fetched.
pub(crate) fn locked(
    repository: Option<&Path>,
    settings: &Settings,
    stop: &CancelToken,
) -> Result<Locked, Diagnostic> {
    let network = Network::new(settings.clone(), stop.clone(), &Fetching::default());
    repository.map_or_else(|| Ok(Locked::default()), |repository| network.locked(repository))
}

/// As [`locked`], with the settings of the repository.
pub(crate) fn locked_of(repository: Option<&Path>, trust: &Trust) -> Result<Locked, Diagnostic> {
    locked(repository, &Settings::read(repository, trust)?, &CancelToken::default())
}

/// Returns [`locked`] for repositories that a run fetches by itself.
pub(crate) fn find_locked(settings: &Settings, stop: &CancelToken) -> FindLocked {
    let network = Network::new(settings.clone(), stop.clone(), &Fetching::default());
    Rc::new(move |repository| network.locked(repository))
}

/// Reads the lockfile of a repository, which must be what the Cookfile asks for.
pub(crate) fn current_lockfile(repository: &Repository) -> Result<Lockfile, Diagnostic> {
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

/// The access to servers of cookbooks.
#[derive(Clone)]
pub(crate) struct Network {
    settings: Settings,
    stop: CancelToken,
    cache_dir: PathBuf,
    offline: bool,
    /// Groups that are left out.
    pub(crate) without: Vec<String>,
}

impl Network {
    pub(crate) fn new(settings: Settings, stop: CancelToken, fetching: &Fetching) -> Self {
        let cache_dir = settings.cache_dir(fetching.cache_dir.as_deref());
        let without = settings.without_groups(&fetching.without);
        Self { settings, stop, cache_dir, offline: fetching.offline, without }
    }

    /// Opens the cache. While it is open, no other process removes anything from it.
    pub(crate) fn store(&self) -> Result<Cache, Diagnostic> {
        let (folder, stop) = (self.cache_dir.clone(), self.stop.clone());
        Ok(Cache::open_trusted(folder, stop, &self.settings.trusted)?)
    }

    /// Calls `act` with access to the network; relative paths are below `repository`.
    pub(crate) fn with_machine<T>(
        &self,
        store: &Cache,
        repository: &Path,
        act: impl FnOnce(&FetchContext<'_>) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let (proxies, agents) = (self.settings.proxies(), Agents::default());
        let system = || {
            let mut system = HostSystem::new();
            (system.stop, system.proxies, system.agents) =
                (self.stop.clone(), proxies.clone(), agents.clone());
            system
        };
        let progress = Mutex::new(Progress::new(true));
        let ssh_agent = path_variable("SSH_AUTH_SOCK");
        let result = act(&FetchContext {
            system: &system,
            repository,
            cache: store,
            offline: self.offline,
            patience: self.settings.fetch_timeout.map_or(PATIENCE, seconds),
            ssh_agent: ssh_agent.as_deref(),
            credential: &|url| self.settings.credential(url),
            report: &|told| {
                show(&mut progress.lock().unwrap_or_else(PoisonError::into_inner), told);
            },
        });
        progress.into_inner().unwrap_or_else(PoisonError::into_inner).clear();
        result
    }

    fn locked(&self, repository: &Path) -> Result<Locked, Diagnostic> {
        let Some(read) = Repository::read(repository)? else { return Ok(Locked::default()) };
        let lockfile = read.without(&current_lockfile(&read)?, &self.without);
        let store = self.store()?;
        let roots =
            self.with_machine(&store, repository, |machine| read.fetch(machine, &lockfile))?;
        for root in roots.values() {
            self.settings.trusted.tree(Subject::Repository, root)?;
        }
        Ok(Locked { roots: roots.into_iter().collect(), held: Some(Rc::new(store)) })
    }
}

/// Shows progress on a terminal on a line that is written over, else in lines. The texts may come
/// from servers.
fn show(progress: &mut Progress, told: FetchEvent<'_>) {
    match told {
        FetchEvent::Started(_) if progress.has_bar() && progress.is_watched() => {}
        FetchEvent::Started(what) if progress.is_watched() => progress.show(visible(what)),
        FetchEvent::Started(what) => output::message(&visible(what)),
        FetchEvent::Fetched { count, of, name } => progress.bar(count, of, &visible(name)),
        FetchEvent::Warning(what) => {
            progress.clear();
            output::message(&format!("warning: {}", visible(what)));
        }
    }
}
