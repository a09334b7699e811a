//! The fake machine through the interfaces of a real one. Every change that was made is written
//! down in words.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::tree::Content;
use super::{FakeSystem, Operation, State};
use crate::command::{Command, Output};
use crate::system::host::staged_name;
use crate::system::{Metadata, Mounts, Ownership, Query, Request, Response, Staged, System};
use crate::temporary_name::random_part;
use toque_core::failure::Failure;

impl Query for FakeSystem {
    fn lstat(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.state.borrow();
        state.check(Operation::Look, path)?;
        state.tree.metadata(path, false)
    }

    fn stat(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.state.borrow();
        state.check(Operation::Look, path)?;
        state.tree.metadata(path, true)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.borrow_mut();
        *state.reads.entry(path.to_owned()).or_default() += 1;
        state.check(Operation::Read, path)?;
        state.tree.read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state.borrow();
        state.check(Operation::List, path)?;
        state.tree.read_dir(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let state = self.state.borrow();
        state.check(Operation::Read, path)?;
        state.tree.read_link(path)
    }

    fn probe(&self, command: &Command) -> Result<Output, Failure> {
        self.state.borrow_mut().probes.push(command.line());
        self.execute(command)
    }

    fn fetch(&self, request: &Request) -> Result<Response, Failure> {
        self.answer(request)
    }

    fn now(&self) -> SystemTime {
        self.state.borrow().tree.clock
    }

    fn effective_uid(&self) -> u32 {
        self.state.borrow().uid
    }
}

impl System for FakeSystem {
    fn stage(
        &self,
        target: &Path,
        content: &mut dyn io::Read,
        owner: &Ownership,
    ) -> io::Result<Staged> {
        let content = read_all(content)?;
        let mut state = self.state.borrow_mut();
        state.check(Operation::Stage, target)?;
        state.staged += 1;
        let (mut name, suffix) = staged_name(target);
        name.push(format!("{:06}", state.staged));
        name.push(suffix);
        let path = target.parent().unwrap_or(Path::new("/")).join(name);
        let mode = owner.mode.unwrap_or(0o600);
        state.tree.create(&path, Content::File(content.clone()), 0o600)?;
        let uid = state.uid;
        state.tree.set_owner(&path, owner.uid.or(Some(uid)), owner.gid.or(Some(uid)))?;
        state.tree.set_mode(&path, mode)?;
        let (uid, gid) = (owner.uid.unwrap_or(uid), owner.gid.unwrap_or(uid));
        state.staged_for.insert(path.clone(), target.to_owned());
        state.did(format!(
            "stage {}: {} bytes, mode {mode:04o}, owner {uid}:{gid}",
            target.display(),
            content.len()
        ));
        Ok(Staged { path, lost: Vec::new() })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.check(Operation::Rename, to)?;
        state.tree.rename(from, to)?;
        let own = state.staged_for.remove(from).is_some_and(|target| target == to);
        state.did(if own {
            format!("put {} in place", to.display())
        } else {
            format!("rename {} to {}", from.display(), to.display())
        });
        Ok(())
    }

    fn write_in_place(&self, path: &Path, content: &mut dyn io::Read) -> io::Result<Vec<String>> {
        let content = read_all(content)?;
        let what = format!("write into {}: {} bytes", path.display(), content.len());
        self.change(Operation::Write, path, what, |state| state.tree.write(path, &content))?;
        Ok(Vec::new())
    }

    fn create_file(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> io::Result<u64> {
        // As on a real machine, the name is taken before the content is read.
        self.state.borrow().check(Operation::Create, path)?;
        let mut state = self.state.borrow_mut();
        state.tree.create(path, Content::File(Vec::new()), mode)?;
        let uid = state.uid;
        state.tree.set_owner(path, Some(uid), Some(uid))?;
        drop(state);
        let read = read_all(content);
        let mut state = self.state.borrow_mut();
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => {
                state.tree.remove_file(path)?;
                return Err(error);
            }
        };
        state.tree.write(path, &bytes)?;
        state.tree.set_mode(path, mode)?;
        modified.map_or(Ok(()), |modified| state.tree.set_modified(path, modified))?;
        state.did(format!(
            "create file {} with mode {mode:04o}: {} bytes",
            path.display(),
            bytes.len()
        ));
        Ok(bytes.len() as u64)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.tree.metadata(path, true)?;
        state.did(format!("sync the file system of {}", path.display()));
        Ok(())
    }

    fn sync_disks(&self) -> Result<(), Failure> {
        self.state.borrow_mut().did("sync all disks".to_owned());
        Ok(())
    }

