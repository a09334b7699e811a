//! The needs of a contradiction as sentences.

use std::borrow::Cow;
use std::collections::HashSet;

use toque_core::diagnostic::Span;
use toque_core::version::{Constraint, Version};
use toque_data::cookbook::place_of;

use crate::resolve::catalog::{Refusal, Release};
use crate::resolve::conflict::Need;
use crate::resolve::solver::{Problem, ROOT, Requirement};

/// How many sentences are shown at the beginning and at the end of many.
const SHOWN: usize = 8;

/// All of it. That a cookbook lies in the repository is left out where what it needs is told with
/// its place.
pub(super) fn sentences<'a>(problem: &Problem<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let local = needs.iter().filter(|need| releases(problem, need).any(|one| one.file.is_some()));
    let told: HashSet<&str> = local.map(|need| need.asker).collect();
    let shown = needs.iter().filter(|need| {
        let of_cookfile =
            || requirements(problem, need).any(|requirement| requirement.at.is_some());
        need.asker != ROOT || of_cookfile() || !told.contains(need.cookbook)
    });
    shown.flat_map(|need| sentence(problem, need)).collect()
}

/// The beginning and the end of what nobody would read whole.
pub(super) fn shortened(mut sentences: Vec<String>) -> Vec<String> {
    if let Some(more @ 2..) = sentences.len().checked_sub(2 * SHOWN) {
        sentences.splice(
            SHOWN..SHOWN + more,
            [format!("and {more} more, that lead from these to those:")],
        );
    }
    sentences
}

/// Several requirements may accept the same versions.
fn sentence<'a>(problem: &Problem<'a>, need: &Need<'a>) -> Vec<String> {
    let cookbook = need.cookbook;
    if need.asker == ROOT {
        return requirements(problem, need).map(asks).collect();
    }
    let which = which(problem, need.asker, &need.numbers);
    let at = place(problem, need).map_or_else(String::new, |at| format!(" ({})", line(&at)));
    match &need.refused {
        Some(reason) => vec![format!("{which} {reason}{at}")],
        None => {
            let wanted = constraint(problem, need).map_or(Cow::Borrowed(""), in_version);
            vec![format!("{which} needs `{cookbook}`{wanted}{at}")]
        }
    }
}

fn asks(requirement: &Requirement) -> String {
    let Requirement { cookbook, constraint, .. } = requirement;
    if requirement.asker.ends_with('/') {
        return format!("`{cookbook}` is in {}", requirement.asker);
    }
    format!("{} asks for `{cookbook}`{}", asker(requirement), in_version(constraint))
}

/// ` ~> 1.2`; nothing for any version.
fn in_version(constraint: &Constraint) -> Cow<'static, str> {
    if *constraint == Constraint::default() {
        Cow::Borrowed("")
    } else {
        Cow::Owned(format!(" {constraint}"))
    }
}

/// `Cookfile.toml:3`
pub(super) fn asker(requirement: &Requirement) -> String {
    requirement.at.as_ref().map_or_else(
        || requirement.asker.clone(),
        |at| format!("{}:{}", requirement.asker, at.line),
    )
}

/// `cookbooks/web/cookbook.toml:6`
pub(super) fn line(at: &Span) -> String {
    format!("{}:{}", at.source.name, at.line)
}

/// Returns the requirements that a need stands for.
pub(super) fn requirements<'q, 'a>(
    problem: &'q Problem<'a>,
    need: &'q Need<'a>,
) -> impl Iterator<Item = &'a Requirement> + 'q {
    let same = move |requirement: &&'a Requirement| {
        requirement.cookbook == need.cookbook
            && problem.accepted(need.cookbook, &requirement.constraint) == need.accepted
    };
    problem.requirements.iter().copied().filter(same)
}

/// What the newest of the askers writes.
fn constraint<'a>(problem: &Problem<'a>, need: &Need<'a>) -> Option<&'a Constraint> {
    let releases = problem.catalog.releases(need.asker);
    let those = need.numbers.iter().rev().filter_map(|number| releases.get(*number));
    let constraints =
        || those.clone().filter_map(|release| release.dependencies.get(need.cookbook));
    constraints()
        .find(|text| problem.accepted(need.cookbook, text) == need.accepted)
        .or_else(|| constraints().next())
}

/// Where the asker says so, when that can be changed.
pub(super) fn place<'a>(problem: &Problem<'a>, need: &Need<'a>) -> Option<Span> {
    let path = releases(problem, need).find_map(|release| release.file.as_ref())?;
    let text = std::fs::read_to_string(path).ok()?;
    let key = match &need.refused {
        Some(Refusal::NeedsOtherToque { .. }) => "toque",
        Some(Refusal::UnsupportedPlatforms(_)) => "platforms",
        Some(Refusal::NeedsOtherSelf(_)) | None => need.cookbook,
    };
    place_of(path, &text, key)
}

/// The releases that need it.
pub(super) fn releases<'q, 'a>(
    problem: &'q Problem<'a>,
    need: &'q Need<'a>,
) -> impl Iterator<Item = &'a Release> + 'q {
    let all: &'a [Release] =
        if need.asker == ROOT { &[] } else { problem.catalog.releases(need.asker) };
    need.numbers.iter().filter_map(move |number| all.get(*number))
}

fn which(problem: &Problem<'_>, asker: &str, numbers: &[usize]) -> String {
    let releases = problem.catalog.releases(asker);
    let those: Vec<&Release> = numbers.iter().filter_map(|number| releases.get(*number)).collect();
    match those[..] {
        [one] => format!("`{asker}` {}", one.version),
        _ if those.len() == releases.len() => format!("every version of `{asker}`"),
        _ => format!("`{asker}` in {}", in_words(those)),
    }
}

pub(super) fn in_words<'r>(releases: impl IntoIterator<Item = &'r Release>) -> String {
    let versions: Vec<&Version> = releases.into_iter().map(|release| &release.version).collect();
    match versions[..] {
        [] => "no version".to_owned(),
        [one] => format!("version {one}"),
        [one, other] => format!("the versions {one} and {other}"),
        [first, .., last] => format!("{} versions from {first} to {last}", versions.len()),
    }
}
