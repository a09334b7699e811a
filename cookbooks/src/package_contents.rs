//! What is packed of a repository and of cookbooks: their files and links, less what `.toqueignore`
//! names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_data::cookbook::Cookbook;
use toque_machine::source::unpack::leads_outside;

use crate::manifest::toqueignore::{self, IgnorePatterns};

/// The folders of a repository that a run needs beside its cookbooks.
const DOCUMENTS: [&str; 4] = ["data_bags", "environments", "nodes", "roles"];

/// What is packed, sorted by name. Folders are there by what is in them; empty ones are left out,
/// as git leaves them out.
#[derive(Debug, Clone, Default)]
pub struct PackageContents {
    pub entries: Vec<PackageEntry>,
    /// The cookbooks in it, by name.
    pub cookbooks: Vec<String>,
    /// The folders of cookbooks and those that it was read from: nothing that is made of it may be
    /// written there.
    roots: Vec<PathBuf>,
}

/// A file or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    /// `cookbooks/web/recipes/default.rhai`
    pub name: String,
    /// Where it lies now.
    pub path: PathBuf,
    pub kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// Inside of the cookbook or folder that it is in.
    Link { to: PathBuf },
}

/// Reads what is packed, with the patterns of a repository.
struct Reader<'a> {
    repository: &'a Path,
    of_repository: IgnorePatterns,
    usual: IgnorePatterns,
    content: PackageContents,
}

/// A folder that is read, and what is left out of it.
struct Top<'a> {
    root: &'a Path,
    /// What it is called in the repository: `cookbooks/web`.
    called: &'a str,
    /// What it becomes.
    becomes: &'a str,
    own: Option<IgnorePatterns>,
}

impl PackageContents {
    /// A repository as a run needs it: the cookbooks in these folders as `cookbooks/<name>/`, data
    /// bags, environments, nodes and roles.
    /// # Errors
    /// When something cannot be read or packed, a pattern of `.toqueignore` is none, or one leaves
    /// out what is needed.
    pub fn of_repository(
        repository: &Path,
        cookbooks: &BTreeMap<String, PathBuf>,
    ) -> Result<Self, Diagnostic> {
        let mut reader = Reader::new(repository)?;
        reader.all(cookbooks, |name| format!("cookbooks/{name}"))?;
        for name in DOCUMENTS {
            let root = repository.join(name);
            if root.is_dir() && !reader.of_repository.leaves_out_folder(name) {
                reader.add(&Top { root: &root, called: name, becomes: name, own: None })?;
            }
        }
        Ok(reader.sorted())
    }

    /// Cookbooks alone, each as `<name>/`.
    /// # Errors
    /// As [`Self::of_repository`].
    pub fn of_cookbooks(
        repository: &Path,
        cookbooks: &BTreeMap<String, PathBuf>,
    ) -> Result<Self, Diagnostic> {
        let mut reader = Reader::new(repository)?;
        reader.all(cookbooks, str::to_owned)?;
        Ok(reader.sorted())
    }

    /// One cookbook as `<name>/`, also when the repository leaves it out.
    /// # Errors
    /// As [`Self::of_repository`].
    pub fn of_cookbook(repository: &Path, name: &str, root: &Path) -> Result<Self, Diagnostic> {
        let mut reader = Reader::new(repository)?;
        reader.cookbook(name, name, root)?;
        Ok(reader.sorted())
    }

    /// Looks whether a folder may get what is made of this.
    /// # Errors
    /// When it is inside of what is packed, and would be packed the next time or be in the way.
    pub(crate) fn not_into_itself(&self, folder: &Path, made: &Path) -> Result<(), Diagnostic> {
        // What is not there yet is made below what is.
        let there = folder.ancestors().find(|above| above.exists()).unwrap_or(folder);
        let real = there.canonicalize().context("look at", there)?;
        match self
            .roots
            .iter()
            .find(|root| root.canonicalize().is_ok_and(|root| real.starts_with(root)))
        {
            Some(root) => Err(Diagnostic::error(format!(
                "`{}` would be inside of `{}`, which is packed",
                made.display(),
                toque_core::text::display_path(root)
            ))
            .hint("choose a place outside of it")),
            None => Ok(()),
        }
    }
}

impl<'a> Reader<'a> {
    fn new(repository: &'a Path) -> Result<Self, Diagnostic> {
        let (of_repository, usual) = (IgnorePatterns::of(repository)?, IgnorePatterns::usually()?);
        // What is no cookbook must not get in there either.
        let content = PackageContents {
            roots: vec![repository.join("cookbooks")],
            ..PackageContents::default()
        };
        Ok(Self { repository, of_repository, usual, content })
    }

    fn sorted(mut self) -> PackageContents {
        self.content.entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.content
    }

