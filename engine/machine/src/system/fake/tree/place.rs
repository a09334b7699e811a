//! Where a path leads, by the kernel's rules.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use super::{Content, ROOT, Tree};
use crate::trusted_link::{Owned, by_number, distrust, not_followed};

/// Links that are followed for one path before it is taken for a loop.
const MOST_LINKS: u32 = 40;

/// Where a path leads: the directory, the name in it, and what has this name. The root has no name.
pub(super) struct Place {
    pub directory: u64,
    pub name: Option<OsString>,
    pub inode: Option<u64>,
    /// The path ended in a slash, so that it can only be a directory.
    pub slash: bool,
}

impl Tree {
    /// Follows a path part by part. Only the last may be missing.
    pub(super) fn place(&self, path: &Path, follow: bool) -> io::Result<Place> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if bytes.contains(&0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "file name contained an unexpected NUL byte",
            ));
        }
        let slash = bytes.len() > 1 && bytes.ends_with(b"/");
        let mut ahead = parts(path);
        // The directories from the root to here, for `..`.
        let mut trail = vec![ROOT];
        let mut shown = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            let here = trail.last().copied().unwrap_or(ROOT);
            let names = self.directory(here)?;
            let last = ahead.is_empty();
            if part == ".." {
                trail.truncate(trail.len().saturating_sub(1).max(1));
                shown.pop();
                continue;
            }
            if part.len() > 255 {
                return Err(Errno::ENAMETOOLONG.into());
            }
            let found = names.get(&part).copied();
            match found
                .map(|number| self.inode(number).map(|inode| (number, &inode.content)))
                .transpose()?
            {
                Some((link, Content::Link(to))) if !last || follow || slash => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::ELOOP.into());
                    }
                    self.may_follow(&shown.join(&part), link, here)?;
                    if to.is_absolute() {
                        trail.truncate(1);
                        shown = PathBuf::from("/");
                    }
                    ahead.extend(parts(to));
                }
                _ if last => {
                    return Ok(Place { directory: here, name: Some(part), inode: found, slash });
                }
                Some((number, _)) => {
                    trail.push(number);
                    shown.push(part);
                }
                None => return Err(Errno::ENOENT.into()),
            }
        }
        // The path ended in `..`, or is the root itself.
        let here = trail.last().copied().unwrap_or(ROOT);
        Ok(Place { directory: here, name: None, inode: Some(here), slash })
    }
}

impl Tree {
    fn may_follow(&self, path: &Path, link: u64, folder: u64) -> io::Result<()> {
        let (link, folder) = (self.inode(link)?, self.inode(folder)?);
        let folder = Owned { uid: folder.uid, mode: folder.mode };
        match distrust(self.own, link.uid, folder, by_number) {
            Some(why) => Err(not_followed(path, &why).into()),
            None => Ok(()),
        }
    }
}

impl Place {
    /// The name, when nothing has it yet.
    pub(super) fn free(&self) -> io::Result<OsString> {
        match (&self.name, self.inode) {
            (Some(name), None) => Ok(name.clone()),
            _ => Err(Errno::EEXIST.into()),
        }
    }
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}
