use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Bench, source};
use crate::source::{Checkout, Source};
use crate::system::{FakeSystem, Query, Response};
use crate::view::View;
use toque_core::checksum::sha256_hex;

const URL: &str = "https://example.com/site-1.tar.gz?token=x";

/// A tar archive of regular files.
pub(super) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        header.set_mtime(1_000_000_000);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

pub(super) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        archive.start_file(*name, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const FILES: [(&str, &str); 3] =
    [("site/index.html", "hello"), ("site/bin/run", "#!/bin/sh\n"), ("./site/empty", "")];

#[test]
fn every_format_is_told_by_its_content() {
    let plain = tar(&FILES);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(&plain).unwrap();
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bz2.write_all(&plain).unwrap();
    // Several frames, members and streams are one content.
    let (head, tail) = plain.split_at(700);
    let zstd = [zstd::encode_all(head, 3).unwrap(), zstd::encode_all(tail, 3).unwrap()].concat();
    let members = [gzip(head), gzip(tail)].concat();
    let bench = Bench::new();
    for (name, content) in [
        ("tar", plain.clone()),
        ("gz", gzip(&plain)),
        ("members", members),
        ("xz", xz.finish().unwrap()),
        ("bz2", bz2.finish().unwrap()),
        ("zst", zstd),
        ("zip", zip(&FILES)),
    ] {
        let path = bench.path(&format!("archive-{name}"));
        std::fs::write(&path, &content).unwrap();
        let source = source(json!({ "type": "archive", "url": path, "strip": 1 }));
        let found = bench
            .check_out(&source, name, &Checkout::default())
            .unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        assert_eq!(found.revision.id, sha256_hex(&content));
        assert_eq!(found.revision.name, format!("archive-{name} ({})", &found.revision.id[..7]));
        assert_eq!(bench.names(&format!("out/{name}")), ["bin", "empty", "index.html"], "{name}");
        assert_eq!(bench.text(&format!("out/{name}/index.html")), "hello");
        let metadata = std::fs::metadata(bench.path(&format!("out/{name}/bin/run"))).unwrap();
        assert_eq!(
            metadata.mode() & 0o7777,
            0o755,
            "{name}: nothing beyond what is asked of a program"
        );
        if name != "zip" {
            assert_eq!(metadata.mtime(), 1_000_000_000);
        }
    }
}

#[test]
fn an_archive_that_asks_for_too_much_memory_is_refused() {
    let bench = Bench::new();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(&tar(&FILES)).unwrap();
    let mut content = xz.finish().unwrap();
    // The header of its only block, which says how large the dictionary is: nearly 4 GiB.
    assert_eq!(content[12..16], [2, 0, 0x21, 1]);
    content[16] = 40;
    let mut sum = flate2::Crc::new();
    sum.update(&content[12..20]);
    content[20..24].copy_from_slice(&sum.sum().to_le_bytes());
    std::fs::write(bench.path("archive"), &content).unwrap();
    let source = source(json!({ "type": "archive", "url": bench.path("archive") }));
    let failure = bench.check_out(&source, "x", &Checkout::default()).unwrap_err();
    assert!(failure.message.contains("memory"), "{failure:?}");
}

fn fake(content: Vec<u8>, headers: &[(&str, &str)]) -> FakeSystem {
    let fake = FakeSystem::new();
    fake.put_dir("/srv", 0o755);
    serve(&fake, content, headers);
    fake
}

fn serve(fake: &FakeSystem, body: Vec<u8>, headers: &[(&str, &str)]) {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fake.serve(URL, Response { status: 200, headers, body: body.into() });
}

fn archive(more: Value) -> Source {
    let mut value = json!({ "type": "archive", "url": URL });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    source(value)
}

#[test]
fn an_unchanged_archive_is_not_downloaded_again() {
    let fake = fake(gzip(&tar(&FILES)), &[("etag", "\"1\"")]);
    let archive = archive(json!({}));
    let first = archive.resolve(&View::new(&fake)).unwrap();
    assert!(first.content.is_some());
    assert_eq!(first.revision.name, format!("site-1.tar.gz ({})", &first.revision.id[..7]));
    let (key, value) = first.memory.clone().unwrap();
    assert!(!key.contains("token"));
    let view = View::new(&fake).with_memory(move |asked| (asked == key).then(|| value.clone()));
    let second = archive.resolve(&view).unwrap();
    assert_eq!((&second.revision, second.content.is_some()), (&first.revision, false));
    // What was not downloaded is fetched when it is wanted after all.
    archive
        .check_out(
            &fake,
            &view,
            &second,
            Path::new("/srv/a"),
            &Checkout { uid: Some(7), gid: Some(8), ..Checkout::default() },
        )
        .unwrap();
    assert_eq!(fake.text("/srv/a/site/index.html"), "hello");
    let owner = |path: &str| {
        fake.lstat(Path::new(path))
            .map(|metadata| (metadata.uid, metadata.gid, metadata.mode))
            .unwrap()
    };
    assert_eq!(
        (owner("/srv/a"), owner("/srv/a/site/bin"), owner("/srv/a/site/empty")),
        ((7, 8, 0o755), (7, 8, 0o755), (7, 8, 0o755))
    );
    // Unless it has become another in between.
    serve(&fake, gzip(&tar(&[("a", "b")])), &[]);
    let failure = archive
        .check_out(&fake, &view, &second, Path::new("/srv/b"), &Checkout::default())
        .unwrap_err();
    assert_eq!(
        failure.message,
        "`https://example.com/site-1.tar.gz` has become another archive since it was looked at"
    );
    assert_eq!(failure.hint.as_deref(), Some("converge again"));
    assert!(fake.lstat(Path::new("/srv/b")).is_err());
    // What a damaged record remembers is nothing.
    let view = View::new(&fake).with_memory(|_| Some(json!({ "etag": "\"1\"", "checksum": "ab" })));
    assert!(archive.resolve(&view).unwrap().content.is_some());
}

#[test]
fn with_a_checksum_nothing_is_asked_before_it_is_needed() {
    let content = zip(&FILES);
    let fake = fake(content.clone(), &[]);
    let archive = archive(
        json!({ "checksum": sha256_hex(&content).to_uppercase(), "user": "u", "password": "p" }),
    );
    let found = archive.resolve(&View::new(&fake)).unwrap();
    assert_eq!(found.revision.id, sha256_hex(&content));
    assert!(fake.requests().is_empty());
    archive
        .check_out(&fake, &View::new(&fake), &found, Path::new("/srv/a"), &Checkout::default())
        .unwrap();
    assert_eq!(fake.requests()[0].headers, [("Authorization".to_owned(), "Basic dTpw".to_owned())]);
    let effects = fake.take_effects();
    assert_eq!(
        effects[effects.len() - 2..],
        ["sync the file system of /srv/a", "set mode of /srv/a to 0755"]
    );
}

#[test]
fn what_is_no_archive() {
    for (body, message) in [
        (
            "<!DOCTYPE html><html>",
            "cannot unpack `https://example.com/site-1.tar.gz`: it is no archive but a web page",
        ),
        (
            "\n <HTML>",
            "cannot unpack `https://example.com/site-1.tar.gz`: it is no archive but a web page",
        ),
        (
            "{\"error\": 1}",
            "cannot unpack `https://example.com/site-1.tar.gz`: it is no archive but a document, perhaps a message of the server",
        ),
        ("", "cannot unpack `https://example.com/site-1.tar.gz`: it is no archive: it is empty"),
        (
            "hello",
            "cannot unpack `https://example.com/site-1.tar.gz`: it is no archive that can be unpacked",
        ),
    ] {
        let fake = fake(body.into(), &[]);
        assert_eq!(archive(json!({})).resolve(&View::new(&fake)).unwrap_err().message, message);
        // Also where the checksum would say less.
        let known = archive(json!({ "checksum": "ab".repeat(32) }));
        let found = known.resolve(&View::new(&fake)).unwrap();
        let failure = known
            .check_out(&fake, &View::new(&fake), &found, Path::new("/srv/a"), &Checkout::default())
            .unwrap_err();
        assert_eq!(failure.message, message);
    }
    for content in [gzip(b"only text, and no archive at all"), gzip(b"")] {
        let fake = fake(content, &[]);
        let archive = archive(json!({}));
        let found = archive.resolve(&View::new(&fake)).unwrap();
        archive
            .check_out(&fake, &View::new(&fake), &found, Path::new("/srv/a"), &Checkout::default())
            .unwrap_err();
        assert!(fake.lstat(Path::new("/srv/a")).is_err());
    }
}

#[test]
fn servers_that_refuse() {
    let fake = FakeSystem::new();
    let answer = |status: u16, headers: &[(&str, &str)], body: &str| {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: body.into() }
    };
    fake.serve(URL, answer(403, &[], ""));
    let failure = archive(json!({})).resolve(&View::new(&fake)).unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.hint.as_deref()),
        ("`https://example.com/site-1.tar.gz` answered 403", Some("check `user` and `password`"))
    );
    let object = "https://s3.amazonaws.com/bucket/a.zip";
    let s3 =
        source(json!({ "type": "s3", "url": object, "user": "AK", "password": "very-secret" }));
    fake.serve(
        object,
        answer(
            403,
            &[],
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        ),
    );
    let failure = s3.resolve(&View::new(&fake)).unwrap_err();
    assert_eq!(failure.notes, ["AccessDenied: Access Denied"]);
    fake.serve(object, answer(301, &[("x-amz-bucket-region", "eu-west-1")], ""));
    let failure = s3.resolve(&View::new(&fake)).unwrap_err();
    assert_eq!(
        failure.hint.as_deref(),
        Some("the bucket is in another region: set `region` to `eu-west-1`")
    );
    assert!(!format!("{:?}", fake.requests()).contains("very-secret"));
    let failure = source(json!({ "type": "archive", "url": "/none.zip" }))
        .resolve(&View::new(&fake))
        .unwrap_err();
    assert_eq!(failure.message, "there is no archive `/none.zip`");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let fake = fake(gzip(&tar(&FILES)), &[]);
    let archive = archive(json!({}));
    let found = archive.resolve(&View::new(&fake)).unwrap();
    fake.break_path("/srv/a/site/bin/run", std::io::ErrorKind::StorageFull);
    let failure = archive
        .check_out(&fake, &View::new(&fake), &found, Path::new("/srv/a"), &Checkout::default())
        .unwrap_err();
    assert_eq!(
        failure.message,
        "cannot write `/srv/a/site/bin/run`: no space left on the file system"
    );
    assert!(failure.hint.is_some());
    assert!(fake.lstat(Path::new("/srv/a")).is_err());
    fake.mend("/srv/a/site/bin/run");
    fake.advance(Duration::from_secs(1));
    archive
        .check_out(&fake, &View::new(&fake), &found, Path::new("/srv/a"), &Checkout::default())
        .unwrap();
}

#[test]
fn what_is_no_source_of_an_archive() {
    for (value, property) in [
        (json!({ "type": "archive", "url": "ftp://example.com/a.zip" }), "url"),
        (json!({ "type": "archive", "url": "a.zip" }), "url"),
        (json!({ "type": "archive", "url": "s3://bucket/a.zip" }), "url"),
        (json!({ "type": "archive", "url": "/a.zip", "checksum": "abc" }), "checksum"),
        (json!({ "type": "archive", "url": "/a.zip", "shallow": true }), "shallow"),
        (json!({ "type": "archive", "url": "/a.zip", "region": "eu-west-1" }), "region"),
        (json!({ "type": "s3", "url": "https://s3.amazonaws.com/bucket" }), "url"),
    ] {
        let source: Source = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(source.check().unwrap_err().property, property, "{value}");
    }
}
