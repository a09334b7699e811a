//! Access lists, capabilities and other extended attributes of a file, which a new file gets that
//! takes its place.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::unistd::geteuid;
use rustix::fs::{
    FileType, OFlags, XattrFlags, fremovexattr, fsetxattr, fstat, getxattr, listxattr,
};
use rustix::io::Errno;

use super::walk::Place;
use crate::system::Ownership;

/// The access list, which includes what the mode says of the group.
const ACCESS: &str = "system.posix_acl_access";

/// Names and values.
pub(super) struct Kept(Vec<(String, Vec<u8>)>);

impl Kept {
    /// Reads the attributes of the regular file at a place. Those that another user could have set
    /// are not trusted: in a folder that others can write, only those of a file of the same owner
    /// are taken.
    pub(super) fn of(place: &Place, owner: &Ownership) -> io::Result<Self> {
        let Ok(fd) = place.open(OFlags::PATH) else { return Ok(Self(Vec::new())) };
        let stat = fstat(&fd)?;
        let closed = place.folder.is_closed();
        let new_owner = owner.uid.unwrap_or_else(|| geteuid().as_raw());
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || !closed && (stat.st_uid != new_owner || stat.st_nlink > 1)
        {
            return Ok(Self(Vec::new()));
        }
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let names = match read(|buffer| listxattr(&path, buffer)) {
            Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Self(Vec::new())),
            names => names?,
        };
        let mut kept = Vec::new();
        for name in names.split(|byte| *byte == 0) {
            let Ok(name) = std::str::from_utf8(name) else { continue };
            if !is_kept(name, closed) {
                continue;
            }
            match read(|buffer| getxattr(&path, name, buffer)) {
                Ok(value) => kept.push((name.to_owned(), value)),
                // Removed since they were listed, or not for this user.
                Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(kept))
    }

    /// Sets the attributes on a new file, and returns the names of those that cannot be set.
    pub(super) fn give(self, fd: &OwnedFd) -> io::Result<Vec<String>> {
        let mut lost = Vec::new();
        if !self.0.iter().any(|(name, _)| name == ACCESS) {
            // What the folder gives to new files.
            match fremovexattr(fd, ACCESS) {
                Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (name, value) in self.0 {
            match fsetxattr(fd, &name, &value, XattrFlags::empty()) {
                Ok(()) => {}
                Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) => lost.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(lost)
    }
}

/// Returns true for what belongs to the file rather than to its content or its place.
fn is_kept(name: &str, closed: bool) -> bool {
    match name.split_once('.') {
        Some(("user", _)) => true,
        Some(("system", _)) => name == ACCESS,
        // Other labels come from the policy, and sums from the content.
        Some(("security", rest)) => rest == "capability" && closed,
        Some(("trusted", _)) => closed,
        _ => false,
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
