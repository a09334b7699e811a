//! The fake machine must answer as the kernel does: each operation is done on both, and result and
//! state are compared.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::system::{FakeSystem, FileKind, HostSystem, Mounts, Ownership, System};

type Operation = fn(&dyn System, &Path) -> io::Result<String>;

/// Two directories, two files, links of every sort, a file with two names.
fn prepare(system: &dyn System, root: &Path) -> io::Result<()> {
    let file = |path: &str, content: &str, mode| -> io::Result<()> {
        let path = root.join(path);
        let staged = system.stage(
            &path,
            &mut &content.as_bytes()[..],
            &Ownership { mode: Some(mode), ..Ownership::default() },
        )?;
        system.rename(&staged.path, &path)
    };
    system.create_dir(&root.join("empty"), &Ownership::of_mode(0o750))?;
    system.create_dir(&root.join("full"), &Ownership::of_mode(0o755))?;
    system.create_dir(&root.join("full/deep"), &Ownership::of_mode(0o755))?;
    file("full/deep/leaf", "leaf", 0o644)?;
    file("plain", "content\n", 0o644)?;
    file("suid", "", 0o6755)?;
    file("one", "two names", 0o640)?;
    system.hard_link(&root.join("one"), &root.join("other"))?;
    system.symlink(Path::new("plain"), &root.join("to-file"))?;
    system.symlink(Path::new("full"), &root.join("to-dir"))?;
    system.symlink(Path::new("nowhere"), &root.join("dangling"))?;
    system.symlink(Path::new("loop-b"), &root.join("loop-a"))?;
    system.symlink(Path::new("loop-a"), &root.join("loop-b"))?;
    system.symlink(&root.join("full/deep"), &root.join("absolute"))?;
    system.symlink(Path::new("../plain"), &root.join("full/up"))
}

fn create(system: &dyn System, path: &Path) -> io::Result<String> {
    done(system.create_file(path, &mut &b"new"[..], 0o644, None).map(|_| ()))
}

/// Content that breaks off.
struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

fn done<T>(result: io::Result<T>) -> io::Result<String> {
    result.map(|_| "done".to_owned())
}

fn look(system: &dyn System, path: &Path, follow: bool) -> io::Result<String> {
    let metadata = if follow { system.stat(path)? } else { system.lstat(path)? };
    // Sizes and link counts of directories are the file system's business.
    let (size, links) =
        if metadata.kind == FileKind::Directory { (0, 0) } else { (metadata.size, metadata.links) };
    Ok(format!(
        "{:?} {:04o} {}:{} {size} bytes {links} links",
        metadata.kind, metadata.mode, metadata.uid, metadata.gid
    ))
}

fn text(system: &dyn System, path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&system.read(path)?).into_owned())
}

/// Everything below a directory.
fn all(system: &dyn System, root: &Path, below: &Path, lines: &mut Vec<String>) {
    let path = root.join(below);
    let mut line = format!("{}: {}", below.display(), look(system, &path, false).unwrap());
    let kind = system.lstat(&path).unwrap().kind;
    match kind {
        FileKind::File => line.push_str(&format!(" {:?}", text(system, &path).unwrap())),
        FileKind::Link => {
            let to = system.read_link(&path).unwrap();
            // The length of an absolute link depends on the root.
            line = match to.strip_prefix(root) {
                Ok(to) => format!("{}: Link to ROOT/{}", below.display(), to.display()),
                Err(_) => format!("{line} to {}", to.display()),
            };
        }
        _ => {}
    }
    lines.push(line);
    if kind == FileKind::Directory {
        for name in system.read_dir(&path).unwrap() {
            // Staged files have random names.
            if !name.to_string_lossy().starts_with(".toque-") {
                all(system, root, &below.join(name), lines);
            }
        }
    }
}

