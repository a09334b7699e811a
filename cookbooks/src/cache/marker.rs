//! The marker that tells a cache from any other folder, so that nothing is removed from a folder
//! that was named by mistake.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use toque_core::failure::{ErrorContext, Failure};

use super::{ARCHIVES, CLONES, COOKBOOKS, MAKING, RESPONSES, USERS};
use toque_machine::atomic_write::replace;

/// The name that backup programs know caches by, <https://bford.info/cachedir/>.
const NAME: &str = "CACHEDIR.TAG";
const TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55
# What toque has fetched. All of it can be fetched again.
";
/// What a cache is made of, and what file systems have at their top.
const OURS: [&str; 9] =
    [NAME, "lock", MAKING, COOKBOOKS, CLONES, RESPONSES, ARCHIVES, USERS, "lost+found"];
/// What only a cache has.
const OURS_ALONE: [&str; 2] = ["lock", "making"];

/// Checks that a folder is a cache, or may become one.
/// # Errors
/// When something else lies in it.
pub(super) fn check(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(NAME);
    // One that was made before there were markers has nothing but what is a cache's.
    let may_be = || -> Result<bool, Failure> {
        let names: Vec<_> = fs::read_dir(folder)
            .context("list", folder)?
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        let mut names =
            names.iter().filter(|name| !name.as_encoded_bytes().starts_with(b".toque-making-"));
        let is_one = names.clone().all(|name| name == "lost+found")
            || names.clone().any(|name| OURS_ALONE.iter().any(|ours| name == ours));
        Ok(is_one && names.all(|name| OURS.iter().any(|ours| name == ours)))
    };
    match fs::read_to_string(&path) {
        Ok(text) if text == TEXT => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && may_be()? => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::io("read", &path, &error))
        }
        _ => Err(Failure::new(format!(
            "`{}` is not empty, and is no cache of toque",
            folder.display()
        ))
        .hint(
            "name an empty folder by `--cache-dir` or `cache_dir`, or one that is not there yet",
        )),
    }
}

/// Marks a folder as a cache.
/// # Errors
/// When it cannot be written.
pub(super) fn mark(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(NAME);
    if path.exists() { Ok(()) } else { replace(&path, TEXT.as_bytes()) }
}
