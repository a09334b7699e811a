use std::path::Path;

use serde_json::{Value, json};
use toque_machine::system::{FakeSystem, System};

use super::Provider;
use crate::testing::{Bench, path, with};

fn d(more: Value) -> Value {
    with(&path("/r/d"), more)
}

/// Title, preparation, action, properties, effects or the failure.
type Case = (
    &'static str,
    fn(&FakeSystem),
    &'static str,
    Value,
    Result<&'static [&'static str], &'static str>,
);

#[test]
fn cases() {
    let none: fn(&FakeSystem) = |_| {};
    let there: fn(&FakeSystem) = |fake| fake.put_dir("/r/d", 0o755);
    let filled: fn(&FakeSystem) = |fake| fake.put_file("/r/d/e/f", "");
    let to_directory: fn(&FakeSystem) = |fake| {
        fake.put_dir("/r/t", 0o755);
        fake.put_link("/r/d", "t");
    };
    let of_alice: fn(&FakeSystem) = |fake| {
        fake.put_dir("/r/t", 0o755);
        fake.put_link("/r/d", "t");
        fake.set_owner(Path::new("/r/d"), Some(1000), None).unwrap();
    };
    let setgid: fn(&FakeSystem) = |fake| {
        fake.set_owner(Path::new("/r"), None, Some(2)).unwrap();
        fake.set_mode(Path::new("/r"), 0o2755).unwrap();
    };
    let cases: Vec<Case> = vec![
        ("new", none, "create", d(json!({})), Ok(&["create directory /r/d with mode 0755"])),
        (
            "trailing slash",
            none,
            "create",
            path("/r/d/"),
            Ok(&["create directory /r/d with mode 0755"]),
        ),
        (
            "new with attributes",
            none,
            "create",
            d(json!({ "mode": "0700", "owner": "daemon", "group": "bin" })),
            Ok(&["create directory /r/d with mode 0700, owner 1:2"]),
        ),
        ("there", there, "create", d(json!({ "mode": "0755", "owner": "root" })), Ok(&[])),
        ("mode", there, "create", d(json!({ "mode": "0700" })), Ok(&["set mode of /r/d to 0700"])),
        (
            "parents have the default mode and owner",
            none,
            "create",
            json!({ "path": "/r/a/b/c", "recursive": true, "mode": "0700", "owner": "daemon" }),
            Ok(&[
                "create directory /r/a with mode 0755",
                "create directory /r/a/b with mode 0755",
                "create directory /r/a/b/c with mode 0700, owner 1:",
            ]),
        ),
        (
            "setgid is inherited",
            setgid,
            "create",
            json!({ "path": "/r/d/e", "recursive": true }),
            Ok(&[
                "create directory /r/d with mode 2755, owner :2",
                "create directory /r/d/e with mode 2755, owner :2",
            ]),
        ),
        (
            "parent is missing",
            none,
            "create",
            path("/r/a/b"),
            Err("cannot create `/r/a/b`: the directory `/r/a` does not exist"),
        ),
        (
            "a file for a parent",
            |fake| fake.put_file("/r/a", ""),
            "create",
            json!({ "path": "/r/a/b/c", "recursive": true }),
            Err("cannot create `/r/a/b/c`: `/r/a` is not a directory"),
        ),
        (
            "a file there",
            |fake| fake.put_file("/r/d", ""),
            "create",
            d(json!({})),
            Err("cannot create the directory `/r/d`: a file is there"),
        ),
        (
            "a link to a file there",
            |fake| fake.put_link("/r/d", "/etc/passwd"),
            "create",
            d(json!({})),
            Err("cannot create the directory `/r/d`: a symbolic link to a file is there"),
        ),
        ("a link to a directory", to_directory, "create", d(json!({})), Ok(&[])),
        (
            "a change through a link",
            to_directory,
            "create",
            d(json!({ "mode": "0700" })),
            Ok(&["set mode of /r/t to 0700"]),
        ),
        (
            "a change through someone's link",
            of_alice,
            "create",
            d(json!({ "mode": "0700" })),
            Err(
                "cannot look at `/r/d`: the symbolic link `/r/d` is not followed: it could lead anywhere, because user 1000 owns it",
            ),
        ),
        (
            "unknown owner",
            none,
            "create",
            d(json!({ "owner": "nosuchuser" })),
            Err("there is no user `nosuchuser` on this machine"),
        ),
        ("delete", there, "delete", d(json!({})), Ok(&["remove directory /r/d"])),
        ("delete: not there", none, "delete", d(json!({})), Ok(&[])),
        (
            "delete: filled",
            filled,
            "delete",
            d(json!({})),
            Err("cannot delete the directory `/r/d`: it is not empty"),
        ),
        (
            "delete: filled, recursive",
            filled,
            "delete",
            d(json!({ "recursive": true })),
            Ok(&["remove /r/d and all below"]),
        ),
        (
            "delete a link",
            to_directory,
            "delete",
            d(json!({})),
            Err("cannot delete the directory `/r/d`: it is a symbolic link"),
        ),
        (
            "delete a dangling link",
            |fake| fake.put_link("/r/d", "nowhere"),
            "delete",
            d(json!({})),
            Ok(&[]),
        ),
        (
            "delete a file",
            |fake| fake.put_file("/r/d", ""),
            "delete",
            d(json!({})),
            Err("cannot delete the directory `/r/d`: it is a file"),
        ),
        ("delete everything", none, "delete", path("/"), Err("path: `/` is not deleted by anyone")),
    ];
    for (title, prepare, action, properties, expected) in cases {
        let bench = Bench::new();
        prepare(&bench.fake);
        bench.fake.take_effects();
        match (bench.converge(&Provider, action, properties), expected) {
            (Ok(effects), Ok(expected)) => assert_eq!(effects, expected, "{title}"),
            (Err(failure), Err(message)) => assert_eq!(failure.message, message, "{title}"),
            (result, _) => panic!("{title}: {result:?}"),
        }
    }
}

#[test]
fn a_missing_parent_says_what_to_do() {
    let failure = Bench::new().plan(&Provider, "create", path("/r/a/b")).unwrap_err();
    assert_eq!(
        failure.hint.unwrap(),
        "add `recursive: true`, or declare `directory(\"/r/a\")` before this resource"
    );
}
