//! Explains why no versions go together, and what would help.

use indexmap::IndexSet;
use toque_core::diagnostic::{Diagnostic, Span};

use crate::resolve::conflict::{Need, conflicting, contested, in_order, needs};
use crate::resolve::hints::hints;
use crate::resolve::sentences::{in_words, place as place_of, sentences, shortened};
use crate::resolve::solver::{Problem, ROOT, Reason};

/// Explains why a problem has no solution.
pub(super) fn explain<'a>(problem: &Problem<'a>, reason: &Reason<'a>) -> Diagnostic {
    let (mut requirements, needs) = conflicting(problem, needs(problem, reason));
    // As somebody reads the file.
    requirements.sort_by_key(|requirement| requirement.at.as_ref().map(|at| (at.line, at.column)));
    let smallest = Problem { requirements, ..problem.clone() };
    let contested = contested(&needs);
    let needs = in_order(&smallest, needs, contested);
    let told = Diagnostic::error(message(&smallest, &needs, contested))
        .at(place(&smallest, &needs, contested));
    let told = told.note(shortened(sentences(&smallest, &needs)).join("\n"));
    let there = contested.and_then(|name| Some((name, problem.catalog.get(name)?)));
    let told = there.into_iter().fold(told, |told, (name, offer)| {
        told.note(format!(
            "`{name}` is there in {}, from {}",
            in_words(&offer.releases),
            offer.source
        ))
    });
    let told = shadowed(problem, &needs).into_iter().fold(told, Diagnostic::note);
    hints(problem, &smallest, &needs, contested).into_iter().fold(told, Diagnostic::hint)
}

fn message<'a>(problem: &Problem<'a>, needs: &[Need<'a>], contested: Option<&str>) -> String {
    let asking = |name: &str| {
        needs.iter().filter(|need| need.cookbook == name && need.refused.is_none()).count()
    };
    match contested {
        Some(name) if problem.catalog.get(name).is_none() => {
            format!("there is no cookbook `{name}`")
        }
        Some(name) if asking(name) == 1 => {
            format!("there is no version of cookbook `{name}` that fits")
        }
        Some(name) => format!("no version of cookbook `{name}` satisfies all that need it"),
        None => match &problem.requirements[..] {
            [requirement] => {
                format!("no version of cookbook `{}` can be used", requirement.cookbook)
            }
            requirements => {
                let names: Vec<_> = requirements
                    .iter()
                    .map(|requirement| format!("`{}`", requirement.cookbook))
                    .collect();
                format!("no versions of the cookbooks {} go together", names.join(", "))
            }
        },
    }
}

/// Where somebody would look first: who asks for what is not there, when that can be changed, else
/// the first demand that has a place.
fn place<'a>(problem: &Problem<'a>, needs: &[Need<'a>], contested: Option<&str>) -> Option<Span> {
    let places = |need: &Need<'a>| place_of(problem, need);
    let of_contested = needs
        .iter()
        .filter(|need| Some(need.cookbook) == contested && need.asker != ROOT)
        .find_map(places);
    let of_demands = || problem.requirements.iter().find_map(|requirement| requirement.at.clone());
    let unknown = contested.is_some_and(|name| problem.catalog.get(name).is_none());
    let of_contested = of_contested.filter(|_| {
        unknown || problem.requirements.iter().all(|requirement| requirement.at.is_none())
    });
    of_contested.or_else(of_demands).or_else(|| needs.iter().find_map(places))
}

fn shadowed<'a>(problem: &Problem<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let names: IndexSet<&str> = needs.iter().map(|need| need.cookbook).collect();
    let offers = names.into_iter().filter_map(|name| Some((name, problem.catalog.get(name)?)));
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
