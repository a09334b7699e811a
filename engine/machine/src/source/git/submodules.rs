//! Submodules: what a commit says of other repositories, checked out where it says.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::address::Place;
use super::{Git, Wanted};
use crate::source::Source;
use crate::system::{FileKind, Ownership, Query};
use toque_core::checksum::sha256_hex;
use toque_core::failure::{ErrorContext, Failure, FailureKind};
use toque_core::read_optional::optional;

/// How deep submodules may be inside of each other.
const DEEPEST: usize = 16;

/// Where a commit says which submodules it has.
const LIST: &str = ".gitmodules";

/// A submodule as a commit has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    name: String,
    pub path: String,
    url: String,
    commit: String,
}

impl Wanted<'_> {
    /// The submodules of the commit.
    pub(super) fn modules(&self, store: &Path) -> Result<Vec<Module>, Failure> {
        let list = ["ls-tree", "-z", "--full-tree", "--name-only", self.id, "--", LIST];
        if self.git.source.submodules == Some(false) || self.git_in(store, &list)?.is_empty() {
            return Ok(Vec::new());
        }
        let blob = format!("{}:{LIST}", self.id);
        let declared = declared(
            &self.git_in(store, &["config", "--no-includes", "-z", "--blob", &blob, "--list"])?,
        );
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["ls-tree", "-z", "--full-tree", self.id, "--"];
        arguments.extend(declared.iter().map(|(_, path, _)| path.as_str()));
        let recorded = recorded(&self.git_in(store, &arguments)?);
        let modules = declared.into_iter().filter_map(|(name, path, url)| {
            let commit = recorded.get(path.trim_end_matches('/'))?.clone();
            Some(Module { name, url: self.git.address.relative(&url), path, commit })
        });
        Ok(modules.collect())
    }

    /// Checks submodules out where they belong. A bare clone of each is kept inside of the one of
    /// `self`.
    pub(super) fn put_modules(
        &self,
        modules: &[Module],
        folder: &Path,
        cache: Option<&Path>,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth == DEEPEST && !modules.is_empty() {
            let shown = self.git.source.shown();
            return Err(Failure::new(format!(
                "the submodules of `{shown}` are more than {DEEPEST} deep inside each other"
            ))
            .of_kind(FailureKind::Submodule)
            .hint("leave them out with `submodules: false`"));
        }
        // A repository of this machine needs no clone.
        let kept = cache
            .filter(|cache| self.system.lstat(cache).is_ok())
            .map(|cache| cache.join("submodules"));
        if let Some(kept) =
            kept.as_deref().filter(|kept| !modules.is_empty() && self.system.lstat(kept).is_err())
        {
            self.system
                .create_dir(kept, &Ownership::of_mode(0o700))
                .context("create directory", kept)?;
        }
        modules.iter().try_for_each(|module| {
            self.put_module(module, folder, kept.as_deref(), depth).map_err(|failure| {
                failure.note(format!("this was about the submodule `{}`", module.name))
            })
        })
    }

    fn put_module(
        &self,
        module: &Module,
        folder: &Path,
        kept: Option<&Path>,
        depth: usize,
    ) -> Result<(), Failure> {
        if !is_place(self.system.as_query(), folder, &module.path) {
            return Err(Failure::new(format!(
                "the commit has a submodule at `{}`, where no empty folder is",
                module.path
            ))
            .of_kind(FailureKind::Submodule)
            .hint("leave submodules out with `submodules: false`"));
        }
        let mut source = Source {
            url: module.url.clone(),
            revision: Some(module.commit.clone()),
            ..self.git.source.clone()
        };
        let place = Git::of(&source)?.address.place;
        if let Place::Local(path) = &place {
            self.may_be_read(path)?;
        }
        if place != self.git.address.place {
            // Another server learns no password. The key is never shown to any.
            (source.user, source.password) = (None, None);
        } else if let (None, Some((user, password))) = (&source.password, self.git.credentials()) {
            (source.user, source.password) = (Some(user.to_owned()), Some(password.to_owned()));
        }
        let git = Git::of(&source)?;
        let wanted = Wanted { git: &git, id: &module.commit, name: &module.commit[..7], ..*self };
        let into = folder.join(&module.path);
        let cache = kept.map(|kept| kept.join(&sha256_hex(module.url.as_bytes())[..16]));
        let modules = wanted.put_into(&into, cache.as_deref())?;
        wanted.put_modules(&modules, &into, cache.as_deref(), depth + 1)
    }
}

impl Wanted<'_> {
    /// Whoever writes a commit could name any folder of this machine, which root can read.
    fn may_be_read(&self, path: &Path) -> Result<(), Failure> {
        let refuse = |why: &str| {
            Err(Failure::new(format!("`{}` is a folder of this machine, {why}", path.display()))
                .of_kind(FailureKind::Submodule)
                .hint("correct `url` in its `.gitmodules`, or leave submodules out with `submodules: false`"))
        };
        let Some(own) = self.git.local() else { return refuse("and the repository is not") };
        let plain =
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::RootDir));
        if !plain || !own.parent().is_some_and(|beside| path.starts_with(beside)) {
            return refuse(&format!(
                "and not beside the repository `{}` or below it",
                own.display()
            ));
        }
        let owner = |path: &Path| {
            let found = optional(self.system.stat(path)).context("look at", path)?;
            Ok::<_, Failure>(found.map(|found| found.uid))
        };
        match (owner(path)?, owner(own)?) {
            (Some(uid), Some(own)) if uid != own => {
                refuse(&format!("and belongs to user {uid}, not to the repository's"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a submodule may be put there: an empty folder that no link leads to.
fn is_place(query: &dyn Query, folder: &Path, path: &str) -> bool {
    let mut at = folder.to_owned();
    let plain = Path::new(path).components().all(|component| {
        at.push(component);
        matches!(component, Component::Normal(_))
            && query.lstat(&at).is_ok_and(|metadata| metadata.kind == FileKind::Directory)
    });
    plain && query.read_dir(&at).is_ok_and(|names| names.is_empty())
}

/// Name, path and address of the submodules that `git config -z --list` tells.
fn declared(text: &str) -> Vec<(String, String, String)> {
    let mut all: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (key, value) in text.split('\0').filter_map(|entry| entry.split_once('\n')) {
        let Some((name, field)) =
            key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.'))
        else {
            continue;
        };
        let (path, url) = all.entry(name).or_default();
        match field {
            "path" => *path = value,
            "url" => *url = value,
            _ => {}
        }
    }
    let whole = all.into_iter().filter(|(_, (path, url))| !path.is_empty() && !url.is_empty());
    whole.map(|(name, (path, url))| (name.to_owned(), path.to_owned(), url.to_owned())).collect()
}

/// The commits of submodules that `git ls-tree -z` tells, by path.
fn recorded(text: &str) -> BTreeMap<String, String> {
    let entries =
        text.split('\0').filter_map(|entry| entry.strip_prefix("160000 commit ")?.split_once('\t'));
    entries.map(|(commit, path)| (path.to_owned(), commit.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_tells() {
        let told = "submodule.a.b.path\nlib/a\0submodule.a.b.url\n../a.git\0submodule.x.path\nx\0core.bare\nfalse\0";
        assert_eq!(declared(told), [("a.b".into(), "lib/a".into(), "../a.git".into())]);
        let told = "160000 commit 1a2b\tlib/a\x00100644 blob 3c4d\tlib/b\0";
        assert_eq!(recorded(told), BTreeMap::from([("lib/a".into(), "1a2b".into())]));
    }
}
