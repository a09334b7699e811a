//! `directory`, and the directories of a `remote_directory`.

use std::io;
use std::path::{Path, PathBuf};

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
use toque_machine::system::{FileKind, Metadata, Mounts, Ownership, Query};
use toque_machine::view::View;

use crate::shared::defaults;
use crate::shared::managed_file::follow;
use crate::shared::optional::lstat;
use crate::shared::ownership::{Attributes, Declared, Names, difference_words, own_ids};
use crate::shared::trusted_path;

/// A directory, with its owner, group and mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Directory {
    /// Absolute path of the directory. Default: the resource's name.
    pub path: String,
    /// Whether missing directories above it are made too (with the default owner and mode), and
    /// whether `delete` also removes what is in it. Default: `false`.
    #[serde(default)]
    pub recursive: bool,
    /// Whether `delete` stops, with everything in place, where another file system is mounted in
    /// the directory. Default: `true`.
    #[serde(default = "defaults::yes")]
    pub one_file_system: bool,
    /// Owner, by name or number. Default: toque's own user for a new directory; an existing one
    /// keeps its owner.
    #[serde(default)]
    pub owner: Option<Account>,
    /// Group, by name or number. Default: toque's own group for a new directory; an existing one
    /// keeps its group.
    #[serde(default)]
    pub group: Option<Account>,
    /// Permissions, such as `"0755"`. Default: 0777 less the umask for a new directory; an existing
    /// one keeps its mode.
    #[serde(default)]
    pub mode: Option<Mode>,
}

actions! {
    pub enum DirectoryAction {
        Create = "create", "Make the directory, or give it the declared owner, group and mode.";
        Delete = "delete", "Remove the directory: only when it is empty, unless `recursive` is set.";
    }
}

impl Resource for Directory {
    const KIND: &'static str = "directory";
    const IDENTITY: &'static str = "path";
    type Action = DirectoryAction;
    type Desired = ManagedDirectory;

    fn check(&self, actions: &[DirectoryAction]) -> Result<(), PropertyError> {
        crate::shared::path::check("path", &self.path)?;
        if actions.contains(&DirectoryAction::Delete)
            && crate::shared::path::plain(&self.path).parent().is_none()
        {
            return Err(PropertyError::new("path", "`/` is not deleted by anyone"));
        }
        Ok(())
    }

    fn resolve(self, scope: &dyn Scope) -> Result<ManagedDirectory, Diagnostic> {
        Ok(ManagedDirectory {
            path: crate::shared::path::plain(&self.path),
            recursive: self.recursive,
            mounts: mounts(self.one_file_system),
            declared: Declared { owner: self.owner, group: self.group, mode: self.mode },
            new_mode: 0o777 & !scope.umask(),
        })
    }
}

/// Returns the treatment of mounted file systems that a property asks for.
pub(crate) fn mounts(one_file_system: bool) -> Mounts {
    if one_file_system { Mounts::Stay } else { Mounts::Cross }
}

/// What a directory has to be.
#[derive(Debug, Clone)]
pub(crate) struct ManagedDirectory {
    pub path: PathBuf,
    pub recursive: bool,
    pub mounts: Mounts,
    pub declared: Declared,
    /// The mode of a new directory when none is declared.
    pub new_mode: u32,
}

/// What `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub found: Found,
    /// The directory that a link at the path leads to.
    pub target: Option<PathBuf>,
    pub wanted: Ownership,
    pub names: Names,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing is there.
    Nothing(New),
    Directory {
        metadata: Metadata,
        /// Whether something is in it; looked at only for `delete`.
        filled: bool,
    },
    /// Something else is there, in a word or two.
    Other(&'static str),
}

/// How a new directory would come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    /// The directories above it that are missing, outermost first.
    pub missing: Vec<PathBuf>,
    /// What stands where the nearest directory above should be.
    pub blocked: Option<PathBuf>,
    /// The group of a setgid directory: what is made in it has that group, and directories are
    /// setgid too.
    pub setgid: Option<u32>,
    pub uid: u32,
    pub gid: u32,
}

impl New {
    /// How something comes about in a directory that is made this way.
    #[must_use]
    pub(crate) fn below(&self, wanted: &Ownership) -> Self {
        let setgid = wanted.mode.map_or(self.setgid.is_some(), |mode| mode & 0o2000 != 0);
        Self {
            missing: Vec::new(),
            blocked: None,
            setgid: setgid.then(|| wanted.gid.or(self.setgid).unwrap_or(self.gid)),
            ..*self
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Make {
        path: PathBuf,
        mode: u32,
        uid: Option<u32>,
        gid: Option<u32>,
    },
    Attributes(Attributes),
    Remove {
        path: PathBuf,
    },
    /// With all that is in it.
    RemoveAll {
        path: PathBuf,
        mounts: Mounts,
    },
}

/// Makes directories by system calls.
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Directory;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "directory";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &ManagedDirectory,
        action: DirectoryAction,
    ) -> Result<State, Failure> {
        inspect(view, desired, action)
    }

