//! Repositories on this machine that another user can change. What they hold may lead anywhere, by
//! links, `alternates` or `.git` files, and their configuration names programs: git reads them as
//! that user.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::program::Git;
use crate::command::{DEFAULT_PATH, Identity};
use crate::system::fetch::{PathOwner, path_owner};
use crate::system::{FileKind, Metadata, Query};
use crate::view::View;
use toque_core::failure::{ErrorContext, Failure, RefusedPath};
use toque_core::read_optional::optional;
use toque_core::text::shell_quote;

/// What decides in a repository which files git reads.
const OF_REPOSITORY: [&str; 7] =
    ["", "HEAD", "config", "config.worktree", "commondir", "refs", "packed-refs"];
/// What decides so in a folder with objects, beside the folders in it.
const OF_OBJECTS: [&str; 3] = ["", "info", "info/alternates"];
/// How many repositories may lead to one another.
const LEADS: usize = 32;

impl Git<'_> {
    /// Returns the program that serves a repository of this machine which another user can change:
    /// run as that user, so that nothing is read that he may not read. Git appends the path.
    /// # Errors
    /// When several users could change it, or toque cannot become the one who can.
    pub(super) fn upload_pack(&self, view: &View<'_>) -> Result<Option<String>, Failure> {
        let Some(owner) = self.owner(view)? else { return Ok(None) };
        let (uid, owns) = (owner.uid, owner.owns.display());
        if view.effective_uid() != 0 {
            let shown = self.source.shown();
            return Err(Failure::new(format!(
                "cannot read the git repository `{shown}`: user {uid} owns `{owns}`, and could lead it to what only you may read"
            ))
            .hint("let that user serve it by ssh, or run toque as root, which reads it as that user"));
        }
        let Identity { uid, gid, groups, .. } = view.accounts()?.owner(view, &owner.metadata)?;
        let mut line = "setpriv".to_owned();
        for (option, id) in [("reuid", uid), ("regid", gid)] {
            if let Some(id) = id {
                // Writing to a text cannot fail.
                let _ = write!(line, " --{option}={id}");
            }
        }
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        line.push_str(&match groups.as_slice() {
            [] => " --clear-groups".to_owned(),
            groups => format!(" --groups={}", groups.join(",")),
        });
        let _ = write!(
            line,
            " --no-new-privs -- env -i PATH={DEFAULT_PATH} HOME=/dev/null GIT_CONFIG_NOSYSTEM=1 \
             GIT_CONFIG_GLOBAL=/dev/null GIT_NO_LAZY_FETCH=1 GIT_PROTOCOL=\"$GIT_PROTOCOL\" \
             git -c safe.directory={} -c core.hooksPath=/dev/null upload-pack",
            shell_quote("*")
        );
        Ok(Some(line))
    }

    /// The user, other than root and toque's own, who can change the repository; `None` for one on a
    /// server.
    pub(super) fn owner(&self, query: &dyn Query) -> Result<Option<PathOwner>, Failure> {
        let Some(path) = self.local() else { return Ok(None) };
        let mut with_suffix = path.as_os_str().to_owned();
        with_suffix.push(".git");
        let mut parts: Vec<Part> = Vec::new();
        for path in [path.to_owned(), PathBuf::from(with_suffix)] {
            parts.extend([Part::Repository(path.join(".git")), Part::Repository(path)]);
        }
        let mut next = 0;
        while let Some(part) = parts.get(next).cloned() {
            let deciding = part.deciding(query)?;
            let deciding: Vec<&Path> = deciding.iter().map(PathBuf::as_path).collect();
            let owner = path_owner(query, &deciding, true)?;
            if owner.is_some() {
                return Ok(owner);
            }
            // All of it is root's: it may be read for where it leads.
            for to in part.leads(query)? {
                if !parts.contains(&to) {
                    parts.push(to);
                }
            }
            next += 1;
            if next > LEADS {
                return Err(Failure::new(format!(
                    "the git repository `{}` borrows from more than {LEADS} others",
                    self.source.shown()
                ))
                .hint("repack it with `git repack -a -d`, and remove `objects/info/alternates`"));
            }
        }
        Ok(None)
    }
}

/// A part of a repository, which may lead to others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The folder that `HEAD` is in, or a `.git` file.
    Repository(PathBuf),
    /// The folder with the objects.
    Objects(PathBuf),
}

impl Part {
    /// The paths that decide which files git reads.
    fn deciding(&self, query: &dyn Query) -> Result<Vec<PathBuf>, Failure> {
        match self {
            Self::Repository(folder) if is_repository(query, folder)? => {
                Ok(OF_REPOSITORY.map(|name| folder.join(name)).to_vec())
            }
            Self::Repository(path) => Ok(vec![path.clone()]),
            Self::Objects(folder) => {
                let below = optional(query.read_dir(folder)).context("read directory", folder)?;
                let below = below.into_iter().flatten().map(|name| folder.join(name));
                Ok(OF_OBJECTS.into_iter().map(|name| folder.join(name)).chain(below).collect())
            }
        }
    }

    /// The parts that this one leads to.
    fn leads(&self, query: &dyn Query) -> Result<Vec<Self>, Failure> {
        let text = |path: &Path| {
            let bytes = optional(query.read(path)).context("read", path)?;
            Ok::<_, Failure>(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
        };
        match self {
            Self::Repository(folder) if is_repository(query, folder)? => {
                let common = text(&folder.join("commondir"))?;
                let common = Some(common.trim()).filter(|path| !path.is_empty());
                let common = common.map(|path| Self::Repository(folder.join(path)));
                Ok([Self::Objects(folder.join("objects"))].into_iter().chain(common).collect())
            }
            Self::Repository(file)
                if may_follow(query.stat(file))
                    .context("look at", file)?
                    .is_some_and(|found| found.kind == FileKind::File) =>
            {
                let text = text(file)?;
                let to = text.strip_prefix("gitdir:").map(str::trim);
                let beside = file.parent().unwrap_or(file);
                Ok(to.map(|path| Self::Repository(beside.join(path))).into_iter().collect())
            }
            Self::Repository(_) => Ok(Vec::new()),
            Self::Objects(folder) => {
                let text = text(&folder.join("info/alternates"))?;
                let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                Ok(lines.map(|line| Self::Objects(folder.join(line.trim_matches('"')))).collect())
            }
        }
    }
}

/// Returns true if git takes a folder for a repository.
fn is_repository(query: &dyn Query, folder: &Path) -> Result<bool, Failure> {
    let head = folder.join("HEAD");
    Ok(may_follow(query.lstat(&head)).context("look at", &head)?.is_some())
}

/// Returns what was found, and nothing where another user leads elsewhere: git reads that as the
/// user who does.
fn may_follow(found: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match found {
        Err(error) if RefusedPath::of(&error).is_some() => Ok(None),
        found => optional(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{FakeSystem, Operation};

    #[test]
    fn what_cannot_be_looked_at_is_not_taken_for_missing() {
        let fake = FakeSystem::new();
        fake.put_file("/site/HEAD", "ref: refs/heads/main\n");
        let is_one = |path: &str| is_repository(&fake, Path::new(path));
        assert_eq!((is_one("/site"), is_one("/none")), (Ok(true), Ok(false)));
        fake.break_operation(Operation::Look, "/site/HEAD", io::ErrorKind::Other);
        assert!(is_one("/site").is_err());
        let refused = RefusedPath { why: String::new(), hint: String::new() };
        assert_eq!(may_follow(Err(refused.into())).unwrap(), None);
    }
}
