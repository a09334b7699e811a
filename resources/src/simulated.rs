//! A Debian machine in memory, for tests of recipes: a [`FakeSystem`] with the programs that the
//! kinds of this crate drive. They keep the files that a real machine has (`/var/lib/dpkg/status`,
//! `/etc/passwd`, unit files and the links that enable them), so that what one resource does, the
//! next one finds.
//!
//! ```
//! use toque_resources::simulated::{Package, debian};
//!
//! let machine = debian([Package::new("nginx", "1.22").file("/etc/nginx/nginx.conf", "# main\n").service("nginx")]);
//! assert!(machine.text("/var/lib/dpkg/status").is_empty());
//! ```

mod accounts;
mod packages;
mod units;

use std::rc::Rc;

use toque_machine::command::{Command, End, Output};
use toque_machine::system::FakeSystem;

/// A package that the simulated repository offers, and what it brings.
#[derive(Debug, Clone, Default)]
pub struct Package {
    name: String,
    /// Oldest first.
    versions: Vec<String>,
    depends: Vec<String>,
    provides: Vec<String>,
    files: Vec<(String, String)>,
    user: Option<String>,
    service: Option<String>,
}

impl Package {
    /// A package of one version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), versions: vec![version.into()], ..Self::default() }
    }

    /// A newer version, which becomes the candidate.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.versions.push(version.into());
        self
    }

    /// Another package that is installed along.
    #[must_use]
    pub fn depends(mut self, name: impl Into<String>) -> Self {
        self.depends.push(name.into());
        self
    }

    /// A virtual package that it provides.
    #[must_use]
    pub fn provides(mut self, name: impl Into<String>) -> Self {
        self.provides.push(name.into());
        self
    }

    /// A file. One below `/etc` is a configuration file: it is left as it is when it is there, and
    /// only a purge removes it.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<String>) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }

    /// A system user, made at installation and never removed.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// A service that is enabled and started at installation, and stopped at removal.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }
}

/// A machine with systemd, the programs of the shadow suite, and apt with these packages on offer,
/// none of them installed. The package lists are as on a fresh machine: empty until they are
/// updated. `sh` knows `true`, `false`, `touch PATH` and `rm PATH`.
#[must_use]
pub fn debian(packages: impl IntoIterator<Item = Package>) -> FakeSystem {
    let machine = FakeSystem::new();
    for (path, mode) in [
        ("/dev", 0o755),
        ("/run", 0o755),
        ("/home", 0o755),
        ("/var/lib/dpkg", 0o755),
        ("/var/lib/apt", 0o755),
        ("/var/cache/debconf", 0o755),
        ("/etc/systemd/system", 0o755),
        ("/lib/systemd/system", 0o755),
        ("/etc/skel", 0o755),
    ] {
        machine.put_dir(path, mode);
    }
    machine.put_special("/dev/null");
    machine.put_file("/proc/1/comm", "systemd\n");
    machine.put_file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    machine.put_file("/etc/shadow", "root:*:20000:0:99999:7:::\n");
    machine
        .put_file("/etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\nUMASK 022\n");
    machine.put_file("/etc/default/useradd", "SHELL=/bin/sh\n");
    machine.put_file("/etc/skel/.profile", "# profile\n");
    machine.put_file("/var/lib/dpkg/status", "");
    packages::install_programs(&machine, &Rc::new(packages.into_iter().collect()));
    accounts::install_programs(&machine);
    units::install_programs(&machine);
    machine.install_program("sh", shell);
    machine
}

/// Updates the package lists, as if `apt-get update` had been run before the test.
pub fn update_lists(machine: &FakeSystem) {
    packages::update(machine);
}

/// Installs a package as `apt-get install` would, before the test.
/// # Errors
/// What `apt-get` says when it cannot.
pub fn install(machine: &FakeSystem, name: &str) -> Result<(), String> {
    packages::update(machine);
    let command = Command::new(["apt-get", "-q", "-y", "install", "--", name]);
    let output =
        toque_machine::system::System::run(machine, &command).map_err(|failure| failure.message)?;
    if output.success() { Ok(()) } else { Err(output.stderr()) }
}

fn shell(machine: &FakeSystem, command: &Command) -> Output {
    let line = command.argv.last().map_or("", String::as_str);
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["true"] | [] => ok(""),
        ["false"] => fail(1, ""),
        ["touch", path] => {
            machine.put_file(path, machine.text(path));
            ok("")
        }
        ["rm", path] => {
            machine.clear(path);
            ok("")
        }
        [program, ..] => fail(127, &format!("/bin/sh: 1: {program}: not found\n")),
    }
}

fn ok(stdout: &str) -> Output {
    Output { stdout: stdout.as_bytes().to_vec(), ..Output::default() }
}

fn fail(status: i32, stderr: &str) -> Output {
    Output { stderr: stderr.as_bytes().to_vec(), end: End::Exited(status), ..Output::default() }
}

/// The options that take a value, the other options, and what is not an option.
fn arguments<'a>(
    command: &'a Command,
    with_value: &[&str],
) -> (Vec<(&'a str, &'a str)>, Vec<&'a str>, Vec<&'a str>) {
    let (mut valued, mut flags, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let mut words = command.argv.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            rest.extend(words.by_ref());
        } else if with_value.contains(&word) {
            valued.push((word, words.next().unwrap_or_default()));
        } else if word.starts_with('-') {
            flags.push(word);
        } else {
            rest.push(word);
        }
    }
    (valued, flags, rest)
}
