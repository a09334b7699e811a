//! What a plan may assume: the changes that earlier resources would have made, laid over the real
//! machine, and what those changes leave in doubt. Nothing here knows of providers or commands.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use toque_core::failure::RefusedPath;

use crate::areas::{Area, Areas};
use crate::content::{Content, receive};
use crate::system::{FileKind, Metadata, Query};
use crate::trusted_link::{Owned, by_number, distrust, not_followed};

/// Something that a change brings about, as far as a plan can tell.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedEffect {
    /// A file with this content at the path (`None`: the content cannot be told); a link there is
    /// replaced.
    File { path: PathBuf, content: Option<Content>, mode: u32, uid: u32, gid: u32 },
    /// A directory; whatever is in it stays.
    Directory { path: PathBuf, mode: u32, uid: u32, gid: u32 },
    /// What is at the path keeps its content and gets these. `touched`: it is modified now.
    Attributes { path: PathBuf, mode: u32, uid: u32, gid: u32, touched: bool },
    /// A symbolic link.
    Link { path: PathBuf, to: PathBuf, uid: u32, gid: u32 },
    /// A second name for the file at `to`.
    HardLink { path: PathBuf, to: PathBuf },
    /// The file at the path is written anew by somebody else's program: what it says is known only
    /// afterwards.
    Rewritten { path: PathBuf },
    /// Nothing at the path or below.
    Absent { path: PathBuf },
    /// A value that this kind's providers look up again by `View::planned`: a package and its
    /// version, a unit and its state.
    State { area: Area, key: String, value: Value },
    /// Whatever lies in these areas may be different afterwards.
    Anything(Areas),
}

/// The resources that could make an answer different by the time it matters.
pub type Uncertainty = Vec<Rc<str>>;

/// Adds those that are not there yet.
pub fn add_uncertainty<'a>(all: &mut Uncertainty, more: impl IntoIterator<Item = &'a Rc<str>>) {
    for cause in more {
        if !all.contains(cause) {
            all.push(Rc::clone(cause));
        }
    }
}

#[derive(Debug, Default, Clone)]
pub struct Overlay {
    /// Counts changes, so that a later one can be told from an earlier doubt.
    clock: u64,
    files: BTreeMap<PathBuf, Entry>,
    states: HashMap<(Area, String), (u64, Option<Rc<str>>, Value)>,
    /// The last change that put an area in doubt, and all that did.
    taints: HashMap<Area, (u64, Uncertainty)>,
    inodes: u64,
    pending: Uncertainty,
}

#[derive(Debug, Clone)]
struct Entry {
    at: u64,
    by: Rc<str>,
    /// Set when the change itself is only a *may*.
    doubt: Option<Rc<str>>,
    what: Planned,
}

#[derive(Debug, Clone)]
enum Planned {
    Absent,
    /// `fresh`: made by the plan, so that nothing of the real machine shows through.
    There {
        metadata: Metadata,
        content: Option<Content>,
        to: Option<PathBuf>,
        fresh: bool,
    },
}

/// What a look at the overlay found, and what puts it in doubt.
pub struct Found {
    /// Where links led.
    pub path: PathBuf,
    pub metadata: Metadata,
    /// Of a file that the plan made; `None` asks the real machine.
    pub planned: Option<Option<Content>>,
    /// Who changes it in the plan.
    pub by: Option<Rc<str>>,
    pub to: Option<PathBuf>,
}

impl Found {
    /// The same thing with other attributes.
    fn kept(self, metadata: Metadata) -> Planned {
        let fresh = self.planned.is_some();
        Planned::There { metadata, content: self.planned.flatten(), to: self.to, fresh }
    }
}

impl Overlay {
    /// Whether nothing is pending, so that the real machine answers for itself.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Every resource with a pending change, in order.
    pub fn pending(&self) -> &Uncertainty {
        &self.pending
    }

    /// Lays what a resource would bring over what is there. `unsure`: the resource is a *may*, so
    /// that both states are possible.
    pub fn assume(
        &mut self,
        resource: &Rc<str>,
        provides: &[PlannedEffect],
        unsure: bool,
        base: &dyn Query,
    ) {
        self.clock += 1;
        if !self.pending.contains(resource) {
            self.pending.push(Rc::clone(resource));
        }
        for provide in provides {
            self.assume_one(resource, provide, unsure, base);
        }
    }

