//! `resolve.json`: versions that go together, wherever there are some, and the newest of what is
//! demanded.

use std::collections::BTreeMap;

use serde_json::Value;
use toque_cookbooks::resolve::catalog::{Catalog, Release};
use toque_cookbooks::resolve::{Preferred, Requirement, Solution, solve};
use toque_core::version::{Constraint, Version};

use crate::conformance::{compare, differences};

#[test]
fn as_recorded() {
    compare(include_str!("../../conformance/resolve.json"), differences::RESOLVE, run);
}

fn run(case: &Value) -> Result<(), String> {
    let universe = universe(&case["universe"]);
    let requirements: Vec<Requirement> =
        case["demands"].as_array().unwrap().iter().map(requirement).collect();
    let expected = &case["expected"];
    match (
        solve(&universe, &requirements, &Preferred::default()),
        expected["satisfiable"].as_bool().unwrap(),
    ) {
        (Ok(solution), true) => {
            valid(&universe, &requirements, &solution)?;
            highest(&requirements, &solution, expected)
        }
        (Err(told), false) if told.notes[0].is_empty() || told.hints.is_empty() => {
            Err(format!("it is not explained: {told:?}"))
        }
        (Err(_), false) => Ok(()),
        (Ok(solution), false) => Err(format!("there is no solution, and {solution:?} was found")),
        (Err(told), true) => Err(format!("there is a solution, and none was found: {told:?}")),
    }
}

fn universe(value: &Value) -> Catalog {
    let mut universe = Catalog::default();
    for (name, versions) in value.as_object().unwrap() {
        let releases =
            versions.as_object().unwrap().iter().map(|(version, dependencies)| Release {
                version: version.parse().unwrap(),
                dependencies: dependencies
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, text)| (name.clone(), constraint(text)))
                    .collect(),
                ..Release::default()
            });
        universe.offer(name, "the universe", releases.collect());
    }
    universe
}

fn constraint(text: &Value) -> Constraint {
    text.as_str().unwrap().parse().unwrap()
}

fn requirement(value: &Value) -> Requirement {
    let cookbook = value["name"].as_str().unwrap().to_owned();
    Requirement {
        cookbook,
        constraint: constraint(&value["constraint"]),
        asker: "Cookfile.toml".to_owned(),
        at: None,
    }
}

/// Exactly the cookbooks that are needed, each in a version that everybody accepts.
fn valid(
    universe: &Catalog,
    requirements: &[Requirement],
    solution: &Solution,
) -> Result<(), String> {
    let mut asked: Vec<(&str, &Constraint)> = requirements
        .iter()
        .map(|requirement| (requirement.cookbook.as_str(), &requirement.constraint))
        .collect();
    let mut needed: BTreeMap<&str, &Version> = BTreeMap::new();
    while let Some((name, constraint)) = asked.pop() {
        let version =
            solution.get(name).ok_or_else(|| format!("`{name}` is missing in {solution:?}"))?;
        if !constraint.accepts(version) {
            return Err(format!("`{name}` {version} is not {constraint} in {solution:?}"));
        }
        if needed.insert(name, version).is_none() {
            let release =
                universe.releases(name).iter().find(|release| release.version == *version);
            let release = release.ok_or_else(|| format!("there is no `{name}` {version}"))?;
            asked.extend(
                release.dependencies.iter().map(|(name, constraint)| (name.as_str(), constraint)),
            );
        }
    }
    if needed.len() < solution.len() {
        Err(format!("nobody needs all of {solution:?}"))
    } else {
        Ok(())
    }
}

/// What is demanded has its highest possible version: all of it where Berkshelf's solver did that,
/// or where there is only one solution, and in any case the first.
fn highest(
    requirements: &[Requirement],
    solution: &Solution,
    expected: &Value,
) -> Result<(), String> {
    let all = expected["demanded_are_highest"] == true || expected["solutions"] == 1;
    for requirement in requirements.iter().take(if all { requirements.len() } else { 1 }) {
        let highest: Version =
            expected["highest_possible"][&requirement.cookbook].as_str().unwrap().parse().unwrap();
        if solution[&requirement.cookbook] != highest {
            return Err(format!("`{}` could be {highest} in {solution:?}", requirement.cookbook));
        }
    }
    Ok(())
}