    fn plan(
        &self,
        desired: &ManagedDirectory,
        action: DirectoryAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        plan(desired, action, state)
    }

    fn apply(
        &self,
        run: &mut Apply<'_>,
        _desired: &ManagedDirectory,
        _action: DirectoryAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        changes.iter().try_for_each(|change| apply(run, &change.step))?;
        Ok(Effect::Changed)
    }
}

/// # Errors
/// When the path cannot be looked at, or a declared account does not exist.
pub(crate) fn inspect(
    view: &View<'_>,
    desired: &ManagedDirectory,
    action: DirectoryAction,
) -> Result<State, Failure> {
    let path = &desired.path;
    let wanted = match action {
        DirectoryAction::Create => desired.declared.resolve(view)?,
        DirectoryAction::Delete => Ownership::default(),
    };
    let mut state =
        State { found: Found::Other("a file"), target: None, wanted, names: Names::default() };
    let Some(there) = lstat(view, path)? else {
        state.found = Found::Nothing(new(view, path)?);
        return Ok(state);
    };
    state.found = match there.kind {
        FileKind::Directory => {
            let filled = action == DirectoryAction::Delete
                && !view.read_dir(path).context("list", path)?.is_empty();
            if filled && desired.recursive {
                trusted_path::may_empty(view, path, desired.mounts)?;
            }
            Found::Directory { metadata: there, filled }
        }
        FileKind::Link => through_link(view, path, action, &mut state.target)?,
        FileKind::File => Found::Other("a file"),
        FileKind::Special => Found::Other("a device, socket or pipe"),
    };
    if let Found::Directory { metadata, .. } = &state.found {
        state.names = Names::of(view, metadata, &state.wanted)?;
    }
    Ok(state)
}

/// A link is as good as the directory it leads to, but only a trusted one is changed through.
fn through_link(
    view: &View<'_>,
    path: &Path,
    action: DirectoryAction,
    target: &mut Option<PathBuf>,
) -> Result<Found, Failure> {
    let end = match view.stat(path) {
        Ok(metadata) => metadata,
        // Nothing to delete: what would be a directory is not there.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && action == DirectoryAction::Delete =>
        {
            return Ok(Found::Nothing(New {
                missing: Vec::new(),
                blocked: None,
                setgid: None,
                uid: 0,
                gid: 0,
            }));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Found::Other("a symbolic link that leads to nothing"));
        }
        Err(error) => return Err(Failure::io("look at", path, &error)),
    };
    if end.kind != FileKind::Directory {
        return Ok(Found::Other("a symbolic link to a file"));
    }
    if action == DirectoryAction::Delete {
        return Ok(Found::Other("a symbolic link"));
    }
    match follow(view, path)? {
        Ok((to, metadata)) => {
            *target = Some(to);
            Ok(Found::Directory { metadata, filled: false })
        }
        Err(refusal) => Err(refusal.failure(
            path,
            "directory",
            "declare the directory that is meant by its own path, without the link",
        )),
    }
}

fn new(view: &View<'_>, path: &Path) -> Result<New, Failure> {
    let (uid, gid) = own_ids(view)?;
    let mut new = New { missing: Vec::new(), blocked: None, setgid: None, uid, gid };
    for above in path.ancestors().skip(1) {
        match view.stat(above) {
            Ok(metadata) if metadata.kind == FileKind::Directory => {
                new.setgid = (metadata.mode & 0o2000 != 0).then_some(metadata.gid);
                break;
            }
            Ok(_) => {
                new.blocked = Some(above.to_owned());
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new.missing.insert(0, above.to_owned());
            }
            // Something further up is in the way; the next rounds find it.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(Failure::io("look at", above, &error)),
        }
    }
    Ok(new)
}

