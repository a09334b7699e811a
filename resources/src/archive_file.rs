//! `archive_file`: what an archive has, in a folder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Apply, Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_machine::property::{Account, Mode};
use toque_machine::source::{ResolvedSource, Source, SourceType};
use toque_machine::system::{Metadata, Ownership};
use toque_machine::view::View;

use crate::shared::from_source::{self, Desired, Filled, FromSource, State, Update};
use crate::shared::ownership::Declared;
use crate::shared::path;
use crate::shared::target_directory::StagingDirectory;

/// An archive, unpacked into a folder: tar, alone or packed by gzip, xz, zstd or bzip2, and zip.
/// Its content tells which, not its name. An archive with a name or a link that leads outside of
/// the folder is refused, and so is one that is made to fill disks.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveFile {
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
    type Desired = Desired<Self>;

    fn check(&self, _actions: &[ArchiveFileAction]) -> Result<(), PropertyError> {
        from_source::check(&self.destination, &self.source(), "path", "an archive")
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Desired<Self>, Diagnostic> {
        Ok(Desired {
            path: path::plain(&self.destination),
            source: self.source(),
            declared: Declared {
                owner: self.owner.clone(),
                group: self.group.clone(),
                mode: Some(self.mode),
            },
            resource: self,
        })
    }
}

impl FromSource for ArchiveFile {
    const OWNER: &'static str = "owner";

    fn filled(
        view: &View<'_>,
        desired: &Desired<Self>,
        action: ArchiveFileAction,
    ) -> Result<Filled, Failure> {
        let last = || from_source::remembered(view, desired, action);
        Ok(if desired.resource.overwrite { Filled::Update(last()) } else { Filled::Keep })
    }

    fn describe(
        desired: &Desired<Self>,
        _action: ArchiveFileAction,
        state: &State,
        found: &ResolvedSource,
    ) -> Result<String, Failure> {
        let (path, shown, name) =
            (desired.path.display(), desired.source.shown(), &found.revision.name);
        let (owner, to) = (state.owner, if state.folder.is_some() { "over" } else { "to" });
        let other = |folder: Metadata| {
            owner.uid.is_some_and(|uid| uid != folder.uid)
                || owner.gid.is_some_and(|gid| gid != folder.gid)
        };
        if state.folder.is_some_and(other) {
            return Err(Failure::new(format!("cannot unpack over `{path}`: it does not belong to the `owner` and `group` that are wanted"))
                .hint("give the folder to them by a `directory` before this resource, or leave `owner` and `group` out"));
        }
        Ok(format!("unpack {name} from `{shown}` {to} `{path}`"))
    }

    fn update(apply: &Apply<'_>, desired: &Desired<Self>, update: &Update) -> Result<(), Failure> {
        let Update { found, folder, place } = update;
        let owner = Ownership { uid: Some(folder.uid), gid: Some(folder.gid), mode: None };
        let staging = StagingDirectory::new(apply, &desired.path, place, &owner)?;
        staging.with(apply, |staging| {
            let new = from_source::check_out(apply, &desired.source, found, staging, false)?;
            // The folder itself is copied too, and must keep its mode.
            apply.system.set_mode(&new, folder.mode).context("set the mode of", &new)?;
            staging.copy_over(apply, folder)
        })
    }

    fn memory_field(_action: ArchiveFileAction) -> Option<&'static str> {
        Some("archive")
    }
}

#[cfg(test)]
mod tests;
