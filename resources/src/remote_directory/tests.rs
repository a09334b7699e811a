use std::path::Path;

use serde_json::{Value, json};
use toque_machine::system::{Query, System};

use super::Provider;
use crate::testing::{Bench, path, with};

fn bench() -> Bench {
    let mut bench = Bench::new();
    for (path, content) in [("d/.hidden", "H\n"), ("d/a", "A\n"), ("d/sub/b", "B\n")] {
        bench.files.insert(path.to_owned(), content.to_owned());
    }
    bench
}

fn d(more: Value) -> Value {
    with(&path("/r/d"), more)
}

fn attributes(bench: &Bench, path: &str) -> (u32, u32, u32) {
    let metadata = bench.fake.lstat(Path::new(path)).unwrap();
    (metadata.mode, metadata.uid, metadata.gid)
}

#[test]
fn copies_all() {
    let bench = bench();
    let effects = bench.converge(&Provider, "create", path("/r/x/d")).unwrap();
    assert_eq!(
        effects,
        [
            "create directory /r/x with mode 0755",
            "create directory /r/x/d with mode 0755",
            "create directory /r/x/d/sub with mode 0755",
            "stage /r/x/d/.hidden: 2 bytes, mode 0644, owner 0:0",
            "put /r/x/d/.hidden in place",
            "stage /r/x/d/a: 2 bytes, mode 0644, owner 0:0",
            "put /r/x/d/a in place",
            "stage /r/x/d/sub/b: 2 bytes, mode 0644, owner 0:0",
            "put /r/x/d/sub/b in place",
        ]
    );
}

#[test]
fn modes_and_owners() {
    let bench = bench();
    bench.fake.put_dir("/r/d", 0o700);
    bench.fake.put_file("/r/d/a", "A\n");
    let properties = d(json!({
        "mode": "2750", "files_mode": "0600", "owner": "daemon", "group": "bin", "files_owner": "alice"
    }));
    bench.converge(&Provider, "create", properties).unwrap();
    assert_eq!(attributes(&bench, "/r/d"), (0o2750, 1, 2));
    assert_eq!(attributes(&bench, "/r/d/sub"), (0o2750, 1, 2));
    // One that was there keeps its group, new ones have the setgid directory's.
    assert_eq!(attributes(&bench, "/r/d/a"), (0o600, 1000, 0));
    assert_eq!(attributes(&bench, "/r/d/sub/b"), (0o600, 1000, 2));
}

#[test]
fn leaves_what_is_there_on_demand() {
    for (action, more) in
        [("create", json!({ "overwrite": false })), ("create_if_missing", json!({}))]
    {
        let bench = bench();
        bench.fake.put_file("/r/d/a", "mine\n");
        bench.converge(&Provider, action, d(more)).unwrap();
        assert_eq!(bench.fake.text("/r/d/a"), "mine\n");
        assert_eq!(bench.fake.text("/r/d/sub/b"), "B\n");
    }
}

#[test]
fn purges_what_the_cookbook_does_not_have() {
    let bench = bench();
    bench.fake.put_file("/r/t/keep", "");
    bench.fake.put_link("/r/d/l", "../t");
    bench.fake.put_link("/r/d/dangling", "nowhere");
    bench.fake.put_file("/r/d/old/.x/f", "old");
    bench.fake.put_file("/r/d/sub/old", "old");
    bench.fake.put_file("/r/d/a", "A\n");
    bench.fake.put_file("/r/d/.hidden", "H\n");
    bench.fake.put_file("/r/d/sub/b", "B\n");
    let effects = bench.converge(&Provider, "create", d(json!({ "purge": true }))).unwrap();
    assert_eq!(
        effects,
        [
            "remove /r/d/dangling",
            "remove /r/d/l",
            "remove /r/d/old/.x/f",
            "remove directory /r/d/old/.x",
            "remove directory /r/d/old",
            "remove /r/d/sub/old",
        ]
    );
    assert_eq!(bench.notes.borrow().len(), 2, "copies of the files are kept");
    assert!(bench.fake.lstat(Path::new("/r/t/keep")).is_ok());
}

#[test]
fn deletes() {
    let mut bench = bench();
    bench.files.clear();
    bench.fake.put_file("/r/d/x", "");
    assert!(bench.plan(&Provider, "delete", d(json!({ "recursive": false }))).is_err());
    assert_eq!(
        bench.converge(&Provider, "delete", path("/r/d")).unwrap(),
        ["remove /r/d and all below"]
    );
    assert!(
        bench.plan(&Provider, "create", path("/r/d")).is_err(),
        "the cookbook has no such folder"
    );
}

#[test]
fn does_not_write_through_someones_link() {
    let bench = bench();
    bench.fake.put_dir("/r/t", 0o755);
    bench.fake.put_link("/r/d/sub", "../t");
    bench.converge(&Provider, "create", path("/r/d")).unwrap();
    assert_eq!(bench.fake.text("/r/t/b"), "B\n");
    bench.fake.set_owner(Path::new("/r/d/sub"), Some(1000), None).unwrap();
    let failure = bench.plan(&Provider, "create", path("/r/d")).unwrap_err();
    assert_eq!(
        failure.message,
        "cannot look at `/r/d/sub`: the symbolic link `/r/d/sub` is not followed: it could lead anywhere, because user 1000 owns it"
    );
}

#[test]
fn a_file_where_a_directory_should_be() {
    let bench = bench();
    bench.fake.put_file("/r/d/sub", "");
    let failure = bench.plan(&Provider, "create", path("/r/d")).unwrap_err();
    assert_eq!(failure.message, "cannot create the directory `/r/d/sub`: a file is there");
}
