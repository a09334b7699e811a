//! Finds cookbooks of which there are newer versions.

use toque_core::diagnostic::Diagnostic;
use toque_core::version::Version;

use crate::fetch::FetchContext;
use crate::install::candidates::Candidates;
use crate::manifest::lockfile::Lockfile;
use crate::repository::{Repository, Update};
use crate::resolve::{Preferred, solve_until};

/// A cookbook of which there is another version than the one in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub name: String,
    pub has: Version,
    /// The version that `update` would choose; none when nobody would need it any more.
    pub update: Option<Version>,
    /// The newest that these machines can use and that is no pre-release, whoever accepts it.
    pub newest: Option<Version>,
}

impl Repository {
    /// Returns what `update` would do to each cookbook, and whether there is something newer that
    /// is not accepted. What is pinned to git or an archive is fetched, because only it says what
    /// it is; registries are asked for their lists alone.
    /// # Errors
    /// When a source cannot be asked, or nothing fits any more.
    pub fn outdated(
        &self,
        context: &FetchContext<'_>,
        lockfile: &Lockfile,
    ) -> Result<Vec<Outdated>, Diagnostic> {
        let Candidates { catalog, .. } =
            Candidates::of(self, context, lockfile, &Update::Everything)?;
        let solution =
            solve_until(&context.stop(), &catalog, &self.requirements(), &Preferred::default())?;
        let all = lockfile.cookbooks.iter().map(|(name, locked)| {
            let usable = catalog
                .releases(name)
                .iter()
                .rev()
                .filter(|release| release.refused_by(&catalog.targets).is_none());
            let mut releases = usable.map(|release| &release.version);
            let newest = releases
                .clone()
                .find(|version| version.pre_release.is_none())
                .or_else(|| releases.next());
            Outdated {
                name: name.clone(),
                has: locked.version.clone(),
                update: solution.get(name).cloned(),
                newest: newest.cloned(),
            }
        });
        let behind = |version: &Option<Version>, has: &Version| {
            version.as_ref().is_some_and(|version| version != has)
        };
        Ok(all
            .filter(|one| {
                behind(&one.update, &one.has)
                    || one.newest.as_ref().is_some_and(|newest| *newest > one.has)
            })
            .collect())
    }
}
