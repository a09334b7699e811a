//! A folder of the real machine for one case: made as the case says, and described as the recorded
//! cases describe it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::mkfifo;
use serde_json::{Map, Value};
use tempfile::TempDir;

/// What stands for the folder's path in a recorded case.
const ROOT: &str = "$ROOT";

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

pub(super) struct Scratch {
    folder: TempDir,
    /// What was there at the start.
    before: BTreeMap<String, Before>,
}

struct Before {
    kind: fs::FileType,
    inode: u64,
    modified: Time,
}

/// Seconds and nanoseconds.
type Time = (i64, i64);

impl Scratch {
    /// Makes the folder and what a case begins with. Files are old, so that touching them shows.
    pub(super) fn new(initial: &Value) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these cases change owners: run them as root");
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut scratch = Self { folder, before: BTreeMap::new() };
        let entries = initial.as_array().unwrap();
        for entry in entries {
            scratch.make(entry);
        }
        for (path, metadata) in walk(scratch.path()) {
            let old = TimeSpec::new(1_000_000_000, 0);
            utimensat(
                AT_FDCWD,
                &scratch.path().join(&path),
                &old,
                &old,
                UtimensatFlags::NoFollowSymlink,
            )
            .unwrap();
            let modified = (old.tv_sec(), old.tv_nsec());
            scratch.before.insert(
                path,
                Before { kind: metadata.file_type(), inode: metadata.ino(), modified },
            );
        }
        scratch
    }

    fn make(&self, entry: &Value) {
        let path = self.path().join(entry["path"].as_str().unwrap());
        let to = || self.fill(entry["to"].as_str().unwrap());
        let mode = match entry["type"].as_str().unwrap() {
            "file" => {
                fs::write(&path, self.fill(entry["content"].as_str().unwrap_or_default())).unwrap();
                Some("0644")
            }
            "dir" => {
                fs::create_dir(&path).unwrap();
                Some("0755")
            }
            "fifo" => {
                mkfifo(&path, Mode::from_bits_truncate(0o644)).unwrap();
                Some("0644")
            }
            "link" => {
                symlink(to(), &path).unwrap();
                None
            }
            "hardlink" => {
                fs::hard_link(self.path().join(to()), &path).unwrap();
                None
            }
            other => panic!("cannot make a {other}"),
        };
        let user = entry["owner"].as_str().map(|name| number_of(USERS, name));
        let group = entry["group"].as_str().map(|name| number_of(GROUPS, name));
        if user.is_some() || group.is_some() {
            lchown(&path, user, group).unwrap();
        }
        if let Some(mode) = entry["mode"].as_str().or(mode) {
            fs::set_permissions(
                &path,
                fs::Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap()),
            )
            .unwrap();
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A text of the case with the folder's real path in it.
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace(ROOT, self.path().to_str().unwrap())
    }

    /// Everything below the folder by its path, with the properties that the recorded cases have.
    pub(super) fn tree(&self) -> BTreeMap<String, Value> {
        let described = walk(self.path()).into_iter().map(|(path, metadata)| {
            let entry = self.describe(&path, &metadata);
            (path, entry)
        });
        described.collect()
    }

    /// As the tree, and with inodes and times: what differs here was touched.
    pub(super) fn fingerprint(&self) -> BTreeMap<String, (Value, u64, Time, Time)> {
        let described = walk(self.path()).into_iter().map(|(path, metadata)| {
            let entry = self.describe(&path, &metadata);
            (
                path,
                (
                    entry,
                    metadata.ino(),
                    modified(&metadata),
                    (metadata.ctime(), metadata.ctime_nsec()),
                ),
            )
        });
        described.collect()
    }

    fn describe(&self, path: &str, metadata: &fs::Metadata) -> Value {
        let real = self.path().join(path);
        let shown = |text: String| text.replace(self.path().to_str().unwrap(), ROOT);
        let mut entry = Map::new();
        entry.insert("path".into(), path.into());
        let kind = metadata.file_type();
        if kind.is_symlink() {
            entry.insert("type".into(), "link".into());
            entry.insert(
                "to".into(),
                shown(fs::read_link(&real).unwrap().to_str().unwrap().to_owned()).into(),
            );
        } else {
            let kind = if kind.is_dir() {
                "dir"
            } else if kind.is_fifo() {
                "fifo"
            } else {
                "file"
            };
            entry.insert("type".into(), kind.into());
            entry.insert("mode".into(), format!("{:04o}", metadata.mode() & 0o7777).into());
        }
        entry.insert("owner".into(), name_of(USERS, metadata.uid()));
        entry.insert("group".into(), name_of(GROUPS, metadata.gid()));
        if kind.is_file() {
            entry.insert(
                "content".into(),
                shown(String::from_utf8(fs::read(&real).unwrap()).unwrap()).into(),
            );
            if metadata.nlink() > 1 {
                entry.insert("links".into(), metadata.nlink().into());
            }
        }
        if let Some(before) = self.before.get(path) {
            // What took the place of something else may have been given the inode that this has
            // just let go.
            entry.insert(
                "same_inode".into(),
                (before.inode == metadata.ino() && before.kind == kind).into(),
            );
            if kind.is_file() && before.modified != modified(metadata) {
                entry.insert("touched".into(), true.into());
            }
        }
        Value::Object(entry)
    }
}

fn modified(metadata: &fs::Metadata) -> Time {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The name of a number in `/etc/passwd` or `/etc/group`, or else the number.
fn name_of(database: &str, id: u32) -> Value {
    let known = accounts(database).into_iter().find(|(_, number)| *number == id);
    known.map_or_else(|| id.into(), |(name, _)| name.into())
}

fn number_of(database: &str, name: &str) -> u32 {
    accounts(database).into_iter().find(|(known, _)| known == name).unwrap().1
}

fn accounts(database: &str) -> Vec<(String, u32)> {
    let text = fs::read_to_string(database).unwrap();
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.map(|fields| (fields[0].to_owned(), fields[2].parse().unwrap())).collect()
}

/// Everything below a folder by its relative path; links are not followed.
fn walk(root: &Path) -> Vec<(String, fs::Metadata)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            let metadata = fs::symlink_metadata(root.join(&path)).unwrap();
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.push((path.to_str().unwrap().to_owned(), metadata));
        }
    }
    found
}
