//! The candidates of an install: every release that sources offer.

use std::collections::BTreeMap;

use toque_core::diagnostic::Diagnostic;

use crate::fetch::{FetchContext, Source, parallel};
use crate::install::download::source_is;
use crate::manifest::lockfile::{LockedCookbook, Lockfile, Origin};
use crate::repository::{Repository, Update};
use crate::resolve::catalog::{Catalog, Release};

pub(super) struct Candidates {
    pub catalog: Catalog,
    sources: Vec<Box<dyn Source>>,
    /// The index of the source that has a cookbook.
    source_of: BTreeMap<String, usize>,
}

impl Candidates {
    /// Asks every source of a repository for its releases.
    pub(super) fn of(
        repository: &Repository,
        context: &FetchContext<'_>,
        before: &Lockfile,
        update: &Update,
    ) -> Result<Self, Diagnostic> {
        let sources = repository.sources(before, update);
        let listed =
            parallel::each(context, &sources, |system, source| source.releases(context, system))?;
        let catalog = Catalog::for_targets(repository.targets());
        let mut candidates = Self { catalog, sources, source_of: BTreeMap::new() };
        for (index, releases) in listed.into_iter().enumerate() {
            let shown = candidates.sources[index].shown();
            for (name, releases) in releases {
                candidates.source_of.entry(name.clone()).or_insert(index);
                candidates.catalog.offer(&name, &shown, releases);
            }
        }
        let mut kept = before.cookbooks.iter().filter(|(name, _)| !update.moves(name));
        kept.try_for_each(|(name, locked)| candidates.keep(context, name, locked))?;
        Ok(candidates)
    }

    pub(super) fn source(&self, name: &str) -> Option<&dyn Source> {
        Some(self.sources.get(*self.source_of.get(name)?)?.as_ref())
    }

    /// Adds what is in use and on this machine also when its registry has it no more: what is
    /// locked stays as long as it fits.
    fn keep(
        &mut self,
        context: &FetchContext<'_>,
        name: &str,
        locked: &LockedCookbook,
    ) -> Result<(), Diagnostic> {
        let Origin::Registry { registry } = &locked.origin else { return Ok(()) };
        let Some(index) =
            self.sources.iter().position(|source| source_is(source.as_ref(), &locked.origin))
        else {
            return Ok(());
        };
        let first = *self.source_of.get(name).unwrap_or(&index);
        let releases = self.catalog.releases(name);
        if first != index || releases.iter().any(|release| release.version == locked.version) {
            return Ok(());
        }
        if let Some(fetched) = context.cached(name, locked)? {
            // As it is locked: that the two are the same is checked when it is used.
            let (version, dependencies) = (locked.version.clone(), locked.dependencies.clone());
            let release = Release { version, dependencies, ..fetched.release(false) };
            self.source_of.insert(name.to_owned(), index);
            self.catalog.add(name, registry, release);
        }
        Ok(())
    }
}
