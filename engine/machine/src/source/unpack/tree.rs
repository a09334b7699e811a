//! What has been unpacked, and where the next entry may go.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::budget::trap;
use crate::system::{Ownership, System};
use toque_core::failure::{ErrorContext, Failure, FailureKind};

/// What others may never do with it, and what its owner always may.
const MODES: (u32, u32) = (0o755, 0o600);
/// The kernel takes no longer link.
const LONGEST_LINK: usize = 4095;

/// An entry of an archive.
pub(super) enum Entry<'a> {
    Directory {
        mode: u32,
    },
    File {
        mode: u32,
        modified: Option<SystemTime>,
        content: &'a mut dyn Read,
    },
    Link {
        to: Vec<u8>,
    },
    /// Another name for an earlier file, by its name in the archive.
    HardLink {
        to: Vec<u8>,
    },
    /// Something that no archive may bring.
    Special(&'static str),
}

pub(super) struct Tree<'a> {
    system: &'a dyn System,
    into: &'a Path,
    strip: usize,
    most: u64,
    count: u64,
    made: HashMap<PathBuf, Made>,
    /// Modes of folders, which are set when nothing more is put into them.
    modes: Vec<(PathBuf, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Directory,
    File,
    Link,
}

impl<'a> Tree<'a> {
    pub(super) fn new(system: &'a dyn System, into: &'a Path, strip: usize, most: u64) -> Self {
        Self { system, into, strip, most, count: 0, made: HashMap::new(), modes: Vec::new() }
    }

    /// Unpacks one entry; says how many bytes were written.
    /// # Errors
    /// When it would lead outside or change something that is there into something else, and when
    /// it cannot be written.
    pub(super) fn add(&mut self, name: &[u8], entry: Entry<'_>) -> Result<u64, Failure> {
        self.count += 1;
        if self.count > self.most {
            return Err(trap(&format!("it has more than {} entries", self.most)));
        }
        let refuse = |why: &str| Err(refused(name, why));
        if let Entry::Special(what) = entry {
            return refuse(&format!("is {what}"));
        }
        let Some(path) = self.place(name)? else { return Ok(0) };
        self.make_parents(name, &path)?;
        let at = self.into.join(&path);
        let there = self.made.get(&path).copied();
        match entry {
            Entry::Directory { mode } => {
                match there {
                    None => self.make_directory(&path)?,
                    Some(Made::Directory) => {}
                    Some(_) => return refuse("is a folder in the place of something else"),
                }
                self.modes.push((path, mode & MODES.0 | 0o700));
                Ok(0)
            }
            Entry::File { mode, modified, content } => {
                self.replace(name, &path, there, Made::File)?;
                let mode = mode & MODES.0 | MODES.1;
                let size =
                    self.system.create_file(&at, content, mode, modified).context("write", &at)?;
                self.made.insert(path, Made::File);
                Ok(size)
            }
            Entry::Link { to } => {
                self.replace(name, &path, there, Made::Link)?;
                let depth = path.components().count() - 1;
                if let Some(why) = leads_outside(&to, depth) {
                    return refuse(why);
                }
                self.system
                    .symlink(Path::new(OsStr::from_bytes(&to)), &at)
                    .context("create link", &at)?;
                self.made.insert(path, Made::Link);
                Ok(0)
            }
            Entry::HardLink { to } => {
                let Some(target) =
                    self.place(&to)?.filter(|target| self.made.get(target) == Some(&Made::File))
                else {
                    return refuse(
                        "is a second name for a file that the archive does not have before it",
                    );
                };
                if target != path {
                    self.replace(name, &path, there, Made::File)?;
                    let target = self.into.join(target);
                    self.system.hard_link(&target, &at).context("create link", &at)?;
                    self.made.insert(path, Made::File);
                }
                Ok(0)
            }
            Entry::Special(_) => Ok(0),
        }
    }

