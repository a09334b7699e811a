//! Acting on files with the rights of another user. The kernel keeps the user for files apart for
//! each thread; while it is not root, the thread has none of root's rights on files either.

use std::io;

use nix::sys::prctl::{get_dumpable, set_dumpable};
use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, setfsgid, setfsuid};
use rustix::io::Errno;
use rustix::thread::set_thread_groups;

/// A group that nobody is in.
pub(super) const NO_GROUP: u32 = 65_534;

/// The user and groups whose rights on files are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rights {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

impl Rights {
    /// Returns the rights of a user as an owner, without those of any group.
    pub(super) fn of_owner(uid: u32) -> Self {
        Self { uid, gid: NO_GROUP, groups: Vec::new() }
    }
}

/// Calls `act` with the rights of another user, of whom the thread has nothing else: that user
/// cannot stop it or look into it.
/// # Errors
/// When the rights cannot be taken, and as `act`.
pub(super) fn with_rights<T>(
    rights: &Rights,
    act: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let taken = Taken::take(rights)?;
    let done = act();
    drop(taken);
    done
}

/// Toque's own rights, which come back when it is dropped.
struct Taken {
    groups: Vec<rustix::thread::Gid>,
    dumpable: bool,
}

impl Taken {
    fn take(rights: &Rights) -> io::Result<Self> {
        let groups = getgroups()?
            .into_iter()
            .map(|gid| rustix::thread::Gid::from_raw(gid.as_raw()))
            .collect();
        // The kernel takes this from the whole process when a thread changes its rights; children
        // open files of this process, which would then need a capability that containers lack.
        let taken = Self { groups, dumpable: get_dumpable()? };
        let theirs: Vec<_> =
            rights.groups.iter().map(|gid| rustix::thread::Gid::from_raw(*gid)).collect();
        set_thread_groups(&theirs)?;
        let (uid, gid) = (Uid::from_raw(rights.uid), Gid::from_raw(rights.gid));
        setfsgid(gid);
        setfsuid(uid);
        // The calls have no errors: each returns what was there before.
        if setfsgid(gid) != gid || setfsuid(uid) != uid {
            return Err(Errno::PERM.into());
        }
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        setfsuid(geteuid());
        setfsgid(getegid());
        // Root may always do this; failing would leave the thread with fewer rights.
        let _ = set_thread_groups(&self.groups);
        if self.dumpable {
            let _ = set_dumpable(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn root_acts_as_another_user_and_is_root_again() {
        if !geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let secret = place.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        // Readable for root's group, which must not be left.
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
        let made = place.path().join("made");
        let read = with_rights(&Rights::of_owner(61_001), || {
            fs::write(&made, "x")?;
            assert!(std::os::unix::fs::chown(&made, Some(0), None).is_err());
            fs::read(&secret)
        });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::metadata(&made).unwrap().uid(), 61_001);
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        std::os::unix::fs::chown(&made, Some(0), None).unwrap();
    }
}
