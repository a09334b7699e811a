//! What is at the path of a managed file.

use std::io;
use std::path::{Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::content::Content;
use toque_machine::system::{FileKind, Metadata, Ownership, Query};
use toque_machine::view::View;

use super::diff::MOST_BYTES;
use super::symlink::{Refusal, follow};
use super::{FileAction, ManagedFile};
use crate::shared::optional::lstat;
use crate::shared::ownership::{Names, own_ids};

/// What `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub found: Found,
    /// The file that a link at the path leads to, and that is managed in its stead.
    pub target: Option<PathBuf>,
    /// The declared owner, group and mode as numbers.
    pub wanted: Ownership,
    pub names: Names,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing(New),
    File {
        metadata: Metadata,
        content: Current,
        /// The attributes that a new file in its place would not get, when there is to be one.
        lost: Vec<String>,
    },
    /// Something else, which must go before a file can be made.
    InTheWay(Obstacle, New),
    /// The action has nothing to do, whatever is there.
    Settled,
    /// What is to be deleted.
    Removable(FileKind),
}

/// How a file's content compares to the declared one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Current {
    /// Nothing is declared.
    Unmanaged,
    Same,
    Other(Old),
}

/// The content that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Old {
    Small(Vec<u8>),
    /// Too large to be shown.
    Large,
    /// Made by an earlier resource of a plan.
    Unknown,
}

/// What a file made here would have when nothing is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct New {
    pub folder: Folder,
    /// The group of a setgid folder, which what is made in it belongs to.
    pub setgid: Option<u32>,
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    There,
    Missing,
    NotADirectory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Directory,
    /// A device, socket or pipe.
    Special,
    Link(Refusal),
}

/// Looks at the file. One that is up to date costs a `stat` and a reading.
/// # Errors
/// When it cannot be looked at, or a declared account does not exist.
pub(crate) fn inspect(
    view: &View<'_>,
    desired: &ManagedFile,
    action: FileAction,
) -> Result<State, Failure> {
    let path = &desired.path;
    let mut state = State {
        found: Found::Settled,
        target: None,
        wanted: Ownership::default(),
        names: Names::default(),
    };
    let there = lstat(view, path)?;
    if action == FileAction::Delete {
        state.found = there.map_or(Found::Settled, |metadata| Found::Removable(metadata.kind));
        return Ok(state);
    }
    if action == FileAction::CreateIfMissing && is_file(view, path, there.as_ref()) {
        return Ok(state);
    }
    state.wanted = desired.declared.resolve(view)?;
    state.found = match there {
        None => Found::Nothing(new(view, path)?),
        Some(metadata) => match metadata.kind {
            FileKind::File => file(view, path, metadata, desired, &state.wanted)?,
            FileKind::Directory => Found::InTheWay(Obstacle::Directory, new(view, path)?),
            FileKind::Special => Found::InTheWay(Obstacle::Special, new(view, path)?),
            FileKind::Link => {
                let (target, found) = through_link(view, desired, &state.wanted)?;
                state.target = target;
                found
            }
        },
    };
    if let Found::File { metadata, .. } = &state.found {
        state.names = Names::of(view, metadata, &state.wanted)?;
    }
    Ok(state)
}

fn file(
    view: &View<'_>,
    path: &Path,
    metadata: Metadata,
    desired: &ManagedFile,
    wanted: &Ownership,
) -> Result<Found, Failure> {
    let content = match &desired.content {
        None => Current::Unmanaged,
        Some(declared) => match compare(view, path, &metadata, declared) {
            Ok(content) => content,
            // In a plan, a file that an earlier resource makes and whose content nobody knows yet.
            Err(error)
                if error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none() =>
            {
                Current::Other(Old::Unknown)
            }
            Err(error) => return Err(Failure::io("read", path, &error)),
        },
    };
    let lost = lost(view, path, desired, &metadata, &content, wanted)?;
    Ok(Found::File { metadata, content, lost })
}

/// Returns the attributes that a file loses when it is to be replaced.
/// # Errors
/// When they cannot be read.
pub(crate) fn lost(
    view: &View<'_>,
    path: &Path,
    desired: &ManagedFile,
    metadata: &Metadata,
    content: &Current,
    wanted: &Ownership,
) -> Result<Vec<String>, Failure> {
    if !desired.atomic || !matches!(content, Current::Other(_)) {
        return Ok(Vec::new());
    }
    let owner = Ownership { uid: Some(wanted.uid.unwrap_or(metadata.uid)), ..*wanted };
    view.lost_on_replacement(path, &owner).context("read the attributes of", path)
}

/// Compares a file to the declared content. What is large is read in pieces, and only where its
/// size does not tell.
fn compare(
    view: &View<'_>,
    path: &Path,
    metadata: &Metadata,
    declared: &Content,
) -> io::Result<Current> {
    // Files of /proc and /sys have sizes that say nothing, so small ones are always read.
    if metadata.size <= MOST_BYTES && declared.len() <= MOST_BYTES {
        let old = view.read(path)?;
        let same = match declared.bytes() {
            Some(bytes) => old == bytes,
            None => declared.is_same(&mut &old[..])?,
        };
        return Ok(if same { Current::Same } else { Current::Other(Old::Small(old)) });
    }
    let same = metadata.size == declared.len() && declared.is_same(&mut *view.open(path)?)?;
    Ok(if same { Current::Same } else { Current::Other(Old::Large) })
}

fn through_link(
    view: &View<'_>,
    desired: &ManagedFile,
    wanted: &Ownership,
) -> Result<(Option<PathBuf>, Found), Failure> {
    let path = &desired.path;
    let refused = |refusal| Ok((None, Found::InTheWay(Obstacle::Link(refusal), new(view, path)?)));
    if !desired.follow {
        return refused(Refusal::Unwanted);
    }
    match follow(view, path)? {
        Ok((target, metadata)) if metadata.kind == FileKind::File => {
            let found = file(view, &target, metadata, desired, wanted)?;
            Ok((Some(target), found))
        }
        Ok(_) => refused(Refusal::Unwanted),
        Err(refusal) => refused(refusal),
    }
}

fn is_file(view: &View<'_>, path: &Path, there: Option<&Metadata>) -> bool {
    match there.map(|metadata| metadata.kind) {
        Some(FileKind::Link) => {
            view.stat(path).is_ok_and(|metadata| metadata.kind == FileKind::File)
        }
        kind => kind == Some(FileKind::File),
    }
}

fn new(view: &View<'_>, path: &Path) -> Result<New, Failure> {
    let (uid, gid) = own_ids(view)?;
    let parent = path.parent().unwrap_or(path);
    let mut new = New { folder: Folder::There, setgid: None, uid, gid };
    match view.stat(parent) {
        Ok(folder) if folder.kind == FileKind::Directory => {
            new.setgid = (folder.mode & 0o2000 != 0).then_some(folder.gid);
        }
        Ok(_) => new.folder = Folder::NotADirectory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => new.folder = Folder::Missing,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            new.folder = Folder::NotADirectory;
        }
        Err(error) => return Err(Failure::io("look at", parent, &error)),
    }
    Ok(new)
}
