//! Files that hold what they must not.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::outside::visit;

/// Where a run writes: what is declared, its state, reports, backups and temporary files.
const WRITTEN: [&str; 8] = [
    "/srv",
    "/home",
    "/root",
    "/tmp",
    "/var/tmp",
    "/var/lib/toque",
    "/var/cache/toque",
    "/run/toque",
];
/// What the test brought along, which is large.
const BROUGHT: &str = "/srv/repository";

/// Returns the files that hold the mark, but for those with other names `outside`.
pub(crate) fn of(mark: &str, outside: &BTreeSet<(u64, u64)>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = WRITTEN.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    for entry in
        folders.flatten().map(|entry| entry.path()).filter(|path| path != Path::new(BROUGHT))
    {
        visit(&entry, &mut |path| {
            let Ok(about) = fs::symlink_metadata(path) else { return };
            if !about.is_file() || outside.contains(&(about.dev(), about.ino())) {
                return;
            }
            let held = fs::read(path).unwrap_or_default();
            if held.windows(mark.len()).any(|part| part == mark.as_bytes()) {
                found.push(path.to_owned());
            }
        });
    }
    found
}
