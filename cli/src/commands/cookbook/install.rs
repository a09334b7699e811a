//! `toque cookbook install` and `update`.

use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::manifest::lockfile::{self, Lockfile};
use toque_cookbooks::repository::Repository;
use toque_engine::cookbook::circle;
use toque_engine::diagnostic::{Diagnostic, Diagnostics};
use toque_engine::run::Refused;

use super::{Exit, with_machine};
use crate::args::Fetching;
use crate::output;

pub fn install(
    repository: &Repository,
    fetching: &Fetching,
    how: impl FnOnce(Vec<String>) -> InstallOptions,
) -> Result<Exit, Refused> {
    let installed = with_machine(repository, fetching, |network, machine| {
        repository.install(machine, &how(network.without.clone()))
    })?;
    tell(&installed.before, &installed.after);
    Ok(Exit::Success)
}

/// What changed, cookbook by cookbook.
pub fn tell(before: &Lockfile, after: &Lockfile) {
    let mut changed = false;
    for (name, now) in &after.cookbooks {
        match before.cookbooks.get(name) {
            Some(was) if was == now => continue,
            Some(was) if was.version != now.version => {
                output::print(&format!("{name} {} -> {}", was.version, now.version))
            }
            Some(_) => {
                output::print(&format!("{name} {} from another revision or place", now.version))
            }
            None => output::print(&format!("{name} {} new", now.version)),
        }
        changed = true;
    }
    for (name, was) in
        before.cookbooks.iter().filter(|(name, _)| !after.cookbooks.contains_key(*name))
    {
        output::print(&format!("{name} {} no longer needed", was.version));
        changed = true;
    }
    let count = after.cookbooks.len();
    let all =
        if count == 1 { "1 cookbook is".to_owned() } else { format!("{count} cookbooks are") };
    let lockfile = if changed { "was written" } else { "is as it was" };
    output::message(&format!("{all} here; `{}` {lockfile}", lockfile::NAME));
    let circles = circles(after);
    if !circles.is_empty() {
        output::diagnostic::print(&Diagnostics(circles));
    }
}

fn circles(lockfile: &Lockfile) -> Vec<Diagnostic> {
    let cookbooks = &lockfile.cookbooks;
    let needs = |name: &str| {
        cookbooks
            .get(name)
            .map_or_else(Vec::new, |one| one.dependencies.keys().map(String::as_str).collect())
    };
    let circles = circle::circles(cookbooks.keys().map(String::as_str), needs);
    circles
        .iter()
        .map(|circle| Diagnostic::warning(circle::in_words(circle)).hint(circle::HINT))
        .collect()
}
