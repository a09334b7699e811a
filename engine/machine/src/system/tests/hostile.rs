//! Folders that other users own, and what they put there. These tests need root: they make files of
//! other users.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use rustix::fs::{XattrFlags, getxattr, setxattr};
use toque_core::failure::RefusedPath;

use crate::system::{HostSystem, Mounts, Ownership, Query, System};

const APP: u32 = 61_001;
const OTHER: u32 = 61_002;

/// A folder of root, with `app`, which belongs to APP, and `outside`, which nobody may touch.
struct Place {
    folder: tempfile::TempDir,
    host: HostSystem,
}

impl Place {
    /// Returns none where this is not root.
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let place = Self { folder, host: HostSystem::new() };
        for name in ["app", "outside"] {
            fs::create_dir(place.at(name)).unwrap();
        }
        fs::write(place.at("outside/secret"), "secret").unwrap();
        fs::set_permissions(place.at("outside/secret"), Permissions::from_mode(0o600)).unwrap();
        chown(place.at("app"), Some(APP), Some(APP)).unwrap();
        Some(place)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What must not change, and what must not be read.
    fn outside(&self) -> (u32, u32, u32, i64, u64, Vec<u8>, usize) {
        let about = fs::metadata(self.at("outside/secret")).unwrap();
        let text = fs::read(self.at("outside/secret")).unwrap();
        let entries = fs::read_dir(self.at("outside")).unwrap().count();
        (about.uid(), about.gid(), about.mode(), about.mtime_nsec(), about.nlink(), text, entries)
    }
}

fn of_app() -> Ownership {
    Ownership { uid: Some(APP), gid: Some(APP), mode: Some(0o640) }
}

type Effect = fn(&HostSystem, &Path) -> io::Result<()>;

/// Every effect on `PATH/secret`.
const EFFECTS: [(&str, Effect); 12] = [
    ("stage", |host, at| host.replace(&at.join("secret"), b"new", &of_app())),
    ("write in place", |host, at| {
        host.write_in_place(&at.join("secret"), &mut &b"new"[..]).map(drop)
    }),
    ("set mode", |host, at| host.set_mode(&at.join("secret"), 0o666)),
    ("set owner", |host, at| host.set_owner(&at.join("secret"), Some(APP), None)),
    ("touch", |host, at| host.touch(&at.join("secret"))),
    ("remove", |host, at| host.remove_file(&at.join("secret"))),
    ("create", |host, at| {
        host.create_file(&at.join("new"), &mut &b"new"[..], 0o644, None).map(drop)
    }),
    ("create directory", |host, at| host.create_dir(&at.join("new"), &of_app())),
    ("link", |host, at| host.symlink(Path::new("x"), &at.join("new"))),
    ("link hard", |host, at| host.hard_link(&at.join("secret"), &at.join("new"))),
    ("rename", |host, at| host.rename(&at.join("secret"), &at.join("new"))),
    ("remove all", |host, at| host.remove_dir_all(at, Mounts::Stay)),
];

#[test]
fn a_planted_link_on_the_way_leads_nowhere() {
    let Some(place) = Place::new() else { return };
    let before = place.outside();
    symlink(place.at("outside"), place.at("app/dir")).unwrap();
    lchown(place.at("app/dir"), Some(APP), Some(APP)).unwrap();
    let way = place.at("app/dir");
    for (name, effect) in &EFFECTS[..11] {
        let error = effect(&place.host, &way).expect_err(name);
        let refused = RefusedPath::of(&error).unwrap_or_else(|| panic!("{name}: {error}"));
        assert!(
            refused.why.contains(&way.display().to_string()) && refused.why.contains("61001"),
            "{name}: {refused}"
        );
        assert_eq!(place.outside(), before, "{name}");
    }
    for (name, error) in [
        ("read", place.host.read(&way.join("secret")).map(drop)),
        ("open", place.host.open(&way.join("secret")).map(drop)),
        ("list", place.host.read_dir(&way).map(drop)),
        ("stat", place.host.stat(&way.join("secret")).map(drop)),
        ("sync", place.host.sync(&way.join("secret"))),
    ] {
        assert!(RefusedPath::of(&error.expect_err(name)).is_some(), "{name}");
    }
    // A link at the end is removed itself.
    place.host.remove_dir_all(&way, Mounts::Stay).unwrap();
    assert_eq!(place.outside(), before);
}

