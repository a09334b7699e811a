//! Cookbooks that were fetched, each in a folder named after its checksum. What is there is whole:
//! it is made beside, and renamed. Many processes may use it at once.

mod answer;
mod clear;
mod mark;

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::stop::Stop;

pub use self::answer::Answer;
pub use self::clear::{Cleared, Removed};
use crate::tree::{self, hexadecimal};
use crate::{beside, lockfile};

/// How long another process may work with a clone or a repository, or clear away what nobody needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(50);

/// A bare clone that nobody else works with meanwhile.
pub struct BareClone {
    pub path: PathBuf,
    _lock: File,
}

/// A cookbook that is kept, whether it is still what it was or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    /// The checksum that it had when it was put there.
    pub sha256: String,
    pub root: PathBuf,
}

/// A folder of the user's, in which everything can be fetched anew.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held by all who use the store, and by one alone who clears it. None where nothing can be
    /// written.
    lock: Option<File>,
    /// Ends the waiting for other processes.
    stop: Stop,
}

impl Store {
    /// The store in a folder, which is made when it is not there. What killed processes left half
    /// done is removed.
    /// # Errors
    /// When it cannot be made, or another process clears it and does not come to an end.
    pub fn open(folder: PathBuf) -> Result<Self, Failure> {
        Self::open_until(folder, Stop::default())
    }

    /// The same; nobody is waited for any more once a stop is requested.
    /// # Errors
    /// As [`open`](Self::open), and when it was stopped.
    pub fn open_until(folder: PathBuf, stop: Stop) -> Result<Self, Failure> {
        let lock = lock_in(&folder)?;
        // As people know it, without `..`.
        let store = Self { lock, folder: folder.canonicalize().unwrap_or(folder), stop };
        if let Some(lock) = &store.lock {
            if lock.try_lock().is_ok() {
                // Nobody else is here, so that nobody makes anything.
                let _ = fs::remove_dir_all(store.making());
            }
            wait_for(lock, PATIENCE, &store.stop, &store.folder, File::try_lock_shared)?;
        }
        Ok(store)
    }

