//! The folder that a source's content goes into.

use std::io::ErrorKind;
use std::path::Path;

use toque_engine::command::{Command, Identity};
use toque_engine::failure::{Attempting, Failure};
use toque_engine::resource::Apply;
use toque_engine::system::{FileKind, Metadata, Query};
use toque_engine::view::View;

/// What is there of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Nothing, in a folder that is there.
    Nothing,
    /// An empty folder.
    Empty,
    /// A folder with something in it.
    Folder,
}

/// # Errors
/// When something else is there, or the folder above it is not.
pub fn look(view: &View<'_>, path: &Path) -> Result<Destination, Failure> {
    match view.lstat(path) {
        Ok(Metadata { kind: FileKind::Directory, .. }) => {
            let empty = view.read_dir(path).attempting("read directory", path)?.is_empty();
            Ok(if empty { Destination::Empty } else { Destination::Folder })
        }
        Ok(Metadata { kind, .. }) => {
            let what = if kind == FileKind::Link { "a symbolic link" } else { "no directory" };
            Err(Failure::new(format!("cannot fill `{}`: it is {what}", path.display()))
                .hint("give the path of a directory, or remove what is there"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path);
            match view.stat(parent) {
                Ok(Metadata { kind: FileKind::Directory, .. }) => Ok(Destination::Nothing),
                Ok(_) => Err(Failure::new(format!("cannot make `{}`: `{}` is not a directory", path.display(), parent.display()))
                    .hint("correct the path")),
                Err(_) => {
                    Err(Failure::new(format!("cannot make `{}`: there is no directory `{}`", path.display(), parent.display()))
                        .hint("declare the directory before this resource"))
                }
            }
        }
        Err(error) => Err(error).attempting("look at", path),
    }
}

impl Destination {
    /// Removes the empty folder that is in the way of the new one.
    /// # Errors
    /// When it is not empty any more.
    pub fn make_way(self, apply: &Apply<'_>, path: &Path) -> Result<(), Failure> {
        match self {
            Self::Empty => apply.system.remove_dir(path).attempting("remove directory", path),
            Self::Nothing | Self::Folder => Ok(()),
        }
    }
}

/// A name beside the folder for what is to take its place. What a run that was killed has left there is removed.
/// # Errors
/// When that cannot be removed.
pub fn beside(apply: &Apply<'_>, path: &Path) -> Result<std::path::PathBuf, Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".toque-new-{}", name.trim_start_matches('.')));
    if apply.system.lstat(&beside).is_ok() {
        apply.system.remove_dir_all(&beside).attempting("remove", &beside)?;
    }
    Ok(beside)
}

/// Copies a folder over another as the other's owner, who could have led its parts anywhere.
/// # Errors
/// When it cannot be copied in full.
pub fn copy_over(apply: &Apply<'_>, from: &Path, to: &Path, owner: &Metadata) -> Result<(), Failure> {
    let (Some(source), Some(target)) = (from.to_str(), to.to_str()) else {
        return Err(Failure::new(format!("cannot copy to `{}`: the path is not UTF-8", to.display())).hint("use another path"));
    };
    let mut command = Command::new(["cp", "-a", "--remove-destination", "--", &format!("{source}/."), target]);
    command.cwd = Some("/".into());
    if owner.uid != apply.system.effective_uid() {
        let (uid, gid) = (owner.uid, owner.gid);
        command.identity = Some(Identity { uid: Some(uid), gid: Some(gid), groups: vec![gid], ..Identity::default() });
    }
    apply.run(&command)?;
    apply.system.sync(to).attempting("sync the file system of", to)
}
