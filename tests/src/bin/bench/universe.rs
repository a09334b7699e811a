//! Cookbooks as a public registry has them, and a request that can be met. Only the solver is measured, not the reading.

use std::time::Instant;

use toque_cookbooks::solve::{Demand, Preferred, Solution, solve};
use toque_cookbooks::universe::{Release, Universe};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::version::{Constraint, Version};

pub const COOKBOOKS: u32 = 4_000;
pub const REQUESTED: usize = 50;
const VERSIONS: usize = 30_000;
/// Enough for the least of them to be undisturbed.
const RUNS: usize = 9;

/// Seconds of wall.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    pub solved: f64,
    /// Finding that there is no solution, and saying why.
    pub explained: f64,
}

/// Resolves a request, and one more that contradicts it.
pub fn resolve() -> Resolved {
    let mut chance = Chance(7);
    let universe = universe(&mut chance);
    let mut demands: Vec<Demand> = Vec::new();
    while demands.len() < REQUESTED {
        let one = demand(name(chance.below(COOKBOOKS as usize)), ">= 0.0.0");
        if demands.iter().all(|other| other.cookbook != one.cookbook) {
            demands.push(one);
            if answer(&universe, &demands).is_err() {
                demands.pop();
            }
        }
    }
    let solved = least(|| answer(&universe, &demands).is_ok());
    let conflict = (0..).map(|index| demand(name(index), "< 1.2.0"));
    let conflict = conflict.map(|one| demands.iter().cloned().chain([one]).collect::<Vec<_>>());
    let contradicting = conflict.take(COOKBOOKS as usize).find(|demands| {
        let [.., last] = &demands[..] else { return false };
        universe.releases(&last.cookbook).len() > 20 && answer(&universe, demands).is_err()
    });
    let contradicting = contradicting.expect("something contradicts the request");
    Resolved { solved, explained: least(|| answer(&universe, &contradicting).is_err()) }
}

fn answer(universe: &Universe, demands: &[Demand]) -> Result<Solution, Diagnostic> {
    solve(universe, demands, &Preferred::default())
}

fn least(mut run: impl FnMut() -> bool) -> f64 {
    let timed = |_| {
        let begun = Instant::now();
        assert!(run(), "the answer is another than it was");
        begun.elapsed().as_secs_f64()
    };
    (0..RUNS).map(timed).fold(f64::INFINITY, f64::min)
}

fn demand(cookbook: String, constraint: &str) -> Demand {
    let constraint = constraint.parse().expect("a constraint");
    Demand { cookbook, constraint, asker: "Cookfile.toml".to_owned(), at: None }
}

fn name(index: usize) -> String {
    format!("cookbook{index}")
}

/// A few cookbooks have many versions and are what most others need, as `apt` and `build-essential` are; some are no longer cared for,
/// and speak of what was current in their time.
fn universe(chance: &mut Chance) -> Universe {
    let weights: Vec<f64> = (0..COOKBOOKS).map(|rank| 1.0 / f64::from(rank + 10).sqrt()).collect();
    let share = VERSIONS as f64 / weights.iter().sum::<f64>();
    let versions: Vec<Vec<Version>> = weights.iter().map(|weight| numbers(chance, (weight * share).ceil() as usize)).collect();
    let mut universe = Universe::default();
    for (index, own) in versions.iter().enumerate() {
        let end = if chance.of(3) { 0.4 + 0.6 * chance.part() } else { 1.0 };
        // What is needed by many needs little itself, and nothing that is needed by fewer.
        let count = chance.below(6).min(index);
        let needed: Vec<usize> = (0..count).map(|_| chance.popular(index)).collect();
        let releases = own.iter().enumerate().map(|(at, version)| {
            let time = end * (at + 1) as f64 / own.len() as f64;
            let dependencies = needed.iter().map(|other| (name(*other), constraint(chance, &versions[*other], time)));
            Release { version: version.clone(), dependencies: dependencies.collect() }
        });
        universe.offer(&name(index), "https://cookbooks.example.com", releases.collect());
    }
    universe
}

/// As many versions, oldest first.
fn numbers(chance: &mut Chance, count: usize) -> Vec<Version> {
    let mut last = Version { minor: 1, ..Version::default() };
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(last.clone());
        last = match chance.below(12) {
            0 => Version { major: last.major + 1, ..Version::default() },
            1..=4 => Version { minor: last.minor + 1, patch: 0, ..last },
            _ => Version { patch: last.patch + 1, ..last },
        };
    }
    all
}

/// What somebody writes who sees the versions up to that time, 0 to 1.
fn constraint(chance: &mut Chance, versions: &[Version], time: f64) -> Constraint {
    let current = &versions[((versions.len() as f64 * time) as usize).min(versions.len() - 1)];
    let Version { major, minor, .. } = current;
    let text = match chance.below(20) {
        0..=9 => ">= 0.0.0".to_owned(),
        10..=13 => format!(">= {major}.{minor}"),
        14..=17 => format!("~> {major}.{minor}"),
        18 => format!("< {}.0", major + 1),
        _ => format!("~> {current}"),
    };
    text.parse().expect("a constraint")
}

/// The same chances at each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One in `count`.
    fn of(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// 0 to 1.
    fn part(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 31) as f64
    }

    /// A number below `end`, small ones far more often.
    fn popular(&mut self, end: usize) -> usize {
        ((self.part().powi(4) * end as f64) as usize).min(end - 1)
    }
}
