//! Why no versions go together, in sentences, and what would help.

mod hints;
mod words;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
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
    let told = Diagnostic::error(message(&smallest, &needs, contested))
        .at(place(&smallest, &needs, contested));
    let told = told.note(shortened(sentences(&smallest, &needs)).join("\n"));
    let there = contested.and_then(|name| Some((name, question.universe.get(name)?)));
    let told = there.into_iter().fold(told, |told, (name, offer)| {
        told.note(format!(
            "`{name}` is there in {}, from {}",
            in_words(&offer.releases),
            offer.source
        ))
    });
    let told = shadowed(question, &needs).into_iter().fold(told, Diagnostic::note);
    hints::hints(question, &smallest, &needs, contested).into_iter().fold(told, Diagnostic::hint)
}

/// The demands that cannot all be met, and what that rests on. Without any one of them there is a
/// solution, as far as that could be found out.
fn conflicting<'a>(
    question: &Question<'a>,
    mut needs: Vec<Need<'a>>,
) -> (Vec<&'a Demand>, Vec<Need<'a>>) {
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
    let named: HashSet<&str> =
        needs.iter().filter(|need| need.asker == DEMANDS).map(|need| need.cookbook).collect();
    demands.iter().copied().filter(|demand| named.contains(demand.cookbook.as_str())).collect()
}

/// What the reason rests on, each once.
fn needs<'a>(question: &Question<'a>, reason: &Reason<'a>) -> Vec<Need<'a>> {
    let mut found: Vec<Need<'a>> = Vec::new();
    let mut of: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    let mut seen = HashSet::new();
    let mut left = vec![reason];
    while let Some(reason) = left.pop() {
        let (asker, versions, cookbook, accepted, refused) = match reason {
            DerivationTree::Derived(derived) => {
                let causes = [&derived.cause2, &derived.cause1];
                left.extend(
                    causes
                        .into_iter()
                        .filter(|cause| seen.insert(Arc::as_ptr(cause)))
                        .map(|cause| &**cause),
                );
                continue;
            }
            DerivationTree::External(External::FromDependencyOf(
                asker,
                versions,
                cookbook,
                accepted,
            )) => (*asker, versions, *cookbook, accepted.clone(), None),
            DerivationTree::External(External::Custom(asker, versions, why)) => {
                (*asker, versions, *asker, versions.complement(), Some(why.clone()))
            }
            DerivationTree::External(_) => continue,
        };
        let numbers: Vec<usize> = match asker {
            DEMANDS => vec![0],
            asker => versions.below(question.universe.releases(asker).len()).collect(),
        };
        let of = of.entry((asker, cookbook)).or_default();
        let same = |index: &&usize| {
            let need = &found[**index];
            need.refused == refused && (refused.is_some() || need.accepted == accepted)
        };
        match of.iter().find(same).map(|index| &mut found[*index]) {
            Some(need) => {
                need.numbers.extend(numbers);
                need.numbers.sort_unstable();
                need.numbers.dedup();
                if need.refused.is_some() {
                    need.accepted = need.accepted.intersection(&accepted);
                }
            }
            None => {
                of.push(found.len());
                found.push(Need { asker, numbers, cookbook, accepted, refused });
            }
        }
    }
    found
}

/// Each demand with what follows from it, in the order of the demands; what all quarrel about comes
/// last, and after all why it cannot be used.
fn in_order<'a>(
    question: &Question<'a>,
    needs: Vec<Need<'a>>,
    contested: Option<&str>,
) -> Vec<Need<'a>> {
    let (mut demands, others): (Vec<_>, Vec<_>) =
        needs.into_iter().partition(|need| need.asker == DEMANDS);
    demands.sort_by_key(|need| {
        question.demands.iter().position(|demand| demand.cookbook == need.cookbook)
    });
    let mut of: IndexMap<&str, Vec<Need<'a>>> = IndexMap::new();
    for need in others {
        of.entry(need.asker).or_default().push(need);
    }
    let mut done = Vec::new();
    for demand in demands {
        let mut known = VecDeque::from([demand.cookbook]);
        done.push(demand);
        while let Some(name) = known.pop_front() {
            for need in of.get_mut(name).map(std::mem::take).unwrap_or_default() {
                known.push_back(need.cookbook);
                done.push(need);
            }
        }
    }
    done.extend(of.into_values().flatten());
    done.sort_by_key(|need| {
        let about = need.asker != DEMANDS && Some(need.cookbook) == contested;
        (about, about && need.refused.is_some())
    });
    done
}

/// The one cookbook of which no version pleases all that ask for it. Several may be short of one,
/// each for some versions of others.
fn contested<'a>(needs: &[Need<'a>]) -> Option<&'a str> {
    let mut left: IndexMap<&str, VersionSet> = IndexMap::new();
    for need in needs {
        let left = left.entry(need.cookbook).or_insert_with(VersionSet::full);
        *left = left.intersection(&need.accepted);
    }
    let mut nothing_left = left.into_iter().filter(|(_, left)| *left == VersionSet::empty());
    nothing_left.next().map(|(name, _)| name).filter(|_| nothing_left.next().is_none())
}

fn message<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: Option<&str>) -> String {
    let asking = |name: &str| {
        needs.iter().filter(|need| need.cookbook == name && need.refused.is_none()).count()
    };
    match contested {
        Some(name) if question.universe.get(name).is_none() => {
            format!("there is no cookbook `{name}`")
        }
        Some(name) if asking(name) == 1 => {
            format!("there is no version of cookbook `{name}` that fits")
        }
        Some(name) => format!("no version of cookbook `{name}` satisfies all that need it"),
        None => match &question.demands[..] {
            [demand] => format!("no version of cookbook `{}` can be used", demand.cookbook),
            demands => {
                let names: Vec<_> =
                    demands.iter().map(|demand| format!("`{}`", demand.cookbook)).collect();
                format!("no versions of the cookbooks {} go together", names.join(", "))
            }
        },
    }
}

/// Where somebody would look first: who asks for what is not there, when that can be changed, else
/// the first demand that has a place.
fn place<'a>(question: &Question<'a>, needs: &[Need<'a>], contested: Option<&str>) -> Option<Span> {
    let places = |need: &Need<'a>| words::place(question, need);
    let of_contested = needs
        .iter()
        .filter(|need| Some(need.cookbook) == contested && need.asker != DEMANDS)
        .find_map(places);
    let of_demands = || question.demands.iter().find_map(|demand| demand.at.clone());
    let unknown = contested.is_some_and(|name| question.universe.get(name).is_none());
    let of_contested = of_contested
        .filter(|_| unknown || question.demands.iter().all(|demand| demand.at.is_none()));
    of_contested.or_else(of_demands).or_else(|| needs.iter().find_map(places))
}

fn shadowed<'a>(question: &Question<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let names: IndexSet<&str> = needs.iter().map(|need| need.cookbook).collect();
    let offers = names.into_iter().filter_map(|name| Some((name, question.universe.get(name)?)));
    offers
        .filter(|(_, offer)| !offer.shadowed.is_empty())
        .map(|(name, offer)| {
            let others = offer.shadowed.join(", ");
            format!(
                "{others} has a cookbook `{name}` too, and is not asked for it: {} comes first",
                offer.source
            )
        })
        .collect()
}
