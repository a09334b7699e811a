//! `toque cookbook list`.

use std::path::Path;

use serde_json::{Value, json};
use toque_cookbooks::manifest::lockfile::{LockedCookbook, Origin};
use toque_engine::run::Refused;
use toque_engine::source::Source;

use super::{Exit, in_step, repository};
use crate::args::Format;
use crate::output;

pub fn list(repo: Option<&Path>, format: Format) -> Result<Exit, Refused> {
    let lockfile = in_step(&repository(repo)?)?;
    match format {
        Format::Json => {
            let all: Vec<Value> =
                lockfile.cookbooks.iter().map(|(name, locked)| data(name, locked)).collect();
            output::print(&serde_json::to_string_pretty(&all).unwrap_or_default());
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

/// Without what must not be repeated.
pub fn origin(origin: &Origin) -> String {
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
