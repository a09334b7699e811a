//! The machine, as two interfaces: [`Query`] only looks, [`System`] also changes. Everything that
//! toque does to a machine goes through the second; `inspect` and plans are only ever given the
//! first.

mod copied;
mod fake;
pub mod fetch;
mod guardian;
mod host;
mod process;
mod rights;
pub mod temporaries;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

pub use copied::Copied;
pub use fake::{FakeSystem, Operation, Program};
pub use fetch::{Agents, Proxies};
pub use host::{HostSystem, Listener};

use crate::command::{Command, Output};
use crate::content::Content;
use temporaries::Temporaries;
use toque_core::failure::Failure;

/// What lies at a path, as `lstat` and `stat` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub modified: SystemTime,
    pub device: u64,
    pub inode: u64,
    /// Names of this file.
    pub links: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    File,
    Directory,
    Link,
    /// A device, socket or pipe.
    Special,
}

/// Looking at a machine. Nothing here changes anything, so it may be called any number of times, in
/// a plan too.
pub trait Query {
    /// What lies at `path` itself, a link not followed.
    /// # Errors
    /// As `lstat(2)`.
    fn lstat(&self, path: &Path) -> io::Result<Metadata>;
    /// What `path` leads to.
    /// # Errors
    /// As `stat(2)`.
    fn stat(&self, path: &Path) -> io::Result<Metadata>;
    /// Opens a regular file, to be read in pieces.
    /// # Errors
    /// As `open(2)`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read>>;
    /// Reads a file as a whole: only where it is known to be small.
    /// # Errors
    /// As `open(2)` and `read(2)`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Copies the content of a regular file into one that is open and empty: at once where both can
    /// share it, else in pieces, and then no more than `largest` bytes.
    /// # Errors
    /// As `open(2)`, and as reading and writing.
    fn copy_to(&self, path: &Path, to: &std::fs::File, largest: u64) -> io::Result<Copied> {
        copied::in_pieces(self.stat(path)?, &mut *self.open(path)?, to, largest)
    }
    /// Returns true if a copy of the file at `path` in the folder `to`, which need not be there yet,
    /// may share its content, so that it takes no room.
    fn may_share(&self, _path: &Path, _to: &Path) -> bool {
        false
    }
    /// The names in a directory, sorted, without `.` and `..`.
    /// # Errors
    /// As `opendir(3)`.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<std::ffi::OsString>>;
    /// # Errors
    /// As `readlink(2)`.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// The names of extended attributes that a regular file has and a new one in its place, of this
    /// owner, would not get.
    /// # Errors
    /// As `open(2)` and `listxattr(2)`.
    fn lost_on_replacement(&self, _path: &Path, _owner: &Ownership) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
    /// Runs a command that only looks (`systemctl show`, `dpkg-query`, a guard).
    /// # Errors
    /// When the command could not be started. How it ended is in the output.
    fn probe(&self, command: &Command) -> Result<Output, Failure>;
    /// The same for several commands, which may run at the same time; their outputs in the same
    /// order.
    fn probe_all(&self, commands: &[Command]) -> Vec<Result<Output, Failure>> {
        commands.iter().map(|command| self.probe(command)).collect()
    }
    /// Asks a server for a document.
    /// # Errors
    /// When no answer came. An answer of any status is a response.
    fn fetch(&self, request: &Request) -> Result<Response, Failure>;
    /// The servers through which others are reached, for programs that fetch by themselves.
    fn proxies(&self) -> Proxies {
        Proxies::default()
    }
    fn now(&self) -> SystemTime;
    /// The user that toque runs as.
    fn effective_uid(&self) -> u32;
}

