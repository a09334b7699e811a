//! The record of what is in the making. Its temporary name is written down before it is made, so
//! that a later run can remove what a killed one has left, and nothing else: a name alone does not
//! tell whose a file is.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexSet;
use toque_core::failure::{ErrorContext, Failure};

use super::{FileKind, Mounts, System};
use crate::temporary_name::is_temporary;

/// An open record.
pub struct Temporaries {
    file: RefCell<File>,
    /// What is there now.
    present: RefCell<HashSet<PathBuf>>,
}

/// The beginnings of entries. Each ends in a NUL, as do the paths in it: a last entry that is cut
/// off is not read.
const MADE: u8 = b'+';
const NOT_MADE: u8 = b'-';
const MOVED: u8 = b'>';

impl Temporaries {
    /// Begins a record in the file at `path`.
    /// # Errors
    /// As `open(2)`.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).write(true).truncate(true).open(path)?;
        Ok(Self { file: file.into(), present: RefCell::default() })
    }

    /// Writes down what is about to be made, if it has a temporary name.
    pub(crate) fn make(&self, path: &Path) {
        if path.file_name().is_some_and(is_temporary) {
            self.expect(path);
            self.present.borrow_mut().insert(path.to_owned());
        }
    }

    /// Takes back what could not be made: what is there is somebody else's.
    pub(crate) fn not_made(&self, path: &Path) {
        if self.present.borrow_mut().remove(path) {
            self.write(NOT_MADE, &[path]);
        }
    }

    /// Writes down what a command may leave if it is killed.
    pub(crate) fn expect(&self, path: &Path) {
        self.write(MADE, &[path]);
    }

    /// Takes over what is still there of an earlier run.
    pub fn keep(&self, path: &Path) {
        self.expect(path);
        self.present.borrow_mut().insert(path.to_owned());
    }

    /// Writes down that something is moved aside, into what has a temporary name.
    pub(crate) fn move_aside(&self, from: &Path, to: &Path) {
        if to.components().any(|part| is_temporary(part.as_os_str())) {
            self.write(MOVED, &[from, to]);
        }
    }

    /// Notes that something is no longer there under its temporary name.
    pub(crate) fn gone(&self, path: &Path) {
        self.present.borrow_mut().remove(path);
    }

    /// Returns true if nothing is left under a temporary name.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.present.borrow().is_empty()
    }

    fn write(&self, sign: u8, paths: &[&Path]) {
        let mut entry = vec![sign];
        for path in paths {
            entry.extend_from_slice(path.as_os_str().as_bytes());
            entry.push(0);
        }
        // Without it all goes well too, unless the run is killed.
        let _ = self.file.borrow_mut().write_all(&entry);
    }
}

/// Where what is in the making is written down, while a run says so.
#[derive(Default)]
pub(crate) struct Recorder(RefCell<Option<Rc<Temporaries>>>);

impl Recorder {
    pub(crate) fn set(&self, to: Option<Rc<Temporaries>>) {
        self.0.replace(to);
    }

    /// Makes something, which is written down first.
    pub(crate) fn making<T>(
        &self,
        path: &Path,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.note(|record| record.make(path));
        make().inspect_err(|_| self.note(|record| record.not_made(path)))
    }

    pub(crate) fn note(&self, note: impl FnOnce(&Temporaries)) {
        if let Some(record) = &*self.0.borrow() {
            note(record);
        }
    }
}

/// What was done about the left-overs of a killed run.
#[derive(Debug, Default)]
pub struct Cleared {
    pub removed: Vec<PathBuf>,
    /// What had been moved aside, and is back.
    pub restored: Vec<PathBuf>,
    /// What is still there.
    pub kept: Vec<PathBuf>,
    /// Why.
    pub failures: Vec<Failure>,
}

