//! Why no versions go together, in sentences, and what would help.

use std::collections::HashSet;
use std::sync::Arc;

use pubgrub::{DerivationTree, External, VersionSet as _};
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::version::{Constraint, Version};

use crate::solve::{DEMANDS, Demand, Question, Reason, Unanswered};
use crate::universe::Release;
use crate::version_set::VersionSet;

/// How many sentences are shown at the beginning and at the end of many.
const SHOWN: usize = 8;

/// Some versions of a cookbook that need another, or the demands.
struct Need<'a> {
    asker: &'a str,
    /// Which of its releases.
    numbers: Vec<usize>,
    cookbook: &'a str,
    accepted: VersionSet,
}

/// Explains for this reason why a question has no answer.
pub(crate) fn no_solution<'a>(question: &Question<'a>, reason: &Reason<'a>) -> Diagnostic {
    let all = needs(question, reason);
    let demands = conflicting(question, &all);
    let smallest = Question { demands: &demands, ..*question };
    let needs = if demands.len() == question.demands.len() { all } else { without_end(&smallest) };
    let contested = contested(&needs);
    let needs = in_order(needs, contested);
    let told = Diagnostic::error(message(&smallest, &needs, contested)).at(demands.iter().find_map(|demand| demand.at.clone()));
    let told = told.note(shortened(needs.iter().flat_map(|need| sentences(&smallest, need)).collect()).join("\n"));
    let there = contested.and_then(|name| Some((name, question.universe.get(name)?)));
    let told = there.into_iter().fold(told, |told, (name, offer)| {
        told.note(format!("`{name}` is there in {}, from {}", in_words(&offer.releases), offer.source))
    });
    let told = shadowed(question, &needs).into_iter().fold(told, Diagnostic::note);
    hints(question, &smallest, &needs, contested).into_iter().fold(told, Diagnostic::hint)
}

/// What it rests on that a question has no answer, which is known: it takes what steps it takes.
fn without_end<'a>(question: &Question<'a>) -> Vec<Need<'a>> {
    let left = question.steps.replace(u64::MAX);
    let answer = question.answer();
    question.steps.set(left);
    match answer {
        Err(Unanswered::Impossible(reason)) => needs(question, &reason),
        _ => Vec::new(),
    }
}

/// The demands that cannot all be met: without any one of them there is a solution, as far as that could be found out.
fn conflicting(question: &Question<'_>, needs: &[Need<'_>]) -> Vec<Demand> {
    let mut left = question.demands.to_vec();
    let named: HashSet<&str> = needs.iter().filter(|need| need.asker == DEMANDS).map(|need| need.cookbook).collect();
    left.retain(|demand| named.contains(demand.cookbook.as_str()));
    let mut index = 0;
    while index < left.len() {
        let one = left.remove(index);
        if !matches!(Question { demands: &left, ..*question }.answer(), Err(Unanswered::Impossible(_))) {
            left.insert(index, one);
            index += 1;
        }
    }
    left
}

/// What the reason rests on, each once.
fn needs<'a>(question: &Question<'a>, reason: &Reason<'a>) -> Vec<Need<'a>> {
    let mut found: Vec<Need<'a>> = Vec::new();
    let mut seen = HashSet::new();
    let mut left = vec![reason];
    while let Some(reason) = left.pop() {
        match reason {
            DerivationTree::Derived(derived) => {
                let causes = [&derived.cause2, &derived.cause1];
                left.extend(causes.into_iter().filter(|cause| seen.insert(Arc::as_ptr(cause))).map(|cause| &**cause));
            }
            DerivationTree::External(External::FromDependencyOf(asker, versions, cookbook, accepted)) => {
                let numbers: Vec<usize> = match *asker {
                    DEMANDS => vec![0],
                    asker => versions.below(question.universe.releases(asker).len()).collect(),
                };
                match found.iter_mut().find(|need| (need.asker, need.cookbook, &need.accepted) == (asker, cookbook, accepted)) {
                    Some(need) => {
                        need.numbers.extend(numbers);
                        need.numbers.sort_unstable();
                        need.numbers.dedup();
                    }
                    None => found.push(Need { asker, numbers, cookbook, accepted: accepted.clone() }),
                }
            }
            DerivationTree::External(External::Custom(asker, versions, _)) => {
                let numbers = versions.below(question.universe.releases(asker).len()).collect();
                found.push(Need { asker, numbers, cookbook: asker, accepted: VersionSet::empty() });
            }
            DerivationTree::External(_) => {}
        }
    }
    found
}

