//! The cookbook in what was fetched or unpacked. Who publishes an archive and who installs it look
//! by the same rule.

use std::path::{Path, PathBuf};

use toque_core::failure::Failure;
use toque_data::cookbook::is_of_chef;

use toque_core::read_optional::list_optional;

/// What is there where no cookbook is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFoundReason {
    /// So many cookbooks, a folder further down than they are looked for.
    Deeper(usize),
    /// A cookbook for Chef.
    Ruby,
    Nothing,
}

/// The cookbook `name`: it is the folder itself, or the folder in it that is called so, or else the
/// first that is in it.
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn find(top: &Path, name: &str) -> Result<Option<PathBuf>, Failure> {
    if is_cookbook(top) {
        return Ok(Some(top.to_owned()));
    }
    let below = folders(top)?;
    let own = below.iter().find(|folder| folder.file_name().is_some_and(|file| file == name));
    Ok(own.or(below.first()).filter(|folder| is_cookbook(folder)).cloned())
}

/// The cookbooks that could be found by one name or another.
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn all(top: &Path) -> Result<Vec<PathBuf>, Failure> {
    if is_cookbook(top) {
        return Ok(vec![top.to_owned()]);
    }
    let mut below = folders(top)?;
    below.retain(|folder| is_cookbook(folder));
    Ok(below)
}

/// What is there instead of a cookbook.
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn not_found_reason(top: &Path) -> Result<NotFoundReason, Failure> {
    let below = folders(top)?;
    let deeper: Vec<PathBuf> =
        below.iter().map(|folder| folders(folder)).collect::<Result<Vec<_>, _>>()?.concat();
    let count = deeper.iter().filter(|folder| is_cookbook(folder)).count();
    Ok(match () {
        () if count > 0 => NotFoundReason::Deeper(count),
        () if is_of_chef(top) || below.iter().chain(&deeper).any(|folder| is_of_chef(folder)) => {
            NotFoundReason::Ruby
        }
        () => NotFoundReason::Nothing,
    })
}

fn is_cookbook(folder: &Path) -> bool {
    folder.join("cookbook.toml").is_file()
}

/// The folders in a folder, sorted; none when it is not there. A link is none: nobody knows where
/// it leads.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = list_optional(folder)?;
    paths.retain(|path| path.is_dir() && !path.is_symlink());
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Looks for `web` among files that are named here; a name with ` -> ` is a link.
    fn look(files: &[&str]) -> (Option<String>, usize, NotFoundReason) {
        let top = tempfile::tempdir().unwrap();
        for file in files {
            let (name, link) =
                file.split_once(" -> ").map_or((*file, None), |(name, to)| (name, Some(to)));
            let path = top.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match link {
                Some(to) => std::os::unix::fs::symlink(to, path).unwrap(),
                None => fs::write(path, "").unwrap(),
            }
        }
        let seen = |path: PathBuf| path.strip_prefix(top.path()).unwrap().display().to_string();
        let found = find(top.path(), "web").unwrap();
        // What is found is always one of those that could be.
        let all = all(top.path()).unwrap();
        assert!(found.iter().all(|found| all.contains(found)), "{files:?}");
        (found.map(seen), all.len(), not_found_reason(top.path()).unwrap())
    }

    #[test]
    fn what_is_found() {
        for (files, found, all, instead) in [
            (&["cookbook.toml", "web/cookbook.toml"][..], Some(""), 1, NotFoundReason::Nothing),
            (&["a/cookbook.toml", "web/cookbook.toml"], Some("web"), 2, NotFoundReason::Nothing),
            (&["a/cookbook.toml", "b/cookbook.toml"], Some("a"), 2, NotFoundReason::Nothing),
            (&["a/README.md", "b/cookbook.toml"], None, 1, NotFoundReason::Nothing),
            (&["a/cookbook.toml", "web/metadata.rb"], None, 1, NotFoundReason::Ruby),
            (
                &["a -> web-1.0", "web-1.0/cookbook.toml"],
                Some("web-1.0"),
                1,
                NotFoundReason::Nothing,
            ),
            (&["README.md"], None, 0, NotFoundReason::Nothing),
            (&["metadata.json"], None, 0, NotFoundReason::Ruby),
            (&["web/metadata.rb"], None, 0, NotFoundReason::Ruby),
            (&["cookbooks/web/metadata.rb"], None, 0, NotFoundReason::Ruby),
            (&["cookbooks/web/metadata.rb/x"], None, 0, NotFoundReason::Nothing),
            (
                &["cookbooks/web/cookbook.toml", "cookbooks/old/metadata.rb"],
                None,
                0,
                NotFoundReason::Deeper(1),
            ),
        ] {
            assert_eq!(look(files), (found.map(str::to_owned), all, instead), "{files:?}");
        }
        let nowhere = Path::new("/nowhere/at/all");
        assert_eq!(
            (find(nowhere, "web").unwrap(), not_found_reason(nowhere).unwrap()),
            (None, NotFoundReason::Nothing)
        );
    }
}
