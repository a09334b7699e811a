//! Cookbooks that were fetched, each in a folder named after its checksum. What is there is whole: it is made beside, and renamed. Many
//! processes may use it at once.

mod answer;
mod clear;
mod mark;

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toque_engine::failure::{Attempting, Failure};

pub use self::answer::Answer;
pub use self::clear::{Cleared, Removed};
use crate::lockfile;
use crate::tree::{self, hexadecimal};

/// How long another process may work with a clone or a repository, or clear away what nobody needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);
/// How many random characters make the name of a file beside another.
const RANDOM: usize = 6;
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
    /// Held by all who use the store, and by one alone who clears it. None where nothing can be written.
    lock: Option<File>,
}

impl Store {
    /// The store in a folder, which is made when it is not there. What killed processes left half done is removed.
    /// # Errors
    /// When it cannot be made, or another process clears it and does not come to an end.
    pub fn open(folder: PathBuf) -> Result<Self, Failure> {
        let lock = lock_in(&folder)?;
        // As people know it, without `..`.
        let store = Self { lock, folder: folder.canonicalize().unwrap_or(folder) };
        if let Some(lock) = &store.lock {
            if lock.try_lock().is_ok() {
                // Nobody else is here, so that nobody makes anything.
                let _ = fs::remove_dir_all(store.making());
            }
            wait_for(lock, PATIENCE, &store.folder, File::try_lock_shared)?;
        }
        Ok(store)
    }

    /// The folder of a cookbook, when it is there and what it was. What was changed since is removed, to be fetched anew.
    /// # Errors
    /// When it cannot be read or removed.
    pub fn get(&self, name: &str, sha256: &str) -> Result<Option<PathBuf>, Failure> {
        let kept = self.place(sha256);
        let root = kept.join(name);
        if !root.is_dir() {
            return Ok(None);
        }
        if tree::sha256(&root)? == sha256 {
            return Ok(Some(root));
        }
        // Away at once, so that nobody finds half of it.
        let away = self.scratch()?;
        let moved = away.path().join("changed");
        match fs::rename(&kept, &moved) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::io("remove", &kept, &error)),
            _ => {}
        }
        // Somebody else may have seen the same, and put a good one there meanwhile.
        if tree::sha256(&moved.join(name)).is_ok_and(|has| has == sha256) && (fs::rename(&moved, &kept).is_ok() || root.is_dir()) {
            return Ok(Some(root));
        }
        Ok(None)
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
                    let named = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.path()));
                    Ok(entries.flatten().filter_map(named).collect())
                }
                // Nothing was kept yet, or another process removed it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(Failure::io("list", folder, &error)),
            }
        };
        let mut all = Vec::new();
        for (sha256, path) in listed(&folder)? {
            all.extend(listed(&path)?.into_iter().map(|(name, root)| Kept { name, sha256: sha256.clone(), root }));
        }
        all.sort_by(|a, b| (&a.name, &a.sha256).cmp(&(&b.name, &b.sha256)));
        Ok(all)
    }

    /// Keeps the cookbook in the folder `name` of `made`, and says its checksum and where it is now.
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

    /// Checksum and folder of the cookbook that was in an archive, by the SHA-256 of that, if it was fetched before and is still there.
    /// # Errors
    /// As [`get`](Self::get).
    pub fn unpacked(&self, name: &str, archive: &str) -> Result<Option<(String, PathBuf)>, Failure> {
        let known = tree::is_sha256(archive).then(|| fs::read_to_string(self.archives().join(archive)).ok()).flatten();
        let Some(sha256) = known.filter(|sha256| tree::is_sha256(sha256)) else { return Ok(None) };
        Ok(self.get(name, &sha256)?.map(|root| (sha256, root)))
    }

    /// Remembers which cookbook was in an archive.
    /// # Errors
    /// When it cannot be written.
    pub fn remember_unpacked(&self, archive: &str, sha256: &str) -> Result<(), Failure> {
        let folder = self.archives();
        fs::create_dir_all(&folder).attempting("create", &folder)?;
        replace(&folder.join(archive), sha256.as_bytes())
    }

    /// Remembers that the lockfile of a repository says which cookbooks are needed, for when the store is cleared.
    pub fn remember(&self, repository: &Path) {
        let remember = || -> Result<(), Failure> {
            let lockfile = std::path::absolute(repository).attempting("tell the place of", repository)?.join(lockfile::NAME);
            let lockfile = lockfile.as_os_str().as_encoded_bytes();
            let folder = self.users();
            let path = folder.join(hexadecimal(&Sha256::digest(lockfile)));
            if path.is_file() {
                return Ok(());
            }
            fs::create_dir_all(&folder).attempting("create", &folder)?;
            replace(&path, lockfile)
        };
        // A store that cannot be written cannot be cleared either; and what is cleared can be fetched again.
        let _ = remember();
    }

    /// A new folder on the same file system, which nobody else can enter, and that goes away by itself.
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
        let lock = File::options().append(true).create(true).open(&name).attempting("open the lock", &name)?;
        wait_for(&lock, PATIENCE, &path, File::try_lock)?;
        Ok(BareClone { path, _lock: lock })
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

