//! `toque cookbook tree`.

use std::collections::BTreeSet;
use std::path::Path;

use toque_cookbooks::lockfile::Lockfile;
use toque_engine::run::Refused;

use super::{Exit, in_step, repository};
use crate::output;

pub fn tree(repo: Option<&Path>) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = in_step(&repository)?;
    let asked: BTreeSet<String> = repository.demands().into_iter().map(|demand| demand.cookbook).collect();
    let mut shown = BTreeSet::new();
    for name in &asked {
        below(&lockfile, name, "", 0, &mut shown);
    }
    Ok(Exit::Success)
}

/// A cookbook and what it needs, a level deeper each. What was shown before is not shown again.
fn below(lockfile: &Lockfile, name: &str, constraint: &str, depth: usize, shown: &mut BTreeSet<String>) {
    let Some(locked) = lockfile.cookbooks.get(name) else { return };
    let again = !shown.insert(name.to_owned()) && !locked.dependencies.is_empty();
    let wanted = if constraint.is_empty() { String::new() } else { format!(" ({constraint})") };
    let mark = if again { ", shown above" } else { "" };
    output::print(&format!("{:indent$}{name} {}{wanted}{mark}", "", locked.version, indent = 2 * depth));
    if !again {
        for (other, constraint) in &locked.dependencies {
            below(lockfile, other, &constraint.to_string(), depth + 1, shown);
        }
    }
}
