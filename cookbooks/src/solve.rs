//! Which version of each cookbook: the newest that go together.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use pubgrub::{
    Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, VersionSet as _,
};
use toque_engine::diagnostic::{Diagnostic, Span};
use toque_engine::failure::Failure;
use toque_engine::stop::Stop;
use toque_engine::version::{Constraint, Version};

use crate::explain;
use crate::fleet::Fleet;
use crate::universe::Universe;
use crate::version_set::VersionSet;

/// Something that asks for a cookbook.
#[derive(Debug, Clone)]
pub struct Demand {
    pub cookbook: String,
    pub constraint: Constraint,
    /// The file that asks: `Cookfile.toml`.
    pub asker: String,
    /// Where in it.
    pub at: Option<Span>,
}

/// Which versions somebody would rather have than the newest.
#[derive(Debug, Clone, Default)]
pub struct Preferred {
    /// The versions that are in use: they stay where they can.
    pub locked: BTreeMap<String, Version>,
    /// Cookbooks that become as new as they can, whatever else moves for that.
    pub moved: Vec<String>,
}

/// The cookbooks that are needed, and the version of each.
pub type Solution = BTreeMap<String, Version>;

/// Chooses versions that satisfy all demands and all that depends on them, in this order: what is
/// to move as new as possible, what is locked as it was, what is demanded as new as possible, each
/// as far as those before allow. Cookbooks may depend on one another in a circle. What the machines
/// of the universe's fleet cannot use is passed over.
/// # Errors
/// When there is none, why, and what would help.
pub fn solve(
    universe: &Universe,
    demands: &[Demand],
    preferred: &Preferred,
) -> Result<Solution, Diagnostic> {
    solve_until(&Stop::default(), universe, demands, preferred)
}

/// The same, which is given up once a stop is requested.
/// # Errors
/// As [`solve`], and when it was stopped.
pub fn solve_until(
    stop: &Stop,
    universe: &Universe,
    demands: &[Demand],
    preferred: &Preferred,
) -> Result<Solution, Diagnostic> {
    on_a_deep_stack(stop, universe, demands, preferred).0
}

/// The same, and in how many steps it was found out, without those of the explanation.
pub fn solve_in_steps(
    universe: &Universe,
    demands: &[Demand],
    preferred: &Preferred,
) -> (Result<Solution, Diagnostic>, u64) {
    on_a_deep_stack(&Stop::default(), universe, demands, preferred)
}

type Solved = (Result<Solution, Diagnostic>, u64);

fn on_a_deep_stack(
    stop: &Stop,
    universe: &Universe,
    demands: &[Demand],
    preferred: &Preferred,
) -> Solved {
    stacker::grow(STACK, || solve_here(stop, universe, demands, preferred))
}

/// Bytes: a reason is as deep as the longest way from a demand to what it comes to.
const STACK: usize = 256 * 1024 * 1024;

fn solve_here(
    stop: &Stop,
    universe: &Universe,
    demands: &[Demand],
    preferred: &Preferred,
) -> Solved {
    let until = Cell::new(Instant::now() + PATIENCE);
    let known = Known { until, stop, steps: Cell::new(0), accepted: RefCell::default() };
    let demands = demands.iter().collect();
    let question = Question {
        universe,
        fleet: universe.fleet.clone(),
        demands,
        preferred,
        relaxed: None,
        known: &known,
    };
    let answer = question.answer();
    let steps = known.steps.get();
    let told = answer.map_err(|unanswered| match unanswered {
        Unanswered::Impossible(reason) => {
            known.until.set(Instant::now() + EXPLAINING);
            explain::no_solution(&question, &reason)
        }
        Unanswered::GivenUp if stop.requested() => {
            Failure { interrupted: true, ..Failure::new("it was stopped before versions that go together were found") }.into()
        }
        Unanswered::GivenUp => {
            let (seconds, count) = (PATIENCE.as_secs(), question.demands.len());
            Diagnostic::error(format!("no versions that go together were found in {seconds} seconds, and not that there are none"))
                .note(format!("for the {count} cookbooks that are asked for; {steps} choices were made"))
                .hint("ask for narrower constraints in Cookfile.toml, so that less has to be tried")
        }
    });
    (told, steps)
}

/// How long a solution is looked for. What people write takes less than a tenth of a second.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to find out which demands are to blame and what would help. An explanation
/// that is longer than it could be is better than one that does not come.
const EXPLAINING: Duration = Duration::from_millis(500);

/// What depends on what, as the solver asks for it. The empty name stands for whoever demands.
#[derive(Clone)]
pub(crate) struct Question<'a> {
    pub universe: &'a Universe,
    pub fleet: Fleet,
    pub demands: Vec<&'a Demand>,
    pub preferred: &'a Preferred,
    /// Who is asked to be content with any version.
    pub relaxed: Option<Relaxed<'a>>,
    pub known: &'a Known<'a>,
}

/// Somebody who asks for a cookbook, and could ask for less.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Relaxed<'a> {
    Demand(&'a Demand),
    /// Every version of the first, as for the second.
    Cookbook(&'a str, &'a str),
}

