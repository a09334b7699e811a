//! The real machine. Every path is [walked](walk) to an open folder, and everything is done
//! relative to that.

mod disks;
mod entry;
mod kept;
mod make;
mod remove;
mod walk;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::geteuid;
use rustix::fs::{
    AtFlags, Dir, FileType, OFlags, Stat, fstat, ioctl_ficlone, readlinkat, renameat, statfs,
    symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;

use super::fetch::{Agents, Proxies};
use super::guardian::Guardian;
use super::rights::{Rights, with_rights};
use super::temporaries::{Recorder, Temporaries};
use super::{
    Copied, FileKind, Metadata, Mounts, Ownership, Query, Request, Response, Staged, System,
    copied, process,
};
use crate::command::{Command, Output};
use crate::temporary_name::affixes;
use entry::Entry;
use kept::Kept;
use toque_core::cancel::CancelToken;
use toque_core::failure::Failure;
use walk::{Place, Walk, is_link};

/// File systems in which files can share what they hold: Btrfs, XFS, bcachefs, OCFS2, ZFS and
/// overlays.
const SHARING: [u64; 6] =
    [0x9123_683e, 0x5846_5342, 0xca45_1a4e, 0x7461_636f, 0x2fc1_2fc1, 0x794c_7630];

/// Hears a line of a command's output, without its end.
pub type Listener = Box<dyn Fn(&str)>;

/// The machine that toque runs on.
#[derive(Default)]
pub struct HostSystem {
    /// Ends waiting, and when forced the child or download in progress.
    pub stop: CancelToken,
    /// How servers are reached. The environment is not asked.
    pub proxies: Proxies,
    /// Is given each line of the commands that are [`live`](Command::live), as it comes.
    pub live: Option<Listener>,
    /// Connections to servers.
    pub agents: Agents,
    pub(super) guardian: Guardian,
    temporaries: Recorder,
    walk: Walk,
}

impl HostSystem {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Walks to the place of a change: anew, because much is decided by the folder's owner and mode.
    fn place_now(&self, path: &Path) -> io::Result<Place> {
        self.walk.forget();
        self.walk.place(path)
    }

    /// Opens the folder that a command starts in, with the rights of the user that it runs as.
    pub(super) fn starting_folder(
        &self,
        path: &Path,
        rights: Option<&Rights>,
    ) -> io::Result<OwnedFd> {
        match rights {
            Some(rights) => with_rights(rights, || walk::folder_at(path, rights.uid)),
            None => walk::folder_at(path, geteuid().as_raw()),
        }
    }

    /// Opens a regular file or a directory for reading.
    fn open_to_read(&self, path: &Path) -> io::Result<(File, Stat)> {
        // Opening a pipe would otherwise wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let mut place = self.walk.place(path)?;
        let fd = match if place.slash { Err(Errno::LOOP.into()) } else { place.open(flags) } {
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                place = self.walk.end(path)?;
                let flags = if place.slash { flags | OFlags::DIRECTORY } else { flags };
                place.open(flags)?
            }
            fd => fd?,
        };
        let stat = fstat(&fd)?;
        if !matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::RegularFile | FileType::Directory
        ) {
            return Err(not_regular());
        }
        entry::may_read(&place, path, &stat)?;
        Ok((File::from(fd), stat))
    }
}

impl Query for HostSystem {
    fn lstat(&self, path: &Path) -> io::Result<Metadata> {
        Ok(described(&self.walk.place(path)?.stat()?))
    }

