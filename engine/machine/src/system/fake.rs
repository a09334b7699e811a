//! A machine in memory: for tests of kinds and recipes, and for embedders' tests. What it is not
//! told, it does not know: a command without a program fails, and so does a server without
//! documents.

mod access;
mod programs;
mod tree;
mod web;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use serde_json::Value;

use self::tree::{Content, Tree};
use super::{Request, Response, System};
use crate::command::{Command, Output};

/// A command of the fake machine: it may read and change it, and says how it ended.
pub type Program = Rc<dyn Fn(&FakeSystem, &Command) -> Output>;

/// What can be done to a path, for faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Asking what is there.
    Look,
    /// Reading a file's content, or the text of a link.
    Read,
    /// Reading a directory's names.
    List,
    /// Writing a new file that is to replace this path.
    Stage,
    /// Moving something to this path.
    Rename,
    /// Writing into the file that is there.
    Write,
    /// Making a directory or a link.
    Create,
    Remove,
    /// Changing mode, owner or times.
    Attributes,
}

/// A machine in memory. Files, directories and links behave as the kernel's; programs are closures;
/// servers serve what they are given. A clone is another machine in the same state.
///
/// ```
/// use std::path::Path;
/// use toque_machine::system::{FakeSystem, Query, System};
///
/// let fake = FakeSystem::new();
/// fake.put_file("/etc/motd", "hello\n");
/// fake.set_mode(Path::new("/etc/motd"), 0o600).unwrap();
/// assert_eq!(fake.read(Path::new("/etc/motd")).unwrap(), b"hello\n");
/// assert_eq!(fake.effects(), ["set mode of /etc/motd to 0600"]);
/// ```
#[derive(Clone)]
pub struct FakeSystem {
    state: RefCell<State>,
}

#[derive(Clone)]
struct State {
    tree: Tree,
    /// What fails, where, and how.
    faults: BTreeMap<(Operation, PathBuf), Errno>,
    programs: BTreeMap<OsString, Program>,
    memory: BTreeMap<String, Value>,
    documents: BTreeMap<String, Response>,
    requests: Vec<Request>,
    effects: Vec<String>,
    probes: Vec<String>,
    /// How often a path was read.
    reads: BTreeMap<PathBuf, usize>,
    uid: u32,
    stopped: bool,
    /// Counts staged files, which need names of their own.
    staged: u64,
    staged_for: BTreeMap<PathBuf, PathBuf>,
}

