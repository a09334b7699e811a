//! The rule for directories that may be removed with all that is in them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use toque_core::failure::RefusedPath;

/// Refuses the root, the folders right below it, and paths that do not end in a name. `name` is
/// that of the directory in the folder it is in, and `at_top` says that this is the root.
/// # Errors
/// The reason, for each of these.
pub fn may_remove_all(path: &Path, name: Option<&OsStr>, at_top: bool) -> Result<(), RefusedPath> {
    let (why, hint) = match name {
        None => (
            format!("`{}` is the root, or ends in `..`", path.display()),
            "name the directory that is meant",
        ),
        Some(name) if at_top => (
            format!("`/{}` is a folder at the top of the file system", name.display()),
            "name what is to be removed in it",
        ),
        Some(_) => return Ok(()),
    };
    Err(RefusedPath { why, hint: hint.to_owned() })
}

/// The kernel's list of what is mounted.
pub const MOUNTS: &str = "/proc/self/mountinfo";

/// Returns the first mount point at or below a directory, from the kernel's list: `proc(5)`. The
/// directory's path has no links.
#[must_use]
pub fn mounted_below(list: &[u8], directory: &Path) -> Option<PathBuf> {
    let points = list
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4).map(unescaped));
    points.into_iter().find(|point| point.starts_with(directory))
}

/// Returns the error for a mount point that is not to be crossed.
#[must_use]
pub fn mounted(point: &Path) -> RefusedPath {
    RefusedPath {
        why: format!("another file system is mounted at `{}`", point.display()),
        hint: "unmount it first, or set `one_file_system: false`".to_owned(),
    }
}

/// Returns the error for a mount point that was crossed: what was in it is removed, and it stays.
#[must_use]
pub fn emptied(point: &Path) -> RefusedPath {
    RefusedPath {
        why: format!(
            "`{}` is empty now and cannot be removed: another file system is mounted there",
            point.display()
        ),
        hint: "unmount it".to_owned(),
    }
}

/// Returns a path of the kernel's list, which writes a blank as `\040`.
pub(crate) fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] =
        b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:5 / /srv/a\\040b/c rw - tmpfs tmpfs rw\n";

    #[test]
    fn mount_points_are_found_by_whole_names() {
        for (directory, point) in [
            ("/srv", Some("/srv/a b/c")),
            ("/srv/a b", Some("/srv/a b/c")),
            ("/srv/a b/c", Some("/srv/a b/c")),
            ("/srv/a", None),
            ("/srv/a b/c/d", None),
        ] {
            let found = mounted_below(LIST, Path::new(directory));
            assert_eq!(found.as_deref(), point.map(Path::new), "{directory}");
        }
    }

    #[test]
    fn the_top_of_the_file_system_is_not_removed() {
        let may = |path: &str, name: Option<&str>, top| {
            may_remove_all(Path::new(path), name.map(OsStr::new), top).is_ok()
        };
        assert!(!may("/", None, true) && !may("/tmp/..", None, true));
        assert!(!may("/usr", Some("usr"), true) && !may("/a/../usr", Some("usr"), true));
        assert!(may("/usr/x", Some("x"), false));
    }
}
