//! Looks at paths part by part, and at what is below folders.

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::geteuid;
use toque_core::failure::{Failure, FailureKind};

use super::Subject;
use super::rule::{Cause, Entry, EntryType, Way, cause};
use crate::accounts::Accounts;
use crate::system::HostSystem;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;
/// The settings in which owners are trusted.
const SETTINGS: &str = "/etc/toque/toque.toml";

/// The end of a walk.
pub(super) enum Stop {
    Untrusted(Untrusted),
    Io(PathBuf, io::Error),
}

/// An entry that is not trusted.
pub(super) struct Untrusted {
    at: PathBuf,
    entry: Entry,
    cause: Cause,
    owner: String,
    group: String,
    /// The owner as settings name one.
    key: String,
}

pub(super) type Result<T> = std::result::Result<T, Stop>;

/// A path without links that was found to be trusted.
pub(super) struct Reached {
    path: PathBuf,
    entry: Entry,
    /// The folder that it is in.
    way: Way,
}

/// A check of one subject.
pub(super) struct Walk<'a> {
    owners: &'a [u32],
    own: u32,
    accounts: OnceCell<Accounts>,
    /// Folders that were looked into.
    seen: HashSet<PathBuf>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(owners: &'a [u32]) -> Self {
        Self { owners, own: geteuid().as_raw(), accounts: OnceCell::new(), seen: HashSet::new() }
    }

    /// Looks at every part of a path; links are followed. `None` where nothing is at its end.
    pub(super) fn reach(&self, path: &Path) -> Result<Option<Reached>> {
        let whole = std::path::absolute(path).map_err(|error| Stop::Io(path.into(), error))?;
        let mut rest: VecDeque<OsString> = parts(&whole).collect();
        let mut trail = vec![self.root()?];
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            let Some(folder) = trail.last() else { break };
            if part == ".." {
                if trail.len() > 1 {
                    trail.pop();
                }
                continue;
            }
            if folder.entry.kind == EntryType::File {
                return Ok(None);
            }
            let way = folder.way.through(folder.entry, || self.excused(&folder.path, folder.entry));
            let at = folder.path.join(&part);
            let metadata = match at.symlink_metadata() {
                Ok(metadata) => metadata,
                // Another user could make it meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound && way.open => {
                    return Err(Stop::Io(at, error));
                }
                Err(error) => return absent(at, error),
            };
            let entry = entry(&metadata);
            self.judge(&at, entry, way)?;
            if entry.kind == EntryType::Link {
                links += 1;
                if links > MOST_LINKS {
                    return Ok(None);
                }
                let to = fs::read_link(&at).map_err(|error| Stop::Io(at, error))?;
                parts(&to).rev().for_each(|part| rest.push_front(part));
                if to.is_absolute() {
                    trail = vec![self.root()?];
                }
            } else {
                trail.push(Reached { path: at, entry, way });
            }
        }
        let end = trail.pop();
        match (links, &end) {
            (1.., Some(end)) if !is_same(&whole, &end.path) => {
                Err(Stop::Io(whole, io::Error::other("a link leads elsewhere than it says")))
            }
            _ => Ok(end),
        }
    }

    /// Looks at a folder whose entries are read by their names alone.
    pub(super) fn listed(&self, folder: Option<&Reached>) -> Result<()> {
        match folder {
            Some(Reached { path, entry, way }) if entry.kind == EntryType::Folder => {
                self.judge(path, Entry { kind: EntryType::Listed, ..*entry }, *way)
            }
            _ => Ok(()),
        }
    }

    /// Looks at all that is below a folder, `levels` deep at most.
    pub(super) fn below(&mut self, start: Option<Reached>, levels: usize) -> Result<()> {
        let mut left: Vec<(Reached, usize)> = start.into_iter().map(|one| (one, levels)).collect();
        while let Some((folder, levels)) = left.pop() {
            if folder.entry.kind != EntryType::Folder || !self.seen.insert(folder.path.clone()) {
                continue;
            }
            self.listed(Some(&folder))?;
            let Reached { path, entry: own, way } = folder;
            let way = way.through(own, || self.excused(&path, own));
            if levels == 0 {
                continue;
            }
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) => {
                    absent::<()>(path, error)?;
                    continue;
                }
            };
            for one in entries {
                let one = one.map_err(|error| Stop::Io(path.clone(), error))?;
                // Nothing is read from there.
                if one.file_name() == ".git" {
                    continue;
                }
                let at = one.path();
                let metadata = match one.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) => {
                        absent::<()>(at, error)?;
                        continue;
                    }
                };
                let entry = entry(&metadata);
                self.judge(&at, entry, way)?;
                match entry.kind {
                    EntryType::Folder => {
                        left.push((Reached { path: at, entry, way }, levels - 1));
                    }
                    EntryType::Link => {
                        left.extend(self.reach(&at)?.map(|reached| (reached, levels - 1)));
                    }
                    EntryType::File | EntryType::Listed => {}
                }
            }
        }
        Ok(())
    }

    fn root(&self) -> Result<Reached> {
        let path = PathBuf::from("/");
        let metadata = path.symlink_metadata().map_err(|error| Stop::Io(path.clone(), error))?;
        let (entry, way) = (entry(&metadata), Way { uid: 0, open: false, private: false });
        self.judge(&path, entry, way)?;
        Ok(Reached { path, entry, way })
    }

    fn trusts(&self, uid: u32) -> bool {
        uid == 0 || uid == self.own || self.owners.contains(&uid)
    }

    fn judge(&self, at: &Path, entry: Entry, way: Way) -> Result<()> {
        let found = cause(entry, way, |uid| self.trusts(uid), || self.excused(at, entry));
        let Some(cause) = found else { return Ok(()) };
        let accounts = self.accounts();
        let user = accounts.users.values().find(|user| user.uid == entry.uid);
        let group = accounts.groups.values().find(|group| group.gid == entry.gid);
        Err(Stop::Untrusted(Untrusted {
            at: at.to_owned(),
            entry,
            cause,
            owner: user.map_or_else(
                || format!("user {}", entry.uid),
                |user| format!("user `{}` ({})", user.name, entry.uid),
            ),
            group: group.map_or_else(
                || format!("group {}", entry.gid),
                |group| format!("group `{}` ({})", group.name, entry.gid),
            ),
            key: user.map_or_else(|| entry.uid.to_string(), |user| format!("\"{}\"", user.name)),
        }))
    }

    /// Returns true if no others than trusted users have the right that a group has to write an
    /// entry: the group is root's, or the owner's own, and no access list names others.
    fn excused(&self, at: &Path, entry: Entry) -> bool {
        match writers_of_list(at) {
            Ok(None) => self.is_own_group(entry.gid, Some(entry.uid)),
            Ok(Some(writers)) => writers.into_iter().all(|writer| match writer {
                Writer::Owning => self.is_own_group(entry.gid, Some(entry.uid)),
                Writer::User(uid) => self.trusts(uid),
                Writer::Group(gid) => self.is_own_group(gid, None),
            }),
            Err(_) => false,
        }
    }

    /// Returns true for the group of root, and for one that has the name of its only user, who is
    /// the owner.
    fn is_own_group(&self, gid: u32, owner: Option<u32>) -> bool {
        if gid == 0 {
            return true;
        }
        let accounts = self.accounts();
        let Some(group) = accounts.groups.values().find(|group| group.gid == gid) else {
            return false;
        };
        let of_name = accounts.users.get(&group.name);
        of_name.is_some_and(|user| {
            owner.is_none_or(|owner| owner == user.uid)
                && self.trusts(user.uid)
                && group.members.iter().all(|member| *member == user.name)
                && accounts.users.values().all(|other| other.gid != gid || other.uid == user.uid)
        })
    }

    fn accounts(&self) -> &Accounts {
        // Without accounts no group is known to be anybody's own.
        self.accounts.get_or_init(|| Accounts::read(&HostSystem::new()).unwrap_or_default())
    }
}

