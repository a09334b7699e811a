//! The cookbooks that sources offer: of each name the versions of one source, and what they depend
//! on.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use toque_core::platform::Platform;
use toque_core::version::{Constraint, Version};

use crate::resolve::target_platforms::TargetPlatforms;

/// Every cookbook that sources offer, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: IndexMap<String, CatalogEntry>,
    /// The machines for which cookbooks are chosen.
    pub targets: TargetPlatforms,
}

/// The versions of a cookbook.
#[derive(Debug, Clone)]
pub(crate) struct CatalogEntry {
    /// The source that they come from, as messages show it.
    pub source: String,
    /// Oldest first, each version once.
    pub releases: Vec<Release>,
    /// Other sources that have a cookbook of this name, and are not asked for it.
    pub(crate) shadowed: Vec<String>,
}

/// A version of a cookbook that can be chosen.
#[derive(Debug, Clone, Default)]
pub struct Release {
    pub version: Version,
    pub dependencies: IndexMap<String, Constraint>,
    /// The engine versions that it works with; all when it does not say.
    pub toque: Option<Constraint>,
    /// The platforms that it supports; all when it names none.
    pub platforms: IndexMap<String, Constraint>,
    /// Its cookbook.toml, where that lies on this machine and can be changed.
    pub file: Option<PathBuf>,
}

/// A reason why a release cannot be used. It is worded to follow the name: `does not support debian
/// 12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NeedsOtherToque {
        needs: Constraint,
        engine: Version,
    },
    /// At least one.
    UnsupportedPlatforms(Vec<Platform>),
    NeedsOtherSelf(Constraint),
}

impl Release {
    /// Returns why a release cannot be used on these machines.
    #[must_use]
    pub fn refused_by(&self, targets: &TargetPlatforms) -> Option<Refusal> {
        if let (Some(needs), Some(engine)) = (&self.toque, &targets.toque)
            && !needs.accepts(engine)
        {
            return Some(Refusal::NeedsOtherToque { needs: needs.clone(), engine: engine.clone() });
        }
        let platforms = targets.platforms.iter();
        let unsupported: Vec<Platform> =
            platforms.filter(|platform| !platform.is_among(&self.platforms)).cloned().collect();
        (!unsupported.is_empty()).then_some(Refusal::UnsupportedPlatforms(unsupported))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsOtherToque { needs, engine } => {
                write!(f, "needs toque {needs}, and this is {engine}")
            }
            Self::UnsupportedPlatforms(platforms) => {
                f.write_str("does not support ")?;
                for (index, platform) in platforms.iter().enumerate() {
                    f.write_str(match index {
                        0 => "",
                        last if last + 1 == platforms.len() => " and ",
                        _ => ", ",
                    })?;
                    platform.fmt(f)?;
                }
                Ok(())
            }
            Self::NeedsOtherSelf(constraint) => {
                write!(f, "needs itself in another version: {constraint}")
            }
        }
    }
}

impl Catalog {
    /// Returns an empty catalog in which cookbooks are chosen for these machines.
    #[must_use]
    pub fn for_targets(targets: TargetPlatforms) -> Self {
        Self { targets, ..Self::default() }
    }

    /// Adds what a source has. The first source that knows a name is the only one that is asked for
    /// it: a stranger cannot slip a newer version under a name that is somebody's own.
    pub fn offer(&mut self, name: &str, source: &str, mut releases: Vec<Release>) {
        if let Some(first) = self.entries.get_mut(name) {
            first.shadowed.push(source.to_owned());
            return;
        }
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        releases.dedup_by(|later, first| later.version == first.version);
        // What is chosen does not depend on the order in which they were written or sent.
        releases.iter_mut().for_each(|release| release.dependencies.sort_unstable_keys());
        self.entries.insert(name.to_owned(), CatalogEntry { releases, ..CatalogEntry::of(source) });
    }

    /// Adds one more version to what a source has, unless that version is there.
    pub(crate) fn add(&mut self, name: &str, source: &str, mut release: Release) {
        let entry = self.entries.entry(name.to_owned()).or_insert_with(|| CatalogEntry::of(source));
        let place = entry.releases.binary_search_by(|other| other.version.cmp(&release.version));
        if let Err(place) = place {
            release.dependencies.sort_unstable_keys();
            entry.releases.insert(place, release);
        }
    }

    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&CatalogEntry> {
        self.entries.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns the versions of a cookbook, oldest first; none when no source has it.
    #[must_use]
    pub fn releases(&self, name: &str) -> &[Release] {
        self.entries.get(name).map_or(&[], |entry| &entry.releases)
    }
}

impl CatalogEntry {
    fn of(source: &str) -> Self {
        Self { source: source.to_owned(), releases: Vec::new(), shadowed: Vec::new() }
    }
}
