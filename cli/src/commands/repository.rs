//! A repository that is named, but is no folder.

use std::path::Path;

use toque_engine::diagnostic::Diagnostic;
use toque_engine::source::{Source, SourceType};

/// The archive that it is, here or on a server; none when it should be a folder.
/// # Errors
/// A URL that does not tell the checksum of what is there.
pub fn archive(named: &Path) -> Result<Option<Source>, Diagnostic> {
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
