//! Paths to open folders. A path is walked once, part by part, and all that is done there is then
//! done relative to the descriptor of its folder: what another user puts in the way afterwards
//! changes nothing. Links on the way are followed where [`distrust`] has nothing against them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, fstatfs, openat, openat2,
    readlinkat, statat,
};
use rustix::io::Errno;

use crate::trusted_link::{Owned, distrust, is_closed, not_followed};

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;
/// Folders that are kept open.
const MOST_KEPT: usize = 8;
/// How long a folder is kept open: other programs may move it.
const KEPT: Duration = Duration::from_millis(20);
/// The kernel's own file systems, in which nobody can make a link: procfs and sysfs. In a
/// container their owner is nobody.
const KERNELS: [u64; 2] = [0x9fa0, 0x6265_6572];
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub fd: OwnedFd,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// Device and inode.
    pub file: (u64, u64),
}

impl Folder {
    fn of(fd: OwnedFd) -> io::Result<Self> {
        let stat = fstat(&fd)?;
        Ok(Self::with(fd, &stat))
    }

    fn with(fd: OwnedFd, stat: &Stat) -> Self {
        let file = (stat.st_dev, stat.st_ino);
        Self { fd, uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777, file }
    }

    /// Returns true if only root and toque's own user can change its entries.
    pub(super) fn is_closed(&self) -> bool {
        is_closed(geteuid().as_raw(), self.owned())
    }

    fn owned(&self) -> Owned {
        Owned { uid: self.uid, mode: self.mode }
    }

    /// Returns true if it is the root of the file system.
    pub(super) fn is_root(&self) -> io::Result<bool> {
        let root = statat(CWD, "/", AtFlags::empty())?;
        Ok((root.st_dev, root.st_ino) == self.file)
    }
}

/// An entry of a folder, which may be missing.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub folder: Rc<Folder>,
    /// `.` for the folder itself.
    pub name: OsString,
    /// Set where the path ended in a slash, so that only a directory can be meant.
    pub slash: bool,
}

impl Place {
    /// Returns the metadata of the entry itself.
    /// # Errors
    /// As `lstat(2)`.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        let stat = statat(&self.folder.fd, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        if self.slash && FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR.into());
        }
        Ok(stat)
    }

    /// Opens the entry.
    /// # Errors
    /// As `open(2)` with `O_NOFOLLOW`: `ELOOP` for a link.
    pub(super) fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder.fd, &self.name, flags, Mode::empty())?)
    }

    /// Opens the directory that the entry is.
    /// # Errors
    /// As `open(2)` with `O_NOFOLLOW`: `ENOTDIR` for a link.
    pub(super) fn open_dir(&self) -> io::Result<OwnedFd> {
        self.open(OFlags::RDONLY | OFlags::DIRECTORY)
    }
}

/// The folders that were walked to last.
#[derive(Default)]
pub(super) struct Walk {
    kept: RefCell<VecDeque<(PathBuf, Instant, Rc<Folder>)>>,
}

impl Walk {
    /// Forgets all folders, when something may have been put in the place of one.
    pub(super) fn forget(&self) {
        self.kept.borrow_mut().clear();
    }

    /// Walks to the folder that `path` is in. A link at its end is not followed.
    /// # Errors
    /// As `open(2)`; a [`RefusedPath`](toque_core::failure::RefusedPath) for a link on the way that
    /// another user decides about.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        match plain_split(path)? {
            Some((above, name)) => match self.folder(above) {
                Ok(folder) => Ok(Place { folder, name: name.to_owned(), slash: false }),
                // A link is on the way, or the kernel has no such call, or a filter forbids it.
                Err(Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::TOOBIG) => {
                    walk(path, false, own())
                }
                Err(error) => Err(error.into()),
            },
            None => walk(path, false, own()),
        }
    }

    /// Walks to the entry that `path` leads to, links at its end followed.
    /// # Errors
    /// As `place`.
    pub(super) fn end(&self, path: &Path) -> io::Result<Place> {
        let place = self.place(path)?;
        match statat(&place.folder.fd, &place.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if is_link(&stat) => walk(path, true, own()),
            _ => Ok(place),
        }
    }

    fn folder(&self, path: &Path) -> rustix::io::Result<Rc<Folder>> {
        let now = Instant::now();
        let mut kept = self.kept.borrow_mut();
        let known = kept.iter().find(|(of, since, _)| {
            of.as_os_str() == path.as_os_str() && now.duration_since(*since) < KEPT
        });
        if let Some((.., folder)) = known {
            return Ok(Rc::clone(folder));
        }
        let fd = openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        let stat = fstat(&fd)?;
        let folder = Rc::new(Folder::with(fd, &stat));
        kept.truncate(MOST_KEPT - 1);
        kept.push_front((path.to_owned(), now, Rc::clone(&folder)));
        Ok(folder)
    }
}

