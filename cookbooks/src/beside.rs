//! What is made beside the place where it belongs, and renamed when it is whole. It goes away by
//! itself; what a process left that was killed, the next one clears.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{Builder, NamedTempFile, TempDir};
use toque_engine::failure::{Attempting, Failure};

const PREFIX: &str = ".toque-making-";
/// What is older and locked by nobody was left behind: whoever makes something locks it at once.
const OLD: Duration = Duration::from_hours(1);

/// What a file may be that is not there yet, less what the process leaves out.
pub(crate) const FREE: u32 = 0o666;
/// As many links as Linux follows.
const LINKS: usize = 40;

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
    let made = Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
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

/// Replaces a file at once, or leaves it as it was. A link stays one: what it leads to is replaced.
/// # Errors
/// When it cannot be written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let real = behind_links(std::path::absolute(path)?);
        let mode = fs::metadata(&real).map_or(FREE, |about| about.permissions().mode());
        fill(file(real.parent().unwrap_or(Path::new("/")), mode)?, &real, content)
    };
    write().attempting("write", path)
}

/// Writes a new file and gives it its name, under which there is the whole of it or what was there
/// before.
/// # Errors
/// When it cannot be written. Then nothing is left of it.
pub(crate) fn fill(mut file: NamedTempFile, path: &Path, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Where a path leads; there may be nothing yet.
fn behind_links(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS {
        let Ok(to) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(to);
    }
    path
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
        let old = time
            .is_some_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > OLD));
        if old && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = if about.is_some_and(|about| about.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
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
        for name in
            [".toque-making-file", ".toque-making-locked", ".toque-making-new", "other", ".other"]
        {
            fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink("other", at(".toque-making-link")).unwrap();
        let locked = File::open(at(".toque-making-locked")).unwrap();
        locked.try_lock().unwrap();
        for name in [
            ".toque-making-folder",
            ".toque-making-file",
            ".toque-making-locked",
            "other",
            ".other",
        ] {
            File::open(at(name)).unwrap().set_modified(SystemTime::now() - 2 * OLD).unwrap();
        }
        drop(file(place.path(), 0o666).unwrap());
        drop(folder(place.path()).unwrap());
        let mut left: Vec<String> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [".other", ".toque-making-link", ".toque-making-locked", ".toque-making-new", "other"]
        );
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

    #[test]
    fn what_users_keep_beside_a_file_stays() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let users = [".Cookfile.lock.aB3dE6", ".Cookfile.lock.backup", ".Cookfile.toml.backup"];
        for name in users.iter().chain(&[".toque-making-killed"]) {
            File::create(at(name)).unwrap().set_modified(SystemTime::now() - 2 * OLD).unwrap();
        }
        replace(&at("Cookfile.lock"), b"new").unwrap();
        let mut left: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left[..3], users);
        assert_eq!(left[3..], ["Cookfile.lock"]);
        assert_eq!(fs::read(at("Cookfile.lock")).unwrap(), b"new");
    }

    #[test]
    fn a_link_stays_one() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
        ["kept", "repository"].iter().for_each(|folder| fs::create_dir(at(folder)).unwrap());
        link("../kept/second", "repository/Cookfile.lock");
        link("third", "kept/second");
        // Nothing is there yet, then something with a mode of its own.
        replace(&at("repository/Cookfile.lock"), b"one").unwrap();
        assert_eq!(fs::read(at("kept/third")).unwrap(), b"one");
        fs::set_permissions(at("kept/third"), Permissions::from_mode(0o640)).unwrap();
        replace(&at("repository/Cookfile.lock"), b"two").unwrap();
        assert_eq!(fs::read(at("kept/third")).unwrap(), b"two");
        assert_eq!(fs::metadata(at("kept/third")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(
            at("repository/Cookfile.lock").is_symlink()
                && at("kept/second").is_symlink()
                && !at("kept/third").is_symlink()
        );
        let count = |folder: &str| fs::read_dir(at(folder)).unwrap().count();
        assert_eq!((count("kept"), count("repository")), (2, 1));
        // A file of a folder that is not there is not written.
        link("nowhere/file", "broken");
        let told = replace(&at("broken"), b"three").expect_err("there is no such folder");
        assert!(
            told.message.starts_with(&format!("cannot write `{}`", at("broken").display())),
            "{told}"
        );
        assert!(at("broken").is_symlink());
    }
}
