//! What a plan sees of changes that were not made.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::system::{FakeSystem, FileKind, System};

fn by() -> Rc<str> {
    "file[/a]".into()
}

fn attributes(path: &str, mode: u32, touched: bool) -> PlannedEffect {
    PlannedEffect::Attributes { path: path.into(), mode, uid: 1, gid: 2, touched }
}

#[test]
fn changed_attributes_leave_the_content() {
    let fake = FakeSystem::new();
    fake.put_file("/a", "real");
    let view = View::new(&fake);
    let before = fake.lstat(Path::new("/a")).unwrap();
    view.assume(&by(), &[attributes("/a", 0o600, false)], false);
    let ((after, content), causes) = view
        .observe(|| (view.lstat(Path::new("/a")).unwrap(), view.read(Path::new("/a")).unwrap()));
    assert_eq!(after, Metadata { mode: 0o600, uid: 1, gid: 2, ..before });
    assert_eq!(content, b"real");
    assert!(causes.is_empty());

    // Also of a file that only the plan has.
    let file = PlannedEffect::File {
        path: "/b".into(),
        content: Some("planned".into()),
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    view.assume(&by(), &[file, attributes("/b", 0o640, false)], false);
    assert_eq!(view.lstat(Path::new("/b")).unwrap().mode, 0o640);
    assert_eq!(view.read(Path::new("/b")).unwrap(), b"planned");

    // And a directory shows what is in it.
    view.assume(&by(), &[attributes("/etc", 0o700, false)], false);
    assert_eq!(
        view.read_dir(Path::new("/etc")).unwrap(),
        fake.read_dir(Path::new("/etc")).unwrap()
    );
}

#[test]
fn what_is_touched_is_modified_now() {
    let fake = FakeSystem::new();
    fake.put_file("/a", "");
    fake.advance(Duration::from_mins(1));
    let view = View::new(&fake);
    view.assume(&by(), &[attributes("/a", 0o644, true)], false);
    assert_eq!(view.lstat(Path::new("/a")).unwrap().modified, fake.now());
}

#[test]
fn a_second_name_is_the_same_file() {
    let fake = FakeSystem::new();
    fake.put_file("/a", "real");
    fake.put_link("/l", "/a");
    let view = View::new(&fake);
    let hard = |path: &str, to: &str| PlannedEffect::HardLink { path: path.into(), to: to.into() };
    view.assume(&by(), &[hard("/b", "/a"), hard("/m", "/l")], false);
    let (a, b) = (view.lstat(Path::new("/a")).unwrap(), view.lstat(Path::new("/b")).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.links, 2);
    assert_eq!(view.read(Path::new("/b")).unwrap(), b"real");
    // A link at the end is not followed.
    assert_eq!(view.lstat(Path::new("/m")).unwrap().kind, FileKind::Link);
    assert_eq!(view.read_link(Path::new("/m")).unwrap(), Path::new("/a"));
    // The real machine agrees.
    fake.hard_link(Path::new("/a"), Path::new("/b")).unwrap();
    assert_eq!(fake.lstat(Path::new("/b")).unwrap(), b);
}

#[test]
fn a_file_url_may_name_a_planned_file() {
    let fake = FakeSystem::new();
    let view = View::new(&fake);
    let file = PlannedEffect::File {
        path: "/b c".into(),
        content: Some("planned".into()),
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    view.assume(&by(), &[file], false);
    let request = Request {
        url: "file:///b%20c".to_owned(),
        headers: Vec::new(),
        timeout: Duration::from_secs(1),
        largest: Request::LARGEST,
        verify: true,
    };
    assert_eq!(view.fetch(&request).unwrap().body, "planned".into());
}

#[test]
fn memory_is_asked_by_key() {
    let fake = FakeSystem::new();
    let memory = |key: &str| (key == "known").then(|| Value::from(1));
    let view = View::new(&fake).with_memory(memory);
    assert_eq!(view.remembered("known"), Some(Value::from(1)));
    assert_eq!(view.remembered("unknown"), None);
    assert_eq!(View::new(&fake).remembered("known"), None);
}
