//! The cache: cookbooks that were fetched, each in a folder named after its checksum. What is there
//! is whole: it is made in a scratch folder and renamed. Many processes may use it at once.

mod gc;
mod marker;
mod response_cache;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use toque_core::cancel::CancelToken;
use toque_core::failure::{ErrorContext, Failure};

pub use self::gc::{GcReport, Removed};
pub(crate) use self::response_cache::CachedResponse;
use crate::directory_checksum;
use crate::file_lock::{PATIENCE, wait_for};
use crate::manifest::lockfile;
use crate::sha256::is_sha256;
use toque_core::checksum::sha256_hex;
use toque_core::read_optional::list_optional;
use toque_machine::atomic_write::{self, NewMode};
use toque_machine::trust::{Subject, Trust};

/// The folders in a cache, with what they have.
const COOKBOOKS: &str = "cookbooks";
/// Scratch: what is not complete yet.
const MAKING: &str = "making";
const CLONES: &str = "git";
const RESPONSES: &str = "answers";
/// For each archive a file with the checksum of the cookbook that was in it.
const ARCHIVES: &str = "archives";
/// For each lockfile a file with its path.
const USERS: &str = "users";

/// A bare clone that nobody else works with meanwhile.
pub(crate) struct BareClone {
    pub path: PathBuf,
    _lock: File,
}

/// A cookbook in the cache, whether it is still what it was or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedCookbook {
    pub name: String,
    /// The checksum that it had when it was put there.
    pub sha256: String,
    pub root: PathBuf,
}

/// A folder of the user's, in which everything can be fetched anew.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// Shared by all processes that use the cache, exclusive for one that removes entries. None
    /// where nothing can be written.
    lock: Option<File>,
    /// Ends the waiting for other processes.
    stop: CancelToken,
}

impl Cache {
    /// Opens the cache in a folder, which is made when it is not there. What killed processes left
    /// half done is removed.
    /// # Errors
    /// When it cannot be made, another user could have prepared it, or another process removes entries and does not come to an end.
    pub fn open(folder: PathBuf) -> Result<Self, Failure> {
        Self::open_trusted(folder, CancelToken::default(), &Trust::default())
    }

    /// The same; nobody is waited for any more once a stop is requested. Nothing is written into a
    /// folder that `trust` refuses.
    /// # Errors
    /// As [`open`](Self::open), and when it was stopped.
    pub fn open_trusted(
        folder: PathBuf,
        stop: CancelToken,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        trust.folder(Subject::Cache, &folder)?;
        let lock = lock_in(&folder, trust)?;
        // As people know it, without `..`.
        let cache = Self { lock, folder: folder.canonicalize().unwrap_or(folder), stop };
        if let Some(lock) = &cache.lock {
            if lock.try_lock().is_ok() {
                // Nobody else is here, so that nobody makes anything.
                let _ = fs::remove_dir_all(cache.folder.join(MAKING));
            }
            wait_for(lock, PATIENCE, &cache.stop, &cache.folder, File::try_lock_shared)?;
        }
        Ok(cache)
    }

    /// The folder of a cookbook, when it is there and what it was.
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn get(&self, name: &str, sha256: &str) -> Result<Option<PathBuf>, Failure> {
        let root = self.root(name, sha256);
        if !root.is_dir() {
            return Ok(None);
        }
        Ok((directory_checksum::sha256(&root)? == sha256).then_some(root))
    }

    /// Where a cookbook is when it is kept.
    #[must_use]
    pub fn root(&self, name: &str, sha256: &str) -> PathBuf {
        self.folder.join(COOKBOOKS).join(sha256).join(name)
    }

    /// Lists the cookbooks by name; nothing of them is read.
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<CachedCookbook>, Failure> {
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let mut all = Vec::new();
        // One of them may be removed by another process meanwhile.
        for folder in list_optional(&self.folder.join(COOKBOOKS))? {
            let Some(sha256) = name(&folder) else { continue };
            all.extend(list_optional(&folder)?.into_iter().filter_map(|root| {
                Some(CachedCookbook { name: name(&root)?, sha256: sha256.clone(), root })
            }));
        }
        all.sort_by(|a, b| (&a.name, &a.sha256).cmp(&(&b.name, &b.sha256)));
        Ok(all)
    }

