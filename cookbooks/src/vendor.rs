//! Cookbooks in a folder of their own, to be kept with a repository. What somebody else put there
//! is never touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

use crate::directory_checksum;
use crate::package_contents::{EntryKind, PackageContents, PackageEntry};
use toque_machine::atomic_write;

/// Says what was put there: a line for each cookbook, with its name and the checksum of its files.
pub const MARK: &str = ".toque-vendor";
const ABOUT: &str = "# Made by `toque cookbook vendor`, which replaces what is named here as long as it is not changed.\n";

/// The state of the folder before.
enum Before {
    /// Not there, or empty.
    Free,
    Vendored,
}

/// Puts cookbooks, each as `<name>/`, into `folder`: all of them, or none. Those that an earlier
/// call put there are replaced.
/// # Errors
/// When the folder has something that was not put there by an earlier call, or something cannot be
/// read or written. Then it is as it was.
pub fn vendor(content: &PackageContents, folder: &Path) -> Result<(), Diagnostic> {
    // A link stays one.
    let folder = match fs::canonicalize(folder) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::path::absolute(folder).context("look at", folder)?
        }
        Err(error) => return Err(Failure::io("look at", folder, &error).into()),
    };
    let before = inspect(&folder)?;
    let Some(parent) = folder.parent() else {
        return Err(Diagnostic::error("cookbooks are not put into the root of the file system")
            .hint("name a folder in it"));
    };
    content.not_into_itself(parent, &folder)?;
    fs::create_dir_all(parent).context("create", parent)?;
    let temporary = atomic_write::temporary_folder(parent).context("make a folder in", parent)?;
    let made = temporary.path().join("made");
    fs::create_dir(&made).context("create", &made)?;
    for entry in &content.entries {
        put(entry, &made)?;
    }
    let mut mark = ABOUT.to_owned();
    for name in &content.cookbooks {
        // Writing to a string cannot fail.
        let _ = writeln!(mark, "{name} {}", directory_checksum::sha256(&made.join(name))?);
    }
    write(&made.join(MARK), &mut mark.as_bytes(), 0o666)?;
    if let Some(about) = optional(fs::metadata(&folder)).context("look at", &folder)? {
        fs::set_permissions(&made, about.permissions()).context("set the mode of", &made)?;
    }
    match before {
        Before::Free => fs::rename(&made, &folder).context("make", &folder)?,
        Before::Vendored => temporary.exchange(&made, &folder)?,
    }
    File::open(parent).and_then(|parent| parent.sync_all()).context("write", parent)?;
    Ok(())
}

/// Checks that a folder has nothing but what was put there.
fn inspect(folder: &Path) -> Result<Before, Diagnostic> {
    let listed = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().context("list", folder)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Before::Free),
        Err(error) => return Err(Failure::io("list", folder, &error).into()),
    };
    if listed.is_empty() {
        return Ok(Before::Free);
    }
    let known = marked(&folder.join(MARK))?;
    let (mut strange, mut changed) = (Vec::new(), Vec::new());
    for entry in listed {
        let name = entry.file_name().to_string_lossy().into_owned();
        match known.get(&name) {
            _ if name == MARK && !known.is_empty() => {}
            Some(sha256)
                if directory_checksum::sha256(&entry.path()).is_ok_and(|has| has == *sha256) => {}
            Some(_) => changed.push(name),
            None => strange.push(name),
        }
    }
    for (mut names, what) in [
        (strange, "was not put there by `toque cookbook vendor`"),
        (changed, "was changed since it was put there"),
    ] {
        names.sort();
        if let Some(first) = names.first() {
            let refused = Diagnostic::error(format!("`{}` is not replaced: its `{first}` {what}", folder.display()))
                .hint("name a folder that is not there yet, or move away what is to be kept, and remove the folder");
            return Err(if names.len() > 1 {
                refused.note(format!("so it is with {}", names.join(", ")))
            } else {
                refused
            });
        }
    }
    Ok(Before::Vendored)
}

/// What a mark names; nothing when there is none that can be read.
fn marked(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            Ok(lines
                .filter_map(|line| line.split_once(' '))
                .map(|(name, sha256)| (name.to_owned(), sha256.to_owned()))
                .collect())
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::InvalidData | ErrorKind::IsADirectory
            ) =>
        {
            Ok(BTreeMap::new())
        }
        Err(error) => Err(Failure::io("read", path, &error)),
    }
}

fn put(entry: &PackageEntry, made: &Path) -> Result<(), Failure> {
    let path = made.join(&entry.name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).context("create", folder)?;
    }
    match &entry.kind {
        EntryKind::Link { to } => symlink(to, &path).context("create link", &path),
        EntryKind::File { executable } => {
            let mut from = File::open(&entry.path).context("read", &entry.path)?;
            write(&path, &mut from, if *executable { 0o777 } else { 0o666 })
        }
    }
}

/// Writes a file that is not there yet. Of `mode` stays what the process allows.
fn write(path: &Path, from: &mut impl Read, mode: u32) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened
        .and_then(|mut file| io::copy(from, &mut file).and_then(|_| file.sync_all()))
        .context("write", path)
}

#[cfg(test)]
mod tests;