    fn create_dir(&self, path: &Path, owner: &Ownership) -> io::Result<()> {
        let mode = owner.mode.unwrap_or(0o700);
        let what =
            format!("create directory {} with mode {mode:04o}{}", path.display(), given_to(owner));
        self.change(Operation::Create, path, what, |state| {
            state.tree.create(path, Content::Directory(BTreeMap::new()), mode)?;
            state.give(path, owner)?;
            state.tree.set_mode(path, mode)
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let what = format!("remove directory {}", path.display());
        self.change(Operation::Remove, path, what, |state| state.tree.remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path, _mounts: Mounts) -> io::Result<()> {
        let what = format!("remove {} and all below", path.display());
        self.change(Operation::Remove, path, what, |state| state.tree.remove_dir_all(path))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.check(Operation::Remove, path)?;
        state.tree.remove_file(path)?;
        let what = match state.staged_for.remove(path) {
            Some(target) => format!("discard what was staged for {}", target.display()),
            None => format!("remove {}", path.display()),
        };
        state.did(what);
        Ok(())
    }

    fn symlink(&self, to: &Path, path: &Path) -> io::Result<()> {
        let what = format!("link {} to {}", path.display(), to.display());
        self.change(Operation::Create, path, what, |state| {
            if to.as_os_str().is_empty() {
                return Err(nix::errno::Errno::ENOENT.into());
            }
            state.tree.create(path, Content::Link(to.to_owned()), 0o777)?;
            state.give(path, &Ownership::default())
        })
    }

    fn hard_link(&self, to: &Path, path: &Path) -> io::Result<()> {
        let what = format!("link {} hard to {}", path.display(), to.display());
        self.change(Operation::Create, path, what, |state| state.tree.hard_link(to, path))
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let what = format!("set mode of {} to {mode:04o}", path.display());
        self.change(Operation::Attributes, path, what, |state| state.tree.set_mode(path, mode))
    }

    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let shown = |id: Option<u32>| id.map_or_else(String::new, |id| id.to_string());
        let what = format!("set owner of {} to {}:{}", path.display(), shown(uid), shown(gid));
        self.change(Operation::Attributes, path, what, |state| state.tree.set_owner(path, uid, gid))
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.change(Operation::Attributes, path, format!("touch {}", path.display()), |state| {
            state.tree.touch(path)
        })
    }

    /// No policy is loaded on the fake machine.
    fn relabel(&self, _path: &Path, _recursive: bool) -> Result<(), Failure> {
        Ok(())
    }

    fn run(&self, command: &Command) -> Result<Output, Failure> {
        self.state.borrow_mut().did(format!("run {}", command.line()));
        self.execute(command)
    }

    fn wait(&self, time: Duration) -> bool {
        let stopped = self.state.borrow().stopped;
        if !stopped {
            self.advance(time);
        }
        !stopped
    }

    fn as_query(&self) -> &dyn Query {
        self
    }
}

fn read_all(content: &mut dyn io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns `, owner 7:8` where an owner or a group is given.
fn given_to(owner: &Ownership) -> String {
    let shown = |id: Option<u32>| id.map_or_else(String::new, |id| id.to_string());
    match (owner.uid, owner.gid) {
        (None, None) => String::new(),
        (uid, gid) => format!(", owner {}:{}", shown(uid), shown(gid)),
    }
}

impl FakeSystem {
    fn change(
        &self,
        operation: Operation,
        path: &Path,
        what: String,
        make: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.check(operation, path)?;
        make(&mut state)?;
        state.did(what);
        Ok(())
    }
}

impl State {
    fn check(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.faults.get(&(operation, path.to_owned())).map_or(Ok(()), |error| Err((*error).into()))
    }

    /// Gives something new to its owner.
    fn give(&mut self, path: &Path, owner: &Ownership) -> io::Result<()> {
        let (uid, gid) = (owner.uid.or(Some(self.uid)), owner.gid.or(Some(self.uid)));
        self.tree.set_owner(path, uid, gid)
    }

    pub(super) fn did(&mut self, what: String) {
        self.effects.push(without_random(&what));
    }
}

/// Leaves out what is random in temporary names, so that tests can compare effects.
fn without_random(what: &str) -> String {
    let plain = |word: &str| {
        let end = word.find(['/', ' ', '\'']).unwrap_or(word.len());
        match random_part(&word.as_bytes()[..end]) {
            Some(part) => format!("{}{}", &word[..part.start], &word[part.end..]),
            None => word.to_owned(),
        }
    };
    what.split_inclusive('/').map(plain).collect()
}
