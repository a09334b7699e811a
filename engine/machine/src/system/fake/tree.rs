//! Inodes and paths, with the kernel's rules for both.

mod place;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

use super::super::{FileKind, Metadata};
use crate::removal::may_remove_all;

const ROOT: u64 = 1;

#[derive(Clone)]
pub(super) struct Tree {
    inodes: BTreeMap<u64, Inode>,
    next: u64,
    pub clock: SystemTime,
    /// The user that toque runs as, whose links are followed beside root's.
    pub own: u32,
}

#[derive(Clone)]
struct Inode {
    content: Content,
    mode: u32,
    uid: u32,
    gid: u32,
    modified: SystemTime,
    /// Names of a file; what a directory has follows from its content.
    names: u64,
}

#[derive(Clone)]
pub(super) enum Content {
    File(Vec<u8>),
    Directory(BTreeMap<OsString, u64>),
    Link(PathBuf),
    Special,
}

impl Tree {
    pub(super) fn new() -> Self {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
        let mut tree = Self { inodes: BTreeMap::new(), next: ROOT, clock, own: 0 };
        tree.make(Content::Directory(BTreeMap::new()), 0o755);
        tree
    }

    pub(super) fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata> {
        let number = self.find(path, follow)?;
        let inode = self.inode(number)?;
        let (kind, size, links) = match &inode.content {
            Content::File(bytes) => (FileKind::File, bytes.len() as u64, inode.names),
            Content::Directory(names) => {
                let below =
                    names.values().filter(|number| self.directory(**number).is_ok()).count() as u64;
                (FileKind::Directory, 4096, 2 + below)
            }
            Content::Link(to) => (FileKind::Link, to.as_os_str().len() as u64, inode.names),
            Content::Special => (FileKind::Special, 0, inode.names),
        };
        Ok(Metadata {
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            size,
            modified: inode.modified,
            device: 1,
            inode: number,
            links,
        })
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match &self.inode(self.find(path, true)?)?.content {
            Content::File(bytes) => Ok(bytes.clone()),
            Content::Directory(_) => Err(Errno::EISDIR.into()),
            Content::Special => Err(super::super::host::not_regular()),
            Content::Link(_) => Err(Errno::ELOOP.into()),
        }
    }

