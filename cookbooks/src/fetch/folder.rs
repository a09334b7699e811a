//! Cookbooks that lie in folders: those of the repository, a folder of shared ones, a single one.

use std::path::Path;

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::version::Version;
use toque_data::cookbook::Cookbook;
use toque_machine::system::HostSystem;

use crate::fetch::{FetchContext, FetchedCookbook, Source};
use crate::manifest::lockfile::Origin;
use crate::resolve::catalog::Release;

/// One or more cookbooks, used where they lie.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    shown: String,
    cookbooks: Vec<FetchedCookbook>,
}

impl Folder {
    /// All cookbooks in a folder, which is seen from the repository. Those that are none are passed
    /// over: [`Self::own`] is strict.
    /// # Errors
    /// When it cannot be listed, or a cookbook in it has a mistake.
    pub fn of(repository: &Path, folder: &Path) -> Result<Self, Diagnostic> {
        let path = repository.join(folder);
        let listed = std::fs::read_dir(&path)
            .map_err(|error| Failure::io("list the cookbooks in", &path, &error))?;
        let mut names: Vec<_> = listed.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        let is_cookbook =
            |name: &std::ffi::OsString| path.join(name).join("cookbook.toml").is_file();
        let cookbooks = names
            .iter()
            .filter(|name| is_cookbook(name))
            .map(|name| Self::load(repository, &folder.join(name)));
        Ok(Self {
            shown: format!("the folder `{}`", folder.display()),
            cookbooks: cookbooks.collect::<Result<_, _>>()?,
        })
    }

    /// The cookbooks below `cookbooks/` of the repository; none when it has no such folder.
    /// # Errors
    /// When something there is no cookbook, or has a mistake.
    pub fn own(repository: &Path) -> Result<Self, Diagnostic> {
        let (found, wrong) = toque_data::cookbook::find(repository);
        if let Some(first) = wrong.into_iter().next() {
            return Err(first);
        }
        let cookbooks = found.values().map(|cookbook| {
            let path = Path::new("cookbooks").join(cookbook.root.file_name().unwrap_or_default());
            lying_at(&path, Cookbook::clone(cookbook))
        });
        Ok(Self { shown: "`cookbooks/`".to_owned(), cookbooks: cookbooks.collect() })
    }

    /// One cookbook, which must have this name.
    /// # Errors
    /// When it is not there, or is another.
    pub fn one(repository: &Path, path: &Path, name: &str) -> Result<Self, Diagnostic> {
        let fetched = Self::load(repository, path)?;
        let is = fetched.name();
        if is != name {
            return Err(Diagnostic::error(format!(
                "the cookbook in `{}` calls itself `{is}`, and not `{name}`",
                path.display()
            ))
            .hint("correct the path, or the name that asks for it"));
        }
        Ok(Self { shown: format!("`{}`", path.display()), cookbooks: vec![fetched] })
    }

    /// Reads the cookbook at a path, which is seen from the repository.
    pub(crate) fn load(repository: &Path, path: &Path) -> Result<FetchedCookbook, Diagnostic> {
        Ok(lying_at(path, Cookbook::load(&repository.join(path))?))
    }

    #[must_use]
    pub fn cookbooks(&self) -> &[FetchedCookbook] {
        &self.cookbooks
    }
}

impl Source for Folder {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn releases(
        &self,
        _: &FetchContext<'_>,
        _: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        let all = self.cookbooks.iter();
        Ok(all.map(|one| (one.name().to_owned(), vec![one.release(true)])).collect())
    }

    fn fetch(
        &self,
        _: &FetchContext<'_>,
        _: &HostSystem,
        name: &str,
        _: &Version,
    ) -> Result<FetchedCookbook, Diagnostic> {
        let found = self.cookbooks.iter().find(|one| one.name() == name);
        found
            .cloned()
            .ok_or_else(|| Diagnostic::error(format!("{} has no cookbook `{name}`", self.shown)))
    }
}

fn lying_at(path: &Path, cookbook: Cookbook) -> FetchedCookbook {
    let origin = Origin::Path { path: path.display().to_string() };
    FetchedCookbook { cookbook, origin, sha256: None }
}
