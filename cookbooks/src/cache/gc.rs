//! Garbage collection: removes from the cache what no lockfile needs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_data::cookbook::Cookbook;
use walkdir::WalkDir;

use super::{ARCHIVES, CLONES, COOKBOOKS, Cache, MAKING, RESPONSES, USERS};
use crate::file_lock::wait_for;
use crate::manifest::cookfile::{Cookfile, Source};
use crate::manifest::lockfile::{Lockfile, Origin};
use crate::sha256::is_sha256;
use toque_core::checksum::sha256_hex;
use toque_core::read_optional::{list_optional, read_optional};

/// How long another process may go on using the cache.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a garbage collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    pub removed: Vec<Removed>,
    /// The lockfiles that say what is needed.
    pub lockfiles: Vec<PathBuf>,
    /// How many cookbooks they need that are there.
    pub kept: usize,
}

/// An entry that no lockfile needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// `nginx 2.1.0`, or what else it was.
    pub what: String,
    pub bytes: u64,
}

/// The names of what is needed, below each folder of the cache.
#[derive(Default)]
struct Needed {
    cookbooks: BTreeSet<String>,
    clones: BTreeSet<String>,
    responses: BTreeSet<String>,
}

impl Cache {
    /// Removes what is needed by no lockfile that was used with this cache and is still there; in a
    /// dry run, it only reports it. No other process may use the cache meanwhile.
    /// # Errors
    /// When one does, or a lockfile cannot be read: then nothing is removed.
    pub fn collect_garbage(&self, dry_run: bool) -> Result<GcReport, Diagnostic> {
        if let Some(lock) = &self.lock {
            wait_for(lock, PATIENCE, &self.stop, &self.folder, File::try_lock)?;
        }
        let (mut report, mut needed) = (GcReport::default(), Needed::default());
        let mut gone = Vec::new();
        for user in list_optional(&self.folder.join(USERS))? {
            let path = fs::read(&user).context("read", &user)?;
            let lockfile = PathBuf::from(OsStr::from_bytes(&path));
            let Some(text) = read_optional(&lockfile)? else {
                gone.push(user);
                continue;
            };
            needed.add_sources(&lockfile);
            needed.add(&Lockfile::parse(&lockfile, &text).map_err(|wrong| {
                let wrong = wrong.note("what it needs cannot be told, so that nothing was removed");
                Diagnostic { hints: vec!["mend it, or delete it".to_owned()], ..wrong }
            })?);
            report.lockfiles.push(lockfile);
        }
        report.lockfiles.sort();
        let (kept, unused): (Vec<_>, Vec<_>) = self
            .entries(COOKBOOKS)?
            .into_iter()
            .partition(|path| needed.cookbooks.contains(name(path)));
        report.kept = kept.len();
        let mut garbage: Vec<(PathBuf, String)> =
            unused.into_iter().map(|path| (path.clone(), cookbook_in(&path))).collect();
        let mut discard = |paths: Vec<PathBuf>, what: &str| {
            garbage.extend(paths.into_iter().map(|path| (path, what.to_owned())));
        };
        let mut clones = self.entries(CLONES)?;
        clones.retain(|path| !needed.clones.contains(stem(path)));
        // The lock of a clone goes with it, also where the clone never came to be.
        let (clones, locks): (Vec<_>, Vec<_>) = clones.into_iter().partition(|path| path.is_dir());
        gone.extend(locks);
        discard(clones, "a clone of a git repository");
        let mut responses = self.entries(RESPONSES)?;
        responses.retain(|path| !needed.responses.contains(name(path)));
        discard(responses, "the list of a registry");
        gone.extend(self.entries(ARCHIVES)?.into_iter().filter(|path| {
            fs::read_to_string(path).is_ok_and(|sha256| !needed.cookbooks.contains(&sha256))
        }));
        discard(list_optional(&self.folder.join(MAKING))?, "what was not completed");
        for (path, what) in garbage {
            report.removed.push(Removed { what, bytes: size(&path) });
            if !dry_run {
                remove(&path)?;
            }
        }
        if !dry_run {
            gone.iter().try_for_each(|path| remove(path))?;
        }
        report.removed.sort_by(|a, b| a.what.cmp(&b.what));
        Ok(report)
    }

    /// Lists what the cache itself has put into one of its folders.
    fn entries(&self, folder: &str) -> Result<Vec<PathBuf>, Failure> {
        let mut paths = list_optional(&self.folder.join(folder))?;
        paths.retain(|path| is_sha256(stem(path)));
        Ok(paths)
    }
}

impl Needed {
    /// Adds the registries of the Cookfile beside a lockfile: also one of which nothing is used is
    /// asked again.
    fn add_sources(&mut self, lockfile: &Path) {
        let cookfile = lockfile.parent().and_then(|folder| Cookfile::read(folder).ok().flatten());
        for source in cookfile.unwrap_or_default().sources {
            if let Source::Registry(url) = source {
                self.responses.insert(sha256_hex(format!("{url}/universe")));
            }
        }
    }

    fn add(&mut self, lockfile: &Lockfile) {
        for locked in lockfile.cookbooks.values() {
            self.cookbooks.extend(locked.sha256.clone());
            match &locked.origin {
                Origin::Registry { registry } => {
                    self.responses.insert(sha256_hex(format!("{registry}/universe")))
                }
                Origin::Git { git, .. } => self.clones.insert(sha256_hex(git)),
                Origin::Path { .. } | Origin::Archive { .. } => false,
            };
        }
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
    let roots = list_optional(path).unwrap_or_default();
    let found = roots.iter().find_map(|root| Cookbook::load(root).ok());
    found.map_or_else(
        || name(path).to_owned(),
        |cookbook| format!("{} {}", cookbook.manifest.name, cookbook.manifest.version),
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
    removed.context("remove", path)
}
