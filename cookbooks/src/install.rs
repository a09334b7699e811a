//! From a Cookfile to cookbooks on this machine: choosing, fetching, locking.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use toque_engine::cookbook::Cookbook;
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::version::Version;

use crate::cookfile::{Archive, Git};
use crate::fleet::Fleet;
use crate::lockfile::{self, Difference, Locked, Lockfile, Origin};
use crate::parallel;
use crate::repository::Repository;
use crate::solve::{Preferred, solve_until};
use crate::source::{Checkout, Machine, Registry, Source, Taken, Told};
use crate::universe::Universe;

/// What may be chosen anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Only what the lockfile does not say.
    Nothing,
    Everything,
    /// These, and what they force.
    Some(Vec<String>),
}

/// What an install may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct How {
    pub update: Update,
    /// Whether the lockfile may not change.
    pub locked: bool,
    /// Groups of which nothing is fetched that is locked already.
    pub without: Vec<String>,
}

/// What became of the lockfile.
#[derive(Debug, Clone)]
pub struct Installed {
    pub before: Lockfile,
    pub after: Lockfile,
    /// Where each cookbook is.
    pub roots: BTreeMap<String, PathBuf>,
}

/// A cookbook of which there is another version than the one in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub name: String,
    pub has: Version,
    /// What `update` would choose; none when nobody would need it any more.
    pub update: Option<Version>,
    /// The newest that these machines can use and that is no pre-release, whoever accepts it.
    pub newest: Option<Version>,
}

/// A cookbook that is to be on this machine.
struct Wanted<'a> {
    name: &'a str,
    version: &'a Version,
    source: &'a dyn Source,
    /// What it has to be.
    locked: Option<&'a Locked>,
}

#[derive(Default)]
struct Offers {
    universe: Universe,
    sources: Vec<Box<dyn Source>>,
    /// Which source has a cookbook.
    whose: BTreeMap<String, usize>,
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

impl Offers {
    /// Offers what is in use and on this machine also when its registry has it no more: what is
    /// locked stays as long as it fits.
    fn keep(
        &mut self,
        machine: &Machine<'_>,
        name: &str,
        locked: &Locked,
    ) -> Result<(), Diagnostic> {
        let (Origin::Registry { registry }, Some(sha256)) = (&locked.origin, &locked.sha256) else {
            return Ok(());
        };
        let Some(index) =
            self.sources.iter().position(|source| source_is(source.as_ref(), &locked.origin))
        else {
            return Ok(());
        };
        let first = *self.whose.get(name).unwrap_or(&index);
        let offered =
            self.universe.releases(name).iter().any(|release| release.version == locked.version);
        if first != index || offered {
            return Ok(());
        }
        if let Some(root) = machine.store.get(name, sha256)? {
            self.whose.insert(name.to_owned(), index);
            self.universe.add(
                name,
                registry,
                Taken { root, locked: locked.clone() }.release(false)?,
            );
        }
        Ok(())
    }
}

impl Repository {
    /// Brings what a lockfile names to this machine, and says where each cookbook is.
    /// # Errors
    /// When something cannot be fetched, or is not what was locked.
    pub fn fetch(
        &self,
        machine: &Machine<'_>,
        lockfile: &Lockfile,
    ) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
        let (mut registries, mut checkouts) = (BTreeMap::new(), BTreeMap::new());
        for (name, locked) in &lockfile.cookbooks {
            match &locked.origin {
                Origin::Path { .. } => {}
                Origin::Registry { registry } => {
                    registries.entry(registry).or_insert_with(|| Registry::new(registry));
                }
                Origin::Git { git, asked, rel, .. } => {
                    let git = Git {
                        url: git.clone(),
                        revision: asked.clone(),
                        rel: rel.as_ref().map(PathBuf::from),
                    };
                    checkouts.insert(name, Checkout::git(name, &git, Some(locked)));
                }
                Origin::Archive { archive, .. } => {
                    let archive = Archive { location: archive.clone(), sha256: None };
                    checkouts.insert(name, Checkout::archive(name, &archive, Some(locked)));
                }
            }
        }
        let (mut wanted, mut roots) = (Vec::new(), BTreeMap::new());
        for (name, locked) in &lockfile.cookbooks {
            let source: &dyn Source = match &locked.origin {
                Origin::Path { path } => {
                    roots.insert(name.clone(), self.path.join(path));
                    continue;
                }
                Origin::Registry { registry } => &registries[registry],
                Origin::Git { .. } | Origin::Archive { .. } => &checkouts[name],
            };
            wanted.push(Wanted { name, version: &locked.version, source, locked: Some(locked) });
        }
        let taken = take_all(machine, &wanted)?;
        if !taken.is_empty() {
            machine.store.remember(&self.path);
        }
        roots.extend(taken.into_iter().map(|(name, taken)| (name, taken.root)));
        Ok(roots)
    }

