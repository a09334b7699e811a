//! Runs the user's editor, and ends it when toque is told to stop.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_engine::Refused;

use crate::output;

/// The time between two looks at the editor.
const PAUSE: Duration = Duration::from_millis(20);
/// The time that an editor has to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// An editor, and the signals that end it. It must be there before the plain text is, which no
/// signal may leave behind.
pub(crate) struct Editor {
    command: OsString,
    /// A signal that ends toque in any command.
    ended: Arc<AtomicBool>,
    /// A signal of the terminal's keys, which the editor gets and handles too.
    interrupted: Arc<AtomicBool>,
}

impl Editor {
    /// `$VISUAL`, else `$EDITOR`, else `vi`.
    pub(crate) fn chosen() -> Result<Self, Diagnostic> {
        let named = |name| std::env::var_os(name).filter(|command| !command.is_empty());
        let command = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".into());
        let editor = Self { command, ended: Arc::default(), interrupted: Arc::default() };
        for (signals, flag) in
            [([SIGTERM, SIGHUP], &editor.ended), ([SIGINT, SIGQUIT], &editor.interrupted)]
        {
            for signal in signals {
                flag::register(signal, Arc::clone(flag)).map_err(|error| {
                    Diagnostic::error(format!("cannot wait for signals: {}", plain_io(&error)))
                })?;
            }
        }
        Ok(editor)
    }

    /// Has a file edited. The command is one of the shell, as with git: it may have arguments.
    /// # Errors
    /// When it cannot be started or fails, and when toque is told to stop meanwhile.
    pub(crate) fn run(&self, path: &Path) -> Result<(), Refused> {
        let shown = self.command.to_string_lossy().into_owned();
        let failed = |why: &str| {
            Diagnostic::error(format!("the editor `{shown}` {why}; the item is as it was"))
                .hint("choose another one in `$EDITOR`")
        };
        // The shell makes way for the editor, so that it is the editor that a signal is passed on
        // to; unless the command is more than one.
        let several = shown.contains(['=', ';', '|', '&', '(', ')', '{', '}', '<', '>', '\n']);
        let mut script = OsString::from(if several { "" } else { "exec " });
        script.push(&self.command);
        script.push(" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").args(precautions(&self.command)).arg(path);
        let mut child = command
            .spawn()
            .map_err(|error| failed(&format!("cannot be started: {}", plain_io(&error))))?;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(failed(&format!("failed ({status})")).into()),
                Ok(None) => {}
                Err(error) => {
                    return Err(
                        failed(&format!("cannot be waited for: {}", plain_io(&error))).into()
                    );
                }
            }
            if self.stop_requested() {
                end(&mut child);
                return Err(stopped());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns whether a user can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        stdin().is_terminal()
    }

    /// Asks whether to edit again.
    pub(crate) fn again(&self) -> Result<bool, Refused> {
        output::message("edit it again? [Y/n] ");
        self.interrupted.store(false, Ordering::Relaxed);
        let mut line = String::new();
        loop {
            if self.ended.load(Ordering::Relaxed) || self.interrupted.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            match poll(
                &mut [PollFd::new(stdin().as_fd(), PollFlags::POLLIN)],
                PollTimeout::from(100_u8),
            ) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => {
                    let read = stdin().read_line(&mut line).unwrap_or(0);
                    return Ok(read > 0 && !line.trim().to_lowercase().starts_with('n'));
                }
                Err(_) => return Ok(false),
            }
        }
    }

    fn stop_requested(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
            || self.interrupted.swap(false, Ordering::Relaxed) && !stdin().is_terminal()
    }
}

fn stopped() -> Refused {
    let message = "told to stop while the item was edited: it is as it was";
    let diagnostic = Diagnostic { interrupted: true, ..Diagnostic::error(message) };
    Refused { diagnostics: diagnostic.into(), stopped: true }
}

fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Vim writes what is deleted and searched for into a file in the home folder, and copies of what
/// it edits where it is told to.
fn precautions(command: &OsStr) -> &'static [&'static str] {
    let is_vim = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("vim") || name.starts_with("nvim")
    };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let words = command.to_string_lossy();
    let program = words.split_whitespace().next().unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    match found.and_then(|path| path.canonicalize().ok()) {
        Some(path) if is_vim(path.clone()) => {
            &["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile"]
        }
        _ => &[],
    }
}
