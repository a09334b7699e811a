//! The real machine.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, geteuid, syncfs};

use super::fetch::{Agents, Proxies};
use super::{FileKind, Metadata, Ownership, Query, Request, Response, System, process};
use crate::command::{Command, Output};
use toque_core::cancel::CancelToken;
use toque_core::failure::Failure;

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
}

impl HostSystem {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Query for HostSystem {
    fn lstat(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path).and_then(|metadata| described(&metadata))
    }

    fn stat(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path).and_then(|metadata| described(&metadata))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Opening a pipe would otherwise wait for a writer.
        let mut file =
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(not_regular());
        }
        let size = usize::try_from(metadata.len()).unwrap_or(0);
        // One byte more than its size, so that a single read both fetches a small file and finds
        // its end.
        let mut content = vec![0; size + 1];
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

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names = fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn probe(&self, command: &Command) -> Result<Output, Failure> {
        process::run(self, command)
    }

    fn probe_all(&self, commands: &[Command]) -> Vec<Result<Output, Failure>> {
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
    fn stage(&self, target: &Path, content: &[u8], owner: &Ownership) -> io::Result<PathBuf> {
        let (prefix, suffix) = staged_name(target);
        // Dropping it before the end removes it.
        let mut staged = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(&suffix)
            .make_in(parent(target), |path| {
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
            })?;
        let file = staged.as_file_mut();
        file.write_all(content)?;
        if owner.uid.is_some() || owner.gid.is_some() {
            fchown(&*file, owner.uid.map(Uid::from_raw), owner.gid.map(Gid::from_raw))?;
        }
        // After the owner, because a change of owner clears setuid and setgid.
        file.set_permissions(Permissions::from_mode(owner.mode.unwrap_or(0o600)))?;
        file.sync_all()?;
        staged.into_temp_path().keep().map_err(|error| error.error)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        // Without the right to read the directory it cannot be synced; the rename itself has been
        // done.
        let Ok(directory) = File::open(parent(to)) else { return Ok(()) };
        match directory.sync_all() {
            // Some file systems have no such call for directories.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }

    fn write_in_place(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let mut file =
            OpenOptions::new().write(true).truncate(true).custom_flags(flags.bits()).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn create_file(
        &self,
        path: &Path,
        content: &mut dyn Read,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> io::Result<u64> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let written = io::copy(content, &mut file).and_then(|size| {
            file.set_permissions(Permissions::from_mode(mode))?;
            modified.map_or(Ok(()), |modified| file.set_modified(modified))?;
            Ok(size)
        });
        written.inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(path);
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        Ok(syncfs(File::open(path)?)?)
    }

    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        // Closed to others until its mode is what was asked for.
        fs::DirBuilder::new().mode(0o700).create(path)?;
        // Whoever may write the directory above could have put a link here meanwhile, and a slash
        // at the end would follow it.
        let itself = path.components().as_path();
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let made = OpenOptions::new().read(true).custom_flags(flags.bits()).open(itself);
        made.and_then(|made| made.set_permissions(Permissions::from_mode(mode))).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_dir(path);
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn symlink(&self, to: &Path, path: &Path) -> io::Result<()> {
        symlink(to, path)
    }

    fn hard_link(&self, to: &Path, path: &Path) -> io::Result<()> {
        fs::hard_link(to, path)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        match fchmodat(
            AT_FDCWD,
            path,
            Mode::from_bits_truncate(mode),
            FchmodatFlags::NoFollowSymlink,
        ) {
            // What the kernel says of a link, in words that nobody would understand.
            Err(Errno::EOPNOTSUPP) if fs::symlink_metadata(path)?.is_symlink() => {
                Err(Errno::ELOOP.into())
            }
            result => Ok(result?),
        }
    }

    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        lchown(path, uid, gid)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        Ok(utimensat(
            AT_FDCWD,
            path,
            &TimeSpec::UTIME_NOW,
            &TimeSpec::UTIME_NOW,
            UtimensatFlags::NoFollowSymlink,
        )?)
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
        process::run(self, command)
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
    // A name may have 255 bytes; a long one is cut so that ours fits as well.
    let extensions = &extensions[extensions.len().saturating_sub(150)..];
    let stem = &stem[..stem.len().min(255 - 32 - extensions.len())];
    let mut prefix = OsString::from(".toque-");
    prefix.push(OsStr::from_bytes(stem));
    prefix.push("-");
    (prefix, OsStr::from_bytes(extensions).to_owned())
}

/// The directory of a path, which is the current one for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn described(metadata: &fs::Metadata) -> io::Result<Metadata> {
    let file_type = metadata.file_type();
    let special = file_type.is_block_device()
        || file_type.is_char_device()
        || file_type.is_fifo()
        || file_type.is_socket();
    let kind = match () {
        () if file_type.is_dir() => FileKind::Directory,
        () if file_type.is_symlink() => FileKind::Link,
        () if special => FileKind::Special,
        () => FileKind::File,
    };
    Ok(Metadata {
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.len(),
        modified: metadata.modified()?,
        device: metadata.dev(),
        inode: metadata.ino(),
        links: metadata.nlink(),
    })
}
