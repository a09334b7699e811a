use std::path::Path;

use serde_json::{Value, json};
use toque_machine::system::{FakeSystem, Query, System};

use super::Provider;
use crate::testing::{Bench, with};

fn l(more: Value) -> Value {
    with(&json!({ "target_file": "/r/l" }), more)
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
    let linked: fn(&FakeSystem) = |fake| {
        fake.put_file("/r/t", "t");
        fake.put_link("/r/l", "/r/t");
    };
    let file: fn(&FakeSystem) = |fake| {
        fake.put_file("/r/t", "t");
        fake.put_file("/r/l", "precious");
    };
    let hard: fn(&FakeSystem) = |fake| {
        fake.put_file("/r/t", "t");
        fake.hard_link(Path::new("/r/t"), Path::new("/r/l")).unwrap();
    };
    let directory: fn(&FakeSystem) = |fake| fake.put_dir("/r/l", 0o755);
    let to = |to: &str| l(json!({ "to": to }));
    let to_hard = |to: &str| l(json!({ "to": to, "link_type": "hard" }));
    let cases: Vec<Case> = vec![
        (
            "new",
            none,
            "create",
            to("t"),
            Ok(&["link /r/.toque-link to t", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "new with owner",
            none,
            "create",
            l(json!({ "to": "t", "owner": "daemon" })),
            Ok(&[
                "link /r/.toque-link to t",
                "set owner of /r/.toque-link to 1:",
                "rename /r/.toque-link to /r/l",
            ]),
        ),
        ("right", linked, "create", to("/r/t"), Ok(&[])),
        (
            "owner differs",
            linked,
            "create",
            l(json!({ "to": "/r/t", "owner": "daemon" })),
            Ok(&["set owner of /r/l to 1:"]),
        ),
        ("dangling and right", |fake| fake.put_link("/r/l", "/no"), "create", to("/no"), Ok(&[])),
        (
            "other",
            linked,
            "create",
            to("/r/u"),
            Ok(&["link /r/.toque-link to /r/u", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "other, of another owner",
            |fake| {
                fake.put_link("/r/l", "/r/t");
                fake.set_owner(Path::new("/r/l"), Some(1), Some(2)).unwrap();
            },
            "create",
            to("/r/u"),
            Ok(&[
                "link /r/.toque-link to /r/u",
                "set owner of /r/.toque-link to 1:2",
                "rename /r/.toque-link to /r/l",
            ]),
        ),
        (
            "written otherwise",
            linked,
            "create",
            to("t"),
            Ok(&["link /r/.toque-link to t", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "trailing slash",
            linked,
            "create",
            to("/r/t/"),
            Ok(&["link /r/.toque-link to /r/t/", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "a name that somebody prepared",
            |fake| fake.put_file("/r/.toque-link/x", ""),
            "create",
            to("t"),
            Ok(&["link /r/.toque-link to t", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "a file there",
            file,
            "create",
            to("/r/t"),
            Err("cannot create the link `/r/l`: a file is there"),
        ),
        (
            "a file there, force",
            file,
            "create",
            l(json!({ "to": "/r/t", "force": true })),
            Ok(&["link /r/.toque-link to /r/t", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "a directory there",
            directory,
            "create",
            l(json!({ "to": "/r/t", "force": true })),
            Err("cannot create the link `/r/l`: a directory is there"),
        ),
        (
            "a pipe there",
            |fake| fake.put_special("/r/l"),
            "create",
            to("t"),
            Err("cannot create the link `/r/l`: a device, socket or pipe is there"),
        ),
        (
            "no folder",
            none,
            "create",
            json!({ "target_file": "/r/x/l", "to": "t" }),
            Err("cannot create the link `/r/x/l`: there is no directory `/r/x`"),
        ),
        (
            "no `to`",
            none,
            "create",
            l(json!({})),
            Err("to: it is required: where does the link lead?"),
        ),
        (
            "hard",
            |fake| fake.put_file("/r/t", ""),
            "create",
            to_hard("/r/t"),
            Ok(&["link /r/.toque-link hard to /r/t", "rename /r/.toque-link to /r/l"]),
        ),
        ("hard and right", hard, "create", to_hard("/r/t"), Ok(&[])),
        (
            "hard to nothing",
            none,
            "create",
            to_hard("/r/t"),
            Err("cannot create the hard link `/r/l`: there is no file `/r/t`"),
        ),
        (
            "hard to a directory",
            none,
            "create",
            to_hard("/etc"),
            Err("cannot create the hard link `/r/l`: `/etc` is a directory"),
        ),
        (
            "hard where a file is",
            file,
            "create",
            to_hard("/r/t"),
            Err("cannot create the link `/r/l`: a file is there"),
        ),
        (
            "hard to a link",
            |fake| fake.put_link("/r/m", "/r/t"),
            "create",
            to_hard("/r/m"),
            Ok(&["link /r/.toque-link hard to /r/m", "rename /r/.toque-link to /r/l"]),
        ),
        (
            "hard with owner",
            none,
            "create",
            with(&to_hard("/r/t"), json!({ "owner": "root" })),
            Err("owner: a hard link is the file itself and has no owner of its own"),
        ),
        ("delete", linked, "delete", l(json!({})), Ok(&["remove /r/l"])),
        ("delete: another", linked, "delete", to("/r/u"), Ok(&["remove /r/l"])),
        ("delete: not there", none, "delete", l(json!({})), Ok(&[])),
        (
            "delete a file",
            file,
            "delete",
            l(json!({})),
            Err("cannot delete the link `/r/l`: it is a file"),
        ),
        (
            "delete a directory",
            directory,
            "delete",
            l(json!({})),
            Err("cannot delete the link `/r/l`: it is a directory"),
        ),
        ("delete a hard link", hard, "delete", to_hard("/r/t"), Ok(&["remove /r/l"])),
        (
            "delete another file",
            file,
            "delete",
            to_hard("/r/t"),
            Err("cannot delete the link `/r/l`: it is not the same file as `/r/t`"),
        ),
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
fn a_link_to_a_directory_is_replaced_and_not_entered() {
    let bench = Bench::new();
    bench.fake.put_dir("/r/a", 0o755);
    bench.fake.put_dir("/r/b", 0o755);
    bench.fake.put_link("/r/l", "/r/a");
    bench.converge(&Provider, "create", l(json!({ "to": "/r/b" }))).unwrap();
    assert_eq!(bench.fake.read_link(Path::new("/r/l")).unwrap(), Path::new("/r/b"));
    assert!(bench.fake.read_dir(Path::new("/r/a")).unwrap().is_empty());
}
