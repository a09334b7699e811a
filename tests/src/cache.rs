//! What is made once and kept: roots and repositories, in a directory outside the repository.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::machine;
use crate::name::Owner;

/// The directory called `name` and made from `recipe`: the one in the cache, or a new one that
/// `make` fills. Another process that wants the same one meanwhile waits for it.
pub(crate) fn kept(name: &str, recipe: impl Hash, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    let cache = directory();
    let done = cache.join(format!("{name}-{:016x}", hasher.finish()));
    if done.exists() {
        return done;
    }
    fs::create_dir_all(&cache)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", cache.display()));
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", lock.display()));
    lock.lock()
        .unwrap_or_else(|error| panic!("cannot lock {name} in {}: {error}", cache.display()));
    if !done.exists() {
        remove_unfinished(&cache, name);
        let unfinished = cache.join(format!("{name}.{}", Owner::this_process()));
        machine::make_directory(&unfinished);
        eprintln!("making {}", done.display());
        make(&unfinished);
        fs::rename(&unfinished, &done)
            .unwrap_or_else(|error| panic!("cannot name {}: {error}", done.display()));
    }
    done
}

/// `TOQUE_TEST_CACHE`, else a directory for root on this machine.
fn directory() -> PathBuf {
    env::var_os("TOQUE_TEST_CACHE")
        .map_or_else(|| PathBuf::from("/var/cache/toque-test"), PathBuf::from)
}

/// Removes what somebody began and who is dead now.
fn remove_unfinished(cache: &Path, name: &str) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let owner = entry
            .file_name()
            .to_str()
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.parse::<Owner>().ok());
        if owner.is_some_and(|owner| !owner.is_alive() || owner == Owner::this_process()) {
            fs::remove_dir_all(entry.path()).unwrap_or_else(|error| {
                panic!("cannot remove {}: {error}", entry.path().display())
            });
        }
    }
}
