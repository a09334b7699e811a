//! The solver: which version of each cookbook, the newest that go together.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use pubgrub::{
    Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, VersionSet as _,
};
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Span;
use toque_core::version::{Constraint, Version};

use crate::resolve::catalog::{Catalog, Refusal};
use crate::resolve::target_platforms::TargetPlatforms;
use crate::resolve::version_set::VersionSet;

/// A cookbook that a repository asks for.
#[derive(Debug, Clone)]
pub struct Requirement {
    pub cookbook: String,
    pub constraint: Constraint,
    /// The file that asks: `Cookfile.toml`.
    pub asker: String,
    /// Its place in that file.
    pub at: Option<Span>,
}

/// The versions that are preferred to the newest.
#[derive(Debug, Clone, Default)]
pub struct Preferred {
    /// The versions that are in use: they stay where they can.
    pub locked: BTreeMap<String, Version>,
    /// Cookbooks that become as new as they can, whatever else moves for that.
    pub moved: Vec<String>,
}

/// The cookbooks that are needed, and the version of each.
pub type Solution = BTreeMap<String, Version>;

/// The dependencies among all releases, as the solver asks for them. Its root is a package with an
/// empty name, which depends on what is required.
#[derive(Clone)]
pub(crate) struct Problem<'a> {
    pub catalog: &'a Catalog,
    pub targets: TargetPlatforms,
    pub requirements: Vec<&'a Requirement>,
    pub preferred: &'a Preferred,
    /// A constraint that is ignored, to find out whether a solution exists without it.
    pub(crate) relaxed: Option<Relaxed<'a>>,
    pub state: &'a SolverState<'a>,
}

/// A constraint that could be weaker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Relaxed<'a> {
    Requirement(&'a Requirement),
    /// Those of all versions of the first cookbook on the second.
    Cookbook(&'a str, &'a str),
}

/// The state that a problem shares with its variants.
pub(crate) struct SolverState<'a> {
    /// When to give up.
    pub until: Cell<Instant>,
    stop: &'a CancelToken,
    /// How many steps were taken.
    pub steps: Cell<u64>,
    /// The versions of a cookbook that a constraint accepts.
    accepted: RefCell<HashMap<(&'a str, &'a str), VersionSet>>,
}

impl<'a> SolverState<'a> {
    /// Returns the state of a solver that gives up after `patience`, or when a stop is requested.
    pub(super) fn new(stop: &'a CancelToken, patience: Duration) -> Self {
        let until = Cell::new(Instant::now() + patience);
        Self { until, stop, steps: Cell::default(), accepted: RefCell::default() }
    }
}

/// An attempt that found no solution.
pub(crate) enum NoSolution<'a> {
    /// There is none, for this reason.
    Impossible(Box<Reason<'a>>),
    /// No time was left, or it was stopped.
    GivenUp,
}

/// No time was left, or it was stopped.
#[derive(Debug, thiserror::Error)]
#[error("it takes too long")]
pub(crate) struct TooLong;

pub(crate) type Reason<'a> = pubgrub::DerivationTree<&'a str, VersionSet, Refusal>;

/// The name of the root package, whose dependencies are the requirements.
pub(crate) const ROOT: &str = "";

impl<'a> Problem<'a> {
    /// Chooses a version of each cookbook that is needed.
    /// # Errors
    /// Why there is no solution, if that was found out.
    pub(super) fn solve(&self) -> Result<Solution, NoSolution<'a>> {
        match pubgrub::resolve(self, ROOT, 0_usize) {
            Ok(chosen) => Ok(chosen
                .into_iter()
                .filter_map(|(name, number)| {
                    Some((
                        name.to_owned(),
                        self.catalog.releases(name).get(number)?.version.clone(),
                    ))
                })
                .collect()),
            Err(PubGrubError::NoSolution(reason)) => Err(NoSolution::Impossible(Box::new(reason))),
            Err(_) => Err(NoSolution::GivenUp),
        }
    }

    /// The versions of a cookbook that a constraint accepts.
    pub(super) fn accepted(&self, name: &'a str, constraint: &'a Constraint) -> VersionSet {
        let releases = self.catalog.releases(name).iter();
        let new = || VersionSet::of(releases.map(|release| constraint.accepts(&release.version)));
        self.state
            .accepted
            .borrow_mut()
            .entry((name, constraint.as_str()))
            .or_insert_with(new)
            .clone()
    }

    /// Those of a cookbook that are no pre-releases: others are not proposed.
    fn any(&self, name: &str) -> VersionSet {
        let releases = self.catalog.releases(name).iter();
        VersionSet::of(releases.map(|release| release.version.pre_release.is_none()))
    }
}

