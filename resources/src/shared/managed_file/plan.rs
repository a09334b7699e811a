//! What has to be done to a managed file.

use std::path::Path;
use std::rc::Rc;

use toque_contract::resource::Change;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::areas::Area;
use toque_machine::content::Content;
use toque_machine::planned::PlannedEffect;
use toque_machine::system::{FileKind, Metadata, Ownership};

use super::apply::{Replacement, Step};
use super::diff::{TOO_LARGE, content_diff};
use super::inspect::{Current, Folder, Found, New, Obstacle, Old, State};
use super::{FileAction, ManagedFile};
use crate::shared::ownership::{Attributes, difference_words, final_mode};

/// The changes that an action needs. `content` is what the file must hold, when that is managed.
/// # Errors
/// When something is in the way, the folder is missing, or the content is not what it must be.
pub(crate) fn plan(
    desired: &ManagedFile,
    content: Option<&Content>,
    action: FileAction,
    state: &State,
) -> Result<Vec<Change<Step>>, Failure> {
    match &state.found {
        Found::Settled => return Ok(Vec::new()),
        Found::Removable(kind) => return remove(desired, *kind),
        _ => content.map_or(Ok(()), |content| has_checksum(desired, content))?,
    }
    let mut changes = match &state.found {
        Found::Settled | Found::Removable(_) => Vec::new(),
        Found::Nothing(new) => vec![create(desired, content, state, *new)?],
        Found::InTheWay(obstacle, _) if !desired.force_unlink => {
            return Err(in_the_way(&desired.path, obstacle));
        }
        Found::InTheWay(obstacle, new) => {
            vec![unlink(&desired.path, obstacle), create(desired, content, state, *new)?]
        }
        Found::File { metadata, content: current, lost } => {
            update(desired, content, state, (metadata, current, lost))?.into_iter().collect()
        }
    };
    let written = changes.iter().any(|change| matches!(change.step, Step::Replace(_)));
    if action == FileAction::Touch && !written {
        changes.push(touch(desired, state));
    }
    Ok(changes)
}

fn create(
    desired: &ManagedFile,
    content: Option<&Content>,
    state: &State,
    new: New,
) -> Result<Change<Step>, Failure> {
    let path = &desired.path;
    let folder = path.parent().unwrap_or(path).display();
    match new.folder {
        Folder::There => {}
        Folder::Missing => {
            return Err(Failure::new(format!(
                "cannot create `{}`: the directory `{folder}` does not exist",
                path.display()
            ))
            .hint(format!(
                "declare `directory(\"{folder}\")` before this resource, or correct the path"
            )));
        }
        Folder::NotADirectory => {
            return Err(Failure::new(format!(
                "cannot create `{}`: `{folder}` is not a directory",
                path.display()
            ))
            .hint("correct the path, or remove what stands in the directory's place"));
        }
    }
    let empty = Content::from("");
    let content = content.unwrap_or(&empty);
    accepted(desired, content)?;
    let mode = state.wanted.mode.unwrap_or(desired.new_mode);
    let with = desired.declared.words(" with ");
    let step = Replacement {
        path: path.clone(),
        content: content.clone(),
        ownership: Ownership {
            mode: Some(mode),
            gid: state.wanted.gid.or(new.setgid),
            ..state.wanted
        },
        verify: Rc::clone(&desired.verify),
        backup: 0,
        attributes: None,
        in_place: false,
    };
    let first_diff = match content.is_empty() {
        true => None,
        false => Some(content_diff(path, b"", content)?),
    };
    Ok(Change::new(format!("create file `{}`{with}", path.display()), Step::Replace(step))
        .diff(first_diff)
        .provides(PlannedEffect::File {
            path: path.clone(),
            content: Some(content.clone()),
            mode,
            uid: state.wanted.uid.unwrap_or(new.uid),
            gid: state.wanted.gid.or(new.setgid).unwrap_or(new.gid),
        })
        .touches(Area::Files))
}

fn update(
    desired: &ManagedFile,
    content: Option<&Content>,
    state: &State,
    (metadata, current, lost): (&Metadata, &Current, &[String]),
) -> Result<Option<Change<Step>>, Failure> {
    let wanted = &state.wanted;
    let attributes = || Attributes::difference(managed_path(desired, state), metadata, wanted);
    let (Current::Other(old), Some(content)) = (current, content) else {
        return Ok(
            attributes().map(|attributes| change_attributes(desired, state, metadata, attributes))
        );
    };
    accepted(desired, content)?;
    let path = managed_path(desired, state);
    let ownership = Ownership {
        uid: Some(wanted.uid.unwrap_or(metadata.uid)),
        gid: Some(wanted.gid.unwrap_or(metadata.gid)),
        mode: Some(final_mode(metadata, wanted)),
    };
    let mut words = difference_words(&desired.declared, metadata, wanted, &state.names);
    if !lost.is_empty() {
        words.push(format!("which loses `{}`", lost.join("`, `")));
    }
    let also = if words.is_empty() { String::new() } else { format!(", {}", words.join(", ")) };
    let step = Replacement {
        path: path.to_owned(),
        content: content.clone(),
        ownership,
        verify: Rc::clone(&desired.verify),
        backup: desired.backup,
        attributes: attributes(),
        in_place: !desired.atomic,
    };
    let old_text = match old {
        Old::Small(old) => content_diff(path, old, content)?,
        Old::Large => TOO_LARGE.to_owned(),
        Old::Unknown => "(not compared: an earlier resource makes the present content)".to_owned(),
    };
    let provide = PlannedEffect::File {
        path: path.to_owned(),
        content: Some(content.clone()),
        mode: final_mode(metadata, wanted),
        uid: wanted.uid.unwrap_or(metadata.uid),
        gid: wanted.gid.unwrap_or(metadata.gid),
    };
    let change =
        Change::new(format!("update file {}{also}", name(desired, state)), Step::Replace(step))
            .diff(old_text)
            .provides(provide)
            .touches(Area::Files);
    let change = if desired.backup > 0 { change.backs_up(path) } else { change };
    Ok(Some(if desired.atomic { change } else { other_names(change, metadata) }))
}

