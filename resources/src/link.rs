//! `link`: a symbolic link, or another name of a file.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_core::read_optional::optional;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::Account;
use toque_machine::system::{FileKind, Metadata, Ownership, Query};
use toque_machine::temporary_name::make_in;
use toque_machine::view::View;

use crate::shared::optional::{lstat, stat};
use crate::shared::ownership::{Declared, Names, difference_words, own_ids};

/// A symbolic link, or a hard link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Link {
    /// Absolute path of the link. Default: the resource's name.
    pub target_file: String,
    /// Where the link leads. A symbolic link keeps the text as it is written (relative is to the
    /// link's folder) and may lead to nothing; a hard link needs the absolute path of a file on the
    /// same file system. Required, except to delete a symbolic link.
    #[serde(default)]
    pub to: Option<String>,
    /// `"symbolic"` or `"hard"`. Default: `"symbolic"`.
    #[serde(default)]
    pub link_type: LinkType,
    /// Owner of the symbolic link itself, by name or number. Default: that of the link which is
    /// there, and toque's own user for a new one.
    #[serde(default)]
    pub owner: Option<Account>,
    /// Group of the symbolic link itself, by name or number. Default: that of the link which is
    /// there, and toque's own group for a new one.
    #[serde(default)]
    pub group: Option<Account>,
    /// Whether a file at the path is replaced by the link; its content is lost. Default: `false`.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LinkType {
    #[default]
    Symbolic,
    Hard,
}

actions! {
    pub enum LinkAction {
        Create = "create", "Make the link, or lead it to where it is declared to lead.";
        Delete = "delete", "Remove the link; what it leads to stays.";
    }
}

impl Resource for Link {
    const KIND: &'static str = "link";
    const IDENTITY: &'static str = "target_file";
    type Action = LinkAction;
    type Desired = Desired;

    fn check(&self, actions: &[LinkAction]) -> Result<(), PropertyError> {
        crate::shared::path::check_file("target_file", &self.target_file)?;
        let hard = self.link_type == LinkType::Hard;
        match self.to.as_deref() {
            None if hard || actions.contains(&LinkAction::Create) => {
                return Err(PropertyError::new("to", "it is required: where does the link lead?"));
            }
            Some("") => return Err(PropertyError::new("to", "it is empty")),
            Some(to) if hard => crate::shared::path::check_file("to", to)?,
            _ => {}
        }
        if hard && (self.owner.is_some() || self.group.is_some()) {
            let property = if self.owner.is_some() { "owner" } else { "group" };
            return Err(PropertyError::new(
                property,
                "a hard link is the file itself and has no owner of its own",
            )
            .hint("set it on a `file` resource"));
        }
        Ok(())
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        Ok(Desired {
            path: crate::shared::path::plain(&self.target_file),
            to: PathBuf::from(self.to.unwrap_or_default()),
            hard: self.link_type == LinkType::Hard,
            declared: Declared { owner: self.owner, group: self.group, mode: None },
            force: self.force,
        })
    }
}

/// What a link has to be.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub path: PathBuf,
    pub to: PathBuf,
    pub hard: bool,
    pub declared: Declared,
    pub force: bool,
}

/// What `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub found: Found,
    /// Whether the folder of the link is there; looked at only when the link is not.
    pub folder: bool,
    /// What a hard link is to lead to.
    pub to: Option<Metadata>,
    pub wanted: Ownership,
    pub names: Names,
    /// Whom a new link belongs to when nothing is declared.
    pub own: (u32, u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Link { to: PathBuf, metadata: Metadata },
    File(Metadata),
    Directory,
    Special,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the link under another name, and let it take the place of whatever is there.
    Make {
        path: PathBuf,
        to: PathBuf,
        hard: bool,
        uid: Option<u32>,
        gid: Option<u32>,
    },
    Owner {
        path: PathBuf,
        uid: Option<u32>,
        gid: Option<u32>,
    },
    Remove {
        path: PathBuf,
    },
}