/// Opens the folder that `path` leads to. Links are followed that root or the user `own` made.
/// # Errors
/// As [`Walk::place`].
pub(super) fn folder_at(path: &Path, own: u32) -> io::Result<OwnedFd> {
    walk(path, true, own)?.open(OFlags::PATH | OFlags::DIRECTORY)
}

fn own() -> u32 {
    geteuid().as_raw()
}

/// Splits a path before its last name; `None` where it has `..`, or has no name at its end.
fn plain_split(path: &Path) -> io::Result<Option<(&Path, &OsStr)>> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "file name contained an unexpected NUL byte",
        ));
    }
    let Some(slash) = bytes.iter().rposition(|byte| *byte == b'/') else { return Ok(None) };
    let (above, name) = (&bytes[..slash], &bytes[slash + 1..]);
    if name.is_empty() || name == b"." || name == b".." || has_parent(above) {
        return Ok(None);
    }
    let above = if above.is_empty() { b"/" } else { above };
    Ok(Some((Path::new(OsStr::from_bytes(above)), OsStr::from_bytes(name))))
}

fn has_parent(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| part == b"..")
}

/// Walks part by part.
fn walk(path: &Path, follow: bool, own: u32) -> io::Result<Place> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return Err(Errno::NOENT.into());
    }
    let slash = bytes.len() > 1 && bytes.ends_with(b"/");
    let follow = follow || slash;
    let mut here = if path.is_absolute() { PathBuf::from("/") } else { PathBuf::new() };
    let mut trail = vec![start(if path.is_absolute() { "/" } else { "." })?];
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        let folder = match trail.last() {
            Some(folder) => Rc::clone(folder),
            None => start("/")?,
        };
        if part == ".." {
            trail.pop();
            if trail.is_empty() {
                // The folder above the current one; that of the root is itself.
                let above = openat(&folder.fd, "..", FOLDER, Mode::empty())?;
                trail.push(Rc::new(Folder::of(above)?));
            }
            here = if here.file_name().is_some() { folder_of(&here) } else { here.join("..") };
            continue;
        }
        let last = rest.is_empty();
        if last && !follow {
            return Ok(Place { folder, name: part, slash });
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match openat(&folder.fd, &part, flags, Mode::empty()) {
            Err(Errno::NOENT) if last => return Ok(Place { folder, name: part, slash }),
            fd => fd?,
        };
        let stat = fstat(&fd)?;
        if is_link(&stat) {
            links += 1;
            if links > MOST_LINKS {
                return Err(Errno::LOOP.into());
            }
            may_follow(&here.join(&part), &stat, &folder, own)?;
            let to = OsString::from_vec(readlinkat(&fd, "", Vec::new())?.into_bytes());
            let to = PathBuf::from(to);
            parts(&to).rev().for_each(|part| rest.push_front(part));
            if to.is_absolute() {
                (here, trail) = (PathBuf::from("/"), vec![start("/")?]);
            }
        } else if last {
            return Ok(Place { folder, name: part, slash });
        } else if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            here.push(&part);
            trail.push(Rc::new(Folder::with(fd, &stat)));
        } else {
            return Err(Errno::NOTDIR.into());
        }
    }
    let folder = match trail.pop() {
        Some(folder) => folder,
        None => start("/")?,
    };
    Ok(Place { folder, name: ".".into(), slash: false })
}

fn start(path: &str) -> io::Result<Rc<Folder>> {
    Ok(Rc::new(Folder::of(openat(CWD, path, FOLDER, Mode::empty())?)?))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn may_follow(link: &Path, stat: &Stat, folder: &Folder, own: u32) -> io::Result<()> {
    let Some(why) = distrust(own, stat.st_uid, folder.owned(), named) else { return Ok(()) };
    let file_system = u64::try_from(fstatfs(&folder.fd)?.f_type).unwrap_or(0);
    if KERNELS.contains(&file_system) {
        return Ok(());
    }
    Err(not_followed(link, &why).into())
}

/// Puts a user in words.
pub(super) fn named(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    name.map_or_else(|| format!("user {uid}"), |name| format!("user `{name}` ({uid})"))
}

pub(super) fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Returns the names in a path, without its root.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}
