//! The rule for symbolic links. The owner of a link, and all who can write in its folder, decide
//! where it leads: if toque followed such a link as root, they could have any file of the machine
//! read, overwritten or given away.

use std::path::Path;

use toque_core::failure::RefusedPath;

/// The owner and permission bits of a folder or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    pub uid: u32,
    pub mode: u32,
}

/// Returns the reason for which a link in `folder` is not followed by a process of the user `own`,
/// as "user 1000 owns it"; `None` for one that only root or `own` can have made. A sticky folder is
/// no exception: everyone can make links there. `named` puts a user in words.
pub fn distrust(
    own: u32,
    link_uid: u32,
    folder: Owned,
    named: impl Fn(u32) -> String,
) -> Option<String> {
    distrust_by(|uid| uid == 0 || uid == own, link_uid, folder, named)
}

/// As [`distrust`], where others than root and toque's own user may be trusted.
pub fn distrust_by(
    trusted: impl Fn(u32) -> bool,
    link_uid: u32,
    folder: Owned,
    named: impl Fn(u32) -> String,
) -> Option<String> {
    if !trusted(link_uid) {
        Some(format!("{} owns it", named(link_uid)))
    } else if !trusted(folder.uid) {
        Some(format!("{} owns its folder", named(folder.uid)))
    } else if folder.mode & 0o022 != 0 {
        Some(format!("others can write its folder (mode {:04o})", folder.mode & 0o7777))
    } else {
        None
    }
}

/// Returns true if only root and the user `own` can put something into a folder.
#[must_use]
pub fn is_closed(own: u32, folder: Owned) -> bool {
    (folder.uid == 0 || folder.uid == own) && folder.mode & 0o022 == 0
}

/// Puts a user in words where names are not known.
#[must_use]
pub fn by_number(uid: u32) -> String {
    format!("user {uid}")
}

/// Returns the error for a link that is not followed, with what `distrust` has against it.
#[must_use]
pub fn not_followed(link: &Path, why: &str) -> RefusedPath {
    RefusedPath {
        why: format!(
            "the symbolic link `{}` is not followed: it could lead anywhere, because {why}",
            link.display()
        ),
        hint: "declare the path that is meant, without the link, or have root make the link in a folder that nobody else can write".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_root_and_of_the_own_user_are_followed() {
        let cases: [(u32, u32, u32, u32, Option<&str>); 10] = [
            (0, 0, 0, 0o755, None),
            (0, 1000, 0, 0o755, Some("user 1000 owns it")),
            (0, 0, 1000, 0o755, Some("user 1000 owns its folder")),
            (0, 0, 0, 0o775, Some("others can write its folder (mode 0775)")),
            (0, 0, 0, 0o1777, Some("others can write its folder (mode 1777)")),
            (1000, 1000, 1000, 0o700, None),
            (1000, 0, 1000, 0o755, None),
            (1000, 1000, 0, 0o755, None),
            (1000, 1001, 0, 0o755, Some("user 1001 owns it")),
            (1000, 1000, 1001, 0o755, Some("user 1001 owns its folder")),
        ];
        for (own, link, uid, mode, why) in cases {
            let folder = Owned { uid, mode };
            assert_eq!(
                distrust(own, link, folder, by_number).as_deref(),
                why,
                "{own} {link} {uid} {mode:o}"
            );
            assert_eq!(is_closed(own, folder), distrust(own, own, folder, by_number).is_none());
        }
    }
}
