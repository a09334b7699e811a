//! `remote_directory`: a folder of a cookbook, copied with all that is in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::{Account, Mode};
use toque_machine::system::{FileKind, Query};
use toque_machine::view::View;

use crate::directory::{self, DirectoryAction, ManagedDirectory, New};
use crate::shared::change::map_step;
use crate::shared::defaults;
use crate::shared::managed_file::{self, Backup, FileAction, Folder, ManagedFile};
use crate::shared::ownership::Declared;
use crate::shared::trusted_path;

/// A copy of a folder of the cookbook, with all that is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RemoteDirectory {
    /// Absolute path of the directory. Default: the resource's name.
    pub path: String,
    /// Folder below the cookbook's `files/`. Default: the directory's own name.
    #[serde(default)]
    pub source: Option<String>,
    /// Cookbook to take the folder from. Default: the recipe's own.
    #[serde(default)]
    pub cookbook: Option<String>,
    /// Whether missing directories above it are made too, and whether `delete` also removes what is
    /// in it. Default: `true`.
    #[serde(default = "defaults::yes")]
    pub recursive: bool,
    /// Whether files and directories are removed that the cookbook's folder does not have. Default:
    /// `false`.
    #[serde(default)]
    pub purge: bool,
    /// Whether `delete` and `purge` stop, with everything in place, where another file system is
    /// mounted in the directory. Default: `true`.
    #[serde(default = "defaults::yes")]
    pub one_file_system: bool,
    /// Whether files that are there already get the cookbook's content, owner, group and mode.
    /// Default: `true`.
    #[serde(default = "defaults::yes")]
    pub overwrite: bool,
    /// Owner of the directories, by name or number. Default: toque's own user for new ones.
    #[serde(default)]
    pub owner: Option<Account>,
    /// Group of the directories, by name or number. Default: toque's own group for new ones.
    #[serde(default)]
    pub group: Option<Account>,
    /// Permissions of the directories, such as `"0755"`. Default: 0777 less the umask for new ones.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Owner of the files, by name or number. Default: toque's own user for new ones.
    #[serde(default)]
    pub files_owner: Option<Account>,
    /// Group of the files, by name or number. Default: toque's own group for new ones.
    #[serde(default)]
    pub files_group: Option<Account>,
    /// Permissions of the files. Default: `"0644"`.
    #[serde(default = "readable")]
    pub files_mode: Mode,
    /// How many earlier contents of each file are kept in the state directory, or `false` for none.
    /// Default: 5.
    #[serde(default)]
    pub files_backup: Backup,
}

fn readable() -> Mode {
    Mode(0o644)
}

actions! {
    pub enum RemoteDirectoryAction {
        Create = "create", "Make the directory and give it what the cookbook's folder has.";
        CreateIfMissing = "create_if_missing", "As `create`, but leave files that are there as they are.";
        Delete = "delete", "Remove the directory: with all that is in it, unless `recursive` is `false`.";
    }
}

impl Resource for RemoteDirectory {
    const KIND: &'static str = "remote_directory";
    const IDENTITY: &'static str = "path";
    type Action = RemoteDirectoryAction;
    type Desired = Desired;

    fn check(&self, _actions: &[RemoteDirectoryAction]) -> Result<(), PropertyError> {
        crate::shared::path::check("path", &self.path)?;
        if crate::shared::path::plain(&self.path).parent().is_none() {
            return Err(PropertyError::new("path", "`/` is no copy of a cookbook's folder"));
        }
        Ok(())
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        let path = crate::shared::path::plain(&self.path);
        let source = self.source.unwrap_or_else(|| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        });
        let needed = scope.may_run("create") || scope.may_run("create_if_missing");
        let copied = if needed {
            scope.cookbook_directory(&source, self.cookbook.as_deref())?
        } else {
            Vec::new()
        };
        let umask = scope.umask();
        let mounts = directory::mounts(self.one_file_system);
        let directory = |path: PathBuf, recursive: bool| ManagedDirectory {
            path,
            recursive,
            mounts,
            declared: Declared {
                owner: self.owner.clone(),
                group: self.group.clone(),
                mode: self.mode,
            },
            new_mode: 0o777 & !umask,
        };
        let declared = Declared {
            owner: self.files_owner,
            group: self.files_group,
            mode: Some(self.files_mode),
        };
        let folders: BTreeSet<&Path> =
            copied.iter().flat_map(|(file, _)| file.ancestors().skip(1)).collect();
        let folders = folders.into_iter().filter(|folder| !folder.as_os_str().is_empty());
        Ok(Desired {
            folders: folders.map(|folder| directory(path.join(folder), false)).collect(),
            files: copied
                .iter()
                .map(|(file, content)| ManagedFile {
                    path: path.join(file),
                    content: Some(content.clone()),
                    checksum: None,
                    verify: Rc::from([]),
                    declared: declared.clone(),
                    new_mode: self.files_mode.0,
                    backup: self.files_backup.0,
                    atomic: true,
                    force_unlink: false,
                    follow: true,
                })
                .collect(),
            root: directory(path, self.recursive),
            purge: self.purge,
            overwrite: self.overwrite,
            backup: self.files_backup.0,
        })
    }
}

/// What the directory has to be.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub root: ManagedDirectory,
    /// The directories below it, outer ones first.
    pub folders: Vec<ManagedDirectory>,
    pub files: Vec<ManagedFile>,
    pub purge: bool,
    pub overwrite: bool,
    pub backup: usize,
}

/// What `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub root: directory::State,
    pub folders: Vec<directory::State>,
    pub files: Vec<managed_file::State>,
    /// What is there and should not be, innermost first.
    pub surplus: Vec<(PathBuf, FileKind)>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Directory(directory::Step),
    File(managed_file::Step),
}