/// # Errors
/// When something is in the way, or the directory must not be removed.
pub(crate) fn plan(
    desired: &ManagedDirectory,
    action: DirectoryAction,
    state: &State,
) -> Result<Vec<Change<Step>>, Failure> {
    let path = &desired.path;
    match (action, &state.found) {
        (DirectoryAction::Delete, Found::Nothing(_)) => Ok(Vec::new()),
        (DirectoryAction::Delete, Found::Directory { filled, .. }) => delete(desired, *filled),
        (DirectoryAction::Delete, Found::Other(what)) => Err(Failure::new(format!(
            "cannot delete the directory `{}`: it is {what}",
            path.display()
        ))
        .hint("use `file` or `link` with the action `delete`")),
        (DirectoryAction::Create, Found::Nothing(new)) => create(desired, state, new),
        (DirectoryAction::Create, Found::Other(what)) => Err(Failure::new(format!(
            "cannot create the directory `{}`: {what} is there",
            path.display()
        ))
        .hint("remove it (`file` or `link` with the action `delete`), or correct the path")),
        (DirectoryAction::Create, Found::Directory { metadata, .. }) => {
            let at = state.target.as_ref().unwrap_or(path);
            let Some(attributes) = Attributes::difference(at, metadata, &state.wanted) else {
                return Ok(Vec::new());
            };
            Ok(vec![change_attributes(desired, state, metadata, attributes)])
        }
    }
}

fn create(
    desired: &ManagedDirectory,
    state: &State,
    new: &New,
) -> Result<Vec<Change<Step>>, Failure> {
    let path = &desired.path;
    if let Some(blocked) = &new.blocked {
        return Err(Failure::new(format!(
            "cannot create `{}`: `{}` is not a directory",
            path.display(),
            blocked.display()
        ))
        .hint("correct the path, or remove what stands in the directory's place"));
    }
    if !desired.recursive
        && let Some(above) = new.missing.last()
    {
        let above = above.display();
        return Err(Failure::new(format!(
            "cannot create `{}`: the directory `{above}` does not exist",
            path.display()
        ))
        .hint(format!(
            "add `recursive: true`, or declare `directory(\"{above}\")` before this resource"
        )));
    }
    let new_mode = desired.new_mode | if new.setgid.is_some() { 0o2000 } else { 0 };
    let mut changes: Vec<Change<Step>> = new
        .missing
        .iter()
        .map(|above| make(above, new_mode, &Ownership::default(), new, ""))
        .collect();
    let with = desired.declared.words(" with ");
    changes.push(make(path, state.wanted.mode.unwrap_or(new_mode), &state.wanted, new, &with));
    Ok(changes)
}

fn make(path: &Path, mode: u32, wanted: &Ownership, new: &New, with: &str) -> Change<Step> {
    let gid = wanted.gid.or(new.setgid);
    let step = Step::Make { path: path.to_owned(), mode, uid: wanted.uid, gid };
    Change::new(format!("create directory `{}`{with}", path.display()), step)
        .provides(PlannedEffect::Directory {
            path: path.to_owned(),
            mode,
            uid: wanted.uid.unwrap_or(new.uid),
            gid: gid.unwrap_or(new.gid),
        })
        .touches(Area::Files)
}

fn change_attributes(
    desired: &ManagedDirectory,
    state: &State,
    metadata: &Metadata,
    attributes: Attributes,
) -> Change<Step> {
    let words =
        difference_words(&desired.declared, metadata, &state.wanted, &state.names).join(", ");
    let effect = attributes.effect(metadata);
    Change::new(
        format!("change directory `{}`: {words}", attributes.path.display()),
        Step::Attributes(attributes),
    )
    .provides(effect)
    .touches(Area::Files)
}

fn delete(desired: &ManagedDirectory, filled: bool) -> Result<Vec<Change<Step>>, Failure> {
    let path = &desired.path;
    if filled && !desired.recursive {
        return Err(Failure::new(format!(
            "cannot delete the directory `{}`: it is not empty",
            path.display()
        ))
        .hint("add `recursive: true` to remove it with all that is in it"));
    }
    let all = if filled { ", with all that is in it" } else { "" };
    let step = match desired.recursive {
        true => Step::RemoveAll { path: path.clone(), mounts: desired.mounts },
        false => Step::Remove { path: path.clone() },
    };
    let change = Change::new(format!("delete directory `{}`{all}", path.display()), step);
    Ok(vec![change.provides(PlannedEffect::Absent { path: path.clone() }).touches(Area::Files)])
}

/// # Errors
/// When the system refuses.
pub(crate) fn apply(apply: &Apply<'_>, step: &Step) -> Result<(), Failure> {
    match step {
        Step::Make { path, mode, uid, gid } => {
            let owner = Ownership { uid: *uid, gid: *gid, mode: Some(*mode) };
            apply.system.create_dir(path, &owner).context("create the directory", path)?;
            apply.system.relabel(path, false)
        }
        Step::Attributes(attributes) => attributes.apply(apply),
        Step::RemoveAll { path, mounts } => {
            apply.system.remove_dir_all(path, *mounts).context("delete the directory", path)
        }
        Step::Remove { path } => {
            apply.system.remove_dir(path).context("delete the directory", path)
        }
    }
}

#[cfg(test)]
mod tests;
