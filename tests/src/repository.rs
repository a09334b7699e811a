//! Package repositories: what a host can install, without a network and always the same.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::image::Image;
use crate::{machine, recipe};

/// What the mirror signs with.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Makes `repository`: the packages of the recipe with all they depend on that `root` lacks, and
/// those that `root` was made of (so that they can be reinstalled).
pub(crate) fn fill(image: Image, root: &Path, repository: &Path) {
    machine::make_directory(repository);
    keep_archives(&root.join("var/cache/apt/archives"), repository);

    let state = temporary();
    for place in ["state/lists/partial", "archives/partial"] {
        machine::make_directory(&state.path().join(place));
    }
    let source =
        format!("deb [signed-by={KEYRING}] {} {} main\n", machine::mirror(), recipe::suite(image));
    let sources = state.path().join("sources.list");
    fs::write(&sources, source)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", sources.display()));

    machine::call(apt_get(root, state.path()).arg("update"));
    for packages in recipe::packages(image) {
        let mut download = apt_get(root, state.path());
        download
            .args(["--yes", "--download-only", "--no-install-recommends", "install"])
            .args(*packages);
        machine::call(&mut download);
    }
    keep_archives(&state.path().join("archives"), repository);
}

/// The machine's apt, which knows how to reach the mirror, with the state of `root`.
fn apt_get(root: &Path, state: &Path) -> Command {
    let directories = [
        ("Dir::State", state.join("state")),
        ("Dir::State::status", root.join("var/lib/dpkg/status")),
        ("Dir::Cache", state.to_owned()),
        ("Dir::Cache::archives", state.join("archives")),
        ("Dir::Etc::SourceList", state.join("sources.list")),
        ("Dir::Etc::SourceParts", "/dev/null".into()),
        ("Dir::Etc::Preferences", "/dev/null".into()),
        ("Dir::Etc::PreferencesParts", "/dev/null".into()),
    ];
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    for (option, path) in directories {
        let mut setting = OsString::from(format!("{option}="));
        setting.push(path);
        command.arg("-o").arg(setting);
    }
    // The files are root's; an old release says that its signatures have expired.
    command.args([
        "-o",
        "APT::Sandbox::User=root",
        "-o",
        "APT::Default-Release=",
        "-o",
        "Acquire::Check-Valid-Until=false",
    ]);
    command
}

fn keep_archives(from: &Path, repository: &Path) {
    let mut command = Command::new("find");
    command.arg(from).args(["-maxdepth", "1", "-name", "*.deb", "-exec", "mv", "-t"]);
    machine::call(command.arg(repository).args(["{}", "+"]));
}

/// Writes the list of the packages that are in `repository`.
pub(crate) fn index(repository: &Path) {
    let path = repository.join("Packages");
    let packages = File::create(&path)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    let mut command = Command::new("apt-ftparchive");
    let status = command
        .args(["packages", "."])
        .current_dir(repository)
        .stdout(packages)
        .stderr(Stdio::inherit())
        .status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{command:?} ended with {status:?}"
    );
    // In a host it is not root who reads them.
    machine::call(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(repository));
}

pub(crate) fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("cannot make a temporary directory: {error}"))
}
