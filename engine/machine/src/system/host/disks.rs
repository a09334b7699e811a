//! The file systems that are on disks of this machine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, syncfs};
use rustix::io::Errno;
use toque_core::failure::{ErrorContext, Failure};

use crate::removal::{MOUNTS, unescaped};

/// File systems without a device number of their own that are on disks all the same.
const ON_DISKS: [&str; 4] = ["bcachefs", "btrfs", "overlay", "zfs"];

/// Waits until all that was written is on the disks. Where the kernel's list of mounts is missing,
/// that is all that is mounted.
pub(super) fn sync() -> Result<(), Failure> {
    let Ok(list) = std::fs::read(MOUNTS) else {
        rustix::fs::sync();
        return Ok(());
    };
    for point in on_disks(&list) {
        // A mount point may be a file, and one that another mount hides cannot be opened.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let synced = match open(&point, flags, Mode::empty()) {
            Ok(fd) => syncfs(&fd),
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::NXIO) => continue,
            Err(error) => Err(error),
        };
        synced.map_err(std::io::Error::from).context("sync the file system at", &point)?;
    }
    Ok(())
}

/// Returns a mount point of each file system that is on a disk and can be written, from the
/// kernel's list: `proc(5)`.
fn on_disks(list: &[u8]) -> Vec<PathBuf> {
    let mut known = HashSet::new();
    let mut points = Vec::new();
    for line in list.split(|byte| *byte == b'\n') {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        // The optional fields end in a dash.
        let Some(dash) = fields.iter().position(|field| *field == b"-") else { continue };
        let (Some(device), Some(point), Some(kind), Some(options)) =
            (fields.get(2), fields.get(4), fields.get(dash + 1), fields.get(dash + 3))
        else {
            continue;
        };
        let kind = String::from_utf8_lossy(kind);
        let writable = options.split(|byte| *byte == b',').any(|option| option == b"rw");
        let is_on_disk = !device.starts_with(b"0:") || ON_DISKS.contains(&&*kind);
        // Programs answer for FUSE, which may never happen.
        if writable && is_on_disk && !kind.starts_with("fuse") && known.insert(*device) {
            points.push(unescaped(point));
        }
    }
    points.retain(|point| point != Path::new(""));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_system_on_a_disk_is_found_once() {
        let list = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
23 22 0:21 / /proc rw - proc proc rw\n\
24 22 8:1 /srv /srv/bound ro - ext4 /dev/sda1 rw\n\
25 22 0:44 / /data\\040x rw - btrfs /dev/sdb rw,space_cache\n\
26 22 0:50 / /mnt/net rw - nfs4 server:/x rw\n\
27 22 7:0 / /snap ro - squashfs /dev/loop0 ro\n\
28 22 8:2 / /mnt/ntfs rw shared:2 master:3 - fuseblk /dev/sda2 rw\n";
        assert_eq!(on_disks(list), [Path::new("/"), Path::new("/data x")]);
        sync().unwrap();
    }
}