impl Stop {
    /// Returns true where nothing is there, and others could make it.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(_, error) if error.kind() == ErrorKind::NotFound)
    }

    /// Returns the error about a subject.
    pub(super) fn about(self, subject: Subject, path: &Path) -> Failure {
        let untrusted = match self {
            Self::Io(at, error) => return Failure::io("look at", &at, &error),
            Self::Untrusted(untrusted) => untrusted,
        };
        let Untrusted { at, entry, cause, owner, group, key } = untrusted;
        let (name, shown) = (subject.name(), path.display());
        let it = if at == path { "it".to_owned() } else { format!("`{}`", at.display()) };
        let why = match cause {
            Cause::Owner => format!("{owner} owns {it}"),
            Cause::Writers if entry.mode & 0o002 != 0 => format!("everybody can write {it}"),
            Cause::Writers => {
                format!("others in {group}, or named in its access list, can write {it}")
            }
            Cause::Link => format!("{it} is a symbolic link in a folder that others can write"),
        };
        let mut ways = vec![match cause {
            // A folder above, or elsewhere behind a link, has more than is asked about.
            Cause::Owner | Cause::Writers if !at.starts_with(path) => {
                "move it to a folder that only root can change".to_owned()
            }
            Cause::Owner => format!("give it to root: `chown -R root: {shown}`"),
            Cause::Writers => {
                format!("take the right from others: `chmod -R go-w {}`", at.display())
            }
            Cause::Link => "name the file that the link leads to".to_owned(),
        }];
        if cause == Cause::Owner {
            ways.push(format!(
                "trust its owner: `[trust]` with `owners = [{key}]` in `{SETTINGS}`"
            ));
        }
        if subject.is_of_run() {
            ways.push("trust it for this run: `--trust-repo`".to_owned());
        }
        Failure::new(format!(
            "{name} `{shown}` is not used, because it decides what toque runs, and {why}"
        ))
        .of_kind(FailureKind::Untrusted)
        .note(format!("`{}` belongs to {owner} and {group}, mode {:04o}", at.display(), entry.mode))
        .hint(ways.join("; or "))
    }
}

