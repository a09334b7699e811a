//! Cookbooks as a public registry has them, and requests that can be met, though seldom by the
//! newest of everything. Only the solver is measured, not the reading.

use std::time::Instant;

use toque_cookbooks::resolve::catalog::{Catalog, Release};
use toque_cookbooks::resolve::{Preferred, Requirement, solve_in_steps};
use toque_core::cancel::CancelToken;
use toque_core::version::{Constraint, Version};

pub(crate) const COOKBOOKS: u32 = 4_000;
pub(crate) const REQUESTED: usize = 50;
/// The universes, each made of another number.
pub(crate) const UNIVERSES: u64 = 4;
const VERSIONS: usize = 30_000;
/// Enough for the least of them to be undisturbed.
const RUNS: usize = 3;
/// How many contradictions of each request are explained.
const CONFLICTS: usize = 3;

/// The worst of all requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Resolved {
    /// Seconds of wall.
    pub solved: f64,
    /// Finding that there is no solution, and saying why.
    pub explained: f64,
    /// How many choices the solver made, and how many cookbooks it came to.
    pub steps: u64,
    pub chosen: usize,
}

/// What cookbooks a request is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any, in any version.
    Any,
    /// Those that many need too.
    Popular,
    /// Any, half of them held to a version that was current once.
    Held,
}

pub(crate) const SHAPES: [Shape; 3] = [Shape::Any, Shape::Popular, Shape::Held];

/// A request that can be met, and what contradicts it.
pub(crate) struct Request {
    pub requirements: Vec<Requirement>,
    pub contradictions: Vec<Requirement>,
}

/// Resolves requests of each shape in each universe, and what contradicts them.
pub(crate) fn resolve() -> Resolved {
    let mut worst = Resolved::default();
    for seed in 0..UNIVERSES {
        let universe = universe(seed);
        for shape in SHAPES {
            let one = measure(&universe, &request(&universe, shape, seed));
            worst.solved = worst.solved.max(one.solved);
            worst.explained = worst.explained.max(one.explained);
            if one.steps > worst.steps {
                (worst.steps, worst.chosen) = (one.steps, one.chosen);
            }
        }
    }
    worst
}

/// One request, and the worst of its contradictions.
pub(crate) fn measure(
    universe: &Catalog,
    Request { requirements, contradictions }: &Request,
) -> Resolved {
    let (answer, steps) =
        solve_in_steps(&CancelToken::default(), universe, requirements, &Preferred::default());
    let chosen = answer.map(|solution| solution.len()).expect("the request can be met");
    let contradicting = contradictions
        .iter()
        .map(|one| requirements.iter().cloned().chain([one.clone()]).collect::<Vec<_>>());
    let explained = contradicting
        .map(|requirements| least(|| solvable(universe, &requirements), false))
        .fold(0.0, f64::max);
    Resolved { solved: least(|| solvable(universe, requirements), true), explained, steps, chosen }
}

fn solvable(universe: &Catalog, requirements: &[Requirement]) -> bool {
    solve_in_steps(&CancelToken::default(), universe, requirements, &Preferred::default()).0.is_ok()
}

fn least(run: impl Fn() -> bool, expected: bool) -> f64 {
    let timed = |_| {
        let begun = Instant::now();
        assert_eq!(run(), expected, "the answer is another than it was");
        begun.elapsed().as_secs_f64()
    };
    (0..RUNS).map(timed).fold(f64::INFINITY, f64::min)
}

/// As many cookbooks as can be together; those that could not are what contradicts.
pub(crate) fn request(universe: &Catalog, shape: Shape, seed: u64) -> Request {
    let mut chance = Chance::new(seed + 1_000);
    let mut request = Request { requirements: Vec::new(), contradictions: Vec::new() };
    while request.requirements.len() < REQUESTED {
        let index = match shape {
            Shape::Popular => chance.popular(COOKBOOKS as usize),
            Shape::Any | Shape::Held => chance.below(COOKBOOKS as usize),
        };
        let name = name(index);
        let releases = universe.releases(&name);
        if releases.is_empty() || request.requirements.iter().any(|other| other.cookbook == name) {
            continue;
        }
        let held = matches!(shape, Shape::Held) && chance.of(2);
        let Version { major, minor, .. } = releases[chance.below(releases.len())].version;
        let constraint = if held { format!("~> {major}.{minor}") } else { ">= 0.0.0".to_owned() };
        let constraint = constraint.parse().expect("a constraint");
        request.requirements.push(Requirement {
            cookbook: name,
            constraint,
            asker: "Cookfile.toml".to_owned(),
            at: None,
        });
        if !solvable(universe, &request.requirements)
            && let Some(one) = request.requirements.pop()
        {
            request.contradictions.push(one);
        }
    }
    // The last ones contradict the most.
    let all = request.contradictions.len();
    request.contradictions.drain(..all.saturating_sub(CONFLICTS));
    request
}

