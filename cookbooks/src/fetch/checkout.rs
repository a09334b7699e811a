//! A single cookbook from a git repository or an archive.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{Failure, FailureKind};
use toque_core::version::Version;
use toque_machine::source::{Checkout as CheckoutOptions, Source as EngineSource, SourceType};
use toque_machine::system::HostSystem;
use toque_machine::view::View;

use crate::fetch::credentials::Credential;
use crate::fetch::{FetchContext, FetchedCookbook, IN_TIME, Source};
use crate::manifest::cookfile::{Archive, Git};
use crate::manifest::lockfile::{LockedCookbook, Origin};
use crate::resolve::catalog::Release;

/// A pin of a Cookfile, or what a lockfile has of one.
pub(crate) struct Checkout {
    name: String,
    pin: Pin,
    locked: Option<LockedCookbook>,
    fetched: OnceLock<FetchedCookbook>,
}

/// A place that has one version of one cookbook.
#[derive(Clone)]
pub(crate) enum Pin {
    Git(Git),
    Archive(Archive),
}

impl Checkout {
    /// With `locked`, the same is fetched again, without asking for something newer.
    pub(crate) fn new(name: &str, pin: Pin, locked: Option<&LockedCookbook>) -> Self {
        let (name, locked) = (name.to_owned(), locked.cloned());
        Self { name, pin, locked, fetched: OnceLock::new() }
    }

    fn fetch_pin(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<FetchedCookbook, Diagnostic> {
        if let Some(locked) = &self.locked
            && let Some(cached) = context.cached(&self.name, locked)?
        {
            // As it is, whatever else a lockfile that was edited by hand says of it.
            return Ok(cached);
        }
        let (source, rel) = self.engine_source(context)?;
        let local = source.url.starts_with('/') || source.url.starts_with("file:");
        if !local {
            context.online(&format!("`{}` from {}", self.name, self.shown()))?;
        }
        source.check().map_err(|wrong| {
            Diagnostic::from(wrong).note(format!("for the cookbook `{}`", self.name))
        })?;
        context.started(&format!("fetching `{}` from {}", self.name, self.shown()));
        let about = |failure| {
            Diagnostic::from(self.hinted(failure)).note(format!("for the cookbook `{}`", self.name))
        };
        let view = View::new(system);
        let found = source.resolve(&view).map_err(about)?;
        let scratch = context.cache.scratch()?;
        let into = scratch.path().join("fetched");
        let clone = match &self.pin {
            Pin::Git(git) => Some(context.cache.clone_of(&git.url)?),
            Pin::Archive(_) => None,
        };
        let cache = clone.as_ref().map(|clone| clone.path.as_path());
        let options = CheckoutOptions { cache, ..CheckoutOptions::default() };
        source.check_out(system, &view, &found, &into, &options).map_err(about)?;
        let (cookbook, sha256) =
            context.accept(&scratch, &Path::new("fetched").join(rel), &self.name, &self.shown())?;
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
        Ok(FetchedCookbook { cookbook, origin, sha256: Some(sha256) })
    }

    /// Returns the source as the engine fetches it, and the folder in it.
    fn engine_source(
        &self,
        context: &FetchContext<'_>,
    ) -> Result<(EngineSource, PathBuf), Diagnostic> {
        let revision = self.locked.as_ref().and_then(|locked| match &locked.origin {
            Origin::Git { revision, .. } | Origin::Archive { revision, .. } => {
                Some(revision.clone())
            }
            _ => None,
        });
        let (source, rel) = match &self.pin {
            Pin::Git(git) => {
                let revision = revision.or_else(|| git.revision.clone());
                let source = EngineSource {
                    kind: Some(SourceType::Git),
                    url: git.url.clone(),
                    revision,
                    ..EngineSource::default()
                };
                (source, git.rel.clone().unwrap_or_default())
            }
            Pin::Archive(archive) => {
                let checksum = revision.or_else(|| archive.sha256.clone());
                let url = if archive.location.contains("://") {
                    archive.location.clone()
                } else {
                    context.repository.join(&archive.location).display().to_string()
                };
                (
                    EngineSource {
                        kind: Some(SourceType::Archive),
                        url,
                        checksum,
                        ..EngineSource::default()
                    },
                    PathBuf::new(),
                )
            }
        };
        let (Credential { token, user, password, ssh_key }, access) =
            context.access(&source.url)?;
        let git = source.kind == Some(SourceType::Git);
        let password = password.or(token.filter(|_| git));
        // Servers that take a token take any name with it, but not none.
        let user = user.or_else(|| (git && password.is_some()).then(|| "token".to_owned()));
        Ok((
            EngineSource { user, password, ssh_key: ssh_key.filter(|_| git), access, ..source },
            rel,
        ))
    }

    /// Adds what to do about a failure. The engine's own hints are about properties of recipes;
    /// here it is done in the settings, in the Cookfile or by a command.
    fn hinted(&self, failure: Failure) -> Failure {
        let hint = match (failure.kind, &self.pin) {
            (FailureKind::Unauthorized, _) => {
                "say in `[credentials]` of your settings who you are for this server; keys for `ssh` may also be in an agent"
            }
            (FailureKind::Submodule, _) => {
                "correct `url` in its `.gitmodules`: a cookbook comes with its submodules, from where anybody can have them"
            }
            (FailureKind::ChecksumMismatch | FailureKind::RevisionNotFound, _)
                if self.locked.is_some() =>
            {
                return failure.hint(format!(
                    "it is not there any more as it was locked: ask who changed it, then take what is there with `toque cookbook update {}`",
                    self.name
                ));
            }
            (FailureKind::ChecksumMismatch, _) => {
                "correct `sha256` in Cookfile.toml if the archive was changed on purpose; otherwise somebody else changed it"
            }
            (FailureKind::Timeout, _) => IN_TIME,
            (FailureKind::NotExported, _) => {
                "check the address, and that the server exports this repository"
            }
            (FailureKind::NotServed, Pin::Git(_)) => {
                "check the address; some servers also say this of repositories that one may not read"
            }
            (FailureKind::NotServed, Pin::Archive(_)) => {
                "correct the address, or see what the server has"
            }
            (FailureKind::ChangedMeanwhile, _) => "try again",
            _ => return failure,
        };
        failure.hint(hint)
    }
}

impl Source for Checkout {
    fn shown(&self) -> String {
        let url = match &self.pin {
            Pin::Git(git) => &git.url,
            Pin::Archive(archive) => &archive.location,
        };
        format!("`{}`", EngineSource { url: url.clone(), ..EngineSource::default() }.shown())
    }

    fn releases(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        let fetched = self.fetch_pin(context, system)?;
        let release = self.fetched.get_or_init(|| fetched).release(false);
        Ok(vec![(self.name.clone(), vec![release])])
    }

    fn fetch(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
        _: &str,
        _: &Version,
    ) -> Result<FetchedCookbook, Diagnostic> {
        self.fetched.get().cloned().map_or_else(|| self.fetch_pin(context, system), Ok)
    }
}
