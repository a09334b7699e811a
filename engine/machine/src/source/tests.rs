//! Sources that are there: repositories and archives in folders of their own, and servers of this
//! machine.

mod archive;
mod git;
mod hostile;
mod remote;
mod serde_fields;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Checkout, ResolvedSource, Source};
use crate::system::HostSystem;
use crate::view::View;
use toque_core::failure::Failure;

/// A folder with repositories, and one to check out into.
struct Bench {
    folder: tempfile::TempDir,
    host: HostSystem,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        Self { folder, host: HostSystem::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names in a folder.
    fn names(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What `git` prints about the repository `name`.
    fn git(&self, name: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.com",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(arguments)
            .current_dir(self.path(name))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A repository with the branch `main`.
    fn repository(&self, name: &str) {
        std::fs::create_dir(self.path(name)).unwrap();
        self.git(name, &["init", "--quiet", "--initial-branch=main", "."]);
    }

    /// Commits a file, and says which commit that is.
    fn commit(&self, name: &str, file: &str, content: &str) -> String {
        let path = self.path(name).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self.git(name, &["add", "--all"]);
        self.git(name, &["commit", "--quiet", "-m", file]);
        self.git(name, &["rev-parse", "HEAD"])
    }

    fn resolve(&self, source: &Source) -> Result<ResolvedSource, Failure> {
        source.resolve(&View::new(&self.host))
    }

    /// Looks, and checks out into `out/NAME`.
    fn check_out(
        &self,
        source: &Source,
        name: &str,
        how: &Checkout<'_>,
    ) -> Result<ResolvedSource, Failure> {
        let found = self.resolve(source)?;
        self.put(source, &found, name, how)?;
        Ok(found)
    }

    fn put(
        &self,
        source: &Source,
        found: &ResolvedSource,
        name: &str,
        how: &Checkout<'_>,
    ) -> Result<(), Failure> {
        source.check_out(
            &self.host,
            &View::new(&self.host),
            found,
            &self.path("out").join(name),
            how,
        )
    }
}

fn source(value: Value) -> Source {
    let source: Source = serde_json::from_value(value).unwrap();
    source.check().unwrap();
    source
}

fn git_source(url: impl AsRef<Path>, revision: &str) -> Source {
    source(json!({ "type": "git", "url": url.as_ref(), "revision": revision }))
}
