//! Owed notifications: what a changed resource has still to bring about. It is written and synced
//! before the change, so that a crash at any moment leaves it to the next run.
//!
//! What was delivered is struck out at once, so that a killed process delivers nothing twice. But
//! what a command has written may reach the disk later than the journal does: a strike-out holds
//! for this boot alone, until all disks have been synced at the end of the run.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use toque_contract::report::Owed;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;
use toque_machine::system::System;

/// Tells one boot of the machine from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What is owed, by target and action.
pub type Debt = (String, String);

/// A line of the journal. A line that was cut off by a crash is the last and is dropped.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Owe(Owed),
    Paid {
        target: String,
        action: String,
    },
    /// Delivered, and perhaps not on the disk before the boot is another.
    Delivered {
        target: String,
        action: String,
        boot: String,
    },
}

/// The journal of a state directory; without one it lives in memory.
#[derive(Default)]
pub struct Journal {
    path: Option<PathBuf>,
    file: Option<File>,
    owed: IndexMap<(String, String), Owed>,
    boot: Option<String>,
    /// Something was delivered since the disks were synced.
    unsynced: bool,
    /// Lines that could not be read, beyond a last one that was cut off.
    pub unreadable: usize,
}

impl Journal {
    /// Reads what is owed. Nothing is written until something is.
    /// # Errors
    /// When the journal is there and cannot be read.
    pub fn open(state_dir: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = state_dir.map(|dir| dir.join("owed.jsonl")) else {
            return Ok(Self::default());
        };
        let bytes = optional(std::fs::read(&path))
            .context("read the owed notifications in", &path)?
            .unwrap_or_default();
        // A crash may have cut a line anywhere, also within a character.
        let text = String::from_utf8_lossy(&bytes);
        let mut owed = IndexMap::new();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let this_boot = std::fs::read_to_string(BOOT).ok().map(|boot| boot.trim().to_owned());
        let (mut unreadable, mut unsynced) = (0, false);
        for (index, line) in lines.iter().enumerate() {
            let Ok(line) = serde_json::from_str(line) else {
                unreadable += usize::from(index + 1 < lines.len() || !text.contains('{'));
                continue;
            };
            match line {
                Line::Owe(one) => {
                    owed.entry((one.target.clone(), one.action.clone())).or_insert(one);
                }
                Line::Paid { target, action } => {
                    owed.shift_remove(&(target, action));
                }
                Line::Delivered { target, action, boot } if this_boot.as_ref() == Some(&boot) => {
                    owed.shift_remove(&(target, action));
                    unsynced = true;
                }
                // The machine went down before all that was brought about was on the disk.
                Line::Delivered { .. } => {}
            }
        }
        Ok(Self { path: Some(path), file: None, owed, boot: this_boot, unsynced, unreadable })
    }

    /// Everything that is owed, oldest first.
    pub fn owed(&self) -> impl Iterator<Item = &Owed> {
        self.owed.values()
    }

    /// Records what a change will owe; it is on disk when this returns. Gives what was not owed
    /// before, by target and action.
    /// # Errors
    /// When it cannot be written; then the change must not be made.
    pub fn owe(&mut self, owed: Vec<Owed>) -> Result<Vec<Debt>, Failure> {
        let new: Vec<Owed> = owed
            .into_iter()
            .filter(|one| !self.owed.contains_key(&(one.target.clone(), one.action.clone())))
            .collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let lines: Vec<Line> = new.iter().cloned().map(Line::Owe).collect();
        if let Some(folder) = self.path.as_deref().and_then(Path::parent) {
            super::make_private(folder)?;
        }
        let written = self.append(&lines, Durable::Yes);
        self.context(written, "note what is owed in")?;
        let debts = new.iter().map(|one| (one.target.clone(), one.action.clone())).collect();
        self.owed
            .extend(new.into_iter().map(|one| ((one.target.clone(), one.action.clone()), one)));
        Ok(debts)
    }

    /// Strikes out what was delivered.
    /// # Errors
    /// When it cannot be written; it is then delivered once more by the next run.
    pub fn delivered(
        &mut self,
        target: &str,
        action: &str,
        system: &dyn System,
    ) -> Result<(), Failure> {
        if self.owed.shift_remove(&(target.to_owned(), action.to_owned())).is_none() {
            return Ok(());
        }
        let (target, action) = (target.to_owned(), action.to_owned());
        let struck = match self.boot.clone() {
            Some(boot) => {
                self.unsynced = true;
                self.append(&[Line::Delivered { target, action, boot }], Durable::No)
            }
            None => {
                system.sync_disks()?;
                self.append(&[Line::Paid { target, action }], Durable::Yes)
            }
        };
        self.context(struck, "strike out a notification that was delivered, in")
            .map_err(|failure| failure.note("the next run delivers it once more"))
    }

    /// Strikes out what is not owed after all.
    /// # Errors
    /// When it cannot be written; it is then delivered by the next run.
    pub fn forget(&mut self, target: &str, action: &str) -> Result<(), Failure> {
        if self.owed.shift_remove(&(target.to_owned(), action.to_owned())).is_none() {
            return Ok(());
        }
        let line = Line::Paid { target: target.to_owned(), action: action.to_owned() };
        let struck = self.append(&[line], Durable::Yes);
        self.context(struck, "strike out a notification in")
    }

