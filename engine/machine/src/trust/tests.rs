use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use toque_core::failure::FailureKind;

use super::*;

const CLOSED: Way = Way { uid: 0, open: false, private: false };
const STICKY: Way = Way { uid: 0, open: true, private: false };
const PRIVATE: Way = Way { uid: 0, open: false, private: true };

/// Trusted are root, toque's own user 1000, and 1001 by the settings; 1002 is a stranger.
fn found(kind: EntryType, uid: u32, mode: u32, way: Way, excused: bool) -> Option<Cause> {
    let entry = Entry { uid, gid: uid, mode, kind };
    cause(entry, way, |uid| [0, 1000, 1001].contains(&uid), || excused)
}

#[test]
fn only_trusted_users_may_own_and_write() {
    use EntryType::{File, Folder, Link, Listed};
    let (owner, writers, link) = (Some(Cause::Owner), Some(Cause::Writers), Some(Cause::Link));
    let cases = [
        (File, 0, 0o644, CLOSED, false, None),
        (File, 1000, 0o600, CLOSED, false, None),
        (File, 1001, 0o755, CLOSED, false, None),
        (File, 1002, 0o600, CLOSED, false, owner),
        (File, 0, 0o666, CLOSED, true, writers),
        (File, 0, 0o664, CLOSED, false, writers),
        (File, 0, 0o664, CLOSED, true, None),
        // Nobody else gets there; that another owns it is no less strange.
        (File, 0, 0o666, PRIVATE, false, None),
        (File, 1002, 0o600, PRIVATE, false, owner),
        (File, 0, 0o1666, CLOSED, true, writers),
        // In a sticky folder the owner of an entry decides.
        (File, 0, 0o644, STICKY, false, None),
        (File, 1002, 0o644, STICKY, false, owner),
        (Folder, 0, 0o755, CLOSED, false, None),
        (Folder, 1002, 0o755, CLOSED, false, owner),
        (Folder, 1002, 0o1755, CLOSED, false, owner),
        (Folder, 0, 0o777, CLOSED, true, writers),
        (Folder, 0, 0o775, CLOSED, false, writers),
        (Folder, 0, 0o775, CLOSED, true, None),
        (Folder, 0, 0o1777, CLOSED, true, None),
        (Folder, 0, 0o1775, CLOSED, false, None),
        // What is listed is read, and anybody can add to a sticky folder.
        (Listed, 0, 0o1777, CLOSED, true, writers),
        (Listed, 0, 0o1775, CLOSED, false, writers),
        (Listed, 0, 0o755, CLOSED, false, None),
        (Listed, 1001, 0o700, CLOSED, false, None),
        (Link, 0, 0o777, CLOSED, false, None),
        (Link, 1001, 0o777, CLOSED, false, None),
        (Link, 1002, 0o777, CLOSED, false, owner),
        (Link, 0, 0o777, STICKY, false, link),
        (Link, 0, 0o777, Way { uid: 1002, ..CLOSED }, false, link),
    ];
    for (kind, uid, mode, way, excused, why) in cases {
        let got = found(kind, uid, mode, way, excused);
        assert_eq!(got, why, "{kind:?} {uid} {mode:o} {way:?} {excused}");
    }
}

#[test]
fn folders_pass_on_who_gets_there() {
    let folder = |mode| Entry { uid: 1001, gid: 0, mode, kind: EntryType::Folder };
    let through = |mode| CLOSED.through(folder(mode), || false);
    assert_eq!(through(0o755), Way { uid: 1001, open: false, private: false });
    assert_eq!(through(0o1777), Way { uid: 1001, open: true, private: false });
    assert_eq!(through(0o775), Way { uid: 1001, open: true, private: false });
    assert_eq!(through(0o700), Way { uid: 1001, open: false, private: true });
    // Its group can enter it.
    assert!(!through(0o710).private);
    assert_eq!(PRIVATE.through(folder(0o777), || false), Way { uid: 1001, ..PRIVATE });
}

/// A folder with a repository that is in order.
struct Place(tempfile::TempDir);

