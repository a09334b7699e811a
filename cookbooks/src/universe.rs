//! What cookbooks there are: of each name the versions of one source, and what they depend on.

use std::path::PathBuf;

use indexmap::IndexMap;
use toque_engine::version::{Constraint, Version};

use crate::fleet::Fleet;

/// Every cookbook that sources offer, by name.
#[derive(Debug, Clone, Default)]
pub struct Universe {
    offers: IndexMap<String, Offer>,
    /// The machines for which cookbooks are chosen.
    pub fleet: Fleet,
}

/// The versions of a cookbook.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where they come from, as messages show it.
    pub source: String,
    /// Oldest first, each version once.
    pub releases: Vec<Release>,
    /// Other sources that have a cookbook of this name, and are not asked for it.
    pub shadowed: Vec<String>,
}

/// One version of a cookbook.
#[derive(Debug, Clone, Default)]
pub struct Release {
    pub version: Version,
    pub dependencies: Vec<(String, Constraint)>,
    /// The engine versions that it works with; all when it does not say.
    pub toque: Option<Constraint>,
    /// The platforms that it supports; all when it names none.
    pub platforms: IndexMap<String, Constraint>,
    /// Its cookbook.toml, where that lies on this machine and can be changed.
    pub file: Option<PathBuf>,
}

impl Universe {
    /// One in which cookbooks are chosen for these machines.
    #[must_use]
    pub fn for_machines(fleet: Fleet) -> Self {
        Self { fleet, ..Self::default() }
    }

    /// Adds what a source has. The first source that knows a name is the only one that is asked for
    /// it: a stranger cannot slip a newer version under a name that is somebody's own.
    pub fn offer(&mut self, name: &str, source: &str, mut releases: Vec<Release>) {
        if let Some(first) = self.offers.get_mut(name) {
            first.shadowed.push(source.to_owned());
            return;
        }
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        // What is chosen does not depend on the order in which somebody wrote or sent them.
        releases
            .iter_mut()
            .for_each(|release| release.dependencies.sort_by(|(a, _), (b, _)| a.cmp(b)));
        releases.dedup_by(|later, first| later.version == first.version);
        self.offers.insert(
            name.to_owned(),
            Offer { source: source.to_owned(), releases, shadowed: Vec::new() },
        );
    }

    /// Adds one more version to what a source has.
    pub fn add(&mut self, name: &str, source: &str, release: Release) {
        let new =
            || Offer { source: source.to_owned(), releases: Vec::new(), shadowed: Vec::new() };
        let releases = &mut self.offers.entry(name.to_owned()).or_insert_with(new).releases;
        if let Err(place) = releases.binary_search_by(|other| other.version.cmp(&release.version)) {
            releases.insert(place, release);
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Offer> {
        self.offers.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.offers.keys().map(String::as_str)
    }

    /// The versions of a cookbook, oldest first; none when nobody has it.
    #[must_use]
    pub fn releases(&self, name: &str) -> &[Release] {
        self.offers.get(name).map_or(&[], |offer| &offer.releases)
    }
}
