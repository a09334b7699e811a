//! Downloads the cookbooks that were chosen or locked, many at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use toque_core::diagnostic::Diagnostic;
use toque_core::version::Version;
use toque_data::cookbook::Cookbook;

use crate::fetch::{
    Checkout, FetchContext, FetchEvent, FetchedCookbook, Folder, Pin, Registry, Source, parallel,
};
use crate::install::Fetched;
use crate::manifest::cookfile::{Archive, Git};
use crate::manifest::lockfile::{self, LockedCookbook, Lockfile, Origin};
use crate::repository::Repository;

/// A cookbook that is to be on this machine.
pub(super) struct Selected<'a> {
    pub name: &'a str,
    pub version: &'a Version,
    pub source: &'a dyn Source,
    /// What it has to be.
    pub locked: Option<&'a LockedCookbook>,
}

impl Repository {
    /// Brings what a lockfile names to this machine.
    pub(super) fn fetch_locked(
        &self,
        context: &FetchContext<'_>,
        lockfile: &Lockfile,
    ) -> Result<Fetched, Diagnostic> {
        let (mut here, mut sources) = (Fetched::new(), BTreeMap::new());
        for (name, locked) in &lockfile.cookbooks {
            let checkout =
                |pin| -> Box<dyn Source> { Box::new(Checkout::new(name, pin, Some(locked))) };
            let (key, source) = match &locked.origin {
                Origin::Path { path } => {
                    let local = self.local().find(|one| one.origin == locked.origin).cloned();
                    let load = || Folder::load(&self.path, path.as_ref());
                    here.insert(name.clone(), local.map_or_else(load, Ok)?);
                    continue;
                }
                // One for all its cookbooks, so that it is asked once.
                Origin::Registry { registry } if sources.contains_key(registry) => continue,
                Origin::Registry { registry } => {
                    (registry, Box::new(Registry::new(registry)) as Box<dyn Source>)
                }
                Origin::Git { git, asked, rel, .. } => {
                    let (url, revision) = (git.clone(), asked.clone());
                    let rel = rel.as_ref().map(PathBuf::from);
                    (name, checkout(Pin::Git(Git { url, revision, rel })))
                }
                Origin::Archive { archive, .. } => {
                    let location = archive.clone();
                    (name, checkout(Pin::Archive(Archive { location, sha256: None })))
                }
            };
            sources.insert(key, source);
        }
        let selected = lockfile.cookbooks.iter().filter_map(|(name, locked)| {
            let key = match &locked.origin {
                Origin::Registry { registry } => registry,
                _ => name,
            };
            let source = sources.get(key)?.as_ref();
            Some(Selected { name, version: &locked.version, source, locked: Some(locked) })
        });
        let fetched = download(context, &selected.collect::<Vec<_>>())?;
        if !fetched.is_empty() {
            context.cache.remember(&self.path);
        }
        here.extend(fetched);
        Ok(here)
    }
}

/// Brings cookbooks to this machine, those that are missing many at once.
pub(super) fn download(
    context: &FetchContext<'_>,
    selected: &[Selected<'_>],
) -> Result<Fetched, Diagnostic> {
    let cached = parallel::each(context, selected, |_, one| cached(context, one))?;
    let (there, missing): (Vec<_>, Vec<_>) =
        selected.iter().zip(cached).partition(|(_, cached)| cached.is_some());
    let (count, of) = (AtomicUsize::new(there.len()), selected.len());
    if !missing.is_empty() {
        (context.report)(FetchEvent::Fetched { count: there.len(), of, name: "" });
    }
    let fetched = parallel::each(
        context,
        &missing,
        |system, (Selected { name, version, source, locked }, _)| {
            let fetched = source.fetch(context, system, name, version)?;
            if let Some(locked) = locked {
                has_locked_checksum(&fetched, name, locked)?;
                is_as_locked(&fetched.cookbook, name, locked)?;
            }
            let count = count.fetch_add(1, Ordering::Relaxed) + 1;
            (context.report)(FetchEvent::Fetched { count, of, name });
            Ok(fetched)
        },
    )?;
    let there = there.into_iter().filter_map(|(one, cached)| Some((one.name.to_owned(), cached?)));
    Ok(missing.iter().map(|(one, _)| one.name.to_owned()).zip(fetched).chain(there).collect())
}

/// Returns a cookbook that is in the cache as it was locked.
fn cached(
    context: &FetchContext<'_>,
    Selected { name, locked, .. }: &Selected<'_>,
) -> Result<Option<FetchedCookbook>, Diagnostic> {
    let Some(locked) = locked else { return Ok(None) };
    let cached = context.cached(name, locked)?;
    match (&cached, &locked.sha256) {
        (Some(cached), _) => is_as_locked(&cached.cookbook, name, locked)?,
        (None, Some(sha256)) if context.cache.root(name, sha256).exists() => {
            (context.report)(FetchEvent::Warning(&format!(
                "what is kept of `{name}` {} was changed: it is fetched anew",
                locked.version
            )));
        }
        _ => {}
    }
    Ok(cached)
}

/// Whether a cookbook of a registry still comes from there. Pins compare their origin themselves.
pub(super) fn source_is(source: &dyn Source, origin: &Origin) -> bool {
    matches!(origin, Origin::Registry { registry } if source.shown() == *registry)
}

/// # Errors
/// When what was fetched is not what was locked.
fn has_locked_checksum(
    fetched: &FetchedCookbook,
    name: &str,
    locked: &LockedCookbook,
) -> Result<(), Diagnostic> {
    if fetched.sha256 == locked.sha256 {
        return Ok(());
    }
    let shown = |sha256: &Option<String>| sha256.clone().unwrap_or_default();
    Err(Diagnostic::error(format!("`{name}` {} is not what it was when it was locked", locked.version))
        .note(format!("locked:  {}\nfetched: {}", shown(&locked.sha256), shown(&fetched.sha256)))
        .hint(format!("somebody changed a version that was published: ask who, then take it with `toque cookbook update {name}`")))
}

/// # Errors
/// When a lockfile says of a cookbook what that does not say of itself.
fn is_as_locked(
    cookbook: &Cookbook,
    name: &str,
    locked: &LockedCookbook,
) -> Result<(), Diagnostic> {
    locked.check(name, &cookbook.manifest).map_err(|why| {
        Diagnostic::error(format!("`{name}` is not what `{}` says: {why}", lockfile::NAME))
            .hint(format!("somebody edited the file: take it as it was committed, or run `toque cookbook update {name}`"))
    })
}
