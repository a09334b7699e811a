//! Reading with the rights of another user.

use toque_core::failure::{Failure, plain_io};

use crate::command::Command;
use crate::system::rights::{NO_GROUP, Rights, with_rights};
use crate::system::{HostSystem, process};

/// Calls `work` with the rights that the user `uid` has on files, with those of that user's groups.
/// `gid` is the group of a user without an account.
/// # Errors
/// When the rights cannot be taken, and as `work`.
pub(super) fn with_rights_of<T>(
    host: &HostSystem,
    uid: u32,
    gid: u32,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let rights = rights_of(host, uid, gid)?;
    with_rights(&rights, || Ok(work())).map_err(|error| {
        let cause = plain_io(&error);
        Failure::new(format!("cannot take on the rights of user {uid}: {cause}"))
            .hint("see that toque may change users here: it needs the capabilities `CAP_SETUID` and `CAP_SETGID`")
    })?
}

/// Returns the rights of a user with all groups, as the program `id` knows them: it asks
/// directories of users as well.
fn rights_of(host: &HostSystem, uid: u32, gid: u32) -> Result<Rights, Failure> {
    let output = process::run(host, &Command::new(["id", "-G", "--", &uid.to_string()]))?;
    let stdout = output.stdout();
    let groups: Vec<u32> = if output.success() {
        stdout.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    } else {
        Vec::new()
    };
    // Root's group would come with rights that nobody gave.
    let without_account = if gid == 0 { NO_GROUP } else { gid };
    Ok(Rights { uid, gid: groups.first().copied().unwrap_or(without_account), groups })
}