    /// The folder of a cookbook, when it is there and what it was.
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, name: &str, sha256: &str) -> Result<Option<PathBuf>, Failure> {
        let root = self.root(name, sha256);
        if !root.is_dir() {
            return Ok(None);
        }
        Ok((tree::sha256(&root)? == sha256).then_some(root))
    }

    /// Where a cookbook is when it is kept.
    #[must_use]
    pub fn root(&self, name: &str, sha256: &str) -> PathBuf {
        self.place(sha256).join(name)
    }

    /// Every cookbook that is kept, by name; nothing of it is read.
    /// # Errors
    /// When the folder cannot be listed.
    pub fn kept(&self) -> Result<Vec<Kept>, Failure> {
        let folder = self.folder.join("cookbooks");
        let listed = |folder: &Path| -> Result<Vec<(String, PathBuf)>, Failure> {
            match fs::read_dir(folder) {
                Ok(entries) => {
                    let named = |entry: fs::DirEntry| {
                        Some((entry.file_name().into_string().ok()?, entry.path()))
                    };
                    Ok(entries.flatten().filter_map(named).collect())
                }
                // Nothing was kept yet, or another process removed it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(Failure::io("list", folder, &error)),
            }
        };
        let mut all = Vec::new();
        for (sha256, path) in listed(&folder)? {
            all.extend(listed(&path)?.into_iter().map(|(name, root)| Kept {
                name,
                sha256: sha256.clone(),
                root,
            }));
        }
        all.sort_by(|a, b| (&a.name, &a.sha256).cmp(&(&b.name, &b.sha256)));
        Ok(all)
    }

    /// Keeps the cookbook in the folder `name` of `made`, and says its checksum and where it is
    /// now.
    /// # Errors
    /// When it cannot be read or moved; then nothing of it is kept.
    pub fn put(&self, made: &TempDir, name: &str) -> Result<(String, PathBuf), Failure> {
        let from = made.path().join(name);
        let sha256 = tree::sha256(&from)?;
        if let Some(root) = self.get(name, &sha256)? {
            return Ok((sha256, root));
        }
        let kept = self.place(&sha256);
        fs::create_dir_all(self.cookbooks()).attempting("create", &self.folder)?;
        self.take_away(&kept, name, &sha256)?;
        let alone = self.scratch()?;
        fs::rename(&from, alone.path().join(name)).attempting("move", &from)?;
        match fs::rename(alone.path(), &kept) {
            Ok(()) => {}
            // Another process was first: it has the same checksum.
            Err(_) if kept.join(name).is_dir() => {}
            Err(error) => return Err(Failure::io("create", &kept, &error)),
        }
        Ok((sha256, kept.join(name)))
    }

    /// Takes away what is not what it was, at once, so that nobody finds half of it.
    fn take_away(&self, kept: &Path, name: &str, sha256: &str) -> Result<(), Failure> {
        let away = self.scratch()?;
        let moved = away.path().join("changed");
        match fs::rename(kept, &moved) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::io("remove", kept, &error)),
            // Somebody else may have seen the same, and put a good one there meanwhile.
            Ok(()) if tree::sha256(&moved.join(name)).is_ok_and(|has| has == sha256) => {
                let _ = fs::rename(&moved, kept);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Checksum and folder of the cookbook that was in an archive, by the SHA-256 of that, if it
    /// was fetched before and is still there.
    /// # Errors
    /// As [`get`](Self::get).
    pub fn unpacked(
        &self,
        name: &str,
        archive: &str,
    ) -> Result<Option<(String, PathBuf)>, Failure> {
        let known = tree::is_sha256(archive)
            .then(|| fs::read_to_string(self.archives().join(archive)).ok())
            .flatten();
        let Some(sha256) = known.filter(|sha256| tree::is_sha256(sha256)) else { return Ok(None) };
        Ok(self.get(name, &sha256)?.map(|root| (sha256, root)))
    }

    /// Remembers which cookbook was in an archive.
    /// # Errors
    /// When it cannot be written.
    pub fn remember_unpacked(&self, archive: &str, sha256: &str) -> Result<(), Failure> {
        self.write(&self.archives(), archive, sha256.as_bytes())
    }

    /// Remembers that the lockfile of a repository says which cookbooks are needed, for when the
    /// store is cleared.
    pub fn remember(&self, repository: &Path) {
        let remember = || -> Result<(), Failure> {
            let lockfile = std::path::absolute(repository)
                .attempting("tell the place of", repository)?
                .join(lockfile::NAME);
            let lockfile = lockfile.as_os_str().as_encoded_bytes();
            let (folder, name) = (self.users(), hexadecimal(&Sha256::digest(lockfile)));
            if folder.join(&name).is_file() {
                return Ok(());
            }
            self.write(&folder, &name, lockfile)
        };
        // A store that cannot be written cannot be cleared either; and what is cleared can be
        // fetched again.
        let _ = remember();
    }

    /// A new folder on the same file system, which nobody else can enter, and that goes away by
    /// itself.
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<TempDir, Failure> {
        let folder = self.making();
        let made = fs::create_dir_all(&folder).and_then(|()| tempfile::tempdir_in(&folder));
        made.map_err(|error| {
            let failure = Failure::io("make a folder in", &folder, &error);
            match error.kind() {
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                    failure.hint("name a folder that you may write to by `--cache-dir`, or by `cache_dir` in the settings")
                }
                _ => failure,
            }
        })
    }

    /// Where a bare clone of the git repository at `url` is kept, for as long as the result is.
    /// # Errors
    /// When the folder cannot be made, or another process does not end its work with the clone.
    pub fn clone_of(&self, url: &str) -> Result<BareClone, Failure> {
        let folder = self.clones();
        fs::create_dir_all(&folder).attempting("create", &folder)?;
        let path = folder.join(hexadecimal(&Sha256::digest(url)));
        let name = path.with_extension("lock");
        let lock = File::options()
            .append(true)
            .create(true)
            .open(&name)
            .attempting("open the lock", &name)?;
        wait_for(&lock, PATIENCE, &self.stop, &path, File::try_lock)?;
        Ok(BareClone { path, _lock: lock })
    }

    /// Writes a file in a folder of the store, which is not looked through: it may have very many.
    fn write(&self, folder: &Path, name: &str, content: &[u8]) -> Result<(), Failure> {
        let making = self.making();
        for folder in [folder, &making] {
            fs::create_dir_all(folder).attempting("create", folder)?;
        }
        let path = folder.join(name);
        let free = fs::Permissions::from_mode(beside::FREE);
        let made = tempfile::Builder::new().permissions(free).tempfile_in(&making);
        made.and_then(|file| beside::fill(file, &path, content)).attempting("write", &path)
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.cookbooks().join(sha256)
    }

    fn cookbooks(&self) -> PathBuf {
        self.folder.join("cookbooks")
    }

    /// What is not complete yet.
    fn making(&self) -> PathBuf {
        self.folder.join("making")
    }

    fn clones(&self) -> PathBuf {
        self.folder.join("git")
    }

    fn answers(&self) -> PathBuf {
        self.folder.join("answers")
    }

    /// A file for each archive, with the checksum of the cookbook that was in it.
    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    /// A file for each lockfile, with its path.
    fn users(&self) -> PathBuf {
        self.folder.join("users")
    }
}

