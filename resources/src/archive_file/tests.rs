use std::path::Path;

use serde_json::{Value, json};
use toque_machine::command::Output;
use toque_machine::system::{FakeSystem, Query, System};

use super::ArchiveFile;
use crate::shared::from_source::Provider;
use crate::testing::{Bench, with};

const PROVIDER: Provider<ArchiveFile> = Provider::new();

/// A tar archive of `top/a`, with this text, and `top/d/b`.
fn archive(text: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in [("top/a", text), ("top/d/b", "two")] {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn f(more: Value) -> Value {
    with(&json!({ "path": "/r/site.tar", "destination": "/r/site" }), more)
}

/// `cp -a --remove-destination -- FROM/. TO` of files, as far as the tests need it.
fn copy(fake: &FakeSystem, from: &Path, to: &Path) {
    for name in fake.read_dir(from).unwrap() {
        let (from, to) = (from.join(&name), to.join(&name));
        match fake.read(&from) {
            Ok(content) => {
                fake.put_file(&to, content);
                let found = fake.lstat(&from).unwrap();
                fake.set_owner(&to, Some(found.uid), Some(found.gid)).unwrap();
            }
            Err(_) => {
                fake.put_dir(&to, 0o755);
                copy(fake, &from, &to);
            }
        }
    }
}

#[test]
fn is_unpacked_where_nothing_is() {
    let bench = Bench::new();
    bench.fake.put_file("/r/site.tar", archive("one"));
    bench
        .converge(
            &PROVIDER,
            "extract",
            f(json!({ "strip_components": 1, "owner": "alice", "group": 1000, "mode": "0750" })),
        )
        .unwrap();
    assert_eq!(
        (bench.fake.text("/r/site/a"), bench.fake.text("/r/site/d/b")),
        ("one".into(), "two".into())
    );
    let found = bench.fake.lstat(Path::new("/r/site")).unwrap();
    assert_eq!((found.uid, found.gid, found.mode), (1000, 1000, 0o750));
    // What is there stays, also when the archive is another, and nothing is asked.
    bench.fake.put_file("/r/site.tar", "no archive any more");
    assert!(bench.plan(&PROVIDER, "extract", f(json!({}))).unwrap().is_empty());
    bench.fake.clear("/r/site");
    bench.fake.put_dir("/r/site", 0o700);
    let failure = bench.plan(&PROVIDER, "extract", f(json!({}))).unwrap_err();
    assert_eq!(
        failure.message,
        "cannot unpack `/r/site.tar`: it is no archive that can be unpacked"
    );
}

#[test]
fn overwrite_unpacks_another_archive_over_what_is_there() {
    let bench = Bench::new();
    bench.fake.install_program("cp", |fake, command| {
        copy(fake, Path::new(command.argv[4].trim_end_matches("/.")), Path::new(&command.argv[5]));
        Output::default()
    });
    bench.fake.install_program("sync", |_, _| Output::default());
    let over = || f(json!({ "overwrite": true }));
    bench.fake.put_file("/r/site.tar", archive("one"));
    bench.fake.put_file("/r/site/mine", "mine");
    bench.fake.set_owner(Path::new("/r/site"), Some(1000), Some(1000)).unwrap();
    bench.converge(&PROVIDER, "extract", over()).unwrap();
    bench.fake.put_file("/r/site.tar", archive("three"));
    let changes = bench.plan(&PROVIDER, "extract", over()).unwrap();
    assert!(
        changes[0].what.starts_with("unpack site.tar (")
            && changes[0].what.ends_with(") from `/r/site.tar` over `/r/site`")
    );
    bench.converge(&PROVIDER, "extract", over()).unwrap();
    assert_eq!(
        (bench.fake.text("/r/site/top/a"), bench.fake.text("/r/site/mine")),
        ("three".into(), "mine".into())
    );
    assert_eq!(bench.fake.lstat(Path::new("/r/site/top/a")).unwrap().uid, 1000);
    assert_eq!(bench.fake.read_dir(Path::new("/r")).unwrap(), ["site", "site.tar"]);
    let failure = bench
        .plan(
            &PROVIDER,
            "extract",
            f(json!({ "overwrite": true, "owner": "root", "checksum": "ab".repeat(32) })),
        )
        .unwrap_err();
    assert!(failure.message.contains("does not belong to the `owner`"), "{failure:?}");
}

#[test]
fn in_a_users_folder_it_is_put_there_by_the_user() {
    let bench = Bench::new();
    bench.fake.install_program("sh", |fake, command| {
        let identity = command.identity.as_ref().unwrap();
        assert_eq!((identity.uid, identity.gid), (Some(1000), Some(1000)));
        let [from, to, staged] = [4, 5, 6].map(|index| Path::new(&command.argv[index]).to_owned());
        let folder = from.parent().unwrap();
        assert_eq!(
            (folder.parent(), folder.file_name()),
            (Some(Path::new("/home")), staged.file_name())
        );
        assert_eq!(fake.lstat(folder).unwrap().mode, 0o711, "the user can enter it");
        fake.put_dir(&to, 0o755);
        copy(fake, &from, &to);
        Output::default()
    });
    bench.fake.put_file("/r/site.tar", archive("one"));
    bench.fake.put_dir("/home/alice", 0o755);
    bench.fake.set_owner(Path::new("/home/alice"), Some(1000), Some(1000)).unwrap();
    let failure = bench
        .plan(&PROVIDER, "extract", f(json!({ "destination": "/home/alice/site" })))
        .unwrap_err();
    assert!(failure.message.contains("user 1000 owns `/home/alice`"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("set `owner`"));
    bench
        .converge(
            &PROVIDER,
            "extract",
            f(json!({ "destination": "/home/alice/site", "owner": "alice" })),
        )
        .unwrap();
    assert_eq!(bench.fake.text("/home/alice/site/top/a"), "one");
    assert_eq!(bench.fake.read_dir(Path::new("/home")).unwrap(), ["alice"]);
}

#[test]
fn a_checksum_is_held_against_the_archive() {
    let bench = Bench::new();
    bench.fake.put_file("/r/site.tar", archive("one"));
    let failure = bench
        .converge(&PROVIDER, "extract", f(json!({ "checksum": "ab".repeat(32) })))
        .unwrap_err();
    assert_eq!(failure.message, "`/r/site.tar` does not have the checksum that it should have");
    assert!(bench.fake.lstat(Path::new("/r/site")).is_err());
    let failure = bench.plan(&PROVIDER, "extract", f(json!({ "checksum": "ab" }))).unwrap_err();
    assert!(failure.message.starts_with("checksum: "));
    let failure = bench.plan(&PROVIDER, "extract", f(json!({ "path": "ftp://a/b" }))).unwrap_err();
    assert!(failure.message.starts_with("path: "));
}