#[test]
fn a_link_of_root_is_followed_from_a_folder_of_root() {
    let Some(place) = Place::new() else { return };
    symlink("app", place.at("link")).unwrap();
    let path = place.at("link/file");
    place.host.replace(&path, b"new", &of_app()).unwrap();
    assert_eq!(fs::read(place.at("app/file")).unwrap(), b"new");
    // In a sticky folder everyone can make links.
    fs::create_dir(place.at("tmp")).unwrap();
    fs::set_permissions(place.at("tmp"), Permissions::from_mode(0o1777)).unwrap();
    symlink("../app", place.at("tmp/link")).unwrap();
    let error = place.host.read(&place.at("tmp/link/file")).unwrap_err();
    assert!(RefusedPath::of(&error).is_some_and(|refused| refused.why.contains("mode 1777")));
}

#[test]
fn a_second_name_of_a_file_is_not_changed_or_read() {
    let Some(place) = Place::new() else { return };
    fs::hard_link(place.at("outside/secret"), place.at("app/secret")).unwrap();
    let before = place.outside();
    let at = place.at("app");
    for (name, effect) in &EFFECTS[1..5] {
        let error = effect(&place.host, &at).expect_err(name);
        assert!(RefusedPath::of(&error).is_some(), "{name}: {error}");
        assert_eq!(place.outside(), before, "{name}");
    }
    assert!(place.host.read(&at.join("secret")).is_err());
    assert!(place.host.hard_link(&at.join("secret"), &at.join("third")).is_err());
    assert_eq!(place.outside(), before);
    // What takes its place is another file.
    place.host.replace(&at.join("secret"), b"new", &of_app()).unwrap();
    assert_eq!(fs::read(place.at("outside/secret")).unwrap(), b"secret");
    // One of their own is theirs to give several names.
    fs::write(place.at("app/own"), "own").unwrap();
    chown(place.at("app/own"), Some(APP), Some(APP)).unwrap();
    fs::hard_link(place.at("app/own"), place.at("app/twice")).unwrap();
    assert_eq!(place.host.read(&at.join("own")).unwrap(), b"own");
    place.host.set_mode(&at.join("own"), 0o600).unwrap();
    assert!(place.host.set_owner(&at.join("own"), Some(OTHER), None).is_err());
}

