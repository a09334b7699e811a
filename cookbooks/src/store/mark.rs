//! What tells a store from any other folder, so that nothing is removed from one that somebody has named by mistake.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use toque_engine::failure::{Attempting, Failure};

use super::replace;

/// The name that backup programs know caches by, <https://bford.info/cachedir/>.
const NAME: &str = "CACHEDIR.TAG";
const TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55
# What toque has fetched. All of it can be fetched again.
";
/// What may lie in a folder that is to become a store: what one begins with, and what file systems have at their top.
const BEFORE: [&str; 3] = [NAME, "lock", "lost+found"];

/// Marks a folder as a store, unless it is one.
/// # Errors
/// When something else lies in it, or it cannot be written.
pub(super) fn mark(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) if text == TEXT => return Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::io("read", &path, &error)),
        _ => {}
    }
    let strange = fs::read_dir(folder).attempting("list", folder)?.flatten().map(|entry| entry.file_name());
    let mut strange = strange.filter(|name| !BEFORE.iter().any(|known| name == known) && !is_temporary(name));
    if path.exists() || strange.next().is_some() {
        return Err(Failure::new(format!("`{}` is not empty, and is no cache of toque", folder.display()))
            .hint("name an empty folder by `--cache-dir` or `cache_dir`, or one that is not there yet"));
    }
    replace(&path, TEXT.as_bytes())
}

/// Whether it is what another process makes the mark of.
fn is_temporary(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
