//! Which file of `templates/` or `files/` a machine is given: the most specific one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::cookbook::Cookbook;
use crate::diagnostic::{Diagnostic, did_you_mean};

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
            let mut versions = vec![self.platform_version.as_str()];
            let numbers: Vec<&str> = self.platform_version.split('.').collect();
            let minor = numbers.iter().take(2).copied().collect::<Vec<_>>().join(".");
            versions.push(&minor);
            versions.push(numbers.first().copied().unwrap_or_default());
            versions.retain(|version| !version.is_empty());
            versions.dedup();
            folders.extend(versions.iter().map(|version| format!("{}-{version}", self.platform)));
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

/// What was found in one run. A cookbook stays as it is while it is used, and many resources share a template.
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

/// The file that `sources` lead to below `segment` (`templates` or `files`). One source is looked for by specificity; of several,
/// the first that exists as it stands is taken.
/// # Errors
/// When there is none: with the places tried, and what is there instead.
pub fn find(cookbook: &Cookbook, segment: &str, sources: &[String], machine: &Machine) -> Result<PathBuf, Diagnostic> {
    let root = cookbook.root.join(segment);
    let mut tried = Vec::new();
    let ladder = if sources.len() == 1 { machine.folders() } else { vec![String::new()] };
    for source in sources {
        check_relative(source, segment)?;
        for folder in &ladder {
            let relative = Path::new(folder).join(source);
            let path = root.join(&relative);
            if path.is_file() {
                return Ok(path);
            }
            tried.push(format!("{segment}/{}", relative.display()));
        }
    }
    let wanted = sources.join("`, `");
    let there = files(&root);
    let missing = Diagnostic::error(format!("cookbook `{}` has no `{wanted}` in {segment}/ for this machine", cookbook.about.name))
        .note(format!("looked for, in this order:\n{}", tried.join("\n")));
    let names = there.iter().map(|path| path.rsplit('/').next().unwrap_or(path));
    Err(match did_you_mean(sources.first().map_or("", String::as_str), names) {
        Some(hint) => missing.hint(hint),
        None if there.is_empty() => missing.hint(format!("the cookbook has nothing in {segment}/ yet; add the file there")),
        None => missing.hint(format!("{segment}/ holds: {}", there.iter().take(10).cloned().collect::<Vec<_>>().join(", "))),
    })
}

/// The folder that `source` leads to, chosen as a file is.
/// # Errors
/// When there is none.
pub fn find_folder(cookbook: &Cookbook, segment: &str, source: &str, machine: &Machine) -> Result<PathBuf, Diagnostic> {
    check_relative(source, segment)?;
    let root = cookbook.root.join(segment);
    machine.folders().iter().map(|folder| root.join(folder).join(source)).find(|path| path.is_dir()).ok_or_else(|| {
        Diagnostic::error(format!("cookbook `{}` has no folder `{source}` in {segment}/ for this machine", cookbook.about.name))
            .hint(format!("add it as {segment}/{source}/"))
    })
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
