//! Groups of cookbooks that not every machine needs. They are chosen and locked with all others, so
//! that no version depends on who leaves them out; only what is fetched and used does.

use std::collections::BTreeSet;

use toque_engine::diagnostic::{Diagnostic, did_you_mean};

use crate::cookfile::{self, Cookfile};
use crate::lockfile::Lockfile;
use crate::repository::Repository;

impl Cookfile {
    /// Looks whether it has groups of these names.
    /// # Errors
    /// When it has not; with the nearest name.
    pub fn check_groups(&self, names: &[String]) -> Result<(), Diagnostic> {
        let known: BTreeSet<&str> =
            self.cookbooks.iter().filter_map(|wanted| wanted.group.as_deref()).collect();
        let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) else {
            return Ok(());
        };
        let missing =
            Diagnostic::error(format!("there is no group `{unknown}` in {}", cookfile::NAME));
        let all = || known.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>().join(", ");
        Err(missing.hint(match did_you_mean(unknown, known.iter().copied()) {
            Some(hint) => hint,
            None if known.is_empty() => "it has no groups: leave `--without` out".to_owned(),
            None => format!("its groups are {}", all()),
        }))
    }
}

impl Repository {
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
        let own = self.own.cookbooks().iter().map(|(name, _)| name);
        let needed = lockfile.needed_by(asked.chain(own).map(String::as_str));
        let all = lockfile.cookbooks.iter().filter(|(name, _)| needed.contains(name.as_str()));
        Lockfile { cookbooks: all.map(|(name, locked)| (name.clone(), locked.clone())).collect() }
    }
}
