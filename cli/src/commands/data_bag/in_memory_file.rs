//! A folder for plain text: in memory, and readable for this user alone.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use tempfile::{Builder, TempDir};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;

use crate::settings::path_variable;

/// From `linux/magic.h`; the C library does not name it.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Makes a folder, which is removed on drop.
/// # Errors
/// When no file system in memory can be written to.
pub(crate) fn folder() -> Result<TempDir, Diagnostic> {
    let runtime = path_variable("XDG_RUNTIME_DIR");
    folder_in(&runtime.into_iter().chain([PathBuf::from("/dev/shm")]).collect::<Vec<_>>())
}

fn folder_in(candidates: &[PathBuf]) -> Result<TempDir, Diagnostic> {
    let mut notes = Vec::new();
    for candidate in candidates {
        if !is_in_memory(candidate) {
            notes.push(format!("`{}` is not on a file system in memory", candidate.display()));
            continue;
        }
        match Builder::new()
            .prefix("toque-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(candidate)
        {
            Ok(folder) => return Ok(folder),
            Err(error) => notes.push(format!(
                "nothing can be made in `{}`: {}",
                candidate.display(),
                plain_io(&error)
            )),
        }
    }
    let wrong = Diagnostic::error(
        "cannot edit the item: there is no place for its plain text but the disk",
    )
    .hint("mount a file system in memory: `mount -t tmpfs -o mode=1777 tmpfs /dev/shm`");
    Err(Diagnostic { notes, ..wrong })
}

fn is_in_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|about| [TMPFS_MAGIC, RAMFS_MAGIC].contains(&about.filesystem_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disk_will_do() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let wrong = folder_in(&[here.clone(), PathBuf::from("/nowhere")])
            .expect_err("neither is in memory");
        assert_eq!(
            wrong.notes,
            [here.clone(), PathBuf::from("/nowhere")]
                .map(|path| format!("`{}` is not on a file system in memory", path.display()))
        );
        let folder = folder_in(&[here, PathBuf::from("/dev/shm")]).unwrap();
        assert!(folder.path().starts_with("/dev/shm"));
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
