//! Writes files and folders atomically: they are made under a temporary name beside their place,
//! and renamed when they are whole. Temporaries are removed on drop; those of killed processes by
//! the next writer.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::unistd::geteuid;
use tempfile::{Builder, NamedTempFile, TempDir};
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

const PREFIX: &str = ".toque-making-";
/// How often another temporary is made, when it is cleared away before it is locked.
const TRIES: usize = 100;
/// The mode of a new file, less what the process's umask takes away.
const NEW_FILE: u32 = 0o666;
/// As many links as Linux follows.
const LINKS: usize = 40;

/// A folder with a temporary name, which only its owner can enter.
pub struct TemporaryFolder {
    folder: TempDir,
    _lock: File,
}

/// The mode of a file that is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewMode {
    /// That which the process's umask leaves.
    ByUmask,
    Exactly(u32),
}

/// Makes a file in `folder` that is to become `path`: it has the mode of the file that is there, or
/// else that of a new file.
/// # Errors
/// When it cannot be made.
pub fn temporary_file(folder: &Path, path: &Path, new: NewMode) -> io::Result<NamedTempFile> {
    clear(folder);
    let there = optional(fs::metadata(path))?.map(|there| there.permissions().mode());
    let exact = match (there, new) {
        (Some(mode), _) | (None, NewMode::Exactly(mode)) => Some(mode),
        (None, NewMode::ByUmask) => None,
    };
    for _ in 0..TRIES {
        let file = Builder::new()
            .prefix(PREFIX)
            // Where the mode is exact, it is closed until it has that.
            .permissions(Permissions::from_mode(if exact.is_some() { 0o600 } else { NEW_FILE }))
            .tempfile_in(folder)?;
        if is_locked(file.as_file(), file.path()) {
            if let Some(mode) = exact {
                file.as_file().set_permissions(Permissions::from_mode(mode))?;
            }
            return Ok(file);
        }
    }
    Err(cleared(folder))
}

/// Makes a folder in `folder`.
/// # Errors
/// When it cannot be made.
pub fn temporary_folder(folder: &Path) -> io::Result<TemporaryFolder> {
    clear(folder);
    for _ in 0..TRIES {
        let made = Builder::new().prefix(PREFIX).tempdir_in(folder)?;
        let lock = match File::open(made.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock?,
        };
        if is_locked(&lock, made.path()) {
            return Ok(TemporaryFolder { folder: made, _lock: lock });
        }
    }
    Err(cleared(folder))
}

/// Locks a new temporary, so that others do not take it for something left behind. Returns false
/// where another one was faster. Where nothing can be locked, nothing is cleared away either.
fn is_locked(lock: &File, path: &Path) -> bool {
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        return false;
    }
    let file = |about: &fs::Metadata| (about.dev(), about.ino());
    lock.metadata()
        .is_ok_and(|own| path.symlink_metadata().is_ok_and(|there| file(&own) == file(&there)))
}

fn cleared(folder: &Path) -> io::Error {
    io::Error::other(format!(
        "what is made in `{}` is removed at once by another program",
        folder.display()
    ))
}

impl TemporaryFolder {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts `made`, which is in this folder, into the place of `path`: at once where the file
    /// system can. What was there is removed with this folder.
    /// # Errors
    /// When it cannot be done; then `path` is as it was.
    pub fn exchange(&self, made: &Path, path: &Path) -> Result<(), Failure> {
        match renameat2(AT_FDCWD, made, AT_FDCWD, path, RenameFlags::RENAME_EXCHANGE) {
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                exchange_in_steps(made, path, &self.path().join("before"))
            }
            exchanged => exchanged.map_err(io::Error::from).context("replace", path),
        }
    }
}

fn exchange_in_steps(made: &Path, path: &Path, before: &Path) -> Result<(), Failure> {
    fs::rename(path, before).context("replace", path)?;
    fs::rename(made, path)
        .or_else(|error| fs::rename(before, path).and(Err(error)))
        .context("replace", path)
}

/// Replaces a file at once, or leaves it as it was. A link stays one: what it leads to is replaced.
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let real = behind_links(std::path::absolute(path)?);
        let mut file = temporary_file(folder_of(&real), &real, NewMode::ByUmask)?;
        file.write_all(content)?;
        persist(file, &real)
    };
    write().context("write", path)
}

/// Gives a temporary file its name, when it is on the disk.
/// # Errors
/// When it cannot be written. Then nothing is left of it.
pub fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder_of(path))?.sync_all()
}

/// Returns the folder that a path is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Follows links, also to where nothing is yet.
fn behind_links(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS {
        let Ok(to) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(to);
    }
    path
}

/// Removes what killed processes left, as far as that can be removed.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        // In a folder that others can write, theirs are not ours to remove.
        let Some(about) = path
            .symlink_metadata()
            .ok()
            .filter(|about| about.is_dir() || about.is_file())
            .filter(|about| about.uid() == geteuid().as_raw())
        else {
            continue;
        };
        // The lock is held until it is gone: its maker, if it has only just made it, looks again.
        let Ok(lock) = File::open(&path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = if about.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
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
        for name in [".toque-making-file", ".toque-making-locked", "other", ".other"] {
            fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink("other", at(".toque-making-link")).unwrap();
        let locked = File::open(at(".toque-making-locked")).unwrap();
        locked.try_lock().unwrap();
        drop(temporary_file(place.path(), &at("new"), NewMode::ByUmask).unwrap());
        drop(temporary_folder(place.path()).unwrap());
        let mut left: Vec<String> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".other", ".toque-making-link", ".toque-making-locked", "other"]);
    }

    #[test]
    fn what_is_in_the_making_is_locked() {
        let place = tempfile::tempdir().unwrap();
        let there = place.path().join("there");
        fs::write(&there, "").unwrap();
        fs::set_permissions(&there, Permissions::from_mode(0o666)).unwrap();
        let file = temporary_file(place.path(), &there, NewMode::Exactly(0o600)).unwrap();
        let folder = temporary_folder(place.path()).unwrap();
        for path in [file.path(), folder.path()] {
            assert!(File::open(path).unwrap().try_lock().is_err(), "{}", path.display());
        }
        // Whatever the umask.
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o666);
        let new =
            temporary_file(place.path(), Path::new("/none"), NewMode::Exactly(0o600)).unwrap();
        assert_eq!(fs::metadata(new.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_users_keep_beside_a_file_stays() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let users = [".Cookfile.lock.aB3dE6", ".Cookfile.lock.backup", ".Cookfile.toml.backup"];
        for name in users.iter().chain(&[".toque-making-killed"]) {
            File::create(at(name)).unwrap();
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

    #[test]
    fn where_the_file_system_cannot_exchange() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = |name: &str| fs::read_to_string(at(name).join("x")).ok();
        for name in ["made", "vendor"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("x"), name).unwrap();
        }
        let told = exchange_in_steps(&at("not there"), &at("vendor"), &at("before"))
            .expect_err("there is nothing to put there");
        assert!(told.message.starts_with("cannot replace `"), "{told}");
        assert_eq!(
            (text("vendor").as_deref(), text("before")),
            (Some("vendor"), None),
            "it is back"
        );
        exchange_in_steps(&at("made"), &at("vendor"), &at("before")).unwrap();
        assert_eq!(
            (text("vendor").as_deref(), text("before").as_deref(), text("made")),
            (Some("made"), Some("vendor"), None)
        );
    }
}
