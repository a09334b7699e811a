use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use tempfile::TempDir;
use toque_machine::source::unpack::{Limits, unpack};
use toque_machine::system::HostSystem;

use super::*;
use crate::directory_checksum;
use toque_core::checksum::sha256_hex;

/// What is at a path: a text and whether it can be executed, or where a link leads.
type Files = BTreeMap<String, Result<(String, bool), String>>;

/// Makes a cookbook `web` of these files in an order, with times and modes of its own.
fn made(files: &Files, reverse: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("web");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("cookbook.toml"), "name = \"web\"\nversion = \"1.0.0\"\n").unwrap();
    let mut order: Vec<_> = files.iter().collect();
    if reverse {
        order.reverse();
    }
    for (name, what) in order {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match what {
            Ok((text, executable)) => {
                fs::write(&path, text).unwrap();
                let mode = match (executable, reverse) {
                    (true, false) => 0o755,
                    (true, true) => 0o4700,
                    (false, false) => 0o644,
                    (false, true) => 0o466,
                };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                let time = SystemTime::UNIX_EPOCH
                    + Duration::from_secs(if reverse { 86_400 } else { 2_000_000_000 });
                File::open(&path).unwrap().set_modified(time).unwrap();
            }
            Err(to) => symlink(to, &path).unwrap(),
        }
    }
    if reverse {
        fs::create_dir(root.join("empty")).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    }
    folder
}

fn content(folder: &TempDir) -> PackageContents {
    PackageContents::of_cookbook(folder.path(), "web", &folder.path().join("web")).unwrap()
}

/// Packs it, unpacks it, and compares the two.
fn packed(folder: &TempDir, file: &str) -> Vec<u8> {
    let package =
        package(&content(folder), &folder.path().join(file), NewMode::Exactly(0o600)).unwrap();
    let bytes = fs::read(&package.path).unwrap();
    assert_eq!(package.bytes, bytes.len() as u64);
    assert_eq!(package.sha256, sha256_hex(&bytes));
    let into = tempfile::tempdir().unwrap();
    unpack(&HostSystem::new(), &bytes.as_slice().into(), into.path(), 0, &Limits::default())
        .unwrap();
    assert_eq!(
        directory_checksum::sha256(&into.path().join("web")).unwrap(),
        directory_checksum::sha256(&folder.path().join("web")).unwrap()
    );
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 1);
    bytes
}

fn sample() -> Files {
    let long = "n".repeat(120);
    let deep = vec!["deep"; 60].join("/");
    let text = |text: &str, executable: bool| Ok((text.to_owned(), executable));
    Files::from([
        ("recipes/default.rhai".to_owned(), text("file(\"/x\");", false)),
        ("files/run".to_owned(), text("#!/bin/sh\n", true)),
        ("files/empty".to_owned(), text("", false)),
        ("files/Grüße, 世界 \u{1f980}.txt".to_owned(), text("hello", false)),
        (format!("files/{long}/{long}.txt"), text("long", false)),
        (format!("{deep}/x"), text("deep", true)),
        ("files/back\\slash\n'\"".to_owned(), text("odd", false)),
        ("files/link".to_owned(), Err("run".to_owned())),
        ("files/long link".to_owned(), Err(format!("{long}/{long}.txt"))),
        ("files/nowhere".to_owned(), Err("../not there".to_owned())),
    ])
}

#[test]
fn the_same_bytes_whoever_makes_it() {
    for file in ["web.tar.zst", "web.tar.gz"] {
        let folders = [made(&sample(), false), made(&sample(), true)];
        let [first, second] = [packed(&folders[0], file), packed(&folders[1], file)];
        assert_eq!(first, second);
        // Whoever owns it.
        if nix::unistd::geteuid().is_root() {
            let owned = Command::new("chown")
                .args(["-Rh", "1234:4321"])
                .arg(folders[1].path().join("web"))
                .status();
            assert!(owned.unwrap().success());
            assert_eq!(packed(&folders[1], file), first);
        }
        // And different when something differs.
        fs::set_permissions(
            folders[1].path().join("web/files/empty"),
            fs::Permissions::from_mode(0o744),
        )
        .unwrap();
        assert_ne!(packed(&folders[1], file), first);
    }
}

/// So that nobody changes by accident what every machine has to make of the same files.
#[test]
fn the_bytes_stay_what_they_are() {
    let files = Files::from([
        ("recipes/default.rhai".to_owned(), Ok(("// nothing\n".to_owned(), false))),
        ("files/run".to_owned(), Ok(("#!/bin/sh\n".to_owned(), true))),
        ("files/link".to_owned(), Err("run".to_owned())),
    ]);
    let folder = made(&files, false);
    let package =
        package(&content(&folder), &folder.path().join("web.tar.zst"), NewMode::Exactly(0o600))
            .unwrap();
    let unpacked = zstd::decode_all(File::open(&package.path).unwrap()).unwrap();
    assert_eq!(
        sha256_hex(&unpacked),
        "0d2b4b1ad90b8bde81efb50bbafc4e61652fe64e06b4dc1035ada482cafed0a2"
    );
    // A newer zstd may pack otherwise. Then CHANGELOG.md says that packages get other checksums.
    assert_eq!(package.sha256, "fd660c218cef62acd2f3ad8acd9f373b424f7d2fce3f66abbf3af395af28e325");
}

