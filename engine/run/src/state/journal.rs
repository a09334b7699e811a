//! Owed notifications: what a changed resource has still to bring about. It is written and synced
//! before the change, so that a crash at any moment leaves it to the next run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use toque_contract::report::Owed;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

/// What is owed, by target and action.
pub type Debt = (String, String);

/// A line of the journal. A line that was cut off by a crash is the last and is dropped.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Owe(Owed),
    Paid { target: String, action: String },
}

/// The journal of a state directory; without one it lives in memory.
#[derive(Default)]
pub struct Journal {
    path: Option<PathBuf>,
    file: Option<File>,
    owed: IndexMap<(String, String), Owed>,
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
        let mut unreadable = 0;
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
            }
        }
        Ok(Self { path: Some(path), file: None, owed, unreadable })
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
        self.append(&lines)?;
        let debts = new.iter().map(|one| (one.target.clone(), one.action.clone())).collect();
        self.owed
            .extend(new.into_iter().map(|one| ((one.target.clone(), one.action.clone()), one)));
        Ok(debts)
    }

    /// Strikes out what was delivered.
    /// # Errors
    /// When it cannot be written; it is then delivered once more by the next run.
    pub fn paid(&mut self, target: &str, action: &str) -> Result<(), Failure> {
        if self.owed.shift_remove(&(target.to_owned(), action.to_owned())).is_some() {
            self.append(&[Line::Paid { target: target.to_owned(), action: action.to_owned() }])?;
        }
        Ok(())
    }

    /// Rewrites the journal with what is still owed; an empty one is removed.
    /// # Errors
    /// When it cannot be written.
    pub fn close(mut self) -> Result<(), Failure> {
        self.file = None;
        let Some(path) = &self.path else { return Ok(()) };
        if self.owed.is_empty() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(Failure::io("remove", path, &error))
                }
                _ => Ok(()),
            };
        }
        let lines: Vec<String> = self
            .owed
            .values()
            .filter_map(|one| serde_json::to_string(&Line::Owe(one.clone())).ok())
            .collect();
        super::replace(path, (lines.join("\n") + "\n").as_bytes())
    }

    fn append(&mut self, lines: &[Line]) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut text = String::new();
        for line in lines {
            text.push_str(
                &serde_json::to_string(line)
                    .map_err(|error| Failure::new(format!("cannot note what is owed: {error}")))?,
            );
            text.push('\n');
        }
        if self.file.is_none() {
            if let Some(folder) = path.parent() {
                super::make_private(folder)?;
            }
            // A line that a crash cut off must not swallow the next one.
            let torn = std::fs::read(path)
                .is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
            if torn {
                text.insert(0, '\n');
            }
            let file = File::options()
                .append(true)
                .create(true)
                .open(path)
                .context("open the owed notifications in", path)?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => {
                let before = file.metadata().context("look at", path)?.len();
                let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
                if written.is_err() {
                    // Half a line must not stand before the next one. If even this fails, it is the
                    // last line that is lost.
                    let _ = file.set_len(before);
                }
                written.context("note what is owed in", path).map_err(super::hint)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn survives_a_crash_and_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        journal.owe(vec![one("service[a]"), one("service[b]")]).unwrap();
        journal.paid("service[a]", "restart").unwrap();
        drop(journal);
        let path = dir.path().join("owed.jsonl");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"owe\":{\"target\":\"serv");
        std::fs::write(&path, text).unwrap();
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(
            journal.owed().map(|owed| owed.target.as_str()).collect::<Vec<_>>(),
            ["service[b]"]
        );
        journal.owe(vec![one("service[c]")]).unwrap();
        drop(journal);
        let mut journal = Journal::open(Some(dir.path())).unwrap();
        assert_eq!(journal.owed().count(), 2);
        journal.paid("service[b]", "restart").unwrap();
        journal.paid("service[c]", "restart").unwrap();
        journal.close().unwrap();
        assert!(!path.exists());
    }
}
