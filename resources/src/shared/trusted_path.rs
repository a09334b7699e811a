//! Checks that only root and the owner can redirect a path. A user who owns a folder on it, or can
//! write in one, could put a link in the place of the next part while toque works there as root,
//! and so have any file of the machine given away or overwritten.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::removal::{MOUNTS, may_remove_all, mounted, mounted_below};
use toque_machine::system::{FileKind, Metadata, Mounts, Query};
use toque_machine::view::View;

/// A path, resolved part by part.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedPath {
    /// The path without links.
    pub path: PathBuf,
    /// The metadata at its end; `None` where nothing is.
    pub found: Option<Metadata>,
    /// The innermost folder on it that only root and toque's own user can replace.
    pub safe: PathBuf,
    /// The first part that another user can redirect, and how.
    pub fault: Option<String>,
}

impl ResolvedPath {
    /// Returns true if only root and toque's own user can redirect the path.
    pub(crate) fn is_safe(&self) -> bool {
        self.safe == self.path
    }
}

/// Resolves a path. A part that belongs to the user `by` is no fault as long as no other user can
/// write in it; it is not safe either. In a folder with the sticky bit, such as `/tmp`, only the
/// owner of an entry can replace it.
/// # Errors
/// When a part cannot be looked at, or links go round in a circle.
pub(crate) fn resolve(
    view: &View<'_>,
    path: &Path,
    by: Option<u32>,
) -> Result<ResolvedPath, Failure> {
    let own = view.effective_uid();
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut resolved =
        ResolvedPath { path: "/".into(), found: None, safe: PathBuf::new(), fault: None };
    let (mut unsafe_yet, mut links) = (false, 0);
    let mut here = PathBuf::from("/");
    loop {
        let metadata = match view.lstat(&here) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                break;
            }
            Err(error) => return Err(error).context("look at", &here),
        };
        let open = metadata.kind == FileKind::Directory
            && metadata.mode & 0o022 != 0
            && metadata.mode & 0o1000 == 0;
        let owned = metadata.uid == 0 || metadata.uid == own;
        if open || !owned {
            unsafe_yet = true;
            if resolved.fault.is_none() && (open || Some(metadata.uid) != by) {
                let shown = here.display();
                resolved.fault = Some(match open {
                    true => format!("others can write in `{shown}` (mode {:04o})", metadata.mode),
                    false => format!("user {} owns `{shown}`", metadata.uid),
                });
            }
        }
        if metadata.kind == FileKind::Link {
            links += 1;
            if links > 40 {
                return Err(Failure::new(format!(
                    "`{}` has a symbolic link on its way that leads back to itself",
                    path.display()
                ))
                .hint("correct the link"));
            }
            let to = view.read_link(&here).context("read the link", &here)?;
            parts(&to).rev().for_each(|part| rest.push_front(part));
            if to.is_absolute() {
                resolved.path = "/".into();
            }
        } else {
            resolved.path.clone_from(&here);
            if !unsafe_yet {
                resolved.safe.clone_from(&here);
            }
            if rest.is_empty() {
                resolved.found = Some(metadata);
                return Ok(resolved);
            }
        }
        while rest.front().is_some_and(|part| part == "..") {
            rest.pop_front();
            resolved.path.pop();
        }
        let Some(next) = rest.pop_front() else {
            // A link to a folder that was followed already, such as `/` or `..`.
            here.clone_from(&resolved.path);
            continue;
        };
        here = resolved.path.join(next);
    }
    resolved.path = here;
    resolved.path.extend(rest);
    Ok(resolved)
}

/// Refuses to remove a directory with all that is in it, or what its cookbook does not have, where
/// that is the root or a folder right below it, however the path leads there, or where another file
/// system is mounted that is not to be crossed.
/// # Errors
/// The reason, and as `resolve`.
pub(crate) fn may_empty(view: &View<'_>, path: &Path, mounts: Mounts) -> Result<(), Failure> {
    let end = resolve(view, path, None)?.path;
    let at_top = end.parent() == Some(Path::new("/"));
    may_remove_all(path, end.file_name(), at_top)
        .and_then(|()| match view.read(Path::new(MOUNTS)) {
            Ok(list) if mounts == Mounts::Stay => {
                mounted_below(&list, &end).map_or(Ok(()), |point| Err(mounted(&point)))
            }
            _ => Ok(()),
        })
        .map_err(io::Error::from)
        .context("empty", path)
}

/// Returns the names in a path, without its root.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(part)
}

#[cfg(test)]
mod tests {
    use toque_machine::system::System;

    use super::*;
    use crate::testing::Bench;

    fn told(bench: &Bench, path: &str, by: Option<u32>) -> (String, String, Option<String>) {
        let way = resolve(&View::new(&bench.fake), Path::new(path), by).unwrap();
        (way.path.display().to_string(), way.safe.display().to_string(), way.fault)
    }

    #[test]
    fn whoever_could_lead_it_elsewhere_is_named() {
        let bench = Bench::new();
        let fake = &bench.fake;
        for (path, mode, uid) in [
            ("/home", 0o755, 0),
            ("/home/alice", 0o755, 1000),
            ("/home/alice/x", 0o755, 0),
            ("/tmp", 0o1777, 0),
            ("/open", 0o775, 0),
        ] {
            fake.put_dir(path, mode);
            fake.set_owner(Path::new(path), Some(uid), None).unwrap();
        }
        let is = |path: &str, safe: &str, fault: Option<&str>| {
            (path.to_owned(), safe.to_owned(), fault.map(str::to_owned))
        };
        assert_eq!(told(&bench, "/r", None), is("/r", "/r", None));
        assert_eq!(told(&bench, "/tmp/new/a", None), is("/tmp/new/a", "/tmp", None));
        assert_eq!(
            told(&bench, "/home/alice/x", None),
            is("/home/alice/x", "/home", Some("user 1000 owns `/home/alice`"))
        );
        assert_eq!(told(&bench, "/home/alice/x", Some(1000)), is("/home/alice/x", "/home", None));
        assert_eq!(
            told(&bench, "/home/alice/x", Some(1001)).2.as_deref(),
            Some("user 1000 owns `/home/alice`")
        );
        assert_eq!(
            told(&bench, "/open", Some(1000)),
            is("/open", "/", Some("others can write in `/open` (mode 0775)"))
        );
        // Links count by their owner, and by what they lead through.
        fake.symlink(Path::new("../r"), Path::new("/tmp/ours")).unwrap();
        assert_eq!(told(&bench, "/tmp/ours", None), is("/r", "/r", None));
        fake.symlink(Path::new("/r"), Path::new("/tmp/theirs")).unwrap();
        fake.set_owner(Path::new("/tmp/theirs"), Some(1000), None).unwrap();
        assert_eq!(
            told(&bench, "/tmp/theirs", None),
            is("/r", "/tmp", Some("user 1000 owns `/tmp/theirs`"))
        );
        fake.symlink(Path::new("/home/alice"), Path::new("/r/home")).unwrap();
        assert_eq!(
            told(&bench, "/r/home/x", None).2.as_deref(),
            Some("user 1000 owns `/home/alice`")
        );
        fake.symlink(Path::new("round"), Path::new("/r/round")).unwrap();
        assert!(resolve(&View::new(fake), Path::new("/r/round/x"), None).is_err());
    }
}
