//! `toque cookbook tree`.

use std::collections::BTreeSet;

use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_engine::Refused;

use super::repository;
use crate::exit::Exit;
use crate::fetching::current_lockfile;
use crate::output;
use crate::repository::Named;

/// Deeper ones are not drawn further to the right: no terminal is that wide.
const DEEPEST: usize = 40;

pub(crate) fn run(repo: Named<'_>) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = current_lockfile(&repository)?;
    let asked: BTreeSet<String> =
        repository.requirements().into_iter().map(|demand| demand.cookbook).collect();
    lines(&lockfile, &asked, output::print);
    Ok(Exit::Success)
}

/// Each cookbook and what it needs, a level deeper each. What was shown before is not shown again.
fn lines(lockfile: &Lockfile, asked: &BTreeSet<String>, mut print: impl FnMut(&str)) {
    let mut shown = BTreeSet::new();
    // The first is the last; a way may be longer than a stack is deep.
    let mut left: Vec<(&str, String, usize)> =
        asked.iter().rev().map(|name| (name.as_str(), String::new(), 0)).collect();
    while let Some((name, wanted, depth)) = left.pop() {
        let Some(locked) = lockfile.cookbooks.get(name) else { continue };
        let again = !shown.insert(name) && !locked.dependencies.is_empty();
        let mark = if again { ", shown above" } else { "" };
        print(&format!(
            "{:indent$}{name} {}{wanted}{mark}",
            "",
            locked.version,
            indent = 2 * depth.min(DEEPEST)
        ));
        if !again {
            let needed = locked.dependencies.iter().rev();
            left.extend(needed.map(|(other, constraint)| {
                (other.as_str(), format!(" ({constraint})"), depth + 1)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_is_no_matter() {
        let block = |number: usize| {
            let needs = if number < 10_000 {
                format!("dependencies.c{} = \">= 1.0\"\n", number + 1)
            } else {
                String::new()
            };
            format!(
                "[[cookbook]]\nname = \"c{number}\"\nversion = \"1.0\"\npath = \"cookbooks/c{number}\"\n{needs}"
            )
        };
        let text: String =
            std::iter::once("version = 1\n".to_owned()).chain((0..=10_000).map(block)).collect();
        let lockfile = Lockfile::parse(std::path::Path::new("Cookfile.lock"), &text).unwrap();
        let mut told = Vec::new();
        lines(&lockfile, &BTreeSet::from(["c0".to_owned(), "c1".to_owned()]), |line| {
            told.push(line.to_owned());
        });
        assert_eq!(told.len(), 10_002);
        assert_eq!(told[..3], ["c0 1.0.0", "  c1 1.0.0 (>= 1.0)", "    c2 1.0.0 (>= 1.0)"]);
        assert_eq!(told[10_000], format!("{}c10000 1.0.0 (>= 1.0)", " ".repeat(2 * DEEPEST)));
        assert_eq!(told[10_001], "c1 1.0.0, shown above");
    }
}
