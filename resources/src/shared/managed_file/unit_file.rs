//! Having systemd judge a unit file before it goes live.

use std::path::Path;

use crate::shared::optional::exists;
use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::command::Command;
use toque_machine::system::{Mounts, Ownership};
use toque_machine::temporary_name::make_in;

/// Shows `systemd-analyze` the new content of `path`. Where that program is not installed there is
/// nobody to ask.
/// # Errors
/// When it does not accept it, or the copy for it cannot be made.
pub(crate) fn accepted_by_systemd(
    apply: &Apply<'_>,
    path: &Path,
    content: &[u8],
) -> Result<(), Failure> {
    let system = apply.system;
    if !exists(system.as_query(), Path::new("/usr/bin/systemd-analyze"))? {
        return Ok(());
    }
    let above = above(system.effective_uid(), path);
    let (folder, ()) =
        make_in(above, "verify", |folder| system.create_dir(folder, &Ownership::of_mode(0o700)))
            .context("create a directory in", above)?;
    let result = judge(apply, &folder, path, content);
    let removed = system.remove_dir_all(&folder, Mounts::Stay).context("remove", &folder);
    result.and(removed)
}

/// A unit is judged by the name of its file too, so that the copy has a folder of its own. That of
/// root is where nobody else can put something in its place.
fn above(uid: u32, path: &Path) -> &Path {
    if uid == 0 { Path::new("/run") } else { path.parent().unwrap_or(path) }
}

fn judge(apply: &Apply<'_>, folder: &Path, path: &Path, content: &[u8]) -> Result<(), Failure> {
    let copy = folder.join(path.file_name().unwrap_or(path.as_os_str()));
    apply.system.replace(&copy, content, &Ownership::default()).context("write", &copy)?;
    let of_users = path.parent().is_some_and(|folder| folder.ends_with("systemd/user"));
    let scope = if of_users { "--user" } else { "--system" };
    // For a user it wants a folder of the session, which a run that nobody logged in for has not.
    let command = Command::new([
        "systemd-analyze",
        scope,
        "--man=no",
        "verify",
        "--",
        &copy.display().to_string(),
    ])
    .env("XDG_RUNTIME_DIR", folder.display().to_string());
    let output = apply.output(&command)?;
    if output.success() {
        return Ok(());
    }
    let mut failure = output.failure(&command, apply.sensitive);
    failure.message =
        format!("the new content of `{}` is not a unit file that systemd accepts", path.display());
    Err(failure.hint("correct the content, or leave out `verify` when what it names comes only later; the file was left as it is"))
}
