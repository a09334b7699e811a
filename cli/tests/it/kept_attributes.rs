//! A plan and a report name the attributes that a file loses when it is replaced.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use rustix::fs::{XattrFlags, setxattr};

const APP: u32 = 61_001;

#[test]
fn a_lost_attribute_is_told_before_and_after() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = folder.path().join("app/file");
    fs::create_dir(folder.path().join("app")).unwrap();
    fs::write(&path, "old").unwrap();
    setxattr(&path, "trusted.note", b"of root", XattrFlags::empty()).unwrap();
    for path in [folder.path().join("app"), path.clone()] {
        chown(path, Some(APP), Some(APP)).unwrap();
    }
    let code = format!("file(\"{}\", #{{ content: \"new\" }});", path.display());
    for arguments in [vec!["--plan"], vec![]] {
        let output = Command::new(env!("CARGO_BIN_EXE_toque"))
            .args(["apply", "-e", &code, "--state-dir"])
            .arg(folder.path().join("state"))
            .args(&arguments)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("which loses `trusted.note`"), "{arguments:?}: {told}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"new");
}
