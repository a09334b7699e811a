//! Archives that are made to do harm.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::archive::{gzip, tar, zip};
use crate::source::unpack::{Limits, unpack};
use crate::system::{FileKind, HostSystem, Mounts, Query, System};

/// An entry as its bytes are, however wrong.
#[derive(Debug, Clone)]
struct Raw {
    name: String,
    kind: u8,
    to: String,
    content: Vec<u8>,
}

fn raw(name: &str, kind: u8, to: &str) -> Raw {
    Raw { name: name.to_owned(), kind, to: to.to_owned(), content: Vec::new() }
}

fn archive(entries: &[Raw]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Raw { name, kind, to, content } in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + to.len()].copy_from_slice(to.as_bytes());
        header.set_mode(0o6777);
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn refused(content: &[u8], limits: &Limits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("into");
    std::fs::create_dir(&into).unwrap();
    match unpack(&HostSystem::new(), &content.into(), &into, 0, limits) {
        Ok(()) => "unpacked".to_owned(),
        Err(failure) => {
            assert!(failure.hint.is_some(), "{failure:?}");
            failure.message
        }
    }
}

#[test]
fn names_and_links_that_lead_outside() {
    for (entries, message) in [
        (vec![raw("../a", b'0', "")], "its entry `../a` has a name with `..`, which leads outside"),
        (
            vec![raw("a/../../b", b'0', "")],
            "its entry `a/../../b` has a name with `..`, which leads outside",
        ),
        (
            vec![raw("/etc/a", b'0', "")],
            "its entry `/etc/a` has an absolute name, which leads outside",
        ),
        (
            vec![raw("a", b'2', "/etc")],
            "its entry `a` is a link to an absolute path, which leads outside",
        ),
        (vec![raw("a", b'2', "../x")], "its entry `a` is a link that leads outside"),
        (vec![raw("a/b", b'2', "../../x")], "its entry `a/b` is a link that leads outside"),
        // Each alone stays inside; one through the other does not.
        (
            vec![raw("a/b/up", b'2', "../.."), raw("a/b/out", b'2', "up/../x")],
            "its entry `a/b/out` is a link with `..` in the middle, which may lead outside",
        ),
        (
            vec![raw("a", b'2', "b"), raw("a/x", b'0', "")],
            "its entry `a/x` would be written through a link",
        ),
        (
            vec![raw("a", b'0', ""), raw("a/x", b'0', "")],
            "its entry `a/x` is inside of what is a file",
        ),
        (
            vec![raw("a", b'1', "/etc/passwd")],
            "its entry `/etc/passwd` has an absolute name, which leads outside",
        ),
        (
            vec![raw("a", b'1', "b")],
            "its entry `a` is a second name for a file that the archive does not have before it",
        ),
        (
            vec![raw("a", b'2', "x"), raw("b", b'1', "a")],
            "its entry `b` is a second name for a file that the archive does not have before it",
        ),
        (
            vec![raw("a/", b'5', ""), raw("a", b'2', "b")],
            "its entry `a` comes twice, as different things",
        ),
        (
            vec![raw("a", b'2', "b"), raw("a/", b'5', "")],
            "its entry `a/` is a folder in the place of something else",
        ),
        (
            vec![raw("a", b'2', "b"), raw("a", b'0', "")],
            "its entry `a` comes twice, as different things",
        ),
        (vec![raw("a", b'3', "")], "its entry `a` is a device"),
        (vec![raw("a", b'6', "")], "its entry `a` is a pipe"),
        (vec![raw("a", b'V', "")], "its entry `a` is of a kind that is not known"),
    ] {
        assert_eq!(refused(&archive(&entries), &Limits::default()), message);
    }
    assert_eq!(
        refused(&zip(&[("../a", "x")]), &Limits::default()),
        "its entry `../a` has a name with `..`, which leads outside"
    );
    assert_eq!(
        refused(&zip(&[("/a", "x")]), &Limits::default()),
        "its entry `/a` has an absolute name, which leads outside"
    );
    let mut links = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    links.add_symlink("a", "../../etc", zip::write::SimpleFileOptions::default()).unwrap();
    let links = links.finish().unwrap().into_inner();
    assert_eq!(refused(&links, &Limits::default()), "its entry `a` is a link that leads outside");
}

#[test]
fn bombs() {
    let small =
        Limits { bytes: 100_000, entries: 10, ratio: 50, ratio_from: 10_000, ..Limits::default() };
    let zeros = "\0".repeat(50_000);
    assert_eq!(
        refused(&tar(&[("a", "")]), &Limits { packed: 1000, ..small }),
        "it has more than 1000 bytes"
    );
    let many: Vec<(String, &str)> = (0..11).map(|number| (format!("f{number}"), "")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let mut noise = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    let mut large = vec![0; 110_000];
    noise.fill_bytes(&mut large);
    for (content, message) in [
        (gzip(&tar(&[("a", &zeros)])), "unpacked it has more than 50 times its size"),
        (zip(&[("a", &zeros)]), "unpacked it has more than 50 times its size"),
        (
            archive(&[Raw { content: large.clone(), ..raw("a", b'0', "") }]),
            "it has more than 100000 bytes unpacked",
        ),
        (tar(&many), "it has more than 10 entries"),
        (zip(&many), "it has more than 10 entries"),
    ] {
        assert_eq!(refused(&content, &small), message);
    }
    // What is announced counts before it comes, and what is made of holes although it never does.
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("zeros")).unwrap().set_len(10 << 30).unwrap();
    let packed = std::process::Command::new("tar")
        .args(["-cSf", "-", "-C"])
        .arg(folder.path())
        .arg("zeros")
        .output()
        .unwrap();
    assert!(packed.status.success() && packed.stdout.len() < 20_000, "{}", packed.stdout.len());
    assert_eq!(
        refused(&packed.stdout, &Limits::default()),
        "it has more than 8589934592 bytes unpacked"
    );
    let mut header = tar::Header::new_gnu();
    header.set_path("a").unwrap();
    header.set_size(10 << 30);
    header.set_cksum();
    assert_eq!(
        refused(&gzip(header.as_bytes()), &Limits::default()),
        "it has more than 8589934592 bytes unpacked"
    );
    // A name that is as long as the memory.
    let long = Raw { content: vec![b'a'; 2 << 20], ..raw("././@LongLink", b'L', "") };
    assert_eq!(
        refused(&archive(&[long]), &Limits::default()),
        "a name or a header in it is too long"
    );
}

