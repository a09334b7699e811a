//! Writing documents: all of a file or nothing of it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown};
use tempfile::{Builder, NamedTempFile};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;

/// Writes a file anew that people know as `shown`, with the mode and the owner that it has. A link
/// stays one.
/// # Errors
/// When it cannot be written, or is not any more what it was `before`.
pub fn replace(file: &Path, shown: &str, before: &str, text: &str) -> Result<(), Diagnostic> {
    let path = fs::canonicalize(file).map_err(|error| failed(shown, &error))?;
    let about = path.metadata().map_err(|error| failed(shown, &error))?;
    let staged = staged(&path, text, None).map_err(|error| failed(shown, &error))?;
    let ours = staged.as_file().metadata().map_err(|error| failed(shown, &error))?;
    if (ours.uid(), ours.gid()) != (about.uid(), about.gid()) {
        let kept = fchown(
            staged.as_file(),
            Some(Uid::from_raw(about.uid())),
            Some(Gid::from_raw(about.gid())),
        );
        kept.map_err(|error| {
            Diagnostic::error(format!(
                "cannot keep the owner of `{shown}`: {}",
                error.desc().to_lowercase()
            ))
            .hint("run toque as its owner, or as root")
        })?;
    }
    let ready = || {
        staged.as_file().set_permissions(Permissions::from_mode(about.mode() & 0o7777))?;
        staged.as_file().sync_all()
    };
    ready().map_err(|error| failed(shown, &error))?;
    // From here on nobody else of us writes, so that no change is lost.
    let folder = File::open(folder_of(&path)).map_err(|error| failed(shown, &error))?;
    folder.lock().map_err(|error| failed(shown, &error))?;
    if fs::read_to_string(&path).map_err(|error| failed(shown, &error))? != before {
        return Err(Diagnostic::error(format!(
            "`{shown}` was changed by somebody else meanwhile, and is left as it is now"
        ))
        .hint("look at what it has become, and try again"));
    }
    staged.persist(&path).map_err(|error| failed(shown, &error.error))?;
    folder.sync_all().map_err(|error| failed(shown, &error))
}

/// Writes a file that is not there yet, and makes its folder. Of `mode` stays what the process
/// allows.
/// # Errors
/// When it cannot be written, or is there.
pub fn create(path: &Path, shown: &str, text: &str, mode: u32) -> Result<(), Diagnostic> {
    let live = || {
        fs::create_dir_all(folder_of(path))?;
        let staged = staged(path, text, Some(Permissions::from_mode(mode)))?;
        staged.as_file().sync_all()?;
        staged.persist_noclobber(path)?;
        sync_folder(path)
    };
    live().map_err(|error: io::Error| failed(shown, &error))
}

/// Writes a file that nobody else can read, whatever is there.
/// # Errors
/// When it cannot be written.
pub fn overwrite(path: &Path, shown: &str, text: &str) -> Result<(), Diagnostic> {
    let live = || {
        let staged = staged(path, text, None)?;
        staged.as_file().sync_all()?;
        staged.persist(path)?;
        sync_folder(path)
    };
    live().map_err(|error: io::Error| failed(shown, &error))
}

/// A file beside, which nobody else can read unless `mode`, less what the process leaves out, says
/// so.
fn staged(path: &Path, text: &str, mode: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".");
    if let Some(mode) = mode {
        builder.permissions(mode);
    }
    let mut staged = builder.tempfile_in(folder_of(path))?;
    staged.write_all(text.as_bytes())?;
    Ok(staged)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::from(Failure::io("write", Path::new(shown), error))
}