/// A folder that is exchanged all the time for a link, or for another folder.
#[test]
fn an_exchange_in_the_middle_leads_nowhere() {
    let Some(place) = Place::new() else { return };
    let before = place.outside();
    let (dir, link) = (place.at("app/dir"), place.at("app/link"));
    let reset = || {
        fs::create_dir_all(&dir).or_else(|_| fs::create_dir_all(&link)).unwrap();
        for path in [&dir, &link] {
            if path.symlink_metadata().is_ok_and(|about| about.is_dir()) {
                fs::write(path.join("secret"), "theirs").unwrap();
                chown(path.join("secret"), Some(APP), Some(APP)).unwrap();
            }
        }
    };
    symlink(place.at("outside"), &link).unwrap();
    lchown(&link, Some(APP), Some(APP)).unwrap();
    reset();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = renameat2(AT_FDCWD, &dir, AT_FDCWD, &link, RenameFlags::RENAME_EXCHANGE);
            }
        });
        for (name, effect) in &EFFECTS[..11] {
            for _ in 0..200 {
                let _ = effect(&place.host, &dir);
                if let Ok(text) = place.host.read(&dir.join("secret")) {
                    assert_ne!(text, b"secret", "{name}");
                }
                let _ = place.host.remove_file(&dir.join("new"));
                let _ = place.host.remove_dir(&dir.join("new"));
            }
            assert_eq!(place.outside(), before, "{name}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// A row of the guide's table: who makes something in a folder of `app`, and whose it is then.
struct Row {
    mode: u32,
    owner: Ownership,
    /// Whether it is made with the rights of `app`, and not with root's.
    of_app: bool,
    made: (u32, u32),
}

/// Reads the table of the guide on security.
fn rights_table() -> Vec<Row> {
    let guide = include_str!("../../../../../docs/src/guide/security.md");
    let section = guide.split("\n## ").find(|section| section.starts_with("Whose rights")).unwrap();
    let id = |name: &str| match name.trim_matches('`') {
        "none" => None,
        "root" => Some(0),
        "app" => Some(APP),
        "other" => Some(OTHER),
        "staff" => Some(7),
        name => panic!("{name}"),
    };
    let rows = section.lines().filter(|line| line.starts_with("| 0") || line.starts_with("| 2"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [mode, uid, gid, maker, made_uid, made_gid] = cells[..] else { panic!("{line}") };
        Row {
            mode: u32::from_str_radix(mode, 8).unwrap(),
            owner: Ownership { uid: id(uid), gid: id(gid), mode: Some(0o750) },
            of_app: id(maker).unwrap() == APP,
            made: (id(made_uid).unwrap(), id(made_gid).unwrap()),
        }
    })
    .collect()
}

#[test]
fn the_owner_of_a_folder_makes_what_is_the_owners() {
    let Some(place) = Place::new() else { return };
    let at = |name: &str| place.at("app").join(name);
    let make = |name: &str, owner: &Ownership| -> io::Result<()> {
        place.host.replace(&at(&format!("{name}-file")), b"x", owner)?;
        place.host.create_dir(&at(&format!("{name}-dir")), owner)
    };
    let rows = rights_table();
    assert!(rows.len() >= 8 && rows.iter().any(|row| row.of_app));
    for (number, row) in rows.iter().enumerate() {
        let set =
            |mode| fs::set_permissions(place.at("app"), Permissions::from_mode(mode)).unwrap();
        set(row.mode);
        make(&number.to_string(), &row.owner).unwrap();
        for kind in ["file", "dir"] {
            let about = fs::symlink_metadata(at(&format!("{number}-{kind}"))).unwrap();
            let made = ((about.uid(), about.gid()), about.mode() & 0o7777);
            assert_eq!(made, (row.made, 0o750), "row {number}, {kind}");
        }
        // Root may write where the owner may not, so that this tells whose rights were used.
        set(row.mode & !0o222);
        let closed = format!("closed-{number}");
        match make(&closed, &row.owner) {
            Ok(()) => assert!(!row.of_app, "row {number}"),
            Err(error) => {
                assert!(row.of_app, "row {number}: {error}");
                let mode = format!("mode {:04o}", row.mode & !0o222);
                assert!(RefusedPath::of(&error).is_some_and(|why| why.why.contains(&mode)));
                assert!(!at(&format!("{closed}-file")).exists());
            }
        }
    }
}

#[test]
fn a_directory_is_removed_whatever_its_depth_and_links() {
    let Some(place) = Place::new() else { return };
    let before = place.outside();
    let top = place.at("app/top");
    fs::create_dir(&top).unwrap();
    let mut fd = fs::File::open(&top).unwrap();
    for _ in 0..3_000 {
        rustix::fs::mkdirat(&fd, "deep", rustix::fs::Mode::RWXU).unwrap();
        rustix::fs::symlinkat(place.at("outside"), &fd, "link").unwrap();
        fd = fs::File::from(
            rustix::fs::openat(
                &fd,
                "deep",
                rustix::fs::OFlags::DIRECTORY,
                rustix::fs::Mode::empty(),
            )
            .unwrap(),
        );
    }
    fs::hard_link(place.at("outside/secret"), top.join("hard")).unwrap();
    place.host.remove_dir_all(&top, Mounts::Stay).unwrap();
    assert!(!top.exists());
    assert_eq!(place.outside(), before);
    for path in ["/usr", "/", "/tmp/..", "/usr/bin/../.."] {
        let error = place.host.remove_dir_all(Path::new(path), Mounts::Stay).unwrap_err();
        assert!(RefusedPath::of(&error).is_some(), "{path}: {error}");
    }
}

#[test]
fn what_a_file_carries_is_kept_on_replacement() {
    let Some(place) = Place::new() else { return };
    let path = place.at("outside/secret");
    let set = |path: &Path, name: &str, value: &[u8]| {
        setxattr(path, name, value, XattrFlags::empty()).unwrap();
    };
    let get = |path: &Path, name: &str| {
        let mut buffer = [0; 256];
        getxattr(path, name, &mut buffer).ok().map(|count| buffer[..count].to_vec())
    };
    // user::rw- user:61001:r-- group::--- mask::rw- other::---, as acl(5) stores it.
    let entry = |tag: u16, rights: u16, id: u32| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let access = [
        2_u32.to_le_bytes().to_vec(),
        entry(0x01, 6, u32::MAX),
        entry(0x02, 4, APP),
        entry(0x04, 0, u32::MAX),
        entry(0x10, 6, u32::MAX),
        entry(0x20, 0, u32::MAX),
    ]
    .concat();
    // cap_net_bind_service=ep.
    let capability = [0x0200_0001_u32, 1 << 10, 0, 0, 0].map(u32::to_le_bytes).concat();
    set(&path, "system.posix_acl_access", &access);
    set(&path, "user.note", b"kept");
    set(&path, "security.capability", &capability);
    let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o660, "the mask is what the mode shows of the group");
    place.host.replace(&path, b"new", &Ownership::of_mode(mode)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(get(&path, "system.posix_acl_access").as_ref(), Some(&access));
    assert_eq!(get(&path, "user.note").as_deref(), Some(&b"kept"[..]));
    assert_eq!(get(&path, "security.capability").as_ref(), Some(&capability));
    // Writing takes capabilities from a file.
    assert_eq!(place.host.write_in_place(&path, &mut &b"newer"[..]).unwrap(), [""; 0]);
    assert_eq!(get(&path, "security.capability").as_ref(), Some(&capability));
    assert_eq!(get(&path, "system.posix_acl_access").as_ref(), Some(&access));
    // Another mode changes the mask, and leaves the group its own rights.
    place.host.replace(&path, b"new", &Ownership::of_mode(0o640)).unwrap();
    let kept = get(&path, "system.posix_acl_access").unwrap();
    assert_eq!((kept[4 + 2 * 8 + 2], kept[4 + 3 * 8 + 2]), (0, 4), "{kept:?}");
    // A list that another user has put there is not taken over.
    let theirs = place.at("app/file");
    fs::write(&theirs, "").unwrap();
    chown(&theirs, Some(OTHER), None).unwrap();
    set(&theirs, "user.note", b"theirs");
    assert_eq!(place.host.lost_on_replacement(&theirs, &of_app()).unwrap(), ["user.note"]);
    let staged = place.host.stage(&theirs, &mut &b"new"[..], &of_app()).unwrap();
    assert_eq!(staged.lost, ["user.note"]);
    place.host.rename(&staged.path, &theirs).unwrap();
    assert_eq!(get(&theirs, "user.note"), None);
    // Nor are rights for programs, in a folder that its owner can write.
    set(&theirs, "user.note", b"kept");
    set(&theirs, "trusted.note", b"lost");
    set(&theirs, "security.capability", &capability);
    let mut lost = place.host.lost_on_replacement(&theirs, &of_app()).unwrap();
    lost.sort();
    assert_eq!(lost, ["security.capability", "trusted.note"]);
    place.host.replace(&theirs, b"newer", &of_app()).unwrap();
    assert_eq!(get(&theirs, "user.note").as_deref(), Some(&b"kept"[..]));
    assert_eq!(get(&theirs, "security.capability"), None);
}
