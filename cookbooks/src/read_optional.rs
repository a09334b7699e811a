//! Reading what may not be there.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};

/// Reads a text; none when there is no such file.
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read_optional(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Err(error) if is_gone(&error) => Ok(None),
        read => read.map(Some).context("read", path),
    }
}

/// Lists what is in a folder, sorted; nothing when there is no such folder.
/// # Errors
/// When it is there and cannot be listed.
pub(crate) fn list_optional(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        entries => entries.context("list", folder)?,
    };
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Whether nothing lies at a path; a folder above it may be gone too, or be something else now.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