/// The file that is locked; none where nothing can be written, which matters to those who want to write.
fn lock_in(folder: &Path) -> Result<Option<File>, Failure> {
    let path = folder.join("lock");
    let opened = fs::create_dir_all(folder).and_then(|()| File::options().append(true).create(true).open(&path));
    match opened {
        Ok(lock) => mark::mark(folder).map(|()| Some(lock)),
        Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
            Ok(File::open(&path).ok())
        }
        Err(error) => Err(Failure::io("open the lock", &path, &error)),
    }
}

/// Waits until nobody else has a lock.
/// # Errors
/// When somebody has it for too long.
pub(crate) fn wait_for(
    lock: &File,
    patience: Duration,
    what: &Path,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        match try_lock(lock) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let (what, seconds) = (what.display(), patience.as_secs());
                return Err(Failure::new(format!("another process did not end its work with `{what}` in {seconds} seconds"))
                    .hint("look what it does, and try again"));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::io("lock", what, &error)),
        }
    }
}

/// Replaces a file at once, or leaves it as it was.
/// # Errors
/// When it cannot be written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        // As any file that is not there yet, less what the process leaves out.
        let mode = fs::metadata(path).map_or_else(|_| fs::Permissions::from_mode(0o666), |about| about.permissions());
        let prefix = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
        sweep(folder, &prefix);
        let mut file = tempfile::Builder::new().prefix(&prefix).rand_bytes(RANDOM).permissions(mode).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().attempting("write", path)
}

/// Removes what processes that were killed long ago left beside a file that they were replacing.
fn sweep(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let old =
            || entry.metadata().is_ok_and(|about| about.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > PATIENCE)));
        let beside = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix) && name.len() == prefix.len() + RANDOM);
        if beside && old() {
            // What cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
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
        assert!(!root.exists());
        assert_eq!(store.kept().unwrap(), []);
        assert_eq!(store.put(&made(&store, "one"), "web").unwrap(), (sha256, root));
        assert_eq!(fs::read_dir(folder.path().join("store/making")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_beside_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let names = [".Cookfile.lock.aB3dE6", ".Cookfile.lock.new123", ".Cookfile.lock.mine", "Cookfile.lock"];
        for name in names {
            let long_ago = std::time::SystemTime::now() - 2 * PATIENCE;
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(if name.contains("new") { std::time::SystemTime::now() } else { long_ago }).unwrap();
        }
        replace(&folder.path().join("Cookfile.lock"), b"new").unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".Cookfile.lock.mine", ".Cookfile.lock.new123", "Cookfile.lock"]);
        assert_eq!(fs::read(folder.path().join("Cookfile.lock")).unwrap(), b"new");
    }
}
