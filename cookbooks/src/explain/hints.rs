//! What would help. What is proposed was tried out: with it there is a solution.

use pubgrub::VersionSet as _;
use toque_engine::diagnostic::did_you_mean;
use toque_engine::platform::Platform;

use super::{Need, words};
use crate::fleet::Fleet;
use crate::solve::{DEMANDS, Demand, Question, Relaxed, Solution};
use crate::universe::Release;

/// `smallest` is the part of the question that `needs` are about; `contested` is what all of them
/// quarrel about.
pub(super) fn hints<'a>(
    question: &Question<'a>,
    smallest: &Question<'a>,
    needs: &[Need<'a>],
    contested: Option<&'a str>,
) -> Vec<String> {
    let unknown = unknown(question, needs, contested);
    if !unknown.is_empty() {
        return unknown;
    }
    let mut hints: Vec<String> = smallest
        .demands
        .iter()
        .filter_map(|demand| of_demand(question, demand, contested))
        .collect();
    hints.extend(needs.iter().filter_map(|need| of_file(question, need)));
    hints.extend(of_fleet(question, needs));
    hints.extend(contested.and_then(|name| only_pre_releases(question, name)));
    hints.extend(needs.iter().filter_map(|need| of_refused(question, need)));
    hints.extend(contested.and_then(|name| held_back(question, needs, name)));
    if hints.is_empty() {
        hints.extend(contested.and_then(|name| of_authors(question, needs, name)));
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
fn unknown<'a>(
    question: &Question<'a>,
    needs: &[Need<'a>],
    contested: Option<&str>,
) -> Vec<String> {
    let universe = question.universe;
    let mut names: Vec<&str> = needs
        .iter()
        .map(|need| need.cookbook)
        .filter(|name| universe.get(name).is_none())
        .collect();
    names.retain(|name| contested.is_none_or(|contested| contested == *name));
    names.sort_unstable();
    names.dedup();
    let add = "add the source that has it to Cookfile.toml, or correct the name";
    // Whoever asks means no cookbook that it is itself.
    let near = |name: &str| {
        let asks =
            |other: &str| needs.iter().any(|need| need.cookbook == name && need.asker == other);
        did_you_mean(name, universe.names().filter(|other| !asks(other)))
    };
    let hint = |name: &&str| match near(name) {
        Some(near) if names.len() == 1 => near,
        Some(near) => format!("there is no cookbook `{name}`: {near}"),
        None if names.len() == 1 => add.to_owned(),
        None => format!("there is no cookbook `{name}`: {add}"),
    };
    names.iter().map(hint).collect()
}

/// What a demand could ask for instead, when everything else stays as it is.
fn of_demand<'a>(
    question: &Question<'a>,
    demand: &'a Demand,
    contested: Option<&str>,
) -> Option<String> {
    let solution =
        Question { relaxed: Some(Relaxed::Demand(demand)), ..question.clone() }.answer().ok()?;
    let Demand { cookbook, constraint, .. } = demand;
    let version = solution.get(cookbook)?;
    let asker = words::asker(demand);
    (!constraint.accepts(version)).then(|| {
        match accepted_by(question, &solution, cookbook, contested) {
            Some(other) => format!(
                "`{cookbook}` {version} accepts {other}: let {asker} accept `{cookbook}` {version}"
            ),
            None => format!("`{cookbook}` {version} would do: let {asker} accept it"),
        }
    })
}

/// What a solution has of the contested cookbook, if another one in it needs that.
fn accepted_by(
    question: &Question<'_>,
    solution: &Solution,
    cookbook: &str,
    contested: Option<&str>,
) -> Option<String> {
    let (contested, version) = (contested?, solution.get(cookbook)?);
    let release =
        question.universe.releases(cookbook).iter().find(|release| release.version == *version)?;
    let needs =
        cookbook != contested && release.dependencies.iter().any(|(name, _)| name == contested);
    needs.then(|| Some(format!("`{contested}` {}", solution.get(contested)?))).flatten()
}

/// What a file of the repository could ask for instead.
fn of_file<'a>(question: &Question<'a>, need: &Need<'a>) -> Option<String> {
    let at = words::place(question, need).filter(|_| need.refused.is_none())?;
    let relaxed = Some(Relaxed::Cookbook(need.asker, need.cookbook));
    let solution = Question { relaxed, ..question.clone() }.answer().ok()?;
    let version = solution.get(need.cookbook)?;
    let number = question
        .universe
        .releases(need.cookbook)
        .iter()
        .position(|release| release.version == *version)?;
    (!need.accepted.contains(&number)).then(|| {
        format!("`{}` {version} would do: let {} accept it", need.cookbook, words::line(&at))
    })
}

