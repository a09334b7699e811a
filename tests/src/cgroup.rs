//! The cgroups that a host runs in.
//!
//! Without systemd on the machine nobody gives `systemd-nspawn` a place of its own, and two
//! hosts would find each other's units in the same cgroup. So each gets one, in every hierarchy
//! that systemd keeps units in. With systemd on the machine nspawn asks it for a scope.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::machine;
use crate::name::Name;

/// Makes the cgroups of a host. Returns the files that a process writes its pid to to enter them.
pub(crate) fn create(name: &Name) -> Vec<PathBuf> {
    if machine::runs_systemd() {
        return Vec::new();
    }
    let hierarchies = hierarchies();
    assert!(
        !hierarchies.is_empty(),
        "neither a unified cgroup hierarchy nor name=systemd is mounted, and systemd does not run without one"
    );
    let groups = hierarchies.iter().map(|hierarchy| hierarchy.join(name.as_str()));
    groups
        .map(|group| {
            fs::create_dir(&group)
                .unwrap_or_else(|error| panic!("cannot make {}: {error}", group.display()));
            group.join("cgroup.procs")
        })
        .collect()
}

/// The cgroups of a host that are there.
pub(crate) fn of(name: &Name) -> Vec<PathBuf> {
    let groups = hierarchies().into_iter().map(|hierarchy| hierarchy.join(name.as_str()));
    groups.filter(|group| group.exists()).collect()
}

/// The hosts that have cgroups.
pub(crate) fn names() -> Vec<Name> {
    let entries = hierarchies()
        .into_iter()
        .flat_map(|hierarchy| fs::read_dir(hierarchy).into_iter().flatten().flatten());
    entries.filter_map(|entry| Name::parse(entry.file_name().to_str()?)).collect()
}

/// Removes a cgroup and those in it. Its processes have been killed, but may take a moment to go.
pub(crate) fn remove(group: &Path) -> Result<(), String> {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path())?;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", group.display()));
            }
            _ => return Ok(()),
        }
    }
}

/// Where the hierarchies are mounted that systemd keeps units in.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = machine::mounts().into_iter();
    let kept = mounts.filter(|mount| {
        mount.kind == "cgroup2"
            || mount.kind == "cgroup"
                && mount.options.split(',').any(|option| option == "name=systemd")
    });
    let mut points: Vec<PathBuf> = kept.map(|mount| mount.point).collect();
    points.sort();
    points.dedup();
    points
}
