//! A folder for plain text: in memory, readable for this user alone, and gone when toque is,
//! however that ends.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use tempfile::{Builder, TempDir};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;

use crate::settings::path_variable;

/// From `linux/magic.h`; the C library does not name it.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Removes the folder when the other end of its input is closed without a line before: an editor
/// wants a path, so that the plain text cannot be without a name. It has a process group of its
/// own, because signals are often sent to that of toque.
const GUARDIAN: &str = r#"trap '' HUP INT QUIT TERM
if read -r line; then exit 0; fi
rm -rf -- "$1""#;

/// A folder that is removed on drop, or by its guardian when toque is killed.
pub(crate) struct PrivateFolder {
    folder: Option<TempDir>,
    guardian: Child,
}

impl PrivateFolder {
    /// Makes the folder.
    /// # Errors
    /// When no file system in memory can be written to, or the guardian cannot be started.
    pub(crate) fn new() -> Result<Self, Diagnostic> {
        let runtime = path_variable("XDG_RUNTIME_DIR");
        let folder =
            folder_in(&runtime.into_iter().chain([PathBuf::from("/dev/shm")]).collect::<Vec<_>>())?;
        let guardian = Command::new("/bin/sh")
            .args(["-c", GUARDIAN, "toque-guardian"])
            .arg(folder.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                let cause = plain_io(&error);
                Diagnostic::error(format!(
                    "cannot start the process that removes the plain text if toque is killed: {cause}"
                ))
                .hint("see that `/bin/sh` can be run")
            })?;
        Ok(Self { folder: Some(folder), guardian })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new("/"), TempDir::path)
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let removed = self.folder.take().is_none_or(|folder| folder.close().is_ok());
        if let Some(mut input) = self.guardian.stdin.take().filter(|_| removed) {
            // Without this line it looks once more, and finds nothing.
            let _ = input.write_all(b"\n");
        }
        let _ = self.guardian.wait();
    }
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
