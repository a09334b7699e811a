//! Who needs what, as sentences.

use std::borrow::Cow;
use std::collections::HashSet;

use toque_engine::cookbook::place_of;
use toque_engine::diagnostic::Span;
use toque_engine::version::{Constraint, Version};

use super::Need;
use crate::solve::{DEMANDS, Demand, Question};
use crate::universe::Release;

/// How many sentences are shown at the beginning and at the end of many.
const SHOWN: usize = 8;

/// All of it. That a cookbook lies in the repository is left out where what it needs is told with
/// its place.
pub(super) fn sentences<'a>(question: &Question<'a>, needs: &[Need<'a>]) -> Vec<String> {
    let local = needs.iter().filter(|need| releases(question, need).any(|one| one.file.is_some()));
    let told: HashSet<&str> = local.map(|need| need.asker).collect();
    let shown = needs.iter().filter(|need| {
        let of_cookfile = || demands(question, need).any(|demand| demand.at.is_some());
        need.asker != DEMANDS || of_cookfile() || !told.contains(need.cookbook)
    });
    shown.flat_map(|need| sentence(question, need)).collect()
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

/// Several demands may accept the same versions.
fn sentence<'a>(question: &Question<'a>, need: &Need<'a>) -> Vec<String> {
    let cookbook = need.cookbook;
    if need.asker == DEMANDS {
        return demands(question, need).map(asks).collect();
    }
    let which = which(question, need.asker, &need.numbers);
    let at = place(question, need).map_or_else(String::new, |at| format!(" ({})", line(&at)));
    match &need.refused {
        Some(reason) => vec![format!("{which} {reason}{at}")],
        None => {
            let wanted = constraint(question, need).map_or(Cow::Borrowed(""), in_version);
            vec![format!("{which} needs `{cookbook}`{wanted}{at}")]
        }
    }
}

fn asks(demand: &Demand) -> String {
    let Demand { cookbook, constraint, .. } = demand;
    if demand.asker.ends_with('/') {
        return format!("`{cookbook}` is in {}", demand.asker);
    }
    format!("{} asks for `{cookbook}`{}", asker(demand), in_version(constraint))
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
pub(super) fn asker(demand: &Demand) -> String {
    demand
        .at
        .as_ref()
        .map_or_else(|| demand.asker.clone(), |at| format!("{}:{}", demand.asker, at.line))
}

/// `cookbooks/web/cookbook.toml:6`
pub(super) fn line(at: &Span) -> String {
    format!("{}:{}", at.source.name, at.line)
}

/// The demands that are meant.
pub(super) fn demands<'q, 'a>(
    question: &'q Question<'a>,
    need: &'q Need<'a>,
) -> impl Iterator<Item = &'a Demand> + 'q {
    let same = move |demand: &&'a Demand| {
        demand.cookbook == need.cookbook
            && question.accepted(need.cookbook, &demand.constraint) == need.accepted
    };
    question.demands.iter().copied().filter(same)
}

/// What the newest of the askers writes.
fn constraint<'a>(question: &Question<'a>, need: &Need<'a>) -> Option<&'a Constraint> {
    let releases = question.universe.releases(need.asker);
    let those = need.numbers.iter().rev().filter_map(|number| releases.get(*number));
    let constraints = || {
        those
            .clone()
            .flat_map(|release| &release.dependencies)
            .filter(|(name, _)| name == need.cookbook)
            .map(|(_, text)| text)
    };
    constraints()
        .find(|text| question.accepted(need.cookbook, text) == need.accepted)
        .or_else(|| constraints().next())
}

/// Where the asker says so, when that can be changed.
pub(super) fn place<'a>(question: &Question<'a>, need: &Need<'a>) -> Option<Span> {
    let path = releases(question, need).find_map(|release| release.file.as_ref())?;
    let text = std::fs::read_to_string(path).ok()?;
    let key = match &need.refused {
        Some(reason) if reason.starts_with("needs toque") => "toque",
        Some(reason) if reason.starts_with("does not support") => "platforms",
        _ => need.cookbook,
    };
    place_of(path, &text, key)
}

/// The releases that need it.
pub(super) fn releases<'q, 'a>(
    question: &'q Question<'a>,
    need: &'q Need<'a>,
) -> impl Iterator<Item = &'a Release> + 'q {
    let all: &'a [Release] =
        if need.asker == DEMANDS { &[] } else { question.universe.releases(need.asker) };
    need.numbers.iter().filter_map(move |number| all.get(*number))
}

fn which(question: &Question<'_>, asker: &str, numbers: &[usize]) -> String {
    let releases = question.universe.releases(asker);
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