const OPERATIONS: &[(&str, Operation)] = &[
    ("lstat a file", |s, r| look(s, &r.join("plain"), false)),
    ("lstat a link", |s, r| look(s, &r.join("to-file"), false)),
    ("lstat nothing", |s, r| look(s, &r.join("none"), false)),
    ("lstat in nothing", |s, r| look(s, &r.join("none/x"), false)),
    ("lstat in a file", |s, r| look(s, &r.join("plain/x"), false)),
    ("lstat a file as a directory", |s, r| look(s, &r.join("plain/"), false)),
    ("lstat a link to a directory as a directory", |s, r| look(s, &r.join("to-dir/"), false)),
    ("lstat through a link", |s, r| look(s, &r.join("to-dir/deep/leaf"), false)),
    ("lstat through an absolute link", |s, r| look(s, &r.join("absolute/leaf"), false)),
    ("lstat through a relative link upwards", |s, r| look(s, &r.join("full/up"), true)),
    ("lstat with dots", |s, r| look(s, &r.join("full/./deep/../up"), true)),
    ("lstat with dots through a link", |s, r| look(s, &r.join("absolute/../up"), true)),
    ("lstat with dots through nothing", |s, r| look(s, &r.join("none/../plain"), true)),
    ("lstat with dots through a file", |s, r| look(s, &r.join("plain/../plain"), true)),
    ("stat a link", |s, r| look(s, &r.join("to-file"), true)),
    ("stat a dangling link", |s, r| look(s, &r.join("dangling"), true)),
    ("stat a loop", |s, r| look(s, &r.join("loop-a"), true)),
    ("stat in a loop", |s, r| look(s, &r.join("loop-a/x"), true)),
    ("stat a hard link", |s, r| look(s, &r.join("other"), true)),
    ("stat a long name", |s, r| look(s, &r.join("x".repeat(256)), true)),
    ("stat an empty name", |s, _| look(s, Path::new(""), true)),
    ("read a file", |s, r| text(s, &r.join("plain"))),
    ("read an empty file", |s, r| text(s, &r.join("suid"))),
    ("read through a link", |s, r| text(s, &r.join("to-file"))),
    ("read a directory", |s, r| text(s, &r.join("full"))),
    ("read nothing", |s, r| text(s, &r.join("none"))),
    ("read a loop", |s, r| text(s, &r.join("loop-a"))),
    ("list a directory", |s, r| s.read_dir(&r.join("full")).map(|names| format!("{names:?}"))),
    ("list through a link", |s, r| s.read_dir(&r.join("to-dir")).map(|names| format!("{names:?}"))),
    ("list a file", |s, r| s.read_dir(&r.join("plain")).map(|names| format!("{names:?}"))),
    ("list nothing", |s, r| s.read_dir(&r.join("none")).map(|names| format!("{names:?}"))),
    ("read a link", |s, r| s.read_link(&r.join("to-file")).map(|to| format!("{to:?}"))),
    ("read a file as a link", |s, r| s.read_link(&r.join("plain")).map(|to| format!("{to:?}"))),
    ("stage in nothing", |s, r| {
        s.stage(&r.join("none/x"), &mut &b""[..], &Ownership::default()).map(|_| String::new())
    }),
    ("stage in a file", |s, r| {
        s.stage(&r.join("plain/x"), &mut &b""[..], &Ownership::default()).map(|_| String::new())
    }),
    ("stage has the mode", |s, r| {
        let staged = s.stage(
            &r.join("x.conf.d"),
            &mut &b"1"[..],
            &Ownership { mode: Some(0o4711), ..Ownership::default() },
        )?;
        let name = staged.path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            name.starts_with(".toque-x-")
                && name.ends_with(".conf.d")
                && staged.path.parent() == Some(r),
            "{name}"
        );
        look(s, &staged.path, false)
    }),
    ("stage is closed without a mode", |s, r| {
        look(s, &s.stage(&r.join(".rc"), &mut &b"12"[..], &Ownership::default())?.path, false)
    }),
    ("stage a name that is not UTF-8", |s, r| {
        let target = r.join(OsString::from_vec(b"f\xff.x\xfe".to_vec()));
        let staged = s.stage(&target, &mut &b"1"[..], &Ownership::default())?;
        s.rename(&staged.path, &target)?;
        look(s, &target, false)
    }),
    ("stage the longest name", |s, r| {
        let target = r.join(format!("{}.{}", "n".repeat(150), "e".repeat(104)));
        let staged = s.stage(&target, &mut &b"1"[..], &Ownership::default())?;
        done(s.rename(&staged.path, &target))
    }),
    ("rename over a file", |s, r| done(s.rename(&r.join("plain"), &r.join("one")))),
    ("rename over a link", |s, r| done(s.rename(&r.join("plain"), &r.join("to-dir")))),
    ("rename over a directory", |s, r| done(s.rename(&r.join("plain"), &r.join("empty")))),
    ("rename to nothing", |s, r| done(s.rename(&r.join("plain"), &r.join("none/x")))),
    ("rename nothing", |s, r| done(s.rename(&r.join("none"), &r.join("x")))),
    ("rename to itself", |s, r| done(s.rename(&r.join("one"), &r.join("other")))),
    ("rename a directory over an empty one", |s, r| {
        done(s.rename(&r.join("full"), &r.join("empty")))
    }),
    ("rename a directory over a full one", |s, r| {
        done(s.rename(&r.join("empty"), &r.join("full")))
    }),
    ("rename a directory over a file", |s, r| done(s.rename(&r.join("full"), &r.join("plain")))),
    ("rename a directory into itself", |s, r| {
        done(s.rename(&r.join("full"), &r.join("full/deep/x")))
    }),
    ("rename a link", |s, r| done(s.rename(&r.join("to-dir"), &r.join("moved")))),
    ("write in place", |s, r| done(s.write_in_place(&r.join("plain"), &mut &b"new"[..]))),
    ("write in place, less", |s, r| done(s.write_in_place(&r.join("one"), &mut &b""[..]))),
    ("write through a link", |s, r| done(s.write_in_place(&r.join("to-file"), &mut &b"new"[..]))),
    ("write into nothing", |s, r| done(s.write_in_place(&r.join("none"), &mut &b"new"[..]))),
    ("write into a directory", |s, r| done(s.write_in_place(&r.join("full"), &mut &b"new"[..]))),
    ("create a file", |s, r| {
        let size = s.create_file(
            &r.join("new"),
            &mut &b"content"[..],
            0o4711,
            Some(SystemTime::UNIX_EPOCH),
        )?;
        assert_eq!(s.stat(&r.join("new"))?.modified, SystemTime::UNIX_EPOCH);
        Ok(size.to_string())
    }),
    ("create a file over a file", |s, r| create(s, &r.join("plain"))),
    ("create a file over a link", |s, r| create(s, &r.join("to-file"))),
    ("create a file over a dangling link", |s, r| create(s, &r.join("dangling"))),
    ("create a file over a directory", |s, r| create(s, &r.join("empty"))),
    ("create a file with a slash", |s, r| create(s, &r.join("new/"))),
    ("create a file in nothing", |s, r| create(s, &r.join("none/new"))),
    ("create a file in a file", |s, r| create(s, &r.join("plain/new"))),
    ("create a file that cannot be read", |s, r| {
        done(
            s.create_file(&r.join("new"), &mut (&b"begun"[..]).chain(Unreadable), 0o644, None)
                .map(|_| ()),
        )
    }),
    ("sync", |s, r| done(s.sync(&r.join("full")))),
    ("sync nothing", |s, r| done(s.sync(&r.join("none")))),
    ("create a directory", |s, r| done(s.create_dir(&r.join("new"), &Ownership::of_mode(0o2770)))),
    ("create a directory with a slash", |s, r| {
        done(s.create_dir(&r.join("new/"), &Ownership::of_mode(0o700)))
    }),
    ("create a directory in nothing", |s, r| {
        done(s.create_dir(&r.join("none/new"), &Ownership::of_mode(0o700)))
    }),
    ("create a directory in a file", |s, r| {
        done(s.create_dir(&r.join("plain/new"), &Ownership::of_mode(0o700)))
    }),
    ("create a directory that is there", |s, r| {
        done(s.create_dir(&r.join("full"), &Ownership::of_mode(0o700)))
    }),
    ("create a directory over a dangling link", |s, r| {
        done(s.create_dir(&r.join("dangling"), &Ownership::of_mode(0o700)))
    }),
    ("remove an empty directory", |s, r| done(s.remove_dir(&r.join("empty")))),
    ("remove a full directory", |s, r| done(s.remove_dir(&r.join("full")))),
    ("remove a file as a directory", |s, r| done(s.remove_dir(&r.join("plain")))),
    ("remove a link as a directory", |s, r| done(s.remove_dir(&r.join("to-dir")))),
    ("remove nothing as a directory", |s, r| done(s.remove_dir(&r.join("none")))),
    ("remove all", |s, r| done(s.remove_dir_all(&r.join("full"), Mounts::Stay))),
    ("remove all of a link", |s, r| done(s.remove_dir_all(&r.join("to-dir"), Mounts::Stay))),
    ("remove all of a file", |s, r| done(s.remove_dir_all(&r.join("plain"), Mounts::Stay))),
    ("remove all of nothing", |s, r| done(s.remove_dir_all(&r.join("none"), Mounts::Stay))),
    ("remove a file", |s, r| done(s.remove_file(&r.join("plain")))),
    ("remove one name of two", |s, r| done(s.remove_file(&r.join("one")))),
    ("remove a link", |s, r| done(s.remove_file(&r.join("to-dir")))),
    ("remove a loop", |s, r| done(s.remove_file(&r.join("loop-a")))),
    ("remove a directory as a file", |s, r| done(s.remove_file(&r.join("empty")))),
    ("remove nothing", |s, r| done(s.remove_file(&r.join("none")))),
    ("link over something", |s, r| done(s.symlink(Path::new("x"), &r.join("plain")))),
    ("link over a dangling link", |s, r| done(s.symlink(Path::new("x"), &r.join("dangling")))),
    ("link in nothing", |s, r| done(s.symlink(Path::new("x"), &r.join("none/x")))),
    ("link to an empty name", |s, r| done(s.symlink(Path::new(""), &r.join("new")))),
    ("link hard to a link", |s, r| done(s.hard_link(&r.join("to-file"), &r.join("new")))),
    ("link hard to a directory", |s, r| done(s.hard_link(&r.join("full"), &r.join("new")))),
    ("link hard to nothing", |s, r| done(s.hard_link(&r.join("none"), &r.join("new")))),
    ("link hard over something", |s, r| done(s.hard_link(&r.join("plain"), &r.join("one")))),
    ("set the mode", |s, r| done(s.set_mode(&r.join("plain"), 0o7777))),
    ("set the mode through a link", |s, r| done(s.set_mode(&r.join("to-file"), 0o600))),
    ("set the mode of one name", |s, r| done(s.set_mode(&r.join("one"), 0o600))),
    ("set the mode of a dangling link", |s, r| done(s.set_mode(&r.join("dangling"), 0o600))),
    ("set the mode of nothing", |s, r| done(s.set_mode(&r.join("none"), 0o600))),
    ("set the mode of a directory", |s, r| done(s.set_mode(&r.join("full"), 0o2750))),
    ("set the mode of a link to a directory", |s, r| done(s.set_mode(&r.join("to-dir"), 0o700))),
    ("set the mode of a loop", |s, r| done(s.set_mode(&r.join("loop-a"), 0o600))),
    ("write through a dangling link", |s, r| {
        done(s.write_in_place(&r.join("dangling"), &mut &b"new"[..]))
    }),
    ("touch a link", |s, r| done(s.touch(&r.join("to-file")))),
    ("touch a file", |s, r| done(s.touch(&r.join("plain")))),
    ("touch nothing", |s, r| done(s.touch(&r.join("none")))),
    ("touch a dangling link", |s, r| done(s.touch(&r.join("dangling")))),
];

