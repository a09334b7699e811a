//! What a process takes. The kernel sums up the time and keeps the largest memory of all children
//! that a process has waited for; so each is measured by a process of its own, which is small,
//! because a child begins with its parent's memory.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What one process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// Seconds, its own and the kernel's for it.
    pub cpu: f64,
    /// Bytes.
    pub peak: u64,
}

impl Usage {
    /// The least of both, figure by figure.
    pub(crate) fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak: self.peak.min(other.peak),
        }
    }
}

/// Runs a command, which must succeed.
pub(crate) fn run<W: AsRef<OsStr>>(words: &[W]) -> Usage {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    let output = command
        .arg("measure")
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .expect("this program can be run");
    assert!(output.status.success(), "{command:?} ended with {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall, cpu, peak] = numbers[..] else { panic!("{command:?} printed {text:?}") };
    Usage { wall, cpu, peak: peak as u64 }
}

/// Runs the only child of this process, and prints what it took.
pub(crate) fn child(words: &[&str]) {
    let begun = Instant::now();
    let mut command = Command::new(words[0]);
    let status =
        command.args(&words[1..]).stdout(Stdio::null()).status().expect("the command can be run");
    let wall = begun.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?} ended with {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel tells");
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    println!(
        "{wall} {} {}",
        seconds(usage.user_time()) + seconds(usage.system_time()),
        usage.max_rss() * 1024
    );
}
