//! The solver on whole universes: against trying everything, and what it says when nothing goes together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use toque_cookbooks::solve::{Demand, Preferred, Solution, solve};
use toque_cookbooks::universe::{Release, Universe};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::version::{Constraint, Version};

type Dependencies = Vec<(String, String)>;
/// Of each name its versions, and what they depend on.
type Plain = BTreeMap<String, BTreeMap<String, Dependencies>>;

fn universe(plain: &Plain) -> Universe {
    let mut universe = Universe::default();
    for (name, versions) in plain {
        let release = |(version, dependencies): (&String, &Dependencies)| Release {
            version: version.parse().unwrap(),
            dependencies: dependencies.iter().map(|(name, text)| (name.clone(), text.parse().unwrap())).collect(),
        };
        universe.offer(name, "https://cookbooks.example.com", versions.iter().map(release).collect());
    }
    universe
}

fn demands(demands: &[(String, String)]) -> Vec<Demand> {
    let demand = |(cookbook, constraint): &(String, String)| Demand {
        cookbook: cookbook.clone(),
        constraint: constraint.parse().unwrap(),
        asker: "Cookfile.toml".to_owned(),
        at: None,
    };
    demands.iter().map(demand).collect()
}

/// Every set of exactly the needed cookbooks that satisfies everybody.
fn all_solutions(universe: &Universe, demands: &[Demand]) -> Vec<Solution> {
    fn extend(universe: &Universe, mut asked: Vec<(String, Constraint)>, chosen: &Solution, found: &mut Vec<Solution>) {
        while let Some((name, constraint)) = asked.pop() {
            match chosen.get(&name) {
                Some(version) if constraint.accepts(version) => {}
                Some(_) => return,
                None => {
                    for release in universe.releases(&name).iter().filter(|release| constraint.accepts(&release.version)) {
                        let mut chosen = chosen.clone();
                        chosen.insert(name.clone(), release.version.clone());
                        let asked = asked.iter().chain(&release.dependencies).cloned().collect();
                        extend(universe, asked, &chosen, found);
                    }
                    return;
                }
            }
        }
        found.push(chosen.clone());
    }
    let mut found = Vec::new();
    let asked = demands.iter().map(|demand| (demand.cookbook.clone(), demand.constraint.clone())).collect();
    extend(universe, asked, &Solution::new(), &mut found);
    found
}

/// The best of those left, cookbook by cookbook in the order of the demands.
fn best_of_demanded(mut solutions: Vec<Solution>, demands: &[Demand]) -> BTreeMap<String, Version> {
    let mut best = BTreeMap::new();
    for Demand { cookbook, .. } in demands {
        let highest = solutions.iter().map(|solution| solution[cookbook].clone()).max().unwrap();
        solutions.retain(|solution| solution[cookbook] == highest);
        best.insert(cookbook.clone(), highest);
    }
    best
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "e"]).prop_map(str::to_owned)
}

fn version() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0", "2.1.0-rc.1"]).prop_map(str::to_owned)
}

fn constraint() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["=", "!=", ">", ">=", ">=", "<", "<=", "~>", "~>"]);
    prop_oneof![Just(">= 0.0.0".to_owned()), (operator, version()).prop_map(|(operator, version)| format!("{operator} {version}"))]
}

fn asked(count: usize) -> impl Strategy<Value = Dependencies> {
    prop::collection::vec((name(), constraint()), 0..=count)
}

