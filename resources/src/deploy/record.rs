//! What must be known of an app's deployments beside what lies there: `releases.json` in its
//! folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::{Ownership, Query, System};

/// The deployments of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// In the order in which they were deployed.
    pub releases: Vec<Release>,
    /// Releases for which `migrate_command` has run. They need not be there any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrated: Vec<String>,
    /// The release that is being made: incomplete, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub making: Option<String>,
    /// What is, or is about to become, current without having been restarted and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
    /// The file that the environment was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<PathBuf>,
}

/// A release that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// Its folder below `releases/`.
    pub name: String,
    /// Its revision as people know it.
    pub revision: String,
    /// It was current, and was rolled back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
}

/// A release that has to be restarted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub release: String,
    /// Where a failure leads back to.
    pub previous: Option<String>,
    /// The release itself is new, not only its circumstances.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

impl Record {
    /// Reads the record; an app that was never deployed has none.
    /// # Errors
    /// When it cannot be read or understood.
    pub(crate) fn read(query: &dyn Query, path: &Path) -> Result<Option<Self>, Failure> {
        let content = match query.read(path) {
            Ok(content) => content,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Failure::io("read", path, &error)),
        };
        let record: Self = serde_json::from_slice(&content).map_err(|error| {
            Failure::new(format!("cannot read `{}`, the record of the deployments: {error}", path.display())).hint(
                "restore it from a backup, or remove it: then the release that `current` leads to is taken for the only one, \
                 and `migrate_command` for not having run",
            )
        })?;
        let names = record.releases.iter().map(|release| &release.name).chain(&record.making);
        let names = names.chain(record.unfinished.as_ref().map(|unfinished| &unfinished.release));
        match names
            .into_iter()
            .find(|name| name.is_empty() || name.starts_with('.') || name.contains('/'))
        {
            None => Ok(Some(record)),
            Some(name) => Err(Failure::new(format!(
                "`{}`, the record of the deployments, names the release `{name}`",
                path.display()
            ))
            .hint("no release has such a name: restore the file from a backup, or remove it")),
        }
    }

    /// # Errors
    /// When it cannot be written in full; then it is what it was.
    pub(crate) fn write(&self, system: &dyn System, path: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(format!("cannot write the record: {error}")))?;
        text.push('\n');
        let owner = Ownership::of_mode(0o600);
        system.replace(path, text.as_bytes(), &owner).context("write", path)
    }

    /// A release's revision as people know it.
    pub(crate) fn revision(&self, name: &str) -> String {
        self.releases
            .iter()
            .find(|release| release.name == name)
            .map_or_else(|| name.to_owned(), |release| release.revision.clone())
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.releases.iter().position(|release| release.name == name)
    }

    /// The release that was deployed last before this one, of those that were not rolled back and
    /// are there.
    pub(crate) fn before(&self, name: &str, there: &[String]) -> Option<&Release> {
        let earlier = &self.releases[..self.place(name)?];
        earlier.iter().rev().find(|release| !release.rolled_back && there.contains(&release.name))
    }

    /// Whether a rollback has led to this release, which has not shown yet that it works.
    pub(crate) fn is_going_back_to(&self, name: &str) -> bool {
        self.unfinished
            .as_ref()
            .is_some_and(|it| it.release == name && it.previous.is_some() && !it.new)
    }

    /// The release that a deployment which was killed was about to switch to. It has never run.
    pub(crate) fn never_ran(&self, current: Option<&str>) -> Option<&str> {
        let unfinished =
            self.unfinished.as_ref().filter(|it| it.new && Some(it.release.as_str()) != current)?;
        Some(&unfinished.release)
    }

    /// Takes up the current release where it is not known: something else than toque has deployed
    /// it.
    pub(crate) fn adopt(&mut self, name: &str) {
        if self.place(name).is_none() {
            self.deploy(Release {
                name: name.to_owned(),
                revision: name.to_owned(),
                rolled_back: false,
            });
        }
    }

    /// Makes a release the one that was deployed last.
    pub(crate) fn deploy(&mut self, release: Release) {
        self.releases.retain(|other| other.name != release.name);
        self.releases.push(release);
    }

    /// What need not stay: beyond `keep` the oldest releases; of those that were rolled back, the
    /// ones that nobody can want any more, because another one was deployed since, or because the
    /// source has (`settled`) what is current.
    pub(crate) fn superfluous(&self, current: &str, keep: usize, settled: bool) -> Vec<&Release> {
        let place = self.place(current).unwrap_or(self.releases.len());
        let mut most = self
            .releases
            .iter()
            .filter(|release| !release.rolled_back)
            .count()
            .saturating_sub(keep);
        let mut superfluous = Vec::new();
        for (index, release) in
            self.releases.iter().enumerate().filter(|(_, release)| release.name != current)
        {
            let unwanted = if release.rolled_back { settled || index < place } else { most > 0 };
            if unwanted {
                most -= usize::from(!release.rolled_back);
                superfluous.push(release);
            }
        }
        superfluous
    }
}
