//! What would help. What is proposed was tried out: with it there is a solution.

use pubgrub::VersionSet as _;
use toque_core::diagnostic::did_you_mean;
use toque_core::platform::Platform;

use crate::resolve::catalog::{Refusal, Release};
use crate::resolve::conflict::Need;
use crate::resolve::sentences;
use crate::resolve::solver::{Problem, ROOT, Relaxed, Requirement, Solution};
use crate::resolve::target_platforms::TargetPlatforms;

/// `smallest` is the part of the problem that `needs` are about; `contested` is what all of them
/// quarrel about.
pub(super) fn hints<'a>(
    problem: &Problem<'a>,
    smallest: &Problem<'a>,
    needs: &[Need<'a>],
    contested: Option<&'a str>,
) -> Vec<String> {
    let unknown = unknown(problem, needs, contested);
    if !unknown.is_empty() {
        return unknown;
    }
    let mut hints: Vec<String> = smallest
        .requirements
        .iter()
        .filter_map(|requirement| of_requirement(problem, requirement, contested))
        .collect();
    hints.extend(needs.iter().filter_map(|need| of_file(problem, need)));
    hints.extend(of_targets(problem, needs));
    hints.extend(contested.and_then(|name| only_pre_releases(problem, name)));
    hints.extend(needs.iter().filter_map(|need| of_refused(problem, need)));
    hints.extend(contested.and_then(|name| held_back(problem, needs, name)));
    if hints.is_empty() {
        hints.extend(contested.and_then(|name| of_authors(problem, needs, name)));
    }
    if hints.is_empty() {
        hints.push(
            "leave one of them out, or ask their authors for versions that go together".to_owned(),
        );
    }
    hints.dedup();
    hints
}

/// The names that nobody has: that of what is contested, or all where several versions of something
/// each need another.
fn unknown<'a>(problem: &Problem<'a>, needs: &[Need<'a>], contested: Option<&str>) -> Vec<String> {
    let catalog = problem.catalog;
    let mut names: Vec<&str> =
        needs.iter().map(|need| need.cookbook).filter(|name| catalog.get(name).is_none()).collect();
    names.retain(|name| contested.is_none_or(|contested| contested == *name));
    names.sort_unstable();
    names.dedup();
    let add = "add the source that has it to Cookfile.toml, or correct the name";
    // Whoever asks means no cookbook that it is itself.
    let near = |name: &str| {
        let asks =
            |other: &str| needs.iter().any(|need| need.cookbook == name && need.asker == other);
        did_you_mean(name, catalog.names().filter(|other| !asks(other)))
    };
    let hint = |name: &&str| match near(name) {
        Some(near) if names.len() == 1 => near,
        Some(near) => format!("there is no cookbook `{name}`: {near}"),
        None if names.len() == 1 => add.to_owned(),
        None => format!("there is no cookbook `{name}`: {add}"),
    };
    names.iter().map(hint).collect()
}

/// What a requirement could ask for instead, when everything else stays as it is.
fn of_requirement<'a>(
    problem: &Problem<'a>,
    requirement: &'a Requirement,
    contested: Option<&str>,
) -> Option<String> {
    let solution = Problem { relaxed: Some(Relaxed::Requirement(requirement)), ..problem.clone() }
        .solve()
        .ok()?;
    let Requirement { cookbook, constraint, .. } = requirement;
    let version = solution.get(cookbook)?;
    let asker = sentences::asker(requirement);
    (!constraint.accepts(version)).then(|| {
        match accepted_by(problem, &solution, cookbook, contested) {
            Some(other) => format!(
                "`{cookbook}` {version} accepts {other}: let {asker} accept `{cookbook}` {version}"
            ),
            None => format!("`{cookbook}` {version} would do: let {asker} accept it"),
        }
    })
}

/// What a solution has of the contested cookbook, if another one in it needs that.
fn accepted_by(
    problem: &Problem<'_>,
    solution: &Solution,
    cookbook: &str,
    contested: Option<&str>,
) -> Option<String> {
    let (contested, version) = (contested?, solution.get(cookbook)?);
    let release =
        problem.catalog.releases(cookbook).iter().find(|release| release.version == *version)?;
    let needs = cookbook != contested && release.dependencies.contains_key(contested);
    needs.then(|| Some(format!("`{contested}` {}", solution.get(contested)?))).flatten()
}

/// What a file of the repository could ask for instead.
fn of_file<'a>(problem: &Problem<'a>, need: &Need<'a>) -> Option<String> {
    let at = sentences::place(problem, need).filter(|_| need.refused.is_none())?;
    let relaxed = Some(Relaxed::Cookbook(need.asker, need.cookbook));
    let solution = Problem { relaxed, ..problem.clone() }.solve().ok()?;
    let version = solution.get(need.cookbook)?;
    let number = problem
        .catalog
        .releases(need.cookbook)
        .iter()
        .position(|release| release.version == *version)?;
    (!need.accepted.contains(&number)).then(|| {
        format!("`{}` {version} would do: let {} accept it", need.cookbook, sentences::line(&at))
    })
}

