//! Whether a lockfile is in step with what it was made for.

use std::collections::BTreeMap;

use crate::cookfile::Source;
use crate::lockfile::{Locked, Lockfile, Origin};
use crate::repository::{Repository, same_pin};
use crate::solve::Demand;
use crate::source::{Folder, Taken};

impl Repository {
    /// Why a lockfile is not what the Cookfile and the cookbooks of the repository ask for. Nobody
    /// is asked.
    #[must_use]
    pub fn out_of_step(&self, lockfile: &Lockfile) -> Option<String> {
        let local = self.local();
        self.demands_are_met(lockfile)
            .and_then(|()| has_what_lies_here(lockfile, &local))
            .and_then(|()| self.is_what_is_needed(lockfile))
            .and_then(|()| self.comes_from_where_it_may(lockfile, &local))
            .err()
    }

    /// The cookbooks that lie in the repository or are pinned by a path, and are used.
    fn local(&self) -> BTreeMap<&str, &Taken> {
        let mut local = BTreeMap::new();
        let all = self.paths.iter().chain([&self.own]).flat_map(Folder::cookbooks);
        for (name, taken) in all.filter(|(name, _)| !self.is_checked_out(name)) {
            local.entry(name.as_str()).or_insert(taken);
        }
        local
    }

    /// Whether a cookbook is pinned to a git repository or an archive.
    fn is_checked_out(&self, name: &str) -> bool {
        self.cookfile.cookbooks.iter().any(|wanted| wanted.name == name && wanted.is_checked_out())
    }

    fn demands_are_met(&self, lockfile: &Lockfile) -> Result<(), String> {
        for Demand { cookbook, constraint, asker, .. } in self.demands() {
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
        let demands = self.demands();
        let needed = lockfile.needed_by(demands.iter().map(|demand| demand.cookbook.as_str()));
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

    fn comes_from_where_it_may(
        &self,
        lockfile: &Lockfile,
        local: &BTreeMap<&str, &Taken>,
    ) -> Result<(), String> {
        let gone = lockfile.cookbooks.iter().find(|(name, has)| {
            let is_there = match &has.origin {
                Origin::Registry { registry } => {
                    self.cookfile.sources.contains(&Source::Registry(registry.clone()))
                }
                Origin::Path { .. } => {
                    let mut there = self.folders.iter().flat_map(Folder::cookbooks);
                    local.contains_key(name.as_str())
                        || there.any(|(other, taken)| other == *name && taken.locked == **has)
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

fn has_what_lies_here(lockfile: &Lockfile, local: &BTreeMap<&str, &Taken>) -> Result<(), String> {
    for (name, taken) in local {
        if locked(lockfile, name)? != &taken.locked {
            return Err(format!(
                "`{name}` was changed: its version, its dependencies or where it lies"
            ));
        }
    }
    Ok(())
}

fn locked<'a>(lockfile: &'a Lockfile, name: &str) -> Result<&'a Locked, String> {
    lockfile.cookbooks.get(name).ok_or_else(|| format!("it does not have `{name}`"))
}
