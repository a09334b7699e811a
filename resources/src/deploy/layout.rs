//! What lies where in the folder of an app.

use std::path::{Path, PathBuf};

use toque_engine::failure::Failure;
use toque_engine::system::{FileKind, Metadata, Query};
use toque_engine::view::View;

use crate::content::follow;

/// The beginning of a release's name while it is made. No release can have it.
pub const MAKING: &str = ".making-";
/// The beginning of a release's name while it is removed.
pub const REMOVING: &str = ".removing-";
/// The beginning of the names of files that are about to go live.
pub const STAGED: &str = ".toque-";

/// The paths of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub path: PathBuf,
}

impl Layout {
    pub fn releases(&self) -> PathBuf {
        self.path.join("releases")
    }

    pub fn release(&self, name: &str) -> PathBuf {
        self.releases().join(name)
    }

    pub fn making(&self, name: &str) -> PathBuf {
        self.releases().join(format!("{MAKING}{name}"))
    }

    pub fn removing(&self, name: &str) -> PathBuf {
        self.releases().join(format!("{REMOVING}{name}"))
    }

    pub fn current(&self) -> PathBuf {
        self.path.join("current")
    }

    pub fn shared(&self) -> PathBuf {
        self.path.join("shared")
    }

    /// The bare clone of a git source.
    pub fn repo(&self) -> PathBuf {
        self.path.join("repo")
    }

    pub fn record(&self) -> PathBuf {
        self.path.join("releases.json")
    }

    /// Where `current` leads to for a release. It is relative, so that the folder can be looked at from elsewhere, such as a backup.
    pub fn link_to(name: &str) -> PathBuf {
        Path::new("releases").join(name)
    }

    /// The release that the text of `current` means.
    pub fn release_of(&self, link: &Path) -> Option<String> {
        let below = self.path.join(link);
        let name = below.strip_prefix(self.releases()).ok()?;
        let name = name.to_str().filter(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('/'))?;
        Some(name.to_owned())
    }
}

/// The name of a revision's release: a commit whole, and of a longer checksum as much, which no two contents share.
pub fn release_name(revision: &str) -> &str {
    revision.get(..40).unwrap_or(revision)
}

/// Looks at a folder in which toque makes and removes things by name. Whoever can write in it, or owns it, could put a link in the
/// place of any of them, so that toque, as root, would change what the link leads to.
/// # Errors
/// When it is no folder, or somebody else decides what lies in it.
pub fn own_folder(view: &View<'_>, path: &Path) -> Result<Option<Metadata>, Failure> {
    let found = match view.lstat(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(Failure::io("look at", path, &error)),
    };
    let found = match found.kind {
        FileKind::Link => {
            let hint = "put the folder itself there, or let root own the link and the folder it lies in";
            follow(view, path)?.map_err(|refusal| refusal.failure(path, "folder", hint))?.1
        }
        _ => found,
    };
    let here = path.display();
    if found.kind != FileKind::Directory {
        return Err(Failure::new(format!("cannot deploy: `{here}` is not a directory")).hint("move it away, or correct `path`"));
    }
    let own = view.effective_uid();
    let why = if found.uid != 0 && found.uid != own {
        format!("user {} owns it", found.uid)
    } else if found.mode & 0o022 != 0 {
        format!("others can write in it (mode {:04o})", found.mode)
    } else {
        return Ok(Some(found));
    };
    Err(Failure::new(format!("cannot deploy in `{here}`: {why} and could lead toque anywhere by a link"))
        .hint("let root own the folder, with mode 0755 (`owner` of `deploy` is for the releases), or let `deploy` make it"))
}
