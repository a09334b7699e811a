//! The solver on whole universes, against trying everything.

use std::collections::BTreeMap;

use proptest::prelude::*;
use toque_cookbooks::resolve::catalog::{Catalog, Release};
use toque_cookbooks::resolve::target_platforms::TargetPlatforms;
use toque_cookbooks::resolve::{Preferred, Requirement, Solution, solve, solve_until};
use toque_core::cancel::CancelToken;
use toque_core::platform::Platform;
use toque_core::version::{Constraint, Version};

type Dependencies = Vec<(String, String)>;
/// Of each name its versions, for whom they are, and what they depend on.
type Plain = BTreeMap<String, BTreeMap<String, (For, Dependencies)>>;

/// The machines run toque 1.5.0 on debian 12 and ubuntu 24.04.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    All,
    /// It names engine and platforms, and these are among them.
    Us,
    OtherEngines,
    OtherPlatforms,
    /// It supports one of the two.
    OneOfUs,
}

impl For {
    fn is_us(self) -> bool {
        matches!(self, Self::All | Self::Us)
    }
}

fn universe(plain: &Plain) -> Catalog {
    let platform =
        |name: &str, version: &str| Platform { name: name.to_owned(), version: version.to_owned() };
    let platforms = vec![platform("debian", "12"), platform("ubuntu", "24.04")];
    let mut universe =
        Catalog::for_targets(TargetPlatforms { toque: Some("1.5.0".parse().unwrap()), platforms });
    for (name, versions) in plain {
        let release = |(version, (whom, dependencies)): (&String, &(For, Dependencies))| {
            let (toque, platforms): (_, &[(&str, &str)]) = match whom {
                For::All => (None, &[]),
                For::Us => (
                    Some("~> 1.2"),
                    &[("debian", ">= 11"), ("ubuntu", "~> 24.0"), ("centos", ">= 7")],
                ),
                For::OtherEngines => (Some(">= 2.0"), &[]),
                For::OtherPlatforms => (None, &[("centos", ">= 7")]),
                For::OneOfUs => (Some(">= 1"), &[("debian", "= 12"), ("ubuntu", "< 24")]),
            };
            Release {
                version: version.parse().unwrap(),
                dependencies: dependencies
                    .iter()
                    .map(|(name, text)| (name.clone(), text.parse().unwrap()))
                    .collect(),
                toque: toque.map(|text| text.parse().unwrap()),
                platforms: platforms
                    .iter()
                    .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()))
                    .collect(),
                ..Release::default()
            }
        };
        universe.offer(
            name,
            "https://cookbooks.example.com",
            versions.iter().map(release).collect(),
        );
    }
    universe
}

fn requirements(requirements: &[(String, String)]) -> Vec<Requirement> {
    let requirement = |(cookbook, constraint): &(String, String)| Requirement {
        cookbook: cookbook.clone(),
        constraint: constraint.parse().unwrap(),
        asker: "Cookfile.toml".to_owned(),
        at: None,
    };
    requirements.iter().map(requirement).collect()
}

/// Every set of exactly the needed cookbooks that satisfies everybody and that our machines can
/// use.
fn all_solutions(plain: &Plain, requirements: &[Requirement]) -> Vec<Solution> {
    let usable = plain.iter().map(|(name, versions)| {
        let versions = versions.iter().filter(|(_, (whom, _))| whom.is_us());
        (
            name.clone(),
            versions
                .map(|(version, (_, needs))| (version.clone(), (For::All, needs.clone())))
                .collect(),
        )
    });
    solutions(&universe(&usable.collect()), requirements)
}

