//! A folder of packaged cookbooks as a registry: its `universe` says what is there, and any web
//! server can serve the rest.

mod archive;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Map, Value, json};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::version::{Constraint, Version};
use toque_machine::system::System;
use walkdir::{DirEntry, WalkDir};

use self::archive::Archive;
use toque_machine::atomic_write::{self, replace};

/// What the list is called, in the folder and by those who ask for it.
pub const NAME: &str = "universe";
/// What a URL's path may have as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// By name and version.
    pub releases: Vec<IndexEntry>,
    /// Whether the list had to be written anew.
    pub changed: bool,
}

/// A version of a cookbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    pub name: String,
    pub version: Version,
    /// The archive, seen from the folder.
    pub path: PathBuf,
}

/// Lists the cookbooks in the archives below `folder` in its `universe`: all of them, or the list
/// is left as it is. The archives are found below `url`, or unless told below the URL of the
/// registry itself.
/// # Errors
/// Every archive that cannot be published, and why; versions that are there twice; a folder without
/// archives.
pub fn index(system: &dyn System, folder: &Path, url: Option<&str>) -> Result<Index, Diagnostic> {
    let url = url.map(checked).transpose()?;
    let paths = list(folder)?;
    // In the folder itself, and not where a variable of the environment says; nobody else can enter
    // it.
    let scratch = atomic_write::temporary_folder(folder).context("make a folder in", folder)?;
    let (mut releases, mut wrong) = (BTreeMap::new(), Vec::new());
    for path in &paths {
        match Archive::read(system, &folder.join(path), scratch.path()) {
            Ok(Some(archive)) => add(&mut releases, path, archive, &mut wrong),
            Ok(None) => {}
            Err(why) => wrong.push(format!("`{}`: {why}", path.display())),
        }
    }
    if !wrong.is_empty() {
        let count = if wrong.len() == 1 {
            "an archive".to_owned()
        } else {
            format!("{} archives", wrong.len())
        };
        return Err(Diagnostic::error(format!("{count} in `{}` cannot be published, and `{NAME}` is as it was", folder.display()))
            .note(wrong.join("\n"))
            .hint("correct or move away what is named; `toque cookbook package FILE.tar.zst NAME` packs one cookbook"));
    }
    if releases.is_empty() {
        return Err(Diagnostic::error(format!(
            "there are no archives of cookbooks in `{}`",
            folder.display()
        ))
        .hint("`toque cookbook package FOLDER NAME` puts one there"));
    }
    let text = universe(&releases, url.as_deref());
    let file = folder.join(NAME);
    let changed = !fs::read(&file).is_ok_and(|before| before == text.as_bytes());
    if changed {
        replace(&file, text.as_bytes())?;
    }
    let releases =
        releases.into_iter().map(|((name, version), (path, _))| IndexEntry { name, version, path });
    Ok(Index { releases: releases.collect(), changed })
}

type Releases = BTreeMap<(String, Version), (PathBuf, Archive)>;

fn add(releases: &mut Releases, path: &Path, archive: Archive, wrong: &mut Vec<String>) {
    match releases.entry((archive.manifest.name.clone(), archive.manifest.version.clone())) {
        Entry::Vacant(vacant) => {
            vacant.insert((path.to_owned(), archive));
        }
        Entry::Occupied(first) => {
            let ((name, version), (other, has)) = (first.key(), first.get());
            // The same, packed otherwise, is no matter.
            if has.content != archive.content {
                let other = other.display();
                wrong.push(format!(
                    "`{}`: it has `{name}` {version}, and so has `{other}`, with other content",
                    path.display()
                ));
            }
        }
    }
}

/// Lists all files below a folder, as paths seen from it. What is hidden is not served, and may be
/// half written.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_shown = |entry: &DirEntry| !entry.file_name().as_bytes().starts_with(b".");
    let mut paths = Vec::new();
    let all = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    for entry in all.filter_entry(|entry| entry.depth() == 0 || is_shown(entry)) {
        let entry = entry.map_err(|error| {
            let at = error.path().unwrap_or(folder).to_owned();
            Failure::io("list", &at, &error.into())
        })?;
        if entry.path().is_file() {
            paths.extend(entry.path().strip_prefix(folder).map(Path::to_owned));
        }
    }
    Ok(paths)
}

/// In the shape that Supermarket has, and what it has not: the archive's checksum, and what the
/// cookbook says it works with.
fn universe(releases: &Releases, url: Option<&str>) -> String {
    let mut universe = Map::new();
    for ((name, version), (path, archive)) in releases {
        let path = percent_encode(path.as_os_str().as_bytes(), PLAIN);
        let location = url.map_or_else(|| path.to_string(), |url| format!("{url}/{path}"));
        let about = &archive.manifest;
        let mut entry = json!({
            "location_type": "uri",
            "location_path": location,
            "download_url": location,
            "dependencies": constraints(&about.dependencies),
            "sha256": archive.sha256,
        });
        if let Some(toque) = &about.toque {
            entry["toque"] = toque.to_string().into();
        }
        if !about.platforms.is_empty() {
            entry["platforms"] = constraints(&about.platforms);
        }
        let versions = universe.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        versions[version.to_string()] = entry;
    }
    format!("{:#}\n", Value::Object(universe))
}

fn constraints<'a>(all: impl IntoIterator<Item = (&'a String, &'a Constraint)>) -> Value {
    let sorted: BTreeMap<&String, String> =
        all.into_iter().map(|(name, constraint)| (name, constraint.to_string())).collect();
    Value::Object(
        sorted.into_iter().map(|(name, constraint)| (name.clone(), constraint.into())).collect(),
    )
}

fn checked(url: &str) -> Result<String, Diagnostic> {
    // What is published is read by everybody.
    if (url.starts_with("https://") || url.starts_with("http://"))
        && !url.contains(['?', '#', ' ', '@'])
    {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(Diagnostic::error(format!("`{}` is no URL below which archives can be found", crate::manifest::cookfile::shown(url))).hint(
        "write `https://…`, without a user, `?` and `#`; leave it out where the archives are on the server that has the list",
    ))
}