    /// Moves the folder `name` of `made` into the cache, and returns its checksum and its place.
    /// # Errors
    /// When it cannot be read or moved; then nothing of it is kept.
    pub(crate) fn put(&self, made: &TempDir, name: &str) -> Result<(String, PathBuf), Failure> {
        let from = made.path().join(name);
        let sha256 = directory_checksum::sha256(&from)?;
        if let Some(root) = self.get(name, &sha256)? {
            return Ok((sha256, root));
        }
        let kept = self.folder.join(COOKBOOKS).join(&sha256);
        fs::create_dir_all(self.folder.join(COOKBOOKS)).context("create", &self.folder)?;
        self.discard_changed(&kept, name, &sha256)?;
        let alone = self.scratch()?;
        fs::rename(&from, alone.path().join(name)).context("move", &from)?;
        match fs::rename(alone.path(), &kept) {
            Ok(()) => {}
            // Another process was first: it has the same checksum.
            Err(_) if kept.join(name).is_dir() => {}
            Err(error) => return Err(Failure::io("create", &kept, &error)),
        }
        Ok((sha256, kept.join(name)))
    }

    /// Takes away what is not what it was, at once, so that nobody finds half of it.
    fn discard_changed(&self, kept: &Path, name: &str, sha256: &str) -> Result<(), Failure> {
        let away = self.scratch()?;
        let moved = away.path().join("changed");
        match fs::rename(kept, &moved) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::io("remove", kept, &error)),
            // Somebody else may have seen the same, and put a good one there meanwhile.
            Ok(())
                if directory_checksum::sha256(&moved.join(name)).is_ok_and(|has| has == sha256) =>
            {
                let _ = fs::rename(&moved, kept);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns checksum and folder of the cookbook that was in an archive, by the SHA-256 of that,
    /// if it was fetched before and is still there.
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn find_archive(
        &self,
        name: &str,
        archive: &str,
    ) -> Result<Option<(String, PathBuf)>, Failure> {
        let known = is_sha256(archive)
            .then(|| fs::read_to_string(self.folder.join(ARCHIVES).join(archive)).ok())
            .flatten();
        let Some(sha256) = known.filter(|sha256| is_sha256(sha256)) else { return Ok(None) };
        Ok(self.get(name, &sha256)?.map(|root| (sha256, root)))
    }

    /// Remembers which cookbook was in an archive.
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn remember_archive(&self, archive: &str, sha256: &str) -> Result<(), Failure> {
        self.write(&self.folder.join(ARCHIVES), archive, sha256.as_bytes())
    }

    /// Remembers that the lockfile of a repository says which cookbooks are needed, so that these
    /// are no garbage.
    pub(crate) fn remember(&self, repository: &Path) {
        let remember = || -> Result<(), Failure> {
            let lockfile = std::path::absolute(repository)
                .context("tell the place of", repository)?
                .join(lockfile::NAME);
            let lockfile = lockfile.as_os_str().as_encoded_bytes();
            let (folder, name) = (self.folder.join(USERS), sha256_hex(lockfile));
            if folder.join(&name).is_file() {
                return Ok(());
            }
            self.write(&folder, &name, lockfile)
        };
        // A cache that cannot be written has no garbage removed either; and what is removed can be
        // fetched again.
        let _ = remember();
    }

    /// A new folder on the same file system, which nobody else can enter, and that goes away by
    /// itself.
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn scratch(&self) -> Result<TempDir, Failure> {
        let folder = self.folder.join(MAKING);
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
    pub(crate) fn clone_of(&self, url: &str) -> Result<BareClone, Failure> {
        let folder = self.folder.join(CLONES);
        fs::create_dir_all(&folder).context("create", &folder)?;
        let path = folder.join(sha256_hex(url));
        let name = path.with_extension("lock");
        let lock = File::options()
            .append(true)
            .create(true)
            .open(&name)
            .context("open the lock", &name)?;
        wait_for(&lock, PATIENCE, &self.stop, &path, File::try_lock)?;
        Ok(BareClone { path, _lock: lock })
    }

    /// Writes a file in a folder of the cache, which is not listed: it may have very many.
    fn write(&self, folder: &Path, name: &str, content: &[u8]) -> Result<(), Failure> {
        let making = self.folder.join(MAKING);
        for folder in [folder, &making] {
            fs::create_dir_all(folder).context("create", folder)?;
        }
        let path = folder.join(name);
        let write = || {
            let mut file = atomic_write::temporary_file(&making, &path, NewMode::ByUmask)?;
            file.write_all(content)?;
            atomic_write::persist(file, &path)
        };
        write().context("write", &path)
    }
}

/// The file that is locked; none where nothing can be written, which matters to those who want to
/// write.
fn lock_in(folder: &Path, trust: &Trust) -> Result<Option<File>, Failure> {
    let path = folder.join("lock");
    let read_only = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
    };
    match fs::create_dir_all(folder) {
        Err(error) if read_only(&error) => return Ok(None),
        made => made.context("create", folder)?,
    }
    trust.folder(Subject::Cache, folder)?;
    marker::check(folder)?;
    match File::options().append(true).create(true).open(&path) {
        Ok(lock) => marker::mark(folder).map(|()| Some(lock)),
        Err(error) if read_only(&error) => Ok(File::open(&path).ok()),
        Err(error) => Err(Failure::io("open the lock", &path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::file_lock::PAUSE;

    fn made(cache: &Cache, text: &str) -> TempDir {
        let made = cache.scratch().unwrap();
        fs::create_dir(made.path().join("web")).unwrap();
        fs::write(made.path().join("web/cookbook.toml"), text).unwrap();
        made
    }

    #[test]
    fn what_was_changed_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("store")).unwrap();
        let (sha256, root) = cache.put(&made(&cache, "one"), "web").unwrap();
        assert_eq!(cache.put(&made(&cache, "one"), "web").unwrap(), (sha256.clone(), root.clone()));
        assert_eq!(cache.get("web", &sha256).unwrap(), Some(root.clone()));
        assert_eq!(cache.root("web", &sha256), root);
        let kept =
            CachedCookbook { name: "web".to_owned(), sha256: sha256.clone(), root: root.clone() };
        assert_eq!(cache.list().unwrap(), [kept]);
        fs::write(root.join("cookbook.toml"), "two").unwrap();
        assert_eq!(cache.get("web", &sha256).unwrap(), None);
        // It stays until there is something better.
        assert!(root.exists());
        assert_eq!(cache.put(&made(&cache, "one"), "web").unwrap(), (sha256, root.clone()));
        assert_eq!(fs::read_to_string(root.join("cookbook.toml")).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path().join("store/making")).unwrap().count(), 0);
    }

    #[test]
    fn a_stop_ends_the_waiting_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let stop = CancelToken::default();
        let first = Cache::open(path.clone()).unwrap();
        let second = Cache::open_trusted(path.clone(), stop.clone(), &Trust::default()).unwrap();
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
        let wrong = second.collect_garbage(true).unwrap_err();
        assert!(wrong.interrupted && begun.elapsed() < Duration::from_secs(10), "{wrong}");
        soon.join().unwrap();

        drop((first, second));
        let lock = File::open(path.join("lock")).unwrap();
        lock.lock().unwrap();
        let stop = CancelToken::default();
        stop.request();
        assert!(Cache::open_trusted(path, stop, &Trust::default()).unwrap_err().interrupted);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn files_are_written_among_what_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("store")).unwrap();
        let at = |name: &str| folder.path().join("store").join(name);
        let (archive, sha256) = ("0a".repeat(32), "0b".repeat(32));
        // What is in the folder already is no matter, and is not looked at.
        fs::create_dir_all(at("archives")).unwrap();
        let old = File::create(at("archives/.toque-making-old")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        cache.remember_archive(&archive, &sha256).unwrap();
        assert_eq!(fs::read_to_string(at("archives").join(&archive)).unwrap(), sha256);
        assert_eq!(fs::read_dir(at("archives")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(at("making")).unwrap().count(), 0);
        // Where nothing can be made, what was there stays.
        fs::remove_dir(at("making")).unwrap();
        fs::write(at("making"), "").unwrap();
        cache.remember_archive(&archive, &archive).expect_err("it is no folder");
        assert_eq!(fs::read_to_string(at("archives").join(&archive)).unwrap(), sha256);
    }
}
