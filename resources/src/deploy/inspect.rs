//! What is there of an app, and what its source has.

use std::io;
use std::path::{Path, PathBuf};

use toque_core::failure::{ErrorContext, Failure};
use toque_machine::source::ResolvedSource;
use toque_machine::system::{FileKind, Ownership, Query};
use toque_machine::temporary_name::is_temporary;
use toque_machine::view::View;

use super::layout::{MAKING, REMOVING, own_folder, release_name};
use super::record::Record;
use super::{Desired, Task, environment};
use crate::shared::optional::{self, lstat, of_another_user};
use crate::shared::ownership::{Declared, own_ids};

/// What `inspect` found.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(super) task: Task,
    /// The app's folder without links, when it is there.
    pub folder: Option<PathBuf>,
    /// Folders that are missing, outermost first.
    pub missing: Vec<PathBuf>,
    pub record: Record,
    /// The release that `current` leads to.
    pub current: Option<String>,
    /// The folders in `releases/` that can be one, in order.
    pub releases: Vec<String>,
    /// What a deploy that was killed has left.
    pub leftovers: Vec<PathBuf>,
    /// What the source has; looked at only to deploy.
    pub found: Option<ResolvedSource>,
    /// The revision that the source has and that is not deployed, because it was rolled back.
    pub held: Option<String>,
    /// The folders in `shared/` that are missing.
    pub shared: Vec<String>,
    /// What the environment's file is to be, when it is not.
    pub environment: Option<Vec<u8>>,
    /// The environment's file, when there is to be none any more.
    pub old_environment: Option<PathBuf>,
    /// Links of the current release that are missing or lead elsewhere, from `shared/` to the
    /// release.
    pub links: Vec<(String, String)>,
    /// Who the releases belong to.
    pub wanted: Ownership,
    /// Whom toque's own files belong to.
    pub own: (u32, u32),
}

/// # Errors
/// When it cannot be looked at, when it is not toque's alone, or when the source cannot be asked.
pub(crate) fn inspect(view: &View<'_>, desired: &Desired, task: Task) -> Result<State, Failure> {
    let layout = &desired.layout;
    let mut state = State {
        task,
        folder: None,
        missing: Vec::new(),
        record: Record::default(),
        current: None,
        releases: Vec::new(),
        leftovers: Vec::new(),
        found: None,
        held: None,
        shared: Vec::new(),
        environment: None,
        old_environment: None,
        links: Vec::new(),
        wanted: Ownership::default(),
        own: own_ids(view)?,
    };
    if task == Task::Nothing {
        return Ok(state);
    }
    for folder in [&layout.path, &layout.releases(), &layout.shared()] {
        match own_folder(view, folder)? {
            Some(found) if folder == &layout.path => state.folder = Some(found),
            Some(_) => {}
            None => missing(view, folder, &mut state.missing)?,
        }
    }
    if task == Task::Undeploy {
        if state.folder.is_some() && !looks_like_one(view, desired)? {
            let path = layout.path.display();
            return Err(Failure::new(format!("cannot undeploy `{path}`: it does not look like the folder of an app"))
                .hint("correct `path`; to remove the folder all the same, use `directory` with the action `delete`"));
        }
        let recorded = Record::read(view, &layout.record())?.and_then(|record| record.environment);
        let declared =
            desired.deploy.environment.is_some().then(|| desired.environment_file.clone());
        if let Some(file) = recorded.or(declared)
            && is_removable(view, &file)?
        {
            state.old_environment = Some(file);
        }
        return Ok(state);
    }
    history(view, desired, &mut state)?;
    let declared = Declared {
        owner: desired.deploy.owner.clone(),
        group: desired.deploy.group.clone(),
        mode: None,
    };
    state.wanted = declared.resolve(view)?;
    if state.wanted.uid.is_some() && state.wanted.gid.is_none() {
        state.wanted.gid = owner_group(view, desired)?;
    }
    if let (Task::Deploy { forced }, Some(source)) = (task, &desired.deploy.source) {
        let found = source.resolve(view)?;
        let name = release_name(&found.revision.id);
        state.held = held(&state, name).filter(|_| !forced);
        state.found = Some(found);
        circumstances(view, desired, &mut state)?;
    }
    Ok(state)
}

