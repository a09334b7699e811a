//! `toque cookbook install` and `update`.

use std::path::Path;

use toque_cookbooks::install::Update;
use toque_cookbooks::lockfile::{self, Lockfile};
use toque_engine::run::Refused;

use super::{Exit, repository, with_machine};
use crate::args::Fetching;
use crate::output;

pub fn install(repo: Option<&Path>, update: &Update, locked: bool, fetching: &Fetching) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let installed = with_machine(&repository, fetching, |machine| repository.install(machine, update, locked))?;
    tell(&installed.before, &installed.after);
    Ok(Exit::Success)
}

/// What changed, cookbook by cookbook.
pub fn tell(before: &Lockfile, after: &Lockfile) {
    let mut changed = false;
    for (name, now) in &after.cookbooks {
        match before.cookbooks.get(name) {
            Some(was) if was == now => continue,
            Some(was) if was.version != now.version => output::print(&format!("{name} {} -> {}", was.version, now.version)),
            Some(_) => output::print(&format!("{name} {} from another revision or place", now.version)),
            None => output::print(&format!("{name} {} new", now.version)),
        }
        changed = true;
    }
    for (name, was) in before.cookbooks.iter().filter(|(name, _)| !after.cookbooks.contains_key(*name)) {
        output::print(&format!("{name} {} no longer needed", was.version));
        changed = true;
    }
    let count = after.cookbooks.len();
    let all = if count == 1 { "1 cookbook is".to_owned() } else { format!("{count} cookbooks are") };
    let lockfile = if changed { "was written" } else { "is as it was" };
    output::message(&format!("{all} here; `{}` {lockfile}", lockfile::NAME));
}