    fn assume_one(
        &mut self,
        resource: &Rc<str>,
        provide: &PlannedEffect,
        unsure: bool,
        base: &dyn Query,
    ) {
        let doubt = unsure.then(|| Rc::clone(resource));
        match provide {
            PlannedEffect::File { path, content, mode, uid, gid } => {
                let path = self.place(path, base);
                let size = content.as_ref().map_or(0, Content::len);
                let metadata = self.made(FileKind::File, *mode, *uid, *gid, size, base);
                let what =
                    Planned::There { metadata, content: content.clone(), to: None, fresh: true };
                self.insert(resource, path, doubt, what);
            }
            PlannedEffect::Directory { path, mode, uid, gid } => {
                let path = self.place(path, base);
                let existed = self
                    .look(&path, false, base)
                    .0
                    .is_ok_and(|found| found.metadata.kind == FileKind::Directory);
                // A directory that someone else may make first may also be filled by them.
                let fresh = !existed && !self.tainted(Area::Files);
                let metadata = self.made(FileKind::Directory, *mode, *uid, *gid, 0, base);
                self.insert(
                    resource,
                    path,
                    doubt,
                    Planned::There { metadata, content: None, to: None, fresh },
                );
            }
            PlannedEffect::Attributes { path, mode, uid, gid, touched } => {
                let path = self.place(path, base);
                if let Ok(found) = self.look(&path, false, base).0 {
                    let modified = if *touched { base.now() } else { found.metadata.modified };
                    let metadata =
                        Metadata { mode: *mode, uid: *uid, gid: *gid, modified, ..found.metadata };
                    self.insert(resource, path, doubt, found.kept(metadata));
                }
            }
            PlannedEffect::Link { path, to, uid, gid } => {
                let path = self.place(path, base);
                let metadata = self.made(FileKind::Link, 0o777, *uid, *gid, 0, base);
                let what =
                    Planned::There { metadata, content: None, to: Some(to.clone()), fresh: true };
                self.insert(resource, path, doubt, what);
            }
            PlannedEffect::HardLink { path, to } => {
                let path = self.place(path, base);
                // As link(2), which does not follow a link at the end of `to`.
                let (found, _) = self.look(to, false, base);
                if let Ok(found) = found {
                    let metadata = Metadata { links: found.metadata.links + 1, ..found.metadata };
                    let content = match &found.planned {
                        Some(content) => content.clone(),
                        None => {
                            base.open(&found.path).and_then(|mut file| receive(&mut *file)).ok()
                        }
                    };
                    let what =
                        Planned::There { metadata, content, to: found.to.clone(), fresh: true };
                    self.insert(resource, path, doubt.clone(), what);
                    self.insert(resource, found.path.clone(), doubt, found.kept(metadata));
                }
            }
            PlannedEffect::Rewritten { path } => {
                if let Ok(found) = self.look(path, true, base).0 {
                    let metadata = Metadata { modified: base.now(), ..found.metadata };
                    let what = Planned::There { metadata, content: None, to: None, fresh: true };
                    self.insert(resource, found.path, doubt, what);
                }
            }
            PlannedEffect::Absent { path } => {
                let path = self.place(path, base);
                let below: Vec<PathBuf> = self
                    .files
                    .range(path.clone()..)
                    .map(|(p, _)| p.clone())
                    .take_while(|p| p.starts_with(&path))
                    .collect();
                for path in below {
                    self.files.remove(&path);
                }
                self.insert(resource, path, doubt, Planned::Absent);
            }
            PlannedEffect::State { area, key, value } => {
                self.states.insert((*area, key.clone()), (self.clock, doubt, value.clone()));
            }
            PlannedEffect::Anything(areas) => {
                for area in Area::ALL.into_iter().filter(|area| areas.contains(*area)) {
                    let taint = self.taints.entry(area).or_default();
                    taint.0 = self.clock;
                    if !taint.1.contains(resource) {
                        taint.1.push(Rc::clone(resource));
                    }
                }
            }
        }
    }

    /// The planned state of something that is no path, and what puts it in doubt.
    pub fn state(&self, area: Area, key: &str) -> (Option<&Value>, Uncertainty) {
        let entry = self.states.get(&(area, key.to_owned()));
        let taint = self.taints.get(&area);
        let causes = match (entry, taint) {
            (Some((at, doubt, _)), taint) => match taint {
                Some((tainted, causes)) if tainted > at => causes.clone(),
                _ => doubt.iter().cloned().collect(),
            },
            (None, Some((_, causes))) => causes.clone(),
            (None, None) => Vec::new(),
        };
        (entry.map(|(_, _, value)| value), causes)
    }

