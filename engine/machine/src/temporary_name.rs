//! Names of what is made for a moment beside its place: `.toque-WHAT-RANDOM`, with the extensions
//! of what it becomes. They are random because a name that is known beforehand can be taken by
//! another user, or by another run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The beginning of all temporary names.
pub const PREFIX: &str = ".toque-";
/// Letters and digits at the end of the name.
const RANDOM: usize = 6;
/// Bytes that Linux allows in a name.
const LONGEST: usize = 255;

/// Returns a temporary name in a few words: its beginning, and the extensions at its end.
pub(crate) fn affixes(what: &OsStr, extensions: &OsStr) -> (OsString, OsString) {
    // A long one is cut so that ours fits as well.
    let extensions = extensions.as_bytes();
    let extensions = &extensions[extensions.len().saturating_sub(150)..];
    let what = what.as_bytes();
    let what = &what[..what.len().min(LONGEST - 32 - extensions.len())];
    let mut prefix = OsString::from(PREFIX);
    prefix.push(OsStr::from_bytes(what));
    prefix.push("-");
    (prefix, OsStr::from_bytes(extensions).to_owned())
}

/// Makes something in `folder` under a temporary name, and returns its path. While `make` finds
/// something there, it is called with another name.
/// # Errors
/// As `make`.
pub fn make_in<T>(
    folder: &Path,
    what: &str,
    make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let (prefix, suffix) = affixes(what.as_ref(), OsStr::new(""));
    make_with(folder, &prefix, &suffix, make)
}

/// Makes something as `make_in`, with a prefix and a suffix from `affixes`.
pub(crate) fn make_with<T>(
    folder: &Path,
    prefix: &OsStr,
    suffix: &OsStr,
    make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(suffix)
        .rand_bytes(RANDOM)
        .disable_cleanup(true)
        .make_in(folder, make)?;
    let path = made.path().to_owned();
    Ok((path, made.into_file()))
}

/// Returns true for a name that `make_in` could have given.
#[must_use]
pub fn is_temporary(name: &OsStr) -> bool {
    random_part(name.as_bytes()).is_some()
}

/// Returns the place of the dash and the random letters in a temporary name.
pub(crate) fn random_part(name: &[u8]) -> Option<Range<usize>> {
    let start = PREFIX.len() + 1;
    let after = (start..name.len().saturating_sub(RANDOM)).map(|dash| dash..dash + 1 + RANDOM);
    let is_random = |part: &Range<usize>| {
        let (random, extensions) = (&name[part.start + 1..part.end], &name[part.end..]);
        name[part.start] == b'-'
            && random.iter().all(u8::is_ascii_alphanumeric)
            && (extensions.is_empty() || extensions[0] == b'.')
    };
    after.into_iter().find(is_random).filter(|_| name.starts_with(PREFIX.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn temporary_names_are_known_again() {
        for name in [".toque-link-aB3dE6", ".toque-a-b-000001", ".toque-x-abcdef.tar.gz"] {
            assert!(is_temporary(OsStr::new(name)), "{name}");
        }
        for name in [
            ".toque-vendor",
            ".toque-link",
            ".toque--abcdef",
            ".toque-link-abcde",
            ".toque-link-abcdefg",
            ".toque-link-abc.ef",
            "toque-link-abcdef",
            ".toqueignore",
        ] {
            assert!(!is_temporary(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_there_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let mut tried = Vec::new();
        let (path, ()) = make_in(folder.path(), "x", |path| {
            tried.push(path.to_owned());
            if tried.len() < 3 {
                fs::write(path, "taken").unwrap();
            }
            fs::create_dir(path)
        })
        .unwrap();
        assert_eq!(path.parent(), Some(folder.path()));
        assert_eq!((tried.len(), tried.last()), (3, Some(&path)));
        assert!(path.is_dir() && is_temporary(path.file_name().unwrap()));
        let failed =
            make_in(folder.path(), "x", |_| Err::<(), _>(io::Error::from_raw_os_error(28)));
        assert_eq!(failed.unwrap_err().raw_os_error(), Some(28), "the error is as it was");
    }
}
