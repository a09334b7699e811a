//! Repositories that are reached by a server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::{Bench, git_source, source};
use crate::source::Checkout;
use crate::system::{HostSystem, Proxies};
use crate::temporary_name::is_temporary;
use crate::view::View;

/// `git daemon` for the repositories of a bench, until it is dropped.
struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("git")
            .args(["daemon", "--listen=127.0.0.1", "--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.display()))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From here on it is ended, whatever happens.
        let daemon = Self { child, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return daemon;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("git daemon does not answer");
    }

    fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The process that listens is a child of `git`, which hands the signal on.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.child.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

#[test]
fn a_clone_that_is_kept_is_brought_up_to_date() {
    let bench = Bench::new();
    bench.repository("site");
    bench.commit("site", "a.txt", "one");
    let daemon = Daemon::start(bench.folder.path());
    let cache = bench.path("cache");
    let how = Checkout { cache: Some(&cache), ..Checkout::default() };
    let main = git_source(daemon.url("site"), "main");
    bench.check_out(&main, "1", &how).unwrap();
    let two = bench.commit("site", "b.txt", "two");
    bench.check_out(&main, "2", &how).unwrap();
    assert_eq!(
        (bench.names("out/1"), bench.names("out/2")),
        (vec!["a.txt".to_owned()], vec!["a.txt".into(), "b.txt".into()])
    );
    assert_eq!(bench.names("out"), ["1", "2"]);

    // A git that was killed leaves locks; one that lost power, anything.
    let lock = |name: &str| std::fs::write(cache.join(name), "").unwrap();
    let damages: [(&str, &dyn Fn()); 5] = [
        ("locks", &|| {
            ["HEAD.lock", "index.lock", "config.lock", "shallow.lock", "refs/heads/toque.lock"]
                .into_iter()
                .for_each(lock);
        }),
        ("a half pack", &|| lock("objects/pack/tmp_pack_x")),
        ("no head", &|| std::fs::remove_file(cache.join("HEAD")).unwrap()),
        ("an empty branch", &|| lock("refs/heads/toque")),
        ("cut packs", &|| {
            for entry in std::fs::read_dir(cache.join("objects/pack"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                std::fs::write(&entry, [])
                    .or_else(|_| {
                        std::fs::remove_file(&entry).and_then(|()| std::fs::write(&entry, []))
                    })
                    .unwrap();
            }
        }),
    ];
    for (number, (what, damage)) in damages.into_iter().enumerate() {
        damage();
        let file = format!("new{number}.txt");
        bench.commit("site", &file, what);
        bench.check_out(&main, what, &how).unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        assert_eq!(bench.text(&format!("out/{what}/{file}")), what);
    }
    let unfinished =
        bench.names("cache/objects/pack").into_iter().filter(|name| name.starts_with("tmp_"));
    assert_eq!(unfinished.collect::<Vec<_>>(), Vec::<String>::new());
    // Of what it has already, nothing is asked for.
    drop(daemon);
    bench.check_out(&git_source(main.url.as_str(), &two), "again", &how).unwrap();
    assert_eq!(bench.names("out/again"), ["a.txt", "b.txt"]);
}

#[test]
fn a_server_that_is_gone_costs_no_clone() {
    let bench = Bench::new();
    bench.repository("site");
    let one = bench.commit("site", "a.txt", "one");
    let daemon = Daemon::start(bench.folder.path());
    let url = daemon.url("site");
    let cache = bench.path("cache");
    let how = Checkout { cache: Some(&cache), ..Checkout::default() };
    bench.check_out(&git_source(&url, "main"), "1", &how).unwrap();
    let two = bench.commit("site", "a.txt", "two");
    drop(daemon);
    bench.check_out(&git_source(&url, &two), "2", &how).unwrap_err();
    bench.resolve(&git_source(&url, "main")).unwrap_err();
    bench.check_out(&git_source(&url, &one), "3", &how).unwrap();
    assert_eq!(bench.names("out"), ["1", "3"]);
}

#[test]
fn a_commit_that_no_branch_has() {
    let bench = Bench::new();
    bench.repository("site");
    bench.commit("site", "a.txt", "one");
    let lost = bench.commit("site", "a.txt", "two");
    bench.git("site", &["reset", "--quiet", "--hard", "HEAD~1"]);
    let middle = bench.commit("site", "a.txt", "three");
    bench.commit("site", "a.txt", "four");
    let daemon = Daemon::start(bench.folder.path());
    let cache = bench.path("cache");
    for (name, cache, shallow) in [
        ("1", None, false),
        ("2", Some(cache.as_path()), true),
        ("3", Some(cache.as_path()), false),
    ] {
        let how = Checkout { cache, ..Checkout::default() };
        for (commit, text) in [(&lost, "two"), (&middle, "three")] {
            let source = source(
                json!({ "type": "git", "url": daemon.url("site"), "revision": commit, "shallow": shallow }),
            );
            let name = format!("{name}{text}");
            bench.check_out(&source, &name, &how).unwrap();
            assert_eq!(bench.text(&format!("out/{name}/a.txt")), text);
        }
    }
    // Where a server gives only what has a name, a commit below it is still found.
    let missing = git_source(daemon.url("site"), &"ab".repeat(20));
    let failure = bench.check_out(&missing, "x", &Checkout::default()).unwrap_err();
    assert!(failure.message.contains("has no commit `abab"), "{failure:?}");
    assert!(!bench.path("out/x").exists());
    let names = std::fs::read_dir(bench.path("out")).unwrap();
    assert!(!names.map(|entry| entry.unwrap().file_name()).any(|name| is_temporary(&name)));
}

#[test]
fn a_submodule_of_this_machine_is_refused() {
    let bench = Bench::new();
    bench.repository("private");
    bench.commit("private", "key", "secret");
    bench.repository("site");
    bench.git(
        "site",
        &["submodule", "--quiet", "add", bench.path("private").to_str().unwrap(), "stolen"],
    );
    bench.commit("site", "a.txt", "one");
    let daemon = Daemon::start(bench.folder.path());
    let failure = bench
        .check_out(&git_source(daemon.url("site"), "main"), "x", &Checkout::default())
        .unwrap_err();
    assert!(
        failure.message.ends_with("is a folder of this machine, and the repository is not"),
        "{failure:?}"
    );
    assert_eq!(bench.names("out"), [""; 0]);
}

#[test]
fn a_password_goes_to_its_server_alone() {
    let bench = Bench::new();
    bench.repository("site");
    bench.commit("site", "a.txt", "one");
    bench.git("site", &["clone", "--quiet", "--bare", ".", "../www.git"]);
    bench.git("www.git", &["update-server-info"]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let port = serve(bench.folder.path().to_owned(), "u:p@ss%", Arc::clone(&seen));
    let url = format!("http://127.0.0.1:{port}/www.git");
    for (name, value) in [
        (
            "x",
            json!({ "type": "git", "url": url, "revision": "main", "user": "u", "password": "p@ss%" }),
        ),
        (
            "y",
            json!({ "type": "git", "url": format!("http://u:p%40ss%25@127.0.0.1:{port}/www.git"), "revision": "main" }),
        ),
    ] {
        bench.check_out(&source(value), name, &Checkout::default()).unwrap();
        assert_eq!(bench.text(&format!("out/{name}/a.txt")), "one");
    }
    for (user, password, hint) in [
        (None, None, "set `user` and `password`"),
        (Some("u"), Some("wrong-one"), "check `user` and `password`"),
    ] {
        let value = json!({ "type": "git", "url": url, "revision": "main", "user": user, "password": password });
        let failure = bench.resolve(&source(value)).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some(hint), "{failure:?}");
        assert!(!format!("{failure:?}").contains("wrong-one"));
    }
    let seen = seen.lock().unwrap().join("\n");
    assert!(seen.contains(&BASE64_STANDARD.encode("u:p@ss%")));
}

/// Serves files to who knows the password, and writes down what was asked.
fn serve(folder: PathBuf, login: &'static str, seen: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = format!("basic {}", BASE64_STANDARD.encode(login)).to_lowercase();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n")
                && stream.read(&mut byte).is_ok_and(|count| count == 1)
            {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request
                .split(' ')
                .nth(1)
                .unwrap_or("/")
                .split('?')
                .next()
                .unwrap_or("/")
                .trim_start_matches('/')
                .to_owned();
            let (status, body) = match std::fs::read(folder.join(path)) {
                _ if !request.to_lowercase().contains(&wanted) => {
                    ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"", Vec::new())
                }
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            seen.lock().unwrap().push(request);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    port
}

#[test]
fn a_proxy_is_used_by_git_too() {
    let proxies = Proxies {
        http: Some("http://me:s3cret@127.0.0.1:9".to_owned()),
        https: None,
        no_proxy: Some("localhost".to_owned()),
    };
    let mut system = HostSystem::new();
    system.proxies = proxies;
    let told = |url: &str| git_source(url, "main").resolve(&View::new(&system)).unwrap_err();
    let failure = told("http://git.test/site.git");
    assert!(
        failure.notes[0].contains("127.0.0.1 port 9") && !format!("{failure:?}").contains("s3cret"),
        "{failure:?}"
    );
    assert_eq!(
        failure.hint.as_deref(),
        Some("check that the server runs, or the proxy, and the port")
    );
    assert!(told("http://localhost:9/site.git").notes[0].contains("localhost port 9"));
}
