//! Reading with the rights of another user.

use std::io;

use nix::sys::prctl::{get_dumpable, set_dumpable};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use toque_core::failure::{Failure, plain_io};

use crate::command::Command;
use crate::system::{HostSystem, process};

/// Does work on a thread that has the rights that the user `uid` has on files: his groups, and none
/// of root's capabilities for files. Nothing else of him: he cannot stop the thread or look into it.
/// `gid` is the group of a user without an account.
/// # Errors
/// When the rights cannot be taken on, or no thread can be started.
pub(super) fn with_rights_of<T: Send>(
    host: &HostSystem,
    uid: u32,
    gid: u32,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let (gid, groups) = groups_of(host, uid, gid)?;
    on_thread(uid, gid, &groups, work).map_err(|error| {
        let cause = plain_io(&error);
        Failure::new(format!("cannot take on the rights of user {uid}: {cause}"))
            .hint("see that toque may change users here: it needs the capabilities `CAP_SETUID` and `CAP_SETGID`")
    })?
}

fn on_thread<T: Send>(
    uid: u32,
    gid: Gid,
    groups: &[Gid],
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    // The kernel takes this from the whole process when a thread changes its rights; children open
    // files of this process, which then would need a capability that containers do not have.
    let dumpable = get_dumpable()?;
    let done = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, move || {
            let groups: Vec<_> =
                groups.iter().map(|group| rustix::process::Gid::from_raw(group.as_raw())).collect();
            rustix::thread::set_thread_groups(&groups)?;
            setfsgid(gid);
            setfsuid(Uid::from_raw(uid));
            // The calls have no errors: each answers what was there before.
            if setfsgid(gid) != gid || setfsuid(Uid::from_raw(uid)).as_raw() != uid {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            Ok(work())
        })?;
        // A thread that panicked has said so.
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread failed")))
    });
    if dumpable {
        set_dumpable(true)?;
    }
    done
}

/// The group of a user, and all his groups, as the program `id` knows them: it asks directories of
/// users as well.
fn groups_of(host: &HostSystem, uid: u32, gid: u32) -> Result<(Gid, Vec<Gid>), Failure> {
    /// `nogroup`, where root's would come with rights that nobody gave.
    const NO_GROUP: u32 = 65534;
    let output = process::run(host, &Command::new(["id", "-G", "--", &uid.to_string()]))?;
    let told = output.stdout();
    let groups: Vec<Gid> = if output.success() {
        told.split_whitespace().filter_map(|id| id.parse().ok()).map(Gid::from_raw).collect()
    } else {
        Vec::new()
    };
    let without_account = Gid::from_raw(if gid == 0 { NO_GROUP } else { gid });
    Ok((groups.first().copied().unwrap_or(without_account), groups))
}
