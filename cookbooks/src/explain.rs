//! Why no versions go together, in sentences, and what would help.

mod hints;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use pubgrub::{DerivationTree, External, VersionSet as _};
use toque_engine::diagnostic::{Diagnostic, Span};

use self::words::{in_words, sentences, shortened};
use crate::solve::{DEMANDS, Demand, Question, Reason, Unanswered};
use crate::version_set::VersionSet;

/// Some versions of a cookbook that need another, or the demands.
#[derive(Debug)]
struct Need<'a> {
    asker: &'a str,
    /// Which of its releases.
    numbers: Vec<usize>,
    cookbook: &'a str,
    accepted: VersionSet,
    /// Why nobody can use these releases of the asker itself, which then is `cookbook` too.
    refused: Option<String>,
}

/// Explains for this reason why a question has no answer.
pub(crate) fn no_solution<'a>(question: &Question<'a>, reason: &Reason<'a>) -> Diagnostic {
    let (mut demands, needs) = conflicting(question, needs(question, reason));
    // As somebody reads the file.
    demands.sort_by_key(|demand| demand.at.as_ref().map(|at| (at.line, at.column)));
    let smallest = Question { demands, ..question.clone() };
    let contested = contested(&needs);
    let needs = in_order(&smallest, needs, contested);
    let told = Diagnostic::error(message(&smallest, &needs, contested)).at(place(&smallest, &needs, contested));
    let told = told.note(shortened(sentences(&smallest, &needs)).join("\n"));
    let there = contested.and_then(|name| Some((name, question.universe.get(name)?)));
    let told = there.into_iter().fold(told, |told, (name, offer)| {
        told.note(format!("`{name}` is there in {}, from {}", in_words(&offer.releases), offer.source))
    });
    let told = shadowed(question, &needs).into_iter().fold(told, Diagnostic::note);
    hints::hints(question, &smallest, &needs, contested).into_iter().fold(told, Diagnostic::hint)
}

/// The demands that cannot all be met, and what that rests on. Without any one of them there is a solution, as far as that could be
/// found out.
fn conflicting<'a>(question: &Question<'a>, mut needs: Vec<Need<'a>>) -> (Vec<&'a Demand>, Vec<Need<'a>>) {
    let mut left = named(&question.demands, &needs);
    let mut index = 0;
    while index < left.len() {
        let one = left.remove(index);
        match (Question { demands: left.clone(), ..question.clone() }).answer() {
            Err(Unanswered::Impossible(reason)) => {
                needs = self::needs(question, &reason);
                // What was needed so far is needed still: it comes first.
                left = named(&left, &needs);
            }
            _ => {
                left.insert(index, one);
                index += 1;
            }
        }
    }
    (left, needs)
}

/// The demands that something rests on.
fn named<'a>(demands: &[&'a Demand], needs: &[Need<'a>]) -> Vec<&'a Demand> {
    let named: HashSet<&str> = needs.iter().filter(|need| need.asker == DEMANDS).map(|need| need.cookbook).collect();
    demands.iter().copied().filter(|demand| named.contains(demand.cookbook.as_str())).collect()
}

/// What the reason rests on, each once.
fn needs<'a>(question: &Question<'a>, reason: &Reason<'a>) -> Vec<Need<'a>> {
    let mut found: Vec<Need<'a>> = Vec::new();
    let mut seen = HashSet::new();
    let mut left = vec![reason];
    while let Some(reason) = left.pop() {
        let (asker, versions, cookbook, accepted, refused) = match reason {
            DerivationTree::Derived(derived) => {
                let causes = [&derived.cause2, &derived.cause1];
                left.extend(causes.into_iter().filter(|cause| seen.insert(Arc::as_ptr(cause))).map(|cause| &**cause));
                continue;
            }
            DerivationTree::External(External::FromDependencyOf(asker, versions, cookbook, accepted)) => {
                (*asker, versions, *cookbook, accepted.clone(), None)
            }
            DerivationTree::External(External::Custom(asker, versions, why)) => {
                (*asker, versions, *asker, versions.complement(), Some(why.clone()))
            }
            DerivationTree::External(_) => continue,
        };
        let numbers: Vec<usize> = match asker {
            DEMANDS => vec![0],
            asker => versions.below(question.universe.releases(asker).len()).collect(),
        };
        let same = |need: &&mut Need<'_>| {
            let same = (need.asker, need.cookbook, &need.refused) == (asker, cookbook, &refused);
            same && (refused.is_some() || need.accepted == accepted)
        };
        match found.iter_mut().find(same) {
            Some(need) => {
                need.numbers.extend(numbers);
                need.numbers.sort_unstable();
                need.numbers.dedup();
                if need.refused.is_some() {
                    need.accepted = need.accepted.intersection(&accepted);
                }
            }
            None => found.push(Need { asker, numbers, cookbook, accepted, refused }),
        }
    }
    found
}

/// Each demand with what follows from it, in the order of the demands; what all quarrel about comes last, and after all why it cannot
/// be used.
fn in_order<'a>(question: &Question<'a>, mut left: Vec<Need<'a>>, contested: Option<&str>) -> Vec<Need<'a>> {
    let place = |need: &Need<'_>| question.demands.iter().position(|demand| demand.cookbook == need.cookbook);
    left.sort_by_key(|need| (need.asker == DEMANDS).then(|| place(need)));
    let mut done: Vec<Need<'_>> = Vec::new();
    while !left.is_empty() {
        let known = |name: &str| done.iter().any(|need| need.cookbook == name && need.refused.is_none());
        let next = left.iter().position(|need| known(need.asker));
        let next = next.or_else(|| left.iter().position(|need| need.asker == DEMANDS)).unwrap_or(0);
        done.push(left.remove(next));
    }
    done.sort_by_key(|need| {
        let about = need.asker != DEMANDS && Some(need.cookbook) == contested;
        (about, about && need.refused.is_some())
    });
    done
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

fn message<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: Option<&str>) -> String {
    let asking = |name: &str| needs.iter().filter(|need| need.cookbook == name && need.refused.is_none()).count();
    match contested {
        Some(name) if question.universe.get(name).is_none() => format!("there is no cookbook `{name}`"),
        Some(name) if asking(name) == 1 => format!("there is no version of cookbook `{name}` that fits"),
        Some(name) => format!("no version of cookbook `{name}` satisfies all that need it"),
        None => match &question.demands[..] {
            [demand] => format!("no version of cookbook `{}` can be used", demand.cookbook),
            demands => {
                let names: Vec<_> = demands.iter().map(|demand| format!("`{}`", demand.cookbook)).collect();
                format!("no versions of the cookbooks {} go together", names.join(", "))
            }
        },
    }
}

/// Where somebody would look first: who asks for what is not there, when that can be changed, else the first demand that has a place.
fn place<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: Option<&str>) -> Option<Span> {
    let places = |need: &Need<'a>| words::place(question, need);
    let of_contested = needs.iter().filter(|need| Some(need.cookbook) == contested && need.asker != DEMANDS).find_map(places);
    let of_demands = || question.demands.iter().find_map(|demand| demand.at.clone());
    let unknown = contested.is_some_and(|name| question.universe.get(name).is_none());
    let of_contested = of_contested.filter(|_| unknown || question.demands.iter().all(|demand| demand.at.is_none()));
    of_contested.or_else(of_demands).or_else(|| needs.iter().find_map(places))
}

fn shadowed<'a>(question: &Question<'a>, needs: &[Need<'a>]) -> Vec<String> {
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