/// Which machines could do.
fn of_targets<'a>(problem: &Problem<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let targets = &problem.targets;
    if !needs.iter().any(|need| need.refused.is_some()) {
        return Vec::new();
    }
    let helps = |targets: TargetPlatforms| Problem { targets, ..problem.clone() }.solve().is_ok();
    let mut hints = Vec::new();
    if targets.toque.is_some() && helps(TargetPlatforms { toque: None, ..targets.clone() }) {
        hints.push("a newer version of toque would help".to_owned());
    }
    if !targets.platforms.is_empty()
        && helps(TargetPlatforms { platforms: Vec::new(), ..targets.clone() })
    {
        let without = |left_out: &Platform| {
            targets.platforms.iter().filter(|platform| *platform != left_out).cloned().collect()
        };
        let one = targets.platforms.iter().filter(|platform| {
            helps(TargetPlatforms { platforms: without(platform), ..targets.clone() })
        });
        let which: Vec<String> = one.map(Platform::to_string).collect();
        let which =
            if which.is_empty() { "what has no machine".to_owned() } else { which.join(" or ") };
        hints.push(format!(
            "leave {which} out of `[platforms]` of Cookfile.toml, if no machine of yours runs it"
        ));
    }
    hints
}

fn only_pre_releases(problem: &Problem<'_>, name: &str) -> Option<String> {
    let releases = problem.catalog.releases(name);
    let newest = &releases.last()?.version;
    let only = releases.iter().all(|release| release.version.pre_release.is_some());
    only.then(|| format!("`{name}` has only pre-releases: ask for one, as in `>= {newest}`"))
}

/// What the repository or an author could correct of what nobody can use.
fn of_refused<'a>(problem: &Problem<'a>, need: &Need<'a>) -> Option<String> {
    let at = sentences::place(problem, need).map(|at| sentences::line(&at));
    Some(match (need.refused.as_ref()?, at) {
        (Refusal::NeedsOtherSelf(_), Some(at)) => {
            format!("correct {at}: a cookbook does not need to need itself")
        }
        (Refusal::NeedsOtherSelf(_), None) => {
            format!("tell whoever keeps `{}`: that is a mistake of theirs", need.asker)
        }
        (Refusal::UnsupportedPlatforms(_), Some(at)) => {
            format!("if it does work there, say so in {at}")
        }
        _ => return None,
    })
}

/// The newest version of the contested cookbook that these machines can use.
fn newest(problem: &Problem<'_>, contested: &str) -> Option<usize> {
    let usable = |release: &Release| {
        release.refused_by(&problem.targets).is_none() && release.version.pre_release.is_none()
    };
    problem.catalog.releases(contested).iter().rposition(usable)
}

/// Those that do not accept a version of the contested cookbook, other than requirements.
fn unwilling<'n, 'a>(
    needs: &'n [Need<'a>],
    contested: &'n str,
    number: usize,
) -> impl Iterator<Item = &'n Need<'a>> {
    let asks = move |need: &&Need<'a>| {
        need.cookbook == contested && need.asker != ROOT && need.refused.is_none()
    };
    needs.iter().filter(asks).filter(move |need| !need.accepted.contains(&number))
}

/// A version that would do, of somebody who is held to another.
fn held_back<'a>(problem: &Problem<'a>, needs: &[Need<'a>], contested: &str) -> Option<String> {
    let number = newest(problem, contested)?;
    let version = &problem.catalog.releases(contested)[number].version;
    let accepts = |release: &Release| {
        release.version.pre_release.is_none()
            && release.dependencies.get(contested).is_none_or(|needs| needs.accepts(version))
    };
    unwilling(needs, contested, number).find_map(|need| {
        let asker = need.asker;
        let releases = problem.catalog.releases(asker);
        let other = releases.iter().rposition(accepts)?;
        let has = &releases[other].version;
        let holder = needs.iter().find(|holder| holder.cookbook == asker && !holder.accepted.contains(&other))?;
        match &holder.refused {
            _ if holder.asker == ROOT => None,
            Some(reason) => Some(format!("`{asker}` {has} accepts `{contested}` {version}, but {reason}")),
            None => Some(format!(
                "`{asker}` {has} accepts `{contested}` {version}: a version of `{}` that accepts `{asker}` {has} would help",
                holder.asker
            )),
        }
    })
}

/// What the authors of others would have to do.
fn of_authors<'a>(problem: &Problem<'a>, needs: &[Need<'a>], contested: &str) -> Option<String> {
    let number = newest(problem, contested)?;
    let version = &problem.catalog.releases(contested)[number].version;
    let mut names: Vec<String> =
        unwilling(needs, contested, number).map(|need| format!("`{}`", need.asker)).collect();
    names.dedup();
    (!names.is_empty()).then(|| {
        format!(
            "a version of {} that accepts `{contested}` {version} would help",
            names.join(" and of ")
        )
    })
}