/// The demands first, and nobody before somebody asked for it; what all quarrel about comes last.
fn in_order<'a>(mut left: Vec<Need<'a>>, contested: Option<&str>) -> Vec<Need<'a>> {
    let mut done: Vec<Need<'_>> = Vec::new();
    while !left.is_empty() {
        let known = |name: &str| name == DEMANDS || done.iter().any(|need| need.cookbook == name);
        let next = left.iter().position(|need| known(need.asker)).unwrap_or(0);
        done.push(left.remove(next));
    }
    done.sort_by_key(|need| need.asker != DEMANDS && Some(need.cookbook) == contested);
    done
}

/// The beginning and the end of what nobody would read whole.
fn shortened(mut sentences: Vec<String>) -> Vec<String> {
    if let Some(more @ 2..) = sentences.len().checked_sub(2 * SHOWN) {
        sentences.splice(SHOWN..SHOWN + more, [format!("and {more} more, that lead from these to those:")]);
    }
    sentences
}

/// The one cookbook of which no version pleases all that ask for it. Several may be short of one, each for some versions of others.
fn contested<'a>(needs: &[Need<'a>]) -> Option<&'a str> {
    let nothing_left = |name: &str| {
        let accepted = needs.iter().filter(|need| need.cookbook == name).map(|need| &need.accepted);
        accepted.fold(VersionSet::full(), |left, accepted| left.intersection(accepted)) == VersionSet::empty()
    };
    let mut names: Vec<&str> = Vec::new();
    for need in needs.iter().filter(|need| nothing_left(need.cookbook)) {
        if !names.contains(&need.cookbook) {
            names.push(need.cookbook);
        }
    }
    if let [name] = names[..] { Some(name) } else { None }
}

fn message(question: &Question<'_>, needs: &[Need<'_>], contested: Option<&str>) -> String {
    let asking = |name: &str| needs.iter().filter(|need| need.cookbook == name).count();
    match contested {
        Some(name) if question.universe.get(name).is_none() => format!("there is no cookbook `{name}`"),
        Some(name) if asking(name) == 1 => format!("there is no version of cookbook `{name}` that fits"),
        Some(name) => format!("no version of cookbook `{name}` satisfies all that need it"),
        None => match question.demands {
            [demand] => format!("no version of cookbook `{}` can be used", demand.cookbook),
            demands => {
                let names: Vec<_> = demands.iter().map(|demand| format!("`{}`", demand.cookbook)).collect();
                format!("no versions of the cookbooks {} go together", names.join(", "))
            }
        },
    }
}

/// Who needs what. Several demands may accept the same versions.
fn sentences(question: &Question<'_>, need: &Need<'_>) -> Vec<String> {
    let cookbook = need.cookbook;
    if need.asker == DEMANDS {
        let same =
            |demand: &&Demand| demand.cookbook == cookbook && question.accepted(cookbook, &demand.constraint) == need.accepted;
        let demands = question.demands.iter().filter(same);
        return demands.map(|demand| format!("{} asks for `{cookbook}` {}", demand.asker, demand.constraint)).collect();
    }
    let releases = question.universe.releases(need.asker);
    let those: Vec<&Release> = need.numbers.iter().filter_map(|number| releases.get(*number)).collect();
    let mut dependencies = those.iter().rev().flat_map(|release| &release.dependencies);
    let constraint = dependencies
        .find(|(name, constraint)| name == cookbook && question.accepted(cookbook, constraint) == need.accepted)
        .or_else(|| those.iter().rev().flat_map(|release| &release.dependencies).find(|(name, _)| name == cookbook));
    let constraint = constraint.map(|(_, constraint)| constraint.to_string()).unwrap_or_default();
    let which = match those[..] {
        [one] => format!("`{}` {}", need.asker, one.version),
        _ if those.len() == releases.len() => format!("every version of `{}`", need.asker),
        _ => format!("`{}` in {}", need.asker, in_words(those)),
    };
    vec![format!("{which} needs `{cookbook}` {constraint}")]
}

