//! Managed files: what `file`, `template`, `cookbook_file`, `remote_file` and the files of a
//! `remote_directory` have in common once their content is known. A file is replaced as a whole, at
//! once; everything it needs (owner, mode, verification, a copy of what was there) comes before
//! that moment.

mod apply;
mod diff;
mod inspect;
mod plan;
mod properties;
mod symlink;
mod unit_file;
mod verify;

use std::marker::PhantomData;
use std::path::PathBuf;
use std::rc::Rc;

use toque_contract::resource::{Action, Apply, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::content::Content;
use toque_machine::view::View;

pub(crate) use apply::{Replacement, Step, apply};
pub(crate) use diff::{MOST_BYTES as MOST_SHOWN, diff};
pub(crate) use inspect::{Current, Folder, Found, Old, State, inspect, lost};
pub(crate) use plan::plan;
pub(crate) use properties::Backup;
pub(crate) use properties::managed_file;
pub(crate) use symlink::follow;
pub(crate) use verify::Verify;

use crate::shared::ownership::Declared;

actions! {
    pub enum FileAction {
        Create = "create", "Make the file, or give it the declared content, owner, group and mode.";
        CreateIfMissing = "create_if_missing", "Make the file when nothing is there; otherwise leave it as it is.";
        Touch = "touch", "As `create`, and set its access and modification time to now, every time.";
        Delete = "delete", "Remove the file. A symbolic link is removed itself; what it leads to stays.";
    }
}

/// Whether any action that may be run needs content; what is only deleted does not.
pub(crate) fn needs_content(scope: &dyn Scope) -> bool {
    FileAction::ALL
        .iter()
        .any(|(action, name, _)| *action != FileAction::Delete && scope.may_run(name))
}

/// What a managed file has to be.
#[derive(Debug, Clone)]
pub(crate) struct ManagedFile {
    pub path: PathBuf,
    /// `None`: whatever is there, or nothing.
    pub content: Option<Content>,
    /// SHA-256 that the content must have, in lower-case hex.
    pub checksum: Option<String>,
    pub verify: Rc<[Verify]>,
    pub declared: Declared,
    /// The mode of a new file when none is declared.
    pub new_mode: u32,
    /// How many earlier contents are kept.
    pub backup: usize,
    pub atomic: bool,
    pub force_unlink: bool,
    pub follow: bool,
}

/// The provider of every kind whose content is known before the machine is looked at.
pub(crate) struct Provider<R>(PhantomData<R>);

impl<R> Provider<R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: Resource<Action = FileAction, Desired = ManagedFile>> resource::Provider for Provider<R> {
    type Resource = R;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "file";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &ManagedFile,
        action: FileAction,
    ) -> Result<State, Failure> {
        inspect(view, desired, action)
    }

    fn plan(
        &self,
        desired: &ManagedFile,
        action: FileAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        plan(desired, desired.content.as_ref(), action, state)
    }

    fn apply(
        &self,
        run: &mut Apply<'_>,
        _desired: &ManagedFile,
        _action: FileAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        apply(run, changes.iter().map(|change| &change.step))
    }
}