/// Copies by system calls.
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = RemoteDirectory;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "remote_directory";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        action: RemoteDirectoryAction,
    ) -> Result<State, Failure> {
        if action == RemoteDirectoryAction::Delete {
            let root = directory::inspect(view, &desired.root, DirectoryAction::Delete)?;
            return Ok(State { root, folders: Vec::new(), files: Vec::new(), surplus: Vec::new() });
        }
        let each = |folder| directory::inspect(view, folder, DirectoryAction::Create);
        let file_action = file_action(desired, action);
        let mut state = State {
            root: each(&desired.root)?,
            folders: desired.folders.iter().map(each).collect::<Result<_, _>>()?,
            files: desired
                .files
                .iter()
                .map(|file| managed_file::inspect(view, file, file_action))
                .collect::<Result<_, _>>()?,
            surplus: Vec::new(),
        };
        if desired.purge && matches!(state.root.found, directory::Found::Directory { .. }) {
            let wanted: HashSet<&Path> = desired
                .folders
                .iter()
                .map(|folder| folder.path.as_path())
                .chain(desired.files.iter().map(|file| file.path.as_path()))
                .collect();
            trusted_path::may_empty(view, &desired.root.path, desired.root.mounts)?;
            surplus(view, &desired.root.path, &wanted, &mut state.surplus)?;
        }
        Ok(state)
    }

    fn plan(
        &self,
        desired: &Desired,
        action: RemoteDirectoryAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        if action == RemoteDirectoryAction::Delete {
            let changes = directory::plan(&desired.root, DirectoryAction::Delete, &state.root)?;
            return Ok(changes
                .into_iter()
                .map(|change| map_step(change, Step::Directory))
                .collect());
        }
        let mut changes = Vec::new();
        let mut made = BTreeMap::new();
        let folders = desired.folders.iter().zip(&state.folders);
        for (folder, found) in std::iter::once((&desired.root, &state.root)).chain(folders) {
            let found = within(&made, &folder.path, found);
            let planned = directory::plan(folder, DirectoryAction::Create, &found)?;
            changes.extend(planned.into_iter().map(|change| map_step(change, Step::Directory)));
            if let directory::Found::Nothing(new) = &found.found {
                made.insert(folder.path.as_path(), new.below(&found.wanted));
            }
        }
        for (file, found) in desired.files.iter().zip(&state.files) {
            let found = file_within(&made, &file.path, found);
            let planned = managed_file::plan(
                file,
                file.content.as_ref(),
                file_action(desired, action),
                &found,
            )?;
            changes.extend(planned.into_iter().map(|change| map_step(change, Step::File)));
        }
        changes.extend(state.surplus.iter().map(|(path, kind)| purge(desired, path, *kind)));
        Ok(changes)
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        _desired: &Desired,
        _action: RemoteDirectoryAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        for change in changes {
            match &change.step {
                Step::Directory(step) => directory::apply(apply, step)?,
                Step::File(step) => managed_file::apply(apply, [step]).map(drop)?,
            }
        }
        Ok(Effect::Changed)
    }
}

fn file_action(desired: &Desired, action: RemoteDirectoryAction) -> FileAction {
    match action {
        RemoteDirectoryAction::Create if desired.overwrite => FileAction::Create,
        _ => FileAction::CreateIfMissing,
    }
}

/// Everything below a directory that is not wanted, innermost first. Links are not entered.
fn surplus(
    view: &View<'_>,
    directory: &Path,
    wanted: &HashSet<&Path>,
    found: &mut Vec<(PathBuf, FileKind)>,
) -> Result<(), Failure> {
    for name in view.read_dir(directory).context("list", directory)? {
        let path = directory.join(name);
        let kind = view.lstat(&path).context("look at", &path)?.kind;
        if kind == FileKind::Directory {
            surplus(view, &path, wanted, found)?;
        }
        if !wanted.contains(path.as_path()) {
            found.push((path, kind));
        }
    }
    Ok(())
}

/// A directory as it will be found once the one above it has been made.
fn within(made: &BTreeMap<&Path, New>, path: &Path, found: &directory::State) -> directory::State {
    let above = path.parent().and_then(|above| made.get(above));
    let mut found = found.clone();
    if let (directory::Found::Nothing(new), Some(above)) = (&mut found.found, above) {
        *new = above.clone();
    }
    found
}

fn file_within(
    made: &BTreeMap<&Path, New>,
    path: &Path,
    found: &managed_file::State,
) -> managed_file::State {
    let above = path.parent().and_then(|above| made.get(above));
    let mut found = found.clone();
    if let (managed_file::Found::Nothing(new), Some(above)) = (&mut found.found, above) {
        new.folder = Folder::There;
        new.setgid = above.setgid;
    }
    found
}

fn purge(desired: &Desired, path: &Path, kind: FileKind) -> Change<Step> {
    let path = path.to_owned();
    let backs_up = kind == FileKind::File && desired.backup > 0;
    let (what, step) = match kind {
        FileKind::Directory => {
            ("directory", Step::Directory(directory::Step::Remove { path: path.clone() }))
        }
        FileKind::File if backs_up => (
            "file",
            Step::File(managed_file::Step::Remove { path: path.clone(), backup: desired.backup }),
        ),
        FileKind::Link => ("link", Step::File(managed_file::Step::Unlink(path.clone()))),
        FileKind::File | FileKind::Special => {
            ("file", Step::File(managed_file::Step::Unlink(path.clone())))
        }
    };
    let change = Change::new(
        format!("delete {what} `{}`, which the cookbook does not have", path.display()),
        step,
    );
    let change = if backs_up { change.backs_up(&path) } else { change };
    change.provides(PlannedEffect::Absent { path }).touches(Area::Files)
}

#[cfg(test)]
mod tests;