    /// Chooses what is needed, fetches it and writes the lockfile, unless that says it all.
    /// `locked` forbids to change the lockfile.
    /// # Errors
    /// When nothing fits, something cannot be fetched, or the lockfile would change and may not.
    /// Then it is as it was.
    pub fn install(&self, machine: &Machine<'_>, how: &How) -> Result<Installed, Diagnostic> {
        let installed = self.prepare(machine, how)?;
        installed.after.write(&self.path)?;
        if installed.after.cookbooks.values().any(|locked| locked.sha256.is_some()) {
            machine.store.remember(&self.path);
        }
        Ok(installed)
    }

    /// The same, but for writing the lockfile.
    /// # Errors
    /// As for [`Self::install`].
    pub fn prepare(&self, machine: &Machine<'_>, how: &How) -> Result<Installed, Diagnostic> {
        let How { update, locked, without } = how;
        let locked = *locked;
        let there = Lockfile::read(&self.path)?;
        let before = there.clone().unwrap_or_default();
        if let Update::Some(names) = update {
            names.iter().try_for_each(|name| known(&before, name))?;
        }
        let mut reason = match &there {
            Some(lockfile) => self.out_of_step(lockfile),
            None => Some("there is none".to_owned()),
        };
        if let (Update::Nothing, None) = (update, &reason) {
            let roots = self.fetch(machine, &self.without(&before, without))?;
            reason = self.unfit(&roots)?.map(|(_, why)| why);
            if reason.is_none() {
                return Ok(Installed { after: before.clone(), before, roots });
            }
        }
        if let (true, Some(reason)) = (locked, &reason) {
            return Err(Diagnostic::error(format!(
                "`{}` would change, and `--locked` forbids it: {reason}",
                lockfile::NAME
            ))
            .hint("run `toque cookbook install` without it, and commit the file"));
        }
        let (after, roots) = self.choose(machine, &before, update)?;
        if let Some(reason) = self.out_of_step(&after) {
            // A registry that says otherwise than the cookbooks that it has.
            return Err(Diagnostic::error(format!(
                "what was fetched does not go together: {reason}"
            ))
            .note("what the registry says of a version is not what its cookbook.toml says")
            .hint("ask whoever keeps the registry, or pin another version"));
        }
        if let Some((name, why)) = self.unfit(&roots)? {
            return Err(Diagnostic::error(format!("what was fetched cannot be used: {why}"))
                .note("what the registry says of a version is not what its cookbook.toml says")
                .hint(format!("ask for another version of `{name}` in Cookfile.toml, and tell whoever keeps the registry")));
        }
        if locked && after != before {
            return Err(Diagnostic::error(format!(
                "`{}` would change, and `--locked` forbids it",
                lockfile::NAME
            ))
            .hint("run it without `--locked`"));
        }
        Ok(Installed { before, after, roots })
    }

    /// The machines that the repository is for.
    fn fleet(&self) -> Fleet {
        Fleet::of(self.cookfile.platforms.clone())
    }

