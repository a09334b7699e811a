use std::path::Path;

use serde_json::{Value, json};
use toque_machine::system::{Query, Response};

use super::Provider;
use crate::testing::{Bench, document, path, with};
use toque_core::checksum::sha256_hex;

const URL: &str = "https://example.com/f";

fn f(more: Value) -> Value {
    with(&json!({ "path": "/r/f", "source": URL }), more)
}

#[test]
fn is_fetched_once_and_asked_for_only_when_it_may_have_changed() {
    let bench = Bench::new();
    bench.fake.serve(
        URL,
        document("one", &[("etag", "\"1\""), ("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT")]),
    );
    let changes = bench.plan(&Provider, "create", f(json!({}))).unwrap();
    assert_eq!(changes[0].what, "create file `/r/f` from `https://example.com/f`");
    assert_eq!(bench.fake.requests().len(), 1);

    // The first run, then the second, which `converge` makes by itself.
    bench.converge(&Provider, "create", f(json!({}))).unwrap();
    let requests = bench.fake.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1].headers, []);
    let conditional =
        [("If-None-Match", "\"1\""), ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(requests[2].headers, conditional);

    bench.plan(&Provider, "create", f(json!({ "use_etag": false }))).unwrap();
    assert_eq!(bench.fake.requests()[3].headers, conditional[1..]);
    bench
        .plan(&Provider, "create", f(json!({ "use_conditional_get": false, "use_etag": true })))
        .unwrap();
    assert_eq!(bench.fake.requests()[4].headers, conditional[..1]);

    // What is remembered is about what was downloaded, not about what someone wrote since.
    bench.fake.put_file("/r/f", "edited");
    assert_eq!(bench.plan(&Provider, "create", f(json!({}))).unwrap().len(), 1);
    assert_eq!(bench.fake.requests()[5].headers, []);

    bench.fake.serve(URL, document("two", &[("etag", "\"2\"")]));
    bench.converge(&Provider, "create", f(json!({}))).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "two");
}

#[test]
fn a_file_with_the_checksum_is_not_asked_for() {
    let bench = Bench::new();
    bench.fake.put_file("/r/f", "one");
    let sum = sha256_hex(b"one");
    for checksum in [&sum[..], &sum[..8], &sum.to_uppercase()] {
        assert!(
            bench.plan(&Provider, "create", f(json!({ "checksum": checksum }))).unwrap().is_empty()
        );
    }
    assert!(bench.fake.requests().is_empty());
    bench.converge(&Provider, "create", f(json!({ "checksum": sum, "mode": "0600" }))).unwrap();
    assert!(bench.fake.requests().is_empty());
}

#[test]
fn a_download_must_have_the_whole_checksum() {
    let bench = Bench::new();
    bench.fake.serve(URL, document("one", &[]));
    let sum = sha256_hex(b"one");
    for checksum in [&sum[..8], &sha256_hex(b"two")] {
        let failure =
            bench.plan(&Provider, "create", f(json!({ "checksum": checksum }))).unwrap_err();
        assert_eq!(failure.message, "the new content of `/r/f` does not have its checksum");
    }
    // Also when the file is what the server sends.
    bench.fake.put_file("/r/f", "one");
    assert!(bench.plan(&Provider, "create", f(json!({ "checksum": sha256_hex(b"two") }))).is_err());
    bench.converge(&Provider, "create", f(json!({ "checksum": sum }))).unwrap();
}

#[test]
fn mirrors_are_tried_in_order() {
    let bench = Bench::new();
    bench.fake.serve("https://b.example.com/g", document("other", &[]));
    bench.fake.serve("https://c.example.com/f", document("mirrored", &[]));
    let mirrors = json!([
        "https://user:secret@a.example.com/f",
        "https://b.example.com/f",
        "https://c.example.com/f?token=secret"
    ]);
    let failure = bench.plan(&Provider, "create", f(json!({ "source": mirrors }))).unwrap_err();
    assert_eq!(failure.message, "none of the 3 sources has the file");
    assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    let mirrors =
        json!(["https://a.example.com/f", "https://b.example.com/f", "https://c.example.com/f"]);
    bench.converge(&Provider, "create", f(json!({ "source": mirrors }))).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "mirrored");
}

