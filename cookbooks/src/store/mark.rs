//! What tells a store from any other folder, so that nothing is removed from one that somebody has named by mistake.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use toque_engine::failure::{Attempting, Failure};

use crate::beside::replace;

/// The name that backup programs know caches by, <https://bford.info/cachedir/>.
const NAME: &str = "CACHEDIR.TAG";
const TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55
# What toque has fetched. All of it can be fetched again.
";
/// What may lie in a folder that is to become a store: what one begins with, and what file systems have at their top.
const BEFORE: [&str; 3] = [NAME, "lock", "lost+found"];

/// Looks whether a folder is a store, or may become one.
/// # Errors
/// When something else lies in it.
pub(super) fn check(folder: &Path) -> Result<(), Failure> {
    let strange = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        !BEFORE.iter().any(|known| name == *known) && !name.as_encoded_bytes().starts_with(b".toque-making-")
    };
    let path = folder.join(NAME);
    let empty = || Ok::<_, Failure>(!fs::read_dir(folder).attempting("list", folder)?.flatten().any(|entry| strange(&entry)));
    match fs::read_to_string(&path) {
        Ok(text) if text == TEXT => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && empty()? => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::io("read", &path, &error)),
        _ => Err(Failure::new(format!("`{}` is not empty, and is no cache of toque", folder.display()))
            .hint("name an empty folder by `--cache-dir` or `cache_dir`, or one that is not there yet")),
    }
}

/// Marks a folder as a store.
/// # Errors
/// When it cannot be written.
pub(super) fn mark(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(NAME);
    if path.exists() { Ok(()) } else { replace(&path, TEXT.as_bytes()) }
}
