//! `toque cookbook outdated`.

use serde_json::json;
use toque_cookbooks::install::Outdated;
use toque_core::version::Version;
use toque_engine::Refused;

use super::{repository, with_machine};
use crate::exit::Exit;
use crate::fetching::{Fetching, current_lockfile};
use crate::output::{self, Format};
use crate::repository::Named;

/// Show which cookbooks have newer versions
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook outdated")]
pub(crate) struct Args {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(repo: Named<'_>, Args { format, fetching }: &Args) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = current_lockfile(&repository)?;
    let found = with_machine(&repository.path, fetching, repo.trust, |_, machine| {
        repository.outdated(machine, &lockfile)
    })?;
    match format {
        Format::Json => {
            let text = |version: &Option<Version>| version.as_ref().map(Version::to_string);
            let data = |one: &Outdated| json!({ "name": one.name, "has": one.has.to_string(), "update": text(&one.update), "newest": text(&one.newest) });
            output::json(&found.iter().map(data).collect::<Vec<_>>());
        }
        Format::Text => {
            found.iter().for_each(|one| output::print(&line(one)));
            if found.is_empty() {
                output::message("every cookbook is as new as it can be");
            }
        }
    }
    Ok(Exit::Success)
}

fn line(Outdated { name, has, update, newest }: &Outdated) -> String {
    let would = match update {
        Some(version) if version == has => "`update` leaves it".to_owned(),
        Some(version) => format!("`update` takes {version}"),
        None => "`update` drops it".to_owned(),
    };
    match newest.as_ref().filter(|newest| Some(*newest) != update.as_ref()) {
        Some(newest) => format!("{name} {has}: {would}; the newest is {newest}"),
        None => format!("{name} {has}: {would}"),
    }
}