impl Default for FakeSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeSystem {
    /// A machine with `/`, `/etc`, `/tmp`, `/root`, `/usr/bin`, `/bin/sh`, root's account, and
    /// nothing else.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            tree: Tree::new(),
            faults: BTreeMap::new(),
            programs: BTreeMap::new(),
            memory: BTreeMap::new(),
            documents: BTreeMap::new(),
            requests: Vec::new(),
            effects: Vec::new(),
            probes: Vec::new(),
            reads: BTreeMap::new(),
            uid: 0,
            stopped: false,
            staged: 0,
            staged_for: BTreeMap::new(),
        };
        let fake = Self { state: RefCell::new(state) };
        for (path, mode) in [
            ("/etc", 0o755),
            ("/tmp", 0o1777),
            ("/root", 0o700),
            ("/usr/bin", 0o755),
            ("/bin", 0o755),
        ] {
            fake.put_dir(path, mode);
        }
        fake.put_executable("/bin/sh");
        fake.put_file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        fake.put_file("/etc/group", "root:x:0:\n");
        fake
    }

    /// Puts a file there, with the directories above it; what was there is replaced. Not an effect:
    /// this is how a test prepares the machine, and how programs change it.
    pub fn put_file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        self.put(path.as_ref(), Content::File(content.as_ref().to_vec()), 0o644);
    }

    /// Puts an empty program file there, for those who look for one.
    /// [`install_program`](Self::install_program) gives it a meaning.
    pub(crate) fn put_executable(&self, path: impl AsRef<Path>) {
        self.put(path.as_ref(), Content::File(Vec::new()), 0o755);
    }

    /// Puts an empty directory there, with the directories above it. One that is there only gets
    /// the mode.
    pub fn put_dir(&self, path: impl AsRef<Path>, mode: u32) {
        self.put(path.as_ref(), Content::Directory(BTreeMap::new()), mode);
    }

    /// Puts a symbolic link there.
    pub fn put_link(&self, path: impl AsRef<Path>, to: impl Into<PathBuf>) {
        self.put(path.as_ref(), Content::Link(to.into()), 0o777);
    }

    /// Puts a device, socket or pipe there.
    pub fn put_special(&self, path: impl AsRef<Path>) {
        self.put(path.as_ref(), Content::Special, 0o600);
    }

    /// Removes whatever is there, which may be nothing.
    pub fn clear(&self, path: impl AsRef<Path>) {
        let _ = self.state.borrow_mut().tree.remove_all(path.as_ref());
    }

    /// The text of a file, or an empty one where there is none.
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> String {
        let content = self.state.borrow().tree.read(path.as_ref()).unwrap_or_default();
        String::from_utf8_lossy(&content).into_owned()
    }

    /// Adds a program, found by the last part of `argv[0]`, or by the whole line of a `/bin/sh -c
    /// LINE`; the program `sh` gets the lines that have no program of their own. One that is a
    /// single word also gets a file in `/usr/bin`.
    pub fn install_program(
        &self,
        name: &str,
        program: impl Fn(&FakeSystem, &Command) -> Output + 'static,
    ) {
        if name != "sh" && !name.contains(['/', ' ']) {
            self.put_executable(Path::new("/usr/bin").join(name));
        }
        self.state.borrow_mut().programs.insert(name.into(), Rc::new(program));
    }

    /// Takes a program away again.
    pub fn remove_program(&self, name: &str) {
        self.clear(Path::new("/usr/bin").join(name));
        self.state.borrow_mut().programs.remove(std::ffi::OsStr::new(name));
    }

    /// Keeps a value for programs, such as which services run. A clone of the machine has its own.
    pub fn remember(&self, key: impl Into<String>, value: impl Into<Value>) {
        self.state.borrow_mut().memory.insert(key.into(), value.into());
    }

    /// What was kept under this key.
    #[must_use]
    pub fn recall(&self, key: &str) -> Option<Value> {
        self.state.borrow().memory.get(key).cloned()
    }

    pub fn forget(&self, key: &str) {
        self.state.borrow_mut().memory.remove(key);
    }

    /// Makes every change at this very path fail, until it is [mended](Self::mend).
    pub fn break_path(&self, path: impl AsRef<Path>, error: io::ErrorKind) {
        use Operation::{Attributes, Create, Remove, Rename, Stage, Write};
        for operation in [Stage, Rename, Write, Create, Remove, Attributes] {
            self.break_operation(operation, path.as_ref(), error);
        }
    }

    /// Makes one operation at this very path fail, until it is [mended](Self::mend).
    pub fn break_operation(
        &self,
        operation: Operation,
        path: impl AsRef<Path>,
        error: io::ErrorKind,
    ) {
        self.state.borrow_mut().faults.insert((operation, path.as_ref().to_owned()), errno(error));
    }

    /// Repairs all that was broken at a path.
    pub fn mend(&self, path: impl AsRef<Path>) {
        self.state.borrow_mut().faults.retain(|(_, at), _| at != path.as_ref());
    }

    /// Lets a server have a document, or answer otherwise. The server knows `ETag`s and dates: it
    /// answers 304 when the request names the document's.
    pub fn serve(&self, url: impl Into<String>, response: Response) {
        self.state.borrow_mut().documents.insert(url.into(), response);
    }

    /// What servers were asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().requests.clone()
    }

    /// What was changed so far, in order and in words: `put /etc/x in place`, `run systemctl start
    /// x`.
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        self.state.borrow().effects.clone()
    }

    /// The same, and forgets them.
    pub fn take_effects(&self) -> Vec<String> {
        std::mem::take(&mut self.state.borrow_mut().effects)
    }

    /// The commands that only looked, in order.
    #[must_use]
    pub fn probes(&self) -> Vec<String> {
        self.state.borrow().probes.clone()
    }

    /// How often a file was read by this path.
    #[must_use]
    pub fn reads(&self, path: impl AsRef<Path>) -> usize {
        self.state.borrow().reads.get(path.as_ref()).copied().unwrap_or(0)
    }

    /// Moves the clock on. It also moves by a second with each change, so that times tell the order
    /// of changes.
    pub(crate) fn advance(&self, time: Duration) {
        self.state.borrow_mut().tree.clock += time;
    }

    /// Ends every wait at once, as a request to stop does.
    pub fn stop_waiting(&self) {
        self.state.borrow_mut().stopped = true;
    }

    /// All that lies on the disk and what programs remember, without times and inode numbers: equal
    /// for machines in the same state.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let state = self.state.borrow();
        let mut all = state.tree.described();
        all.extend(
            state
                .memory
                .iter()
                .map(|(key, value)| (PathBuf::from(format!("memory:{key}")), value.to_string())),
        );
        all
    }

    #[must_use]
    pub fn system(&self) -> &dyn System {
        self
    }

    fn put(&self, path: &Path, content: Content, mode: u32) {
        self.state.borrow_mut().tree.put(path, content, mode);
    }
}

/// The number that the kernel gives, so that those who look at it find what they would on a real
/// machine.
fn errno(kind: io::ErrorKind) -> Errno {
    use io::ErrorKind::{
        AlreadyExists, CrossesDevices, DirectoryNotEmpty, InvalidInput, IsADirectory,
        NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, ResourceBusy,
        StorageFull,
    };
    match kind {
        AlreadyExists => Errno::EEXIST,
        CrossesDevices => Errno::EXDEV,
        DirectoryNotEmpty => Errno::ENOTEMPTY,
        InvalidInput => Errno::EINVAL,
        IsADirectory => Errno::EISDIR,
        NotADirectory => Errno::ENOTDIR,
        NotFound => Errno::ENOENT,
        PermissionDenied => Errno::EACCES,
        QuotaExceeded => Errno::EDQUOT,
        ReadOnlyFilesystem => Errno::EROFS,
        ResourceBusy => Errno::EBUSY,
        StorageFull => Errno::ENOSPC,
        _ => Errno::EIO,
    }
}
