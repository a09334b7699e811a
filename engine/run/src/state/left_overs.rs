//! What a killed run has left: temporary files beside what they were to become, and in the state
//! directory. The next run removes them before it begins.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::System;
use toque_machine::system::temporaries::{self, Cleared, Temporaries};
use toque_machine::temporary_name::is_temporary;
use walkdir::WalkDir;

/// Fetched cookbooks, which are not looked through.
const FETCHED: [&str; 2] = ["cookbooks", "repository"];

/// The record of a run's temporary files. Without it nothing is left.
pub(crate) struct LeftOvers {
    record: PathBuf,
    temporaries: Rc<Temporaries>,
    system: Rc<dyn System>,
}

impl LeftOvers {
    /// Removes what the run before has left, if it was killed, and begins a record. The lock of the
    /// state directory is held.
    /// # Errors
    /// When a record cannot be read or written.
    pub(crate) fn clear(
        state_dir: &Path,
        system: &Rc<dyn System>,
    ) -> Result<(Self, Cleared), Failure> {
        let record = state_dir.join("temporaries");
        let mut cleared = Cleared::default();
        if record.exists() {
            cleared = temporaries::clear(&record, &**system)?;
            clear_state(state_dir, &mut cleared);
        }
        let temporaries = Temporaries::begin(&record).context("write", &record);
        let temporaries = Rc::new(temporaries.map_err(super::hint)?);
        // They are tried again next time.
        cleared.kept.iter().for_each(|path| temporaries.keep(path));
        system.record_temporaries(Some(Rc::clone(&temporaries)));
        Ok((Self { record, temporaries, system: Rc::clone(system) }, cleared))
    }
}

impl Drop for LeftOvers {
    fn drop(&mut self) {
        self.system.record_temporaries(None);
        if self.temporaries.is_clear() && !std::thread::panicking() {
            // The next run would find nothing by it.
            let _ = std::fs::remove_file(&self.record);
        }
    }
}

/// Removes what is in the making in a state directory.
fn clear_state(state_dir: &Path, cleared: &mut Cleared) {
    let is_ours = |entry: &walkdir::DirEntry| {
        let below = entry.path().strip_prefix(state_dir).unwrap_or(entry.path());
        let in_fetched = FETCHED.iter().any(|name| below.starts_with(name));
        // What is in something temporary goes with it.
        let in_temporary = below.parent().is_some_and(|above| above.iter().any(is_temporary));
        !(in_temporary || in_fetched && entry.depth() > 2)
    };
    let all = WalkDir::new(state_dir).into_iter().filter_entry(is_ours).flatten();
    let left: Vec<_> = all.filter(|entry| is_temporary(entry.file_name())).collect();
    for entry in left {
        let path = entry.into_path();
        let removed = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
        match removed.context("remove what a killed run has left,", &path) {
            Ok(()) => cleared.removed.push(path),
            Err(failure) => cleared.failures.push(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use toque_machine::system::HostSystem;

    use super::*;

    #[test]
    fn the_state_directory_is_cleared_after_a_kill_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let system: Rc<dyn System> = Rc::new(HostSystem::new());
        let folders =
            ["backups/etc/x", "runs", "cookbooks/abc", "repository/.toque-making-abcdef/x"];
        folders.iter().for_each(|folder| fs::create_dir_all(at(folder)).unwrap());
        let files = [
            ".toque-making-abcdef",
            "backups/etc/x/.toque-making-abcdef",
            "cookbooks/.toque-making-abcdef",
            "cookbooks/abc/.toque-making-abcdef",
            "runs/1-x.json",
        ];
        files.iter().for_each(|file| fs::write(at(file), "").unwrap());
        let (first, cleared) = LeftOvers::clear(dir.path(), &system).unwrap();
        assert!(cleared.removed.is_empty() && at("temporaries").exists());
        // A kill drops nothing.
        std::mem::forget(first);
        let (second, cleared) = LeftOvers::clear(dir.path(), &system).unwrap();
        assert_eq!((cleared.removed.len(), cleared.failures.len()), (4, 0), "{cleared:?}");
        assert!(at("cookbooks/abc/.toque-making-abcdef").exists() && at("runs/1-x.json").exists());
        drop(second);
        assert!(!at("temporaries").exists());
    }
}
