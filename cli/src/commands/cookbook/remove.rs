//! `toque cookbook remove`.

use std::collections::BTreeSet;

use toque_cookbooks::edit;
use toque_cookbooks::repository::Repository;
use toque_core::cancel::CancelToken;
use toque_engine::Refused;

use super::add::line;
use super::{folder, install, repository, with_machine};
use crate::exit::Exit;
use crate::fetching::Fetching;
use crate::output;
use crate::repository::Named;

/// Remove cookbooks from Cookfile.toml, and what nobody needs any more from Cookfile.lock
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook remove nginx\n  toque cookbook remove probe --group test"
)]
pub(crate) struct Args {
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// The group to remove them from; from wherever they stand unless told
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(
    repo: Named<'_>,
    Args { names, group, fetching }: &Args,
) -> Result<Exit, Refused> {
    let folder = folder(repo)?;
    let _alone = Repository::lock(&folder, &CancelToken::default())?;
    let edited = with_machine(&folder, fetching, repo.trust, |network, machine| {
        edit::remove(machine, names, group.as_deref(), &network.without)
    })?;
    edited.changes.iter().for_each(|change| output::print(&line(change)));
    install::report(&edited.before, &edited.after);
    let demands = repository(repo.at(&folder))?.requirements();
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
