//! The machine that the tests run on.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;

/// What the images are made with, and networks.
const NEEDED: [&str; 6] = [
    "apt-utils",
    "debian-archive-keyring",
    "debootstrap",
    "iproute2",
    "mount",
    "systemd-container",
];

const DEBIAN: &str = "http://deb.debian.org/debian";

pub(crate) fn require_root() {
    assert!(
        geteuid().is_root(),
        "acceptance tests boot machines, which only root can: run them as root"
    );
}

/// Whether systemd is PID 1 here (as `sd_booted(3)` tells it).
pub(crate) fn runs_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Installs those Debian packages that the images are made with and that this machine lacks.
pub(crate) fn install_needed() {
    let missing: Vec<&str> = NEEDED.into_iter().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return;
    }
    eprintln!("installing {}", missing.join(" "));
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let install = || apt_get(&[&["install", "--no-install-recommends"], &missing[..]].concat());
    // The lists of a new machine are often empty or old.
    if !install().output().is_ok_and(|output| output.status.success()) {
        call(&mut apt_get(&["update"]));
        call(&mut install());
    }
}

/// The Debian mirror this machine uses, else the one that is near everybody. On Ubuntu it is
/// the latter, as Ubuntu's mirrors do not have Debian.
pub(crate) fn mirror() -> String {
    if let Ok(mirror) = env::var("TOQUE_TEST_MIRROR") {
        return mirror;
    }
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let files = [PathBuf::from("/etc/apt/sources.list")].into_iter().chain(parts);
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    debian_mirror(&texts.join("\n")).unwrap_or(DEBIAN).to_owned()
}

/// What apt is told about proxies, as environment variables, for programs that only know those.
pub(crate) fn proxies() -> Vec<(String, String)> {
    let mut command = Command::new("apt-config");
    command.args([
        "shell",
        "http_proxy",
        "Acquire::http::Proxy",
        "https_proxy",
        "Acquire::https::Proxy",
    ]);
    let assignments = call(&mut command);
    let pairs = assignments.lines().filter_map(|line| line.split_once('='));
    let known = pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
    known
        .filter(|(name, value)| {
            !value.is_empty() && value != "DIRECT" && env::var_os(name).is_none()
        })
        .collect()
}

/// Runs `command` and returns what it wrote to standard output. Nothing can be tested if it fails.
pub(crate) fn call(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{stdout}\n{stderr}",
        output.status
    );
    stdout
}

/// Makes a directory that everybody can enter, whatever the umask of the test is.
pub(crate) fn make_directory(path: &Path) {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
}

/// A mount that this process sees.
#[derive(Debug)]
pub(crate) struct Mount {
    pub point: PathBuf,
    /// The device of what is mounted, as `major:minor`.
    pub device: String,
    pub kind: String,
    /// The options of the file system, not those of the mount point.
    pub options: String,
}

/// The mounts that this process sees, in the order in which they were made.
pub(crate) fn mounts() -> Vec<Mount> {
    let table = fs::read_to_string("/proc/self/mountinfo")
        .expect("the kernel lists the mounts of a process");
    table.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (place, source) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let device = place.next()?.to_owned();
    let point = unescape(place.nth(1)?);
    let mut source = source.split(' ');
    let kind = source.next()?.to_owned();
    let options = source.nth(1).unwrap_or_default().to_owned();
    Some(Mount { point, device, kind, options })
}

/// Undoes the `\040` in which the kernel writes a space.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'\\').then(|| std::str::from_utf8(after.get(..3)?).ok()).flatten();
        match escaped.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    let output = query.output().unwrap_or_else(|error| {
        panic!("cannot run dpkg-query: {error}\nThe test hosts are made with Debian's tools, on Debian or Ubuntu.")
    });
    output.status.success() && output.stdout == b"installed"
}

/// The first Debian mirror in the text of `sources.list` files of either format.
fn debian_mirror(sources: &str) -> Option<&str> {
    let lines =
        sources.lines().filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
    let mut words = lines.flat_map(str::split_whitespace);
    words.find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_read_from_both_formats_of_sources() {
        let one_line = "# deb http://no/debian x main\ndeb [arch=amd64] http://mirror.test/debian/ bookworm main";
        assert_eq!(debian_mirror(one_line), Some("http://mirror.test/debian/"));
        let deb822 = "Types: deb\nURIs: http://a.test/debian-security\nTypes: deb\nURIs: http://b.test/debian";
        assert_eq!(debian_mirror(deb822), Some("http://b.test/debian"));
        assert_eq!(debian_mirror("deb http://archive.ubuntu.com/ubuntu noble main"), None);
    }

    #[test]
    fn a_mount_point_may_have_a_space() {
        let mount =
            mount("45 42 0:40 / /run/a\\040b rw,relatime shared:1 - overlay o rw,lowerdir=r")
                .unwrap();
        assert_eq!(mount.point, Path::new("/run/a b"));
        assert_eq!((mount.device.as_str(), mount.kind.as_str()), ("0:40", "overlay"));
        assert_eq!(mount.options, "rw,lowerdir=r");
    }
}
