//! The directory that the content of a source is put into: its state, and filling it by way of a
//! staging directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::command::{Command, Identity};
use toque_machine::system::{FileKind, Metadata, Mounts, Ownership, Query};
use toque_machine::temporary_name::make_in;
use toque_machine::view::View;

use crate::shared::optional::{lstat, stat};
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
            match stat(view, parent)? {
                Some(Metadata { kind: FileKind::Directory, .. }) => Ok(TargetState::Missing),
                Some(_) => Err(Failure::new(format!(
                    "cannot make `{}`: `{}` is not a directory",
                    path.display(),
                    parent.display()
                ))
                .hint("correct the path")),
                None => Err(Failure::new(format!(
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

/// A directory in which new content is made before it replaces a target directory. Only toque's
/// own user can enter it.
pub(crate) struct StagingDirectory<'a> {
    target: &'a Path,
    folder: PathBuf,
    /// The user who moves the content to the target, where that is not toque's own.
    by: Option<Identity>,
    /// The owner of the content.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl<'a> StagingDirectory<'a> {
    /// Makes the staging directory. A group that is not declared is the owner's.
    /// # Errors
    /// When it cannot be made, or there is no such user.
    pub(crate) fn new(
        apply: &Apply<'_>,
        target: &'a Path,
        place: &StagingPlace,
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
        let (folder, ()) = make_in(&place.safe, "new", |folder| {
            apply.system.create_dir(folder, &Ownership::of_mode(0o700))
        })
        .context("create a directory in", &place.safe)?;
        Ok(Self { target, folder, by, uid, gid })
    }

    /// Returns the path of the new content.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("new")
    }

    /// Replaces the target by what `fill` puts at the path of the new content, at once.
    /// # Errors
    /// When it cannot be filled or replaced.
    pub(crate) fn install(
        self,
        apply: &Apply<'_>,
        there: TargetState,
        fill: impl FnOnce(&Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.with(apply, |staging| {
            fill(staging)?;
            match &staging.by {
                None => staging.rename_into_place(apply, there),
                Some(by) => staging.install_as(apply, by),
            }
        })
    }

    /// Does something with the staging directory, and removes it.
    /// # Errors
    /// As `act`, and when it cannot be removed.
    pub(crate) fn with(
        self,
        apply: &Apply<'_>,
        act: impl FnOnce(&Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let done = act(&self);
        let old = self.folder.join("old");
        if let Err(failure) = done.clone()
            && lstat(apply.system.as_query(), &old)?.is_some()
        {
            // It could not be put back either.
            return Err(failure.note(format!("what was there before is in `{}`", old.display())));
        }
        let removed =
            apply.system.remove_dir_all(&self.folder, Mounts::Stay).context("remove", &self.folder);
        done.and(removed)
    }

    fn rename_into_place(&self, apply: &Apply<'_>, there: TargetState) -> Result<(), Failure> {
        let (system, path, old) = (apply.system, self.target, self.folder.join("old"));
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
        system.relabel(path, true)
    }

    fn install_as(&self, apply: &Apply<'_>, by: &Identity) -> Result<(), Failure> {
        let (new, path) = (self.path(), self.target);
        let staged = path.with_file_name(self.folder.file_name().unwrap_or_default());
        apply.system.expect_temporary(&staged);
        let [from, to, staged] = [&new, path, &staged].map(Path::to_str);
        let (Some(from), Some(to), Some(staged)) = (from, to, staged) else {
            return Err(no_text(path));
        };
        apply.system.set_mode(&self.folder, 0o711).context("set the mode of", &self.folder)?;
        let mut command = Command::new(["sh", "-c", INSTALL, "sh", from, to, staged]);
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

    /// Copies the new content over the target as the owner of that, who could redirect its parts.
    /// # Errors
    /// When it cannot be copied in full.
    pub(crate) fn copy_over(&self, apply: &Apply<'_>, owner: &Metadata) -> Result<(), Failure> {
        let (from, to) = (&self.path(), self.target);
        let (Some(source), Some(target)) = (from.to_str(), to.to_str()) else {
            return Err(no_text(to));
        };
        let mut command = Command::new([
            "cp",
            "-a",
            "--remove-destination",
            "--",
            &format!("{source}/."),
            target,
        ]);
        command.cwd = Some("/".into());
        if owner.uid == apply.system.effective_uid() {
            apply.run(&command)?;
            return apply.system.sync(to).context("sync the file system of", to);
        }
        apply.system.set_mode(&self.folder, 0o711).context("set the mode of", &self.folder)?;
        command.identity = Some(apply.view.accounts()?.owner(apply.system.as_query(), owner)?);
        apply.run(&command)?;
        // Root would open what the owner has put there.
        command.argv = ["sync", "-f", "--", target].map(str::to_owned).to_vec();
        apply.run(&command).map(|_| ())
    }
}

/// The script by which the user fills a folder of his own: root would follow any link that he has
/// put in the way.
const INSTALL: &str = r#"set -eu
mkdir -m 700 -- "$3"
trap 'rm -rf -- "$3"' EXIT
cp -RPp -- "$1" "$3/new"
sync -f -- "$3"
if [ -d "$2" ]; then mv -T -- "$2" "$3/old"; fi
if ! mv -T -- "$3/new" "$2"; then
    if [ -d "$3/old" ]; then mv -T -- "$3/old" "$2"; fi
    exit 1
fi"#;

fn no_text(path: &Path) -> Failure {
    Failure::new(format!("cannot fill `{}`: the path is not UTF-8", path.display()))
        .hint("use another path")
}

#[cfg(test)]
mod tests {
    use toque_machine::system::Operation;

    use super::*;
    use crate::testing::Bench;

    #[test]
    fn what_cannot_be_put_back_is_kept() {
        let bench = Bench::new();
        let fake = &bench.fake;
        let (view, target) = (View::new(fake), Path::new("/r/site"));
        let apply = Apply {
            system: fake,
            view: &view,
            services: &bench,
            sensitive: false,
            notes: Vec::new(),
        };
        let place = StagingPlace { safe: "/r".into(), by: None };
        let install = || {
            fake.clear(target);
            fake.put_file("/r/site/x", "old");
            let staging = StagingDirectory::new(&apply, target, &place, &Ownership::default())?;
            staging.install(&apply, TargetState::Filled, |staging| {
                fake.put_file(staging.path().join("x"), "new");
                Ok(())
            })
        };
        install().unwrap();
        assert_eq!(fake.text("/r/site/x"), "new");
        assert_eq!(fake.read_dir(Path::new("/r")).unwrap(), ["site"]);
        fake.break_operation(Operation::Rename, target, ErrorKind::Other);
        let failure = install().unwrap_err();
        let note = failure.notes.last().unwrap();
        assert!(note.starts_with("what was there before is in `/r/.toque-new-"), "{note}");
        let old = note.split('`').nth(1).unwrap();
        assert_eq!(fake.text(Path::new(old).join("x")), "old");
    }
}
