//! What is made beside the place where it belongs, and renamed when it is whole. It goes away by itself; what a process left that was
//! killed, the next one clears.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::{Builder, NamedTempFile, TempDir};

const PREFIX: &str = ".toque-making-";
/// What is older and locked by nobody was left behind: whoever makes something locks it at once.
const OLD: Duration = Duration::from_hours(1);

/// A folder that nobody else can enter.
pub(crate) struct Folder {
    pub made: TempDir,
    _lock: File,
}

/// A new file in `folder`. Of `mode` stays what the process allows.
/// # Errors
/// When it cannot be made.
pub(crate) fn file(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    clear(folder);
    let made = Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    // Where files cannot be locked, what is long in the making may be taken for something old.
    let _ = made.as_file().try_lock();
    Ok(made)
}

/// A new folder in `folder`.
/// # Errors
/// When it cannot be made.
pub(crate) fn folder(folder: &Path) -> io::Result<Folder> {
    clear(folder);
    let made = Builder::new().prefix(PREFIX).tempdir_in(folder)?;
    let lock = File::open(made.path())?;
    let _ = lock.try_lock();
    Ok(Folder { made, _lock: lock })
}

/// What cannot be removed is left: it is nobody's business here.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let about = path.symlink_metadata().ok().filter(|about| about.is_dir() || about.is_file());
        let time = about.as_ref().and_then(|about| about.modified().ok());
        let old = time.is_some_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > OLD));
        if old && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = if about.is_some_and(|about| about.is_dir()) { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_behind_is_cleared() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at(".toque-making-folder")).unwrap();
        fs::write(at(".toque-making-folder/x"), "").unwrap();
        for name in [".toque-making-file", ".toque-making-locked", ".toque-making-new", "other", ".other"] {
            fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink("other", at(".toque-making-link")).unwrap();
        let locked = File::open(at(".toque-making-locked")).unwrap();
        locked.try_lock().unwrap();
        for name in [".toque-making-folder", ".toque-making-file", ".toque-making-locked", "other", ".other"] {
            File::open(at(name)).unwrap().set_modified(SystemTime::now() - 2 * OLD).unwrap();
        }
        drop(file(place.path(), 0o666).unwrap());
        drop(folder(place.path()).unwrap());
        let mut left: Vec<String> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [".other", ".toque-making-link", ".toque-making-locked", ".toque-making-new", "other"]);
    }

    #[test]
    fn what_is_in_the_making_is_locked() {
        let place = tempfile::tempdir().unwrap();
        let (file, folder) = (file(place.path(), 0o640).unwrap(), folder(place.path()).unwrap());
        for path in [file.path(), folder.made.path()] {
            assert!(File::open(path).unwrap().try_lock().is_err(), "{}", path.display());
        }
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