    fn stat(&self, path: &Path) -> io::Result<Metadata> {
        let place = self.walk.place(path)?;
        let stat = place.stat()?;
        if is_link(&stat) {
            return Ok(described(&self.walk.end(path)?.stat()?));
        }
        Ok(described(&stat))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(self.open_to_read(path)?.0))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (mut file, stat) = self.open_to_read(path)?;
        let size = usize::try_from(stat.st_size).unwrap_or(0);
        // One byte more than its size, so that a single read both fetches a small file and finds
        // its end.
        let mut content = Vec::new();
        content.try_reserve_exact(size.saturating_add(1))?;
        content.resize(size + 1, 0);
        let mut filled = 0;
        while filled < content.len() {
            match file.read(&mut content[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if filled == size && size > 0 {
                break;
            }
        }
        let full = filled == content.len();
        content.truncate(filled);
        if full {
            // It grew, or it is one of the kernel's files, whose size is 0 until they are read.
            file.read_to_end(&mut content)?;
        }
        Ok(content)
    }

    fn copy_to(&self, path: &Path, to: &File, largest: u64) -> io::Result<Copied> {
        let (mut file, stat) = self.open_to_read(path)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::ISDIR.into());
        }
        match ioctl_ficlone(to, &file) {
            Ok(()) => Ok(Copied::Whole(described(&stat))),
            // Other file systems, or one that cannot: there are many words for it.
            Err(_) => copied::in_pieces(described(&stat), &mut file, to, largest),
        }
    }

    fn may_share(&self, path: &Path, to: &Path) -> bool {
        let above = to.ancestors().find_map(|above| self.stat(above).ok().map(|_| above));
        let (Some(above), Ok(file)) = (above, self.stat(path)) else { return false };
        let kind = statfs(above).ok().and_then(|found| u64::try_from(found.f_type).ok());
        self.stat(above).is_ok_and(|folder| folder.device == file.device)
            && kind.is_some_and(|kind| SHARING.contains(&kind))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names = names_in(self.walk.end(path)?.open_dir()?)?;
        names.sort_unstable();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let place = self.walk.place(path)?;
        let to = readlinkat(&place.folder.fd, &place.name, Vec::new())?;
        Ok(OsString::from_vec(to.into_bytes()).into())
    }

    fn lost_on_replacement(&self, path: &Path, owner: &Ownership) -> io::Result<Vec<String>> {
        Ok(Kept::of(&self.walk.place(path)?, owner)?.lost)
    }

    fn probe(&self, command: &Command) -> Result<Output, Failure> {
        self.walk.forget();
        process::run(self, command)
    }

    fn probe_all(&self, commands: &[Command]) -> Vec<Result<Output, Failure>> {
        self.walk.forget();
        process::run_all(self, commands)
    }

    fn fetch(&self, request: &Request) -> Result<Response, Failure> {
        super::fetch::fetch(self, request)
    }

    fn proxies(&self) -> Proxies {
        self.proxies.clone()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn effective_uid(&self) -> u32 {
        geteuid().as_raw()
    }
}

impl System for HostSystem {
    fn stage(
        &self,
        target: &Path,
        content: &mut dyn Read,
        owner: &Ownership,
    ) -> io::Result<Staged> {
        make::stage(&self.place_now(target)?, target, content, owner, &self.temporaries)
    }