const STRANGER: u32 = 12345;

impl Place {
    /// None without the right to give files away.
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let place = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).unwrap();
        for folder in ["repo/cookbooks/web/recipes", "repo/.git", "repo/site", "elsewhere"] {
            fs::create_dir_all(place.at(folder)).unwrap();
        }
        for file in ["repo/cookbooks/web/recipes/default.rhai", "repo/site/x", "elsewhere/x"] {
            fs::write(place.at(file), "").unwrap();
        }
        Some(place)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn give(&self, path: &str) {
        chown(self.at(path), Some(STRANGER), Some(STRANGER)).unwrap();
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), Permissions::from_mode(mode)).unwrap();
    }

    fn repository(&self) -> Result<(), Failure> {
        Trust::default().repository(&self.at("repo"))
    }

    fn refused(&self) -> Failure {
        let failure = self.repository().expect_err("it is not trusted");
        assert_eq!(failure.kind, FailureKind::Untrusted, "{failure}");
        failure
    }
}

#[test]
fn a_repository_is_looked_at_as_far_as_it_is_read() {
    let Some(place) = Place::new() else { return };
    place.repository().unwrap();
    for read in ["repo", "repo/cookbooks", "repo/cookbooks/web/recipes/default.rhai"] {
        place.give(read);
        let failure = place.refused();
        assert!(failure.message.contains("user 12345 owns"), "{failure}");
        assert!(failure.notes[0].contains(&format!("`{}` belongs", place.at(read).display())));
        assert!(failure.hint.unwrap().contains("`owners = [12345]`"));
        let owners = Trust { owners: vec![STRANGER], repository: false };
        owners.repository(&place.at("repo")).unwrap();
        let this_run = Trust { repository: true, ..Trust::default() };
        this_run.repository(&place.at("repo")).unwrap();
        assert!(this_run.folder(Subject::State, &place.at(read)).is_err(), "{read}");
        chown(place.at(read), Some(0), Some(0)).unwrap();
    }
    for other in ["repo/site", "repo/site/x", "repo/.git", "elsewhere"] {
        place.give(other);
    }
    place.repository().unwrap();
    place.mode("repo", 0o1777);
    place.refused();
    place.mode("repo", 0o755);
    // The folder above: sticky is in order, open is not.
    for (mode, trusted) in [(0o1777, true), (0o777, false), (0o775, true)] {
        fs::set_permissions(place.0.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(place.repository().is_ok(), trusted, "{mode:o}");
    }
    chown(place.0.path(), Some(STRANGER), None).unwrap();
    assert!(place.refused().hint.unwrap().starts_with("move it to a folder"));
}

#[test]
fn a_group_of_others_may_not_write() {
    let Some(place) = Place::new() else { return };
    let recipe = "repo/cookbooks/web/recipes/default.rhai";
    place.mode(recipe, 0o664);
    place.repository().unwrap();
    chown(place.at(recipe), Some(0), Some(STRANGER)).unwrap();
    assert!(place.refused().message.contains("others in group 12345"));
    place.mode(recipe, 0o644);
    place.repository().unwrap();
    // `setfacl -m u:12345:rw`: the mode shows the mask where it showed the group.
    let entry = |tag: u16, bits: u16, id: u32| {
        [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let none = u32::MAX;
    for (user, trusted) in [(STRANGER, false), (0, true)] {
        chown(place.at(recipe), Some(0), Some(0)).unwrap();
        let list = [
            2_u32.to_le_bytes().to_vec(),
            entry(0x01, 6, none),
            entry(0x02, 6, user),
            entry(0x04, 4, none),
            entry(0x10, 6, none),
            entry(0x20, 4, none),
        ]
        .concat();
        let flags = rustix::fs::XattrFlags::empty();
        let name = "system.posix_acl_access";
        if rustix::fs::setxattr(place.at(recipe), name, &list, flags).is_err() {
            return; // A file system without lists.
        }
        assert_eq!(place.repository().is_ok(), trusted, "{user}");
    }
}

#[test]
fn links_are_followed_where_trusted_users_made_them_and_what_they_lead_to() {
    let Some(place) = Place::new() else { return };
    let link = place.at("repo/roles");
    symlink("../elsewhere", &link).unwrap();
    place.repository().unwrap();
    place.give("elsewhere/x");
    assert!(place.refused().message.contains("elsewhere/x"));
    chown(place.at("elsewhere/x"), Some(0), Some(0)).unwrap();
    place.give("elsewhere");
    place.refused();
    chown(place.at("elsewhere"), Some(0), Some(0)).unwrap();
    std::os::unix::fs::lchown(&link, Some(STRANGER), None).unwrap();
    assert!(place.refused().message.contains("repo/roles"));
    fs::remove_file(&link).unwrap();
    // Circles end.
    symlink("..", place.at("repo/cookbooks/web/files")).unwrap();
    symlink("loop", place.at("repo/cookbooks/web/loop")).unwrap();
    place.repository().unwrap();
    // The kernel goes where the text of the link does not lead.
    let open = fs::File::open(place.at("repo/site/x")).unwrap();
    fs::remove_file(place.at("repo/site/x")).unwrap();
    fs::write(place.at("repo/site/x (deleted)"), "").unwrap();
    let magic = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    Trust::default().file(Subject::Document, Path::new(&magic)).unwrap_err();
    // Through a link that anybody could have made.
    place.mode("elsewhere", 0o1777);
    symlink(place.at("repo"), place.at("elsewhere/link")).unwrap();
    assert!(Trust::default().repository(&place.at("elsewhere/link")).is_err());
    let hop = place.at("elsewhere/link/../repo");
    assert!(Trust::default().repository(&hop).is_err());
}

#[test]
fn what_is_missing_is_in_order_where_nobody_else_can_make_it() {
    let Some(place) = Place::new() else { return };
    let trust = Trust::default();
    trust.file(Subject::Secret, &place.at("elsewhere/none")).unwrap();
    trust.folder(Subject::State, &place.at("elsewhere/none/state")).unwrap();
    trust.file(Subject::Secret, &place.at("elsewhere/x/none")).unwrap();
    place.mode("elsewhere", 0o1777);
    let failure = trust.file(Subject::Secret, &place.at("elsewhere/none")).expect_err("anybody");
    assert!(failure.message.ends_with("it does not exist"), "{failure}");
    trust.folder(Subject::State, &place.at("elsewhere/none/state")).unwrap();
}

#[test]
fn a_folder_that_somebody_prepared_is_refused() {
    let Some(place) = Place::new() else { return };
    let trust = Trust::default();
    let refused = |state: &str| trust.folder(Subject::State, &place.at(state)).is_err();
    fs::create_dir_all(place.at("state/runs/deep/er")).unwrap();
    fs::write(place.at("state/lock"), "").unwrap();
    assert!(!refused("state"));
    for at in ["state", "state/lock", "state/runs", "state/runs/deep"] {
        place.give(at);
        assert!(refused("state"), "{at}");
        chown(place.at(at), Some(0), Some(0)).unwrap();
    }
    // Backups belong to the owners of what was backed up.
    place.give("state/runs/deep/er");
    assert!(!refused("state"));
    for mode in [0o777, 0o1777] {
        place.mode("state", mode);
        assert!(refused("state"), "{mode:o}");
    }
    // In a folder that nobody else enters, modes do not matter.
    place.mode("state", 0o700);
    place.mode("state/runs", 0o777);
    assert!(!refused("state"));
    place.mode("state", 0o755);
    place.mode("state/runs", 0o755);
    symlink("/etc/shadow", place.at("state/owed.jsonl")).unwrap();
    std::os::unix::fs::lchown(place.at("state/owed.jsonl"), Some(STRANGER), None).unwrap();
    assert!(refused("state"));
    symlink("state", place.at("link")).unwrap();
    std::os::unix::fs::lchown(place.at("link"), Some(STRANGER), None).unwrap();
    assert!(refused("link") && refused("link/below"));
}
