//! Removing a directory with all that is in it, from descriptor to descriptor: links are removed,
//! never followed.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, fstat, openat, openat2, renameat, unlinkat};
use rustix::io::Errno;

use super::names_in;
use super::walk::{Place, is_link};
use crate::removal::{MOUNTS, emptied, may_remove_all, mounted, mounted_below};
use crate::system::Mounts;
use crate::temporary_name::make_in;

/// Folders that are open at once. What lies deeper is moved up before it is removed, so that no
/// depth needs more.
const DEEPEST: usize = 100;

pub(super) fn all(place: &Place, path: &Path, mounts: Mounts) -> io::Result<()> {
    let stat = place.stat()?;
    if is_link(&stat) {
        return Ok(unlinkat(&place.folder.fd, &place.name, AtFlags::empty())?);
    }
    let directory = place.open_dir()?;
    let name = (place.name != ".").then_some(place.name.as_os_str());
    may_remove_all(path, name, place.folder.is_root()?)?;
    if mounts == Mounts::Stay
        && let Some(mount) = mount_below(&directory)
    {
        return Err(mounted(&mount).into());
    }
    let mut removal = Removal { top: &directory, mounts, moved: 0 };
    loop {
        let before = removal.moved;
        removal.empty(&directory, 0)?;
        if removal.moved == before {
            break;
        }
    }
    empty_directory(place, path)
}

pub(super) fn empty_directory(place: &Place, path: &Path) -> io::Result<()> {
    match unlinkat(&place.folder.fd, &place.name, AtFlags::REMOVEDIR) {
        Err(Errno::BUSY) => Err(emptied(path).into()),
        removed => Ok(removed?),
    }
}

struct Removal<'a> {
    top: &'a OwnedFd,
    mounts: Mounts,
    /// Counts folders that were moved up.
    moved: u64,
}

impl Removal<'_> {
    fn empty(&mut self, directory: &OwnedFd, depth: usize) -> io::Result<()> {
        let listed = openat(
            directory,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        for name in names_in(listed)? {
            match unlinkat(directory, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR | Errno::PERM) => self.directory(directory, &name, depth)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn directory(&mut self, above: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<()> {
        let below = self.open(above, name)?;
        if depth == DEEPEST {
            drop(below);
            self.moved += 1;
            // The folder is the open one.
            return make_in(Path::new("/"), "removing", |path| {
                let new = path.file_name().unwrap_or_default();
                Ok(renameat(above, name, self.top, new)?)
            })
            .map(|_| ());
        }
        self.empty(&below, depth + 1)?;
        match unlinkat(above, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::BUSY) => Err(emptied(Path::new(name)).into()),
            Err(error) => Err(error.into()),
        }
    }

    fn open(&self, above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.mounts == Mounts::Cross {
            return Ok(openat(above, name, flags, Mode::empty())?);
        }
        match openat2(above, name, flags, Mode::empty(), ResolveFlags::NO_XDEV) {
            Err(Errno::XDEV) => Err(mounted(Path::new(name)).into()),
            // Old kernels have only the device to tell by.
            Err(Errno::NOSYS | Errno::PERM) => {
                let below = openat(above, name, flags, Mode::empty())?;
                if fstat(&below)?.st_dev == fstat(above)?.st_dev {
                    Ok(below)
                } else {
                    Err(mounted(Path::new(name)).into())
                }
            }
            below => Ok(below?),
        }
    }
}

/// Returns the first mount point at or below a directory.
fn mount_below(directory: &OwnedFd) -> Option<PathBuf> {
    // Without /proc each directory is still looked at when its turn comes.
    let place = std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()?;
    mounted_below(&std::fs::read(MOUNTS).ok()?, &place)
}
