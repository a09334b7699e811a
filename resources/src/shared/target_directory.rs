//! The directory that the content of a source is put into: its state, and filling it by way of a
//! staging directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::command::{Command, Identity};
use toque_machine::system::{FileKind, Metadata, Mounts, Ownership, Query};
use toque_machine::view::View;

use crate::shared::trusted_path;

/// The state of a target directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetState {
    /// Nothing is there; the folder above it exists.
    Missing,
    Empty,
    Filled,
}

/// Returns the state of the target directory at `path`.
/// # Errors
/// When something else is there, or the folder above it is not.
pub(crate) fn inspect(view: &View<'_>, path: &Path) -> Result<TargetState, Failure> {
    match view.lstat(path) {
        Ok(Metadata { kind: FileKind::Directory, .. }) => {
            let empty = view.read_dir(path).context("read directory", path)?.is_empty();
            Ok(if empty { TargetState::Empty } else { TargetState::Filled })
        }
        Ok(Metadata { kind, .. }) => {
            let what = if kind == FileKind::Link { "a symbolic link" } else { "no directory" };
            Err(Failure::new(format!("cannot fill `{}`: it is {what}", path.display()))
                .hint("give the path of a directory, or remove what is there"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path);
            match view.stat(parent) {
                Ok(Metadata { kind: FileKind::Directory, .. }) => Ok(TargetState::Missing),
                Ok(_) => Err(Failure::new(format!(
                    "cannot make `{}`: `{}` is not a directory",
                    path.display(),
                    parent.display()
                ))
                .hint("correct the path")),
                Err(_) => Err(Failure::new(format!(
                    "cannot make `{}`: there is no directory `{}`",
                    path.display(),
                    parent.display()
                ))
                .hint("declare the directory before this resource")),
            }
        }
        Err(error) => Err(error).context("look at", path),
    }
}

/// The place for the staging directory, and the user who moves its content to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagingPlace {
    /// The innermost folder above the target that only toque can change.
    pub safe: PathBuf,
    /// The user who can redirect the target's path, and whose process therefore makes the changes
    /// there. `None` for toque's own user.
    pub by: Option<u32>,
}

/// Returns the staging place of a target directory whose content will belong to the user `uid`.
/// # Errors
/// When another user can redirect the path.
pub(crate) fn staging_place(
    view: &View<'_>,
    path: &Path,
    uid: Option<u32>,
    property: &str,
) -> Result<StagingPlace, Failure> {
    let above = trusted_path::resolve(view, path.parent().unwrap_or(path), uid)?;
    match above.fault {
        None if above.is_safe() => Ok(StagingPlace { safe: above.safe, by: None }),
        None => Ok(StagingPlace { safe: above.safe, by: uid }),
        Some(why) => Err(Failure::new(format!("cannot fill `{}`: {why} and could lead toque anywhere by a link", path.display()))
            .hint(format!("set `{property}` to the user whose folder it is, if only he can write there, or use a path whose folders are root's, with mode 0755"))),
    }
}