/// An entry of an access list that can write.
enum Writer {
    /// The group of the file.
    Owning,
    User(u32),
    Group(u32),
}

/// Reads who can write by the access list of a file, its owner left out; `None` without a list.
fn writers_of_list(path: &Path) -> io::Result<Option<Vec<Writer>>> {
    let mut bytes = [0; 4096];
    let length = match rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut bytes) {
        Ok(length) => length,
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let wrong = || io::Error::new(ErrorKind::InvalidData, "no access list of a known form");
    let (version, list) =
        bytes.get(..length).ok_or_else(wrong)?.split_at_checked(4).ok_or_else(wrong)?;
    if version != 2_u32.to_le_bytes() {
        return Err(wrong());
    }
    let mut writers = Vec::new();
    for one in list.chunks(8) {
        let [a, b, c, d, id @ ..] = one else { return Err(wrong()) };
        let id = u32::from_le_bytes(id.try_into().map_err(|_| wrong())?);
        if u16::from_le_bytes([*c, *d]) & 2 == 0 {
            continue;
        }
        match u16::from_le_bytes([*a, *b]) {
            0x02 => writers.push(Writer::User(id)),
            0x04 => writers.push(Writer::Owning),
            0x08 => writers.push(Writer::Group(id)),
            // The owner, the mask, and all others, who are in the mode.
            _ => {}
        }
    }
    Ok(Some(writers))
}

/// Returns true if a path leads to `end` for the kernel too. A link in `/proc` leads where no text
/// says: to a deleted file, or into another root.
fn is_same(path: &Path, end: &Path) -> bool {
    let file = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let led = path.metadata().map(file);
    led.is_ok_and(|led| end.symlink_metadata().is_ok_and(|end| led == file(end)))
}

/// What cannot be found cannot be read either, and is told of by those who try.
fn absent<T>(at: PathBuf, error: io::Error) -> Result<Option<T>> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(None),
        _ if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => Ok(None),
        _ => Err(Stop::Io(at, error)),
    }
}

fn entry(metadata: &Metadata) -> Entry {
    let kind = metadata.file_type();
    Entry {
        uid: metadata.uid(),
        gid: metadata.gid(),
        mode: metadata.mode() & 0o7777,
        kind: if kind.is_symlink() {
            EntryType::Link
        } else if kind.is_dir() {
            EntryType::Folder
        } else {
            EntryType::File
        },
    }
}

/// Returns the names in a path, without its root.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}