    /// Every planned state under a key that begins so.
    pub fn states(&self, area: Area, prefix: &str) -> Vec<(String, Value, Uncertainty)> {
        let keys = self.states.keys().filter(|(of, key)| *of == area && key.starts_with(prefix));
        keys.filter_map(|(_, key)| {
            let (value, causes) = self.state(area, key);
            Some((key[prefix.len()..].to_owned(), value?.clone(), causes))
        })
        .collect()
    }

    /// Who changes the file at a path, or where a link there leads, later than the planned state
    /// under a key was set.
    pub(crate) fn changed_after(
        &self,
        path: &Path,
        area: Area,
        key: &str,
        base: &dyn Query,
    ) -> Uncertainty {
        let set = self.states.get(&(area, key.to_owned())).map_or(0, |(at, ..)| *at);
        let mut places = vec![self.place(path, base)];
        places.extend(self.look(path, true, base).0.ok().map(|found| found.path));
        let entries = places.iter().filter_map(|place| self.files.get(place));
        let changed = entries.filter(|entry| entry.at > set).map(|entry| Rc::clone(&entry.by));
        let taint = self.taints.get(&Area::Files).filter(|(tainted, _)| *tainted > set);
        changed.chain(taint.into_iter().flat_map(|(_, by)| by.iter().cloned())).collect()
    }

    /// Who changes something at a path or below it, where a link there leads included.
    pub(crate) fn changed_below(&self, path: &Path, base: &dyn Query) -> Uncertainty {
        let place =
            self.look(path, true, base).0.map_or_else(|_| path.to_owned(), |found| found.path);
        let entries =
            self.files.range(place.clone()..).take_while(|(below, _)| below.starts_with(&place));
        entries.map(|(_, entry)| Rc::clone(&entry.by)).collect()
    }

    /// What put an area as a whole in doubt.
    pub fn doubts(&self, area: Area) -> Uncertainty {
        let mut causes = self.taints.get(&area).map_or_else(Vec::new, |(_, causes)| causes.clone());
        if area == Area::Files {
            causes.extend(self.files.values().filter_map(|entry| entry.doubt.clone()));
        }
        causes.extend(
            self.states
                .iter()
                .filter(|((of, _), _)| *of == area)
                .filter_map(|(_, (_, doubt, _))| doubt.clone()),
        );
        causes
    }

    /// `lstat` or `stat` (`follow`) through the planned changes, and what puts the answer in doubt.
    pub fn look(
        &self,
        path: &Path,
        follow: bool,
        base: &dyn Query,
    ) -> (io::Result<Found>, Uncertainty) {
        let mut causes = Vec::new();
        let found = self.walk(path, follow, base, &mut causes);
        causes.dedup();
        (found, causes)
    }

    /// The names in a directory that the plan has changed, and what puts them in doubt.
    pub fn read_dir(
        &self,
        path: &Path,
        base: &dyn Query,
    ) -> (io::Result<Vec<OsString>>, Uncertainty) {
        let (found, mut causes) = self.look(path, true, base);
        let found = match found {
            Ok(found) if found.metadata.kind == FileKind::Directory => found,
            Ok(_) => return (Err(io::ErrorKind::NotADirectory.into()), causes),
            Err(error) => return (Err(error), causes),
        };
        let fresh = matches!(
            self.files.get(&found.path),
            Some(Entry { what: Planned::There { fresh: true, .. }, .. })
        );
        let mut names: std::collections::BTreeSet<OsString> =
            match (fresh, base.read_dir(&found.path)) {
                (true, _) | (false, Err(_)) => std::collections::BTreeSet::new(),
                (false, Ok(names)) => names.into_iter().collect(),
            };
        if !fresh && let Some((_, tainted)) = self.taints.get(&Area::Files) {
            causes.extend(tainted.iter().cloned());
        }
        for (path, entry) in
            self.files.range(found.path.clone()..).take_while(|(p, _)| p.starts_with(&found.path))
        {
            if path.parent() == Some(&found.path)
                && let Some(name) = path.file_name()
            {
                causes.extend(entry.doubt.clone());
                match entry.what {
                    Planned::Absent => names.remove(name),
                    Planned::There { .. } => names.insert(name.to_owned()),
                };
            }
        }
        (Ok(names.into_iter().collect()), causes)
    }