fn solutions(universe: &Catalog, requirements: &[Requirement]) -> Vec<Solution> {
    fn extend(
        universe: &Catalog,
        mut asked: Vec<(String, Constraint)>,
        chosen: &Solution,
        found: &mut Vec<Solution>,
    ) {
        while let Some((name, constraint)) = asked.pop() {
            match chosen.get(&name) {
                Some(version) if constraint.accepts(version) => {}
                Some(_) => return,
                None => {
                    for release in universe
                        .releases(&name)
                        .iter()
                        .filter(|release| constraint.accepts(&release.version))
                    {
                        let mut chosen = chosen.clone();
                        chosen.insert(name.clone(), release.version.clone());
                        let needs = release.dependencies.clone();
                        let asked = asked.iter().cloned().chain(needs).collect();
                        extend(universe, asked, &chosen, found);
                    }
                    return;
                }
            }
        }
        found.push(chosen.clone());
    }
    let mut found = Vec::new();
    let asked = requirements
        .iter()
        .map(|requirement| (requirement.cookbook.clone(), requirement.constraint.clone()))
        .collect();
    extend(universe, asked, &Solution::new(), &mut found);
    found
}

/// The best of those left, cookbook by cookbook in the order of the demands.
fn best_of_demanded(
    mut solutions: Vec<Solution>,
    requirements: &[Requirement],
) -> BTreeMap<String, Version> {
    let mut best = BTreeMap::new();
    for Requirement { cookbook, .. } in requirements {
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
    prop::sample::select(vec![
        "1.0.0",
        "1.1.0",
        "1.2.0-rc.1",
        "1.2.0-rc.2",
        "1.2.0",
        "2.0.0",
        "2.1.0-rc.1",
        "3.0.0-rc.1+5",
    ])
    .prop_map(str::to_owned)
}

fn constraint() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["=", "!=", ">", ">=", ">=", "<", "<=", "~>", "~>"]);
    prop_oneof![
        Just(">= 0.0.0".to_owned()),
        (operator, version()).prop_map(|(operator, version)| format!("{operator} {version}"))
    ]
}

fn asked(count: usize) -> impl Strategy<Value = Dependencies> {
    prop::collection::vec((name(), constraint()), 0..=count)
}

fn whom() -> impl Strategy<Value = For> {
    prop_oneof![6 => Just(For::All), 2 => Just(For::Us), 1 => Just(For::OtherEngines), 1 => Just(For::OtherPlatforms), 1 => Just(For::OneOfUs)]
}

