//! Cookbooks that were fetched: each revision a folder of its own, and which of them is in use.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::source::Revision;

/// What is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    pub revision: Revision,
    /// Where it came from, as messages show it.
    pub from: String,
}

/// The repository that is in use, of those in a folder, if it is whole.
#[must_use]
pub fn in_use(folder: &Path) -> Option<(PathBuf, Fetched)> {
    let fetched: Fetched =
        serde_json::from_slice(&fs::read(folder.join("current.json")).ok()?).ok()?;
    let path = place(folder, &fetched.revision);
    path.is_dir().then_some((path, fetched))
}

/// Takes the repository in `made` as a revision.
/// # Errors
/// When it cannot be moved to its place; then what was in use still is.
pub fn keep(folder: &Path, made: &Path, fetched: &Fetched) -> Result<PathBuf, Failure> {
    let path = place(folder, &fetched.revision);
    if !path.exists() {
        fs::rename(made, &path).context("make", &path)?;
    }
    record(folder, fetched)?;
    // Nobody else runs here: the lock is held.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path() != path && entry.path().is_dir() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(path)
}

/// Says which revision is in use.
/// # Errors
/// When it cannot be written.
pub fn record(folder: &Path, fetched: &Fetched) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(fetched).unwrap_or_default();
    super::replace(&folder.join("current.json"), &text)
}

/// Where a revision lies, if it is there.
#[must_use]
pub fn place(folder: &Path, revision: &Revision) -> PathBuf {
    folder.join(revision.id.get(..40).unwrap_or(&revision.id))
}

/// Makes a repository of what was checked out: OpsWorks had cookbooks at its top, which belong into
/// `cookbooks/`, or a single one.
/// # Errors
/// When something in it cannot be moved.
pub(crate) fn arrange(made: &Path) -> std::io::Result<()> {
    if made.join("cookbooks").is_dir() || made.join("Cookfile.toml").is_file() {
        return Ok(());
    }
    let single = fs::read_to_string(made.join("cookbook.toml")).ok();
    let name = single.and_then(|text| toml::from_str::<Named>(&text).ok()).map(|named| named.name);
    let inner = tempfile::Builder::new()
        .prefix(".toque-arranged-")
        .tempdir_in(made.parent().unwrap_or(made))?
        .keep();
    let to = match name {
        Some(name) if toque_data::data_bag::is_name(&name) => {
            fs::create_dir(inner.join("cookbooks"))?;
            inner.join("cookbooks").join(name)
        }
        _ => inner.join("cookbooks"),
    };
    fs::rename(made, to)?;
    fs::rename(&inner, made)
}

#[derive(Deserialize)]
struct Named {
    name: String,
}