/// Makes links by system calls.
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Link;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "link";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        action: LinkAction,
    ) -> Result<State, Failure> {
        let path = &desired.path;
        let wanted = match action {
            LinkAction::Create => desired.declared.resolve(view)?,
            LinkAction::Delete => Ownership::default(),
        };
        let mut state = State {
            found: Found::Nothing,
            folder: true,
            to: None,
            wanted,
            names: Names::default(),
            own: own_ids(view)?,
        };
        match lstat(view, path)? {
            None => {
                let folder = path.parent().unwrap_or(path);
                state.folder = stat(view, folder)?
                    .is_some_and(|metadata| metadata.kind == FileKind::Directory);
            }
            Some(metadata) => {
                state.found = match metadata.kind {
                    FileKind::Link => {
                        state.names = Names::of(view, &metadata, &state.wanted)?;
                        Found::Link {
                            to: view.read_link(path).context("read the link", path)?,
                            metadata,
                        }
                    }
                    FileKind::File => Found::File(metadata),
                    FileKind::Directory => Found::Directory,
                    FileKind::Special => Found::Special,
                }
            }
        }
        if desired.hard {
            // As link(2): a link at the end is not followed.
            state.to = lstat(view, &desired.to)?;
        }
        Ok(state)
    }

    fn plan(
        &self,
        desired: &Desired,
        action: LinkAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        match (action, desired.hard) {
            (LinkAction::Delete, _) => delete(desired, state),
            (LinkAction::Create, true) => create_hard(desired, state),
            (LinkAction::Create, false) => create_symbolic(desired, state),
        }
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        _desired: &Desired,
        _action: LinkAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        for change in changes {
            match &change.step {
                Step::Make { path, to, hard, uid, gid } => {
                    make(apply, path, to, *hard, (*uid, *gid))?;
                }
                Step::Owner { path, uid, gid } => {
                    apply
                        .system
                        .set_owner(path, *uid, *gid)
                        .context("change the owner of", path)?;
                }
                Step::Remove { path } => {
                    apply.system.remove_file(path).context("delete the link", path)?;
                }
            }
        }
        Ok(Effect::Changed)
    }
}

fn create_symbolic(desired: &Desired, state: &State) -> Result<Vec<Change<Step>>, Failure> {
    let Desired { path, to, .. } = desired;
    let provide = |uid, gid| PlannedEffect::Link { path: path.clone(), to: to.clone(), uid, gid };
    let here = path.display();
    if let Found::Link { to: present, metadata } = &state.found
        && same_text(present, to)
    {
        let words = difference_words(&desired.declared, metadata, &state.wanted, &state.names);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let Ownership { uid, gid, .. } = state.wanted;
        let step = Step::Owner { path: path.clone(), uid, gid };
        let change = Change::new(format!("change link `{here}`: {}", words.join(", ")), step);
        return Ok(vec![
            change
                .provides(provide(uid.unwrap_or(metadata.uid), gid.unwrap_or(metadata.gid)))
                .touches(Area::Files),
        ]);
    }
    make_room(desired, state)?;
    let with = desired.declared.words(", with ");
    let what = match &state.found {
        Found::Link { to: present, .. } => {
            format!(
                "lead link `{here}` to `{}` and not to `{}`{with}",
                to.display(),
                present.display()
            )
        }
        _ => format!("create link `{here}` to `{}`{with}{}", to.display(), replacing(state)),
    };
    // A link in the place of another keeps its owner; root alone can give one away.
    let (uid, gid) = match &state.found {
        Found::Link { metadata, .. } if state.own.0 == 0 => (metadata.uid, metadata.gid),
        _ => state.own,
    };
    let (uid, gid) = (state.wanted.uid.unwrap_or(uid), state.wanted.gid.unwrap_or(gid));
    let given = |id, own| (id != own).then_some(id);
    let step = Step::Make {
        path: path.clone(),
        to: to.clone(),
        hard: false,
        uid: given(uid, state.own.0),
        gid: given(gid, state.own.1),
    };
    Ok(vec![Change::new(what, step).provides(provide(uid, gid)).touches(Area::Files)])
}

fn create_hard(desired: &Desired, state: &State) -> Result<Vec<Change<Step>>, Failure> {
    let Desired { path, to, .. } = desired;
    let (here, there) = (path.display(), to.display());
    let Some(file) = &state.to else {
        return Err(Failure::new(format!(
            "cannot create the hard link `{here}`: there is no file `{there}`"
        ))
        .hint("declare the file before this resource, or correct `to`"));
    };
    if file.kind == FileKind::Directory {
        return Err(Failure::new(format!(
            "cannot create the hard link `{here}`: `{there}` is a directory"
        ))
        .hint("leave out `link_type` for a symbolic link"));
    }
    let present = match &state.found {
        Found::Link { metadata, .. } | Found::File(metadata) => Some(metadata),
        _ => None,
    };
    if present.is_some_and(|present| same_file(present, file)) {
        return Ok(Vec::new());
    }
    make_room(desired, state)?;
    let step = Step::Make { path: path.clone(), to: to.clone(), hard: true, uid: None, gid: None };
    let change =
        Change::new(format!("create hard link `{here}` to `{there}`{}", replacing(state)), step);
    Ok(vec![
        change
            .provides(PlannedEffect::HardLink { path: path.clone(), to: to.clone() })
            .touches(Area::Files),
    ])
}

