//! Clearing the store of what no lockfile names.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use toque_engine::cookbook::Cookbook;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::{Attempting, Failure};
use walkdir::WalkDir;

use super::{Store, wait_for};
use crate::cookfile::{Cookfile, Source};
use crate::lockfile::{Lockfile, Origin};
use crate::tree::{hexadecimal, is_sha256};

/// How long others may go on with what they do.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was in a store, and what of it nobody needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    pub removed: Vec<Removed>,
    /// The lockfiles that say what is needed.
    pub lockfiles: Vec<PathBuf>,
    /// How many cookbooks they need that are there.
    pub kept: usize,
}

/// Something that nobody needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// `nginx 2.1.0`, or what else it was.
    pub what: String,
    pub bytes: u64,
}

/// The names of what is needed, below each folder of the store.
#[derive(Default)]
struct Needed {
    cookbooks: BTreeSet<String>,
    clones: BTreeSet<String>,
    answers: BTreeSet<String>,
}

impl Store {
    /// Removes what no lockfile needs that was used with this store and is still there; when
    /// `only_look`, it only says what. Nobody else may use the store meanwhile.
    /// # Errors
    /// When somebody does, or a lockfile cannot be read: then nothing is removed.
    pub fn clear(&self, only_look: bool) -> Result<Cleared, Diagnostic> {
        if let Some(lock) = &self.lock {
            wait_for(lock, PATIENCE, &self.stop, &self.folder, File::try_lock)?;
        }
        let (mut cleared, mut needed, mut gone) =
            (Cleared::default(), Needed::default(), Vec::new());
        for user in entries(&self.users())? {
            let lockfile =
                PathBuf::from(OsStr::from_bytes(&fs::read(&user).attempting("read", &user)?));
            match fs::read_to_string(&lockfile) {
                Ok(text) => {
                    needed.add_sources(&lockfile);
                    needed.add(&Lockfile::parse(&lockfile, &text).map_err(|wrong| {
                        let wrong =
                            wrong.note("what it needs cannot be told, so that nothing was removed");
                        Diagnostic { hints: vec!["mend it, or delete it".to_owned()], ..wrong }
                    })?);
                    cleared.lockfiles.push(lockfile);
                }
                Err(error) if is_gone(&error) => gone.push(user),
                Err(error) => return Err(Failure::io("read", &lockfile, &error).into()),
            }
        }
        cleared.lockfiles.sort();
        let of = |path: &Path, what: String| (path.to_owned(), what);
        let mut garbage: Vec<(PathBuf, String)> = Vec::new();
        for path in ours(&self.cookbooks())? {
            if needed.cookbooks.contains(name(&path)) {
                cleared.kept += 1;
            } else {
                garbage.push(of(&path, cookbook_in(&path)));
            }
        }
        let clones =
            ours(&self.clones())?.into_iter().filter(|path| !needed.clones.contains(stem(path)));
        // The lock of a clone goes with it, also where the clone never came to be.
        let (clones, locks): (Vec<_>, Vec<_>) = clones.partition(|path| path.is_dir());
        gone.extend(locks);
        garbage.extend(
            clones.into_iter().map(|path| of(&path, "a clone of a git repository".to_owned())),
        );
        let answers =
            ours(&self.answers())?.into_iter().filter(|path| !needed.answers.contains(name(path)));
        garbage.extend(answers.map(|path| of(&path, "the list of a registry".to_owned())));
        let unpacked = ours(&self.archives())?.into_iter().filter(|path| {
            fs::read_to_string(path).is_ok_and(|sha256| !needed.cookbooks.contains(&sha256))
        });
        gone.extend(unpacked);
        garbage.extend(
            entries(&self.making())?
                .into_iter()
                .map(|path| of(&path, "what was not completed".to_owned())),
        );
        for (path, what) in garbage {
            cleared.removed.push(Removed { what, bytes: size(&path) });
            if !only_look {
                remove(&path)?;
            }
        }
        if !only_look {
            gone.iter().try_for_each(|path| remove(path))?;
        }
        cleared.removed.sort_by(|a, b| a.what.cmp(&b.what));
        Ok(cleared)
    }
}

impl Needed {
    /// The registries beside a lockfile: also one of which nothing is used is asked again.
    fn add_sources(&mut self, lockfile: &Path) {
        let cookfile = lockfile
            .parent()
            .and_then(|folder| Cookfile::read(folder).ok().flatten())
            .unwrap_or_default();
        for source in cookfile.sources {
            if let Source::Registry(url) = source {
                self.answers.insert(hashed(&format!("{url}/universe")));
            }
        }
    }

    fn add(&mut self, lockfile: &Lockfile) {
        for locked in lockfile.cookbooks.values() {
            self.cookbooks.extend(locked.sha256.clone());
            match &locked.origin {
                Origin::Registry { registry } => {
                    self.answers.insert(hashed(&format!("{registry}/universe")))
                }
                Origin::Git { git, .. } => self.clones.insert(hashed(git)),
                Origin::Path { .. } | Origin::Archive { .. } => false,
            };
        }
    }
}

fn hashed(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// What the store has put into one of its folders.
fn ours(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    Ok(entries(folder)?.into_iter().filter(|path| is_sha256(stem(path))).collect())
}

/// Whether nothing lies there; a folder above it may be gone too, or be something else now.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(Failure::io("list", folder, &error)),
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
}

/// What is kept in a folder that is named after its checksum.
fn cookbook_in(path: &Path) -> String {
    let roots = entries(path).unwrap_or_default();
    let found = roots.iter().find_map(|root| Cookbook::load(root).ok());
    found.map_or_else(
        || name(path).to_owned(),
        |cookbook| format!("{} {}", cookbook.about.name, cookbook.about.version),
    )
}

fn size(path: &Path) -> u64 {
    WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|about| about.len())
        .sum()
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.attempting("remove", path)
}