/// The file that is locked; none where nothing can be written, which matters to those who want to
/// write.
fn lock_in(folder: &Path) -> Result<Option<File>, Failure> {
    let path = folder.join("lock");
    let read_only = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
    };
    match fs::create_dir_all(folder) {
        Err(error) if read_only(&error) => return Ok(None),
        made => made.attempting("create", folder)?,
    }
    mark::check(folder)?;
    match File::options().append(true).create(true).open(&path) {
        Ok(lock) => mark::mark(folder).map(|()| Some(lock)),
        Err(error) if read_only(&error) => Ok(File::open(&path).ok()),
        Err(error) => Err(Failure::io("open the lock", &path, &error)),
    }
}

/// Waits until nobody else has a lock.
/// # Errors
/// When somebody has it for too long.
pub(crate) fn wait_for(
    lock: &File,
    patience: Duration,
    stop: &Stop,
    what: &Path,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        match try_lock(lock) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                if !stop.wait(PAUSE) {
                    let message = format!(
                        "it was stopped while another process worked with `{}`",
                        what.display()
                    );
                    return Err(Failure { interrupted: true, ..Failure::new(message) });
                }
            }
            Err(TryLockError::WouldBlock) => {
                let (what, seconds) = (what.display(), patience.as_secs());
                return Err(Failure::new(format!(
                    "another process did not end its work with `{what}` in {seconds} seconds"
                ))
                .hint("look what it does, and try again"));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::io("lock", what, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(store: &Store, text: &str) -> TempDir {
        let made = store.scratch().unwrap();
        fs::create_dir(made.path().join("web")).unwrap();
        fs::write(made.path().join("web/cookbook.toml"), text).unwrap();
        made
    }

    #[test]
    fn what_was_changed_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let (sha256, root) = store.put(&made(&store, "one"), "web").unwrap();
        assert_eq!(store.put(&made(&store, "one"), "web").unwrap(), (sha256.clone(), root.clone()));
        assert_eq!(store.get("web", &sha256).unwrap(), Some(root.clone()));
        assert_eq!(store.root("web", &sha256), root);
        let kept = Kept { name: "web".to_owned(), sha256: sha256.clone(), root: root.clone() };
        assert_eq!(store.kept().unwrap(), [kept]);
        fs::write(root.join("cookbook.toml"), "two").unwrap();
        assert_eq!(store.get("web", &sha256).unwrap(), None);
        // It stays until there is something better.
        assert!(root.exists());
        assert_eq!(store.put(&made(&store, "one"), "web").unwrap(), (sha256, root.clone()));
        assert_eq!(fs::read_to_string(root.join("cookbook.toml")).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path().join("store/making")).unwrap().count(), 0);
    }

    #[test]
    fn a_stop_ends_the_waiting_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let stop = Stop::default();
        let first = Store::open(path.clone()).unwrap();
        let second = Store::open_until(path.clone(), stop.clone()).unwrap();
        let _clone = first.clone_of("https://example.com/a.git").unwrap();
        let soon = std::thread::spawn(move || {
            std::thread::sleep(2 * PAUSE);
            stop.request();
        });
        let begun = Instant::now();
        let wrong = second.clone_of("https://example.com/a.git").err().unwrap();
        assert!(
            wrong.interrupted && wrong.message.starts_with("it was stopped while another process"),
            "{wrong}"
        );
        let wrong = second.clear(true).unwrap_err();
        assert!(wrong.interrupted && begun.elapsed() < Duration::from_secs(10), "{wrong}");
        soon.join().unwrap();

        drop((first, second));
        let lock = File::open(path.join("lock")).unwrap();
        lock.lock().unwrap();
        let stop = Stop::default();
        stop.request();
        assert!(Store::open_until(path, stop).unwrap_err().interrupted);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn files_are_written_among_what_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let at = |name: &str| folder.path().join("store").join(name);
        let (archive, sha256) = ("0a".repeat(32), "0b".repeat(32));
        // What is in the folder already is no matter, and is not looked at.
        fs::create_dir_all(at("archives")).unwrap();
        let old = File::create(at("archives/.toque-making-old")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        store.remember_unpacked(&archive, &sha256).unwrap();
        assert_eq!(fs::read_to_string(at("archives").join(&archive)).unwrap(), sha256);
        assert_eq!(fs::read_dir(at("archives")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(at("making")).unwrap().count(), 0);
        // Where nothing can be made, what was there stays.
        fs::remove_dir(at("making")).unwrap();
        fs::write(at("making"), "").unwrap();
        store.remember_unpacked(&archive, &archive).expect_err("it is no folder");
        assert_eq!(fs::read_to_string(at("archives").join(&archive)).unwrap(), sha256);
    }
}
