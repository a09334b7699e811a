//! What lies where in the folder of an app.

use std::path::{Path, PathBuf};

use toque_core::failure::Failure;
use toque_machine::system::{FileKind, Query};
use toque_machine::view::View;

use crate::shared::{optional, trusted_path};

/// The beginning of a release's name while it is made. No release can have it.
pub(crate) const MAKING: &str = ".making-";
/// The beginning of a release's name while it is removed.
pub(crate) const REMOVING: &str = ".removing-";

/// The paths of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub path: PathBuf,
}

impl Layout {
    pub(crate) fn releases(&self) -> PathBuf {
        self.path.join("releases")
    }

    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.releases().join(name)
    }

    pub(crate) fn making(&self, name: &str) -> PathBuf {
        self.releases().join(format!("{MAKING}{name}"))
    }

    pub(crate) fn removing(&self, name: &str) -> PathBuf {
        self.releases().join(format!("{REMOVING}{name}"))
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.path.join("current")
    }

    pub(crate) fn shared(&self) -> PathBuf {
        self.path.join("shared")
    }

    /// The bare clone of a git source.
    pub(crate) fn repo(&self) -> PathBuf {
        self.path.join("repo")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.path.join("releases.json")
    }

    /// Where `current` leads to for a release. It is relative, so that the folder can be looked at
    /// from elsewhere, such as a backup.
    pub(crate) fn link_to(name: &str) -> PathBuf {
        Path::new("releases").join(name)
    }

    /// Returns the release that `current` leads to. Without one nothing is restarted, so that a
    /// link that cannot be read is an error.
    pub(crate) fn current_release(&self, query: &dyn Query) -> Result<Option<String>, Failure> {
        let to = optional::read_link(query, &self.current())?;
        Ok(to.and_then(|to| self.release_of(&to)))
    }

    /// The release that the text of `current` means.
    pub(crate) fn release_of(&self, link: &Path) -> Option<String> {
        let below = self.path.join(link);
        let name = below.strip_prefix(self.releases()).ok()?;
        let name = name
            .to_str()
            .filter(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('/'))?;
        Some(name.to_owned())
    }
}

/// The name of a revision's release: a commit whole, and of a longer checksum as much, which no two
/// contents share.
pub(crate) fn release_name(revision: &str) -> &str {
    revision.get(..40).unwrap_or(revision)
}

/// Looks at a folder in which toque makes and removes things by name: where it is without links,
/// when it is there. Whoever can write in it or above it, or owns any of that, could put a link in
/// the place of a part, so that toque, as root, would change what the link leads to.
/// # Errors
/// When it is no folder, or somebody else decides what lies in it or where it leads.
pub(crate) fn own_folder(view: &View<'_>, path: &Path) -> Result<Option<PathBuf>, Failure> {
    let resolved = trusted_path::resolve(view, path, None)?;
    let here = path.display();
    if let Some(why) = resolved.fault {
        return Err(Failure::new(format!("cannot deploy in `{here}`: {why} and could lead toque anywhere by a link"))
            .hint("let root own the folder and those above it, with mode 0755 (`owner` of `deploy` is for the releases), or use another path"));
    }
    let Some(found) = resolved.found else {
        return match optional::lstat(view, path)? {
            Some(_) => Err(Failure::new(format!(
                "`{here}` is a symbolic link to `{}`, where nothing is",
                resolved.path.display()
            ))
            .hint("remove the link, or make the folder that it leads to")),
            None => Ok(None),
        };
    };
    if found.kind != FileKind::Directory {
        return Err(Failure::new(format!("cannot deploy: `{here}` is not a directory"))
            .hint("move it away, or correct `path`"));
    }
    // The sticky bit leaves to everybody what is his own, and not the names that are free.
    if found.mode & 0o022 != 0 {
        return Err(Failure::new(format!(
            "cannot deploy in `{here}`: others can write in it (mode {:04o})",
            found.mode
        ))
        .hint("give it mode 0755, or use a folder of its own"));
    }
    Ok(Some(resolved.path))
}

#[cfg(test)]
mod tests {
    use toque_machine::system::{FakeSystem, Operation};

    use super::*;

    #[test]
    fn a_link_that_cannot_be_read_is_not_missing() {
        let fake = FakeSystem::new();
        let layout = Layout { path: "/srv/app".into() };
        fake.put_dir("/srv/app", 0o755);
        assert_eq!(layout.current_release(&fake), Ok(None));
        fake.put_link("/srv/app/current", "releases/v1");
        assert_eq!(layout.current_release(&fake), Ok(Some("v1".to_owned())));
        for operation in [Operation::Look, Operation::Read] {
            fake.break_operation(operation, "/srv/app/current", std::io::ErrorKind::Other);
            assert!(layout.current_release(&fake).is_err(), "{operation:?}");
            fake.mend("/srv/app/current");
        }
    }
}