fn in_words<'r>(releases: impl IntoIterator<Item = &'r Release>) -> String {
    let versions: Vec<&Version> = releases.into_iter().map(|release| &release.version).collect();
    match versions[..] {
        [] => "no version".to_owned(),
        [one] => format!("version {one}"),
        [one, other] => format!("the versions {one} and {other}"),
        [first, .., last] => format!("{} versions from {first} to {last}", versions.len()),
    }
}

fn shadowed(question: &Question<'_>, needs: &[Need<'_>]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for need in needs {
        if !names.contains(&need.cookbook) {
            names.push(need.cookbook);
        }
    }
    let offers = names.into_iter().filter_map(|name| Some((name, question.universe.get(name)?)));
    offers
        .filter(|(_, offer)| !offer.shadowed.is_empty())
        .map(|(name, offer)| {
            let others = offer.shadowed.join(", ");
            format!("{others} has a cookbook `{name}` too, and is not asked for it: {} comes first", offer.source)
        })
        .collect()
}

fn hints(question: &Question<'_>, smallest: &Question<'_>, needs: &[Need<'_>], contested: Option<&str>) -> Vec<String> {
    let universe = question.universe;
    if let Some(name) = contested.filter(|name| universe.get(name).is_none()) {
        let near = did_you_mean(name, universe.names());
        return vec![near.unwrap_or_else(|| "add the source that has it to Cookfile.toml, or correct the name".to_owned())];
    }
    let mut hints: Vec<String> = smallest.demands.iter().filter_map(|demand| relaxed(question, demand)).collect();
    let releases = contested.map(|name| universe.releases(name)).unwrap_or_default();
    if let (Some(name), Some(newest)) = (contested, releases.last())
        && releases.iter().all(|release| release.version.pre_release.is_some())
    {
        hints.push(format!("`{name}` has only pre-releases: ask for one, as in `>= {}`", newest.version));
    }
    if let (Some(name), Some(newest), true) = (contested, releases.last(), hints.is_empty()) {
        let askers = needs.iter().filter(|need| need.cookbook == name && !need.accepted.contains(&(releases.len() - 1)));
        let askers: Vec<_> = askers.filter(|need| need.asker != DEMANDS).map(|need| format!("`{}`", need.asker)).collect();
        if !askers.is_empty() {
            hints.push(format!("a version of {} that accepts `{name}` {} would help", askers.join(" and of "), newest.version));
        }
    }
    if hints.is_empty() {
        hints.push("leave one of them out, or ask their authors for versions that go together".to_owned());
    }
    hints
}

/// What a demand could ask for instead, when everything else stays as it is.
fn relaxed(question: &Question<'_>, demand: &Demand) -> Option<String> {
    // Pre-releases are not proposed.
    let any: Constraint = ">= 0.0.1".parse().ok()?;
    let mut demands = question.demands.to_vec();
    for other in demands.iter_mut().filter(|other| other.cookbook == demand.cookbook && other.at == demand.at) {
        other.constraint = any.clone();
    }
    let solution = Question { demands: &demands, ..*question }.answer().ok()?;
    let version = solution.get(&demand.cookbook)?;
    let Demand { cookbook, asker, constraint, .. } = demand;
    (!constraint.accepts(version)).then(|| format!("`{cookbook}` {version} would do: let {asker} accept it"))
}
