//! The folder that a source's content goes into.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toque_engine::command::{Command, Identity};
use toque_engine::failure::{Attempting, Failure};
use toque_engine::resource::Apply;
use toque_engine::system::{FileKind, Metadata, Ownership, Query};
use toque_engine::view::View;

use crate::way::way;

/// What is there of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Nothing, in a folder that is there.
    Nothing,
    /// An empty folder.
    Empty,
    /// A folder with something in it.
    Folder,
}

/// # Errors
/// When something else is there, or the folder above it is not.
pub fn look(view: &View<'_>, path: &Path) -> Result<Destination, Failure> {
    match view.lstat(path) {
        Ok(Metadata { kind: FileKind::Directory, .. }) => {
            let empty = view.read_dir(path).attempting("read directory", path)?.is_empty();
            Ok(if empty { Destination::Empty } else { Destination::Folder })
        }
        Ok(Metadata { kind, .. }) => {
            let what = if kind == FileKind::Link { "a symbolic link" } else { "no directory" };
            Err(Failure::new(format!("cannot fill `{}`: it is {what}", path.display()))
                .hint("give the path of a directory, or remove what is there"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path);
            match view.stat(parent) {
                Ok(Metadata { kind: FileKind::Directory, .. }) => Ok(Destination::Nothing),
                Ok(_) => Err(Failure::new(format!(
                    "cannot make `{}`: `{}` is not a directory",
                    path.display(),
                    parent.display()
                ))
                .hint("correct the path")),
                Err(_) => Err(Failure::new(format!(
                    "cannot make `{}`: there is no directory `{}`",
                    path.display(),
                    parent.display()
                ))
                .hint("declare the directory before this resource")),
            }
        }
        Err(error) => Err(error).attempting("look at", path),
    }
}

/// Where what is to be put into a folder is made first, and who puts it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The innermost folder above that nobody but toque can change.
    pub safe: PathBuf,
    /// The user who decides where the path leads, and so does there himself what is done. `None`:
    /// toque's own.
    pub by: Option<u32>,
}

/// Where a folder lies, for content that is the user's `uid`.
/// # Errors
/// When somebody else decides where the path leads.
pub fn ground(
    view: &View<'_>,
    path: &Path,
    uid: Option<u32>,
    property: &str,
) -> Result<Ground, Failure> {
    let above = way(view, path.parent().unwrap_or(path), uid)?;
    match above.fault {
        None if above.is_safe() => Ok(Ground { safe: above.safe, by: None }),
        None => Ok(Ground { safe: above.safe, by: uid }),
        Some(why) => Err(Failure::new(format!("cannot fill `{}`: {why} and could lead toque anywhere by a link", path.display()))
            .hint(format!("set `{property}` to the user whose folder it is, if only he can write there, or use a path whose folders are root's, with mode 0755"))),
    }
}

