//! How cookbooks are fetched: what settings, flags and the environment say.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::{FetchContext, FetchEvent, PATIENCE};
use toque_engine::diagnostic::{Diagnostic, visible};
use toque_engine::stop::Stop;
use toque_engine::system::{Agents, HostSystem};

use crate::args::Fetching;
use crate::output;
use crate::output::progress::Progress;
use crate::settings::{Settings, seconds};

/// What is needed to reach the servers of cookbooks.
#[derive(Clone)]
pub struct Network {
    pub settings: Settings,
    pub stop: Stop,
    cache_dir: PathBuf,
    offline: bool,
    /// Groups that are left out.
    pub without: Vec<String>,
}

impl Network {
    pub fn new(settings: Settings, stop: Stop, fetching: &Fetching) -> Self {
        let cache_dir = settings.cache_dir(fetching.cache_dir.as_deref());
        let without = if fetching.without.is_empty() {
            settings.without_groups.clone()
        } else {
            fetching.without.clone()
        };
        Self { settings, stop, cache_dir, offline: fetching.offline, without }
    }

    /// What was fetched. For as long as it is held, nobody removes anything from it.
    pub fn store(&self) -> Result<Cache, Diagnostic> {
        Ok(Cache::open_until(self.cache_dir.clone(), self.stop.clone())?)
    }

    /// Does something with a machine that can fetch, on which paths are seen from the repository.
    pub fn with_machine<T>(
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
        let ssh_agent =
            std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        let result = act(&FetchContext {
            system: &system,
            repository,
            cache: store,
            offline: self.offline,
            patience: self.settings.fetch_timeout.map_or(PATIENCE, seconds),
            ssh_agent: ssh_agent.as_deref(),
            credential: &|url| self.settings.credential(url),
            report: &|told| {
                tell(&mut progress.lock().unwrap_or_else(PoisonError::into_inner), told)
            },
        });
        progress.into_inner().unwrap_or_else(PoisonError::into_inner).clear();
        result
    }
}

/// On a line that is written over where somebody watches, else in lines. Servers may have named
/// what is told.
fn tell(progress: &mut Progress, told: FetchEvent<'_>) {
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
