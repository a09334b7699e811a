//! Which file of `templates/` or `files/` a machine is given: the most specific one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::cookbook::Cookbook;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::ErrorContext;
use toque_core::read_optional::optional;

/// What the choice depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    pub fqdn: String,
    pub platform: String,
    pub platform_version: String,
    pub platform_family: String,
}

impl Machine {
    /// The folders to look into, most specific first; the last is the segment itself.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        let mut folders = Vec::new();
        if !self.fqdn.is_empty() {
            folders.push(format!("host-{}", self.fqdn));
        }
        if !self.platform.is_empty() {
            // 8.4.2105, then 8.4, then 8.
            let whole = self.platform_version.as_str();
            let versions =
                std::iter::successors(Some(whole), |version| Some(version.rsplit_once('.')?.0));
            folders.extend(
                versions
                    .filter(|version| !version.is_empty())
                    .map(|version| format!("{}-{version}", self.platform)),
            );
            folders.push(self.platform.clone());
        }
        if !self.platform_family.is_empty() && self.platform_family != self.platform {
            folders.push(self.platform_family.clone());
        }
        folders.push("default".to_owned());
        folders.push(String::new());
        folders
    }
}

/// What was found in one run. A cookbook stays as it is while it is used, and many resources share
/// a template.
#[derive(Debug, Default)]
pub struct Lookup {
    found: RefCell<HashMap<(PathBuf, Vec<String>), PathBuf>>,
}

impl Lookup {
    /// As [`find`], which is asked once for the same sources.
    /// # Errors
    /// As [`find`].
    pub fn find(
        &self,
        cookbook: &Cookbook,
        segment: &str,
        sources: &[String],
        machine: impl FnOnce() -> Machine,
    ) -> Result<PathBuf, Diagnostic> {
        let key = (cookbook.root.join(segment), sources.to_vec());
        if let Some(path) = self.found.borrow().get(&key) {
            return Ok(path.clone());
        }
        let path = find(cookbook, segment, sources, &machine())?;
        self.found.borrow_mut().insert(key, path.clone());
        Ok(path)
    }

    /// Forgets it all, because the machine may be another one now: its facts are read anew.
    pub fn forget(&self) {
        self.found.borrow_mut().clear();
    }
}

/// The file that `sources` lead to below `segment` (`templates` or `files`). One source is looked
/// for by specificity; of several, the first that exists as it stands is taken.
/// # Errors
/// When there is none: with the places tried, and what is there instead.
pub fn find(
    cookbook: &Cookbook,
    segment: &str,
    sources: &[String],
    machine: &Machine,
) -> Result<PathBuf, Diagnostic> {
    let root = cookbook.root.join(segment);
    let mut tried = Vec::new();
    let ladder = if sources.len() == 1 { machine.folders() } else { vec![String::new()] };
    for source in sources {
        check_relative(source, segment)?;
        for folder in &ladder {
            let relative = Path::new(folder).join(source);
            let path = root.join(&relative);
            if look_at(&path)?.is_some_and(|found| found.is_file()) {
                return Ok(path);
            }
            tried.push(format!("{segment}/{}", relative.display()));
        }
    }
    let wanted = sources.join("`, `");
    let there = files(&root);
    let missing = Diagnostic::error(format!(
        "cookbook `{}` has no `{wanted}` in {segment}/ for this machine",
        cookbook.manifest.name
    ))
    .note(format!("looked for, in this order:\n{}", tried.join("\n")));
    let names = there.iter().map(|path| path.rsplit('/').next().unwrap_or(path));
    Err(missing.suggest_or(sources.first().map_or("", String::as_str), names, || {
        if there.is_empty() {
            return format!("the cookbook has nothing in {segment}/ yet; add the file there");
        }
        format!("{segment}/ holds: {}", there[..there.len().min(10)].join(", "))
    }))
}

