//! `archive_file`: what an archive has, in a folder.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use toque_engine::actions;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::property::{Account, Mode};
use toque_engine::resource::{
    self, Apply, Change, Effect, PropertyError, Provide, Resource, Scope,
};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::source::{Checkout, Found, Source, SourceType};
use toque_engine::system::{Metadata, Ownership, Query};
use toque_engine::view::View;

use crate::shared::ownership::Declared;
use crate::shared::target_directory::{self, StagingDirectory, StagingPlace, TargetState};

/// An archive, unpacked into a folder: tar, alone or packed by gzip, xz, zstd or bzip2, and zip.
/// Its content tells which, not its name. An archive with a name or a link that leads outside of
/// the folder is refused, and so is one that is made to fill disks.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveFile {
    /// Absolute path or URL (`http:`, `https:`, `file:`) of the archive. Default: the resource's
    /// name.
    pub path: String,
    /// Absolute path of the folder to unpack into; the folder above it must be there, and either
    /// root's or that of `owner`.
    pub destination: String,
    /// SHA-256 that the archive must have, in hexadecimal. Default: not checked.
    #[serde(default)]
    pub checksum: Option<String>,
    /// Who asks, where the server wants a password.
    #[serde(default)]
    pub username: Option<String>,
    /// The password for the server.
    #[serde(default)]
    #[schemars(extend("sensitive" = true))]
    pub password: Option<String>,
    /// Owner of what is unpacked, by name or number. Default: toque's own user; that of the folder
    /// where one is unpacked over.
    #[serde(default)]
    pub owner: Option<Account>,
    /// Group of what is unpacked, by name or number. Default: that of `owner`, or toque's own; that
    /// of the folder where one is unpacked over.
    #[serde(default)]
    pub group: Option<Account>,
    /// Permissions of the folder itself, when it is made. Default: `"0755"`.
    #[serde(default = "open")]
    pub mode: Mode,
    /// Whether the archive is unpacked over a folder that has something in it, when it is another
    /// than the one that was unpacked there last. Files that the archive does not have stay.
    /// Default: `false`.
    #[serde(default)]
    pub overwrite: bool,
    /// How many leading folders of the names in the archive are left out. Default: 0.
    #[serde(default)]
    pub strip_components: usize,
}

fn open() -> Mode {
    Mode(0o755)
}

actions! {
    pub enum ArchiveFileAction {
        Extract = "extract", "Unpack the archive, unless something is in the folder already.";
    }
}

impl ArchiveFile {
    fn source(&self) -> Source {
        Source {
            kind: Some(SourceType::Archive),
            url: self.path.clone(),
            user: self.username.clone(),
            password: self.password.clone(),
            checksum: self.checksum.clone(),
            strip: Some(self.strip_components),
            ..Source::default()
        }
        .trimmed()
    }
}

impl Resource for ArchiveFile {
    const KIND: &'static str = "archive_file";
    const IDENTITY: &'static str = "path";
    type Action = ArchiveFileAction;
    type Desired = Desired;

    fn check(&self, _actions: &[ArchiveFileAction]) -> Result<(), PropertyError> {
        crate::shared::path::check("destination", &self.destination)?;
        if crate::shared::path::plain(&self.destination).parent().is_none() {
            return Err(PropertyError::new("destination", "`/` is no folder for an archive"));
        }
        self.source().check().map_err(|error| match error.property.as_str() {
            "url" => PropertyError { property: "path".to_owned(), ..error },
            _ => error,
        })
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        Ok(Desired {
            path: crate::shared::path::plain(&self.destination),
            source: self.source(),
            declared: Declared { owner: self.owner, group: self.group, mode: Some(self.mode) },
            overwrite: self.overwrite,
        })
    }
}

/// What the folder has to have.
#[derive(Debug)]
pub struct Desired {
    pub path: PathBuf,
    pub source: Source,
    pub declared: Declared,
    pub overwrite: bool,
}

/// What `inspect` found.
#[derive(Debug)]
pub struct State {
    pub there: TargetState,
    /// The archive, unless nothing is done anyway.
    pub found: Option<Found>,
    /// The archive that was unpacked there last.
    pub last: Option<String>,
    pub owner: Ownership,
    /// The folder, to be unpacked over.
    pub folder: Option<Metadata>,
    pub ground: Option<StagingPlace>,
}

/// One thing to do.
#[derive(Debug)]
pub enum Step {
    Unpack { found: Found, owner: Ownership, ground: StagingPlace, instead_of: TargetState },
    UnpackOver { found: Found, folder: Metadata, ground: StagingPlace },
}

