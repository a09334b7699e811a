//! Doing what was planned to a managed file.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_contract::resource::{Apply, Effect};
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::content::Content;
use toque_machine::system::{Mounts, Ownership};

use super::verify::Verify;
use crate::shared::ownership::Attributes;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make room: remove a directory with all that is in it.
    Clear(PathBuf),
    /// Remove what is no directory, and what nobody wants a copy of.
    Unlink(PathBuf),
    /// Remove a file, of which a copy is kept.
    Remove {
        path: PathBuf,
        backup: usize,
    },
    Replace(Replacement),
    Attributes(Attributes),
    Touch(PathBuf),
}

/// New content for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub path: PathBuf,
    pub content: Content,
    /// What the file that goes live has.
    pub ownership: Ownership,
    pub verify: Rc<[Verify]>,
    /// How many earlier contents to keep; 0 when there is none yet.
    pub backup: usize,
    /// What has to change about the present file when it must be written in place.
    pub attributes: Option<Attributes>,
    /// Write into the present file, on demand.
    pub in_place: bool,
}

/// Does the steps in order.
/// # Errors
/// At the first that fails; a file whose replacement failed is what it was before.
pub(crate) fn apply<'a>(
    apply: &mut Apply<'_>,
    steps: impl IntoIterator<Item = &'a Step>,
) -> Result<Effect, Failure> {
    let mut effect = Effect::Unchanged;
    for step in steps {
        match step {
            Step::Clear(path) => {
                apply.system.remove_dir_all(path, Mounts::Stay).context("remove", path)?;
            }
            Step::Unlink(path) => apply.system.remove_file(path).context("remove", path)?,
            Step::Remove { path, backup } => {
                apply.back_up(path, *backup)?;
                apply.system.remove_file(path).context("remove", path)?;
            }
            Step::Replace(replacement) => replace(apply, replacement)?,
            Step::Attributes(attributes) => attributes.apply(apply)?,
            Step::Touch(path) => apply.system.touch(path).context("touch", path)?,
        }
        effect = Effect::Changed;
    }
    Ok(effect)
}

/// Stages the new file, has it accepted, keeps a copy of the old one, and only then lets it go
/// live.
fn replace(apply: &mut Apply<'_>, step: &Replacement) -> Result<(), Failure> {
    let path = &step.path;
    if step.in_place && !step.verify.iter().any(Verify::needs_file) {
        keep_copy(apply, step)?;
        write_in_place(apply, step)?;
        return apply.system.relabel(path, false);
    }
    let mut content = step.content.reader().context("read the new content of", path)?;
    let staged = apply.system.stage(path, &mut content, &step.ownership).context("write", path)?;
    note_lost(apply, path, &staged.lost);
    let staged = staged.path;
    let result = go_live(apply, step, &staged);
    // What went live is no longer under its staged name.
    if !matches!(result, Ok(Live::Renamed)) {
        let removed = apply.system.remove_file(&staged).context("remove", &staged);
        result.as_ref().map_err(Clone::clone)?;
        removed?;
    }
    apply.system.relabel(path, false)
}

/// How the new content took the place of the old.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    Renamed,
    InPlace,
}

fn go_live(apply: &mut Apply<'_>, step: &Replacement, staged: &Path) -> Result<Live, Failure> {
    let path = &step.path;
    step.verify.iter().try_for_each(|verify| verify.staged(apply, staged, path))?;
    keep_copy(apply, step)?;
    if !step.in_place {
        match apply.system.rename(staged, path) {
            Ok(()) => return Ok(Live::Renamed),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                apply.notes.push(format!(
                    "`{}` was written in place: it cannot be replaced, as a bind mount cannot",
                    path.display()
                ));
            }
            Err(error) => return Err(Failure::io("replace", path, &error)),
        }
    }
    write_in_place(apply, step)?;
    Ok(Live::InPlace)
}

fn keep_copy(apply: &mut Apply<'_>, step: &Replacement) -> Result<(), Failure> {
    if step.backup > 0 { apply.back_up(&step.path, step.backup) } else { Ok(()) }
}

/// Permissions first, so that new content is never readable by whom it is not for.
fn write_in_place(apply: &mut Apply<'_>, step: &Replacement) -> Result<(), Failure> {
    if let Some(attributes) = &step.attributes {
        attributes.apply(apply)?;
    }
    let mut content = step.content.reader().context("read the new content of", &step.path)?;
    let lost =
        apply.system.write_in_place(&step.path, &mut content).context("write into", &step.path)?;
    note_lost(apply, &step.path, &lost);
    Ok(())
}

fn note_lost(apply: &mut Apply<'_>, path: &Path, lost: &[String]) {
    apply.notes.extend(lost.iter().map(|name| {
        format!("`{}` has lost its attribute `{name}`, which it can no longer have", path.display())
    }));
}
