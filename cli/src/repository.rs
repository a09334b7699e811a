//! The repository that a command is about.

use std::path::{Path, PathBuf};

use toque_cookbooks::manifest::cookfile::{self, Cookfile, Location};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_machine::source::{Source, SourceType};
use toque_machine::trust::{Subject, Trust};

/// The repository that the command line names, and the users who may decide what is in one.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) repo: Option<&'a Path>,
    pub(crate) trust: &'a Trust,
}

impl<'a> Named<'a> {
    /// Returns the same with another name.
    pub(crate) fn at(self, repo: &'a Path) -> Self {
        Self { repo: Some(repo), ..self }
    }
}

/// Finds the repository: the folder that is named, else the nearest one at or above `from`, or the
/// current folder, with `Cookfile.toml` or `cookbooks/`.
/// # Errors
/// When it cannot be found, or another user decides what is in it.
pub(crate) fn find_repository(
    Named { repo, trust }: Named<'_>,
    from: Option<&Path>,
) -> Result<Option<PathBuf>, Diagnostic> {
    if let Some(named) = repo {
        trusted(named, trust)?;
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
    let from = from.unwrap_or(&here);
    let Some(found) = from.ancestors().find(is_repository) else { return Ok(None) };
    trust.found_from(found, from)?;
    trusted(found, trust)?;
    Ok(Some(found.to_owned()))
}

/// Checks that no others decide what is in a repository, and in the folders that its Cookfile
/// names.
/// # Errors
/// What they could have changed.
pub(crate) fn trusted(repository: &Path, trust: &Trust) -> Result<(), Diagnostic> {
    trust.repository(repository)?;
    // A Cookfile with a mistake is told of by those who need it.
    let Ok(Some(cookfile)) = Cookfile::read(repository) else { return Ok(()) };
    let pins = cookfile.cookbooks.iter().filter_map(|wanted| match &wanted.from {
        Location::Path(folder) => Some(folder),
        _ => None,
    });
    let sources = cookfile.sources.iter().filter_map(|source| match source {
        cookfile::Source::Folder(folder) => Some(folder),
        cookfile::Source::Registry(_) => None,
    });
    for folder in pins.chain(sources) {
        trust.tree(Subject::Repository, &repository.join(folder))?;
    }
    Ok(())
}

/// Returns the archive that is named, a file or a URL; none when a folder should be there.
/// # Errors
/// A file that another user decides about; a URL that does not tell the checksum of what is there.
pub(crate) fn archive(named: &Path, trust: &Trust) -> Result<Option<Source>, Diagnostic> {
    let text = named.to_string_lossy();
    let (url, checksum) = match text.split_once("#sha256=") {
        Some((url, checksum)) => (url, Some(checksum.to_owned())),
        None => (&*text, None),
    };
    let is_url = url.contains("://");
    if !is_url && !Path::new(url).is_file() {
        return Ok(None);
    }
    if !is_url {
        trust.file(Subject::Document, Path::new(url))?;
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
