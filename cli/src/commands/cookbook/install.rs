//! `toque cookbook install`.

use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::manifest::lockfile::{self, Lockfile};
use toque_cookbooks::repository::{Repository, Update};
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_data::cookbook::cycle;
use toque_engine::Refused;

use super::{folder, repository, with_machine};
use crate::exit::Exit;
use crate::fetching::Fetching;
use crate::output::{self, counted};
use crate::repository::Named;

/// Fetch what Cookfile.lock names, and choose what it does not say
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook install\n  toque cookbook install --locked")]
pub(crate) struct Args {
    /// Fail when Cookfile.lock would change
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    install(repo, Update::Nothing, args.locked, &args.fetching)
}

/// Installs the cookbooks of a repository after choosing versions anew for those of `update`.
pub(crate) fn install(
    repo: Named<'_>,
    update: Update,
    locked: bool,
    fetching: &Fetching,
) -> Result<Exit, Refused> {
    let folder = folder(repo)?;
    let _alone = Repository::lock(&folder, &CancelToken::default())?;
    let repository = repository(repo.at(&folder))?;
    let installed = with_machine(&repository.path, fetching, repo.trust, |network, machine| {
        repository
            .install(machine, &InstallOptions { update, locked, without: network.without.clone() })
    })?;
    report(&installed.before, &installed.after);
    Ok(Exit::Success)
}

/// Prints the changes of a lockfile.
pub(crate) fn report(before: &Lockfile, after: &Lockfile) {
    let mut changed = false;
    for (name, now) in &after.cookbooks {
        match before.cookbooks.get(name) {
            Some(was) if was == now => continue,
            Some(was) if was.version != now.version => {
                output::print(&format!("{name} {} -> {}", was.version, now.version));
            }
            Some(_) => {
                output::print(&format!("{name} {} from another revision or place", now.version));
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
    let all = counted(count, "cookbook") + if count == 1 { " is" } else { " are" };
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
    let circles = cycle::circles(cookbooks.keys().map(String::as_str), needs);
    circles
        .iter()
        .map(|circle| Diagnostic::warning(cycle::in_words(circle)).hint(cycle::HINT))
        .collect()
}