    /// Gives the folders their modes.
    /// # Errors
    /// When the archive had nothing to unpack.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if self.made.is_empty() {
            let failure = Failure::new("there is nothing in it").of_kind(FailureKind::BadArchive);
            return Err(if self.strip > 0 && self.count > 0 {
                failure.hint(format!(
                    "`strip` leaves out {} folders of each name: give fewer",
                    self.strip
                ))
            } else {
                failure.hint("look at how it was made")
            });
        }
        // What is deeper comes first, and of two entries of one name the last one counts.
        while let Some((path, mode)) = self.modes.pop() {
            if self.made.remove(&path).is_some() {
                let at = self.into.join(path);
                self.system.set_mode(&at, mode).context("set the mode of", &at)?;
            }
        }
        Ok(())
    }

    /// Where a name belongs; `None` when nothing of it is left.
    fn place(&self, name: &[u8]) -> Result<Option<PathBuf>, Failure> {
        if name.contains(&0) {
            return Err(refused(name, "has a name with a zero byte"));
        }
        let mut path = PathBuf::new();
        let mut left = self.strip;
        for component in Path::new(OsStr::from_bytes(name)).components() {
            match component {
                Component::Normal(_) if left > 0 => left -= 1,
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                Component::ParentDir => {
                    return Err(refused(name, "has a name with `..`, which leads outside"));
                }
                Component::RootDir | Component::Prefix(_) => {
                    return Err(refused(name, "has an absolute name, which leads outside"));
                }
            }
        }
        Ok((path != Path::new("")).then_some(path))
    }

    fn make_parents(&mut self, name: &[u8], path: &Path) -> Result<(), Failure> {
        let parents: Vec<PathBuf> = path
            .ancestors()
            .skip(1)
            .filter(|parent| *parent != Path::new(""))
            .map(Path::to_owned)
            .collect();
        for parent in parents.iter().rev() {
            match self.made.get(parent) {
                Some(Made::Directory) => {}
                Some(Made::Link) => return Err(refused(name, "would be written through a link")),
                Some(Made::File) => return Err(refused(name, "is inside of what is a file")),
                None => self.make_directory(parent)?,
            }
        }
        Ok(())
    }

    fn make_directory(&mut self, path: &Path) -> Result<(), Failure> {
        let at = self.into.join(path);
        self.system.create_dir(&at, &Ownership::of_mode(0o755)).context("create directory", &at)?;
        self.made.insert(path.to_owned(), Made::Directory);
        Ok(())
    }

    /// Makes way for an entry of a name that there is already: the last one counts.
    fn replace(
        &self,
        name: &[u8],
        path: &Path,
        there: Option<Made>,
        by: Made,
    ) -> Result<(), Failure> {
        match there {
            None => Ok(()),
            Some(old) if old == by => {
                let at = self.into.join(path);
                self.system.remove_file(&at).context("remove", &at)
            }
            Some(_) => Err(refused(name, "comes twice, as different things")),
        }
    }
}

/// Why a link in a folder this deep may not lead to this: it is followed by whoever uses what was
/// unpacked. Only leading `..` are allowed, because a link may be on the way to any later one.
#[must_use]
pub fn leads_outside(to: &[u8], depth: usize) -> Option<&'static str> {
    if to.is_empty() || to.contains(&0) || to.len() > LONGEST_LINK {
        return Some("is a link to nothing that could be");
    }
    let (mut up, mut down) = (0, false);
    for component in Path::new(OsStr::from_bytes(to)).components() {
        match component {
            Component::RootDir | Component::Prefix(_) => {
                return Some("is a link to an absolute path, which leads outside");
            }
            Component::ParentDir if down => {
                return Some("is a link with `..` in the middle, which may lead outside");
            }
            Component::ParentDir => up += 1,
            Component::Normal(_) => down = true,
            Component::CurDir => {}
        }
    }
    (up > depth).then_some("is a link that leads outside")
}

fn refused(name: &[u8], why: &str) -> Failure {
    let name = String::from_utf8_lossy(name);
    let shown: String = name.chars().take(200).flat_map(char::escape_debug).collect();
    Failure::new(format!("its entry `{shown}` {why}"))
        .of_kind(FailureKind::BadArchive)
        .hint("do not use this archive before you know who made it so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (to, depth) in [
            ("a", 0),
            ("a/b", 0),
            ("../a", 1),
            ("../../a", 2),
            (".", 0),
            ("..", 1),
            ("./a", 0),
            ("a/./b", 0),
        ] {
            assert_eq!(leads_outside(to.as_bytes(), depth), None, "{to}");
        }
        for (to, depth) in [
            ("", 0),
            ("..", 0),
            ("../a", 0),
            ("/", 5),
            ("/etc", 5),
            ("a/../..", 1),
            ("a/..", 9),
            ("../../a", 1),
            ("a\0b", 1),
        ] {
            assert!(leads_outside(to.as_bytes(), depth).is_some(), "{to}");
        }
    }
}