impl<'a> DependencyProvider for Problem<'a> {
    type P = &'a str;
    type V = usize;
    type VS = VersionSet;
    /// The larger is decided first. What has an order of its own keeps it, so that the solution is
    /// the best in that order: a version of one is only passed over when no choice of those after
    /// it would help.
    type Priority = (Reverse<usize>, u32, Reverse<usize>);
    type M = Refusal;
    type Err = TooLong;

    fn should_cancel(&self) -> Result<(), TooLong> {
        self.state.steps.set(self.state.steps.get() + 1);
        if Instant::now() < self.state.until.get() && !self.state.stop.requested() {
            Ok(())
        } else {
            Err(TooLong)
        }
    }

    fn prioritize(
        &self,
        name: &&'a str,
        range: &VersionSet,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Preferred { locked, moved } = self.preferred;
        let of_requirement =
            || self.requirements.iter().position(|requirement| requirement.cookbook == **name);
        let place = match moved.iter().position(|moved| moved == name) {
            Some(place) => place,
            None if locked.contains_key(*name) => moved.len(),
            None => of_requirement().map_or(usize::MAX, |place| moved.len() + 1 + place),
        };
        let ordered = place != moved.len() && place != usize::MAX;
        let conflicts = if ordered { 0 } else { conflicts.conflict_count() };
        (Reverse(place), conflicts, Reverse(range.count_below(self.catalog.releases(name).len())))
    }

    fn choose_version(&self, name: &&'a str, range: &VersionSet) -> Result<Option<usize>, TooLong> {
        if *name == ROOT {
            return Ok(Some(0));
        }
        let releases = self.catalog.releases(name);
        let locked = self
            .preferred
            .locked
            .get(*name)
            .filter(|_| !self.preferred.moved.iter().any(|moved| moved == name));
        let locked = locked
            .and_then(|version| {
                releases.binary_search_by(|release| release.version.cmp(version)).ok()
            })
            .filter(|number| range.contains(number));
        Ok(locked.or_else(|| range.below(releases.len()).next_back()))
    }

    fn get_dependencies(
        &self,
        name: &&'a str,
        number: &usize,
    ) -> Result<Dependencies<&'a str, VersionSet, Refusal>, TooLong> {
        if *name == ROOT {
            let demanded = self.requirements.iter().map(|requirement| {
                let name = requirement.cookbook.as_str();
                match self.relaxed {
                    Some(Relaxed::Requirement(relaxed)) if std::ptr::eq(relaxed, *requirement) => {
                        (name, self.any(name))
                    }
                    _ => (name, self.accepted(name, &requirement.constraint)),
                }
            });
            return Ok(Dependencies::Available(demanded.collect()));
        }
        let release = &self.catalog.releases(name)[*number];
        if let Some(reason) = release.refused_by(&self.targets) {
            return Ok(Dependencies::Unavailable(reason));
        }
        let own = release.dependencies.get(*name);
        if let Some(constraint) = own.filter(|constraint| !constraint.accepts(&release.version)) {
            return Ok(Dependencies::Unavailable(Refusal::NeedsOtherSelf(constraint.clone())));
        }
        let others = release.dependencies.iter().filter(|(other, _)| other != name);
        let others = others.map(|(other, constraint)| match self.relaxed {
            Some(Relaxed::Cookbook(asker, asked)) if asker == *name && asked == other => {
                (other.as_str(), self.any(other))
            }
            _ => (other.as_str(), self.accepted(other, constraint)),
        });
        Ok(Dependencies::Available(others.collect()))
    }
}
