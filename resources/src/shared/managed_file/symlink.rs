//! The end of a link that is managed in its stead.

use std::io;
use std::path::{Path, PathBuf};

use toque_core::failure::Failure;
use toque_machine::system::{FileKind, Metadata, Query};
use toque_machine::trusted_link::{Owned, by_number, distrust};
use toque_machine::view::View;

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The resource says `manage_symlink_source: false`.
    Unwanted,
    /// Someone else decides where it leads: the link, and how.
    Untrusted { link: PathBuf, why: String },
    /// It leads to nothing.
    Dangling { to: PathBuf },
    /// It leads back to itself.
    Loop,
}

impl Refusal {
    /// What is told to people who declared a `noun` at the link's path.
    pub(crate) fn failure(&self, path: &Path, noun: &str, hint: &str) -> Failure {
        let path = path.display();
        let message = match self {
            Self::Unwanted => format!("`{path}` is a symbolic link, not a {noun}"),
            Self::Untrusted { link, why } => {
                let link = link.display();
                format!(
                    "`{path}` is not followed: the symbolic link `{link}` could lead anywhere, because {why}"
                )
            }
            Self::Dangling { to } => {
                format!("`{path}` is a symbolic link to `{}`, where nothing is", to.display())
            }
            Self::Loop => format!("`{path}` is a symbolic link that leads back to itself"),
        };
        Failure::new(message).hint(hint)
    }
}

/// Follows links one by one from `path`, which is one, to what they lead to.
/// # Errors
/// When something on the way cannot be looked at.
pub(crate) fn follow(
    view: &View<'_>,
    path: &Path,
) -> Result<Result<(PathBuf, Metadata), Refusal>, Failure> {
    let own = view.effective_uid();
    let mut here = path.to_owned();
    for _ in 0..40 {
        let metadata = match view.lstat(&here) {
            Ok(metadata) if metadata.kind != FileKind::Link => return Ok(Ok((here, metadata))),
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Err(Refusal::Dangling { to: here }));
            }
            Err(error) if error.raw_os_error() == Some(ELOOP) => return Ok(Err(Refusal::Loop)),
            Err(error) => return Err(Failure::io("follow the link to", &here, &error)),
        };
        let folder = here.parent().unwrap_or(Path::new("/")).to_owned();
        let around = view.stat(&folder).map_err(|error| Failure::io("look at", &folder, &error))?;
        let around = Owned { uid: around.uid, mode: around.mode };
        let why = distrust(own, metadata.uid, around, by_number);
        if let Some(why) = why {
            return Ok(Err(Refusal::Untrusted { link: here, why }));
        }
        let to =
            view.read_link(&here).map_err(|error| Failure::io("read the link", &here, &error))?;
        here = folder.join(to);
    }
    Ok(Err(Refusal::Loop))
}

/// Linux's number for "too many levels of symbolic links", which has no stable `ErrorKind`.
const ELOOP: i32 = 40;
