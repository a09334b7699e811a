//! Whose rights a path of this machine is read with. Whoever can change a folder on the way, or owns
//! a link on it, decides where it leads: root must not read for him what he may not read himself.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

use crate::system::{FileKind, Metadata, Query};

/// As many links as Linux follows.
const LINKS: usize = 40;

/// A user, other than root and toque's own, whose rights a path is read with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathOwner {
    pub uid: u32,
    /// What that user owns on the path, and what it is.
    pub owns: PathBuf,
    pub metadata: Metadata,
}

/// Returns the user who decides where paths lead, in whose name they are read; `None` if only root
/// and toque's own user do. The owner of a file at the end of a path decides nothing but its
/// content, which counts when `content` leads elsewhere too.
/// # Errors
/// When several users could, or a part of a path cannot be looked at.
pub fn path_owner(
    query: &dyn Query,
    paths: &[&Path],
    content: bool,
) -> Result<Option<PathOwner>, Failure> {
    let mut owner: Option<PathOwner> = None;
    for path in paths {
        for (here, metadata) in deciding(query, path)? {
            if !content && matches!(metadata.kind, FileKind::File | FileKind::Special) {
                continue;
            }
            let refuse = |why: String, hint: String| {
                let message = format!(
                    "cannot read `{}`: {why}, and could lead it to what only toque may read",
                    path.display()
                );
                Err(Failure::new(message)
                    .hint(format!("{hint}, or keep what is read in folders of root's")))
            };
            let shown = here.display();
            if is_open(query, &metadata)? {
                let why = format!("others can write to `{shown}` (mode {:04o})", metadata.mode);
                return refuse(why, format!("try `chmod go-w {shown}`"));
            }
            let uid = metadata.uid;
            if uid == 0 || uid == query.effective_uid() {
                continue;
            }
            match &owner {
                Some(owner) if owner.uid != uid => {
                    return refuse(
                        format!(
                            "users {} and {uid} own `{}` and `{shown}`",
                            owner.uid,
                            owner.owns.display()
                        ),
                        "let one of them own both".to_owned(),
                    );
                }
                Some(_) => {}
                None => owner = Some(PathOwner { uid, owns: here, metadata }),
            }
        }
    }
    Ok(owner)
}

/// The folders and links on the way to a path, and what lies at its end.
fn deciding(query: &dyn Query, path: &Path) -> Result<Vec<(PathBuf, Metadata)>, Failure> {
    let mut all = Vec::new();
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let (mut folder, mut links) = (PathBuf::from("/"), 0);
    all.push((folder.clone(), query.lstat(&folder).context("look at", &folder)?));
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            folder.pop();
            continue;
        }
        let here = folder.join(part);
        let metadata = match query.lstat(&here) {
            Ok(metadata) => metadata,
            // It ends here, whatever else the path names.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                break;
            }
            Err(error) => return Err(error).context("look at", &here),
        };
        match metadata.kind {
            FileKind::Directory => folder.clone_from(&here),
            FileKind::Link => {
                links += 1;
                if links > LINKS {
                    return Err(std::io::Error::from(nix::errno::Errno::ELOOP))
                        .context("read", path);
                }
                let to = query.read_link(&here).context("read the link", &here)?;
                parts(&to).rev().for_each(|part| rest.push_front(part));
                if to.is_absolute() {
                    folder = "/".into();
                }
            }
            FileKind::File | FileKind::Special => {
                all.push((here, metadata));
                break;
            }
        }
        all.push((here, metadata));
    }
    Ok(all)
}

/// Returns the names in a path, without its root.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

/// Returns true if others than its owner and root can write in something. What lies in a folder with
/// the sticky bit they cannot replace; and the group may be the owner's alone.
fn is_open(query: &dyn Query, found: &Metadata) -> Result<bool, Failure> {
    let written = found.mode & 0o022;
    let sticky = found.kind == FileKind::Directory && found.mode & 0o1000 != 0;
    if found.kind == FileKind::Link || sticky || written == 0 {
        return Ok(false);
    }
    Ok(written & 0o002 != 0 || !is_own_group(query, found.uid, found.gid)?)
}

/// Returns true if nobody but the user `uid` is in the group, as distributions set it up.
fn is_own_group(query: &dyn Query, uid: u32, gid: u32) -> Result<bool, Failure> {
    let lines = |path: &str| {
        let path = Path::new(path);
        let bytes = optional(query.read(path)).context("read", path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok::<_, Failure>(
            text.lines()
                .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
                .filter(|fields| fields.len() > 3)
                .collect::<Vec<_>>(),
        )
    };
    let (uid, gid) = (uid.to_string(), gid.to_string());
    let users = lines("/etc/passwd")?;
    let members: Vec<_> = users.iter().filter(|user| user[3] == gid).collect();
    let [user] = members.as_slice() else { return Ok(false) };
    let groups = lines("/etc/group")?;
    let mut others = groups
        .iter()
        .filter(|group| group[2] == gid)
        .flat_map(|group| group[3].split(','))
        .filter(|name| !name.is_empty() && *name != user[0]);
    Ok(user[2] == uid && others.next().is_none())
}
