//! A single cookbook from a git repository or an archive.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use toque_engine::cookbook::Cookbook;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::source::{Checkout as How, Source as From, SourceType};
use toque_engine::system::HostSystem;
use toque_engine::version::Version;
use toque_engine::view::View;

use super::{Machine, Source, Taken};
use crate::cookfile::{Archive, Git};
use crate::credentials::Credential;
use crate::lockfile::{Locked, Origin};
use crate::universe::Release;

/// A pin of a Cookfile, or what a lockfile has of one.
pub struct Checkout {
    name: String,
    pin: Pin,
    /// What the lockfile has of it.
    locked: Option<Locked>,
    taken: OnceLock<Taken>,
}

enum Pin {
    Git(Git),
    Archive(Archive),
}

impl Checkout {
    /// `locked` is what was taken before: it is taken again, without asking whether there is
    /// something newer.
    #[must_use]
    pub fn git(name: &str, git: &Git, locked: Option<&Locked>) -> Self {
        Self {
            name: name.to_owned(),
            pin: Pin::Git(git.clone()),
            locked: locked.cloned(),
            taken: OnceLock::new(),
        }
    }

    /// The same for an archive.
    #[must_use]
    pub fn archive(name: &str, archive: &Archive, locked: Option<&Locked>) -> Self {
        Self {
            name: name.to_owned(),
            pin: Pin::Archive(archive.clone()),
            locked: locked.cloned(),
            taken: OnceLock::new(),
        }
    }

    fn fetch(&self, machine: &Machine<'_>, system: &HostSystem) -> Result<Taken, Diagnostic> {
        if let Some(locked) = &self.locked
            && let Some(sha256) = &locked.sha256
            && let Some(root) = machine.store.get(&self.name, sha256)?
        {
            // As it is, whatever else a lockfile that was edited by hand says of it.
            return Ok(Taken::of(
                &Cookbook::load(&root)?,
                locked.origin.clone(),
                Some(sha256.clone()),
            ));
        }
        let (source, rel) = self.engine_source(machine)?;
        let local = source.url.starts_with('/') || source.url.starts_with("file:");
        if !local {
            machine.online(&format!("`{}` from {}", self.name, self.shown()))?;
        }
        source.check().map_err(|wrong| {
            Diagnostic::from(wrong).note(format!("for the cookbook `{}`", self.name))
        })?;
        machine.begin(&format!("fetching `{}` from {}", self.name, self.shown()));
        let about = |failure| {
            Diagnostic::from(self.by_a_person(failure))
                .note(format!("for the cookbook `{}`", self.name))
        };
        let view = View::new(system);
        let found = source.look(&view).map_err(about)?;
        let scratch = machine.store.scratch()?;
        let into = scratch.path().join("fetched");
        let clone = match &self.pin {
            Pin::Git(git) => Some(machine.store.clone_of(&git.url)?),
            Pin::Archive(_) => None,
        };
        let how = How { cache: clone.as_ref().map(|clone| clone.path.as_path()), ..How::default() };
        source.check_out(system, &view, &found, &into, &how).map_err(about)?;
        let (cookbook, sha256) =
            machine.keep(&scratch, &Path::new("fetched").join(rel), &self.name, &self.shown())?;
        let revision = found.revision.id;
        let origin = match &self.pin {
            Pin::Git(Git { url, revision: asked, rel }) => Origin::Git {
                git: url.clone(),
                asked: asked.clone(),
                revision,
                rel: rel.as_ref().map(|rel| rel.display().to_string()),
            },
            Pin::Archive(Archive { location, .. }) => {
                Origin::Archive { archive: location.clone(), revision }
            }
        };
        Ok(Taken::of(&cookbook, origin, Some(sha256)))
    }

    /// As the engine fetches it, and the folder in it.
    fn engine_source(&self, machine: &Machine<'_>) -> Result<(From, PathBuf), Diagnostic> {
        let revision = self.locked.as_ref().and_then(|locked| match &locked.origin {
            Origin::Git { revision, .. } | Origin::Archive { revision, .. } => {
                Some(revision.clone())
            }
            _ => None,
        });
        let (source, rel) = match &self.pin {
            Pin::Git(git) => {
                let revision = revision.or_else(|| git.revision.clone());
                let source = From {
                    kind: Some(SourceType::Git),
                    url: git.url.clone(),
                    revision,
                    ..From::default()
                };
                (source, git.rel.clone().unwrap_or_default())
            }
            Pin::Archive(archive) => {
                let checksum = revision.or_else(|| archive.sha256.clone());
                let url = if archive.location.contains("://") {
                    archive.location.clone()
                } else {
                    machine.repository.join(&archive.location).display().to_string()
                };
                (
                    From { kind: Some(SourceType::Archive), url, checksum, ..From::default() },
                    PathBuf::new(),
                )
            }
        };
        let (Credential { token, user, password, ssh_key }, access) =
            machine.access(&source.url)?;
        let git = source.kind == Some(SourceType::Git);
        let password = password.or(token.filter(|_| git));
        // Servers that take a token take any name with it, but not none.
        let user = user.or_else(|| (git && password.is_some()).then(|| "token".to_owned()));
        Ok((From { user, password, ssh_key: ssh_key.filter(|_| git), access, ..source }, rel))
    }

    /// What a recipe would say by properties, a person says in the settings, in the Cookfile or by
    /// a command.
    fn by_a_person(&self, failure: Failure) -> Failure {
        let hint = failure.hint.clone().unwrap_or_default();
        let names = |properties: &[&str]| properties.iter().any(|property| hint.contains(property));
        let is_locked = self.locked.is_some();
        match () {
            () if names(&["`user`", "`password`", "`ssh_key`"]) => failure
                .hint("say in `[credentials]` of your settings who you are for this server; keys for `ssh` may also be in an agent"),
            () if names(&["submodules"]) => {
                failure.hint("correct `url` in its `.gitmodules`: a cookbook comes with its submodules, from where anybody can have them")
            }
            () if names(&["`checksum`", "`revision`"]) && is_locked => failure.hint(format!(
                "it is not there any more as it was locked: ask who changed it, then take what is there with `toque cookbook update {}`",
                self.name
            )),
            () if names(&["`checksum`"]) => failure.hint(hint.replace("`checksum`", "`sha256` in Cookfile.toml")),
            () if names(&["raise"]) => super::in_time(failure),
            () if names(&["`url`"]) => failure.hint(hint.replace("the `url`", "`url`").replace("`url`", "the address")),
            () if names(&["converge again"]) => failure.hint(hint.replace("converge again", "try again")),
            () => failure,
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

    fn offers(
        &self,
        machine: &Machine<'_>,
        system: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        let taken = self.fetch(machine, system)?;
        let release = self.taken.get_or_init(|| taken).release(false)?;
        Ok(vec![(self.name.clone(), vec![release])])
    }

    fn take(
        &self,
        machine: &Machine<'_>,
        system: &HostSystem,
        _: &str,
        _: &Version,
    ) -> Result<Taken, Diagnostic> {
        self.taken.get().cloned().map_or_else(|| self.fetch(machine, system), Ok)
    }
}