    /// The first cookbook that those machines cannot use, and why.
    fn unfit(
        &self,
        roots: &BTreeMap<String, PathBuf>,
    ) -> Result<Option<(String, String)>, Diagnostic> {
        let fleet = self.fleet();
        for (name, root) in roots {
            let about = Cookbook::load(root)?.about;
            if let Some(why) = fleet.refuses_what_needs(about.toque.as_ref(), &about.platforms) {
                return Ok(Some((name.clone(), format!("`{name}` {} {why}", about.version))));
            }
        }
        Ok(None)
    }

    /// What every source has.
    fn offers(
        &self,
        machine: &Machine<'_>,
        before: &Lockfile,
        update: &Update,
    ) -> Result<Offers, Diagnostic> {
        let universe = Universe::for_machines(self.fleet());
        let mut offers =
            Offers { universe, sources: self.sources(before, update), ..Offers::default() };
        let all = parallel::each(machine, &offers.sources, |system, source| {
            source.offers(machine, system)
        })?;
        for (index, offered) in all.into_iter().enumerate() {
            let shown = offers.sources[index].shown();
            for (name, releases) in offered {
                offers.whose.entry(name.clone()).or_insert(index);
                offers.universe.offer(&name, &shown, releases);
            }
        }
        let mut kept = before.cookbooks.iter().filter(|(name, _)| !update.moves(name));
        kept.try_for_each(|(name, locked)| offers.keep(machine, name, locked))?;
        Ok(offers)
    }

