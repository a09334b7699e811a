//! What a host leaves behind, and how it is cleared away.
//!
//! `systemd-nspawn` cleans up after a machine that shuts down, but a test host is killed, and its
//! owner may be killed too, at any moment. So nothing here relies on what the owner knew: the
//! processes of a host are known by the root they have, everything else by the host's name.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{major, minor};
use nix::unistd::Pid;

use crate::name::Name;
use crate::{cgroup, machine};

/// Where hosts are, while they are.
pub(crate) const DIRECTORY: &str = "/run/toque-test";

/// What nspawn keeps for a machine, beside its root.
const NSPAWN: [&str; 2] = ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export"];

/// The directory of a host.
pub(crate) fn directory(name: &Name) -> PathBuf {
    Path::new(DIRECTORY).join("hosts").join(name.as_str())
}

/// The root of a host, as this machine sees it.
pub(crate) fn root(name: &Name) -> PathBuf {
    directory(name).join("root")
}

/// Clears away the hosts whose owners are dead. Every boot does this first.
pub fn sweep() {
    for name in names().into_iter().filter(Name::is_orphan) {
        if let Err(problem) = clear(&name) {
            panic!("{name}, whose owner is dead, could not be cleared away: {problem}");
        }
    }
}

/// What is there of the host called `name`: processes, mounts, cgroups and directories.
pub fn remains(name: &str) -> Vec<String> {
    let Some(name) = Name::parse(name) else {
        return Vec::new();
    };
    let processes = processes(&name).into_iter().map(|pid| format!("process {pid}"));
    let mounts = mounts(&name).into_iter().map(|point| format!("mount {}", point.display()));
    let cgroups = cgroup::of(&name).into_iter().map(|group| format!("cgroup {}", group.display()));
    let directories =
        directories(&name).into_iter().map(|path| format!("directory {}", path.display()));
    processes.chain(mounts).chain(cgroups).chain(directories).collect()
}

/// Ends a host and removes all of it.
pub(crate) fn clear(name: &Name) -> Result<(), String> {
    end(name)?;
    forget_lock(name);
    for point in mounts(name).into_iter().rev() {
        unmount(&point)?;
    }
    for group in cgroup::of(name) {
        cgroup::remove(&group)?;
    }
    // Nothing is mounted beneath these any more.
    for path in directories(name) {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Kills the processes of a host until none is left.
///
/// The leader takes all others with it, and nspawn goes when its leader has gone, tidying up
/// some of its own; it is only killed if it does not. (Without the leader, killing it would not
/// end the host.)
fn end(name: &Name) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let (inside, nspawn) = (inside(name), nspawn(name));
        if inside.is_empty() && nspawn.is_empty() {
            return Ok(());
        }
        let doomed = if begun.elapsed() > Duration::from_secs(2) {
            [inside, nspawn].concat()
        } else {
            inside
        };
        for pid in &doomed {
            // It may have ended meanwhile.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("the processes {doomed:?} do not end"));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn processes(name: &Name) -> Vec<Pid> {
    [inside(name), nspawn(name)].concat()
}

/// The processes that have the host's root for theirs, in whatever namespace.
fn inside(name: &Name) -> Vec<Pid> {
    let root = root(name);
    let Some(mount) = machine::mounts().into_iter().rev().find(|mount| mount.point == root) else {
        return Vec::new();
    };
    let is_inside = |pid: &Pid| {
        let root = fs::metadata(format!("/proc/{pid}/root/"));
        root.is_ok_and(|root| {
            format!("{}:{}", major(root.dev()), minor(root.dev())) == mount.device
        })
    };
    all_processes().into_iter().filter(is_inside).collect()
}

/// The nspawn of a host, or the shell that is about to become it.
fn nspawn(name: &Name) -> Vec<Pid> {
    let wanted = format!("--machine={name}");
    let is_it = |pid: &Pid| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == wanted.as_bytes())
    };
    all_processes().into_iter().filter(is_it).collect()
}

fn all_processes() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("proc is mounted").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .collect()
}

/// Where something of the host is mounted, in the order of mounting.
fn mounts(name: &Name) -> Vec<PathBuf> {
    let owned = [directory(name)]
        .into_iter()
        .chain(NSPAWN.map(|place| Path::new(place).join(name.as_str())));
    let owned: Vec<PathBuf> = owned.collect();
    let points = machine::mounts().into_iter().map(|mount| mount.point);
    points.filter(|point| owned.iter().any(|directory| point.starts_with(directory))).collect()
}

fn directories(name: &Name) -> Vec<PathBuf> {
    let all = [directory(name)]
        .into_iter()
        .chain(NSPAWN.map(|place| Path::new(place).join(name.as_str())));
    all.filter(|path| path.symlink_metadata().is_ok()).collect()
}

/// The hosts of which there is something.
fn names() -> Vec<Name> {
    let places = [format!("{DIRECTORY}/hosts")].into_iter().chain(NSPAWN.map(str::to_owned));
    let entries = places.flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    let named = entries.filter_map(|entry| Name::parse(entry.file_name().to_str()?));
    let mut names: Vec<Name> = named.chain(cgroup::names()).collect();
    names.sort();
    names.dedup();
    names
}

/// Removes the file by which an nspawn keeps others from its root, which a killed one leaves.
fn forget_lock(name: &Name) {
    if let Ok(root) = fs::metadata(root(name)) {
        let _ = fs::remove_file(format!(
            "/run/systemd/nspawn/locks/inode-{}:{}",
            root.dev(),
            root.ino()
        ));
    }
}

/// Unmounts. What still uses the mount is a process that was just killed; at worst the mount
/// goes when that one goes.
fn unmount(point: &Path) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let flags = if Instant::now() < deadline {
            MntFlags::UMOUNT_NOFOLLOW
        } else {
            MntFlags::MNT_DETACH
        };
        match umount2(point, flags) {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) => thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(format!("cannot unmount {}: {error}", point.display())),
        }
    }
}