fn change_attributes(
    desired: &ManagedFile,
    state: &State,
    metadata: &Metadata,
    attributes: Attributes,
) -> Change<Step> {
    let words =
        difference_words(&desired.declared, metadata, &state.wanted, &state.names).join(", ");
    let effect = attributes.effect(metadata);
    let change = Change::new(
        format!("change file {}: {words}", name(desired, state)),
        Step::Attributes(attributes),
    );
    other_names(change.provides(effect).touches(Area::Files), metadata)
}

fn touch(desired: &ManagedFile, state: &State) -> Change<Step> {
    let path = managed_path(desired, state).to_owned();
    let change =
        Change::new(format!("touch file {}", name(desired, state)), Step::Touch(path.clone()))
            .touches(Area::Files);
    match &state.found {
        Found::File { metadata, .. } => {
            let wanted = &state.wanted;
            let (uid, gid) =
                (wanted.uid.unwrap_or(metadata.uid), wanted.gid.unwrap_or(metadata.gid));
            let mode = final_mode(metadata, wanted);
            other_names(
                change.provides(PlannedEffect::Attributes { path, mode, uid, gid, touched: true }),
                metadata,
            )
        }
        _ => change,
    }
}

fn unlink(path: &Path, obstacle: &Obstacle) -> Change<Step> {
    let (what, step) = match obstacle {
        Obstacle::Directory => ("directory", Step::Clear(path.to_owned())),
        Obstacle::Special => ("special file", Step::Unlink(path.to_owned())),
        Obstacle::Link(_) => ("symbolic link", Step::Unlink(path.to_owned())),
    };
    Change::new(format!("remove the {what} at `{}`", path.display()), step)
        .provides(PlannedEffect::Absent { path: path.to_owned() })
        .touches(Area::Files)
}

fn remove(desired: &ManagedFile, kind: FileKind) -> Result<Vec<Change<Step>>, Failure> {
    let path = desired.path.clone();
    let backs_up = kind == FileKind::File && desired.backup > 0;
    let step = match kind {
        FileKind::Directory => {
            return Err(Failure::new(format!(
                "cannot delete `{}`: it is a directory, not a file",
                path.display()
            ))
            .hint("use `directory` with the action `delete`"));
        }
        FileKind::File if backs_up => Step::Remove { path: path.clone(), backup: desired.backup },
        _ => Step::Unlink(path.clone()),
    };
    let what = if kind == FileKind::Link { "symbolic link" } else { "file" };
    let change = Change::new(format!("delete {what} `{}`", path.display()), step);
    let change = if backs_up { change.backs_up(&path) } else { change };
    Ok(vec![change.provides(PlannedEffect::Absent { path }).touches(Area::Files)])
}

/// A change in place shows under every other name of the file, wherever that is.
fn other_names(change: Change<Step>, metadata: &Metadata) -> Change<Step> {
    if metadata.links > 1 {
        change.provides(PlannedEffect::Anything(Area::Files.into()))
    } else {
        change
    }
}

fn has_checksum(desired: &ManagedFile, content: &Content) -> Result<(), Failure> {
    let Some(declared) = &desired.checksum else { return Ok(()) };
    let actual = content.sha256().context("read the new content of", &desired.path)?;
    if actual == *declared {
        return Ok(());
    }
    Err(Failure::new(format!("the new content of `{}` does not have its checksum", desired.path.display()))
        .note(format!("declared: {declared}\ncontent:  {actual}"))
        .hint("correct `checksum` (all 64 digits), or find out why the content is another; the file was left as it is"))
}

fn accepted(desired: &ManagedFile, content: &Content) -> Result<(), Failure> {
    desired.verify.iter().try_for_each(|verify| verify.content(&desired.path, content))
}

fn in_the_way(path: &Path, obstacle: &Obstacle) -> Failure {
    let (what, hint) = match obstacle {
        Obstacle::Link(refusal) => {
            let hint = "set `force_unlink: true` to replace the link by a file, or declare the file where it should be";
            return refusal.failure(path, "file", hint);
        }
        Obstacle::Directory => {
            ("a directory", "set `force_unlink: true` to replace it, with all that is in it")
        }
        Obstacle::Special => ("a device, socket or pipe", "set `force_unlink: true` to replace it"),
    };
    Failure::new(format!("`{}` is {what}, not a file", path.display()))
        .hint(format!("{hint}, or correct the path"))
}

/// The path that is changed: where a followed link leads.
fn managed_path<'a>(desired: &'a ManagedFile, state: &'a State) -> &'a Path {
    state.target.as_ref().unwrap_or(&desired.path)
}

fn name(desired: &ManagedFile, state: &State) -> String {
    match &state.target {
        None => format!("`{}`", desired.path.display()),
        Some(target) => {
            format!("`{}`, where the link `{}` leads", target.display(), desired.path.display())
        }
    }
}