/// A directory in which new content is made before it replaces a target directory.
pub(crate) struct StagingDirectory<'a> {
    target: &'a Path,
    safe: &'a Path,
    /// The user who moves the content to the target, where that is not toque's own.
    by: Option<Identity>,
    /// The owner of the content.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl<'a> StagingDirectory<'a> {
    /// Prepares to fill the target directory. A group that is not declared is the owner's. Remains
    /// of a killed run are removed.
    /// # Errors
    /// When that cannot be removed, or there is no such user.
    pub(crate) fn new(
        apply: &Apply<'_>,
        target: &'a Path,
        place: &'a StagingPlace,
        owner: &Ownership,
    ) -> Result<Self, Failure> {
        let (uid, mut gid) = (owner.uid, owner.gid);
        let mut by = None;
        if let Some(uid) = uid.filter(|_| place.by.is_some() || gid.is_none()) {
            let group = gid.map(|gid| gid.to_string());
            let accounts = apply.view.accounts()?;
            let identity = accounts.identity(
                apply.system.as_query(),
                Some(&uid.to_string()),
                group.as_deref(),
            )?;
            gid = gid.or(identity.gid);
            by = place.by.map(|_| identity);
        }
        let staging = Self { target, safe: &place.safe, by, uid, gid };
        remove(apply, &staging.path())?;
        if staging.by.is_none() {
            remove(apply, &staging.old())?;
        }
        Ok(staging)
    }

    /// Returns the path of the staging directory, which only toque's own user can enter.
    pub(crate) fn path(&self) -> PathBuf {
        self.safe.join(format!(".toque-new-{}", self.name()))
    }

    fn old(&self) -> PathBuf {
        self.target.with_file_name(format!(".toque-old-{}", self.name()))
    }

    fn name(&self) -> String {
        let name = self
            .target
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        name.trim_start_matches('.').to_owned()
    }

    /// Replaces the target by the content at once.
    /// # Errors
    /// When it cannot be replaced; then the staging directory is removed.
    pub(crate) fn install(&self, apply: &Apply<'_>, there: TargetState) -> Result<(), Failure> {
        let installed = match &self.by {
            None => self.rename_into_place(apply, there),
            Some(by) => self.install_as(apply, by),
        };
        if installed.is_err() || self.by.is_some() {
            let removed = remove(apply, &self.path());
            return installed.and(removed);
        }
        installed
    }

    fn rename_into_place(&self, apply: &Apply<'_>, there: TargetState) -> Result<(), Failure> {
        let (system, path, old) = (apply.system, self.target, self.old());
        match there {
            TargetState::Missing => {}
            TargetState::Empty => system.remove_dir(path).context("remove directory", path)?,
            TargetState::Filled => system.rename(path, &old).context("move away", path)?,
        }
        system.rename(&self.path(), path).context("put in place", path).inspect_err(|_| {
            if there == TargetState::Filled {
                // The first error is the one to tell.
                let _ = system.rename(&old, path);
            }
        })?;
        system.relabel(path, true)?;
        remove(apply, &old)
    }

    fn install_as(&self, apply: &Apply<'_>, by: &Identity) -> Result<(), Failure> {
        let (new, path) = (self.path(), self.target);
        let (staged, old) =
            (path.with_file_name(format!(".toque-new-{}", self.name())), self.old());
        let [from, to, staged, old] = [&new, path, &staged, &old].map(Path::to_str);
        let (Some(from), Some(to), Some(staged), Some(old)) = (from, to, staged, old) else {
            return Err(no_text(path));
        };
        let mut command = Command::new(["sh", "-c", INSTALL, "sh", from, to, staged, old]);
        command.cwd = Some("/".into());
        command.identity = Some(by.clone());
        command.umask = Some(0o022);
        let output = apply.output(&command)?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "cannot fill `{}` as the user whose folder it is in: {}",
            path.display(),
            output.stderr().trim_end()
        )))
    }
}

/// The script by which the user fills a folder of his own: root would follow any link that he has
/// put in the way.
const INSTALL: &str = r#"set -eu
rm -rf -- "$3" "$4"
cp -RPp -- "$1" "$3"
sync -f -- "$3"
if [ -d "$2" ]; then mv -T -- "$2" "$4"; fi
mv -T -- "$3" "$2"
rm -rf -- "$4""#;

fn remove(apply: &Apply<'_>, path: &Path) -> Result<(), Failure> {
    match apply.system.lstat(path) {
        Ok(_) => apply.system.remove_dir_all(path, Mounts::Stay).context("remove", path),
        Err(_) => Ok(()),
    }
}

fn no_text(path: &Path) -> Failure {
    Failure::new(format!("cannot fill `{}`: the path is not UTF-8", path.display()))
        .hint("use another path")
}

/// Copies a folder over another as the owner of the other, who could redirect its parts.
/// # Errors
/// When it cannot be copied in full.
pub(crate) fn copy_over(
    apply: &Apply<'_>,
    from: &Path,
    to: &Path,
    owner: &Metadata,
) -> Result<(), Failure> {
    let (Some(source), Some(target)) = (from.to_str(), to.to_str()) else {
        return Err(no_text(to));
    };
    let mut command =
        Command::new(["cp", "-a", "--remove-destination", "--", &format!("{source}/."), target]);
    command.cwd = Some("/".into());
    if owner.uid == apply.system.effective_uid() {
        apply.run(&command)?;
        return apply.system.sync(to).context("sync the file system of", to);
    }
    command.identity = Some(apply.view.accounts()?.owner(apply.system.as_query(), owner)?);
    apply.run(&command)?;
    // Root would open what the owner has put there.
    command.argv = ["sync", "-f", "--", target].map(str::to_owned).to_vec();
    apply.run(&command).map(|_| ())
}
