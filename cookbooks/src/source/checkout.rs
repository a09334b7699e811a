//! A single cookbook from a git repository or an archive.

use std::path::{Path, PathBuf};

use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::source::{Checkout as How, Source as From, SourceType};
use toque_engine::version::Version;
use toque_engine::view::View;

use super::{Machine, Source, Taken};
use crate::cookfile::{Archive, Git};
use crate::lockfile::{Locked, Origin};
use crate::universe::Release;

/// A pin of a Cookfile, or what a lockfile has of one.
pub struct Checkout {
    name: String,
    pin: Pin,
    /// What the lockfile has of it.
    locked: Option<Locked>,
    taken: Option<Taken>,
}

enum Pin {
    Git(Git),
    Archive(Archive),
}

impl Checkout {
    /// `locked` is what was taken before: it is taken again, without asking whether there is something newer.
    #[must_use]
    pub fn git(name: &str, git: &Git, locked: Option<&Locked>) -> Self {
        Self { name: name.to_owned(), pin: Pin::Git(git.clone()), locked: locked.cloned(), taken: None }
    }

    /// The same for an archive.
    #[must_use]
    pub fn archive(name: &str, archive: &Archive, locked: Option<&Locked>) -> Self {
        Self { name: name.to_owned(), pin: Pin::Archive(archive.clone()), locked: locked.cloned(), taken: None }
    }

    fn fetch(&self, machine: &Machine<'_>) -> Result<Taken, Diagnostic> {
        if let Some(locked) = &self.locked
            && let Some(sha256) = &locked.sha256
            && let Some(root) = machine.store.get(&self.name, sha256)?
        {
            return Ok(Taken { root, locked: locked.clone() });
        }
        let (source, rel) = self.engine_source(machine);
        let local = source.url.starts_with('/') || source.url.starts_with("file:");
        if !local {
            machine.online(&format!("`{}` from {}", self.name, self.shown()))?;
        }
        source.check().map_err(|wrong| Diagnostic::from(wrong).note(format!("for the cookbook `{}`", self.name)))?;
        (machine.tell)(&format!("fetching `{}` from {}", self.name, self.shown()));
        let about = |failure: Failure| Diagnostic::from(failure).note(format!("for the cookbook `{}`", self.name));
        let view = View::new(machine.system.as_query());
        let found = source.look(&view).map_err(about)?;
        let scratch = machine.store.scratch()?;
        let into = scratch.path().join("fetched");
        let clone = match &self.pin {
            Pin::Git(git) => Some(machine.store.clone_of(&git.url)?),
            Pin::Archive(_) => None,
        };
        let how = How { cache: clone.as_ref().map(|clone| clone.path.as_path()), ..How::default() };
        source.check_out(machine.system, &view, &found, &into, &how).map_err(about)?;
        let (cookbook, sha256) = machine.keep(&scratch, &Path::new("fetched").join(rel), &self.name, &self.shown())?;
        let revision = found.revision.id;
        let origin = match &self.pin {
            Pin::Git(Git { url, revision: asked, rel }) => Origin::Git {
                git: url.clone(),
                asked: asked.clone(),
                revision,
                rel: rel.as_ref().map(|rel| rel.display().to_string()),
            },
            Pin::Archive(Archive { location, .. }) => Origin::Archive { archive: location.clone(), revision },
        };
        Ok(Taken::of(&cookbook, origin, Some(sha256)))
    }

    /// As the engine fetches it, and the folder in it.
    fn engine_source(&self, machine: &Machine<'_>) -> (From, PathBuf) {
        let revision = self.locked.as_ref().and_then(|locked| match &locked.origin {
            Origin::Git { revision, .. } | Origin::Archive { revision, .. } => Some(revision.clone()),
            _ => None,
        });
        match &self.pin {
            Pin::Git(git) => {
                let revision = revision.or_else(|| git.revision.clone());
                let source = From { kind: Some(SourceType::Git), url: git.url.clone(), revision, ..From::default() };
                (source, git.rel.clone().unwrap_or_default())
            }
            Pin::Archive(archive) => {
                let checksum = revision.or_else(|| archive.sha256.clone());
                let url = if archive.location.contains("://") {
                    archive.location.clone()
                } else {
                    machine.repository.join(&archive.location).display().to_string()
                };
                (From { kind: Some(SourceType::Archive), url, checksum, ..From::default() }, PathBuf::new())
            }
        }
    }
}

impl Source for Checkout {
    fn shown(&self) -> String {
        let url = match &self.pin {
            Pin::Git(git) => &git.url,
            Pin::Archive(archive) => &archive.location,
        };
        format!("`{}`", From { url: url.clone(), ..From::default() }.shown())
    }

    fn offers(&mut self, machine: &Machine<'_>) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        let taken = self.fetch(machine)?;
        let release = taken.release(false)?;
        self.taken = Some(taken);
        Ok(vec![(self.name.clone(), vec![release])])
    }

    fn take(&self, machine: &Machine<'_>, _: &str, _: &Version) -> Result<Taken, Diagnostic> {
        self.taken.clone().map_or_else(|| self.fetch(machine), Ok)
    }
}
