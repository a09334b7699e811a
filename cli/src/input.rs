//! Texts that arguments name: files, or standard input as `-`.

use std::io;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::failure::plain_io;
use toque_core::read_text::{read_text, text_from};
use toque_machine::trust::{Subject, Trust};

/// Reads a text. The error is the cause alone.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let text = if is_standard_input(path) { text_from(io::stdin()) } else { read_text(path) };
    text.map_err(|error| plain_io(&error))
}

/// Checks that no others decide what is in a file that the command line names. What the shell has
/// opened is not looked at: it was chosen by those who opened it.
/// # Errors
/// A file that is not trusted.
pub(crate) fn check(path: &Path, trust: &Trust) -> Result<(), Diagnostic> {
    let opened = is_standard_input(path)
        || ["/dev/stdin", "/dev/fd", "/proc/self/fd"].iter().any(|place| path.starts_with(place));
    if opened { Ok(()) } else { Ok(trust.file(Subject::Document, path)?) }
}

pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a recipe, which no others decide about.
pub(crate) fn recipe(path: &Path, trust: &Trust) -> Result<Source, Diagnostic> {
    check(path, trust)?;
    let standard_input = is_standard_input(path);
    let text = read(path).map_err(|cause| {
        let from = if standard_input {
            "from standard input".to_owned()
        } else {
            format!("`{}`", path.display())
        };
        Diagnostic::error(format!("cannot read the recipe {from}: {cause}"))
    })?;
    Ok(if standard_input {
        Source { name: "standard input".to_owned(), path: None, text }
    } else {
        Source { name: path.display().to_string(), path: Some(PathBuf::from(path)), text }
    })
}
