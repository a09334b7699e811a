//! `toque cookbook list`.

use serde_json::{Value, json};
use toque_cookbooks::manifest::lockfile::{LockedCookbook, Origin};
use toque_engine::Refused;
use toque_machine::source::Source;

use super::repository;
use crate::exit::Exit;
use crate::fetching::current_lockfile;
use crate::output::{self, Format};
use crate::repository::Named;

/// List the cookbooks of Cookfile.lock
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook list\n  toque cookbook list --format json")]
pub(crate) struct Args {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let lockfile = current_lockfile(&repository(repo)?)?;
    match args.format {
        Format::Json => {
            let all: Vec<Value> =
                lockfile.cookbooks.iter().map(|(name, locked)| data(name, locked)).collect();
            output::json(&all);
        }
        Format::Text => {
            for (name, locked) in &lockfile.cookbooks {
                output::print(&format!(
                    "{name} {} from {}",
                    locked.version,
                    origin(&locked.origin)
                ));
            }
        }
    }
    Ok(Exit::Success)
}

fn data(name: &str, locked: &LockedCookbook) -> Value {
    let dependencies = locked
        .dependencies
        .iter()
        .map(|(name, constraint)| (name.clone(), constraint.to_string().into()));
    json!({
        "name": name,
        "version": locked.version.to_string(),
        "from": origin(&locked.origin),
        "sha256": locked.sha256,
        "dependencies": Value::Object(dependencies.collect()),
    })
}

/// Describes an origin without credentials.
pub(crate) fn origin(origin: &Origin) -> String {
    let shown = |url: &str| Source { url: url.to_owned(), ..Source::default() }.shown();
    match origin {
        Origin::Registry { registry } => shown(registry),
        Origin::Path { path } => path.clone(),
        Origin::Git { git, revision, .. } => {
            format!("{} {}", shown(git), revision.get(..7).unwrap_or(revision))
        }
        Origin::Archive { archive, .. } => shown(archive),
    }
}
