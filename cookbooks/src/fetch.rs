//! Fetching: the places that cookbooks come from, behind one interface.

mod accept;
mod checkout;
pub mod credentials;
mod folder;
pub(crate) mod locate_cookbook;
pub(crate) mod parallel;
pub mod registry;

use std::path::Path;
use std::time::Duration;

use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Diagnostic;
use toque_core::version::Version;
use toque_data::cookbook::Cookbook;
use toque_machine::source::Access;
use toque_machine::source::unpack::Limits;
use toque_machine::system::HostSystem;

pub(crate) use self::checkout::{Checkout, Pin};
use self::credentials::Credential;
pub use self::folder::Folder;
pub(crate) use self::registry::Registry;
use crate::cache::Cache;
use crate::manifest::lockfile::{LockedCookbook, Origin};
use crate::resolve::catalog::Release;

/// How long a server may be silent by default. In as much time at least 1 KiB a second must come of
/// what it sends.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The largest archive of a cookbook, and list of a registry. No cookbook is nearly as large, and
/// several archives are in memory at once.
pub(crate) const LIMITS: Limits = Limits { packed: 256 << 20, bytes: 2 << 30, ..Limits::USUAL };

/// What to do about a server that does not answer in time.
pub(crate) const IN_TIME: &str =
    "check that the server can be reached and answers, or raise `fetch_timeout` in the settings";

/// A place that has cookbooks. Several threads may ask it at once.
pub(crate) trait Source: Sync {
    /// Returns its address, as messages show it.
    fn shown(&self) -> String;
    /// Lists what it has, by name.
    /// # Errors
    /// When it cannot be asked, or answers what is no answer.
    fn releases(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic>;
    /// Brings a version that it listed to this machine.
    /// # Errors
    /// When it cannot be fetched, or is not what it was said to be.
    fn fetch(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
        name: &str,
        version: &Version,
    ) -> Result<FetchedCookbook, Diagnostic>;
}

/// The environment of a fetch.
pub struct FetchContext<'a> {
    /// Makes what reaches files, programs and servers: each thread has its own.
    pub system: &'a (dyn Fn() -> HostSystem + Sync),
    /// Paths are seen from here.
    pub repository: &'a Path,
    pub cache: &'a Cache,
    /// Whether no server may be asked.
    pub offline: bool,
    /// How long a server may be silent.
    pub patience: Duration,
    /// The socket of an agent that has keys for `ssh`.
    pub ssh_agent: Option<&'a Path>,
    /// Returns the credential for the server of a URL.
    pub credential: &'a (dyn Fn(&str) -> Result<Credential, Diagnostic> + Sync),
    pub report: &'a (dyn Fn(FetchEvent<'_>) + Sync),
}

/// An event while cookbooks are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// Something that may take long begins.
    Started(&'a str),
    /// So many of so many cookbooks are there; the last of them was this one, or none at the
    /// beginning.
    Fetched { count: usize, of: usize, name: &'a str },
    /// Something is strange, and goes on.
    Warning(&'a str),
}

/// A cookbook on this machine, with its `cookbook.toml` as it was read once.
#[derive(Debug, Clone)]
pub struct FetchedCookbook {
    pub cookbook: Cookbook,
    pub origin: Origin,
    /// None for what lies in the repository and may change.
    pub sha256: Option<String>,
}

impl FetchedCookbook {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cookbook.manifest.name
    }

    /// Returns what a lockfile says of it.
    pub(crate) fn locked(&self) -> LockedCookbook {
        LockedCookbook {
            version: self.cookbook.manifest.version.clone(),
            origin: self.origin.clone(),
            sha256: self.sha256.clone(),
            dependencies: self.cookbook.manifest.dependencies.clone(),
        }
    }

    /// Returns it as a candidate of the solver. `editable` says that it lies where its user can
    /// change it.
    pub(crate) fn release(&self, editable: bool) -> Release {
        let Cookbook { manifest, root } = &self.cookbook;
        Release {
            version: manifest.version.clone(),
            dependencies: manifest.dependencies.clone(),
            toque: manifest.toque.clone(),
            platforms: manifest.platforms.clone(),
            file: editable.then(|| root.join("cookbook.toml")),
        }
    }
}

impl FetchContext<'_> {
    /// Checks that servers may be asked.
    /// # Errors
    /// When they may not.
    fn online(&self, what: &str) -> Result<(), Diagnostic> {
        if self.offline {
            return Err(Diagnostic::error(format!(
                "{what} has to be fetched, and `--offline` forbids it"
            ))
            .hint("run `toque cookbook install` where the network can be reached"));
        }
        Ok(())
    }

    /// Returns the cookbook that is locked as `name`, when it is in the cache as it was.
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn cached(
        &self,
        name: &str,
        locked: &LockedCookbook,
    ) -> Result<Option<FetchedCookbook>, Diagnostic> {
        let Some(sha256) = &locked.sha256 else { return Ok(None) };
        let Some(root) = self.cache.get(name, sha256)? else { return Ok(None) };
        let (origin, sha256) = (locked.origin.clone(), Some(sha256.clone()));
        Ok(Some(FetchedCookbook { cookbook: Cookbook::load(&root)?, origin, sha256 }))
    }

    /// Returns the means to reach a URL.
    /// # Errors
    /// When the credential cannot be read.
    fn access(&self, url: &str) -> Result<(Credential, Access), Diagnostic> {
        let credential = (self.credential)(url)?;
        let ssh_agent = self.ssh_agent.map(Path::to_owned);
        let access = Access {
            silence: Some(self.patience),
            ssh_agent,
            limits: LIMITS,
            token: credential.token.clone(),
        };
        Ok((credential, access))
    }

    /// Returns the stop that all its systems share.
    pub(crate) fn stop(&self) -> CancelToken {
        (self.system)().stop
    }

    fn started(&self, what: &str) {
        (self.report)(FetchEvent::Started(what));
    }
}