/// Only root may do these.
const OWNER_OPERATIONS: &[(&str, Operation)] = &[
    ("stage with an owner", |s, r| {
        let owner = Ownership { uid: Some(7), gid: Some(8), mode: Some(0o4755) };
        look(s, &s.stage(&r.join("x"), &mut &b"1"[..], &owner)?.path, false)
    }),
    ("set the owner", |s, r| done(s.set_owner(&r.join("plain"), Some(7), Some(8)))),
    ("set the group only", |s, r| done(s.set_owner(&r.join("plain"), None, Some(8)))),
    ("set the owner of a link", |s, r| done(s.set_owner(&r.join("to-file"), Some(7), None))),
    ("set the owner of a setuid program", |s, r| done(s.set_owner(&r.join("suid"), Some(7), None))),
    ("set the owner of a directory", |s, r| {
        s.set_mode(&r.join("full"), 0o6755)?;
        done(s.set_owner(&r.join("full"), Some(7), None))
    }),
    ("set the owner of nothing", |s, r| done(s.set_owner(&r.join("none"), Some(7), None))),
];

/// The result and everything that is there afterwards.
fn outcome(system: &dyn System, root: &Path, operation: Operation) -> Vec<String> {
    prepare(system, root).unwrap();
    let mut lines = vec![match operation(system, root) {
        Ok(answer) => answer,
        Err(error) => format!("error {:?} ({error})", error.raw_os_error()),
    }];
    all(system, root, Path::new(""), &mut lines);
    lines
}

