//! What a repository asks for, what lies in it, and who is asked for the rest.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::version::Constraint;

use crate::fetch::{Checkout, FetchedCookbook, Folder, Pin, Registry, Source};
use crate::file_lock::{PATIENCE, wait_for};
use crate::manifest::cookfile::{self, Archive, Cookfile, Git, Location};
use crate::manifest::lockfile::{Lockfile, Origin};
use crate::resolve::Requirement;
use crate::resolve::target_platforms::TargetPlatforms;

/// A repository that has a Cookfile.
pub struct Repository {
    pub path: PathBuf,
    pub cookfile: Cookfile,
    /// Pins that are paths, `cookbooks/`, and folders that are sources, in the order in which they
    /// are asked.
    pub(crate) paths: Vec<Folder>,
    pub(crate) own: Folder,
    pub(crate) folders: Vec<Folder>,
}

/// The cookbooks that may be chosen anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Only those that the lockfile does not have.
    Nothing,
    Everything,
    /// These, and what they force.
    Some(Vec<String>),
}

impl Update {
    /// Whether a cookbook is chosen anew.
    #[must_use]
    pub fn moves(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(names) => names.iter().any(|moved| moved == name),
        }
    }
}

impl Repository {
    /// Reads what is there; none without a Cookfile.
    /// # Errors
    /// A mistake in the Cookfile or in a cookbook, with the place.
    pub fn read(path: &Path) -> Result<Option<Self>, Diagnostic> {
        Cookfile::read(path)?.map(|cookfile| Self::of(path, cookfile)).transpose()
    }

    /// The repository at `path` with this Cookfile, whether it is written there or not.
    /// # Errors
    /// A mistake in a cookbook, with the place.
    pub fn of(path: &Path, cookfile: Cookfile) -> Result<Self, Diagnostic> {
        let paths = cookfile.cookbooks.iter().filter_map(|wanted| match &wanted.from {
            Location::Path(folder) => Some(
                Folder::one(path, folder, &wanted.name)
                    .map_err(|wrong| wrong.or_at(Some(&wanted.at))),
            ),
            _ => None,
        });
        let paths = paths.collect::<Result<_, _>>()?;
        let folders = cookfile.sources.iter().filter_map(|source| match source {
            cookfile::Source::Folder(folder) => Some(Folder::of(path, folder)),
            cookfile::Source::Registry(_) => None,
        });
        let folders = folders.collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), own: Folder::own(path)?, paths, folders, cookfile })
    }

    /// Lets nobody else choose and write for a repository while the result is held; none on a file
    /// system that has no locks.
    /// # Errors
    /// When somebody else does, and does not come to an end before this is stopped.
    pub fn lock(path: &Path, stop: &CancelToken) -> Result<Option<File>, Failure> {
        let Ok(folder) = File::open(path) else { return Ok(None) };
        match folder.try_lock() {
            Err(TryLockError::Error(_)) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                wait_for(&folder, PATIENCE, stop, path, File::try_lock).map(|()| Some(folder))
            }
            Ok(()) => Ok(Some(folder)),
        }
    }

    /// Everything that is asked for: by the Cookfile, and by lying in `cookbooks/`.
    #[must_use]
    pub fn requirements(&self) -> Vec<Requirement> {
        let of_cookfile = self.cookfile.cookbooks.iter().map(|wanted| Requirement {
            cookbook: wanted.name.clone(),
            constraint: if let Location::Sources(constraint) = &wanted.from {
                constraint.clone()
            } else {
                Constraint::default()
            },
            asker: cookfile::NAME.to_owned(),
            at: Some(wanted.at.clone()),
        });
        let of_own = self.own.cookbooks().iter().map(|own| Requirement {
            cookbook: own.name().to_owned(),
            constraint: Constraint::default(),
            asker: "cookbooks/".to_owned(),
            at: None,
        });
        of_cookfile.chain(of_own).collect()
    }

    /// Returns the machines that it is for.
    pub(crate) fn targets(&self) -> TargetPlatforms {
        TargetPlatforms::of(self.cookfile.platforms.clone())
    }

    /// Returns the cookbooks that lie in the repository, in other folders that it names, or are
    /// pinned by a path.
    pub(crate) fn local(&self) -> impl Iterator<Item = &FetchedCookbook> {
        let folders = self.paths.iter().chain([&self.own]).chain(&self.folders);
        folders.flat_map(Folder::cookbooks)
    }

    /// What is left of a lockfile without some groups: whatever nobody else needs is left out.
    /// Groups that are not there change nothing: settings are for many repositories.
    #[must_use]
    pub fn without(&self, lockfile: &Lockfile, groups: &[String]) -> Lockfile {
        let stays =
            |group: &Option<String>| group.as_ref().is_none_or(|group| !groups.contains(group));
        let asked = self
            .cookfile
            .cookbooks
            .iter()
            .filter(|wanted| stays(&wanted.group))
            .map(|wanted| &wanted.name);
        let own = self.own.cookbooks().iter().map(FetchedCookbook::name);
        let needed = lockfile.needed_by(asked.map(String::as_str).chain(own));
        let all = lockfile.cookbooks.iter().filter(|(name, _)| needed.contains(name.as_str()));
        Lockfile { cookbooks: all.map(|(name, locked)| (name.clone(), locked.clone())).collect() }
    }

    /// Returns the sources that are asked, the first first.
    pub(crate) fn sources(&self, lockfile: &Lockfile, update: &Update) -> Vec<Box<dyn Source>> {
        let mut all: Vec<Box<dyn Source>> = Vec::new();
        // Several groups may ask for one pin.
        let mut seen = BTreeSet::new();
        for wanted in self.cookfile.cookbooks.iter().filter(|wanted| seen.insert(&wanted.name)) {
            let name = &wanted.name;
            let locked = lockfile
                .cookbooks
                .get(name)
                .filter(|locked| !update.moves(name) && same_pin(&wanted.from, &locked.origin));
            let pin = match &wanted.from {
                Location::Git(git) => Pin::Git(git.clone()),
                Location::Archive(archive) => Pin::Archive(archive.clone()),
                Location::Path(_) | Location::Sources(_) => continue,
            };
            all.push(Box::new(Checkout::new(name, pin, locked)));
        }
        let boxed = |folder: &Folder| -> Box<dyn Source> { Box::new(folder.clone()) };
        all.extend(self.paths.iter().chain([&self.own]).map(boxed));
        let mut folders = self.folders.iter();
        for source in &self.cookfile.sources {
            match source {
                cookfile::Source::Registry(url) => all.push(Box::new(Registry::new(url))),
                cookfile::Source::Folder(_) => all.extend(folders.next().map(boxed)),
            }
        }
        all
    }
}

/// Whether what is locked is what a pin asks for.
pub(crate) fn same_pin(from: &Location, origin: &Origin) -> bool {
    match (from, origin) {
        (Location::Git(Git { url, revision, rel }), Origin::Git { git, asked, rel: of, .. }) => {
            url == git
                && revision == asked
                && rel.as_ref().map(|rel| rel.display().to_string()) == *of
        }
        (
            Location::Archive(Archive { location, sha256 }),
            Origin::Archive { archive, revision },
        ) => {
            location == archive
                && sha256.as_ref().is_none_or(|sha256| sha256.eq_ignore_ascii_case(revision))
        }
        _ => false,
    }
}
