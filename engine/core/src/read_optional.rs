//! Reading what may not be there.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::failure::{ErrorContext, Failure};
use crate::read_text::read_text;

/// Reads a text; none when there is no such file.
/// # Errors
/// When it is there and cannot be read.
pub fn read_optional(path: &Path) -> Result<Option<String>, Failure> {
    optional(read_text(path)).context("read", path)
}

/// Lists what is in a folder, sorted; nothing when there is no such folder.
/// # Errors
/// When it is there and cannot be listed.
pub fn list_optional(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = optional(entries).context("list", folder)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Returns none where nothing lies at the path that was read; a folder above it may be gone too, or
/// be something else now.
pub fn optional<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        read => read.map(Some),
    }
}
