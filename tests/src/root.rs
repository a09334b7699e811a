//! Roots: what a new machine has on its disk.

use std::path::Path;
use std::process::Command;

use crate::image::{Image, Prepared};
use crate::{cache, machine, probe, recipe, repository};

impl Image {
    /// Makes the root and the packages of this image unless they are there. Booting does it too;
    /// doing it beforehand keeps the minute it takes out of the first test.
    pub fn prepare(self) {
        machine::require_root();
        machine::install_needed();
        self.prepared();
    }

    pub(crate) fn prepared(self) -> Prepared {
        machine::require_root();
        prepared(self)
    }
}

/// The root and the repository of an image, from the cache or newly made.
fn prepared(image: Image) -> Prepared {
    let name = image.hostname();
    match image {
        Image::Debian12 | Image::Debian11 => {
            let kept = cache::kept(name, recipe::TEXT, |directory| bootstrap(image, directory));
            Prepared { root: kept.join("root"), repository: kept.join("repository") }
        }
        Image::Debian12SysV => layer(image, recipe::SET_UP_SYSV, recipe::SYSV),
        Image::Debian12Ohai => layer(image, recipe::SET_UP_OHAI, recipe::OHAI),
    }
}

fn bootstrap(image: Image, directory: &Path) {
    machine::install_needed();
    let (root, repository) = (directory.join("root"), directory.join("repository"));
    let mut debootstrap = apart("exec debootstrap \"$@\"");
    debootstrap.args([
        "--variant=minbase",
        &format!("--include={}", recipe::ROOT),
        &format!("--keyring={}", repository::KEYRING),
    ]);
    debootstrap.arg(recipe::suite(image)).arg(&root).arg(machine::mirror());
    machine::call(debootstrap.envs(machine::proxies()));

    repository::fill(image, &root, &repository);
    probe::build(&repository);
    repository::index(&repository);
    inside(&root, &repository, recipe::SET_UP, &[]);
}

/// A copy of the root of Debian 12 in which a script was run, with the same repository.
fn layer(image: Image, script: &str, packages: &[&str]) -> Prepared {
    let base = prepared(Image::Debian12);
    let kept = cache::kept(image.hostname(), recipe::TEXT, |directory| {
        let root = directory.join("root");
        machine::call(
            Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&base.root).arg(&root),
        );
        inside(&root, &base.repository, script, packages);
        inside(&root, &base.repository, recipe::SET_UP, &[]);
    });
    Prepared { root: kept.join("root"), repository: base.repository }
}

/// Runs a script in a root that has not been booted.
fn inside(root: &Path, repository: &Path, script: &str, arguments: &[&str]) {
    let mount_point = root.join("srv/repository");
    machine::make_directory(&mount_point);
    let mut command = apart(
        r#"root=$1 repository=$2; shift 2
        mount --bind "$repository" "$root/srv/repository"
        mount -t proc proc "$root/proc"
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive sh -euc "$@""#,
    );
    command.arg(root).arg(repository).args([script, "sh"]).args(arguments);
    machine::call(&mut command);
}

/// A shell whose mounts and processes vanish with it, whatever happens.
fn apart(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-euc"]);
    command.arg(format!("umask 022\n{script}")).arg("sh");
    command
}