/// What questions that are asked for each other's sake share.
pub(crate) struct Known<'a> {
    /// When to give up.
    until: Cell<Instant>,
    stop: &'a Stop,
    /// How many steps were taken.
    steps: Cell<u64>,
    /// The versions of a cookbook that a constraint accepts.
    accepted: RefCell<HashMap<(&'a str, &'a str), VersionSet>>,
}

/// Why a question has no answer.
pub(crate) enum Unanswered<'a> {
    /// There is no solution.
    Impossible(Box<Reason<'a>>),
    /// Nobody knows: no time was left, or it was stopped.
    GivenUp,
}

/// No time was left, or it was stopped.
#[derive(Debug, thiserror::Error)]
#[error("it takes too long")]
pub(crate) struct TooLong;

pub(crate) type Reason<'a> = pubgrub::DerivationTree<&'a str, VersionSet, String>;

/// The name that stands for whoever demands.
pub(crate) const DEMANDS: &str = "";

impl<'a> Question<'a> {
    /// # Errors
    /// Why there is no solution, if that was found out.
    pub fn answer(&self) -> Result<Solution, Unanswered<'a>> {
        match pubgrub::resolve(self, DEMANDS, 0_usize) {
            Ok(chosen) => Ok(chosen
                .into_iter()
                .filter_map(|(name, number)| {
                    Some((
                        name.to_owned(),
                        self.universe.releases(name).get(number)?.version.clone(),
                    ))
                })
                .collect()),
            Err(PubGrubError::NoSolution(reason)) => Err(Unanswered::Impossible(Box::new(reason))),
            Err(_) => Err(Unanswered::GivenUp),
        }
    }

    /// The versions of a cookbook that a constraint accepts.
    pub fn accepted(&self, name: &'a str, constraint: &'a Constraint) -> VersionSet {
        let new = || {
            VersionSet::of(
                self.universe
                    .releases(name)
                    .iter()
                    .map(|release| constraint.accepts(&release.version)),
            )
        };
        self.known
            .accepted
            .borrow_mut()
            .entry((name, constraint.as_str()))
            .or_insert_with(new)
            .clone()
    }

    /// Those of a cookbook that are no pre-releases: others are not proposed.
    fn any(&self, name: &str) -> VersionSet {
        VersionSet::of(
            self.universe
                .releases(name)
                .iter()
                .map(|release| release.version.pre_release.is_none()),
        )
    }
}

impl<'a> DependencyProvider for Question<'a> {
    type P = &'a str;
    type V = usize;
    type VS = VersionSet;
    /// The larger is decided first. What has an order of its own keeps it, so that the solution is
    /// the best in that order: a version of one is only passed over when no choice of those after
    /// it would help.
    type Priority = (Reverse<usize>, u32, Reverse<usize>);
    type M = String;
    type Err = TooLong;

    fn should_cancel(&self) -> Result<(), TooLong> {
        self.known.steps.set(self.known.steps.get() + 1);
        if Instant::now() < self.known.until.get() && !self.known.stop.requested() {
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
        let of_demand = || self.demands.iter().position(|demand| demand.cookbook == **name);
        let place = match moved.iter().position(|moved| moved == name) {
            Some(place) => place,
            None if locked.contains_key(*name) => moved.len(),
            None => of_demand().map_or(usize::MAX, |place| moved.len() + 1 + place),
        };
        let ordered = place != moved.len() && place != usize::MAX;
        let conflicts = if ordered { 0 } else { conflicts.conflict_count() };
        (Reverse(place), conflicts, Reverse(range.count_below(self.universe.releases(name).len())))
    }

    fn choose_version(&self, name: &&'a str, range: &VersionSet) -> Result<Option<usize>, TooLong> {
        if *name == DEMANDS {
            return Ok(Some(0));
        }
        let releases = self.universe.releases(name);
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
    ) -> Result<Dependencies<&'a str, VersionSet, String>, TooLong> {
        if *name == DEMANDS {
            let demanded = self.demands.iter().map(|demand| {
                let name = demand.cookbook.as_str();
                match self.relaxed {
                    Some(Relaxed::Demand(relaxed)) if std::ptr::eq(relaxed, *demand) => {
                        (name, self.any(name))
                    }
                    _ => (name, self.accepted(name, &demand.constraint)),
                }
            });
            return Ok(Dependencies::Available(demanded.collect()));
        }
        let release = &self.universe.releases(name)[*number];
        if let Some(reason) = self.fleet.refuses(release) {
            return Ok(Dependencies::Unavailable(reason));
        }
        let (own, others): (Vec<_>, Vec<_>) =
            release.dependencies.iter().partition(|(other, _)| other == name);
        if let Some((_, constraint)) =
            own.into_iter().find(|(_, constraint)| !constraint.accepts(&release.version))
        {
            return Ok(Dependencies::Unavailable(format!(
                "needs itself in another version: {constraint}"
            )));
        }
        let others = others.into_iter().map(|(other, constraint)| match self.relaxed {
            Some(Relaxed::Cookbook(asker, asked)) if asker == *name && asked == other => {
                (other.as_str(), self.any(other))
            }
            _ => (other.as_str(), self.accepted(other, constraint)),
        });
        Ok(Dependencies::Available(others.collect()))
    }
}