/// The folders above that are missing, and the folder itself.
fn missing(view: &View<'_>, folder: &Path, missing: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut found = Vec::new();
    for above in folder.ancestors() {
        if missing.iter().any(|known| known == above) {
            break;
        }
        match view.stat(above) {
            Ok(metadata) if metadata.kind == FileKind::Directory => break,
            Ok(_) => {
                return Err(Failure::new(format!(
                    "cannot deploy in `{}`: `{}` is not a directory",
                    folder.display(),
                    above.display()
                ))
                .hint("correct `path`, or remove what stands in the directory's place"));
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                found.insert(0, above.to_owned());
            }
            Err(error) => return Err(Failure::io("look at", above, &error)),
        }
    }
    missing.append(&mut found);
    Ok(())
}

/// The record, the releases and which of them is current.
fn history(view: &View<'_>, desired: &Desired, state: &mut State) -> Result<(), Failure> {
    let layout = &desired.layout;
    let record = Record::read(view, &layout.record())?;
    let current = layout.current();
    match lstat(view, &current)? {
        None => {}
        Some(found) if found.kind == FileKind::Link => {
            let to = view.read_link(&current).context("read the link", &current)?;
            state.current = Some(layout.release_of(&to).ok_or_else(|| {
                Failure::new(format!(
                    "`{}` leads to `{}`, which is no release of this app",
                    current.display(),
                    to.display()
                ))
                .hint("remove the link, or correct `path`")
            })?);
        }
        Some(_) => {
            return Err(Failure::new(format!(
                "`{}` is not a link to a release",
                current.display()
            ))
            .hint("move it away, or correct `path`"));
        }
    }
    state.record = record.unwrap_or_default();
    let making = state.record.making.clone();
    for name in list(view, &layout.releases())? {
        let path = layout.release(&name);
        let half = name.starts_with(MAKING) || name.starts_with(REMOVING);
        if half || making.as_ref() == Some(&name) && state.current.as_ref() != Some(&name) {
            state.leftovers.push(path);
        } else if !name.starts_with('.') && optional::is(view, &path, FileKind::Directory)? {
            state.releases.push(name);
        }
    }
    for folder in [layout.path.clone(), layout.shared()] {
        let staged = list(view, &folder)?.into_iter().filter(|name| is_temporary(name.as_ref()));
        state.leftovers.extend(staged.map(|name| folder.join(name)));
    }
    // What others deployed here is gone back to as well.
    if let Some(current) = &state.current {
        state.record.adopt(current);
    }
    Ok(())
}