/// Unpacks by system calls.
#[derive(Debug)]
pub struct Provider;

impl resource::Provider for Provider {
    type Resource = ArchiveFile;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "archive_file";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        _action: ArchiveFileAction,
    ) -> Result<State, Failure> {
        let there = target_directory::inspect(view, &desired.path)?;
        let owner = desired.declared.resolve(view)?;
        let full = there == TargetState::Filled;
        let found =
            if full && !desired.overwrite { None } else { Some(desired.source.look(view)?) };
        let last = view
            .remembered(&key(&desired.path))
            .and_then(|known| known["archive"].as_str().map(str::to_owned));
        let folder = full
            .then(|| view.lstat(&desired.path).attempting("look at", &desired.path))
            .transpose()?;
        let uid = folder.map_or(owner.uid, |folder| Some(folder.uid));
        let ground = found
            .as_ref()
            .map(|_| target_directory::staging_place(view, &desired.path, uid, "owner"))
            .transpose()?;
        Ok(State { there, found, last, owner, folder, ground })
    }

    fn plan(
        &self,
        desired: &Desired,
        _action: ArchiveFileAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let (Some(found), Some(ground)) = (state.found.clone(), state.ground.clone()) else {
            return Ok(Vec::new());
        };
        let (path, shown, name) =
            (desired.path.display(), desired.source.shown(), found.revision.name.clone());
        let (what, step) = match state.folder {
            Some(_) if state.last.as_ref() == Some(&found.revision.id) => return Ok(Vec::new()),
            Some(folder) => {
                check_owner(desired, state, &folder)?;
                (
                    format!("unpack {name} from `{shown}` over `{path}`"),
                    Step::UnpackOver { found, folder, ground },
                )
            }
            None => {
                let step =
                    Step::Unpack { found, owner: state.owner, ground, instead_of: state.there };
                (format!("unpack {name} from `{shown}` to `{path}`"), step)
            }
        };
        Ok(vec![
            Change::new(what, step)
                .provides(Provide::Anything(Area::Files.into()))
                .touches(Area::Files),
        ])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired,
        _action: ArchiveFileAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let (path, source) = (desired.path.as_path(), &desired.source);
        for change in changes {
            let how = |uid, gid| Checkout { uid, gid, ..Checkout::default() };
            let found = match &change.step {
                Step::Unpack { found, owner, ground, instead_of } => {
                    let site = StagingDirectory::new(apply, path, ground, owner)?;
                    let new = site.path();
                    source.check_out(
                        apply.system,
                        apply.view,
                        found,
                        &new,
                        &how(site.uid, site.gid),
                    )?;
                    apply
                        .system
                        .set_mode(&new, owner.mode.unwrap_or(0o755))
                        .attempting("set the mode of", &new)?;
                    site.install(apply, *instead_of)?;
                    found
                }
                Step::UnpackOver { found, folder, ground } => {
                    let owner =
                        Ownership { uid: Some(folder.uid), gid: Some(folder.gid), mode: None };
                    let new = StagingDirectory::new(apply, path, ground, &owner)?.path();
                    source.check_out(
                        apply.system,
                        apply.view,
                        found,
                        &new,
                        &how(Some(folder.uid), Some(folder.gid)),
                    )?;
                    // What is copied has the folder's own mode as well.
                    apply.system.set_mode(&new, folder.mode).attempting("set the mode of", &new)?;
                    let copied = target_directory::copy_over(apply, &new, path, folder);
                    let removed = apply.system.remove_dir_all(&new).attempting("remove", &new);
                    copied.and(removed)?;
                    found
                }
            };
            apply.services.remember(&key(path), &json!({ "archive": found.revision.id }))?;
            if let Some((key, value)) = &found.memory {
                apply.services.remember(key, value)?;
            }
        }
        Ok(Effect::Changed)
    }
}

/// What is unpacked over a folder is its owner's.
fn check_owner(desired: &Desired, state: &State, folder: &Metadata) -> Result<(), Failure> {
    let same = state.owner.uid.is_none_or(|uid| uid == folder.uid)
        && state.owner.gid.is_none_or(|gid| gid == folder.gid);
    if same {
        return Ok(());
    }
    let path = desired.path.display();
    Err(Failure::new(format!("cannot unpack over `{path}`: it does not belong to the `owner` and `group` that are wanted"))
        .hint("give the folder to them by a `directory` before this resource, or leave `owner` and `group` out"))
}

fn key(path: &Path) -> String {
    format!("archive_file:{}", path.display())
}

#[cfg(test)]
mod tests;
