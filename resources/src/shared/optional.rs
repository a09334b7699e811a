//! Reads of paths that may be missing.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure, RefusedPath};
use toque_core::read_optional::optional;
use toque_machine::system::{FileKind, Metadata, Query};

/// Returns what lies at the path itself. Nothing can lie below something that is not a directory.
pub(crate) fn lstat(query: &dyn Query, path: &Path) -> Result<Option<Metadata>, Failure> {
    optional(query.lstat(path)).context("look at", path)
}

/// Returns what a path leads to.
pub(crate) fn stat(query: &dyn Query, path: &Path) -> Result<Option<Metadata>, Failure> {
    optional(query.stat(path)).context("look at", path)
}

/// Returns true if something is at the path, links followed.
pub(crate) fn exists(query: &dyn Query, path: &Path) -> Result<bool, Failure> {
    Ok(stat(query, path)?.is_some())
}

/// Returns true if the path itself is of this kind.
pub(crate) fn is(query: &dyn Query, path: &Path, kind: FileKind) -> Result<bool, Failure> {
    Ok(lstat(query, path)?.is_some_and(|found| found.kind == kind))
}

/// Returns the text of the link at a path; none where no link is.
pub(crate) fn read_link(query: &dyn Query, path: &Path) -> Result<Option<PathBuf>, Failure> {
    match lstat(query, path)? {
        Some(found) if found.kind == FileKind::Link => {
            optional(query.read_link(path)).context("read the link", path)
        }
        _ => Ok(None),
    }
}

/// Returns the names in a folder, none where no folder is.
pub(crate) fn read_dir(query: &dyn Query, path: &Path) -> Result<Vec<OsString>, Failure> {
    Ok(optional(query.read_dir(path)).context("list", path)?.unwrap_or_default())
}

/// Returns a read of what another user decides about as missing too, where that user's own program
/// reads it or acts on it: it follows links that toque does not follow.
pub(crate) fn of_another_user<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if RefusedPath::of(&error).is_some() => Ok(None),
        read => optional(read),
    }
}

/// Returns the text of a file.
pub(crate) fn read_text(query: &dyn Query, path: &Path) -> Result<Option<String>, Failure> {
    let bytes = optional(query.read(path)).context("read", path)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use toque_machine::system::{FakeSystem, Operation};

    use super::*;

    #[test]
    fn only_what_is_not_there_is_missing() {
        let fake = FakeSystem::new();
        fake.put_file("/r/file", "text");
        fake.put_link("/r/link", "file");
        let at = |name: &str| Path::new("/r").join(name);
        for name in ["none", "none/below", "file/below"] {
            let path = at(name);
            assert_eq!(lstat(&fake, &path), Ok(None), "{name}");
            assert_eq!(exists(&fake, &path), Ok(false), "{name}");
            assert_eq!(read_text(&fake, &path), Ok(None), "{name}");
            assert_eq!(read_link(&fake, &path), Ok(None), "{name}");
            assert_eq!(read_dir(&fake, &path), Ok(Vec::new()), "{name}");
        }
        assert_eq!(read_link(&fake, &at("file")), Ok(None));
        assert_eq!(read_link(&fake, &at("link")), Ok(Some("file".into())));
        assert_eq!(is(&fake, &at("link"), FileKind::Link), Ok(true));
        for operation in [Operation::Look, Operation::Read] {
            fake.break_operation(operation, "/r/link", io::ErrorKind::Other);
            assert!(read_link(&fake, &at("link")).is_err(), "{operation:?}");
            fake.mend("/r/link");
        }
        fake.break_operation(Operation::Look, "/r/file", io::ErrorKind::PermissionDenied);
        assert!(lstat(&fake, &at("file")).is_err() && exists(&fake, &at("file")).is_err());
        fake.break_operation(Operation::List, "/r", io::ErrorKind::Other);
        assert!(read_dir(&fake, Path::new("/r")).is_err());
    }

    #[test]
    fn what_another_user_leads_elsewhere_is_left_to_that_user() {
        let refused = RefusedPath { why: String::new(), hint: String::new() };
        assert_eq!(of_another_user::<()>(Err(refused.into())).unwrap(), None);
        assert!(of_another_user::<()>(Err(io::ErrorKind::PermissionDenied.into())).is_err());
    }
}
