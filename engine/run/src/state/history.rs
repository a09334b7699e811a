//! Reports of past runs, one file each, newest kept. Runs are numbered, because a clock may be
//! wrong: what is older, and goes first, is told by the number alone.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde_json::Value;

use toque_contract::report::Report;
use toque_core::failure::{ErrorContext, Failure, plain_io};
use toque_core::read_optional::optional;

use super::sequence;

/// How many reports are kept.
const KEPT: usize = 100;

/// The reports below a state directory.
pub struct History {
    folder: PathBuf,
}

impl History {
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("runs") }
    }

    /// Returns the number of the next run.
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn next_number(&self) -> Result<u64, Failure> {
        let newest = self.names()?.iter().filter_map(|name| sequence::number(name)).max();
        Ok(newest.unwrap_or(0) + 1)
    }

    /// Keeps a report, and drops the oldest beyond 100.
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, report: &Report) -> Result<(), Failure> {
        let Some(id) = &report.id else { return Ok(()) };
        let path = self.path(id);
        let text = serde_json::to_vec(report)
            .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
        super::replace(&path, &text)?;
        // Files of others, and folders, are not ours to remove.
        let reports: Vec<String> = self
            .names()?
            .into_iter()
            .filter(|name| sequence::number(name).is_some() && self.path(name).is_file())
            .collect();
        for old in reports.iter().take(reports.len().saturating_sub(KEPT)) {
            let path = self.path(old);
            std::fs::remove_file(&path).context("remove the old report", &path)?;
        }
        Ok(())
    }

    /// The names of the runs that are kept, oldest first. Names without a number come before them.
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, Failure> {
        let entries =
            optional(std::fs::read_dir(&self.folder)).context("list the runs in", &self.folder)?;
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        names.sort_by_cached_key(|name| (sequence::number(name), name.clone()));
        Ok(names)
    }

    /// The report of a run, by its name, its number or the beginning of its name; the newest
    /// without any.
    /// # Errors
    /// When there is no such run, or its report cannot be read.
    pub fn report(&self, wanted: Option<&str>) -> Result<Value, Failure> {
        let names = self.names()?;
        let Some(wanted) = wanted else {
            let newest = names.last().ok_or_else(|| {
                Failure::new("no run is kept yet").hint("`toque converge` makes one")
            })?;
            return self.read(newest);
        };
        let number = wanted.parse().ok();
        let exact = names
            .iter()
            .find(|name| *name == wanted || number.is_some() && sequence::number(name) == number);
        if let Some(name) = exact {
            return self.read(name);
        }
        let meant: Vec<&str> =
            names.iter().filter(|name| name.starts_with(wanted)).map(String::as_str).collect();
        match meant[..] {
            [name] => self.read(name),
            [] => Err(Failure::new(format!("there is no run `{wanted}`"))
                .hint("`toque runs list` shows the runs that are kept")),
            _ => Err(Failure::new(format!("`{wanted}` could be {} runs", meant.len()))
                .hint(format!("one of {}", meant.join(", ")))),
        }
    }

    /// Reads the report with this name.
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(&self, name: &str) -> Result<Value, Failure> {
        let path = self.path(name);
        let wrong = |why: &str| {
            Failure::new(format!("cannot read the report `{}`: {why}", path.display()))
                .hint("the other runs are not concerned: remove it, or move it away")
        };
        // Opening a pipe would otherwise wait for a writer.
        let file = File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path);
        let mut file = file.map_err(|error| wrong(&plain_io(&error)))?;
        match file.metadata() {
            Ok(found) if found.is_dir() => return Err(wrong("it is a directory")),
            Ok(found) if !found.is_file() => {
                return Err(wrong("it is a device, pipe or socket, not a regular file"));
            }
            _ => {}
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| wrong(&plain_io(&error)))?;
        let report: Value =
            serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))?;
        if report["outcome"].is_string() && report["counts"].is_object() {
            Ok(report)
        } else {
            Err(wrong("it is JSON, and no report of a run"))
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) {
        std::fs::create_dir_all(dir.join("runs")).unwrap();
        std::fs::write(dir.join("runs").join(name), text).unwrap();
    }

    const REPORT: &str = r#"{ "outcome": "success", "counts": {} }"#;

    #[test]
    fn runs_are_ordered_by_their_number_whatever_the_clock_said() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::of(dir.path());
        assert_eq!(history.next_number().unwrap(), 1);
        for name in
            ["9-20390101T000000Z.json", "10-20260101T000000Z.json", "100-20250101T000000Z.json"]
        {
            write(dir.path(), name, REPORT);
        }
        write(dir.path(), "99999999999999999999-x.json", REPORT);
        write(dir.path(), "notes.json", REPORT);
        assert_eq!(history.next_number().unwrap(), 101);
        assert_eq!(
            history.names().unwrap(),
            [
                "99999999999999999999-x",
                "notes",
                "9-20390101T000000Z",
                "10-20260101T000000Z",
                "100-20250101T000000Z"
            ]
        );
        assert!(history.report(Some("10")).is_ok() && history.report(Some("100-2025")).is_ok());
        assert!(history.report(Some("1")).is_err(), "it could be two runs");
        assert!(history.report(Some("7")).is_err());
    }

    #[test]
    fn what_is_no_report_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::of(dir.path());
        let half = &REPORT.as_bytes()[..20];
        let cases: [(&str, &[u8], &str); 4] = [
            ("1-half", half, "EOF while parsing"),
            ("2-foreign", b"[1]", "it is JSON, and no report of a run"),
            ("3-latin", b"{ \"outcome\": \"\xe9\" }", "invalid unicode"),
            ("4-empty", b"", "EOF while parsing"),
        ];
        for (name, text, _) in cases {
            write(dir.path(), &format!("{name}.json"), text);
        }
        std::fs::create_dir(dir.path().join("runs/5-folder.json")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("runs/6-link.json")).unwrap();
        let pipe = dir.path().join("runs/7-pipe.json");
        mknodat(CWD, pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let others =
            [("5-folder", "it is a directory"), ("6-link", "no such file"), ("7-pipe", "pipe")];
        for (name, why) in cases.map(|(name, _, why)| (name, why)).into_iter().chain(others) {
            let failure = history.read(name).unwrap_err();
            let begin = format!(
                "cannot read the report `{}`: ",
                dir.path().join(format!("runs/{name}.json")).display()
            );
            assert!(failure.message.starts_with(&begin), "{failure}");
            assert!(failure.message.contains(why), "{failure}");
        }
        write(dir.path(), "8-fine.json", REPORT);
        assert!(history.report(None).is_ok());
    }
}
