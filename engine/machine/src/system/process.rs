//! Child processes: a clean environment, a session of their own, a time limit, and output that is
//! read as it comes.

mod contained;
mod memory;
mod stream;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Pid, Uid, fchdir, geteuid, setgid, setgroups, setsid, setuid};

use self::stream::Stream;
use super::HostSystem;
use super::guardian::Guarded;
use super::rights::{NO_GROUP, Rights};
use crate::command::{Command, DEFAULT_PATH, End, Identity, Output};
use toque_core::failure::{Failure, FailureKind};

/// How often a quiet child is looked at: whether it ended without closing its output, and whether
/// to stop it.
const TICK: Duration = Duration::from_millis(50);
/// From the polite signal to the one that cannot be refused.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// How long a killed child that does not go away (stuck in the kernel) is waited for.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// What a child's own children may still say after it ended: until they are silent for the first,
/// at most the second. A daemon that keeps the pipe would otherwise hold the run for ever.
const QUIET: Duration = Duration::from_millis(100);
const LINGER: Duration = Duration::from_secs(1);

/// Runs a command to its end.
pub(super) fn run(host: &HostSystem, command: &Command) -> Result<Output, Failure> {
    if host.stop.forced() {
        return Ok(Output { end: End::Interrupted, ..Output::default() });
    }
    Ok(Attended::start(command, host)?.attend())
}

/// Starts all the commands, and attends to one after the other; whoever has much to say waits for
/// its turn.
pub(super) fn run_all(host: &HostSystem, commands: &[Command]) -> Vec<Result<Output, Failure>> {
    if host.stop.forced() {
        return commands.iter().map(|command| run(host, command)).collect();
    }
    let started: Vec<_> = commands.iter().map(|command| Attended::start(command, host)).collect();
    started.into_iter().map(|child| child.map(Attended::attend)).collect()
}

/// A child that was started, and what it needs while it runs.
pub(super) struct Started {
    pub child: Child,
    /// The child opens them by way of us.
    files: Vec<File>,
    /// Its number with the guardian.
    number: Option<u64>,
    /// The mark by which its own children are known.
    mark: Option<String>,
}

pub(super) fn start(command: &Command, host: &HostSystem) -> Result<Started, Failure> {
    let Some(name) = command.argv.first() else {
        return Err(Failure::new("cannot run a command without words")
            .hint("give at least the name of a program"));
    };
    let cwd = command.cwd.as_ref().map(|cwd| open_cwd(command, cwd, host)).transpose()?;
    let program = find_program(command, name)?;
    let mut child = std::process::Command::new(program);
    child.arg0(name).args(&command.argv[1..]);
    let (files, variables) =
        memory::files(command).map_err(|error| cannot_start(command, &error))?;
    let mark = command.contained.then(contained::mark);
    child.env_clear().envs(environment(command)).envs(variables);
    child.envs(mark.as_ref().map(|mark| (contained::VARIABLE, mark)));
    child.stdin(if command.input.is_some() { Stdio::piped() } else { Stdio::null() });
    child.stdout(Stdio::piped()).stderr(Stdio::piped());
    let guarded = host.guardian.guard();
    let number = guarded.as_ref().map(Guarded::number);
    become_child(&mut child, command, cwd, guarded);
    match child.spawn() {
        Ok(child) => Ok(Started { child, files, number, mark }),
        Err(error) => {
            number.into_iter().for_each(|number| host.guardian.release(number));
            Err(cannot_start(command, &error))
        }
    }
}