#[test]
fn the_fake_machine_answers_as_the_real_one() {
    let host = HostSystem::new();
    let own: &[(&str, Operation)] =
        if crate::system::Query::effective_uid(&host) == 0 { OWNER_OPERATIONS } else { &[] };
    for (name, operation) in OPERATIONS.iter().chain(own) {
        let directory = tempfile::tempdir().unwrap();
        let root: PathBuf = directory.path().canonicalize().unwrap();
        let real = outcome(&host, &root, *operation);
        let fake = FakeSystem::new();
        fake.put_dir(&root, 0o755);
        host.set_mode(&root, 0o755).unwrap();
        assert_eq!(outcome(&fake, &root, *operation), real, "{name}");
    }
}

#[test]
fn times_follow_changes() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeSystem::new();
    fake.put_dir("/work", 0o755);
    for (system, root) in
        [(&HostSystem::new() as &dyn System, directory.path()), (&fake, Path::new("/work"))]
    {
        prepare(system, root).unwrap();
        let modified = |path: &str| system.stat(&root.join(path)).unwrap().modified;
        let before = modified("plain");
        if root != Path::new("/work") {
            std::thread::sleep(Duration::from_millis(20));
        }
        system.touch(&root.join("plain")).unwrap();
        assert!(modified("plain") > before);
        assert!(system.now() >= modified("plain"));
        let before = modified("one");
        system.set_mode(&root.join("one"), 0o600).unwrap();
        assert_eq!(modified("one"), before, "a mode is not content");
        assert_eq!(
            system.stat(&root.join("one")).unwrap().inode,
            system.stat(&root.join("other")).unwrap().inode
        );
    }
}