    /// Rewrites the journal with what is still owed, when all that was brought about is on the
    /// disks; an empty one is removed.
    /// # Errors
    /// When the disks cannot be synced, or it cannot be written.
    pub fn close(mut self, system: &dyn System) -> Result<(), Failure> {
        self.file = None;
        let Some(path) = &self.path else { return Ok(()) };
        if self.unsynced {
            system.sync_disks()?;
        }
        if self.owed.is_empty() {
            return match std::fs::remove_file(path) {
                Ok(()) => {
                    let folder = path.parent().unwrap_or(path);
                    File::open(folder).and_then(|open| open.sync_all()).context("sync", folder)
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(Failure::io("remove", path, &error)),
            };
        }
        let lines: Vec<String> = self
            .owed
            .values()
            .filter_map(|one| serde_json::to_string(&Line::Owe(one.clone())).ok())
            .collect();
        super::replace(path, (lines.join("\n") + "\n").as_bytes())
    }

    fn context(&self, done: io::Result<()>, verb: &str) -> Result<(), Failure> {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        done.context(verb, path).map_err(super::hint)
    }

    fn append(&mut self, lines: &[Line], durable: Durable) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut text = String::new();
        for line in lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // A line that a crash cut off must not swallow the next one.
                let torn = std::fs::read(path)
                    .is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
                if torn {
                    text.insert(0, '\n');
                }
                none.insert(File::options().append(true).create(true).open(path)?)
            }
        };
        let before = file.metadata()?.len();
        let written = file.write_all(text.as_bytes()).and_then(|()| match durable {
            Durable::Yes => file.sync_data(),
            Durable::No => Ok(()),
        });
        if written.is_err() {
            // Half a line must not stand before the next one. If even this fails, it is the last
            // line that is lost.
            let _ = file.set_len(before);
        }
        written
    }
}

/// Whether a line must be on the disk before what follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use toque_machine::system::FakeSystem;

    use super::*;

    fn one(target: &str) -> Owed {
        Owed {
            target: target.into(),
            action: "restart".into(),
            timing: "delayed".into(),
            by: "template[/x]".into(),
            declared: None,
            since: "r1".into(),
        }
    }

    fn owed(journal: &Journal) -> Vec<&str> {
        journal.owed().map(|owed| owed.target.as_str()).collect()
    }

    #[test]
    fn survives_a_crash_and_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let system = FakeSystem::new();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        journal.owe(vec![one("service[a]"), one("service[b]")]).unwrap();
        journal.delivered("service[a]", "restart", &system).unwrap();
        drop(journal);
        let path = dir.path().join("owed.jsonl");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"owe\":{\"target\":\"serv");
        std::fs::write(&path, text).unwrap();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(owed(&journal), ["service[b]"]);
        journal.owe(vec![one("service[c]")]).unwrap();
        drop(journal);
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(journal.owed().count(), 2);
        journal.delivered("service[b]", "restart", &system).unwrap();
        journal.delivered("service[c]", "restart", &system).unwrap();
        journal.close(&system).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_was_delivered_is_on_the_disks_before_it_is_struck_out_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let system = FakeSystem::new();
        let synced = || system.effects().len();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        journal.owe(vec![one("service[a]"), one("service[b]"), one("service[c]")]).unwrap();
        journal.delivered("service[a]", "restart", &system).unwrap();
        journal.delivered("service[b]", "restart", &system).unwrap();
        assert_eq!(synced(), 0);
        // The process is killed: nothing is delivered twice, and the disks are synced before the
        // journal forgets.
        drop(journal);
        let journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(owed(&journal), ["service[c]"]);
        let path = dir.path().join("owed.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        journal.close(&system).unwrap();
        assert_eq!(synced(), 1);
        assert_eq!(owed(&Journal::open(Some(dir.path())).unwrap()), ["service[c]"]);
        // The machine goes down instead: what was brought about may be gone.
        let boot = std::fs::read_to_string(BOOT).unwrap();
        std::fs::write(&path, text.replace(boot.trim(), "another boot")).unwrap();
        let journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(owed(&journal), ["service[a]", "service[b]", "service[c]"]);
        journal.close(&system).unwrap();
        assert_eq!(synced(), 1);
    }

    #[test]
    fn what_cannot_be_struck_out_names_the_journal_and_the_cause() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        journal.owe(vec![one("service[a]")]).unwrap();
        journal.file = Some(File::options().append(true).open("/dev/full").unwrap());
        let failure = journal.delivered("service[a]", "restart", &FakeSystem::new()).unwrap_err();
        let path = dir.path().join("owed.jsonl");
        assert_eq!(
            failure.message,
            format!(
                "cannot strike out a notification that was delivered, in `{}`: no space left on the file system",
                path.display()
            )
        );
        assert_eq!(owed(&Journal::open(Some(dir.path())).unwrap()), ["service[a]"]);
    }
}
