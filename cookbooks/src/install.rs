//! From a Cookfile to cookbooks on this machine: choosing, fetching, locking.

mod candidates;
mod download;
mod outdated;

use std::collections::BTreeMap;
use std::path::PathBuf;

use toque_core::diagnostic::Diagnostic;

use self::candidates::Candidates;
use self::download::{Selected, download, source_is};
pub use self::outdated::Outdated;
use crate::fetch::{FetchContext, FetchedCookbook};
use crate::manifest::lockfile::{self, Lockfile};
use crate::repository::{Repository, Update};
use crate::resolve::{Preferred, solve_until};

/// The options of an install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallOptions {
    pub update: Update,
    /// Whether the lockfile may not change.
    pub locked: bool,
    /// Groups of which nothing is fetched that is locked already.
    pub without: Vec<String>,
}

/// The result of an install.
#[derive(Debug, Clone)]
pub struct Installed {
    pub before: Lockfile,
    pub after: Lockfile,
    /// The folder of each cookbook.
    pub roots: BTreeMap<String, PathBuf>,
}

/// Cookbooks on this machine, by name.
type Fetched = BTreeMap<String, FetchedCookbook>;

impl Repository {
    /// Brings what a lockfile names to this machine, and returns the folder of each cookbook.
    /// # Errors
    /// When something cannot be fetched, or is not what was locked.
    pub fn fetch(
        &self,
        context: &FetchContext<'_>,
        lockfile: &Lockfile,
    ) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
        Ok(roots(self.fetch_locked(context, lockfile)?))
    }

    /// Chooses what is needed, fetches it and writes the lockfile, unless that says it all.
    /// # Errors
    /// When nothing fits, something cannot be fetched, or the lockfile would change and may not.
    /// Then it is as it was.
    pub fn install(
        &self,
        context: &FetchContext<'_>,
        options: &InstallOptions,
    ) -> Result<Installed, Diagnostic> {
        let installed = self.prepare(context, options)?;
        installed.after.write(&self.path)?;
        if installed.after.cookbooks.values().any(|locked| locked.sha256.is_some()) {
            context.cache.remember(&self.path);
        }
        Ok(installed)
    }

    /// The same, but for writing the lockfile.
    /// # Errors
    /// As for [`Self::install`].
    pub(crate) fn prepare(
        &self,
        context: &FetchContext<'_>,
        options: &InstallOptions,
    ) -> Result<Installed, Diagnostic> {
        let InstallOptions { update, locked, without } = options;
        let locked = *locked;
        let there = Lockfile::read(&self.path)?;
        let before = there.clone().unwrap_or_default();
        if let Update::Some(names) = update {
            names.iter().try_for_each(|name| before.require(name).map(|_| ()))?;
        }
        let mut reason = match &there {
            Some(lockfile) => self.stale_reason(lockfile),
            None => Some("there is none".to_owned()),
        };
        if let (Update::Nothing, None) = (update, &reason) {
            let fetched = self.fetch_locked(context, &self.without(&before, without))?;
            reason = self.refused(&fetched).map(|(_, why)| why);
            if reason.is_none() {
                return Ok(Installed { after: before.clone(), before, roots: roots(fetched) });
            }
        }
        if let (true, Some(reason)) = (locked, &reason) {
            return Err(Diagnostic::error(format!(
                "`{}` would change, and `--locked` forbids it: {reason}",
                lockfile::NAME
            ))
            .hint("run `toque cookbook install` without it, and commit the file"));
        }
        let fetched = self.choose(context, &before, update)?;
        let cookbooks = fetched.iter().map(|(name, one)| (name.clone(), one.locked()));
        let after = Lockfile { cookbooks: cookbooks.collect() };
        if let Some(reason) = self.stale_reason(&after) {
            // A registry that says otherwise than the cookbooks that it has.
            return Err(Diagnostic::error(format!(
                "what was fetched does not go together: {reason}"
            ))
            .note("what the registry says of a version is not what its cookbook.toml says")
            .hint("ask whoever keeps the registry, or pin another version"));
        }
        if let Some((name, why)) = self.refused(&fetched) {
            return Err(Diagnostic::error(format!("what was fetched cannot be used: {why}"))
                .note("what the registry says of a version is not what its cookbook.toml says")
                .hint(format!("ask for another version of `{name}` in Cookfile.toml, and tell whoever keeps the registry")));
        }
        if locked && after != before {
            return Err(Diagnostic::error(format!(
                "`{}` would change, and `--locked` forbids it",
                lockfile::NAME
            ))
            .hint("run it without `--locked`"));
        }
        Ok(Installed { before, after, roots: roots(fetched) })
    }

    /// Returns the first cookbook that the target machines cannot use, and why.
    fn refused<'a>(&self, fetched: &'a Fetched) -> Option<(&'a str, String)> {
        let targets = self.targets();
        fetched.iter().find_map(|(name, one)| {
            let release = one.release(false);
            let why = release.refused_by(&targets)?;
            Some((name.as_str(), format!("`{name}` {} {why}", release.version)))
        })
    }

    /// Chooses what is needed, and fetches it.
    fn choose(
        &self,
        context: &FetchContext<'_>,
        before: &Lockfile,
        update: &Update,
    ) -> Result<Fetched, Diagnostic> {
        let candidates = Candidates::of(self, context, before, update)?;
        let versions =
            before.cookbooks.iter().map(|(name, locked)| (name.clone(), locked.version.clone()));
        let preferred = match update {
            Update::Everything => Preferred::default(),
            Update::Nothing => Preferred { locked: versions.collect(), moved: Vec::new() },
            Update::Some(names) => Preferred { locked: versions.collect(), moved: names.clone() },
        };
        let requirements = self.requirements();
        let solution =
            solve_until(&context.stop(), &candidates.catalog, &requirements, &preferred)?;
        // A cookbook that is named is taken as it is now, not as it was locked.
        let named = |name: &String| matches!(update, Update::Some(names) if names.contains(name));
        let selected = solution.iter().filter_map(|(name, version)| {
            let source = candidates.source(name)?;
            let locked = before.cookbooks.get(name).filter(|locked| {
                locked.version == *version && !named(name) && source_is(source, &locked.origin)
            });
            Some(Selected { name, version, source, locked })
        });
        download(context, &selected.collect::<Vec<_>>())
    }
}

fn roots(fetched: Fetched) -> BTreeMap<String, PathBuf> {
    fetched.into_iter().map(|(name, one)| (name, one.cookbook.root)).collect()
}
