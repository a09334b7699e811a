//! Finds out whether a lockfile is stale: not what the Cookfile and the cookbooks of its repository
//! ask for.

use std::collections::BTreeMap;

use crate::fetch::{FetchedCookbook, Folder};
use crate::manifest::cookfile::Source;
use crate::manifest::lockfile::{LockedCookbook, Lockfile, Origin};
use crate::repository::{Repository, same_pin};
use crate::resolve::Requirement;

/// Cookbooks that lie in the repository or are pinned by a path, by name.
type Local<'a> = BTreeMap<&'a str, &'a FetchedCookbook>;

impl Repository {
    /// Returns why a lockfile is stale, if it is. No source is asked.
    #[must_use]
    pub fn stale_reason(&self, lockfile: &Lockfile) -> Option<String> {
        let mut local = Local::new();
        let all = self.paths.iter().chain([&self.own]).flat_map(Folder::cookbooks);
        for one in all.filter(|one| !self.is_checked_out(one.name())) {
            local.entry(one.name()).or_insert(one);
        }
        self.requirements_are_met(lockfile)
            .and_then(|()| has_local(lockfile, &local))
            .and_then(|()| self.is_what_is_needed(lockfile))
            .and_then(|()| self.origins_exist(lockfile, &local))
            .err()
    }

    /// Whether a cookbook is pinned to a git repository or an archive.
    fn is_checked_out(&self, name: &str) -> bool {
        self.cookfile.cookbooks.iter().any(|wanted| wanted.name == name && wanted.is_checked_out())
    }

    fn requirements_are_met(&self, lockfile: &Lockfile) -> Result<(), String> {
        for Requirement { cookbook, constraint, asker, .. } in self.requirements() {
            let has = &locked(lockfile, &cookbook)?.version;
            if !constraint.accepts(has) {
                return Err(format!(
                    "it has `{cookbook}` {has}, and {asker} asks for {constraint}"
                ));
            }
        }
        for wanted in self.cookfile.cookbooks.iter().filter(|wanted| wanted.is_checked_out()) {
            if !same_pin(&wanted.from, &locked(lockfile, &wanted.name)?.origin) {
                return Err(format!(
                    "it has `{}` from another place than Cookfile.toml names",
                    wanted.name
                ));
            }
        }
        Ok(())
    }

    /// Nothing is missing, and nothing is there that nobody needs.
    fn is_what_is_needed(&self, lockfile: &Lockfile) -> Result<(), String> {
        let requirements = self.requirements();
        let needed = lockfile
            .needed_by(requirements.iter().map(|requirement| requirement.cookbook.as_str()));
        for name in &needed {
            for (other, constraint) in &locked(lockfile, name)?.dependencies {
                let has = &locked(lockfile, other)?.version;
                if !constraint.accepts(has) {
                    return Err(format!("it has `{other}` {has}, and `{name}` needs {constraint}"));
                }
            }
        }
        match lockfile.cookbooks.keys().find(|name| !needed.contains(name.as_str())) {
            Some(name) => Err(format!("nobody needs `{name}` any more")),
            None => Ok(()),
        }
    }

    fn origins_exist(&self, lockfile: &Lockfile, local: &Local<'_>) -> Result<(), String> {
        let gone = lockfile.cookbooks.iter().find(|(name, has)| {
            let is_there = match &has.origin {
                Origin::Registry { registry } => {
                    self.cookfile.sources.contains(&Source::Registry(registry.clone()))
                }
                Origin::Path { .. } => {
                    let mut there = self.folders.iter().flat_map(Folder::cookbooks);
                    local.contains_key(name.as_str())
                        || there.any(|one| one.name() == *name && one.locked() == **has)
                }
                Origin::Git { .. } | Origin::Archive { .. } => self.is_checked_out(name),
            };
            !is_there
        });
        match gone {
            Some((name, _)) => Err(format!(
                "the place that it has `{name}` from is not there any more, or has another version"
            )),
            None => Ok(()),
        }
    }
}

fn has_local(lockfile: &Lockfile, local: &Local<'_>) -> Result<(), String> {
    for (name, one) in local {
        if *locked(lockfile, name)? != one.locked() {
            return Err(format!(
                "`{name}` was changed: its version, its dependencies or where it lies"
            ));
        }
    }
    Ok(())
}

fn locked<'a>(lockfile: &'a Lockfile, name: &str) -> Result<&'a LockedCookbook, String> {
    lockfile.cookbooks.get(name).ok_or_else(|| format!("it does not have `{name}`"))
}
