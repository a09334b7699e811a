//! What a contradiction rests on: the needs in the solver's derivation that cannot all be met.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use indexmap::IndexMap;
use pubgrub::{DerivationTree, External, VersionSet as _};

use crate::resolve::catalog::Refusal;
use crate::resolve::solver::{NoSolution, Problem, ROOT, Reason, Requirement};
use crate::resolve::version_set::VersionSet;

/// A need of some versions of a cookbook, or of the repository itself.
#[derive(Debug)]
pub(super) struct Need<'a> {
    pub asker: &'a str,
    /// Indexes into its releases.
    pub numbers: Vec<usize>,
    pub cookbook: &'a str,
    pub accepted: VersionSet,
    /// The reason why these releases of the asker itself, which then is `cookbook` too, cannot be
    /// used.
    pub refused: Option<Refusal>,
}

/// Returns the requirements that cannot all be met, and the needs that this rests on. Without any
/// one of them there is a solution, as far as that could be found out.
pub(super) fn conflicting<'a>(
    problem: &Problem<'a>,
    mut needs: Vec<Need<'a>>,
) -> (Vec<&'a Requirement>, Vec<Need<'a>>) {
    let mut left = named(&problem.requirements, &needs);
    let mut index = 0;
    while index < left.len() {
        let one = left.remove(index);
        match (Problem { requirements: left.clone(), ..problem.clone() }).solve() {
            Err(NoSolution::Impossible(reason)) => {
                needs = self::needs(problem, &reason);
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

/// Returns the requirements that needs come from.
fn named<'a>(requirements: &[&'a Requirement], needs: &[Need<'a>]) -> Vec<&'a Requirement> {
    let named: HashSet<&str> =
        needs.iter().filter(|need| need.asker == ROOT).map(|need| need.cookbook).collect();
    requirements
        .iter()
        .copied()
        .filter(|requirement| named.contains(requirement.cookbook.as_str()))
        .collect()
}

/// Returns the needs that a reason rests on, each once.
pub(super) fn needs<'a>(problem: &Problem<'a>, reason: &Reason<'a>) -> Vec<Need<'a>> {
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
            ROOT => vec![0],
            asker => versions.below(problem.catalog.releases(asker).len()).collect(),
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

/// Sorts needs: each requirement with what follows from it, in the order of the requirements; those
/// of the contested cookbook come last, and after all why it cannot be used.
pub(super) fn in_order<'a>(
    problem: &Problem<'a>,
    needs: Vec<Need<'a>>,
    contested: Option<&str>,
) -> Vec<Need<'a>> {
    let (mut requirements, others): (Vec<_>, Vec<_>) =
        needs.into_iter().partition(|need| need.asker == ROOT);
    requirements.sort_by_key(|need| {
        problem.requirements.iter().position(|requirement| requirement.cookbook == need.cookbook)
    });
    let mut of: IndexMap<&str, Vec<Need<'a>>> = IndexMap::new();
    for need in others {
        of.entry(need.asker).or_default().push(need);
    }
    let mut done = Vec::new();
    for requirement in requirements {
        let mut known = VecDeque::from([requirement.cookbook]);
        done.push(requirement);
        while let Some(name) = known.pop_front() {
            for need in of.get_mut(name).map(std::mem::take).unwrap_or_default() {
                known.push_back(need.cookbook);
                done.push(need);
            }
        }
    }
    done.extend(of.into_values().flatten());
    done.sort_by_key(|need| {
        let about = need.asker != ROOT && Some(need.cookbook) == contested;
        (about, about && need.refused.is_some())
    });
    done
}

/// Returns the one cookbook of which no version satisfies all that need it. Several may be short of
/// one, each for some versions of others.
pub(super) fn contested<'a>(needs: &[Need<'a>]) -> Option<&'a str> {
    let mut left: IndexMap<&str, VersionSet> = IndexMap::new();
    for need in needs {
        let left = left.entry(need.cookbook).or_insert_with(VersionSet::full);
        *left = left.intersection(&need.accepted);
    }
    let mut nothing_left = left.into_iter().filter(|(_, left)| *left == VersionSet::empty());
    nothing_left.next().map(|(name, _)| name).filter(|_| nothing_left.next().is_none())
}
