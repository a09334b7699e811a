//! Entries that are there already. Another user who can write in their folder could have put a
//! second name of any file there, so that a file with several names is not changed or read there,
//! unless it is that user's own.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use nix::unistd::geteuid;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, chmod, chownat,
    fstat, linkat, openat, utimensat,
};
use rustix::io::Errno;
use rustix::thread::{Gid, Uid};

use super::kept::Kept;
use super::not_regular;
use super::walk::{Folder, Place, is_link};
use crate::system::Ownership;
use toque_core::failure::RefusedPath;

/// An entry, held by a descriptor that cannot be led elsewhere.
pub(super) struct Entry {
    fd: OwnedFd,
    pub stat: Stat,
    place: Place,
}

impl Entry {
    /// # Errors
    /// When nothing is there.
    pub(super) fn at(place: &Place) -> io::Result<Self> {
        let flags = if place.slash { OFlags::PATH | OFlags::DIRECTORY } else { OFlags::PATH };
        let fd = place.open(flags)?;
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat, place: place.clone() })
    }

    pub(super) fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        if is_link(&self.stat) {
            return Err(Errno::LOOP.into());
        }
        self.may_change(path, false)?;
        Ok(chmod(self.magic(), Mode::from_raw_mode(mode))?)
    }

    pub(super) fn set_owner(
        &self,
        path: &Path,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> io::Result<()> {
        self.may_change(path, uid.is_some_and(|uid| uid != self.stat.st_uid))?;
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        Ok(chownat(&self.fd, "", uid, gid, AtFlags::EMPTY_PATH)?)
    }

    pub(super) fn touch(&self, path: &Path) -> io::Result<()> {
        self.may_change(path, false)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        match utimensat(&self.fd, "", &times, AtFlags::EMPTY_PATH) {
            // Kernels before 5.8.
            Err(Errno::INVAL | Errno::NOENT | Errno::BADF) => {
                let Place { folder, name, .. } = &self.place;
                Ok(utimensat(&folder.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
            }
            touched => Ok(touched?),
        }
    }

    /// Opens the file for writing, emptied.
    fn open_empty(&self, path: &Path) -> io::Result<File> {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(Errno::LOOP.into()),
            FileType::Directory => return Err(Errno::ISDIR.into()),
            _ => return Err(not_regular()),
        }
        self.may_change(path, false)?;
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(openat(CWD, self.magic(), flags, Mode::empty())?))
    }

    /// Returns the path by which the kernel gives this very file, whatever its name is now.
    fn magic(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    fn may_change(&self, path: &Path, gives_away: bool) -> io::Result<()> {
        let own = [0, geteuid().as_raw()].contains(&self.stat.st_uid);
        if has_more_names(&self.place.folder, &self.stat) && (own || gives_away) {
            return Err(linked(path, &self.stat).into());
        }
        Ok(())
    }
}

/// Writes `content` into the file that is there. Writing takes its capabilities from it, so that
/// they are set again.
pub(super) fn write(place: &Place, path: &Path, content: &mut dyn Read) -> io::Result<Vec<String>> {
    let entry = Entry::at(place)?;
    let kept = Kept::of(place, &Ownership { uid: Some(entry.stat.st_uid), gid: None, mode: None })?;
    let mut file = entry.open_empty(path)?;
    io::copy(content, &mut file)?;
    let lost = kept.give_capabilities(&file)?;
    file.sync_all()?;
    Ok(lost)
}

/// Refuses to read a file that may be somebody else's under a second name.
pub(super) fn may_read(place: &Place, path: &Path, stat: &Stat) -> io::Result<()> {
    if has_more_names(&place.folder, stat) && stat.st_uid != place.folder.uid {
        return Err(linked(path, stat).into());
    }
    Ok(())
}

/// Gives a file a second name. As with reading, it may be somebody else's already.
pub(super) fn link(from: &Place, path: &Path, to: &Place) -> io::Result<()> {
    let entry = Entry::at(from)?;
    may_read(from, path, &entry.stat)?;
    let (at, name) = (&to.folder.fd, &to.name);
    Ok(linkat(CWD, entry.magic(), at, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn has_more_names(folder: &Rc<Folder>, stat: &Stat) -> bool {
    stat.st_nlink > 1
        && FileType::from_raw_mode(stat.st_mode) != FileType::Directory
        && !folder.is_closed()
}

fn linked(path: &Path, stat: &Stat) -> RefusedPath {
    RefusedPath {
        why: format!(
            "`{}` has {} names and lies in a folder that others can write, who may have linked somebody else's file there",
            path.display(),
            stat.st_nlink
        ),
        hint: "remove it there (its other names stay), or use a folder that only root can write"
            .to_owned(),
    }
}
