//! Making files, directories and links. Each is new, and gets its attributes through its own
//! descriptor. In a folder that another user owns, what is to be that user's is made with that
//! user's rights.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use nix::unistd::{getegid, geteuid};
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fchown, fstat, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::thread::{Gid, Uid};

use super::kept::Kept;
use super::staged_name;
use super::walk::{Folder, Place, named};
use crate::system::rights::{Rights, with_rights};
use crate::system::temporaries::Recorder;
use crate::system::{Ownership, Staged};
use crate::temporary_name::make_with;
use toque_core::failure::RefusedPath;

/// Returns the user whose rights something new is made with; `None` for toque's own.
fn maker(folder: &Folder, owner: &Ownership) -> Option<u32> {
    let own = geteuid();
    owner.uid.filter(|uid| own.is_root() && *uid == folder.uid && *uid != 0)
}

fn as_maker<T>(
    maker: Option<u32>,
    folder: &Folder,
    make: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let Some(uid) = maker else { return make() };
    with_rights(&Rights::of_owner(uid), make).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => RefusedPath {
            why: format!(
                "it is made with the rights of {}, whose folder it is in, and they do not suffice (mode {:04o})",
                named(uid),
                folder.mode
            ),
            hint: "give the folder's owner the right to write in it, or leave out `owner`".to_owned(),
        }
        .into(),
        _ => error,
    })
}

/// Sets owner and group through a descriptor.
fn give(fd: &OwnedFd, maker: Option<u32>, folder: &Folder, owner: &Ownership) -> io::Result<()> {
    let (uid, gid) = match maker {
        // The group is that of nobody yet.
        Some(_) => {
            let inherited = if folder.mode & 0o2000 != 0 { folder.gid } else { getegid().as_raw() };
            (None, Some(owner.gid.unwrap_or(inherited)))
        }
        None => (owner.uid, owner.gid),
    };
    if uid.is_some() || gid.is_some() {
        fchown(fd, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?;
    }
    Ok(())
}

fn create(folder: &Folder, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(&folder.fd, name, flags, Mode::RUSR | Mode::WUSR)?)
}

/// Removes what could not be finished. The error before it is the one to tell.
fn discard<T>(done: io::Result<T>, folder: &Folder, name: &OsStr, flags: AtFlags) -> io::Result<T> {
    done.inspect_err(|_| {
        let _ = unlinkat(&folder.fd, name, flags);
    })
}

pub(super) fn stage(
    place: &Place,
    target: &Path,
    content: &mut dyn Read,
    owner: &Ownership,
    temporaries: &Recorder,
) -> io::Result<Staged> {
    let folder = &place.folder;
    let maker = maker(folder, owner);
    let (prefix, suffix) = staged_name(target);
    // The folder is the open one.
    let make = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        let create = || create(folder, name).map(File::from);
        temporaries.making(&target.with_file_name(name), create)
    };
    let (made, mut file) =
        as_maker(maker, folder, || make_with(Path::new("/"), &prefix, &suffix, make))?;
    let name = made.file_name().unwrap_or_default();
    let finish = || -> io::Result<Vec<String>> {
        io::copy(content, &mut file)?;
        let fd = OwnedFd::from(file);
        give(&fd, maker, folder, owner)?;
        let lost = Kept::of(place, owner)?.give(&fd)?;
        // After the owner, because a change of owner clears setuid and setgid, and after the list
        // of access rights, whose mask it sets.
        fchmod(&fd, Mode::from_raw_mode(owner.mode.unwrap_or(0o600)))?;
        rustix::fs::fsync(&fd)?;
        Ok(lost)
    };
    let path = target.with_file_name(name);
    let lost = discard(finish(), folder, name, AtFlags::empty())
        .inspect_err(|_| temporaries.note(|record| record.gone(&path)))?;
    Ok(Staged { path, lost })
}

pub(super) fn file(
    place: &Place,
    content: &mut dyn Read,
    mode: u32,
    modified: Option<SystemTime>,
) -> io::Result<u64> {
    if place.slash {
        return Err(Errno::ISDIR.into());
    }
    let mut file = File::from(create(&place.folder, &place.name)?);
    let written = io::copy(content, &mut file).and_then(|size| {
        file.set_permissions(Permissions::from_mode(mode))?;
        modified.map_or(Ok(()), |modified| file.set_modified(modified))?;
        Ok(size)
    });
    discard(written, &place.folder, &place.name, AtFlags::empty())
}

pub(super) fn directory(place: &Place, owner: &Ownership) -> io::Result<()> {
    let folder = &place.folder;
    let maker = maker(folder, owner);
    // Closed to others until its mode is the one that was asked for.
    as_maker(maker, folder, || Ok(mkdirat(&folder.fd, &place.name, Mode::RWXU)?))?;
    let finish = || -> io::Result<()> {
        let made = place.open_dir()?;
        // Another user who can write in the folder could have put something else there meanwhile.
        let own = maker.unwrap_or_else(|| geteuid().as_raw());
        if fstat(&made)?.st_uid != own {
            return Err(replaced(place).into());
        }
        give(&made, maker, folder, owner)?;
        Ok(fchmod(&made, Mode::from_raw_mode(owner.mode.unwrap_or(0o700)))?)
    };
    discard(finish(), folder, &place.name, AtFlags::REMOVEDIR)
}

fn replaced(place: &Place) -> RefusedPath {
    RefusedPath {
        why: format!(
            "`{}` was replaced while it was made, in a folder that others can write",
            place.name.display()
        ),
        hint: "use a folder that only root can write, or stop what works there".to_owned(),
    }
}
