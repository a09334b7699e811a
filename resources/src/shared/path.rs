//! Paths as recipes write them.

use std::path::{Path, PathBuf};

use toque_core::property_error::PropertyError;

/// A path without trailing slashes and `.`, which the kernel would read as "what a link here leads
/// to". `..` is left to the kernel.
pub(crate) fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::with_capacity(path.len());
    plain.extend(Path::new(path).components());
    plain
}

/// # Errors
/// When the path is not absolute, or nothing on a machine can have it.
pub(crate) fn check(property: &str, path: &str) -> Result<(), PropertyError> {
    if path.contains('\0') {
        return Err(PropertyError::new(
            property,
            format!("`{}` holds a zero byte, which no path can", path.escape_default()),
        ));
    }
    if !path.starts_with('/') {
        return Err(PropertyError::new(property, format!("`{path}` is not an absolute path"))
            .hint("write the path from `/`: a recipe has no working directory"));
    }
    Ok(())
}

/// # Errors
/// As [`check`], and when the path can only be a directory's.
pub(crate) fn check_file(property: &str, path: &str) -> Result<(), PropertyError> {
    check(property, path)?;
    match path.rsplit('/').next() {
        Some("" | "." | "..") => Err(PropertyError::new(
            property,
            format!("`{path}` can only be a directory, not a file"),
        )
        .hint("leave out what follows the last `/`, or use `directory`")),
        _ => Ok(()),
    }
}
