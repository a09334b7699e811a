//! Commands that run on a host.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;
use std::process::{self, Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A command to run on a host, as root, in `/`, with nothing of the test's environment.
#[derive(Debug, Clone)]
pub struct Command<'host> {
    leader: &'host Pid,
    words: Vec<OsString>,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
    limit: Duration,
}

impl<'host> Command<'host> {
    pub(crate) fn new(
        leader: &'host Pid,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command<'host> {
        let words = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let defaults = [("PATH", PATH), ("HOME", "/root"), ("LANG", "C.UTF-8")];
        let environment =
            defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Command { leader, words, environment, input: Vec::new(), limit: LIMIT }
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the command something to read; else it reads an empty file.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Allows the command more or less than the two minutes it has otherwise.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the command to its end. Panics if it does not end in time.
    #[track_caller]
    pub fn run(self) -> Output {
        let limit = self.limit;
        self.spawn().wait(limit)
    }

    /// Runs the command to its end. Panics unless it succeeds.
    #[track_caller]
    pub fn ok(self) -> Output {
        let words = self.words.join(OsStr::new(" "));
        let output = self.run();
        assert!(output.success(), "{} failed: {output}", words.display());
        output
    }

    /// Starts the command and leaves it running.
    pub fn spawn(self) -> Background {
        let (stdout, stderr) = (temporary(), temporary());
        let mut input = temporary();
        input
            .write_all(&self.input)
            .and_then(|()| input.rewind())
            .unwrap_or_else(|error| panic!("cannot keep what a command shall read: {error}"));

        let mut nsenter = process::Command::new("nsenter");
        nsenter.arg("--target").arg(self.leader.to_string()).args(["--all", "env", "-i"]);
        nsenter.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        nsenter.args(["sh", "-c", "umask 022; exec \"$@\"", "sh"]).args(&self.words);
        nsenter.stdin(input).stdout(share(&stdout)).stderr(share(&stderr));
        let nsenter = nsenter.spawn().unwrap_or_else(|error| panic!("cannot run nsenter: {error}"));
        Background { words: self.words, nsenter, stdout, stderr }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const LIMIT: Duration = Duration::from_secs(120);

/// A command that runs on a host. It is killed when dropped, unless it has ended.
///
/// What it writes goes to files, so a daemon that it leaves behind holds nobody up.
#[derive(Debug)]
pub struct Background {
    words: Vec<OsString>,
    nsenter: Child,
    stdout: File,
    stderr: File,
}

impl Background {
    /// The process of the command as the machine of the test sees it, or `None` if it has ended.
    pub fn pid(&mut self) -> Option<Pid> {
        // nsenter runs the command in a child, because a process cannot change its own pid
        // namespace.
        loop {
            if let Some(child) = child_of(self.nsenter.id()) {
                return Some(child);
            }
            if self.ended().is_some() {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal to the command, but not to what it has started. It may have ended already.
    pub fn kill(&mut self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, signal);
        }
    }

    /// What the command has written so far.
    pub fn so_far(&mut self) -> (String, String) {
        (text(&mut self.stdout), text(&mut self.stderr))
    }

    /// Waits for the end of the command. Panics if it does not end in time.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Output {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.ended() {
                let (stdout, stderr) = self.so_far();
                return Output { status, stdout, stderr };
            }
            if Instant::now() > deadline {
                let (stdout, stderr) = self.so_far();
                let words = self.words.join(OsStr::new(" "));
                panic!("{} did not end within {limit:?}\n{stdout}\n{stderr}", words.display());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.nsenter.try_wait().unwrap_or_else(|error| panic!("cannot wait for nsenter: {error}"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill(Signal::SIGKILL);
            let _ = self.nsenter.kill();
            let _ = self.nsenter.wait();
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The exit code, or `None` if a signal ended the command.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}\n--- stdout\n{}--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

/// The only child of a process that has not ended.
pub(crate) fn child_of(parent: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
}

fn temporary() -> File {
    tempfile::tempfile().unwrap_or_else(|error| panic!("cannot make a temporary file: {error}"))
}

fn share(file: &File) -> Stdio {
    file.try_clone().unwrap_or_else(|error| panic!("cannot share a temporary file: {error}")).into()
}

/// All that was written to `file`, which is shared with its writer and so is its position.
fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        match file.read_at(&mut chunk, bytes.len() as u64) {
            Ok(0) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) => panic!("cannot read what a command wrote: {error}"),
        }
    }
}
