//! Acting on files with the rights of another user. The kernel keeps the user for files apart for
//! each thread; while it is not root, the thread has none of root's rights on files either.

use std::io;

use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, setfsgid, setfsuid};
use rustix::io::Errno;
use rustix::thread::set_thread_groups;

/// A group that nobody is in. What is made has its group set through its descriptor.
const NO_GROUP: u32 = 65_534;

/// Calls `act` with the rights that the user `uid` has on files as their owner.
/// # Errors
/// When the rights cannot be taken, and as `act`.
pub(super) fn with_rights_of<T>(uid: u32, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let rights = Rights::of(uid)?;
    let done = act();
    drop(rights);
    done
}

/// The rights of another user, until it is dropped.
struct Rights {
    groups: Vec<rustix::thread::Gid>,
}

impl Rights {
    fn of(uid: u32) -> io::Result<Self> {
        let groups = getgroups()?
            .into_iter()
            .map(|gid| rustix::thread::Gid::from_raw(gid.as_raw()))
            .collect();
        set_thread_groups(&[])?;
        let rights = Self { groups };
        setfsgid(Gid::from_raw(NO_GROUP));
        setfsuid(Uid::from_raw(uid));
        // The call does not say whether it succeeded, but returns the user before.
        if setfsuid(Uid::from_raw(uid)).as_raw() != uid {
            return Err(Errno::PERM.into());
        }
        Ok(rights)
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        setfsuid(geteuid());
        setfsgid(getegid());
        // Root may always do this; failing would leave the thread with fewer rights.
        let _ = set_thread_groups(&self.groups);
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
        let read = with_rights_of(61_001, || {
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