/// The names in a folder that may not be there.
fn list(view: &View<'_>, folder: &Path) -> Result<Vec<String>, Failure> {
    let names = optional::read_dir(view, folder)?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// The revision in few words, when its release was rolled back and an earlier one is current.
fn held(state: &State, name: &str) -> Option<String> {
    let (current, left) = (state.record.place(state.current.as_ref()?)?, state.record.place(name)?);
    let release = &state.record.releases[left];
    let words = release.revision.split(" (").next().unwrap_or_default().to_owned();
    (release.rolled_back && current < left).then_some(words)
}

/// The group of the owner, which what he makes has.
fn owner_group(view: &View<'_>, desired: &Desired) -> Result<Option<u32>, Failure> {
    let Some(owner) = &desired.deploy.owner else { return Ok(None) };
    Ok(view.accounts()?.user(view, &owner.to_string())?.map(|user| user.gid))
}

/// What belongs to the app beside its releases.
fn circumstances(view: &View<'_>, desired: &Desired, state: &mut State) -> Result<(), Failure> {
    let layout = &desired.layout;
    let shared = layout.shared();
    for folder in &desired.deploy.shared {
        let path = shared.join(folder);
        // What lies deeper is made by the owner.
        if of_another_user(view.stat(&path)).context("look at", &path)?.is_none() {
            state.shared.push(folder.clone());
        }
    }
    if let Some(environment) = &desired.deploy.environment {
        let file = &desired.environment_file;
        let folder = file.parent().unwrap_or(file);
        if !state.missing.iter().any(|missing| missing == folder)
            && own_folder(view, folder)?.is_none()
        {
            return Err(Failure::new(format!(
                "cannot write `{}`: the directory `{}` does not exist",
                file.display(),
                folder.display()
            ))
            .hint(format!("declare `directory(\"{}\")` before this resource", folder.display())));
        }
        let text = environment::text(environment).into_bytes();
        state.environment = (!is_file(view, file, &text, state)?).then_some(text);
    } else if let Some(file) = &state.record.environment
        && is_removable(view, file)?
    {
        state.old_environment = Some(file.clone());
    }
    if let Some(current) = &state.current {
        let release = layout.release(current);
        let links = desired
            .deploy
            .symlink_before_migrate
            .iter()
            .map(|(shared, place)| (shared.as_str(), place.as_str()));
        for (from, place) in links.chain(desired.symlinks()) {
            let path = release.join(place);
            let link = of_another_user(view.lstat(&path)).context("look at", &path)?;
            let to = match link {
                Some(link) if link.kind == FileKind::Link => optional::read_link(view, &path)?,
                _ => None,
            };
            if to != Some(shared.join(from)) {
                state.links.push((from.to_owned(), place.to_owned()));
            }
        }
    }
    Ok(())
}

/// Whether the environment's file has this content, and nobody else may read it.
fn is_file(view: &View<'_>, path: &Path, content: &[u8], state: &State) -> Result<bool, Failure> {
    let Some(found) = lstat(view, path)? else { return Ok(false) };
    if found.kind == FileKind::Directory {
        return Err(Failure::new(format!("cannot write `{}`: it is a directory", path.display()))
            .hint("correct `environment_file`"));
    }
    let (uid, gid) =
        (state.wanted.uid.unwrap_or(state.own.0), state.wanted.gid.unwrap_or(state.own.1));
    if found.kind != FileKind::File || (found.mode, found.uid, found.gid) != (0o600, uid, gid) {
        return Ok(false);
    }
    Ok(found.size == content.len() as u64 && view.read(path).context("read", path)? == content)
}

/// Whether a file is there that can have been written for the environment: nobody but its owner may
/// look into it.
fn is_removable(view: &View<'_>, path: &Path) -> Result<bool, Failure> {
    if own_folder(view, path.parent().unwrap_or(path))?.is_none() {
        return Ok(false);
    }
    match lstat(view, path)? {
        Some(found) if found.kind == FileKind::Directory => Err(Failure::new(format!(
            "cannot remove the environment's file `{}`: it is a directory",
            path.display()
        ))
        .hint("correct `environment_file`")),
        Some(found) => Ok(found.kind == FileKind::File && found.mode & 0o077 == 0),
        None => Ok(false),
    }
}

/// Whether a folder was made by deployments: it has their record, or what every app's folder has
/// and nothing else that matters.
fn looks_like_one(view: &View<'_>, desired: &Desired) -> Result<bool, Failure> {
    let layout = &desired.layout;
    // The record is what is left last.
    let recorded = Record::read(view, &layout.record())?.is_some();
    let has_releases = optional::is(view, &layout.releases(), FileKind::Directory)?;
    let is_link = optional::is(view, &layout.current(), FileKind::Link)?;
    let known = |name: &String| {
        matches!(name.as_str(), "releases" | "current" | "shared" | "repo")
            || is_temporary(name.as_ref())
    };
    let names = list(view, &layout.path)?;
    let only_record =
        recorded && names.iter().all(|name| layout.path.join(name) == layout.record());
    Ok(names.is_empty()
        || only_record
        || has_releases && (recorded || is_link || names.iter().all(known)))
}