#[test]
fn data_that_is_cut_off() {
    let plain = tar(&[("a", &"text ".repeat(500)), ("b", "end")]);
    for (name, content) in [
        ("tar", plain.clone()),
        ("gz", gzip(&plain)),
        ("zst", zstd::encode_all(&plain[..], 3).unwrap()),
        ("zip", zip(&[("a", "text")])),
    ] {
        assert_eq!(refused(&content, &Limits::default()), "unpacked", "{name}");
        for end in (1..content.len()).filter(|end| end % 7 == 0 || content.len() - end < 9) {
            // What follows the end of a tar archive is only padding.
            if name == "tar" && end >= plain.len() - 512 {
                continue;
            }
            assert_ne!(refused(&content[..end], &Limits::default()), "unpacked", "{name} {end}");
        }
    }
    let mut wrong = gzip(&plain);
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    assert!(refused(&wrong, &Limits::default()).starts_with("it is damaged or cut off"));
}

fn entries() -> impl Strategy<Value = Vec<Raw>> {
    let part = prop_oneof![4 => Just("a"), 4 => Just("b"), 2 => Just("c"), 2 => Just(".."), 1 => Just("."), 1 => Just("")];
    let path = || prop::collection::vec(part.clone(), 1..4).prop_map(|parts| parts.join("/"));
    let kind = prop_oneof![4 => Just(b'0'), 2 => Just(b'5'), 4 => Just(b'2'), 2 => Just(b'1'), 1 => Just(b'6')];
    let entry = (path(), kind, path(), 0..3_usize).prop_map(|(name, kind, to, size)| Raw {
        name,
        content: if kind == b'0' { vec![b'x'; size] } else { Vec::new() },
        kind,
        to,
    });
    prop::collection::vec(entry, 1..8)
}

/// Every link below a folder, followed as far as it goes, ends inside of it.
fn stays_inside(host: &HostSystem, root: &Path, folder: &Path) {
    for name in host.read_dir(folder).unwrap() {
        let path = folder.join(name);
        let metadata = host.lstat(&path).unwrap();
        match metadata.kind {
            FileKind::Directory => stays_inside(host, root, &path),
            FileKind::Link => {
                if let Ok(end) = path.canonicalize() {
                    assert!(end.starts_with(root), "{} leads to {}", path.display(), end.display());
                }
            }
            FileKind::File => assert_eq!(metadata.mode & 0o7022, 0),
            FileKind::Special => panic!("{}", path.display()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_written_or_led_outside(entries in entries(), strip in 0..2_usize) {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().canonicalize().unwrap();
        let into = root.join("x/into");
        std::fs::create_dir_all(&into).unwrap();
        for name in ["a", "x/a", "x/b"] {
            std::fs::write(root.join(name), "untouched").unwrap();
        }
        let host = HostSystem::new();
        let _ = unpack(&host, &archive(&entries).into(), &into, strip, &Limits::default());
        prop_assert_eq!(host.read_dir(&root).unwrap(), ["a", "x"]);
        prop_assert_eq!(host.read_dir(&root.join("x")).unwrap(), ["a", "b", "into"]);
        for name in ["a", "x/a", "x/b"] {
            prop_assert_eq!(host.read(&root.join(name)).unwrap(), b"untouched");
        }
        stays_inside(&host, &into, &into);
        host.remove_dir_all(&into, Mounts::Stay).unwrap();
    }

    #[test]
    fn any_bytes_are_refused_or_unpacked(mut content in prop::collection::vec(any::<u8>(), 0..2000), which in 0..4_usize) {
        let beginning: &[u8] = [&b""[..], b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"][which];
        content.splice(..0, beginning.iter().copied());
        let folder = tempfile::tempdir().unwrap();
        let _ = unpack(&HostSystem::new(), &content.into(), folder.path(), 0, &Limits::default());
    }
}

#[test]
fn a_file_that_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let content = archive(&[
        Raw { content: b"one".to_vec(), ..raw("a", b'0', "") },
        raw("b", b'1', "a"),
        Raw { content: b"two".to_vec(), ..raw("a", b'0', "") },
        raw("c", b'2', "a"),
        raw("d/", b'5', ""),
        raw("d", b'5', ""),
    ]);
    unpack(&HostSystem::new(), &content.into(), folder.path(), 0, &Limits::default()).unwrap();
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    // The other name keeps what it had.
    assert_eq!((text("a"), text("b"), text("c")), ("two".into(), "one".into(), "two".into()));
    let mut out = std::fs::File::create(folder.path().join("d/e")).unwrap();
    out.write_all(b"x").unwrap();
}
