//! Copies of files that are about to be replaced or removed.

use std::path::{Path, PathBuf};

use crate::failure::{Attempting, Failure};
use crate::system::Query;

/// Keeps a copy of what is at `path` below `state_dir/backups`, with its mode and owner, and the newest `keep` copies of it.
/// # Errors
/// When the copy cannot be written; then the file must not be touched.
pub fn back_up(system: &dyn Query, state_dir: &Path, path: &Path, keep: usize) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let metadata = system.stat(path).attempting("look at", path)?;
    let content = system.read(path).attempting("read for its backup", path)?;
    let place = state_dir.join("backups").join(path.strip_prefix("/").unwrap_or(path));
    let Some((folder, name)) = place.parent().zip(place.file_name().map(|name| name.to_string_lossy().into_owned())) else {
        return Ok(());
    };
    super::make_private(folder)?;
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ");
    let copy = folder.join(format!("{name}.{stamp}"));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&content)?;
        // Ownership can only be given away by root; anybody else's copy is their own.
        let _ = std::os::unix::fs::fchown(file.as_file(), Some(metadata.uid), Some(metadata.gid));
        file.as_file().set_permissions(std::fs::Permissions::from_mode(metadata.mode))?;
        file.as_file().sync_all()?;
        file.persist(&copy).map_err(|error| error.error)?;
        Ok(())
    };
    write().attempting("write the backup", &copy)?;
    prune(folder, &name, keep)
}

fn prune(folder: &Path, name: &str, keep: usize) -> Result<(), Failure> {
    let prefix = format!("{name}.");
    let mut copies: Vec<PathBuf> = std::fs::read_dir(folder)
        .attempting("list the backups in", folder)?
        .flatten()
        .filter(|entry| {
            // Only what carries a stamp: `nginx.conf.default` is another file than a copy of `nginx.conf`.
            let name = entry.file_name();
            let stamp = name.to_str().and_then(|name| name.strip_prefix(&prefix));
            stamp.is_some_and(|stamp| stamp.len() == 23 && stamp.ends_with('Z') && stamp.as_bytes()[8] == b'T')
        })
        .map(|entry| entry.path())
        .collect();
    copies.sort();
    for old in copies.iter().take(copies.len().saturating_sub(keep)) {
        std::fs::remove_file(old).attempting("remove the old backup", old)?;
    }
    Ok(())
}
