//! Texts that arguments name: files, or standard input as `-`.

use std::io;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::failure::plain_io;

/// Reads a text. The error is the cause alone.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let text = if is_standard_input(path) {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| plain_io(&error))
}

pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a recipe.
pub(crate) fn recipe(path: &Path) -> Result<Source, Diagnostic> {
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
