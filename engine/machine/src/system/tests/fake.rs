use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::command::{Command, End, Output};
use crate::system::{FakeSystem, Operation, Ownership, Query, Request, Response, System};

fn request(url: &str, headers: &[(&str, &str)]) -> Request {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request {
        url: url.to_owned(),
        headers,
        timeout: Duration::from_secs(5),
        largest: Request::LARGEST,
        verify: true,
    }
}

#[test]
fn changes_are_told_in_words() {
    let fake = FakeSystem::new();
    let path = Path::new("/etc/motd");
    let staged = fake
        .stage(path, &mut &b"hi\n"[..], &Ownership { uid: Some(1), gid: None, mode: Some(0o644) })
        .unwrap();
    fake.rename(&staged.path, path).unwrap();
    let staged = fake.stage(path, &mut &b"hi\n"[..], &Ownership::default()).unwrap().path;
    fake.remove_file(&staged).unwrap();
    fake.create_dir(Path::new("/srv"), &Ownership::of_mode(0o755)).unwrap();
    fake.create_dir(Path::new("/srv"), &Ownership::of_mode(0o755)).unwrap_err();
    fake.run(&Command::shell("true")).unwrap();
    fake.probe(&Command::shell("exit 3")).unwrap();
    assert_eq!(
        fake.take_effects(),
        [
            "stage /etc/motd: 3 bytes, mode 0644, owner 1:0",
            "put /etc/motd in place",
            "stage /etc/motd: 3 bytes, mode 0600, owner 0:0",
            "discard what was staged for /etc/motd",
            "create directory /srv with mode 0755",
            "run true",
        ]
    );
    assert_eq!(fake.effects(), [""; 0]);
    assert_eq!(fake.probes(), ["exit 3"]);
}

#[test]
fn faults_hit_what_they_are_set_on() {
    let fake = FakeSystem::new();
    fake.put_file("/etc/hosts", "x");
    let hosts = Path::new("/etc/hosts");
    fake.break_operation(Operation::Rename, hosts, ErrorKind::ResourceBusy);
    let staged = fake.stage(hosts, &mut &b"y"[..], &Ownership::default()).unwrap().path;
    assert_eq!(fake.rename(&staged, hosts).unwrap_err().kind(), ErrorKind::ResourceBusy);
    fake.write_in_place(hosts, &mut &b"y"[..]).unwrap();
    fake.break_path(hosts, ErrorKind::StorageFull);
    assert_eq!(
        fake.write_in_place(hosts, &mut &b"z"[..]).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(fake.text(hosts), "y");
    fake.mend(hosts);
    fake.rename(&staged, hosts).unwrap();
}

#[test]
fn programs_are_found_by_name_or_by_line() {
    let fake = FakeSystem::new();
    fake.install_program("useradd", |fake, command| {
        fake.put_file(
            "/etc/passwd",
            format!("{}{}:x:9:9::/:/bin/sh\n", fake.text("/etc/passwd"), command.argv[1]),
        );
        Output::default()
    });
    fake.install_program("test -e /x", |fake, _| Output {
        end: End::Exited(i32::from(fake.lstat(Path::new("/x")).is_err())),
        ..Output::default()
    });
    fake.run(&Command::new(["/usr/sbin/useradd", "web"])).unwrap();
    assert_eq!(
        fake.probe(&Command::new(["getent", "--", "passwd", "web"])).unwrap().stdout(),
        "web:x:9:9::/:/bin/sh\n"
    );
    assert_eq!(
        fake.probe(&Command::new(["getent", "passwd", "0"])).unwrap().stdout(),
        "root:x:0:0:root:/root:/bin/sh\n"
    );
    assert_eq!(
        fake.probe(&Command::new(["getent", "--", "group", "none"])).unwrap().end,
        End::Exited(2)
    );
    assert_eq!(fake.probe(&Command::shell("test -e /x")).unwrap().end, End::Exited(1));
    fake.put_file("/x", "");
    assert_eq!(fake.probe(&Command::shell("test -e /x")).unwrap().end, End::Exited(0));
    assert_eq!(fake.probe(&Command::shell("exit 7")).unwrap().end, End::Exited(7));
    let failure = fake.run(&Command::new(["frob", "a b"])).unwrap_err();
    assert_eq!(failure.message, "cannot run `frob 'a b'`: there is no program `frob` on PATH");
    assert!(fake.run(&Command::shell("frob")).is_err());
    fake.install_program("sh", |_, command| Output {
        stdout: command.argv[2].clone().into_bytes(),
        ..Output::default()
    });
    assert_eq!(fake.run(&Command::shell("frob")).unwrap().stdout(), "frob");
}

#[test]
fn a_clone_is_another_machine() {
    let fake = FakeSystem::new();
    fake.remember("service/web", "running");
    fake.put_file("/x", "1");
    let other = fake.clone();
    assert_eq!(fake.snapshot(), other.snapshot());
    other.put_file("/x", "2");
    other.forget("service/web");
    assert_eq!(fake.text("/x"), "1");
    assert_eq!(fake.recall("service/web"), Some("running".into()));
    let (here, there) = (fake.snapshot(), other.snapshot());
    let differing: Vec<_> = here
        .iter()
        .filter(|(path, text)| there.get(*path) != Some(text))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(differing, [Path::new("/x"), Path::new("memory:service/web")]);
    assert_eq!(here[Path::new("/x")], "file 0644 0:0 \"1\"");
}

#[test]
fn servers_know_tags_and_dates() {
    let fake = FakeSystem::new();
    let headers = vec![
        ("etag".to_owned(), "\"a\"".to_owned()),
        ("last-modified".to_owned(), "Mon".to_owned()),
    ];
    fake.serve("https://example.com/x", Response { status: 200, headers, body: "x".into() });
    let status = |url: &str, headers: &[(&str, &str)]| {
        fake.fetch(&request(url, headers)).map(|response| response.status)
    };
    assert_eq!(status("https://example.com/x", &[]), Ok(200));
    assert_eq!(status("https://example.com/x", &[("If-None-Match", "\"a\"")]), Ok(304));
    assert_eq!(status("https://example.com/x", &[("if-none-match", "\"b\"")]), Ok(200));
    assert_eq!(status("https://example.com/x", &[("if-modified-since", "Mon")]), Ok(304));
    assert_eq!(status("https://example.com/y", &[]), Ok(404));
    assert_eq!(
        status("https://user:pw@other.test/x?token=1", &[]).unwrap_err().message,
        "cannot fetch `https://other.test/x`: there is no host `other.test`"
    );
    assert_eq!(status("file:///etc/passwd", &[]), Ok(200));
    assert_eq!(fake.requests().len(), 7);
}
