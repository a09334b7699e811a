//! The folder that content is put into: made for it, and gone again when it could not be filled.

use std::path::Path;

use super::Checkout;
use crate::system::{FileKind, Mounts, Ownership, System};
use toque_core::failure::{ErrorContext, Failure};

/// What everybody may do with a folder that is complete.
const MODE: u32 = 0o755;

/// Makes the folder `into`, lets `fill` put the content there, gives all of it to its owner, and
/// waits until it is on the disk. While it is filled nobody else can enter it, so that no link can
/// be planted on the way of what is written.
/// # Errors
/// As `fill`, and when anything cannot be written; then nothing is left.
pub(super) fn make(
    system: &dyn System,
    into: &Path,
    how: &Checkout<'_>,
    fill: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    system.create_dir(into, &Ownership::of_mode(0o700)).context("create directory", into)?;
    let filled = fill().and_then(|()| settle(system, into, how));
    filled.map_err(|failure| {
        let full = is_full(system, into);
        // The first failure is the one to tell.
        let _ = system.remove_dir_all(into, Mounts::Stay);
        if full {
            failure
                .note("no space left on the file system")
                .hint("free some space (`df -h` shows where it went) and try again")
        } else {
            failure
        }
    })
}

/// Whether nothing more fits: programs such as git do not say why they could not write a file.
fn is_full(system: &dyn System, into: &Path) -> bool {
    let tried = system.stage(&into.join("space"), &mut &[0; 1 << 16][..], &Ownership::default());
    tried.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
}

fn settle(system: &dyn System, into: &Path, how: &Checkout<'_>) -> Result<(), Failure> {
    give_below(system, into, how.uid, how.gid)?;
    system.relabel(into, true)?;
    system.sync(into).context("sync the file system of", into)?;
    // It is opened and given away last: its new owner finds it complete.
    system.set_mode(into, MODE).context("set the mode of", into)?;
    give(system, into, how.uid, how.gid)
}

/// Gives a folder and all that is in it to somebody.
pub(super) fn give_all(
    system: &dyn System,
    folder: &Path,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), Failure> {
    give_below(system, folder, uid, gid)?;
    give(system, folder, uid, gid)
}

/// All that is in the folder, which nobody else can enter yet.
fn give_below(
    system: &dyn System,
    folder: &Path,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), Failure> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    for name in system.read_dir(folder).context("read directory", folder)? {
        let path = folder.join(name);
        let metadata = system.lstat(&path).context("look at", &path)?;
        if metadata.kind == FileKind::Directory {
            give_below(system, &path, uid, gid)?;
        }
        give(system, &path, uid, gid)?;
    }
    Ok(())
}

fn give(
    system: &dyn System,
    path: &Path,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), Failure> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    system.set_owner(path, uid, gid).context("set the owner of", path)
}
