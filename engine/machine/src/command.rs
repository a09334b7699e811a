//! A process to run: what, as whom, where, for how long; and what came of it.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use toque_core::failure::Failure;
use toque_core::redaction::REDACTED;
use toque_core::text::shell_quote;

/// How long a command may take when nothing else is said (Chef's default for provider commands is
/// the same).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(900);

/// The search path of every child: what an operator's root shell has, whatever toque itself
/// inherited.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command as data. The child gets a clean environment (PATH, HOME, USER, LOGNAME, LANG=C.UTF-8)
/// plus `environment`, a process group of its own, and is killed with its whole group at the
/// timeout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. A shell line is `["/bin/sh", "-c", line]`.
    pub argv: Vec<String>,
    pub cwd: Option<PathBuf>,
    /// Whom to run as; root (or whoever runs toque) when absent.
    pub identity: Option<Identity>,
    pub environment: IndexMap<String, String>,
    /// Files for the child that are in memory and on no disk, such as a private key: the content by
    /// the name of the environment variable that will hold the path. Only a child of toque's own
    /// user can open them.
    pub files: IndexMap<String, Vec<u8>>,
    /// File mode creation mask of the child.
    pub umask: Option<u32>,
    pub timeout: Duration,
    /// Standard input; empty when absent.
    pub input: Option<Vec<u8>>,
    /// Hand on each line of output as it comes.
    pub live: bool,
    /// The arguments or environment hold a secret: error messages must not repeat them.
    pub sensitive: bool,
    /// All that it has started ends with it, also what has left its process group.
    pub contained: bool,
}

/// Who a process runs as, looked up already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// For HOME, USER and LOGNAME.
    pub name: Option<String>,
    pub home: Option<PathBuf>,
}

impl Command {
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: None,
            identity: None,
            environment: IndexMap::new(),
            files: IndexMap::new(),
            umask: None,
            timeout: DEFAULT_TIMEOUT,
            input: None,
            live: false,
            sensitive: false,
            contained: false,
        }
    }

    /// A line for `/bin/sh`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), line.into()])
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    #[must_use]
    pub fn file(mut self, variable: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(variable.into(), content.into());
        self
    }

    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// As a person would type it: the shell line itself, or the arguments quoted where they need
    /// it.
    #[must_use]
    pub fn line(&self) -> String {
        if self.sensitive {
            return format!(
                "{} [arguments hidden: sensitive]",
                self.argv.first().map_or("", String::as_str)
            );
        }
        match self.argv.as_slice() {
            [sh, c, line] if sh == "/bin/sh" && c == "-c" => line.clone(),
            argv => argv.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" "),
        }
    }
}

/// How a child ended, and what it wrote. Output beyond 16 MiB a stream is dropped, with a mark at
/// the cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub end: End,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that toque did not send.
    Signalled(i32),
    /// Killed with its group because its time was up.
    TimedOut,
    /// Killed with its group because the run was told to stop.
    Interrupted,
}

impl Default for End {
    fn default() -> Self {
        Self::Exited(0)
    }
}

impl Output {
    #[must_use]
    pub fn success(&self) -> bool {
        self.end == End::Exited(0)
    }

    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// "`apt-get install x` exited with 100", with the end of what it printed.
    #[must_use]
    pub fn failure(&self, command: &Command, sensitive: bool) -> Failure {
        let line = if sensitive {
            format!("the command `{REDACTED}`")
        } else {
            format!("`{}`", shorten(&command.line()))
        };
        let mut failure = match self.end {
            End::Exited(126) => Failure::new(format!(
                "{line} exited with 126: a program it names cannot be executed"
            )),
            End::Exited(127) => {
                Failure::new(format!("{line} exited with 127: a program it names was not found"))
            }
            End::Exited(status) => Failure::new(format!("{line} exited with {status}")),
            End::Signalled(signal) => Failure::new(format!("{line} was ended by signal {signal}")),
            End::TimedOut => Failure::new(format!(
                "{line} did not end within {} s and was killed",
                seconds(command.timeout)
            ))
            .hint("see why it hangs, or raise `timeout`"),
            End::Interrupted => {
                let mut failure = Failure::new(format!("{line} was stopped with the run"));
                failure.interrupted = true;
                failure
            }
        };
        if sensitive || command.sensitive {
            return failure;
        }
        for (name, text) in [("standard error", self.stderr()), ("standard output", self.stdout())]
        {
            let text = text.trim_end();
            if !text.is_empty() {
                let lines: Vec<&str> = text.lines().collect();
                let from = lines.len().saturating_sub(15);
                let cut = if from > 0 {
                    format!(" (last 15 of {} lines)", lines.len())
                } else {
                    String::new()
                };
                let lines: Vec<String> =
                    lines[from..].iter().map(|line| first_of(line, 1000)).collect();
                failure.notes.push(format!("{name}{cut}:\n{}", lines.join("\n")));
            }
        }
        failure
    }
}

fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        time.as_secs().to_string()
    } else {
        format!("{:.1}", time.as_secs_f64())
    }
}

fn shorten(line: &str) -> String {
    let first = line.lines().next().unwrap_or_default();
    let more = if line.lines().nth(1).is_some() { " …" } else { "" };
    if first.chars().nth(160).is_some() { first_of(first, 160) } else { format!("{first}{more}") }
}

/// So many characters of a line at most.
fn first_of(line: &str, most: usize) -> String {
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}
