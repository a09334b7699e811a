//! Attacks a run from beside it, on a throwaway host: prepares a folder that a user owns, plants or
//! swaps a link or a second name in it, runs toque, and tells all that the run did outside the
//! folder. The words are those of `tests/it/hostile/attack.rs`.
//!
//! - `swap`: the attacker's process
//! - `outside`: what nobody may touch
//! - `leaks`: what holds a secret that it must not

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "it prints what it found, and ends where it cannot go on"
)]

mod leaks;
mod outside;
mod swap;

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Within this time a run has ended.
const LIMIT: Duration = Duration::from_secs(60);

/// The words that the program is called with.
struct Attack {
    /// `none`, `parent-link`, `last-link`, `hard-link`, `parent-swap` or `last-swap`.
    how: String,
    tries: usize,
    /// The attacker.
    uid: u32,
    /// The folder that is attacked, and the entry in it that the recipe names.
    parent: PathBuf,
    name: String,
    /// The folder that nobody may touch, which has an entry of the same name.
    outside: PathBuf,
    /// What the files outside have in them, and nothing else may.
    mark: String,
    /// A script that makes everything anew but the outside.
    setup: String,
    run: Vec<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [first, here, there] = &words[..]
        && first == "swap"
    {
        swap::for_ever(here, there);
    }
    let [how, tries, uid, parent, name, outside, mark, setup, run @ ..] = &words[..] else {
        panic!("`attack` is called by tests alone: {words:?}");
    };
    let attack = Attack {
        how: how.clone(),
        tries: tries.parse().expect("tries are counted"),
        uid: uid.parse().expect("users have numbers"),
        parent: parent.into(),
        name: name.clone(),
        outside: outside.into(),
        mark: mark.clone(),
        setup: setup.clone(),
        run: run.to_vec(),
    };
    if attack.all() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Attack {
    /// Makes all tries, and prints one line for each fault and one for how the runs ended.
    fn all(&self) -> bool {
        let (mut well, mut refused, mut faults) = (0, 0, 0);
        for number in 0..self.tries {
            let (code, found) = self.once();
            well += usize::from(code == Some(0));
            refused += usize::from(code == Some(1));
            faults += found.len();
            for fault in found {
                println!("try {number}: {fault}");
            }
            if faults > 0 {
                break;
            }
        }
        println!("ended well {well}, refused {refused}");
        faults == 0
    }

    /// Makes one try, and returns how the run ended with what was wrong about it.
    fn once(&self) -> (Option<i32>, Vec<String>) {
        let made =
            Command::new("sh").args(["-eu", &self.setup]).status().expect("there is a shell");
        assert!(made.success(), "{} ended with {made}", self.setup);
        self.plant();
        outside::forget_reads(&self.outside);
        let before = outside::look(&self.outside);
        let attacker = match self.how.as_str() {
            "parent-swap" => Some(swap::Attacker::new(&self.parent, &self.decoy(), self.uid)),
            "last-swap" => {
                Some(swap::Attacker::new(&self.parent.join(&self.name), &self.decoy(), self.uid))
            }
            _ => None,
        };
        let (status, output) = self.attacked();
        drop(attacker);

        let after = outside::look(&self.outside);
        let mut faults = outside::differences(&before, &after, self.how == "hard-link");
        let names = outside::files(&self.outside);
        faults.extend(
            leaks::of(&self.mark, &names)
                .into_iter()
                .map(|path| format!("`{}` holds what only the outside may", path.display())),
        );
        if output.contains(&self.mark) {
            faults.push("the output holds what only the outside may".to_owned());
        }
        let code = status.and_then(|status| status.code());
        match (status, code) {
            (_, Some(0)) if self.how == "parent-link" => {
                faults.push("it ended well, and its work cannot be where it was to be".to_owned());
            }
            (_, Some(0)) => {}
            (_, Some(1)) if output.contains(&*self.parent.to_string_lossy()) => {}
            (_, Some(1)) => faults.push("its error does not name the folder".to_owned()),
            (None, _) => faults.push(format!("it did not end within {LIMIT:?}")),
            (Some(status), _) => {
                let signal = status.signal().map(|signal| format!(" (signal {signal})"));
                faults.push(format!("it ended with {status}{}", signal.unwrap_or_default()));
            }
        }
        if !faults.is_empty() {
            faults.push(format!("its output:\n{output}"));
        }
        (code, faults)
    }

    /// Puts there what is there before the run.
    fn plant(&self) {
        let last = self.parent.join(&self.name);
        match self.how.as_str() {
            "none" => {}
            "parent-link" => {
                fs::rename(&self.parent, self.parent.with_extension("real")).expect("it moves");
                self.link(&self.outside, &self.parent);
            }
            "parent-swap" => self.link(&self.outside, &self.decoy()),
            "last-link" => {
                remove(&last);
                self.link(&self.outside.join(&self.name), &last);
            }
            "last-swap" => self.link(&self.outside.join(&self.name), &self.decoy()),
            "hard-link" => second_names(&self.outside.join(&self.name), &last),
            other => panic!("there is no attack `{other}`"),
        }
    }

    /// The link that a swap exchanges for what it attacks.
    fn decoy(&self) -> PathBuf {
        self.parent.with_extension("decoy")
    }

    fn link(&self, to: &Path, at: &Path) {
        symlink(to, at).expect("a link can be made");
        lchown(at, Some(self.uid), Some(self.uid)).expect("root can give it away");
    }

    /// Runs the command under attack.
    fn attacked(&self) -> (Option<std::process::ExitStatus>, String) {
        let mut written = tempfile::tempfile().expect("a temporary file");
        let share = |file: &File| Stdio::from(file.try_clone().expect("a file can be shared"));
        let mut child = Command::new(&self.run[0])
            .args(&self.run[1..])
            .stdin(Stdio::null())
            .stdout(share(&written))
            .stderr(share(&written))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {:?}: {error}", self.run));
        let begun = Instant::now();
        let mut status = None;
        while status.is_none() && begun.elapsed() < LIMIT {
            sleep(Duration::from_millis(1));
            status = child.try_wait().expect("it can be waited for");
        }
        if status.is_none() {
            let _ = child.kill();
        }
        let _ = child.wait();
        let mut output = Vec::new();
        written.rewind().expect("files can be rewound");
        written.read_to_end(&mut output).expect("it can be read");
        (status, String::from_utf8_lossy(&output).into_owned())
    }
}

/// Gives each file below `outside` a second name at the same place below `at`.
fn second_names(outside: &Path, at: &Path) {
    if outside.is_dir() {
        for entry in fs::read_dir(outside).expect("it can be listed").flatten() {
            if at.is_dir() {
                second_names(&entry.path(), &at.join(entry.file_name()));
            }
        }
    } else if outside.is_file() {
        remove(at);
        fs::hard_link(outside, at).expect("both are on one file system");
        assert!(fs::metadata(at).expect("it is there").nlink() > 1);
    }
}

fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
