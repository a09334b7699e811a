//! The files of report and log. They hold what a run changed, diffs too, so that no other user may
//! read them or lead them to another place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{Failure, RefusedPath};
use toque_machine::atomic_write::{NewMode, folder_of};
use toque_machine::system::{FileKind, HostSystem, Metadata, Query, System};
use toque_machine::trusted_link::{Owned, is_closed};

use crate::prepare::umask;

/// Makes the file where nothing is, before anything else is done, so that a run does not end
/// without its report. A file that is there keeps its mode and its owner.
/// # Errors
/// When it cannot be written, or another user could read it or lead it elsewhere.
pub(crate) fn prepare(path: &Path, new: NewMode) -> Result<(), Diagnostic> {
    let system = HostSystem::new();
    let prepared = match Target::of(&system, path).map_err(|error| failed(path, &error))? {
        Target::Missing => {
            let mode = match new {
                NewMode::Exactly(mode) => mode,
                NewMode::ByUmask => 0o666 & !umask(),
            };
            system.create_file(path, &mut io::empty(), mode, None).map(|_| ())
        }
        Target::File(real) => File::options().write(true).open(real).map(|_| ()),
        Target::Stream => Ok(()),
    };
    prepared.map_err(|error| failed(path, &error))
}

/// Writes the report.
/// # Errors
/// As `prepare`.
pub(crate) fn write(path: &Path, text: &str, new: NewMode) -> Result<(), Diagnostic> {
    prepare(path, new)?;
    let system = HostSystem::new();
    let written = match Target::of(&system, path).map_err(|error| failed(path, &error))? {
        Target::Missing => Err(io::ErrorKind::NotFound.into()),
        Target::File(real) => system.write_in_place(&real, &mut text.as_bytes()).map(|_| ()),
        Target::Stream => {
            let stream = File::options().write(true).open(path);
            stream.and_then(|mut stream| stream.write_all(text.as_bytes()))
        }
    };
    written.map_err(|error| failed(path, &error))
}

/// Opens the log, to write at its end. It is new, or lies where no other user could have put it.
/// # Errors
/// As `prepare`.
pub(crate) fn open_log(path: &Path) -> Result<File, Diagnostic> {
    let failed = |error: io::Error| Diagnostic::from(Failure::io("open the log", path, &error));
    let system = HostSystem::new();
    let mut options = File::options();
    options.append(true);
    let real = match Target::of(&system, path).map_err(failed)? {
        Target::Missing => {
            system.create_file(path, &mut io::empty(), 0o600, None).map_err(failed)?;
            path.to_owned()
        }
        Target::File(real) => real,
        Target::Stream => return options.open(path).map_err(failed),
    };
    // A link that was put there since then is an error.
    options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(real).map_err(failed)
}

enum Target {
    Missing,
    /// The path without links.
    File(PathBuf),
    /// A terminal, pipe or device, such as `/dev/stdout`.
    Stream,
}

impl Target {
    fn of(system: &HostSystem, path: &Path) -> io::Result<Self> {
        // What a process has open has links of the kernel's, which lead to no path.
        let own = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd");
        let standard = ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name));
        if own || standard {
            return Ok(Self::Stream);
        }
        match system.stat(path) {
            Ok(found) if found.kind == FileKind::File => {
                let real = fs::canonicalize(path)?;
                let folder = system.stat(folder_of(&real))?;
                may_hold(system.effective_uid(), &found, &folder)?;
                Ok(Self::File(real))
            }
            Ok(_) => Ok(Self::Stream),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Missing),
            Err(error) => Err(error),
        }
    }
}

/// Refuses a file that another user has put where others can write, to read what comes into it.
fn may_hold(own: u32, found: &Metadata, folder: &Metadata) -> io::Result<()> {
    let closed = is_closed(own, Owned { uid: folder.uid, mode: folder.mode });
    if closed || [0, own, folder.uid].contains(&found.uid) {
        return Ok(());
    }
    Err(RefusedPath {
        why: format!(
            "user {} owns the file, in a folder where others can write (mode {:04o})",
            found.uid, folder.mode
        ),
        hint: "remove it, or name a file in a folder of your own".to_owned(),
    }
    .into())
}

fn failed(path: &Path, error: &io::Error) -> Diagnostic {
    Failure::io("write the report to", path, error).into()
}
