//! The rule for the files that decide what toque runs: a repository, documents, settings, secrets,
//! and what is kept between runs. Only root, toque's own user and those that the machine's settings
//! name may own or change them, or a folder on the way to them.
//!
//! Each path is looked at from `/` on. Once a folder is known to be closed to all others, nobody
//! else can put another thing in the place of what lies in it, so that what was looked at is what
//! is read afterwards.

mod rule;
mod walk;

use std::path::Path;

use toque_core::failure::Failure;

pub use self::rule::{Cause, Entry, EntryType, Way, cause};
use self::walk::Walk;

/// The users who may decide what toque runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// Users who are trusted besides root and the user that toque runs as.
    pub owners: Vec<u32>,
    /// Trusts the repository and the documents of this run, whoever owns them. State, cache,
    /// settings and secrets are looked at all the same.
    pub repository: bool,
}

/// The part that a file or folder has in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Cookbooks, roles, environments, nodes, data bags, and the settings among them.
    Repository,
    /// A recipe, a stack, a command, attributes or an archive that is named.
    Document,
    Settings,
    /// A git repository or an archive on this machine, from which cookbooks come.
    Source,
    /// The key of encrypted data bag items.
    Secret,
    /// Lock, history, journal and backups.
    State,
    /// Cookbooks that were fetched.
    Cache,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Repository => "the repository",
            Self::Document => "the document",
            Self::Source => "the source",
            Self::Settings => "the settings in",
            Self::Secret => "the secret in",
            Self::State => "the state directory",
            Self::Cache => "the cache",
        }
    }

    fn is_of_run(self) -> bool {
        matches!(self, Self::Repository | Self::Document | Self::Source)
    }
}

/// What a repository has for toque. Other files in it are nobody's business.
const OF_REPOSITORY: [&str; 11] = [
    "toque.toml",
    "Cookfile.toml",
    "Cookfile.lock",
    ".toqueignore",
    "stack.json",
    "stack.toml",
    "cookbooks",
    "roles",
    "environments",
    "nodes",
    "data_bags",
];

/// Levels of state and cache that are looked at: their own folders, and what lies in these.
const LEVELS: usize = 2;

impl Trust {
    /// Checks a file, and every folder on the way to it. One that is missing is in order where
    /// nobody else could make it.
    /// # Errors
    /// When another user decides what is in it.
    pub fn file(&self, subject: Subject, path: &Path) -> Result<(), Failure> {
        self.check(subject, path, |walk| walk.reach(path).map(drop))
    }

    /// Checks a folder with all that is in it, and every folder on the way to it.
    /// # Errors
    /// As [`file`](Self::file).
    pub fn tree(&self, subject: Subject, path: &Path) -> Result<(), Failure> {
        self.check(subject, path, |walk| {
            let start = walk.reach(path)?;
            walk.below(start, usize::MAX)
        })
    }

    /// Checks a repository: the folder, and everything in it that runs read.
    /// # Errors
    /// As [`file`](Self::file).
    pub fn repository(&self, path: &Path) -> Result<(), Failure> {
        self.check(Subject::Repository, path, |walk| {
            walk.listed(walk.reach(path)?.as_ref())?;
            for name in OF_REPOSITORY {
                let start = walk.reach(&path.join(name))?;
                walk.below(start, usize::MAX)?;
            }
            Ok(())
        })
    }

    /// Checks the folders between a repository and the one that it was found from.
    /// # Errors
    /// As [`file`](Self::file).
    pub fn found_from(&self, repository: &Path, here: &Path) -> Result<(), Failure> {
        self.check(Subject::Repository, repository, |walk| walk.reach(here).map(drop))
    }

    /// Checks a folder that toque writes in: the way to it, and its entries. It need not be there;
    /// who makes it checks it again before anything is put there.
    /// # Errors
    /// As [`file`](Self::file).
    pub fn folder(&self, subject: Subject, path: &Path) -> Result<(), Failure> {
        self.check(subject, path, |walk| {
            let start = match walk.reach(path) {
                // It is looked at once more when it was made.
                Err(stop) if stop.is_missing() => None,
                start => start?,
            };
            walk.below(start, LEVELS)
        })
    }

    fn check(
        &self,
        subject: Subject,
        path: &Path,
        look: impl FnOnce(&mut Walk<'_>) -> walk::Result<()>,
    ) -> Result<(), Failure> {
        if self.repository && subject.is_of_run() {
            return Ok(());
        }
        let mut walk = Walk::new(&self.owners);
        look(&mut walk).map_err(|stop| stop.about(subject, path))
    }
}

#[cfg(test)]
mod tests;