    pub(super) fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.directory(self.find(path, true)?)?.keys().cloned().collect())
    }

    pub(super) fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match &self.inode(self.find(path, false)?)?.content {
            Content::Link(to) => Ok(to.clone()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Adds something new under a name that is free.
    pub(super) fn create(&mut self, path: &Path, content: Content, mode: u32) -> io::Result<()> {
        let place = self.place(path, false)?;
        let name = place.free()?;
        match content {
            Content::Directory(_) => {}
            Content::File(_) if place.slash => return Err(Errno::EISDIR.into()),
            _ if place.slash => return Err(Errno::ENOENT.into()),
            _ => {}
        }
        let number = self.make(content, mode);
        self.enter(place.directory, name, number)
    }

    pub(super) fn hard_link(&mut self, to: &Path, path: &Path) -> io::Result<()> {
        let number = self.find(to, false)?;
        let place = self.place(path, false)?;
        let name = place.free()?;
        if self.directory(number).is_ok() {
            return Err(Errno::EPERM.into());
        }
        self.inode_mut(number)?.names += 1;
        self.enter(place.directory, name, number)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let from = self.place(from, false)?;
        let moved = from.inode.ok_or(Errno::ENOENT)?;
        let to = self.place(to, false)?;
        let (Some(from_name), Some(to_name)) = (from.name, to.name) else {
            return Err(Errno::EBUSY.into());
        };
        let directory = self.directory(moved).is_ok();
        if directory && self.above(to.directory).contains(&moved) {
            return Err(Errno::EINVAL.into());
        }
        if !directory && (from.slash || to.slash) {
            return Err(Errno::ENOTDIR.into());
        }
        match to.inode {
            Some(old) if old == moved => return Ok(()),
            Some(old) => match (directory, self.directory(old)) {
                (true, Ok(names)) if !names.is_empty() => return Err(Errno::ENOTEMPTY.into()),
                (true, Ok(_)) | (false, Err(_)) => self.leave(to.directory, &to_name)?,
                (true, Err(_)) => return Err(Errno::ENOTDIR.into()),
                (false, Ok(_)) => return Err(Errno::EISDIR.into()),
            },
            None => {}
        }
        self.names_mut(from.directory)?.remove(&from_name);
        self.enter(to.directory, to_name, moved)
    }

    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.find(path, false)?;
        let now = self.tick();
        let inode = self.inode_mut(number)?;
        match &mut inode.content {
            Content::File(content) => *content = bytes.to_vec(),
            Content::Directory(_) => return Err(Errno::EISDIR.into()),
            Content::Special => return Err(Errno::ENXIO.into()),
            Content::Link(_) => return Err(Errno::ELOOP.into()),
        }
        inode.modified = now;
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path, false)?;
        let number = place.inode.ok_or(Errno::ENOENT)?;
        match (place.name, self.directory(number)) {
            (Some(name), Err(_)) if !place.slash => self.leave(place.directory, &name),
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => Err(Errno::EISDIR.into()),
        }
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path, false)?;
        let number = place.inode.ok_or(Errno::ENOENT)?;
        let empty = self.directory(number)?.is_empty();
        let Some(name) = place.name else { return Err(Errno::EBUSY.into()) };
        if empty { self.leave(place.directory, &name) } else { Err(Errno::ENOTEMPTY.into()) }
    }

    /// A link is removed itself, a file is refused, and so is a folder at the top.
    pub(super) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path, false)?;
        match &self.inode(place.inode.ok_or(Errno::ENOENT)?)?.content {
            Content::Link(_) => self.remove_all(path),
            Content::Directory(_) => {
                let name = place.name.as_deref();
                may_remove_all(path, name, place.directory == ROOT)?;
                self.remove_all(path)
            }
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    pub(super) fn remove_all(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path, false)?;
        let number = place.inode.ok_or(Errno::ENOENT)?;
        let Some(name) = place.name else { return Err(Errno::EBUSY.into()) };
        if let Ok(names) = self.directory(number) {
            for below in names.keys().cloned().collect::<Vec<_>>() {
                self.remove_all(&path.join(below))?;
            }
        }
        self.leave(place.directory, &name)
    }

    pub(super) fn set_mode(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        let number = self.find(path, false)?;
        let inode = self.inode_mut(number)?;
        if matches!(inode.content, Content::Link(_)) {
            return Err(Errno::ELOOP.into());
        }
        inode.mode = mode & 0o7777;
        Ok(())
    }

    pub(super) fn set_owner(
        &mut self,
        path: &Path,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> io::Result<()> {
        let number = self.find(path, false)?;
        let inode = self.inode_mut(number)?;
        inode.uid = uid.unwrap_or(inode.uid);
        inode.gid = gid.unwrap_or(inode.gid);
        // The kernel takes these away from files, so that nobody else's program runs with the new
        // owner's rights.
        if matches!(inode.content, Content::File(_)) {
            inode.mode &= !0o4000;
            if inode.mode & 0o010 != 0 {
                inode.mode &= !0o2000;
            }
        }
        Ok(())
    }

    pub(super) fn set_modified(&mut self, path: &Path, modified: SystemTime) -> io::Result<()> {
        let number = self.find(path, false)?;
        self.inode_mut(number)?.modified = modified;
        Ok(())
    }

    pub(super) fn touch(&mut self, path: &Path) -> io::Result<()> {
        let number = self.find(path, false)?;
        let now = self.tick();
        self.inode_mut(number)?.modified = now;
        Ok(())
    }

    /// Puts something there whatever was there before, with the directories above it. A directory
    /// that is there is kept.
    pub(super) fn put(&mut self, path: &Path, content: Content, mode: u32) {
        let Some(parent) = path.parent() else { return };
        if self.find(parent, true).is_err() {
            self.put(parent, Content::Directory(BTreeMap::new()), 0o755);
        }
        let there = self.find(path, false).ok();
        let kept = there.filter(|number| {
            self.directory(*number).is_ok() && matches!(content, Content::Directory(_))
        });
        if kept.is_some() {
            let _ = self.set_mode(path, mode);
        } else {
            let _ = self.remove_all(path);
            let _ = self.create(path, content, mode);
        }
    }

    pub(super) fn described(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        self.describe(Path::new("/"), ROOT, &mut all);
        all
    }

    fn describe(&self, path: &Path, number: u64, all: &mut BTreeMap<PathBuf, String>) {
        let Ok(inode) = self.inode(number) else { return };
        let owner = format!("{:04o} {}:{}", inode.mode, inode.uid, inode.gid);
        let text = match &inode.content {
            Content::File(bytes) if inode.names > 1 => {
                format!("file {owner}, {} names, {:?}", inode.names, String::from_utf8_lossy(bytes))
            }
            Content::File(bytes) => format!("file {owner} {:?}", String::from_utf8_lossy(bytes)),
            Content::Directory(_) => format!("directory {owner}"),
            Content::Link(to) => format!("link {}:{} to {}", inode.uid, inode.gid, to.display()),
            Content::Special => format!("special {owner}"),
        };
        all.insert(path.to_owned(), text);
        if let Content::Directory(names) = &inode.content {
            for (name, number) in names {
                self.describe(&path.join(name), *number, all);
            }
        }
    }

    fn find(&self, path: &Path, follow: bool) -> io::Result<u64> {
        let place = self.place(path, follow)?;
        let number = place.inode.ok_or(Errno::ENOENT)?;
        if place.slash {
            self.directory(number)?;
        }
        Ok(number)
    }

    /// A directory and all directories above it.
    fn above(&self, directory: u64) -> Vec<u64> {
        let mut above = vec![directory];
        while let Some(parent) =
            self.inodes.iter().find_map(|(number, inode)| match &inode.content {
                Content::Directory(names)
                    if names.values().any(|below| above.last() == Some(below)) =>
                {
                    Some(*number)
                }
                _ => None,
            })
        {
            above.push(parent);
        }
        above
    }

    fn make(&mut self, content: Content, mode: u32) -> u64 {
        let number = self.next;
        self.next += 1;
        let modified = self.tick();
        self.inodes.insert(
            number,
            Inode { content, mode: mode & 0o7777, uid: 0, gid: 0, modified, names: 1 },
        );
        number
    }

    fn enter(&mut self, directory: u64, name: OsString, number: u64) -> io::Result<()> {
        self.names_mut(directory)?.insert(name, number);
        Ok(())
    }

    /// Takes a name away, and the inode with its last name.
    fn leave(&mut self, directory: u64, name: &OsStr) -> io::Result<()> {
        let number = self.names_mut(directory)?.remove(name).ok_or(Errno::ENOENT)?;
        let inode = self.inode_mut(number)?;
        inode.names -= 1;
        if inode.names == 0 {
            self.inodes.remove(&number);
        }
        Ok(())
    }

    fn names_mut(&mut self, directory: u64) -> io::Result<&mut BTreeMap<OsString, u64>> {
        let now = self.tick();
        let inode = self.inode_mut(directory)?;
        inode.modified = now;
        match &mut inode.content {
            Content::Directory(names) => Ok(names),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn directory(&self, number: u64) -> io::Result<&BTreeMap<OsString, u64>> {
        match &self.inode(number)?.content {
            Content::Directory(names) => Ok(names),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn inode(&self, number: u64) -> io::Result<&Inode> {
        self.inodes.get(&number).ok_or_else(|| Errno::ENOENT.into())
    }

    fn inode_mut(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| Errno::ENOENT.into())
    }

    fn tick(&mut self) -> SystemTime {
        self.clock += Duration::from_secs(1);
        self.clock
    }
}
