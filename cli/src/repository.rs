//! The repository that a command is about.

use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_machine::source::{Source, SourceType};

/// Finds the repository: the folder that is named, else the nearest one at or above `from`, or the
/// current folder, with `Cookfile.toml` or `cookbooks/`.
pub(crate) fn find_repository(
    named: Option<&Path>,
    from: Option<&Path>,
) -> Result<Option<PathBuf>, Diagnostic> {
    if let Some(named) = named {
        let found = std::fs::canonicalize(named).map_err(|error| {
            Diagnostic::error(format!(
                "cannot open the repository `{}`: {}",
                named.display(),
                plain_io(&error)
            ))
        })?;
        return Ok(Some(found));
    }
    let here = std::env::current_dir()
        .map_err(|error| Diagnostic::error(format!("cannot tell the current folder: {error}")))?;
    let is_repository = |folder: &&Path| {
        folder.join("Cookfile.toml").is_file() || folder.join("cookbooks").is_dir()
    };
    Ok(from.unwrap_or(&here).ancestors().find(is_repository).map(Path::to_owned))
}

/// Returns the archive that is named, a file or a URL; none when a folder should be there.
/// # Errors
/// A URL that does not tell the checksum of what is there.
pub(crate) fn archive(named: &Path) -> Result<Option<Source>, Diagnostic> {
    let text = named.to_string_lossy();
    let (url, checksum) = match text.split_once("#sha256=") {
        Some((url, checksum)) => (url, Some(checksum.to_owned())),
        None => (&*text, None),
    };
    let is_url = url.contains("://");
    if !is_url && !Path::new(url).is_file() {
        return Ok(None);
    }
    let absolute = || {
        std::path::absolute(url).map_or_else(|_| url.to_owned(), |path| path.display().to_string())
    };
    let kind = if url.starts_with("s3://") { SourceType::S3 } else { SourceType::Archive };
    let url = if is_url { url.to_owned() } else { absolute() };
    let source = Source { kind: Some(kind), url, checksum, ..Source::default() };
    if is_url && source.checksum.is_none() {
        return Err(Diagnostic::error(format!(
            "nothing tells whether `{}` has the right thing",
            source.shown()
        ))
        .hint("write its SHA-256 behind it: `https://…/cookbooks.tar.gz#sha256=…`"));
    }
    Ok(Some(source))
}
