//! Ends the commands of toque when toque itself is killed. A shell is told of each command's process
//! group. When its socket closes, it ends the groups that are left, and only then lets go of the
//! lock of the run: the next one does not begin beside them. A process that has left its group, as
//! daemons do, goes on.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Cursor, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::socket::{MsgFlags, send};
use nix::unistd::getpid;

use crate::command::DEFAULT_PATH;

/// Reads `+ NUMBER GROUP` when a command begins and `- NUMBER` when it has ended. As toque itself
/// does, it asks before it forces; what is stuck in the kernel is given up.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
groups=
while read -r sign number group; do
    case $sign in
        +) groups="$groups $number:$group" ;;
        -)
            left=
            for one in $groups; do
                case $one in "$number:"*) ;; *) left="$left $one" ;; esac
            done
            groups=$left
            ;;
    esac
done
signal() {
    alive=
    for one in $groups; do kill -s "$1" -- "-${one#*:}" && alive=1; done
}
ended() {
    tries=$1
    while signal 0; [ "$alive" ]; do
        [ "$tries" -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.05
    done
}
[ "$groups" ] || exit 0
signal TERM
signal CONT
ended 40 && exit 0
signal KILL
ended 100
"#;

/// The guardian of a process, which is started with the first command.
#[derive(Default)]
pub(super) struct Guardian {
    state: RefCell<State>,
    number: Cell<u64>,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Is to hold this.
    Lock(File),
    Running(Running),
    /// There is no shell. Commands run all the same.
    Failed,
}

struct Running {
    socket: UnixStream,
    shell: Child,
}

/// A command that the guardian knows of.
pub(super) struct Guarded {
    socket: RawFd,
    number: u64,
}

impl Guardian {
    /// Has the guardian hold a locked file until all commands have ended.
    pub(super) fn hold(&self, lock: File) {
        // One that runs has no commands now: it ends.
        self.state.replace(State::Lock(lock));
    }

    /// Returns what a new command announces itself with.
    pub(super) fn guard(&self) -> Option<Guarded> {
        let mut state = self.state.borrow_mut();
        if !matches!(*state, State::Running(_) | State::Failed) {
            let lock = match std::mem::take(&mut *state) {
                State::Lock(lock) => Some(lock),
                _ => None,
            };
            *state = start(lock).map_or(State::Failed, State::Running);
        }
        let State::Running(running) = &*state else { return None };
        let number = self.number.get() + 1;
        self.number.set(number);
        Some(Guarded { socket: running.socket.as_raw_fd(), number })
    }

    /// Notes that a command has ended, and that what it left running is meant to stay.
    pub(super) fn release(&self, number: u64) {
        if let State::Running(running) = &*self.state.borrow() {
            tell(running.socket.as_raw_fd(), format!("- {number}\n").as_bytes());
        }
    }
}

impl Guarded {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Tells the guardian of the process that calls this and leads its group. Between `fork` and
    /// `exec` it may be called too: it neither allocates nor locks.
    pub(super) fn announce(&self) {
        let mut text = Cursor::new([0; 64]);
        if writeln!(text, "+ {} {}", self.number, getpid()).is_ok() {
            let length = usize::try_from(text.position()).unwrap_or(0);
            tell(self.socket, &text.get_ref()[..length]);
        }
    }
}

/// A guardian that is gone, or does not listen, keeps no command from running.
fn tell(socket: RawFd, text: &[u8]) {
    let _ = send(socket, text, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
}

fn start(lock: Option<File>) -> io::Result<Running> {
    let (ours, theirs) = UnixStream::pair()?;
    let shell = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "toque-guardian"])
        .env_clear()
        .env("PATH", DEFAULT_PATH)
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(lock.map_or_else(Stdio::null, Stdio::from))
        .stderr(Stdio::null())
        // Signals from the terminal are for toque, which tells its commands.
        .process_group(0)
        .spawn()?;
    Ok(Running { socket: ours, shell })
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without commands it ends as soon as the socket is closed; a zombie would be left of it.
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.shell.wait();
    }
}
