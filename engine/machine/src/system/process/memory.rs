//! Files that a child is given without a disk.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// The files of a command, to be kept until its child has ended, and the variables with their
/// paths.
pub(super) fn files(
    of: &crate::command::Command,
) -> io::Result<(Vec<File>, Vec<(OsString, OsString)>)> {
    let (mut files, mut variables) = (Vec::new(), Vec::new());
    for (variable, content) in &of.files {
        let mut file = File::from(memfd_create("toque", MFdFlags::MFD_CLOEXEC)?);
        // `ssh` refuses a key that others could read.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        // By our own number: what a child inherits is closed by `ssh` before it looks.
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        variables.push((variable.into(), path.into()));
        files.push(file);
    }
    Ok((files, variables))
}
