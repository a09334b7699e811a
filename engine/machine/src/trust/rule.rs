//! The rule alone: metadata in, the reason for which it is not trusted out.

use crate::trusted_link::{Owned, by_number, distrust_by};

/// Owner and mode of an entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub uid: u32,
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
    pub kind: EntryType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryType {
    /// A folder on the way to a file.
    Folder,
    /// A folder whose entries are read, whatever they are.
    Listed,
    Link,
    /// A file, or anything else that can be read.
    File,
}

/// The folder that an entry is in, as far as it was found to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub uid: u32,
    /// Others can make entries in it, and links among them: it is sticky.
    pub open: bool,
    /// Only its owner and root get into it, or into a folder above it: what modes allow in it, they
    /// allow to nobody.
    pub private: bool,
}

/// The reason for which an entry is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its owner.
    Owner,
    /// Users who can write it.
    Writers,
    /// It is a link that others could have made.
    Link,
}

/// Returns the reason for which an entry of `way` is not trusted. `trusted` knows the users who
/// are; `excused` is asked when a group can write, and returns true where that gives the right to
/// trusted users alone.
pub fn cause(
    entry: Entry,
    way: Way,
    trusted: impl Fn(u32) -> bool,
    excused: impl FnOnce() -> bool,
) -> Option<Cause> {
    if !trusted(entry.uid) {
        return Some(Cause::Owner);
    }
    if entry.kind == EntryType::Link {
        let folder = Owned { uid: way.uid, mode: if way.open { 0o1777 } else { 0o755 } };
        return distrust_by(trusted, entry.uid, folder, by_number).map(|_| Cause::Link);
    }
    let sticky = entry.kind == EntryType::Folder && entry.mode & 0o1000 != 0;
    (!sticky && writers(entry, way, excused)).then_some(Cause::Writers)
}

impl Way {
    /// Returns the way that leads on through a folder of `way`.
    pub fn through(self, folder: Entry, excused: impl FnOnce() -> bool) -> Self {
        Self {
            uid: folder.uid,
            open: writers(folder, self, excused),
            private: self.private || folder.mode & 0o011 == 0,
        }
    }
}

/// Returns true if others than trusted users can write an entry.
fn writers(entry: Entry, way: Way, excused: impl FnOnce() -> bool) -> bool {
    let group = entry.mode & 0o020 != 0;
    !way.private && (entry.mode & 0o002 != 0 || (group && !excused()))
}