#[test]
fn a_link_that_was_put_in_the_place_of_something_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeSystem::new();
    fake.put_dir("/work", 0o755);
    for (system, root) in
        [(&HostSystem::new() as &dyn System, directory.path()), (&fake, Path::new("/work"))]
    {
        prepare(system, root).unwrap();
        let before = system.stat(&root.join("plain")).unwrap();
        let link = root.join("to-file");
        if root != Path::new("/work") {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(system.set_mode(&link, 0o600).unwrap_err().raw_os_error(), Some(40));
        assert_eq!(
            system.write_in_place(&link, &mut &b"new"[..]).unwrap_err().raw_os_error(),
            Some(40)
        );
        system.touch(&link).unwrap();
        assert_eq!(system.stat(&root.join("plain")).unwrap(), before);
        assert!(system.lstat(&link).unwrap().modified > before.modified);
    }
}

#[test]
fn a_new_directory_that_is_swapped_for_a_link_is_not_followed() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    let directory = tempfile::tempdir().unwrap();
    let [place, link, shadow] = ["ssh", "link", "shadow"].map(|name| directory.path().join(name));
    std::fs::write(&shadow, "secret").unwrap();
    std::os::unix::fs::symlink(&shadow, &link).unwrap();
    let host = HostSystem::new();
    host.set_mode(&shadow, 0o600).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = renameat2(AT_FDCWD, &place, AT_FDCWD, &link, RenameFlags::RENAME_EXCHANGE);
            }
        });
        for _ in 0..300 {
            let _ = host.create_dir(&place, &Ownership::of_mode(0o755));
            // It is at one of the two places, and comes here again.
            while std::fs::remove_dir(&place)
                .is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
            {}
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(crate::system::Query::stat(&host, &shadow).unwrap().mode, 0o600);
}

#[test]
fn devices_are_not_read() {
    let fake = FakeSystem::new();
    fake.put_special("/dev/zero");
    for system in [&HostSystem::new() as &dyn System, &fake] {
        assert_eq!(
            system.read(Path::new("/dev/zero")).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(system.lstat(Path::new("/dev/zero")).unwrap().kind, FileKind::Special);
    }
}

#[test]
fn a_failed_stage_leaves_nothing() {
    let host = HostSystem::new();
    if crate::system::Query::effective_uid(&host) == 0 {
        let directory = tempfile::tempdir().unwrap();
        // No such user can be: the kernel refuses this number.
        let owner =
            Ownership { uid: Some(u32::MAX - 1), gid: Some(u32::MAX - 1), ..Ownership::default() };
        let staged = host.stage(&directory.path().join("x"), &mut &b"1"[..], &owner);
        if staged.is_err() {
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
    let error =
        host.stage(Path::new("/proc/x"), &mut &b"1"[..], &Ownership::default()).unwrap_err();
    assert!(error.raw_os_error().is_some(), "{error:?}");
}

#[test]
fn the_kernels_files_are_read_whole() {
    let host = HostSystem::new();
    let read = |path: &str| crate::system::Query::read(&host, Path::new(path)).unwrap();
    assert!(String::from_utf8(read("/proc/meminfo")).unwrap().starts_with("MemTotal:"));
    let directory = tempfile::tempdir().unwrap();
    for size in [0, 1, 4095, 4096, 300_000] {
        let path = directory.path().join(size.to_string());
        std::fs::write(&path, vec![7; size]).unwrap();
        assert_eq!(read(path.to_str().unwrap()), vec![7; size]);
    }
}