    fn rename(&self, path: &Path, new: &Path) -> io::Result<()> {
        let (from, to) = (self.place_now(path)?, self.place_now(new)?);
        if from.slash || to.slash {
            let stat = Place { slash: false, ..from.clone() }.stat()?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                return Err(Errno::NOTDIR.into());
            }
        }
        self.temporaries.note(|record| record.move_aside(path, new));
        renameat(&from.folder.fd, &from.name, &to.folder.fd, &to.name)?;
        self.temporaries.note(|record| record.gone(path));
        self.walk.forget();
        sync_folder(&to)
    }

    fn write_in_place(&self, path: &Path, content: &mut dyn Read) -> io::Result<Vec<String>> {
        entry::write(&self.place_now(path)?, path, content)
    }

    fn create_file(
        &self,
        path: &Path,
        content: &mut dyn Read,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> io::Result<u64> {
        let place = self.place_now(path)?;
        self.temporaries.making(path, || make::file(&place, content, mode, modified))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let place = self.walk.end(path)?;
        // Of a pipe or a device, the file system is that of its folder.
        let fd = match FileType::from_raw_mode(place.stat()?.st_mode) {
            FileType::Directory => place.open_dir()?,
            FileType::RegularFile => place.open(OFlags::RDONLY | OFlags::NONBLOCK)?,
            _ => Place { name: ".".into(), ..place }.open_dir()?,
        };
        Ok(syncfs(&fd)?)
    }

    fn sync_disks(&self) -> Result<(), Failure> {
        disks::sync()
    }

    fn create_dir(&self, path: &Path, owner: &Ownership) -> io::Result<()> {
        let place = self.place_now(path)?;
        self.temporaries.making(path, || make::directory(&place, owner))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let place = self.place_now(path)?;
        remove::empty_directory(&place, path)?;
        self.temporaries.note(|record| record.gone(path));
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path, mounts: Mounts) -> io::Result<()> {
        remove::all(&self.place_now(path)?, path, mounts)?;
        self.temporaries.note(|record| record.gone(path));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let place = self.place_now(path)?;
        place.stat()?;
        match unlinkat(&place.folder.fd, &place.name, AtFlags::empty()) {
            // Some file systems say that it is not permitted.
            Err(Errno::PERM) if is_directory(&place) => Err(Errno::ISDIR.into()),
            removed => {
                removed?;
                self.temporaries.note(|record| record.gone(path));
                Ok(())
            }
        }
    }

    fn symlink(&self, to: &Path, path: &Path) -> io::Result<()> {
        let place = self.place_now(path)?;
        if place.slash {
            return Err(Errno::NOENT.into());
        }
        self.temporaries.making(path, || Ok(symlinkat(to, &place.folder.fd, &place.name)?))
    }

    fn hard_link(&self, to: &Path, path: &Path) -> io::Result<()> {
        let (to_place, place) = (self.place_now(to)?, self.place_now(path)?);
        self.temporaries.making(path, || entry::link(&to_place, to, &place))
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        Entry::at(&self.place_now(path)?)?.set_mode(path, mode)
    }

    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        Entry::at(&self.place_now(path)?)?.set_owner(path, uid, gid)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        Entry::at(&self.place_now(path)?)?.touch(path)
    }

    fn relabel(&self, path: &Path, recursive: bool) -> Result<(), Failure> {
        if !Path::new("/sys/fs/selinux/enforce").exists() {
            return Ok(());
        }
        let Some(name) = path.to_str() else {
            return Err(Failure::new(format!(
                "cannot relabel `{}`: its name is not UTF-8",
                path.display()
            )));
        };
        let mut command = Command::new(["restorecon"]);
        command.argv.extend(recursive.then(|| "-R".to_owned()));
        command.argv.extend(["--".to_owned(), name.to_owned()]);
        let output = self
            .run(&command)
            .map_err(|failure| failure.hint("install the package `policycoreutils`"))?;
        if output.success() { Ok(()) } else { Err(output.failure(&command, false)) }
    }

    fn run(&self, command: &Command) -> Result<Output, Failure> {
        self.walk.forget();
        process::run(self, command)
    }

    fn record_temporaries(&self, to: Option<Rc<Temporaries>>) {
        self.temporaries.set(to);
    }

    fn expect_temporary(&self, path: &Path) {
        self.temporaries.note(|record| record.expect(path));
    }

    fn hold_lock(&self, lock: File) {
        self.guardian.hold(lock);
    }

    fn wait(&self, time: Duration) -> bool {
        self.stop.wait(time)
    }

    fn as_query(&self) -> &dyn Query {
        self
    }
}

/// Reading a device or a pipe may never end.
pub(super) fn not_regular() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is a device, pipe or socket, not a regular file",
    )
}

/// `.toque-NAME-` and `.EXTENSIONS` for a target `NAME.EXTENSIONS`, so that checks by extension
/// work on the staged file too.
pub(super) fn staged_name(target: &Path) -> (OsString, OsString) {
    let name = target.file_name().unwrap_or_default().as_bytes();
    let dot = name.iter().position(|byte| *byte == b'.').unwrap_or(name.len());
    let (stem, extensions) = name.split_at(dot);
    let stem = if stem.is_empty() { b"file" } else { stem };
    affixes(OsStr::from_bytes(stem), OsStr::from_bytes(extensions))
}

/// Waits until a folder's names are on the disk.
fn sync_folder(place: &Place) -> io::Result<()> {
    // Without the right to read the directory it cannot be synced; what was done in it is done.
    let folder = Place { name: ".".into(), ..place.clone() };
    let Ok(directory) = folder.open_dir() else { return Ok(()) };
    match rustix::fs::fsync(&directory) {
        // Some file systems have no such call for directories.
        Err(Errno::INVAL) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Returns the names in a directory.
fn names_in(directory: OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

fn is_directory(place: &Place) -> bool {
    place.stat().is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

#[allow(clippy::useless_conversion, reason = "the fields have other types on other architectures")]
fn described(stat: &Stat) -> Metadata {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        FileType::RegularFile => FileKind::File,
        _ => FileKind::Special,
    };
    let since = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let second = if stat.st_mtime < 0 {
        UNIX_EPOCH.checked_sub(since)
    } else {
        UNIX_EPOCH.checked_add(since)
    };
    let part = Duration::from_nanos(u64::try_from(stat.st_mtime_nsec).unwrap_or(0));
    Metadata {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: second.and_then(|second| second.checked_add(part)).unwrap_or(UNIX_EPOCH),
        device: stat.st_dev,
        inode: stat.st_ino,
        links: u64::from(stat.st_nlink),
    }
}
