//! Lets system calls of a run fail, one at a time, on a throwaway host: `strace` returns an error in
//! place of the kernel. The words are those of `tests/it/faults.rs`.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "it prints what it found, and ends where it cannot go on"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The calls, each with an error that it may have.
const CALLS: [(&str, &str); 39] = [
    ("openat", "EMFILE"),
    ("openat2", "EACCES"),
    ("read", "EIO"),
    ("write", "ENOSPC"),
    ("pwrite64", "ENOSPC"),
    ("fstat", "EIO"),
    ("newfstatat", "EIO"),
    ("statx", "EIO"),
    ("rename", "EIO"),
    ("renameat", "EIO"),
    ("renameat2", "EIO"),
    ("link,linkat", "EIO"),
    ("unlink", "EIO"),
    ("unlinkat", "EIO"),
    ("mkdir", "ENOSPC"),
    ("mkdirat", "ENOSPC"),
    ("symlinkat", "ENOSPC"),
    ("readlink", "EIO"),
    ("readlinkat", "EIO"),
    ("chmod,fchmod", "EIO"),
    ("fchown,fchownat", "EACCES"),
    ("utimensat", "EIO"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("syncfs", "EIO"),
    ("ftruncate", "ENOSPC"),
    ("getdents64", "EIO"),
    ("lseek", "EIO"),
    ("mmap", "ENOMEM"),
    ("clone,clone3,vfork", "EAGAIN"),
    ("execve", "ENOMEM"),
    ("pipe2", "EMFILE"),
    ("poll", "EINTR"),
    ("fcntl", "EMFILE"),
    ("flock", "EINTR"),
    ("socket,socketpair", "EMFILE"),
    ("copy_file_range,sendfile", "EIO"),
    ("getxattr,listxattr,fremovexattr,fsetxattr", "EIO"),
    ("statfs,fstatfs", "EIO"),
];

/// Within this time a run has ended.
const LIMIT: Duration = Duration::from_secs(60);
const REPORT: &str = "/tmp/faults-report.json";
const OUTPUT: &str = "/tmp/faults-output";

/// Panics that no code of Toque can turn into an error: that of Rust's runtime before `main`, and of
/// the library that reserves the stack, when the kernel refuses a size right after it gave it.
const OUTSIDE: [&str; 2] =
    ["failed to allocate an alternative stack", "mmap failed to allocate stack"];

struct Sweep {
    /// A script that makes everything as it was before the run.
    setup: String,
    /// A folder in which every file begins with the word `old` or `new`, and ends with it too.
    folder: String,
    words: Vec<String>,
    /// Runs that ended in one of [`OUTSIDE`].
    outside: Cell<usize>,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [share, setup, folder, words @ ..] = &words[..] else {
        panic!("`faults` is called by tests alone: {words:?}");
    };
    let share: usize = share.parse().expect("faults are counted");
    let sweep = Sweep {
        setup: setup.clone(),
        folder: folder.clone(),
        words: words.to_vec(),
        outside: Cell::new(0),
    };
    let counted = sweep.count();
    let (mut injected, mut calls, mut ended_well, mut faults) = (0, 0, 0, 0);
    for (names, error) in CALLS {
        let most = names.split(',').filter_map(|name| counted.get(name)).max().copied();
        let Some(most) = most else { continue };
        calls += 1;
        let step = most.div_ceil(share).max(1);
        // Each call has its own beginning, so that not all begin with the first.
        for when in (1 + (calls - 1) % step..=most).step_by(step) {
            injected += 1;
            let (well, found) = sweep.once(names, error, when);
            ended_well += usize::from(well);
            for fault in &found {
                println!("{names}:error={error}:when={when}: {fault}");
            }
            faults += usize::from(!found.is_empty());
        }
    }
    println!(
        "{injected} faults in {calls} calls, {ended_well} runs ended well, {} panicked outside of toque, {faults} were wrong",
        sweep.outside.get()
    );
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Sweep {
    /// Returns how often one process of a run makes each call, at most.
    fn count(&self) -> BTreeMap<String, usize> {
        self.set_up();
        let trace = "/tmp/faults-trace";
        let strace = ["strace", "-f", "-qq", "-o", trace];
        let status = run(&strace, &self.words);
        assert!(status.is_some_and(|status| status.success()), "{}", output());
        let mut by_process: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let text = fs::read(trace).expect("strace has written it");
        let text = String::from_utf8_lossy(&text);
        for line in text.lines() {
            let Some((process, rest)) = line.split_once(' ') else { continue };
            if let Some((name, _)) = rest.trim_start().split_once('(') {
                *by_process.entry((process, name)).or_default() += 1;
            }
        }
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for ((_, name), count) in by_process {
            let known = most.entry(name.to_owned()).or_default();
            *known = count.max(*known);
        }
        most
    }

    /// Makes one fault, and returns whether the run ended well nevertheless, and what was wrong.
    fn once(&self, names: &str, error: &str, when: usize) -> (bool, Vec<String>) {
        self.set_up();
        let mut wrong = Vec::new();
        let trace = format!("trace={names}");
        let inject = format!("inject={names}:error={error}:when={when}");
        let strace = [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &trace,
            "-e",
            &inject,
        ];
        let status = run(&strace, &self.words);
        let told = output();
        match status {
            None => wrong.push(format!("it did not end within {LIMIT:?}\n{told}")),
            // The fault met strace's own start of the program.
            Some(_) if told.starts_with("strace: ") => {}
            Some(status) => match status.code() {
                Some(0) => {}
                Some(1 | 2) if has_cause(&told) => {}
                Some(1 | 2) => wrong.push(format!("its error has no cause:\n{told}")),
                _ if OUTSIDE.iter().any(|panic| told.contains(panic)) => {
                    self.outside.set(self.outside.get() + 1);
                }
                _ => wrong.push(format!("it ended with {status} {:?}\n{told}", status.signal())),
            },
        }
        let well = status.is_some_and(|status| status.success());
        wrong.extend(half(Path::new(&self.folder)));

        let next = run(&[], &self.words);
        if !next.is_some_and(|status| status.success()) {
            wrong.push(format!("the next run does not converge:\n{told}\n{}", output()));
        }
        wrong.extend(left_over(Path::new(&self.folder)));
        let plan: Vec<String> =
            self.words.iter().map(|word| word.replace("converge", "plan")).collect();
        let planned = run(&[], &plan);
        let report = fs::read_to_string(REPORT).unwrap_or_default();
        if !planned.is_some_and(|status| status.success())
            || ["would-change", "may-change"].iter().any(|status| {
                report.contains(&format!("\"status\": \"{status}\""))
                    || report.contains(&format!("\"status\":\"{status}\""))
            })
        {
            wrong.push(format!("something is left to do:\n{}", output()));
        }
        (well, wrong)
    }

    fn set_up(&self) {
        let status =
            Command::new("sh").args(["-eu", &self.setup]).status().expect("there is a shell");
        assert!(status.success(), "{} ended with {status}", self.setup);
    }
}

/// Runs toque by way of `before`; none if it does not end.
fn run(before: &[&str], words: &[String]) -> Option<ExitStatus> {
    let _ = fs::remove_file(REPORT);
    let words: Vec<&str> = before.iter().copied().chain(words.iter().map(String::as_str)).collect();
    let written = File::create(OUTPUT).expect("it can be made");
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args(["--report", REPORT])
        .stdin(Stdio::null())
        .stdout(Stdio::from(written.try_clone().expect("a file can be shared")))
        .stderr(Stdio::from(written))
        .spawn()
        .expect("it can be run");
    let begun = Instant::now();
    let mut status = None;
    while status.is_none() && begun.elapsed() < LIMIT {
        sleep(Duration::from_millis(2));
        status = child.try_wait().expect("it can be waited for");
    }
    if status.is_none() {
        let _ = child.kill();
    }
    let _ = child.wait();
    status
}

fn output() -> String {
    String::from_utf8_lossy(&fs::read(OUTPUT).unwrap_or_default()).into_owned()
}

/// Whether an error says what could not be done with what, and why.
fn has_cause(told: &str) -> bool {
    let causes = [
        "input/output error",
        "no space left",
        "too many open files",
        "allocate memory",
        "out of memory",
        "permission denied",
        "interrupted",
        "temporarily unavailable",
        "exited with",
        // The fault met the guardian, which then takes toque for dead and ends the command.
        "was ended by signal",
    ];
    let lower = told.to_lowercase();
    let named = ["`".to_owned(), "standard output".to_owned(), "the thread that".to_owned()];
    let what = lower
        .lines()
        .any(|line| line.starts_with("error") && named.iter().any(|name| line.contains(name)));
    what && causes.iter().any(|cause| lower.contains(cause))
}

/// Tells the files that are neither old nor new.
fn half(folder: &Path) -> Vec<String> {
    let whole = |text: &str| {
        let word = text.get(..3).unwrap_or_default();
        ["old", "new"].contains(&word) && text.trim_end().ends_with(word)
    };
    files(folder)
        .into_iter()
        // Commands make theirs by way of another, as toque does.
        .filter(|path| !is_ours(path) && !path.ends_with(".part"))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            (!whole(&text)).then(|| format!("`{path}` is half: {} bytes", text.len()))
        })
        .collect()
}

/// Tells what a run that ended has left.
fn left_over(folder: &Path) -> Vec<String> {
    files(folder)
        .into_iter()
        .filter(|path| is_ours(path))
        .map(|path| format!("`{path}` is left over"))
        .collect()
}

fn is_ours(path: &str) -> bool {
    path.contains("/.toque-")
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}