/// What the child does to itself before it becomes the program.
#[expect(
    unsafe_code,
    reason = "there is no safe way to set groups, umask, session and an open folder of a child"
)]
fn become_child(
    child: &mut std::process::Command,
    command: &Command,
    cwd: Option<OwnedFd>,
    guarded: Option<Guarded>,
) {
    let mask = command.umask.map(Mode::from_bits_truncate);
    let identity = command.identity.clone().filter(is_someone_else);
    let groups: Vec<Gid> = identity
        .iter()
        .flat_map(|identity| identity.groups.iter().map(|gid| Gid::from_raw(*gid)))
        .collect();
    let (uid, gid) = identity.map_or((None, None), |identity| (identity.uid, identity.gid));
    // SAFETY: between fork and exec only system calls may be made; these are, and nothing in here
    // allocates or locks.
    unsafe {
        child.pre_exec(move || {
            // A session of its own is also a process group of its own, and has no terminal that a
            // password could be asked on.
            setsid()?;
            if let Some(guarded) = &guarded {
                guarded.announce();
            }
            if let Some(mask) = mask {
                umask(mask);
            }
            if uid.is_some() || gid.is_some() {
                setgroups(&groups)?;
            }
            if let Some(gid) = gid {
                setgid(Gid::from_raw(gid))?;
            }
            if let Some(uid) = uid {
                setuid(Uid::from_raw(uid))?;
            }
            // Its path may lead elsewhere by now.
            if let Some(cwd) = &cwd {
                fchdir(cwd)?;
            }
            Ok(())
        });
    }
}

/// Whether privileges are needed to become this identity; root also sets its own groups.
fn is_someone_else(identity: &Identity) -> bool {
    let own_user = identity.uid.is_none_or(|uid| uid == geteuid().as_raw());
    let own_group = identity.gid.is_none_or(|gid| gid == nix::unistd::getegid().as_raw());
    geteuid().is_root() || !own_user || !own_group
}

fn environment(command: &Command) -> Vec<(OsString, OsString)> {
    let identity = command.identity.as_ref();
    let (name, home) = match identity.and_then(|identity| identity.uid) {
        None => own_account(),
        Some(0) => ("root".to_owned(), "/root".into()),
        Some(uid) => (uid.to_string(), "/".into()),
    };
    let name = identity.and_then(|identity| identity.name.clone()).unwrap_or(name);
    let home = identity.and_then(|identity| identity.home.clone()).unwrap_or(home);
    let mut environment: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), DEFAULT_PATH.into()),
        ("HOME".into(), home.into_os_string()),
        ("USER".into(), name.clone().into()),
        ("LOGNAME".into(), name.into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("LC_ALL".into(), "C.UTF-8".into()),
    ];
    environment.extend(command.environment.iter().map(|(name, value)| (name.into(), value.into())));
    environment
}