/// The folder that `source` leads to, chosen as a file is.
/// # Errors
/// When there is none.
pub fn find_folder(
    cookbook: &Cookbook,
    segment: &str,
    source: &str,
    machine: &Machine,
) -> Result<PathBuf, Diagnostic> {
    check_relative(source, segment)?;
    let root = cookbook.root.join(segment);
    for folder in machine.folders() {
        let path = root.join(folder).join(source);
        if look_at(&path)?.is_some_and(|found| found.is_dir()) {
            return Ok(path);
        }
    }
    Err(Diagnostic::error(format!(
        "cookbook `{}` has no folder `{source}` in {segment}/ for this machine",
        cookbook.manifest.name
    ))
    .hint(format!("add it as {segment}/{source}/")))
}

/// Returns what is at a path. What cannot be looked at is not taken for missing: another file would
/// be chosen.
fn look_at(path: &Path) -> Result<Option<Metadata>, Diagnostic> {
    Ok(optional(std::fs::metadata(path)).context("look at", path)?)
}

/// A source stays inside its cookbook, and has one way to be written.
fn check_relative(source: &str, segment: &str) -> Result<(), Diagnostic> {
    if source.split('/').all(|part| !matches!(part, "" | "." | "..")) {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{source}` is no name below {segment}/ of a cookbook"))
        .hint(format!("write the path from {segment}/ on, with single slashes between its parts and without `.` and `..`")))
}

/// What lies below a folder, as relative paths, sorted.
fn files(root: &Path) -> Vec<String> {
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.display().to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(fqdn: &str, platform: &str, version: &str, family: &str) -> Vec<String> {
        let text = str::to_owned;
        let machine = Machine {
            fqdn: text(fqdn),
            platform: text(platform),
            platform_version: text(version),
            platform_family: text(family),
        };
        machine.folders()
    }

    #[test]
    fn most_specific_first() {
        let cases: &[([&str; 4], &[&str])] = &[
            (
                ["web1.example.com", "ubuntu", "22.04", "debian"],
                &["host-web1.example.com", "ubuntu-22.04", "ubuntu-22", "ubuntu", "debian"],
            ),
            (
                ["r", "centos", "8.4.2105", "rhel"],
                &["host-r", "centos-8.4.2105", "centos-8.4", "centos-8", "centos", "rhel"],
            ),
            (
                ["", "amazon", "2023.6.20241010.1", ""],
                &[
                    "amazon-2023.6.20241010.1",
                    "amazon-2023.6.20241010",
                    "amazon-2023.6",
                    "amazon-2023",
                    "amazon",
                ],
            ),
            // The family's folder is the platform's own.
            (["", "debian", "12", "debian"], &["debian-12", "debian"]),
            // What a machine does not tell is no folder.
            (["", "arch", "", "arch"], &["arch"]),
            (["", "", "12", "debian"], &["debian"]),
            (["h", "", "", ""], &["host-h"]),
            (["", "", "", ""], &[]),
        ];
        for ([fqdn, platform, version, family], expected) in cases {
            let expected: Vec<&str> = expected.iter().copied().chain(["default", ""]).collect();
            assert_eq!(
                folders(fqdn, platform, version, family),
                expected,
                "{fqdn} {platform} {version} {family}"
            );
        }
    }

    #[test]
    fn no_folder_comes_twice_and_the_general_comes_last() {
        let versions = ["", "1", "1.", ".1", "1.1", "1.1.1", "rolling/x"];
        for (fqdn, platform) in [("", ""), ("", "a"), ("h", ""), ("h.example", "a")] {
            for version in versions {
                for family in ["", "a", "b"] {
                    let folders = folders(fqdn, platform, version, family);
                    let once: std::collections::HashSet<&String> = folders.iter().collect();
                    assert_eq!(once.len(), folders.len(), "{folders:?}");
                    assert_eq!(folders[folders.len() - 2..], ["default", ""]);
                }
            }
        }
    }

    #[test]
    fn sources_have_one_way_to_be_written() {
        for fine in ["a", "a/b.conf", ".hidden", "a..b", "a b"] {
            assert!(check_relative(fine, "files").is_ok(), "{fine}");
        }
        for wrong in ["", "/a", "a/", "./a", "a/./b", "a//b", "../a", "a/..", "."] {
            assert!(check_relative(wrong, "files").is_err(), "{wrong}");
        }
    }
}