fn plain() -> impl Strategy<Value = Plain> {
    prop::collection::btree_map(name(), prop::collection::btree_map(version(), asked(3), 1..5), 2..=5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn as_good_as_trying_everything(plain in plain(), wanted in asked(4)) {
        let (universe, demands) = (universe(&plain), demands(&wanted));
        let solutions = all_solutions(&universe, &demands);
        match solve(&universe, &demands, &Preferred::default()) {
            Ok(solution) => {
                prop_assert!(solutions.contains(&solution), "{solution:?} is none of {solutions:?}");
                for (name, version) in best_of_demanded(solutions, &demands) {
                    prop_assert_eq!(&solution[&name], &version, "{}", name);
                }
            }
            Err(told) => {
                prop_assert!(solutions.is_empty(), "{told:?}, but {solutions:?}");
                prop_assert!(!told.hints.is_empty() && told.notes.iter().all(|note| !note.is_empty()), "{told:?}");
            }
        }
    }

    #[test]
    fn what_is_locked_stays(plain in plain(), wanted in asked(4)) {
        let (universe, demands) = (universe(&plain), demands(&wanted));
        for locked in all_solutions(&universe, &demands).into_iter().take(20) {
            let preferred = Preferred { locked: locked.clone(), moved: Vec::new() };
            prop_assert_eq!(solve(&universe, &demands, &preferred).unwrap(), locked);
        }
    }

    #[test]
    fn what_moves_becomes_as_new_as_it_can(plain in plain(), wanted in asked(4)) {
        let (universe, demands) = (universe(&plain), demands(&wanted));
        let solutions = all_solutions(&universe, &demands);
        if let (Some(locked), Some(first)) = (solutions.first(), demands.first()) {
            let preferred = Preferred { locked: locked.clone(), moved: vec![first.cookbook.clone()] };
            let solution = solve(&universe, &demands, &preferred).unwrap();
            let highest = solutions.iter().map(|solution| &solution[&first.cookbook]).max().unwrap();
            prop_assert_eq!(&solution[&first.cookbook], highest);
        }
    }
}

fn told(plain: &[(&str, &str, &[(&str, &str)])], wanted: &[(&str, &str)]) -> Diagnostic {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut all = Plain::new();
    for (name, version, dependencies) in plain {
        let dependencies: Dependencies = owned(dependencies);
        all.entry((*name).to_owned()).or_default().insert((*version).to_owned(), dependencies);
    }
    let wanted: Dependencies = owned(wanted);
    solve(&universe(&all), &demands(&wanted), &Preferred::default()).expect_err("nothing goes together")
}

#[test]
fn a_cookbook_that_nobody_has() {
    let told = told(&[("nginx", "1.0.0", &[]), ("web", "1.0.0", &[("ngnix", ">= 1.0")])], &[("web", ">= 0.0.0")]);
    assert_eq!(told.message, "there is no cookbook `ngnix`");
    assert_eq!(told.notes, ["Cookfile.toml asks for `web` >= 0.0.0\n`web` 1.0.0 needs `ngnix` >= 1.0"]);
    assert_eq!(told.hints, ["did you mean `nginx`?"]);
}

#[test]
fn two_that_need_different_versions() {
    let told = told(
        &[
            ("web", "1.2.0", &[("nginx", "~> 2.0")]),
            ("web", "1.3.0", &[("nginx", ">= 3.0, < 4.0")]),
            ("proxy", "1.0.0", &[("nginx", "~> 3.0")]),
            ("other", "1.0.0", &[]),
            ("nginx", "2.1.0", &[]),
            ("nginx", "3.0.0", &[]),
        ],
        &[("other", ">= 0.0.0"), ("web", "~> 1.2.0"), ("proxy", ">= 1.0")],
    );
    assert_eq!(told.message, "no version of cookbook `nginx` satisfies all that need it");
    let needs = "Cookfile.toml asks for `web` ~> 1.2.0\nCookfile.toml asks for `proxy` >= 1.0\n\
                 `web` 1.2.0 needs `nginx` ~> 2.0\n`proxy` 1.0.0 needs `nginx` ~> 3.0";
    assert_eq!(told.notes[0], needs);
    assert_eq!(told.notes[1], "`nginx` is there in the versions 2.1.0 and 3.0.0, from https://cookbooks.example.com");
    assert_eq!(told.hints, ["`web` 1.3.0 would do: let Cookfile.toml accept it"]);
}

#[test]
fn only_pre_releases() {
    let told = told(&[("web", "2.0.0-rc.1", &[]), ("web", "2.0.0-rc.2", &[])], &[("web", ">= 1.0")]);
    assert_eq!(told.message, "there is no version of cookbook `web` that fits");
    assert_eq!(told.hints, ["`web` has only pre-releases: ask for one, as in `>= 2.0.0-rc.2`"]);
}

#[test]
fn a_source_that_is_not_asked() {
    let release = |version: &str| Release { version: version.parse().unwrap(), dependencies: Vec::new() };
    let mut universe = Universe::default();
    universe.offer("nginx", "the folder `vendor`", vec![release("1.0.0")]);
    universe.offer("nginx", "https://cookbooks.example.com", vec![release("2.0.0")]);
    let demands = demands(&[("nginx".to_owned(), ">= 2.0".to_owned())]);
    let told = solve(&universe, &demands, &Preferred::default()).expect_err("the folder has no such version");
    assert_eq!(
        told.notes,
        [
            "Cookfile.toml asks for `nginx` >= 2.0",
            "`nginx` is there in version 1.0.0, from the folder `vendor`",
            "https://cookbooks.example.com has a cookbook `nginx` too, and is not asked for it: the folder `vendor` comes first",
        ]
    );
}

#[test]
fn a_long_way_is_shortened() {
    let names: Vec<String> = (0..40).map(|number| format!("part{number:02}")).collect();
    let needs: Vec<[(&str, &str); 1]> = names[1..].iter().map(|name| [(name.as_str(), ">= 1.0")]).collect();
    let all: Vec<(&str, &str, &[(&str, &str)])> =
        names.iter().zip(&needs).map(|(name, needs)| (name.as_str(), "1.0.0", &needs[..])).collect();
    let told = told(&all, &[("part00", ">= 0.0.0")]);
    assert_eq!(told.message, "there is no cookbook `part39`");
    let lines: Vec<&str> = told.notes[0].lines().collect();
    assert_eq!(lines.len(), 17);
    assert_eq!(lines[1], "`part00` 1.0.0 needs `part01` >= 1.0");
    assert_eq!(lines[8], "and 24 more, that lead from these to those:");
    assert_eq!(lines[16], "`part38` 1.0.0 needs `part39` >= 1.0");
}