/// A link takes the place of nothing or of a link. A file may be all there is of someone's work, so
/// it needs a word of consent.
fn make_room(desired: &Desired, state: &State) -> Result<(), Failure> {
    let here = desired.path.display();
    let folder = desired.path.parent().unwrap_or(&desired.path).display();
    let failure = match &state.found {
        Found::Nothing if !state.folder => Failure::new(format!(
            "cannot create the link `{here}`: there is no directory `{folder}`"
        ))
        .hint(format!(
            "declare `directory(\"{folder}\")` before this resource, or correct the path"
        )),
        Found::File(_) if !desired.force => {
            Failure::new(format!("cannot create the link `{here}`: a file is there"))
                .hint("set `force: true` to replace it (its content is lost), or move it away")
        }
        Found::Directory => {
            Failure::new(format!("cannot create the link `{here}`: a directory is there"))
                .hint("remove it by `directory` with the action `delete`, or correct the path")
        }
        Found::Special => Failure::new(format!(
            "cannot create the link `{here}`: a device, socket or pipe is there"
        ))
        .hint("remove it by `file` with the action `delete`, or correct the path"),
        _ => return Ok(()),
    };
    Err(failure)
}

fn delete(desired: &Desired, state: &State) -> Result<Vec<Change<Step>>, Failure> {
    let path = &desired.path;
    let here = path.display();
    let refused = |what: &str| {
        Err(Failure::new(format!("cannot delete the link `{here}`: it is {what}"))
            .hint("use `file` or `directory` with the action `delete`, or correct the path"))
    };
    match &state.found {
        Found::Nothing => return Ok(Vec::new()),
        Found::Directory => return refused("a directory"),
        Found::Special => return refused("a device, socket or pipe"),
        Found::File(_) if !desired.hard => return refused("a file"),
        Found::Link { metadata, .. } | Found::File(metadata) if desired.hard => {
            if !state.to.as_ref().is_some_and(|to| same_file(metadata, to)) {
                return refused(&format!("not the same file as `{}`", desired.to.display()));
            }
        }
        Found::Link { .. } | Found::File(_) => {}
    }
    let change = Change::new(format!("delete link `{here}`"), Step::Remove { path: path.clone() });
    Ok(vec![change.provides(PlannedEffect::Absent { path: path.clone() }).touches(Area::Files)])
}

fn make(
    apply: &Apply<'_>,
    path: &Path,
    to: &Path,
    hard: bool,
    owner: (Option<u32>, Option<u32>),
) -> Result<(), Failure> {
    // Made beside it and renamed, so that there is never a moment without a link.
    let (staged, ()) = make_in(path.parent().unwrap_or(path), "link", |staged| match hard {
        true => apply.system.hard_link(to, staged),
        false => apply.system.symlink(to, staged),
    })
    .context("create the link", path)?;
    let (uid, gid) = owner;
    let prepared = if uid.is_some() || gid.is_some() {
        apply.system.set_owner(&staged, uid, gid).context("change the owner of", path)
    } else {
        Ok(())
    };
    let result =
        prepared.and_then(|()| apply.system.rename(&staged, path).context("create the link", path));
    if let Err(mut failure) = result {
        // It may have been renamed before it failed.
        if let Err(left) = optional(apply.system.remove_file(&staged)).context("remove", &staged) {
            failure.message = format!("{}; {}", failure.message, left.message);
        }
        return Err(failure);
    }
    if hard { Ok(()) } else { apply.system.relabel(path, false) }
}

fn replacing(state: &State) -> &'static str {
    match state.found {
        Found::Nothing => "",
        Found::Link { .. } => ", in place of a link",
        _ => ", in place of a file",
    }
}

fn same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.device, one.inode) == (other.device, other.inode)
}

/// Paths compare equal with and without a slash at the end; the text of a link does not.
fn same_text(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

#[cfg(test)]
mod tests;
