//! An archive that is to be published, and the one cookbook in it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toque_engine::cookbook::{About, Cookbook};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::source::unpack::{check, unpack};
use toque_engine::system::System;

use crate::cookfile::is_name;
use crate::source::LIMITS;
use crate::tree::{self, hexadecimal};

/// How archives are called. What is called so must be one.
const ENDINGS: [&str; 11] =
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tbz", ".zip"];
/// By how many bytes an archive is told from other files.
const BEGINNING: u64 = 512;

/// An archive of one cookbook.
pub(super) struct Archive {
    pub about: About,
    /// Of the archive, in hexadecimal.
    pub sha256: String,
    /// Of the cookbook's files, however they are packed.
    pub content: String,
}

impl Archive {
    /// Reads a file; none when it is no archive and is not called so. Below `scratch` it is unpacked, and goes away again.
    /// # Errors
    /// Why it cannot be published.
    pub fn read(system: &dyn System, path: &Path, scratch: &Path) -> Result<Option<Self>, Diagnostic> {
        let mut beginning = Vec::new();
        let file = File::open(path).attempting("read", path)?;
        file.take(BEGINNING).read_to_end(&mut beginning).attempting("read", path)?;
        let called = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if check(&beginning).is_err() && !ENDINGS.iter().any(|ending| called.ends_with(ending)) {
            return Ok(None);
        }
        let packed = fs::read(path).attempting("read", path)?;
        let sha256 = hexadecimal(&Sha256::digest(&packed));
        let scratch = tempfile::tempdir_in(scratch).attempting("make a folder in", scratch)?;
        let into = scratch.path().join("fetched");
        fs::create_dir(&into).attempting("create", &into)?;
        unpack(system, &packed, &into, 0, &LIMITS)?;
        let root = only_cookbook(&into)?;
        let toml = root.join("cookbook.toml");
        let text = fs::read_to_string(&toml).attempting("read", Path::new("cookbook.toml"))?;
        // Its folder has any name: it gets its own where it is used.
        let about = Cookbook::parse(Path::new(""), &text)?.about;
        if !is_name(&about.name) {
            return Err(Diagnostic::error(format!("`{}` is no name of a cookbook", about.name)));
        }
        is_found(&into, &root, &about.name)?;
        Ok(Some(Self { about, sha256, content: tree::sha256(&root)? }))
    }
}

/// The folder of the one cookbook in what was unpacked: its top, or a folder of it.
fn only_cookbook(top: &Path) -> Result<PathBuf, Diagnostic> {
    if is_cookbook(top) {
        return Ok(top.to_owned());
    }
    let below = folders(top)?;
    let cookbooks: Vec<&PathBuf> = below.iter().filter(|folder| is_cookbook(folder)).collect();
    match cookbooks[..] {
        [one] => return Ok(one.clone()),
        [] => {}
        _ => return Err(several(cookbooks.len())),
    }
    let repository: Vec<PathBuf> = below.iter().map(|folder| folders(folder)).collect::<Result<Vec<_>, _>>()?.concat();
    let deeper = repository.iter().filter(|folder| is_cookbook(folder)).count();
    let ruby = |folder: &PathBuf| ["metadata.rb", "metadata.json"].iter().any(|file| folder.join(file).is_file());
    Err(match () {
        () if deeper > 0 => several(deeper),
        () if std::iter::once(&top.to_owned()).chain(&below).chain(&repository).any(ruby) => {
            Diagnostic::error("it is a Ruby cookbook for Chef, which toque cannot run")
        }
        () => Diagnostic::error("there is no cookbook in it: no cookbook.toml"),
    })
}

fn several(count: usize) -> Diagnostic {
    let cookbooks = if count == 1 { "a repository of 1 cookbook".to_owned() } else { format!("{count} cookbooks") };
    Diagnostic::error(format!("it has {cookbooks}, and each must be in an archive of its own"))
}

/// Looks whether who installs the cookbook will find it: at the top, by its name, or as the first of the folders.
fn is_found(top: &Path, root: &Path, name: &str) -> Result<(), Diagnostic> {
    if root.join(".git").exists() {
        return Err(Diagnostic::error("it has a git repository, and not a cookbook alone"));
    }
    let named = root.file_name().is_some_and(|folder| folder == name);
    if root == top || named || folders(top)?.first().is_some_and(|first| first == root) {
        return Ok(());
    }
    Err(Diagnostic::error(format!("its cookbook `{name}` is not in a folder of that name, and there are other folders beside it")))
}

fn is_cookbook(folder: &Path) -> bool {
    folder.join("cookbook.toml").is_file()
}

/// The folders in a folder, sorted.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).attempting("list", folder)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_dir() && !path.is_symlink());
    paths.sort();
    Ok(paths)
}