fn name(index: usize) -> String {
    format!("cookbook{index}")
}

/// How somebody writes what a cookbook needs.
#[derive(Debug, Clone, Copy)]
enum Style {
    Careless,
    AtLeast,
    Pessimistic,
    VeryPessimistic,
    Pinned,
    NotTheNext,
}

/// A cookbook and when its versions came out, in a time from 0 to 1, oldest first.
struct History {
    versions: Vec<(f64, Version)>,
    style: Style,
}

/// A few cookbooks have a hundred versions and are what most others need, as `apt` and
/// `build-essential` are; most have a handful. A third are no longer cared for, and hold what they
/// need to what was current in their time.
pub(crate) fn universe(seed: u64) -> Catalog {
    let mut chance = Chance::new(seed);
    let weights: Vec<f64> = (0..COOKBOOKS).map(|rank| 1.0 / f64::from(rank + 10).sqrt()).collect();
    let share = VERSIONS as f64 / weights.iter().sum::<f64>();
    let all: Vec<History> = weights
        .iter()
        .map(|weight| history(&mut chance, (weight * share).ceil() as usize))
        .collect();
    let mut universe = Catalog::default();
    for (index, History { versions, style }) in all.iter().enumerate() {
        // What is needed by many needs little itself, and nothing that is needed by fewer.
        let count = if index < 20 { chance.below(2) } else { chance.below(7) }.min(index);
        let mut needed: Vec<usize> = (0..count).map(|_| chance.popular(index)).collect();
        needed.sort_unstable();
        needed.dedup();
        let mut written: Vec<Option<Constraint>> = vec![None; needed.len()];
        let releases = versions.iter().map(|(time, version)| {
            let dependencies = needed.iter().zip(&mut written).filter_map(|(other, written)| {
                // Nobody looks at each release what it is that is needed.
                if written.is_none() || chance.of(4) {
                    *written = constraint(*style, &all[*other].versions, *time);
                }
                Some((name(*other), written.clone()?))
            });
            Release {
                version: version.clone(),
                dependencies: dependencies.collect(),
                ..Release::default()
            }
        });
        universe.offer(&name(index), "https://cookbooks.example.com", releases.collect());
    }
    universe
}

fn history(chance: &mut Chance, count: usize) -> History {
    let begun = 0.6 * chance.part();
    let end = if chance.of(3) { begun + (1.0 - begun) * chance.part() } else { 1.0 };
    let mut last = Version { minor: 1, ..Version::default() };
    let mut versions = Vec::new();
    for number in 0..count {
        versions.push((begun + (end - begun) * (number + 1) as f64 / count as f64, last.clone()));
        last = match chance.below(12) {
            0 => Version { major: last.major + 1, ..Version::default() },
            1..=4 => Version { minor: last.minor + 1, patch: 0, ..last },
            _ => Version { patch: last.patch + 1, ..last },
        };
    }
    let style = match chance.below(20) {
        0..=6 => Style::Careless,
        7..=9 => Style::AtLeast,
        10..=14 => Style::Pessimistic,
        15..=16 => Style::VeryPessimistic,
        17 => Style::Pinned,
        _ => Style::NotTheNext,
    };
    History { versions, style }
}

/// What somebody writes who sees the versions up to that time; nothing when there is none yet.
fn constraint(style: Style, versions: &[(f64, Version)], time: f64) -> Option<Constraint> {
    let (_, current) = versions.iter().rev().find(|(released, _)| *released <= time)?;
    let Version { major, minor, .. } = current;
    let text = match style {
        Style::Careless => ">= 0.0.0".to_owned(),
        Style::AtLeast => format!(">= {major}.{minor}"),
        Style::Pessimistic => format!("~> {major}.{minor}"),
        Style::VeryPessimistic => format!("~> {current}"),
        Style::Pinned => format!("= {current}"),
        Style::NotTheNext => format!("< {}.0", major + 1),
    };
    Some(text.parse().expect("a constraint"))
}

/// The same chances at each run.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 7);
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
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
