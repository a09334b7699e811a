//! Copies of files that are about to be replaced or removed.

use std::path::{Component, Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::Query;

/// Keeps a copy of what is at `path` as `state_dir/backups/PATH/TIME`, with its mode and owner, and
/// the newest `keep` copies of it. Each file has a folder of its own, so that the copies of many
/// files are not all looked at to find the old ones of one.
/// # Errors
/// When the copy cannot be written; then the file must not be touched.
pub fn back_up(
    system: &dyn Query,
    state_dir: &Path,
    path: &Path,
    keep: usize,
) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let metadata = system.stat(path).context("look at", path)?;
    let content = system.read(path).context("read for its backup", path)?;
    let folder = folder(state_dir, path);
    super::make_private(&folder)?;
    let copy = folder.join(jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ").to_string());
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(&content)?;
        // Ownership can only be given away by root; anybody else's copy is their own.
        let _ = std::os::unix::fs::fchown(file.as_file(), Some(metadata.uid), Some(metadata.gid));
        file.as_file().set_permissions(std::fs::Permissions::from_mode(metadata.mode))?;
        file.as_file().sync_all()?;
        file.persist(&copy).map_err(|error| error.error)?;
        Ok(())
    };
    write().context("write the backup", &copy)?;
    prune(&folder, keep)
}

/// Below `backups`, whatever the path is: a `..` could lead out of it, so that it is written as
/// `%2E%2E`.
fn folder(state_dir: &Path, path: &Path) -> PathBuf {
    let mut folder = state_dir.join("backups");
    for part in path.components() {
        match part {
            Component::Normal(name) => folder.push(name),
            Component::ParentDir => folder.push("%2E%2E"),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    folder
}

fn prune(folder: &Path, keep: usize) -> Result<(), Failure> {
    // Only what carries a stamp: where a directory has taken the file's place, the folders of the
    // files in it are here too.
    let is_copy =
        |name: &str| name.len() == 23 && name.ends_with('Z') && name.as_bytes()[8] == b'T';
    let mut copies: Vec<PathBuf> = std::fs::read_dir(folder)
        .context("list the backups in", folder)?
        .flatten()
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(is_copy)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        })
        .map(|entry| entry.path())
        .collect();
    copies.sort();
    for old in copies.iter().take(copies.len().saturating_sub(keep)) {
        std::fs::remove_file(old).context("remove the old backup", old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use toque_machine::system::HostSystem;

    #[test]
    fn keeps_the_newest_of_each_file() {
        let dir = tempfile::tempdir().unwrap();
        let (state, files) = (dir.path().join("state"), dir.path().join("files"));
        std::fs::create_dir(&files).unwrap();
        let copies = |path: &Path| {
            let folder = state.join("backups").join(path.strip_prefix("/").unwrap());
            let mut copies: Vec<PathBuf> =
                std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
            copies.sort();
            copies.iter().map(|copy| std::fs::read_to_string(copy).unwrap()).collect::<Vec<_>>()
        };
        let (one, other) = (files.join("a.conf"), files.join("a.conf.default"));
        std::fs::write(&other, "other").unwrap();
        back_up(&HostSystem::new(), &state, &other, 1).unwrap();
        for text in ["1", "2", "3"] {
            std::fs::write(&one, text).unwrap();
            back_up(&HostSystem::new(), &state, &one, 2).unwrap();
            // Copies of one moment would have one name.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(copies(&one), ["2", "3"]);
        assert_eq!(copies(&other), ["other"]);
    }

    #[test]
    fn no_path_leads_out_of_the_backups() {
        let state = Path::new("/var/lib/toque");
        let cases = [
            ("/etc/motd", "etc/motd"),
            ("/srv/../../../../etc/cron.d/x", "srv/%2E%2E/%2E%2E/%2E%2E/%2E%2E/etc/cron.d/x"),
            ("/./etc//motd", "etc/motd"),
        ];
        for (path, below) in cases {
            assert_eq!(folder(state, Path::new(path)), state.join("backups").join(below));
        }
        let dir = tempfile::tempdir().unwrap();
        let (state, place) = (dir.path().join("a/b/state"), dir.path().join("x"));
        std::fs::write(&place, "file").unwrap();
        let depth = place.components().count();
        let around = place.parent().unwrap().join(format!(
            "{}{}",
            "../".repeat(depth),
            place.strip_prefix("/").unwrap().display()
        ));
        back_up(&HostSystem::new(), &state, &around, 1).unwrap();
        let mut there: Vec<_> =
            std::fs::read_dir(&state).unwrap().flatten().map(|entry| entry.file_name()).collect();
        there.sort();
        assert_eq!(there, ["backups"]);
    }

    #[test]
    fn a_directory_may_take_the_place_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("x");
        let state = dir.path().join("state");
        std::fs::write(&place, "file").unwrap();
        back_up(&HostSystem::new(), &state, &place, 1).unwrap();
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("y"), "inside").unwrap();
        back_up(&HostSystem::new(), &state, &place.join("y"), 1).unwrap();
        let folder = state.join("backups").join(place.strip_prefix("/").unwrap());
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
    }
}
