//! Verifies that cookbooks on this machine are what was locked, or what was once cached.
//! Nothing is changed or fetched.

use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::version::Version;
use toque_data::cookbook::Cookbook;

use crate::cache::{Cache, CachedCookbook};
use crate::directory_checksum;
use crate::manifest::lockfile::{LockedCookbook, Lockfile, Origin};
use crate::repository::Repository;

/// The result for one cookbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub name: String,
    /// The one that was locked, or that it says itself; none when that cannot be read.
    pub version: Option<Version>,
    pub state: State,
    /// Where it is, or would be.
    pub root: PathBuf,
}

/// What is there of a cookbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    AsItWas,
    /// It lies where people change it, so that no checksum says what it was. Its `cookbook.toml`
    /// says what was locked.
    InUse,
    /// In which way it is not.
    Changed(String),
    Missing,
}

impl Repository {
    /// Verifies every cookbook of a lockfile: its files, and what its `cookbook.toml` says.
    #[must_use]
    pub fn verify(&self, cache: &Cache, lockfile: &Lockfile) -> Vec<Verified> {
        let verify = |(name, locked): (&String, &LockedCookbook)| {
            let root = self.root_of(cache, name, locked);
            let state = if root.is_dir() {
                let same = if locked.sha256.is_some() { State::AsItWas } else { State::InUse };
                is_as_locked(name, locked, &root).map_or_else(State::Changed, |()| same)
            } else {
                State::Missing
            };
            Verified { name: name.clone(), version: Some(locked.version.clone()), state, root }
        };
        lockfile.cookbooks.iter().map(verify).collect()
    }

    /// Where a locked cookbook is on this machine, when it is there.
    #[must_use]
    pub fn root_of(&self, cache: &Cache, name: &str, locked: &LockedCookbook) -> PathBuf {
        match (&locked.origin, &locked.sha256) {
            (Origin::Path { path }, _) => self.path.join(path),
            (_, sha256) => cache.root(name, sha256.as_deref().unwrap_or_default()),
        }
    }
}

/// Verifies every cookbook in a cache.
/// # Errors
/// When the cache cannot be listed.
pub fn verify_all(cache: &Cache) -> Result<Vec<Verified>, Diagnostic> {
    let verify = |CachedCookbook { name, sha256, root }: CachedCookbook| {
        let loaded = Cookbook::load(&root);
        let state = has_checksum(&sha256, &root)
            .and_then(|()| loaded.as_ref().map(|_| ()).map_err(ToString::to_string));
        let state = state.map_or_else(State::Changed, |()| State::AsItWas);
        Verified {
            name,
            version: loaded.ok().map(|cookbook| cookbook.manifest.version),
            state,
            root,
        }
    };
    Ok(cache.list()?.into_iter().map(verify).collect())
}

fn has_checksum(sha256: &str, root: &Path) -> Result<(), String> {
    match directory_checksum::sha256(root) {
        Ok(has) if has == sha256 => Ok(()),
        Ok(_) => Err("its files have another checksum".to_owned()),
        Err(failure) => Err(failure.to_string()),
    }
}

fn is_as_locked(name: &str, locked: &LockedCookbook, root: &Path) -> Result<(), String> {
    if let Some(sha256) = &locked.sha256 {
        has_checksum(sha256, root)?;
    }
    let cookbook = Cookbook::load(root).map_err(|wrong| wrong.to_string())?;
    locked.check(name, &cookbook.manifest)
}