/// Which machines could do.
fn of_fleet<'a>(question: &Question<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let fleet = &question.fleet;
    if !needs.iter().any(|need| need.refused.is_some()) {
        return Vec::new();
    }
    let helps = |fleet: Fleet| Question { fleet, ..question.clone() }.answer().is_ok();
    let mut hints = Vec::new();
    if fleet.toque.is_some() && helps(Fleet { toque: None, ..fleet.clone() }) {
        hints.push("a newer version of toque would help".to_owned());
    }
    if !fleet.platforms.is_empty() && helps(Fleet { platforms: Vec::new(), ..fleet.clone() }) {
        let without = |left_out: &Platform| {
            fleet.platforms.iter().filter(|platform| *platform != left_out).cloned().collect()
        };
        let one = fleet
            .platforms
            .iter()
            .filter(|platform| helps(Fleet { platforms: without(platform), ..fleet.clone() }));
        let which: Vec<String> = one.map(Platform::to_string).collect();
        let which =
            if which.is_empty() { "what has no machine".to_owned() } else { which.join(" or ") };
        hints.push(format!(
            "leave {which} out of `[platforms]` of Cookfile.toml, if no machine of yours runs it"
        ));
    }
    hints
}

fn only_pre_releases(question: &Question<'_>, name: &str) -> Option<String> {
    let releases = question.universe.releases(name);
    let newest = &releases.last()?.version;
    let only = releases.iter().all(|release| release.version.pre_release.is_some());
    only.then(|| format!("`{name}` has only pre-releases: ask for one, as in `>= {newest}`"))
}

/// What the repository or an author could correct of what nobody can use.
fn of_refused<'a>(question: &Question<'a>, need: &Need<'a>) -> Option<String> {
    let reason = need.refused.as_ref()?;
    let at = words::place(question, need).map(|at| words::line(&at));
    let itself = reason.starts_with("needs itself");
    Some(match (at, itself) {
        (Some(at), true) => format!("correct {at}: a cookbook does not need to need itself"),
        (None, true) => format!("tell whoever keeps `{}`: that is a mistake of theirs", need.asker),
        (Some(at), false) if reason.starts_with("does not support") => {
            format!("if it does work there, say so in {at}")
        }
        _ => return None,
    })
}

/// The newest version of the contested cookbook that these machines can use.
fn newest(question: &Question<'_>, contested: &str) -> Option<usize> {
    let usable = |release: &Release| {
        question.fleet.refuses(release).is_none() && release.version.pre_release.is_none()
    };
    question.universe.releases(contested).iter().rposition(usable)
}

/// Those that do not accept a version of the contested cookbook, other than demands.
fn unwilling<'n, 'a>(
    needs: &'n [Need<'a>],
    contested: &'n str,
    number: usize,
) -> impl Iterator<Item = &'n Need<'a>> {
    let asks = move |need: &&Need<'a>| {
        need.cookbook == contested && need.asker != DEMANDS && need.refused.is_none()
    };
    needs.iter().filter(asks).filter(move |need| !need.accepted.contains(&number))
}

/// A version that would do, of somebody who is held to another.
fn held_back<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: &str) -> Option<String> {
    let number = newest(question, contested)?;
    let version = &question.universe.releases(contested)[number].version;
    let accepts = |release: &Release| {
        let mut of = release.dependencies.iter().filter(|(name, _)| name == contested);
        release.version.pre_release.is_none()
            && of.all(|(_, constraint)| constraint.accepts(version))
    };
    unwilling(needs, contested, number).find_map(|need| {
        let asker = need.asker;
        let releases = question.universe.releases(asker);
        let other = releases.iter().rposition(accepts)?;
        let has = &releases[other].version;
        let holder = needs.iter().find(|holder| holder.cookbook == asker && !holder.accepted.contains(&other))?;
        match &holder.refused {
            _ if holder.asker == DEMANDS => None,
            Some(reason) => Some(format!("`{asker}` {has} accepts `{contested}` {version}, but {reason}")),
            None => Some(format!(
                "`{asker}` {has} accepts `{contested}` {version}: a version of `{}` that accepts `{asker}` {has} would help",
                holder.asker
            )),
        }
    })
}

/// What the authors of others would have to do.
fn of_authors<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: &str) -> Option<String> {
    let number = newest(question, contested)?;
    let version = &question.universe.releases(contested)[number].version;
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
