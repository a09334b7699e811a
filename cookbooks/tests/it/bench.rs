//! A repository with a store of its own, and a registry on loopback: what several tests work with.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::credentials::Credential;
use toque_cookbooks::fetch::{FetchContext, PATIENCE};
use toque_cookbooks::install::{InstallOptions, Installed};
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_cookbooks::repository::{Repository, Update};
use toque_core::diagnostic::Diagnostic;
use toque_machine::system::HostSystem;

pub(crate) use self::server::Server;

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn cookbook(folder: &Path, name: &str, version: &str, dependencies: &[(&str, &str)]) {
    fs::create_dir_all(folder.join("recipes")).unwrap();
    let mut text = format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n");
    for (dependency, constraint) in dependencies {
        text += &format!("{dependency} = \"{constraint}\"\n");
    }
    fs::write(folder.join("cookbook.toml"), text).unwrap();
    fs::write(folder.join("recipes/default.rhai"), format!("// {name} {version}\n")).unwrap();
}

/// All that is in a folder, as `tar` packs it.
pub(crate) fn packed(folder: &Path) -> Vec<u8> {
    let output =
        Command::new("tar").args(["-czf", "-", "-C"]).arg(folder).arg(".").output().unwrap();
    assert!(output.status.success());
    output.stdout
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a store of its own.
pub(crate) struct Bench {
    pub folder: TempDir,
    pub server: Server,
}

impl Bench {
    pub(crate) fn new(cookfile: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), server: Server::start() };
        fs::create_dir(bench.path("repository")).unwrap();
        bench.cookfile(cookfile);
        bench
    }

    /// `URL` stands for the registry, `HERE` for the folder with everything.
    pub(crate) fn cookfile(&self, text: &str) {
        let text = text
            .replace("URL", &self.server.url)
            .replace("HERE", &self.folder.path().display().to_string());
        fs::write(self.path("repository/Cookfile.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn lock(&self) -> String {
        fs::read_to_string(self.path("repository/Cookfile.lock")).unwrap_or_default()
    }

    pub(crate) fn run(
        &self,
        update: &Update,
        locked: bool,
        offline: bool,
    ) -> Result<Installed, Diagnostic> {
        let (repository, store) = (self.path("repository"), Cache::open(self.path("store"))?);
        let machine = FetchContext { offline, ..machine(&repository, &store) };
        let how = InstallOptions { update: update.clone(), locked, without: Vec::new() };
        let installed = Repository::read(&repository)?.unwrap().install(&machine, &how)?;
        for (name, root) in &installed.roots {
            assert!(
                fs::read_to_string(root.join("cookbook.toml"))
                    .unwrap()
                    .contains(&format!("name = \"{name}\""))
            );
        }
        Ok(installed)
    }

    pub(crate) fn install(&self) -> Installed {
        self.run(&Update::Nothing, false, false).unwrap_or_else(|told| panic!("{told:?}"))
    }

    pub(crate) fn refused(&self) -> Diagnostic {
        let before = self.lock();
        let told = self.run(&Update::Nothing, false, false).expect_err("it is refused");
        assert_eq!(self.lock(), before, "the lockfile is as it was");
        let making = fs::read_dir(self.path("store/making")).map_or(0, Iterator::count);
        assert_eq!(making, 0, "nothing is left behind");
        told
    }
}

/// A machine that is let in nowhere.
pub(crate) fn machine<'a>(repository: &'a Path, store: &'a Cache) -> FetchContext<'a> {
    FetchContext {
        system: &HostSystem::new,
        repository,
        cache: store,
        offline: false,
        patience: PATIENCE,
        ssh_agent: None,
        credential: &|_| Ok(Credential::default()),
        report: &|_| {},
    }
}

pub(crate) fn versions(lockfile: &Lockfile) -> Vec<String> {
    lockfile.cookbooks.iter().map(|(name, locked)| format!("{name} {}", locked.version)).collect()
}
