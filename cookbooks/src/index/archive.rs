//! An archive that is to be published, and the one cookbook in it.

use std::fs;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::ErrorContext;
use toque_data::cookbook::{Cookbook, Manifest};
use toque_machine::content::Content;
use toque_machine::source::unpack::{check, unpack};
use toque_machine::system::System;

use crate::directory_checksum;
use crate::fetch::LIMITS;
use crate::fetch::locate_cookbook::{self, NotFoundReason};

/// How archives are called. What is called so must be one.
const ENDINGS: [&str; 11] = [
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tbz",
    ".zip",
];

/// An archive of one cookbook.
pub(super) struct Archive {
    pub manifest: Manifest,
    /// Of the archive, in hexadecimal.
    pub sha256: String,
    /// Of the cookbook's files, however they are packed.
    pub content: String,
}

impl Archive {
    /// Reads a file; none when it is no archive and is not called so. Below `scratch` it is
    /// unpacked, and goes away again.
    /// # Errors
    /// Why it cannot be published.
    pub(super) fn read(
        system: &dyn System,
        path: &Path,
        scratch: &Path,
    ) -> Result<Option<Self>, Diagnostic> {
        let packed = Content::of_file(path.to_owned()).context("read", path)?;
        let called = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if check(&packed).is_err() && !ENDINGS.iter().any(|ending| called.ends_with(ending)) {
            return Ok(None);
        }
        let sha256 = packed.sha256().context("read", path)?;
        let scratch = tempfile::tempdir_in(scratch).context("make a folder in", scratch)?;
        let into = scratch.path().join("fetched");
        fs::create_dir(&into).context("create", &into)?;
        unpack(system, &packed, &into, 0, &LIMITS)?;
        let root = only_cookbook(&into)?;
        let toml = root.join("cookbook.toml");
        let text = fs::read_to_string(&toml).context("read", Path::new("cookbook.toml"))?;
        // Its folder has any name: it gets its own where it is used.
        let manifest = Cookbook::parse(Path::new(""), &text)?.manifest;
        is_found(&into, &root, &manifest.name)?;
        Ok(Some(Self { manifest, sha256, content: directory_checksum::sha256(&root)? }))
    }
}

/// The folder of the one cookbook in what was unpacked.
fn only_cookbook(top: &Path) -> Result<PathBuf, Diagnostic> {
    let all = locate_cookbook::all(top)?;
    match &all[..] {
        [one] => return Ok(one.clone()),
        [] => {}
        _ => return Err(several(all.len())),
    }
    Err(match locate_cookbook::not_found_reason(top)? {
        NotFoundReason::Deeper(count) => several(count),
        NotFoundReason::Ruby => {
            Diagnostic::error("it is a Ruby cookbook for Chef, which toque cannot run")
        }
        NotFoundReason::Nothing => {
            Diagnostic::error("there is no cookbook in it: no cookbook.toml")
        }
    })
}

fn several(count: usize) -> Diagnostic {
    let cookbooks = if count == 1 {
        "a repository of 1 cookbook".to_owned()
    } else {
        format!("{count} cookbooks")
    };
    Diagnostic::error(format!("it has {cookbooks}, and each must be in an archive of its own"))
}

/// Looks whether who installs the cookbook will find it.
fn is_found(top: &Path, root: &Path, name: &str) -> Result<(), Diagnostic> {
    if root.join(".git").exists() {
        return Err(Diagnostic::error("it has a git repository, and not a cookbook alone"));
    }
    if locate_cookbook::find(top, name)?.is_some_and(|found| found == root) {
        return Ok(());
    }
    Err(Diagnostic::error(format!(
        "its cookbook `{name}` is not in a folder of that name, and there are other folders beside it"
    )))
}
