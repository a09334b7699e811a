//! `toque cookbook show`.

use std::path::PathBuf;

use serde_json::{Value, json};
use toque_cookbooks::manifest::lockfile::{LockedCookbook, Lockfile, Origin};
use toque_cookbooks::repository::Repository;
use toque_core::diagnostic::visible;
use toque_core::failure::Failure;
use toque_data::cookbook::Cookbook;
use toque_engine::Refused;

use super::list::origin;
use super::{repository, store_of};
use crate::exit::Exit;
use crate::fetching::current_lockfile;
use crate::output::{self, Format};
use crate::repository::Named;

/// Show what a cookbook of Cookfile.lock is, where it is from, and what is in it
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook show nginx\n  toque cookbook show nginx --format json"
)]
pub(crate) struct Args {
    name: String,
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(
    repo: Named<'_>,
    Args { name, cache_dir, format }: &Args,
) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = current_lockfile(&repository)?;
    let locked = lockfile.require(name)?;
    let root = repository.root_of(
        &store_of(Some(&repository.path), cache_dir.as_deref(), repo.trust)?,
        name,
        locked,
    );
    let there = if root.is_dir() { Some(Cookbook::load(&root)?) } else { None };
    let data = data(name, locked, there.as_ref(), &who(&repository, &lockfile, name))?;
    match format {
        Format::Json => output::json(&data),
        Format::Text => {
            output::print(&format!("{name} {}", locked.version));
            data["description"].as_str().into_iter().for_each(|text| output::print(&visible(text)));
            for (label, key) in ROWS {
                let text = shown(&data[key]);
                if !text.is_empty() {
                    output::print(&format!("{label:12} {}", visible(&text)));
                }
            }
            if there.is_none() {
                output::message(&format!(
                    "`{name}` is not on this machine: `toque cookbook install` fetches it"
                ));
            }
        }
    }
    Ok(Exit::Success)
}

/// The labels in the order of the output, each with its key in the data.
const ROWS: [(&str, &str); 11] = [
    ("license", "license"),
    ("from", "from"),
    ("revision", "revision"),
    ("folder", "folder"),
    ("sha256", "sha256"),
    ("toque", "toque"),
    ("platforms", "platforms"),
    ("needs", "dependencies"),
    ("needed by", "needed_by"),
    ("recipes", "recipes"),
    ("resources", "resources"),
];

fn data(
    name: &str,
    locked: &LockedCookbook,
    there: Option<&Cookbook>,
    who: &[(String, String)],
) -> Result<Value, Failure> {
    let pairs = |pairs: &mut dyn Iterator<Item = (String, String)>| -> Value {
        Value::Object(pairs.map(|(name, constraint)| (name, constraint.into())).collect())
    };
    let revision = match &locked.origin {
        Origin::Git { revision, .. } | Origin::Archive { revision, .. } => Some(revision),
        Origin::Registry { .. } | Origin::Path { .. } => None,
    };
    let about = there.map(|cookbook| &cookbook.manifest);
    let mut platforms = about.into_iter().flat_map(|about| &about.platforms);
    Ok(json!({
        "name": name,
        "version": locked.version.to_string(),
        "description": about.and_then(|about| about.description.as_ref()),
        "license": about.and_then(|about| about.license.as_ref()),
        "from": origin(&locked.origin),
        "revision": revision,
        "folder": there.map(|cookbook| cookbook.root.display().to_string()),
        "sha256": locked.sha256,
        "toque": about.and_then(|about| about.toque.as_ref()).map(ToString::to_string),
        "platforms": pairs(&mut platforms.by_ref().map(|(name, constraint)| (name.clone(), constraint.to_string()))),
        "dependencies": pairs(&mut locked.dependencies.iter().map(|(name, constraint)| (name.clone(), constraint.to_string()))),
        "needed_by": who.iter().map(|(by, constraint)| json!({ "by": by, "constraint": constraint })).collect::<Vec<_>>(),
        "recipes": there.map(Cookbook::recipes).transpose()?,
        "resources": there.map(Cookbook::resources).transpose()?,
    }))
}

/// Lists the askers of a cookbook, each with its constraint.
fn who(repository: &Repository, lockfile: &Lockfile, name: &str) -> Vec<(String, String)> {
    let asking = repository.requirements().into_iter().filter(|demand| demand.cookbook == name);
    let asking = asking.map(|demand| (demand.asker, demand.constraint.to_string()));
    let needing = lockfile
        .needs(name)
        .map(|(asker, _, constraint)| (asker.to_owned(), constraint.to_string()));
    asking.chain(needing).collect()
}

/// On one line.
fn shown(value: &Value) -> String {
    let text = |value: &Value| match value {
        Value::Object(one) => format!("{} ({})", shown(&one["by"]), shown(&one["constraint"])),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    match value {
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(all) => all
            .iter()
            .map(|(name, constraint)| format!("{name} ({})", text(constraint)))
            .collect::<Vec<_>>()
            .join(", "),
        other => text(other),
    }
}