/// Changing a machine.
pub trait System: Query {
    /// Writes a new file beside `target` under a name that begins with `.toque-` and keeps the
    /// target's extensions, with owner and mode set and its content synced. It has the access list,
    /// capabilities and extended attributes of the file that is at the target. What is staged goes
    /// live by `rename`.
    /// # Errors
    /// When it cannot be written in full; then nothing is left.
    fn stage(
        &self,
        target: &Path,
        content: &mut dyn io::Read,
        owner: &Ownership,
    ) -> io::Result<Staged>;
    /// Replaces `to` at once, and syncs the directory.
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Replaces `path` by a new file, or leaves it as it is.
    /// # Errors
    /// As `stage` and `rename`.
    fn replace(&self, path: &Path, content: &[u8], owner: &Ownership) -> io::Result<()> {
        let staged = self.stage(path, &mut &content[..], owner)?.path;
        self.rename(&staged, path).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = self.remove_file(&staged);
        })
    }
    /// Writes into the file that is there, keeping its inode. Not atomic: only where a rename is
    /// impossible, or asked for. Returns the names of attributes that the file has lost by it.
    /// # Errors
    /// As `open(2)` and `write(2)`; `ELOOP` for a link, which is never followed: its owner could
    /// have led it anywhere since it was looked at.
    fn write_in_place(&self, path: &Path, content: &mut dyn io::Read) -> io::Result<Vec<String>>;
    /// Writes a new file where nothing is, with this exact mode and time, and says how many bytes
    /// it has. It is not synced: whoever makes many files syncs them [together](Self::sync).
    /// # Errors
    /// As `open(2)` with `O_EXCL`, and as reading and writing; then nothing is left.
    fn create_file(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> io::Result<u64>;
    /// Waits until all that was written to the file system of `path` is on its disk.
    /// # Errors
    /// As `open(2)` and `syncfs(2)`.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Waits until all that was written to this machine's disks is on them, also by commands.
    /// # Errors
    /// As `syncfs(2)`, naming the file system.
    fn sync_disks(&self) -> Result<(), Failure>;
    /// Makes a directory with this owner and exact mode; 0700 when absent.
    /// # Errors
    /// As `mkdir(2)`; the parent must exist.
    fn create_dir(&self, path: &Path, owner: &Ownership) -> io::Result<()>;
    /// # Errors
    /// As `rmdir(2)`.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it; links are removed, never followed.
    /// # Errors
    /// As the first removal that failed. The root, and folders right below it, are refused, as are
    /// other file systems unless they are to be crossed.
    fn remove_dir_all(&self, path: &Path, mounts: Mounts) -> io::Result<()>;
    /// # Errors
    /// As `unlink(2)`.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// # Errors
    /// As `symlink(2)`.
    fn symlink(&self, to: &Path, path: &Path) -> io::Result<()>;
    /// # Errors
    /// As `link(2)`.
    fn hard_link(&self, to: &Path, path: &Path) -> io::Result<()>;
    /// # Errors
    /// As `chmod(2)`; `ELOOP` for a link, which is never followed: its owner could have led it
    /// anywhere since it was looked at.
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Changes what is given; a link itself is changed, not what it leads to.
    /// # Errors
    /// As `lchown(2)`.
    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()>;
    /// Sets access and modification time to now, of a link itself rather than of what it leads to.
    /// # Errors
    /// As `utimensat(2)`.
    fn touch(&self, path: &Path) -> io::Result<()>;
    /// Gives a path the security label that the policy wants for it. Does nothing where no policy
    /// is loaded.
    /// # Errors
    /// When the policy's tools fail.
    fn relabel(&self, path: &Path, recursive: bool) -> Result<(), Failure>;
    /// Runs a command that may change the machine.
    /// # Errors
    /// When the command could not be started. How it ended is in the output.
    fn run(&self, command: &Command) -> Result<Output, Failure>;
    /// Writes what is made under a temporary name into a record, from now on, or no longer.
    fn record_temporaries(&self, _to: Option<Rc<Temporaries>>) {}
    /// Writes down a path that a command makes for a moment, and leaves if it is killed.
    fn expect_temporary(&self, _path: &Path) {}
    /// Keeps a locked file open until no command of this process runs any more, also when the
    /// process is killed.
    fn hold_lock(&self, _lock: std::fs::File) {}
    /// Waits, unless told to stop before; says whether all the time has passed.
    fn wait(&self, time: Duration) -> bool;
    /// The read-only part (trait upcasting, spelled out for readers).
    fn as_query(&self) -> &dyn Query;
}

/// A file that was staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    pub path: PathBuf,
    /// The names of extended attributes of the present file that the new one could not get.
    pub lost: Vec<String>,
}

/// The treatment of file systems that are mounted in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mounts {
    /// Nothing is removed where one is.
    #[default]
    Stay,
    Cross,
}

/// Owner, group and mode of something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ownership {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Exact, whatever the umask; `0o600` for a file and `0o700` for a directory when absent.
    pub mode: Option<u32>,
}

impl Ownership {
    /// Returns toque's own user and group with a mode.
    #[must_use]
    pub const fn of_mode(mode: u32) -> Self {
        Self { uid: None, gid: None, mode: Some(mode) }
    }
}

/// A document to ask a server for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `http:`, `https:` or `file:`.
    pub url: String,
    /// Names and values, as they are sent.
    pub headers: Vec<(String, String)>,
    /// How long the server may be silent. In as much time at least 1 KiB a second must come of the
    /// document.
    pub timeout: Duration,
    /// Bytes: a larger document is not taken.
    pub largest: u64,
    /// Whether the server's certificate must be right.
    pub verify: bool,
}

impl Request {
    /// More would not fit the memory of a small machine.
    pub const LARGEST: u64 = 2 << 30;

    /// The URL as messages may show it: no password, no query (which often holds a token).
    #[must_use]
    pub fn shown(&self) -> String {
        toque_core::url::without_secrets(&self.url)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP's number; 200 or 404 for `file:`.
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Content,
}

impl Response {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