#[test]
fn a_server_that_refuses_is_named() {
    let bench = Bench::new();
    bench.fake.serve(URL, Response { status: 403, ..document("", &[]) });
    let failure = bench.plan(&Provider, "create", f(json!({}))).unwrap_err();
    assert_eq!(failure.message, "`https://example.com/f` answered 403");
}

#[test]
fn nothing_is_asked_for_in_vain() {
    let bench = Bench::new();
    bench.fake.serve(URL, document("one", &[]));
    bench.fake.put_dir("/r/d", 0o755);
    assert!(bench.plan(&Provider, "create", f(json!({ "path": "/r/d" }))).is_err());
    assert!(bench.plan(&Provider, "create", f(json!({ "path": "/r/x/f" }))).is_err());
    bench.fake.put_file("/r/f", "mine");
    assert!(bench.plan(&Provider, "create_if_missing", f(json!({}))).unwrap().is_empty());
    assert_eq!(bench.converge(&Provider, "delete", path("/r/f")).unwrap(), ["remove /r/f"]);
    assert!(bench.fake.requests().is_empty());
}

#[test]
fn files_of_this_machine() {
    let bench = Bench::new();
    bench.fake.put_file("/r/100% sure", "here");
    for source in ["/r/100% sure", "file:///r/100%25%20sure"] {
        bench.fake.clear("/r/f");
        bench.converge(&Provider, "create", f(json!({ "source": source }))).unwrap();
        assert_eq!(bench.fake.read(Path::new("/r/f")).unwrap(), b"here");
    }
}

#[test]
fn sources_are_checked() {
    for (source, message) in [
        (json!("f"), "source: `f` is neither a URL nor an absolute path"),
        (json!("ftp://example.com/f"), "source: `ftp:` is not supported"),
        (json!([]), "source: the array is empty"),
        (json!(null), "source: it is required: where does the file come from?"),
    ] {
        assert_eq!(
            Bench::new()
                .plan(&Provider, "create", f(json!({ "source": source })))
                .unwrap_err()
                .message,
            message
        );
    }
}

#[test]
fn objects_of_s3_are_asked_for_with_a_signature() {
    let bench = Bench::new();
    bench.fake.serve("http://127.0.0.1:9000/bucket/f", document("object", &[("etag", "\"1\"")]));
    let object = f(
        json!({ "source": "s3://bucket/f", "s3_endpoint": "http://127.0.0.1:9000/", "s3_access_key_id": "AK",
        "s3_secret_access_key": "very-secret", "s3_region": "eu-west-1", "s3_session_token": "token" }),
    );
    bench.converge(&Provider, "create", object).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "object");
    let requests = bench.fake.requests();
    let header = |number: usize, name: &str| {
        requests[number]
            .headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    assert!(
        header(0, "authorization").contains("Credential=AK/20240101/eu-west-1/s3/aws4_request"),
        "{requests:?}"
    );
    assert_eq!(
        (header(0, "x-amz-security-token"), header(1, "If-None-Match")),
        ("token".into(), "\"1\"".into())
    );
    assert!(!format!("{requests:?}").contains("very-secret"));
    // What is for everybody needs none.
    bench.fake.serve("https://s3.amazonaws.com/bucket/f", document("public", &[]));
    bench.converge(&Provider, "create", f(json!({ "source": "s3://bucket/f" }))).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "public");
    let failure =
        bench.plan(&Provider, "create", f(json!({ "source": "s3://bucket" }))).unwrap_err();
    assert_eq!(failure.message, "source: `s3://bucket` names a bucket without an object");
}
