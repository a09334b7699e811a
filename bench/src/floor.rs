//! The bare program: what a machine needs for the same files, and nothing else.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::files;

pub(crate) fn run(action: &str, folder: &Path, count: u32) {
    for number in 0..count {
        match action {
            "write" => write(folder, number),
            _ => check(folder, number),
        }
    }
}

/// Looks at a file, reads and hashes it, and compares what it holds.
fn check(folder: &Path, number: u32) {
    let path = files::path(folder, number);
    let metadata = fs::symlink_metadata(&path).expect("the file is there");
    let content = fs::read(&path).expect("the file can be read");
    std::hint::black_box(Sha256::digest(&content));
    assert!(
        content == files::content(number).as_bytes(),
        "{} is as it was written",
        path.display()
    );
    assert!(metadata.permissions().mode() & 0o7777 == 0o644);
}

/// Writes a file at once, so that a crash leaves all of it or nothing.
fn write(folder: &Path, number: u32) {
    let path = files::path(folder, number);
    let staged = folder.join(format!(".file-{number}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)
        .expect("the file can be made");
    file.write_all(files::content(number).as_bytes()).expect("the file can be written");
    file.set_permissions(Permissions::from_mode(0o644)).expect("the mode can be set");
    file.sync_all().expect("the file can be synced");
    fs::rename(&staged, &path).expect("the file can be renamed");
    File::open(folder).and_then(|folder| folder.sync_all()).expect("the folder can be synced");
}
