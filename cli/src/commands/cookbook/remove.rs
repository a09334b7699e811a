//! `toque cookbook remove`.

use std::collections::BTreeSet;
use std::path::Path;

use toque_cookbooks::edit;
use toque_cookbooks::repository::Repository;
use toque_engine::run::Refused;
use toque_engine::stop::Stop;

use super::add::line;
use super::{Exit, folder, install, repository, with_machine_at};
use crate::args::Fetching;
use crate::output;

pub fn remove(
    repo: Option<&Path>,
    names: &[String],
    group: Option<&str>,
    fetching: &Fetching,
) -> Result<Exit, Refused> {
    let folder = folder(repo)?;
    let _alone = Repository::lock(&folder, &Stop::default())?;
    let edited = with_machine_at(&folder, fetching, |network, machine| {
        edit::remove(machine, names, group, &network.without)
    })?;
    edited.changes.iter().for_each(|change| output::print(&line(change)));
    install::tell(&edited.before, &edited.after);
    let demands = repository(Some(&folder))?.requirements();
    for name in names.iter().collect::<BTreeSet<_>>() {
        let Some(locked) = edited.after.cookbooks.get(name) else { continue };
        let asking = demands
            .iter()
            .filter(|demand| demand.cookbook == *name)
            .map(|demand| format!("`{}`", demand.asker));
        let needing = edited
            .after
            .needs(name)
            .map(|(asker, _, constraint)| format!("`{asker}` ({constraint})"));
        let who: Vec<String> = asking.chain(needing).collect();
        output::message(&format!(
            "`{name}` {} stays: it is needed by {}",
            locked.version,
            who.join(", ")
        ));
    }
    Ok(Exit::Success)
}
