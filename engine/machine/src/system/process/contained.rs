//! Ending all that a command has started, also what has left its process group, as daemons do. It
//! is known by a variable in its environment.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable by which processes are known.
pub(super) const VARIABLE: &str = "TOQUE_CONTAINED";

/// How often new processes of one that starts them without end are looked for.
const ROUNDS: usize = 20;

/// Returns the value of the variable for another command.
pub(super) fn mark() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{}.{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Ends all that has the mark.
pub(super) fn end(mark: &str) {
    let entry = format!("{VARIABLE}={mark}");
    for _ in 0..ROUNDS {
        let marked = with(entry.as_bytes());
        if marked.is_empty() {
            return;
        }
        for process in marked {
            // It may have ended meanwhile.
            let _ = kill(process, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn with(entry: &[u8]) -> Vec<Pid> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|folder| {
        let name = folder.file_name();
        name.as_bytes().first()?.is_ascii_digit().then_some(name.to_str()?.parse::<u32>().ok()?)
    });
    let is_marked = |process: &u32| {
        // That of a process which has ended is empty.
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == entry)
    };
    let marked = processes.filter(|process| *process != own).filter(is_marked);
    marked.map(|process| Pid::from_raw(process.cast_signed())).collect()
}