/// Who toque itself runs as.
fn own_account() -> (String, PathBuf) {
    let uid = geteuid();
    if uid.is_root() {
        return ("root".to_owned(), "/root".into());
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields
        .filter(|fields| fields.len() > 5)
        .find(|fields| fields[2].parse() == Ok(uid.as_raw()));
    own.map_or((uid.to_string(), "/".into()), |fields| (fields[0].to_owned(), fields[5].into()))
}

fn open_cwd(command: &Command, cwd: &Path, host: &HostSystem) -> Result<OwnedFd, Failure> {
    let other = command.identity.as_ref().filter(|identity| is_someone_else(identity));
    let rights = other.and_then(|identity| {
        let uid = identity.uid.filter(|uid| *uid != geteuid().as_raw())?;
        let gid = identity.gid.unwrap_or(NO_GROUP);
        Some(Rights { uid, gid, groups: identity.groups.clone() })
    });
    let error = match host.starting_folder(cwd, rights.as_ref()) {
        Ok(folder) => return Ok(folder),
        Err(error) => error,
    };
    let cause = match error.kind() {
        io::ErrorKind::NotFound => "the directory does not exist",
        io::ErrorKind::NotADirectory => "that is not a directory",
        io::ErrorKind::PermissionDenied if rights.is_some() => {
            return Err(cannot_start(command, &error));
        }
        _ => return Err(Failure::io("run a command in", cwd, &error)),
    };
    Err(Failure::new(format!("cannot run `{}` in `{}`: {cause}", shown(command), cwd.display()))
        .hint("declare the directory before this resource, or correct `cwd`"))
}

/// Where the program is, by the child's search path.
fn find_program(command: &Command, name: &str) -> Result<PathBuf, Failure> {
    let cannot = |cause: String| Failure::new(format!("cannot run `{}`: {cause}", shown(command)));
    let runnable = |path: &Path| {
        std::fs::metadata(path)
            .map(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        // A relative one is meant from where the child starts.
        let path = command.cwd.as_deref().unwrap_or(Path::new("")).join(name);
        return match runnable(&path) {
            Ok(true) => Ok(name.into()),
            Ok(false) => Err(cannot(format!("`{name}` is not an executable file"))
                .hint(format!("try `chmod +x {name}`"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(cannot(format!("there is no `{name}`"))
                    .hint("install what it belongs to before this resource, or correct the path"))
            }
            Err(error) => Err(cannot(plain(&error))),
        };
    }
    let search = command.environment.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    let found =
        search.split(':').filter(|dir| !dir.is_empty()).map(|dir| Path::new(dir).join(name)).find(
            |path| {
                // What cannot be looked at is not on the path.
                runnable(path).unwrap_or(false)
            },
        );
    found.ok_or_else(|| {
        cannot(format!("there is no program `{name}` on PATH ({search})"))
            .of_kind(FailureKind::ProgramMissing)
            .hint("install the package it belongs to before this resource, or give its whole path")
    })
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    let what = format!("cannot run `{}`", shown(command));
    let other = command.identity.as_ref().filter(|identity| is_someone_else(identity));
    match (error.kind(), other) {
        (io::ErrorKind::NotFound, _) => {
            Failure::new(format!("{what}: the interpreter that it names does not exist"))
                .hint("look at its first line (`#!…`)")
        }
        (io::ErrorKind::PermissionDenied, Some(identity)) => {
            let user = identity
                .name
                .clone()
                .or(identity.uid.map(|uid| uid.to_string()))
                .unwrap_or_default();
            if geteuid().is_root() {
                Failure::new(format!("{what} as `{user}`: permission denied")).hint(
                    "see that this user may run the program and enter the directory it starts in",
                )
            } else {
                Failure::new(format!(
                    "{what} as `{user}`: only root may run commands as someone else"
                ))
                .hint("run toque as root")
            }
        }
        (io::ErrorKind::ArgumentListTooLong, _) => {
            Failure::new(format!("{what}: its arguments and environment are too long"))
                .hint("hand the data over in a file, or as input")
        }
        _ => Failure::new(format!("{what}: {}", plain(error))),
    }
}

/// The first line of what is run.
fn shown(command: &Command) -> String {
    command.line().lines().next().unwrap_or_default().to_owned()
}

fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// A child that runs, with all that is known of it.
struct Attended<'a> {
    child: Child,
    command: &'a Command,
    host: &'a HostSystem,
    _files: Vec<File>,
    number: Option<u64>,
    mark: Option<String>,
    stdin: Option<(File, usize)>,
    streams: [Stream; 2],
    begun: Instant,
    /// When its streams last said something.
    heard: Instant,
    gone: Option<(ExitStatus, Instant)>,
    ending: Option<Ending>,
}

/// The child is being ended from outside.
struct Ending {
    end: End,
    since: Instant,
    killed: bool,
}

impl<'a> Attended<'a> {
    fn start(command: &'a Command, host: &'a HostSystem) -> Result<Self, Failure> {
        let Started { mut child, files, number, mark } = start(command, host)?;
        let live = command.live && !command.sensitive && host.live.is_some();
        let streams = [
            Stream::new(child.stdout.take().map(OwnedFd::from).and_then(non_blocking), live),
            Stream::new(child.stderr.take().map(OwnedFd::from).and_then(non_blocking), live),
        ];
        let stdin =
            child.stdin.take().map(OwnedFd::from).and_then(non_blocking).map(|pipe| (pipe, 0));
        let now = Instant::now();
        Ok(Self {
            child,
            command,
            host,
            _files: files,
            number,
            mark,
            stdin,
            streams,
            begun: now,
            heard: now,
            gone: None,
            ending: None,
        })
    }

    fn attend(mut self) -> Output {
        let mut pause = Duration::from_micros(100);
        loop {
            if self.open() {
                self.wait_for_pipes();
                self.feed();
                self.listen();
            } else if self.gone.is_none() {
                // It has closed its output and will usually end at once.
                std::thread::sleep(pause);
                pause = (pause * 2).min(TICK);
            }
            if self.gone.is_none()
                && let Ok(Some(status)) = self.child.try_wait()
            {
                self.gone = Some((status, Instant::now()));
                // What it wrote last may have come after the streams were read.
                self.listen();
                if self.ending.is_some() {
                    self.signal(Signal::SIGKILL);
                }
            }
            let done = match self.gone {
                Some((_, at)) => {
                    !self.open() || at.elapsed() >= LINGER || self.heard.max(at).elapsed() >= QUIET
                }
                None => self.given_up(),
            };
            if done {
                break;
            }
        }
        self.mark.iter().for_each(|mark| contained::end(mark));
        let end = match (&self.ending, self.gone) {
            (Some(ending), _) => ending.end,
            (None, Some((status, _))) => status
                .code()
                .map_or_else(|| End::Signalled(status.signal().unwrap_or_default()), End::Exited),
            (None, None) => End::TimedOut,
        };
        // What does not end even when it is killed stays with the guardian.
        if self.gone.is_some() {
            self.number.into_iter().for_each(|number| self.host.guardian.release(number));
        }
        let [stdout, stderr] = self.streams;
        Output { stdout: stdout.finish(self.host), stderr: stderr.finish(self.host), end }
    }

    fn open(&self) -> bool {
        self.streams.iter().any(stream::Stream::is_open)
    }

    /// Sleeps until a pipe is ready, or for a tick.
    fn wait_for_pipes(&self) {
        let outputs = self.streams.iter().filter_map(Stream::pipe);
        let mut pipes: Vec<PollFd<'_>> =
            outputs.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)).collect();
        pipes.extend(
            self.stdin.iter().map(|(pipe, _)| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)),
        );
        let timeout = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
        // A signal may end it early, which is as good as a tick.
        let _ = poll(&mut pipes, timeout);
    }

    /// Hands over as much input as the child takes.
    fn feed(&mut self) {
        let Some((pipe, written)) = &mut self.stdin else { return };
        let input = self.command.input.as_deref().unwrap_or_default();
        while *written < input.len() {
            match pipe.write(&input[*written..]) {
                Ok(count) => *written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It does not want the rest.
                Err(_) => break,
            }
        }
        self.stdin = None;
    }

    fn listen(&mut self) {
        for stream in &mut self.streams {
            if stream.read(self.host) {
                self.heard = Instant::now();
            }
        }
    }

    /// Ends a child whose time is up. Says when even that did not help.
    fn given_up(&mut self) -> bool {
        let Some(ending) = &mut self.ending else {
            let end = match () {
                () if self.host.stop.forced() => End::Interrupted,
                () if self.begun.elapsed() >= self.command.timeout => End::TimedOut,
                () => return false,
            };
            self.ending = Some(Ending { end, since: Instant::now(), killed: false });
            self.signal(Signal::SIGTERM);
            return false;
        };
        if !ending.killed && ending.since.elapsed() >= TERM_GRACE {
            ending.killed = true;
            self.signal(Signal::SIGKILL);
            return false;
        }
        ending.since.elapsed() >= TERM_GRACE + KILL_GRACE
    }

    fn signal(&self, signal: Signal) {
        // A group whose last process has just ended needs no signal.
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), signal);
        if signal == Signal::SIGTERM {
            // A stopped process hears nothing.
            let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGCONT);
        }
    }
}

/// Our end of a pipe, so that reading and writing never wait; the child's end stays as it is.
fn non_blocking(pipe: OwnedFd) -> Option<File> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).ok()?;
    Some(File::from(pipe))
}
