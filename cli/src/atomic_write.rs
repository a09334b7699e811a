//! Atomic writes: a temporary file beside the target, renamed when it is complete.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown, geteuid};
use tempfile::Builder;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::read_optional::optional;
use toque_machine::atomic_write::folder_of;

/// The state of a path that a write expects.
pub(crate) enum Expected<'a> {
    /// No file. The new one has this mode, less the mask of the process; its folder is made.
    Absent { mode: u32 },
    /// Any file, or none. The new one has the owner and mode of the one that is there, or else is
    /// for its owner alone.
    Anything,
    /// A file with this text, or a link to it. The new one has its owner and mode.
    Text(&'a str),
}

/// Writes a file, named `shown` in messages, whole or not at all.
/// # Errors
/// When it cannot be written, or another file is there than was expected.
pub(crate) fn atomic_write(
    path: &Path,
    shown: &str,
    text: &str,
    expected: &Expected<'_>,
) -> Result<(), Diagnostic> {
    let failed = failed(shown);
    let mut builder = Builder::new();
    builder.prefix(".");
    let mut path = path.to_owned();
    let mut keep = false;
    match expected {
        Expected::Absent { mode } => {
            builder.permissions(Permissions::from_mode(*mode));
            fs::create_dir_all(folder_of(&path)).map_err(failed)?;
        }
        Expected::Anything => {
            if let Some(real) = optional(fs::canonicalize(&path)).map_err(failed)? {
                (path, keep) = (real, true);
            }
        }
        Expected::Text(_) => (path, keep) = (fs::canonicalize(path).map_err(failed)?, true),
    }
    let mut staged = builder.tempfile_in(folder_of(&path)).map_err(failed)?;
    staged.write_all(text.as_bytes()).map_err(failed)?;
    if keep {
        copy_ownership(&path, staged.as_file(), shown)?;
    }
    staged.as_file().sync_all().map_err(failed)?;
    let folder = File::open(folder_of(&path)).map_err(failed)?;
    let persisted = match expected {
        Expected::Absent { .. } => staged.persist_noclobber(&path),
        Expected::Anything => staged.persist(&path),
        Expected::Text(before) => {
            // Other processes that replace a text wait here, so that no change is lost.
            folder.lock().map_err(failed)?;
            if fs::read_to_string(&path).map_err(failed)? != *before {
                return Err(Diagnostic::error(format!(
                    "`{shown}` was changed by somebody else meanwhile, and is left as it is now"
                ))
                .hint("look at what it has become, and try again"));
            }
            staged.persist(&path)
        }
    };
    persisted.map_err(|error| failed(error.error))?;
    folder.sync_all().map_err(failed)
}

/// Gives a file the owner and the mode of the file at `path`.
fn copy_ownership(path: &Path, file: &File, shown: &str) -> Result<(), Diagnostic> {
    let failed = failed(shown);
    let (wanted, own) = (path.metadata().map_err(failed)?, file.metadata().map_err(failed)?);
    if (own.uid(), own.gid()) != (wanted.uid(), wanted.gid()) {
        let (user, group) = (Uid::from_raw(wanted.uid()), Gid::from_raw(wanted.gid()));
        fchown(file, Some(user), Some(group)).map_err(|error| {
            let cause = error.desc().to_lowercase();
            let failed = Diagnostic::error(format!("cannot keep the owner of `{shown}`: {cause}"));
            if geteuid().is_root() {
                failed.hint("give the file to root, or keep it on a file system that has owners")
            } else {
                failed.hint("run toque as its owner, or as root")
            }
        })?;
    }
    file.set_permissions(Permissions::from_mode(wanted.mode() & 0o7777)).map_err(failed)
}

fn failed(shown: &str) -> impl Fn(io::Error) -> Diagnostic + Copy {
    move |error| Failure::io("write", Path::new(shown), &error).into()
}
