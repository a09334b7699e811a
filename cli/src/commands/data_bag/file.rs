//! Writing the files of items: all of a file or nothing of it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown};
use tempfile::{Builder, NamedTempFile};
use toque_engine::data_bag::ItemText;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;

/// Writes the file of an item anew, with the mode and the owner that it has. A link stays one.
/// # Errors
/// When it cannot be written, or is not any more what `before` says.
pub fn replace(before: &ItemText, text: &str) -> Result<(), Diagnostic> {
    let shown = &before.item.shown;
    let path = fs::canonicalize(&before.item.file).map_err(|error| failed(shown, &error))?;
    let about = path.metadata().map_err(|error| failed(shown, &error))?;
    let staged = staged(&path, text, None).map_err(|error| failed(shown, &error))?;
    let ours = staged.as_file().metadata().map_err(|error| failed(shown, &error))?;
    if (ours.uid(), ours.gid()) != (about.uid(), about.gid()) {
        let kept = fchown(staged.as_file(), Some(Uid::from_raw(about.uid())), Some(Gid::from_raw(about.gid())));
        kept.map_err(|error| {
            Diagnostic::error(format!("cannot keep the owner of `{shown}`: {}", error.desc().to_lowercase()))
                .hint("run toque as its owner, or as root")
        })?;
    }
    let ready = || {
        staged.as_file().set_permissions(Permissions::from_mode(about.mode() & 0o7777))?;
        staged.as_file().sync_all()
    };
    ready().map_err(|error| failed(shown, &error))?;
    // From here on nobody else of us writes, so that no change is lost.
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder = File::open(folder).map_err(|error| failed(shown, &error))?;
    folder.lock().map_err(|error| failed(shown, &error))?;
    if fs::read_to_string(&path).map_err(|error| failed(shown, &error))? != before.whole() {
        return Err(Diagnostic::error(format!("`{shown}` was changed by somebody else meanwhile, and is left as it is now"))
            .hint("look at what it has become, and try again"));
    }
    staged.persist(&path).map_err(|error| failed(shown, &error.error))?;
    folder.sync_all().map_err(|error| failed(shown, &error))
}

/// Writes the file of an item that is not there yet, and makes the folder of its bag.
/// # Errors
/// When it cannot be written, or is there.
pub fn create(path: &Path, shown: &str, text: &str) -> Result<(), Diagnostic> {
    let live = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let staged = staged(path, text, Some(Permissions::from_mode(0o666)))?;
        staged.as_file().sync_all()?;
        staged.persist_noclobber(path)?;
        sync_folder(path)
    };
    live().map_err(|error: io::Error| failed(shown, &error))
}

/// A file beside, which nobody else can read unless `mode`, less what the process leaves out, says so.
fn staged(path: &Path, text: &str, mode: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".");
    if let Some(mode) = mode {
        builder.permissions(mode);
    }
    let mut staged = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    staged.write_all(text.as_bytes())?;
    Ok(staged)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn failed(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::from(Failure::io("write", Path::new(shown), error))
}
