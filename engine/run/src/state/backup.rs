//! Copies of files that are about to be replaced or removed. They are numbered, because a clock may
//! be wrong.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_core::text::size;
use toque_machine::system::{Copied, Query, System};

use super::sequence;

/// Bytes of the largest file that is copied, when nothing else is set.
pub(crate) const DEFAULT_LIMIT: u64 = 64 << 20;

/// The copies below a state directory.
pub(crate) struct Backups<'a> {
    state_dir: &'a Path,
    /// Bytes of the largest file that is copied.
    limit: u64,
}

impl<'a> Backups<'a> {
    pub(crate) fn of(state_dir: &'a Path, limit: u64) -> Self {
        Self { state_dir, limit }
    }

    /// Keeps a copy of what is at `path` as `backups/PATH/NUMBER-TIME`, with its mode and owner, and
    /// the newest `keep` copies of it. Each file has a folder of its own, so that the copies of many
    /// files are not all looked at to find the old ones of one. Returns the reason where it is too
    /// large.
    /// # Errors
    /// When the copy cannot be written; then the file must not be touched.
    pub(crate) fn keep(
        &self,
        system: &dyn System,
        path: &Path,
        keep: usize,
    ) -> Result<Option<String>, Failure> {
        if let Some(reason) = self.too_large(system.as_query(), path) {
            return Ok(Some(reason));
        }
        let folder = folder(self.state_dir, path);
        super::make_private(&folder)?;
        let file = super::temporary(&folder).context("make a file in", &folder)?;
        let copied = system
            .as_query()
            .copy_to(path, file.as_file(), self.limit)
            .context("copy for its backup", path)?;
        let of = match copied {
            Copied::Whole(of) => of,
            Copied::TooLarge(bytes) => return Ok(Some(self.reason(path, bytes))),
        };
        let number = copies(&folder)?.last().map_or(1, |(number, _)| number + 1);
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let copy = folder.join(format!("{number}-{now}"));
        let finish = || -> std::io::Result<()> {
            // Ownership can only be given away by root; anybody else's copy is their own.
            let _ = std::os::unix::fs::fchown(file.as_file(), Some(of.uid), Some(of.gid));
            file.as_file().set_permissions(Permissions::from_mode(of.mode))?;
            file.as_file().sync_all()?;
            file.persist(&copy).map_err(|error| error.error)?;
            Ok(())
        };
        finish().context("write the backup", &copy).map_err(super::hint)?;
        let all = copies(&folder)?;
        for (_, old) in all.iter().take(all.len().saturating_sub(keep)) {
            std::fs::remove_file(old).context("remove the old backup", old)?;
        }
        Ok(None)
    }

    /// Returns the reason where a file is too large, and its content cannot be shared either.
    pub(crate) fn too_large(&self, query: &dyn Query, path: &Path) -> Option<String> {
        let found = query.stat(path).ok().filter(|found| found.size > self.limit)?;
        (!query.may_share(path, self.state_dir)).then(|| self.reason(path, found.size))
    }

    fn reason(&self, path: &Path, bytes: u64) -> String {
        format!(
            "no backup of `{}`: {} is above the backup limit of {}; raise `backup_limit` in /etc/toque/toque.toml",
            path.display(),
            size(bytes),
            size(self.limit)
        )
    }
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

/// Returns the copies in a folder by their number, oldest first. Where a directory has taken the
/// file's place, the folders of the files in it are there too.
fn copies(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Failure> {
    let entries = std::fs::read_dir(folder).context("list the backups in", folder)?.flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut copies: Vec<_> = files
        .filter_map(|entry| Some((sequence::number(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    copies.sort();
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toque_machine::system::HostSystem;

    fn back_up(state: &Path, path: &Path, keep: usize) -> Option<String> {
        Backups::of(state, 1 << 20).keep(&HostSystem::new(), path, keep).unwrap()
    }

    #[test]
    fn keeps_the_newest_of_each_file_whatever_the_clock_said() {
        let dir = tempfile::tempdir().unwrap();
        let (state, files) = (dir.path().join("state"), dir.path().join("files"));
        let (one, other) = (files.join("a.conf"), files.join("a.conf.default"));
        let earlier = folder(&state, &one);
        std::fs::create_dir_all(&earlier).unwrap();
        std::fs::create_dir(&files).unwrap();
        std::fs::write(earlier.join("9-20390101T000000Z"), "0").unwrap();
        std::fs::write(earlier.join("notes"), "somebody's").unwrap();
        let texts = |path: &Path| {
            let all = copies(&folder(&state, path)).unwrap().into_iter();
            all.map(|(number, copy)| (number, std::fs::read_to_string(copy).unwrap()))
                .collect::<Vec<_>>()
        };
        std::fs::write(&other, "other").unwrap();
        assert_eq!(back_up(&state, &other, 1), None);
        for text in ["1", "2", "3"] {
            std::fs::write(&one, text).unwrap();
            assert_eq!(back_up(&state, &one, 3), None);
        }
        let kept = [(10, "1"), (11, "2"), (12, "3")];
        assert_eq!(texts(&one), kept.map(|(number, text)| (number, text.to_owned())));
        assert_eq!(texts(&other), [(1, "other".to_owned())]);
        assert!(earlier.join("notes").exists());
    }

    #[test]
    fn a_large_file_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (state, sparse) = (dir.path().join("state"), dir.path().join("sparse"));
        let file = std::fs::File::create(&sparse).unwrap();
        file.set_len(1 << 40).unwrap();
        let backups = Backups::of(&state, DEFAULT_LIMIT);
        let reason = backups.keep(&HostSystem::new(), &sparse, 5).unwrap();
        if let Some(reason) = reason {
            assert_eq!(
                reason,
                format!(
                    "no backup of `{}`: 1 TiB is above the backup limit of 64 MiB; raise `backup_limit` in /etc/toque/toque.toml",
                    sparse.display()
                )
            );
            assert!(!state.exists());
        }
        // What is as large as that is kept, with its attributes.
        file.set_len(1 << 20).unwrap();
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        assert_eq!(back_up(&state, &sparse, 5), None);
        let (_, copy) = &copies(&folder(&state, &sparse)).unwrap()[0];
        let copied = copy.metadata().unwrap();
        assert_eq!((copied.len(), copied.permissions().mode() & 0o777), (1 << 20, 0o640));
        // The kernel's files have no size before they are read.
        let backups = Backups::of(&state, 100);
        let reason = backups.keep(&HostSystem::new(), Path::new("/proc/self/status"), 1).unwrap();
        assert!(reason.is_some_and(|reason| reason.contains("101 bytes")));
        assert!(copies(&folder(&state, Path::new("/proc/self/status"))).unwrap().is_empty());
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
        assert_eq!(back_up(&state, &around, 1), None);
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
        assert_eq!(back_up(&state, &place, 1), None);
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("y"), "inside").unwrap();
        assert_eq!(back_up(&state, &place.join("y"), 1), None);
        let folder = state.join("backups").join(place.strip_prefix("/").unwrap());
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
    }
}
