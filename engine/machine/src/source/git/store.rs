//! Where commits are kept: a bare clone that lasts from one deployment to the next, or one that is
//! made for a single checkout.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Wanted;
use super::submodules::Module;
use crate::system::{FileKind, Mounts, Ownership, Query, System};
use crate::temporary_name::make_in;
use toque_core::failure::{ErrorContext, Failure, FailureKind};

/// The branch that holds what was fetched last, so that the next fetch asks only for what is new.
const BRANCH: &str = "refs/heads/toque";
/// Slashes that are looked behind in names of branches.
const DEEPEST: usize = 20;

impl Wanted<'_> {
    /// Puts the files of the commit into a folder that is there, from the bare clone `cache` when
    /// one may be kept, and says which submodules it has.
    pub(super) fn put_into(
        &self,
        into: &Path,
        cache: Option<&Path>,
    ) -> Result<Vec<Module>, Failure> {
        if let Some(objects) =
            self.git.local().and_then(|path| objects(self.system.as_query(), path))
        {
            // What is on this machine need not be copied first, unless another user could have it
            // lead to what he may not read.
            return match self.git.owner(self.view)? {
                None => self.by_way_of(into, |store| self.borrow(store, &objects)),
                Some(_) => self.by_way_of(into, |store| self.fetch(store, true)),
            };
        }
        match cache {
            Some(cache) => self.put_from_cache(into, cache),
            None => self.by_way_of(into, |store| self.fetch(store, true)),
        }
    }

    /// Makes the folder a clone, with the commit checked out.
    pub(super) fn clone_into(&self, into: &Path) -> Result<Vec<Module>, Failure> {
        let store = into.join(".git");
        self.init(&["--quiet"], into)?;
        let remote = self.git.address.url.as_str();
        self.git_in(&store, &["config", "remote.origin.url", remote])?;
        self.git_in(
            &store,
            &["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
        )?;
        let depth = self.depth(false);
        let specifications =
            ["--", remote, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
        let all = [FETCH, depth, &specifications].concat();
        self.git_in(&store, &all)?;
        if !self.has(&store)? {
            self.git_in(&store, &[FETCH, depth, &["--", remote, self.id]].concat()).map_err(
                |failure| {
                    if failure.interrupted { failure } else { self.missing().note(failure.message) }
                },
            )?;
        }
        self.git_in(&store, &["update-ref", "--no-deref", "HEAD", self.id])?;
        self.read_tree(&store, into)
    }

    fn put_from_cache(&self, into: &Path, cache: &Path) -> Result<Vec<Module>, Failure> {
        let kept =
            self.system.lstat(cache).is_ok_and(|metadata| metadata.kind == FileKind::Directory);
        let first = self.through_cache(into, cache, kept);
        if first.is_err() {
            // A disk that became full must not stay so.
            remove_unfinished(self.system, cache);
        }
        match first {
            Err(failure) if kept && self.may_be_broken(&failure) => {}
            result => return result,
        }
        // A clone that was cut off may be good for nothing. A new one tells.
        self.system.remove_dir_all(cache, Mounts::Stay).context("remove", cache)?;
        empty(self.system, into)?;
        self.through_cache(into, cache, false)
    }

    fn through_cache(&self, into: &Path, cache: &Path, kept: bool) -> Result<Vec<Module>, Failure> {
        if kept {
            unlock(self.system, cache);
            remove_unfinished(self.system, cache);
        } else {
            make(self.system, cache)?;
            self.init(&["--quiet", "--bare"], cache)?;
        }
        if !(kept && self.has(cache)?) {
            self.fetch(cache, false)?;
        }
        self.read_tree(cache, into)
    }

    /// Whether the clone rather than the server or the disk is to blame.
    fn may_be_broken(&self, failure: &Failure) -> bool {
        let other = failure.interrupted
            || matches!(failure.kind, FailureKind::StorageFull | FailureKind::RevisionNotFound);
        !other
            && (self.git.local().is_some()
                || self
                    .git
                    .ask(self.view, &["ls-remote", "--", &self.git.address.url, "HEAD"])
                    .is_ok())
    }

    /// Works with a store beside the folder, for this once.
    fn by_way_of(
        &self,
        into: &Path,
        fill: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<Vec<Module>, Failure> {
        let store = make_temporary(self.system, into.parent().unwrap_or(into))?;
        let done = self
            .init(&["--quiet", "--bare"], &store)
            .and_then(|()| fill(&store))
            .and_then(|()| self.read_tree(&store, into));
        let removed = self.system.remove_dir_all(&store, Mounts::Stay).context("remove", &store);
        let modules = done?;
        removed.map(|()| modules)
    }

    pub(super) fn init(&self, options: &[&str], at: &Path) -> Result<(), Failure> {
        let format =
            if self.id.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let at = text(at)?;
        let arguments = [&["init", "--template=", format], options, &["--", at]].concat();
        self.git.run(self.system, self.view, &arguments).map(|_| ())
    }

    /// Lets the store read the objects of a repository of this machine. Its configuration is not
    /// read: that may be somebody else's.
    fn borrow(&self, store: &Path, objects: &Path) -> Result<(), Failure> {
        let list = store.join("objects/info/alternates");
        let line = format!("{}\n", text(objects)?);
        self.system
            .create_file(&list, &mut line.as_bytes(), 0o600, None)
            .context("write", &list)?;
        if self.has(store)? { Ok(()) } else { Err(self.missing()) }
    }

    /// Fetches the commit by itself; everything, where the server does not allow that.
    pub(super) fn fetch(&self, store: &Path, once: bool) -> Result<(), Failure> {
        let url = self.git.address.url.as_str();
        if self.git.source.access.silence.is_some() && !self.git.is_http() {
            // Only by HTTP git itself gives up on a server that says nothing.
            self.git.ask(self.view, &["ls-remote", "--", url, "HEAD"])?;
        }
        let one = format!("+{}:{BRANCH}", self.id);
        let arguments = [FETCH, self.depth(once), &["--", url, &one]].concat();
        match self.git_in(store, &arguments) {
            Ok(_) => return Ok(()),
            Err(failure) if failure.interrupted => return Err(failure),
            Err(_) => {}
        }
        let arguments = [
            FETCH,
            &["--", url, "+refs/heads/*:refs/toque/heads/*", "+refs/tags/*:refs/toque/tags/*"],
        ]
        .concat();
        self.git_in(store, &arguments)?;
        if self.has(store)? { Ok(()) } else { Err(self.missing()) }
    }

    fn depth(&self, once: bool) -> &'static [&'static str] {
        if once || self.git.source.shallow == Some(true) { &["--depth=1"] } else { &[] }
    }

    fn has(&self, store: &Path) -> Result<bool, Failure> {
        let commit = format!("{}^{{commit}}", self.id);
        match self.git_in(store, &["cat-file", "-e", &commit]) {
            Ok(_) => Ok(true),
            Err(failure) if failure.interrupted => Err(failure),
            Err(_) => Ok(false),
        }
    }

    fn missing(&self) -> Failure {
        Failure::new(format!(
            "the git repository `{}` has no commit `{}`",
            self.git.source.shown(),
            self.id
        ))
        .of_kind(FailureKind::RevisionNotFound)
        .hint("correct `revision`; a commit that was pushed over may be gone")
    }

    /// Writes the files of the commit, which need no syncing one by one.
    fn read_tree(&self, store: &Path, into: &Path) -> Result<Vec<Module>, Failure> {
        let work_tree = format!("--work-tree={}", text(into)?);
        let arguments = [
            &work_tree,
            "-c",
            "core.fsync=none",
            "-c",
            "core.bare=false",
            "read-tree",
            "--reset",
            "-u",
            self.id,
        ];
        self.git_in(store, &arguments).map_err(|failure| {
            failure.note(format!("while {} was written to `{}`", self.name, into.display()))
        })?;
        self.modules(store)
    }

    /// What git prints about a store.
    pub(super) fn git_in(&self, store: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let git_dir = format!("--git-dir={}", text(store)?);
        let output =
            self.git.run(self.system, self.view, &[&[git_dir.as_str()], arguments].concat())?;
        Ok(output.stdout())
    }
}

const FETCH: &[&str] = &["fetch", "--quiet", "--no-tags", "--force", "--no-recurse-submodules"];

/// Where a repository of this machine has its objects.
fn objects(query: &dyn Query, path: &Path) -> Option<PathBuf> {
    let with_suffix = PathBuf::from(format!("{}.git", path.to_str()?.trim_end_matches('/')));
    let places = [path.join(".git"), path.to_owned(), with_suffix.join(".git"), with_suffix];
    let whole = |place: &&PathBuf| {
        query.stat(&place.join("HEAD")).is_ok() && query.stat(&place.join("objects")).is_ok()
    };
    places.iter().find(whole).map(|place| place.join("objects"))
}

/// Makes a folder for this once.
pub(super) fn make_temporary(system: &dyn System, folder: &Path) -> Result<PathBuf, Failure> {
    make_in(folder, "git", |path| system.create_dir(path, &Ownership::of_mode(0o700)))
        .map(|(path, ())| path)
        .context("create a directory in", folder)
}

pub(super) fn make(system: &dyn System, folder: &Path) -> Result<(), Failure> {
    system.create_dir(folder, &Ownership::of_mode(0o700)).context("create directory", folder)
}

fn empty(system: &dyn System, folder: &Path) -> Result<(), Failure> {
    system.remove_dir_all(folder, Mounts::Stay).context("remove", folder)?;
    make(system, folder)
}

/// Removes the locks of a git that was killed: only one run at a time uses the store.
fn unlock(system: &dyn System, store: &Path) {
    unlock_names(system, store);
    unlock_names(system, &store.join("objects/info"));
    unlock_all(system, &store.join("refs"), DEEPEST);
}

/// Removes the locks of all branches and tags, which have folders where their names have slashes.
fn unlock_all(system: &dyn System, folder: &Path, depth: usize) {
    for name in unlock_names(system, folder) {
        let below = folder.join(name);
        let found = system.lstat(&below);
        if depth > 0 && found.is_ok_and(|found| found.kind == FileKind::Directory) {
            unlock_all(system, &below, depth - 1);
        }
    }
}

/// Removes the locks in a folder, and returns the names of all else.
fn unlock_names(system: &dyn System, folder: &Path) -> Vec<OsString> {
    let names = system.read_dir(folder).unwrap_or_default();
    let (locks, others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.as_encoded_bytes().ends_with(b".lock"));
    for lock in locks {
        // What cannot be removed is told by git.
        let _ = system.remove_file(&folder.join(lock));
    }
    others
}

/// Removes what fetches left that did not come to their end: it is large, and of use to nobody.
fn remove_unfinished(system: &dyn System, store: &Path) {
    let packs = store.join("objects/pack");
    for name in system.read_dir(&packs).unwrap_or_default() {
        if name.as_encoded_bytes().starts_with(b"tmp_") {
            // What cannot be removed does no harm.
            let _ = system.remove_file(&packs.join(name));
        }
    }
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::new(format!("cannot hand `{}` to git: the path is not UTF-8", path.display()))
            .hint("use another path")
    })
}
