//! `toque cookbook outdated`.

use std::path::Path;

use serde_json::json;
use toque_cookbooks::install::Outdated;
use toque_engine::run::Refused;
use toque_engine::version::Version;

use super::{Exit, in_step, repository, with_machine};
use crate::args::{Fetching, Format};
use crate::output;

pub fn outdated(repo: Option<&Path>, format: Format, fetching: &Fetching) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = in_step(&repository)?;
    let found =
        with_machine(&repository, fetching, |_, machine| repository.outdated(machine, &lockfile))?;
    match format {
        Format::Json => {
            let text = |version: &Option<Version>| version.as_ref().map(Version::to_string);
            let data = |one: &Outdated| json!({ "name": one.name, "has": one.has.to_string(), "update": text(&one.update), "newest": text(&one.newest) });
            output::print(
                &serde_json::to_string_pretty(&found.iter().map(data).collect::<Vec<_>>())
                    .unwrap_or_default(),
            );
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