    /// Where a change to `path` happens: its parent with all links followed, and its own name.
    fn place(&self, path: &Path, base: &dyn Query) -> PathBuf {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => match self.look(parent, true, base).0 {
                Ok(found) => found.path.join(name),
                Err(_) => path.to_owned(),
            },
            _ => path.to_owned(),
        }
    }

    fn insert(&mut self, by: &Rc<str>, path: PathBuf, doubt: Option<Rc<str>>, what: Planned) {
        self.files.insert(path, Entry { at: self.clock, by: Rc::clone(by), doubt, what });
    }

    fn made(
        &mut self,
        kind: FileKind,
        mode: u32,
        uid: u32,
        gid: u32,
        size: u64,
        base: &dyn Query,
    ) -> Metadata {
        self.inodes += 1;
        // No real device has this number, so a planned file is never taken for a real one.
        let device = u64::MAX;
        Metadata {
            kind,
            mode,
            uid,
            gid,
            size,
            modified: base.now(),
            device,
            inode: self.inodes,
            links: 1,
        }
    }

    fn tainted(&self, area: Area) -> bool {
        self.taints.contains_key(&area)
    }

    /// Follows `path` part by part, as the kernel does, asking the overlay first at each step.
    fn walk(
        &self,
        path: &Path,
        follow: bool,
        base: &dyn Query,
        causes: &mut Uncertainty,
    ) -> io::Result<Found> {
        let mut ahead: Vec<OsString> = parts(path).rev().collect();
        let mut here = PathBuf::from("/");
        let mut found = self.step(&here, base, false, causes)?;
        let mut links = 0;
        let mut sealed = false;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                here.pop();
                found = self.step(&here, base, false, causes)?;
                sealed = false;
                continue;
            }
            if found.metadata.kind != FileKind::Directory {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            sealed |= self.fresh_directory(&here);
            let folder = Owned { uid: found.metadata.uid, mode: found.metadata.mode };
            here.push(part);
            found = self.step(&here, base, sealed, causes)?;
            if let Some(to) = found.to.clone().filter(|_| follow || !ahead.is_empty()) {
                let own = base.effective_uid();
                if let Some(why) = distrust(own, found.metadata.uid, folder, by_number) {
                    // The machine itself tells a link of the kernel's own file systems apart.
                    let refused = match base.stat(&here) {
                        Err(error) => RefusedPath::of(&error).is_some(),
                        Ok(_) => false,
                    };
                    if refused || found.by.is_some() {
                        return Err(not_followed(&here, &why).into());
                    }
                }
                links += 1;
                if links > 40 {
                    return Err(nix::errno::Errno::ELOOP.into());
                }
                here.pop();
                if to.is_absolute() {
                    here = PathBuf::from("/");
                }
                ahead.extend(parts(&to).rev());
                sealed = false;
                found = self.step(&here, base, false, causes)?;
            }
        }
        Ok(found)
    }

    fn fresh_directory(&self, path: &Path) -> bool {
        matches!(self.files.get(path), Some(Entry { what: Planned::There { fresh: true, metadata, .. }, .. })
            if metadata.kind == FileKind::Directory)
    }

    /// What lies at a path whose parent is already resolved. `sealed`: nothing of the real machine
    /// shows through here.
    fn step(
        &self,
        path: &Path,
        base: &dyn Query,
        sealed: bool,
        causes: &mut Uncertainty,
    ) -> io::Result<Found> {
        let entry = self.files.get(path);
        match (entry, self.taints.get(&Area::Files)) {
            (Some(entry), Some((tainted, by))) if *tainted > entry.at => {
                causes.extend(by.iter().cloned());
            }
            (Some(entry), _) => causes.extend(entry.doubt.clone()),
            // The directories above a path are in doubt only through what is found at its end, so
            // that a doubt is told once.
            (None, Some((_, by))) if !sealed => causes.extend(by.iter().cloned()),
            (None, _) => {}
        }
        match entry.map(|entry| &entry.what) {
            Some(Planned::Absent) => Err(io::ErrorKind::NotFound.into()),
            Some(Planned::There { metadata, content, to, fresh }) => {
                let by = entry.map(|entry| Rc::clone(&entry.by));
                Ok(Found {
                    path: path.to_owned(),
                    metadata: *metadata,
                    planned: fresh.then(|| content.clone()),
                    by,
                    to: to.clone(),
                })
            }
            None if sealed => Err(io::ErrorKind::NotFound.into()),
            None => {
                let metadata = base.lstat(path)?;
                let to =
                    (metadata.kind == FileKind::Link).then(|| base.read_link(path)).transpose()?;
                Ok(Found { path: path.to_owned(), metadata, planned: None, by: None, to })
            }
        }
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}