    /// What `update` would do to each cookbook, and whether there is something newer that is not
    /// accepted. What is pinned to git or an archive is fetched, because only it says what it is;
    /// registries are asked for their lists alone.
    /// # Errors
    /// When a source cannot be asked, or nothing fits any more.
    pub fn outdated(
        &self,
        machine: &Machine<'_>,
        lockfile: &Lockfile,
    ) -> Result<Vec<Outdated>, Diagnostic> {
        let Offers { universe, .. } = self.offers(machine, lockfile, &Update::Everything)?;
        let solution =
            solve_until(&machine.stop(), &universe, &self.demands(), &Preferred::default())?;
        let all = lockfile.cookbooks.iter().map(|(name, locked)| {
            let usable = universe
                .releases(name)
                .iter()
                .rev()
                .filter(|release| universe.fleet.refuses(release).is_none());
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

    fn choose(
        &self,
        machine: &Machine<'_>,
        before: &Lockfile,
        update: &Update,
    ) -> Result<(Lockfile, BTreeMap<String, PathBuf>), Diagnostic> {
        let Offers { universe, sources, whose } = self.offers(machine, before, update)?;
        let versions =
            before.cookbooks.iter().map(|(name, locked)| (name.clone(), locked.version.clone()));
        let preferred = match update {
            Update::Everything => Preferred::default(),
            Update::Nothing => Preferred { locked: versions.collect(), moved: Vec::new() },
            Update::Some(names) => Preferred { locked: versions.collect(), moved: names.clone() },
        };
        let solution = solve_until(&machine.stop(), &universe, &self.demands(), &preferred)?;
        // Who names a cookbook takes it as it is now, not as it was locked.
        let named = |name: &String| matches!(update, Update::Some(names) if names.contains(name));
        let wanted = solution.iter().filter_map(|(name, version)| {
            let source = sources.get(*whose.get(name)?)?.as_ref();
            let locked = before
                .cookbooks
                .get(name)
                .filter(|locked| locked.version == *version && !named(name));
            Some(Wanted {
                name,
                version,
                source,
                locked: locked.filter(|locked| source_is(source, &locked.origin)),
            })
        });
        let (mut after, mut roots) = (Lockfile::default(), BTreeMap::new());
        for (name, taken) in take_all(machine, &wanted.collect::<Vec<_>>())? {
            roots.insert(name.clone(), taken.root);
            after.cookbooks.insert(name, taken.locked);
        }
        Ok((after, roots))
    }
}

/// Brings cookbooks to this machine, those that are missing many at once.
fn take_all(
    machine: &Machine<'_>,
    wanted: &[Wanted<'_>],
) -> Result<Vec<(String, Taken)>, Diagnostic> {
    let kept = parallel::each(machine, wanted, |_, Wanted { name, locked, .. }| {
        let Some((locked, sha256)) =
            locked.and_then(|locked| Some((locked, locked.sha256.as_ref()?)))
        else {
            return Ok(None);
        };
        let Some(root) = machine.store.get(name, sha256)? else {
            if machine.store.root(name, sha256).exists() {
                let warning = format!(
                    "what is kept of `{name}` {} was changed: it is fetched anew",
                    locked.version
                );
                (machine.tell)(Told::Warning(&warning));
            }
            return Ok(None);
        };
        is_as_locked(&root, name, locked)?;
        Ok(Some(Taken { root, locked: locked.clone() }))
    })?;
    let (there, missing): (Vec<_>, Vec<_>) =
        wanted.iter().zip(kept).partition(|(_, kept)| kept.is_some());
    let (count, of) = (AtomicUsize::new(there.len()), wanted.len());
    if !missing.is_empty() {
        (machine.tell)(Told::Fetched { count: there.len(), of, name: "" });
    }
    let fetched = parallel::each(
        machine,
        &missing,
        |system, (Wanted { name, version, source, locked }, _)| {
            let taken = source.take(machine, system, name, version)?;
            if let Some(locked) = locked {
                the_same(&taken, name, locked)?;
                is_as_locked(&taken.root, name, locked)?;
            }
            let count = count.fetch_add(1, Ordering::Relaxed) + 1;
            (machine.tell)(Told::Fetched { count, of, name });
            Ok(taken)
        },
    )?;
    let there =
        there.into_iter().filter_map(|(wanted, kept)| Some((wanted.name.to_owned(), kept?)));
    Ok(missing.iter().map(|(wanted, _)| wanted.name.to_owned()).zip(fetched).chain(there).collect())
}

/// Looks whether a cookbook is in a lockfile.
/// # Errors
/// When it is not; with the nearest name.
pub fn known(lockfile: &Lockfile, name: &str) -> Result<(), Diagnostic> {
    if lockfile.cookbooks.contains_key(name) {
        return Ok(());
    }
    let missing =
        Diagnostic::error(format!("there is no cookbook `{name}` in `{}`", lockfile::NAME));
    Err(match did_you_mean(name, lockfile.cookbooks.keys().map(String::as_str)) {
        Some(hint) => missing.hint(hint),
        None => {
            missing.hint("`toque cookbook list` shows those that are; `toque cookbook install` adds what Cookfile.toml asks for")
        }
    })
}

/// Whether a cookbook of a registry still comes from there. Pins look by themselves.
fn source_is(source: &dyn Source, origin: &Origin) -> bool {
    matches!(origin, Origin::Registry { registry } if source.shown() == *registry)
}

/// # Errors
/// When what was fetched is not what was locked.
fn the_same(taken: &Taken, name: &str, locked: &Locked) -> Result<(), Diagnostic> {
    if taken.locked.sha256 == locked.sha256 {
        return Ok(());
    }
    let (wanted, has) = (
        locked.sha256.clone().unwrap_or_default(),
        taken.locked.sha256.clone().unwrap_or_default(),
    );
    Err(Diagnostic::error(format!("`{name}` {} is not what it was when it was locked", locked.version))
        .note(format!("locked:  {wanted}\nfetched: {has}"))
        .hint(format!("somebody changed a version that was published: ask who, then take it with `toque cookbook update {name}`")))
}

/// # Errors
/// When a lockfile says of a cookbook what that does not say of itself.
fn is_as_locked(root: &Path, name: &str, locked: &Locked) -> Result<(), Diagnostic> {
    let what = match locked.check(name, &Cookbook::load(root)?.about) {
        Ok(()) => return Ok(()),
        Err(Difference::Name(other)) => format!("is called so, and it calls itself `{other}`"),
        Err(Difference::Version(version)) => {
            format!("has version {}, and it has {version}", locked.version)
        }
        Err(Difference::Dependencies) => "needs other cookbooks than it does".to_owned(),
    };
    Err(Diagnostic::error(format!("`{}` says that `{name}` {what}", lockfile::NAME))
        .hint(format!("somebody edited the file: take it as it was committed, or run `toque cookbook update {name}`")))
}