/// Removes what a killed run has left, by its record, and puts back what it had moved aside.
/// Without a record there is nothing to do.
/// # Errors
/// When the record is there and cannot be read.
pub fn clear(record: &Path, system: &dyn System) -> Result<Cleared, Failure> {
    let bytes = match std::fs::read(record) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Cleared::default()),
        bytes => bytes.context("read the record of temporary files in", record)?,
    };
    let (made, moved) = read(&bytes);
    let mut cleared = Cleared::default();
    for (from, to) in moved.iter().rev() {
        if system.lstat(from).is_err_and(|error| error.kind() == ErrorKind::NotFound)
            && system.lstat(to).is_ok()
        {
            match system.rename(to, from).context("put back", from) {
                Ok(()) => cleared.restored.push(from.clone()),
                Err(failure) => cleared.failures.push(failure),
            }
        }
    }
    for path in made {
        let removed = match system.lstat(&path) {
            Ok(found) if found.kind == FileKind::Directory => {
                system.remove_dir_all(&path, Mounts::Stay)
            }
            // Nothing that toque makes.
            Ok(found) if found.kind == FileKind::Special => continue,
            Ok(_) => system.remove_file(&path),
            Err(error) if is_missing(&error) => continue,
            Err(error) => Err(error),
        };
        match removed.context("remove what a killed run has left,", &path) {
            Ok(()) => cleared.removed.push(path),
            Err(failure) => {
                cleared.failures.push(failure);
                cleared.kept.push(path);
            }
        }
    }
    Ok(cleared)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns what was made, and what was moved, of a record.
fn read(bytes: &[u8]) -> (IndexSet<PathBuf>, Vec<(PathBuf, PathBuf)>) {
    let (mut made, mut moved) = (IndexSet::new(), Vec::new());
    let mut fields: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    // What follows the last NUL was cut off, or is nothing.
    fields.pop();
    let mut fields = fields.into_iter();
    let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
    while let Some(field) = fields.next() {
        match field.split_first() {
            Some((&MADE, name)) => {
                made.insert(path(name));
            }
            Some((&NOT_MADE, name)) => {
                made.shift_remove(&path(name));
            }
            Some((&MOVED, from)) => {
                moved.extend(fields.next().map(|to| (path(from), path(to))));
            }
            _ => {}
        }
    }
    (made, moved)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::rc::Rc;

    use super::*;
    use crate::system::{HostSystem, Ownership};

    #[test]
    fn what_a_killed_run_has_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let system = HostSystem::new();
        let record = at("record");
        assert!(clear(&record, &system).unwrap().removed.is_empty());
        let temporaries = Rc::new(Temporaries::begin(&record).unwrap());
        system.record_temporaries(Some(Rc::clone(&temporaries)));
        // One that is finished, one that failed, and those that are left.
        system.replace(&at("whole"), b"x", &Ownership::default()).unwrap();
        fs::write(at(".toque-link-theirs"), "theirs").unwrap();
        system.symlink(Path::new("whole"), &at(".toque-link-theirs")).unwrap_err();
        assert!(temporaries.is_clear());
        let staged = system.stage(&at("half"), &mut &b"x"[..], &Ownership::default()).unwrap();
        system.symlink(Path::new("whole"), &at(".toque-link-abcdef")).unwrap();
        system.create_dir(&at(".toque-new-abcdef"), &Ownership::default()).unwrap();
        system.create_dir(&at(".toque-new-abcdef/inside"), &Ownership::default()).unwrap();
        assert!(!temporaries.is_clear());
        fs::create_dir(at("kept")).unwrap();
        fs::write(at("kept/old"), "old").unwrap();
        system.rename(&at("kept"), &at(".toque-new-abcdef/old")).unwrap();
        system.expect_temporary(&at("clone.lock"));
        fs::write(at("clone.lock"), "").unwrap();
        // What only looks like them.
        fs::write(at(".toque-other-abcdef"), "theirs").unwrap();
        symlink("whole", at(".toque-other-ghijkl")).unwrap();
        drop(system);

        let system = HostSystem::new();
        let cleared = clear(&record, &system).unwrap();
        assert_eq!(cleared.restored, [at("kept")]);
        assert_eq!(cleared.removed.len(), 4, "{:?}", cleared.removed);
        assert!(cleared.removed.contains(&staged.path) && cleared.failures.is_empty());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            [
                ".toque-link-theirs",
                ".toque-other-abcdef",
                ".toque-other-ghijkl",
                "kept",
                "record",
                "whole"
            ]
        );
        assert_eq!(fs::read(at("kept/old")).unwrap(), b"old");
    }

    #[test]
    fn a_record_that_is_cut_off_is_read_as_far_as_it_is_whole() {
        let record = b"+/a/.toque-x-abcdef\0+/b\0-/b\0>/c\0/d\0+/half";
        let (made, moved) = read(record);
        assert_eq!(made, IndexSet::from([PathBuf::from("/a/.toque-x-abcdef")]));
        assert_eq!(moved, [(PathBuf::from("/c"), PathBuf::from("/d"))]);
        for length in 0..record.len() {
            read(&record[..length]);
        }
    }
}