    /// All cookbooks but those that the repository leaves out, which nobody else may need.
    fn all(
        &mut self,
        cookbooks: &BTreeMap<String, PathBuf>,
        becomes: impl Fn(&str) -> String,
    ) -> Result<(), Diagnostic> {
        let is_out =
            |name: &str| self.of_repository.leaves_out_folder(&format!("cookbooks/{name}"));
        let (out, kept): (Vec<_>, Vec<_>) = cookbooks.iter().partition(|(name, _)| is_out(name));
        for (name, root) in kept {
            let about = self.cookbook(name, &becomes(name), root)?.manifest;
            if let Some((missing, _)) =
                out.iter().find(|(missing, _)| about.dependencies.contains_key(*missing))
            {
                return Err(Diagnostic::error(format!(
                    "`{name}` needs `{missing}`, which `{}` leaves out",
                    toqueignore::NAME
                ))
                .hint(format!("add `!/cookbooks/{missing}/` to it, or leave out `{name}` too")));
            }
        }
        if self.content.entries.is_empty() {
            let none = format!("there is no cookbook to pack in `{}`", self.repository.display());
            return Err(Diagnostic::error(none)
                .hint("cookbooks lie in `cookbooks/`, or are named in Cookfile.toml"));
        }
        Ok(())
    }

    fn cookbook(&mut self, name: &str, becomes: &str, root: &Path) -> Result<Cookbook, Diagnostic> {
        let cookbook = Cookbook::load(root)?;
        self.stays_inside(root)?;
        let called = format!("cookbooks/{name}");
        self.add(&Top { root, called: &called, becomes, own: Some(IgnorePatterns::of(root)?) })?;
        let described = format!("{becomes}/cookbook.toml");
        if !self.content.entries.iter().any(|entry| entry.name == described) {
            return Err(Diagnostic::error(format!("`{}` leaves out the cookbook.toml of `{name}`", toqueignore::NAME))
                .hint("a cookbook is none without it: add `!cookbook.toml`, or leave out the whole cookbook"));
        }
        self.content.cookbooks.push(name.to_owned());
        Ok(cookbook)
    }

    /// What lies in the repository may be a link, but none to elsewhere: another machine has no
    /// such thing.
    fn stays_inside(&self, root: &Path) -> Result<(), Diagnostic> {
        let lies_there = root
            .strip_prefix(self.repository)
            .is_ok_and(|rest| !rest.components().any(|part| part == Component::ParentDir));
        let real = |path: &Path| path.canonicalize().context("look at", path);
        if lies_there && !real(root)?.starts_with(real(self.repository)?) {
            let shown = toque_core::text::display_path(root);
            return Err(Diagnostic::error(format!("`{shown}` is a link that leads outside of the repository"))
                .hint("put there what it leads to, or name the cookbook's place by `path` in Cookfile.toml"));
        }
        Ok(())
    }

    fn add(&mut self, top: &Top<'_>) -> Result<(), Diagnostic> {
        self.stays_inside(top.root)?;
        self.content.roots.push(top.root.to_owned());
        self.below(top, Path::new(""))
    }

    fn below(&mut self, top: &Top<'_>, folder: &Path) -> Result<(), Diagnostic> {
        let path = top.root.join(folder);
        let listed = fs::read_dir(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .context("list", &path)?;
        let mut names: Vec<OsString> = listed.into_iter().map(|entry| entry.file_name()).collect();
        // So that of several mistakes it is always the same that is told.
        names.sort();
        for name in names {
            let inner = folder.join(&name);
            let path = top.root.join(&inner);
            let about = path.symlink_metadata().context("look at", &path)?;
            if toqueignore::always(&name) || self.is_out(top, &inner, about.is_dir()) {
                continue;
            }
            let Some(text) = inner.to_str() else {
                return Err(Failure::new(format!(
                    "the name of `{}` is not UTF-8 text",
                    path.display()
                ))
                .into());
            };
            let kind = if about.is_dir() {
                self.below(top, &inner)?;
                continue;
            } else if about.is_symlink() {
                link(top, &inner, &path)?
            } else if about.is_file() {
                EntryKind::File { executable: about.permissions().mode() & 0o100 != 0 }
            } else {
                return Err(Diagnostic::error(format!(
                    "`{}` is no file, folder or link",
                    path.display()
                ))
                .hint(format!("remove it, or name it in `{}`", toqueignore::NAME)));
            };
            self.content.entries.push(PackageEntry {
                name: format!("{}/{text}", top.becomes),
                path,
                kind,
            });
        }
        Ok(())
    }

    /// What is nearer to a file says it: the cookbook, then the repository, then what is usual.
    fn is_out(&self, top: &Top<'_>, inner: &Path, folder: bool) -> bool {
        let own = top.own.as_ref().and_then(|own| own.says(inner, folder));
        own.or_else(|| self.of_repository.says(&Path::new(top.called).join(inner), folder))
            .or_else(|| self.usual.says(inner, folder))
            .unwrap_or(false)
    }
}

/// A link, which must not lead out of what it is packed with: who unpacks a cookbook has nothing
/// else.
fn link(top: &Top<'_>, inner: &Path, path: &Path) -> Result<EntryKind, Diagnostic> {
    let to = fs::read_link(path).context("read the link", path)?;
    let depth = inner.components().count() - 1;
    match leads_outside(to.as_os_str().as_bytes(), depth) {
        Some(why) => Err(Diagnostic::error(format!("`{}/{}` {why}", top.called, inner.display()))
            .note(format!("it leads to `{}`", to.display()))
            .hint(format!("put there what it leads to, or name it in `{}`", toqueignore::NAME))),
        None => Ok(EntryKind::Link { to }),
    }
}

#[cfg(test)]
mod tests;
