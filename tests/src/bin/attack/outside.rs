//! The files that nobody may touch: each with all that its metadata tells of changes and reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Path to metadata.
pub(crate) type Outside = BTreeMap<PathBuf, Seen>;

/// The metadata of one file.
#[derive(PartialEq, Eq)]
pub(crate) struct Seen {
    told: String,
    names: u64,
    /// The kernel sets this time with each change, and nobody else can.
    changed: (i64, i64),
}

/// Returns what is there.
pub(crate) fn look(folder: &Path) -> Outside {
    let mut found = Outside::new();
    visit(folder, &mut |path| {
        let about = fs::symlink_metadata(path).expect("it was listed");
        let read = if about.is_dir() { 0 } else { about.atime() };
        let told = format!(
            "{:o} {}:{}, {} bytes, modified {}.{:09}, read {read}",
            about.mode(),
            about.uid(),
            about.gid(),
            about.size(),
            about.mtime(),
            about.mtime_nsec(),
        );
        let changed = (about.ctime(), about.ctime_nsec());
        let seen = Seen { told, names: about.nlink(), changed };
        found.insert(path.to_owned(), seen);
    });
    found
}

/// Makes the last read of each file so old that the kernel writes down the next one.
pub(crate) fn forget_reads(folder: &Path) {
    let long_ago = FileTimes::new().set_accessed(UNIX_EPOCH + Duration::from_secs(1));
    visit(folder, &mut |path| {
        if fs::symlink_metadata(path).is_ok_and(|about| about.is_file()) {
            File::open(path).and_then(|file| file.set_times(long_ago)).expect("root may");
        }
    });
}

/// Tells what differs. Of files that have a name inside too, that name may be removed.
pub(crate) fn differences(before: &Outside, after: &Outside, inside_too: bool) -> Vec<String> {
    let same = |before: &Seen, after: &Seen| {
        let unlinked = inside_too && before.told == after.told && before.names > after.names;
        unlinked || before == after
    };
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let differs = |path: &PathBuf| match (before.get(path), after.get(path)) {
        (Some(before), Some(after)) => !same(before, after),
        _ => true,
    };
    paths
        .into_iter()
        .filter(|path| differs(path))
        .map(|path| {
            let told = |of: &Outside| {
                of.get(path).map_or_else(
                    || "not there".to_owned(),
                    |seen| {
                        format!("{}, {} names, changed {:?}", seen.told, seen.names, seen.changed)
                    },
                )
            };
            format!("`{}` was {}, and is {}", path.display(), told(before), told(after))
        })
        .collect()
}

/// Returns device and inode of each file, under whatever name.
pub(crate) fn files(folder: &Path) -> BTreeSet<(u64, u64)> {
    let mut found = BTreeSet::new();
    visit(folder, &mut |path| {
        let about = fs::symlink_metadata(path).expect("it was listed");
        found.insert((about.dev(), about.ino()));
    });
    found
}

/// Calls `see` for a folder and all that is in it; links are not followed.
pub(crate) fn visit(path: &Path, see: &mut dyn FnMut(&Path)) {
    let Ok(about) = fs::symlink_metadata(path) else { return };
    see(path);
    if about.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            visit(&entry.path(), see);
        }
    }
}
