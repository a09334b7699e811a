//! Reads of paths that may be missing.

use std::io::{self, ErrorKind};
use std::path::Path;

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::{Metadata, Query};

/// Returns what lies at the path itself. Nothing can lie below something that is not a directory.
pub(crate) fn lstat(query: &dyn Query, path: &Path) -> Result<Option<Metadata>, Failure> {
    found(query.lstat(path)).context("look at", path)
}

/// Returns the text of a file.
pub(crate) fn read_text(query: &dyn Query, path: &Path) -> Result<Option<String>, Failure> {
    let bytes = found(query.read(path)).context("read", path)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        other => other.map(Some),
    }
}