#[test]
fn tar_reads_it_too() {
    let folder = made(&sample(), false);
    for file in ["web.tar.zst", "web.tar.gz"] {
        packed(&folder, file);
        let bytes = fs::read(folder.path().join(file)).unwrap();
        let plain = match file {
            "web.tar.zst" => zstd::decode_all(bytes.as_slice()).unwrap(),
            _ => {
                let mut plain = Vec::new();
                io::copy(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut plain).unwrap();
                plain
            }
        };
        let into = tempfile::tempdir().unwrap();
        fs::write(into.path().join("plain.tar"), plain).unwrap();
        let output = Command::new("tar")
            .args(["-xf", "plain.tar"])
            .current_dir(into.path())
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (Some(0), "")
        );
        assert_eq!(
            directory_checksum::sha256(&into.path().join("web")).unwrap(),
            directory_checksum::sha256(&folder.path().join("web")).unwrap()
        );
    }
}

#[test]
fn names_that_say_how_to_pack() {
    for (name, format) in [
        ("a.tar.zst", Some(Format::Zstandard)),
        ("x/web-1.0.0.tar.gz", Some(Format::Gzip)),
        ("a.zip", None),
        ("a.tar", None),
        ("a.zst", None),
        (".tar.zst", None),
        ("", None),
    ] {
        let told = Format::of(Path::new(name));
        assert_eq!(told.clone().ok(), format, "{name}");
        assert!(
            told.map_or_else(|told| told.hints[0].contains("`.tar.zst` or `.tar.gz`"), |_| true)
        );
    }
}

#[test]
fn all_or_nothing() {
    let folder = made(&sample(), false);
    let file = folder.path().join("web.tar.zst");
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let content = content(&folder);
    let gone = folder.path().join("web/files/run");
    fs::rename(&gone, folder.path().join("run")).unwrap();
    let told = package(&content, &file, NewMode::Exactly(0o600)).expect_err("a file is gone");
    assert_eq!(told.message, format!("cannot read `{}`: it does not exist", gone.display()));
    assert_eq!(fs::read_to_string(&file).unwrap(), "before");
    let there: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there.len(), 3, "{there:?}");
    fs::rename(folder.path().join("run"), &gone).unwrap();
    package(&content, &file, NewMode::Exactly(0o600)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

    let told = package(&content, &folder.path().join("no/web.tar.zst"), NewMode::Exactly(0o600))
        .expect_err("there is no such folder");
    assert!(told.message.ends_with("it does not exist"), "{told}");
    let told =
        package(&content, &folder.path().join("web/files/web.tar.zst"), NewMode::Exactly(0o600))
            .expect_err("it would hold itself");
    assert!(told.message.contains("which is packed"), "{told}");
    let full = package(&content, Path::new("/proc/web.tar.zst"), NewMode::Exactly(0o600))
        .expect_err("nothing can be written there");
    assert!(full.message.starts_with("cannot write `/proc/web.tar.zst`"), "{full}");
}

#[test]
fn a_version_that_is_published_stays() {
    let folder = made(&sample(), false);
    let registry = tempfile::tempdir().unwrap();
    let about = toque_data::cookbook::Cookbook::load(&folder.path().join("web")).unwrap().manifest;
    let first = publish(&content(&folder), registry.path(), &about, NewMode::ByUmask).unwrap();
    assert_eq!(first.path, registry.path().join("web-1.0.0.tar.zst"));
    assert_eq!(
        first.sha256,
        package(&content(&folder), &folder.path().join("a.tar.zst"), NewMode::Exactly(0o600))
            .unwrap()
            .sha256
    );
    assert_eq!(
        publish(&content(&folder), registry.path(), &about, NewMode::ByUmask).unwrap(),
        first
    );
    fs::write(folder.path().join("web/files/empty"), "not any more").unwrap();
    let told = publish(&content(&folder), registry.path(), &about, NewMode::ByUmask)
        .expect_err("it is another");
    assert_eq!(
        told.message,
        format!("`{}` is there already, with other content", first.path.display())
    );
    assert_eq!(sha256_hex(fs::read(&first.path).unwrap()), first.sha256);
    assert_eq!(fs::read_dir(registry.path()).unwrap().count(), 1);
}

fn files() -> impl Strategy<Value = Files> {
    let part = prop_oneof!["[a-c]", "[a-zäöü世 .\\\\-]{1,30}x", "[a-z]{101,140}"];
    let name = prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"));
    let link = "[a-z]{1,5}(/[a-z]{1,120}){0,2}".prop_map(Err);
    let what = prop_oneof![4 => ("[a-z\n]{0,2000}", any::<bool>()).prop_map(Ok), 1 => link];
    prop::collection::btree_map(name, what, 0..12).prop_map(|files| {
        // What is in a folder cannot be in a file too.
        let mut kept = Files::new();
        for (name, what) in files {
            let above = |other: &String| {
                name.starts_with(&format!("{other}/")) || other.starts_with(&format!("{name}/"))
            };
            if name != "cookbook.toml" && !kept.keys().any(above) {
                kept.insert(name, what);
            }
        }
        kept
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]
    #[test]
    fn what_is_packed_is_unpacked(files in files()) {
        prop_assert_eq!(packed(&made(&files, false), "a.tar.zst"), packed(&made(&files, true), "b.tar.zst"));
    }
}

#[test]
fn what_could_not_be_unpacked_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cookbooks/web");
    fs::create_dir_all(root.join("files")).unwrap();
    fs::write(root.join("cookbook.toml"), "name = \"web\"\nversion = \"1.0.0\"\n").unwrap();
    // It takes no space.
    fs::File::create(root.join("files/large")).unwrap().set_len(LIMITS.bytes).unwrap();
    let content = PackageContents::of_cookbook(folder.path(), "web", &root).unwrap();
    let told = package(&content, &folder.path().join("web.tar.zst"), NewMode::Exactly(0o600))
        .expect_err("it is too large");
    assert_eq!(told.message, "there is more to pack than the 2 GiB that are unpacked again");
    assert_eq!(told.notes, ["the largest file is `web/files/large`"]);
    assert!(!folder.path().join("web.tar.zst").exists());
}
