//! Access lists, capabilities and other extended attributes of a file, which a new file gets that
//! takes its place.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::unistd::geteuid;
use rustix::fs::{
    FileType, OFlags, XattrFlags, fremovexattr, fsetxattr, fstat, getxattr, listxattr,
};
use rustix::io::Errno;

use super::walk::Place;
use crate::system::Ownership;

/// The access list, which includes what the mode says of the group.
const ACCESS: &str = "system.posix_acl_access";
const CAPABILITIES: &str = "security.capability";

/// The attributes of a file.
#[derive(Default)]
pub(super) struct Kept {
    /// Names and values.
    values: Vec<(String, Vec<u8>)>,
    /// Names of those that a new file does not get.
    pub(super) lost: Vec<String>,
}

impl Kept {
    /// Reads the attributes of the regular file at a place. Those that another user could have set
    /// are not trusted: in a folder that others can write, only those of a file of the same owner
    /// are taken.
    pub(super) fn of(place: &Place, owner: &Ownership) -> io::Result<Self> {
        let fd = match place.open(OFlags::PATH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            fd => fd?,
        };
        let stat = fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Self::default());
        }
        let closed = place.folder.is_closed();
        let new_owner = owner.uid.unwrap_or_else(|| geteuid().as_raw());
        let trusted = closed || stat.st_uid == new_owner && stat.st_nlink == 1;
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let names = match read(|buffer| listxattr(&path, buffer)) {
            Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Self::default()),
            names => names?,
        };
        let mut kept = Self::default();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = String::from_utf8_lossy(name).into_owned();
            match fate(&name, closed) {
                Fate::Made => {}
                Fate::Kept if trusted => match read(|buffer| getxattr(&path, &name, buffer)) {
                    Ok(value) => kept.values.push((name, value)),
                    // Removed since they were listed.
                    Err(Errno::NODATA) => {}
                    Err(Errno::PERM | Errno::ACCESS) => kept.lost.push(name),
                    Err(error) => return Err(error.into()),
                },
                Fate::Kept | Fate::Lost => kept.lost.push(name),
            }
        }
        Ok(kept)
    }

    /// Sets the attributes on a new file, and returns the names of those that cannot be set.
    pub(super) fn give(self, fd: &impl AsFd) -> io::Result<Vec<String>> {
        let Self { values, mut lost } = self;
        if !values.iter().any(|(name, _)| name == ACCESS) {
            // What the folder gives to new files.
            match fremovexattr(fd, ACCESS) {
                Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (name, value) in values {
            if !set(fd, &name, &value)? {
                lost.push(name);
            }
        }
        Ok(lost)
    }

    /// Sets the capabilities again on a file that was written into, and returns their name if they
    /// cannot be set. All other attributes of the file have stayed.
    pub(super) fn give_capabilities(self, fd: &impl AsFd) -> io::Result<Vec<String>> {
        let mut lost = self.lost;
        lost.retain(|name| name == CAPABILITIES);
        for (name, value) in self.values.iter().filter(|(name, _)| name == CAPABILITIES) {
            if !set(fd, name, value)? {
                lost.push(name.clone());
            }
        }
        Ok(lost)
    }
}

/// Sets an attribute, and says whether the file can have it.
fn set(fd: &impl AsFd, name: &str, value: &[u8]) -> io::Result<bool> {
    match fsetxattr(fd, name, value, XattrFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    /// The system makes it anew, from its policy or from the content.
    Made,
}

/// Returns what becomes of an attribute when its file is replaced; `closed` tells that only root
/// and toque can write in the folder.
fn fate(name: &str, closed: bool) -> Fate {
    let kept = |kept| if kept { Fate::Kept } else { Fate::Lost };
    match name.split_once('.') {
        Some(("user", _)) => Fate::Kept,
        Some(("system", rest)) => kept(["posix_acl_access", "nfs4_acl"].contains(&rest)),
        Some(("security", "selinux" | "ima" | "evm")) => Fate::Made,
        Some(("security", rest)) => kept(rest == "capability" && closed),
        Some(("trusted", _)) => kept(closed),
        _ => Fate::Lost,
    }
}

/// Reads a value whose size is not known.
fn read(
    mut ask: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    // The kernel has nothing larger.
    for size in [256, 4 << 10, 64 << 10] {
        let mut buffer = vec![0; size];
        match ask(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::RANGE)
}