/// A folder to fill, with the names that it needs meanwhile.
pub struct Site<'a> {
    path: &'a Path,
    safe: &'a Path,
    /// Who puts it in place, where that is not toque itself.
    by: Option<Identity>,
    /// Whom everything is for.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl<'a> Site<'a> {
    /// A group that is not declared is the owner's. What a run that was killed has left is removed.
    /// # Errors
    /// When that cannot be removed, or there is no such user.
    pub fn of(
        apply: &Apply<'_>,
        path: &'a Path,
        ground: &'a Ground,
        owner: &Ownership,
    ) -> Result<Self, Failure> {
        let (uid, mut gid) = (owner.uid, owner.gid);
        let mut by = None;
        if let Some(uid) = uid.filter(|_| ground.by.is_some() || gid.is_none()) {
            let group = gid.map(|gid| gid.to_string());
            let accounts = apply.view.accounts()?;
            let identity = accounts.identity(
                apply.system.as_query(),
                Some(&uid.to_string()),
                group.as_deref(),
            )?;
            gid = gid.or(identity.gid);
            by = ground.by.map(|_| identity);
        }
        let site = Self { path, safe: &ground.safe, by, uid, gid };
        remove(apply, &site.making())?;
        if site.by.is_none() {
            remove(apply, &site.old())?;
        }
        Ok(site)
    }

    /// Where it is made: nobody else can enter there.
    pub fn making(&self) -> PathBuf {
        self.safe.join(format!(".toque-new-{}", self.name()))
    }

    fn old(&self) -> PathBuf {
        self.path.with_file_name(format!(".toque-old-{}", self.name()))
    }

    fn name(&self) -> String {
        let name = self
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        name.trim_start_matches('.').to_owned()
    }

    /// Puts what was made in the place of what is there, which stays as it is until then.
    /// # Errors
    /// When it cannot be put there; then what was made is gone.
    pub fn put(&self, apply: &Apply<'_>, there: Destination) -> Result<(), Failure> {
        let put = match &self.by {
            None => self.put_ourselves(apply, there),
            Some(by) => self.put_by(apply, by),
        };
        if put.is_err() || self.by.is_some() {
            let removed = remove(apply, &self.making());
            return put.and(removed);
        }
        put
    }

    fn put_ourselves(&self, apply: &Apply<'_>, there: Destination) -> Result<(), Failure> {
        let (system, path, old) = (apply.system, self.path, self.old());
        match there {
            Destination::Nothing => {}
            Destination::Empty => system.remove_dir(path).attempting("remove directory", path)?,
            Destination::Folder => system.rename(path, &old).attempting("move away", path)?,
        }
        system.rename(&self.making(), path).attempting("put in place", path).inspect_err(|_| {
            if there == Destination::Folder {
                // The first error is the one to tell.
                let _ = system.rename(&old, path);
            }
        })?;
        system.relabel(path, true)?;
        remove(apply, &old)
    }

    fn put_by(&self, apply: &Apply<'_>, by: &Identity) -> Result<(), Failure> {
        let (new, path) = (self.making(), self.path);
        let (staged, old) =
            (path.with_file_name(format!(".toque-new-{}", self.name())), self.old());
        let [from, to, staged, old] = [&new, path, &staged, &old].map(Path::to_str);
        let (Some(from), Some(to), Some(staged), Some(old)) = (from, to, staged, old) else {
            return Err(no_text(path));
        };
        let mut command = Command::new(["sh", "-c", PUT, "sh", from, to, staged, old]);
        command.cwd = Some("/".into());
        command.identity = Some(by.clone());
        command.umask = Some(0o022);
        let output = apply.output(&command)?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "cannot fill `{}` as the user whose folder it is in: {}",
            path.display(),
            output.stderr().trim_end()
        )))
    }
}

/// What the user does in a folder of his own: root would follow whatever link he has put in the
/// way.
const PUT: &str = r#"set -eu
rm -rf -- "$3" "$4"
cp -RPp -- "$1" "$3"
sync -f -- "$3"
if [ -d "$2" ]; then mv -T -- "$2" "$4"; fi
mv -T -- "$3" "$2"
rm -rf -- "$4""#;

fn remove(apply: &Apply<'_>, path: &Path) -> Result<(), Failure> {
    match apply.system.lstat(path) {
        Ok(_) => apply.system.remove_dir_all(path).attempting("remove", path),
        Err(_) => Ok(()),
    }
}

fn no_text(path: &Path) -> Failure {
    Failure::new(format!("cannot fill `{}`: the path is not UTF-8", path.display()))
        .hint("use another path")
}

/// Copies a folder over another as the other's owner, who could have led its parts anywhere.
/// # Errors
/// When it cannot be copied in full.
pub fn copy_over(
    apply: &Apply<'_>,
    from: &Path,
    to: &Path,
    owner: &Metadata,
) -> Result<(), Failure> {
    let (Some(source), Some(target)) = (from.to_str(), to.to_str()) else {
        return Err(no_text(to));
    };
    let mut command =
        Command::new(["cp", "-a", "--remove-destination", "--", &format!("{source}/."), target]);
    command.cwd = Some("/".into());
    if owner.uid == apply.system.effective_uid() {
        apply.run(&command)?;
        return apply.system.sync(to).attempting("sync the file system of", to);
    }
    command.identity = Some(apply.view.accounts()?.owner(apply.system.as_query(), owner)?);
    apply.run(&command)?;
    // Root would open what the owner has put there.
    command.argv = ["sync", "-f", "--", target].map(str::to_owned).to_vec();
    apply.run(&command).map(|_| ())
}