/// Each name once.
fn dependencies() -> impl Strategy<Value = Dependencies> {
    asked(3).prop_map(|all| all.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
}

fn plain() -> impl Strategy<Value = Plain> {
    prop::collection::btree_map(
        name(),
        prop::collection::btree_map(version(), (whom(), dependencies()), 1..6),
        2..=5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn as_good_as_trying_everything(plain in plain(), wanted in asked(4)) {
        let (universe, requirements) = (universe(&plain), requirements(&wanted));
        let solutions = all_solutions(&plain, &requirements);
        match solve(&universe, &requirements, &Preferred::default()) {
            Ok(solution) => {
                prop_assert!(solutions.contains(&solution), "{solution:?} is none of {solutions:?}");
                for (name, version) in best_of_demanded(solutions, &requirements) {
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
    fn the_order_of_what_is_written_is_no_matter(plain in plain(), wanted in asked(4)) {
        let mut turned = plain.clone();
        turned.values_mut().flat_map(|versions| versions.values_mut()).for_each(|(_, needs)| needs.reverse());
        let mut names: Vec<&String> = turned.keys().collect();
        names.reverse();
        let (one, mut other, requirements) = (universe(&plain), Catalog::for_targets(universe(&plain).targets), requirements(&wanted));
        for name in names {
            let only = BTreeMap::from([(name.clone(), turned[name].clone())]);
            let mut releases = universe(&only).releases(name).to_vec();
            releases.reverse();
            other.offer(name, "https://cookbooks.example.com", releases);
        }
        let unique = plain.values().flat_map(BTreeMap::values).all(|(_, needs)| {
            needs.iter().enumerate().all(|(index, (name, _))| needs[..index].iter().all(|(other, _)| other != name))
        });
        let (one, other) = (solve(&one, &requirements, &Preferred::default()), solve(&other, &requirements, &Preferred::default()));
        prop_assert!(one == other || !unique, "{one:?}\n{other:?}");
    }

    #[test]
    fn what_is_locked_stays(plain in plain(), wanted in asked(4)) {
        let (universe, requirements) = (universe(&plain), requirements(&wanted));
        for locked in all_solutions(&plain, &requirements).into_iter().take(20) {
            let preferred = Preferred { locked: locked.clone(), moved: Vec::new() };
            prop_assert_eq!(solve(&universe, &requirements, &preferred).unwrap(), locked);
        }
    }

    #[test]
    fn what_moves_becomes_as_new_as_it_can(plain in plain(), wanted in asked(4)) {
        let (universe, requirements) = (universe(&plain), requirements(&wanted));
        let solutions = all_solutions(&plain, &requirements);
        if let (Some(locked), Some(first)) = (solutions.first(), requirements.first()) {
            let preferred = Preferred { locked: locked.clone(), moved: vec![first.cookbook.clone()] };
            let solution = solve(&universe, &requirements, &preferred).unwrap();
            let highest = solutions.iter().map(|solution| &solution[&first.cookbook]).max().unwrap();
            prop_assert_eq!(&solution[&first.cookbook], highest);
        }
    }
}

/// Seven pigeons want six holes: whoever only tries them one by one tries thousands of times.
#[test]
fn what_needs_a_hard_look_is_seen() {
    let mut plain = Plain::new();
    for pigeon in 0..7 {
        let versions = (1..7).map(|hole| {
            (
                format!("{hole}.0.0"),
                (For::All, vec![(format!("hole{hole}"), format!("= {pigeon}.1.0"))]),
            )
        });
        plain.insert(format!("pigeon{pigeon}"), versions.collect());
        for hole in 1..7 {
            plain
                .entry(format!("hole{hole}"))
                .or_default()
                .insert(format!("{pigeon}.1.0"), (For::All, Vec::new()));
        }
    }
    let mut wanted: Vec<(String, String)> =
        (0..6).map(|pigeon| (format!("pigeon{pigeon}"), ">= 0.0.0".to_owned())).collect();
    let universe = universe(&plain);
    let solution = solve(&universe, &requirements(&wanted), &Preferred::default()).unwrap();
    let newest = (0..6).map(|pigeon| solution[&format!("pigeon{pigeon}")].major);
    assert_eq!(newest.collect::<Vec<_>>(), [6, 5, 4, 3, 2, 1]);
    wanted.push(("pigeon6".to_owned(), ">= 0.0.0".to_owned()));
    let told = solve(&universe, &requirements(&wanted), &Preferred::default())
        .expect_err("one is left over");
    assert!(
        told.message.starts_with("no versions of the cookbooks `pigeon0`, `pigeon1`"),
        "{told:?}"
    );
    assert!(told.notes[0].lines().count() <= 17, "{told:?}");
}

#[test]
fn a_way_of_any_length() {
    let last = 20_000;
    let mut plain = Plain::new();
    for number in 0..last {
        let needs = vec![(format!("part{}", number + 1), ">= 1.0".to_owned())];
        plain.insert(
            format!("part{number}"),
            BTreeMap::from([("1.0.0".to_owned(), (For::All, needs))]),
        );
    }
    let told = solve(
        &universe(&plain),
        &requirements(&[("part0".to_owned(), ">= 0.0.0".to_owned())]),
        &Preferred::default(),
    );
    assert_eq!(
        told.expect_err("the last one is missing").message,
        format!("there is no cookbook `part{last}`")
    );
}

#[test]
fn a_stop_ends_the_search() {
    let plain = Plain::from([(
        "web".to_owned(),
        BTreeMap::from([("1.0.0".to_owned(), (For::All, Vec::new()))]),
    )]);
    let (universe, requirements, stop) = (
        universe(&plain),
        requirements(&[("web".to_owned(), ">= 1.0".to_owned())]),
        CancelToken::default(),
    );
    let solved = || solve_until(&stop, &universe, &requirements, &Preferred::default());
    assert_eq!(solved().unwrap().len(), 1);
    stop.request();
    let told = solved().expect_err("it was stopped");
    assert!(
        told.interrupted
            && told.message == "it was stopped before versions that go together were found",
        "{told:?}"
    );
}
