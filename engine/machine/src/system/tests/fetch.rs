use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::system::fetch::file_path;
use crate::system::{HostSystem, Proxies, Query, Request};
use toque_core::url::without_secrets;

fn request(url: &str) -> Request {
    Request {
        url: url.to_owned(),
        headers: Vec::new(),
        timeout: Duration::from_secs(5),
        largest: Request::LARGEST,
        verify: true,
    }
}

/// A server that gives these answers one after the other, each on a connection of its own, and
/// keeps what it was asked.
fn serve(answers: &[&str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&asked);
    let answers: Vec<String> = answers
        .iter()
        .map(|answer| answer.replace('\n', "\r\n").replace("HOST", &address))
        .collect();
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else { return };
            keep.lock().unwrap().push(head(&stream));
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

fn head(stream: &TcpStream) -> String {
    let lines =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    lines.map(|line| format!("{}\n", line.to_lowercase())).collect()
}

#[test]
fn any_status_is_an_answer() {
    let (address, asked) = serve(&[
        "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 5\nConnection: close\n\nhello",
        "HTTP/1.1 304 Not Modified\nETag: \"a\"\nConnection: close\n\n",
        "HTTP/1.1 404 Not Found\nContent-Length: 4\nConnection: close\n\nnone",
        "HTTP/1.1 302 Found\nLocation: http://HOST/there\nContent-Length: 0\nConnection: close\n\n",
        "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 3\nConnection: close\n\nraw",
    ]);
    let host = HostSystem::new();
    let first = host.fetch(&request(&format!("http://user:p%40w@{address}/x?y=1"))).unwrap();
    assert_eq!(
        (first.status, first.header("etag"), first.body.bytes().unwrap()),
        (200, Some("\"a\""), &b"hello"[..])
    );
    let mut conditional = request(&format!("http://{address}/x"));
    conditional.headers.push(("If-None-Match".to_owned(), "\"a\"".to_owned()));
    let second = host.fetch(&conditional).unwrap();
    assert_eq!((second.status, second.header("etag"), second.body.len()), (304, Some("\"a\""), 0));
    assert_eq!(host.fetch(&request(&format!("http://{address}/none"))).unwrap().status, 404);
    let moved = host.fetch(&request(&format!("http://{address}/here"))).unwrap();
    assert_eq!(
        (moved.status, moved.body.bytes().unwrap()),
        (200, &b"raw"[..]),
        "content is never unpacked"
    );
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("get /x?y=1 http/1.1\n"), "{}", asked[0]);
    assert!(asked[0].contains("authorization: basic dxnlcjpwqhc=\n"), "{}", asked[0]);
    assert!(
        asked[0].contains("accept-encoding: identity\n") && asked[0].contains("user-agent: toque/")
    );
    assert!(asked[1].contains("if-none-match: \"a\"\n"));
    assert!(asked[4].starts_with("get /there "));
}

#[test]
fn passing_faults_are_asked_again() {
    let (address, asked) = serve(&[
        "HTTP/1.1 503 Busy\nContent-Length: 0\nConnection: close\n\n",
        "",
        "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok",
    ]);
    assert_eq!(
        HostSystem::new()
            .fetch(&request(&format!("http://{address}/")))
            .unwrap()
            .body
            .read()
            .unwrap(),
        b"ok"
    );
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[test]
fn no_answer_is_a_failure_without_secrets() {
    let host = HostSystem::new();
    let failure =
        host.fetch(&request("http://user:secret@127.0.0.1:9/x?token=secret")).unwrap_err();
    assert_eq!(
        failure.message,
        "cannot fetch `http://127.0.0.1:9/x`: `127.0.0.1:9` refused the connection"
    );
    let failure = host.fetch(&request("gopher://example.com/")).unwrap_err();
    assert!(failure.message.starts_with("cannot fetch `gopher://example.com/`: "), "{failure}");
    assert!(host.fetch(&request("nonsense")).is_err());
}

#[test]
fn a_forced_stop_ends_a_download() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = HostSystem::new();
    let stop = host.stop.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stop.request();
        stop.request();
    });
    let begun = Instant::now();
    let failure =
        host.fetch(&request(&format!("http://{}/", listener.local_addr().unwrap()))).unwrap_err();
    assert!(failure.interrupted && begun.elapsed() < Duration::from_secs(2));
    thread.join().unwrap();
}

/// A server whose answer comes in so many pieces, a `pause` between two.
fn serve_slowly(piece: &'static [u8], count: usize, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        head(&stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", count * piece.len())
            .unwrap();
        // Whoever asked may be gone.
        let _ = (0..count).try_for_each(|_| {
            std::thread::sleep(pause);
            stream.write_all(piece)
        });
    });
    url
}

#[test]
fn what_trickles_is_given_up_and_what_is_slow_is_not() {
    let patient = |url: &str| Request { timeout: Duration::from_millis(300), ..request(url) };
    let begun = Instant::now();
    let url = serve_slowly(b"x", 1000, Duration::from_millis(20));
    let failure = HostSystem::new().fetch(&patient(&url)).unwrap_err();
    assert_eq!(
        failure.message,
        format!("cannot fetch `{url}`: it comes more slowly than 1 KiB a second")
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    // Longer than the timeout, and never silent for as long.
    let begun = Instant::now();
    let url = serve_slowly(&[b'x'; 4096], 20, Duration::from_millis(50));
    assert_eq!(HostSystem::new().fetch(&patient(&url)).unwrap().body.len(), 20 * 4096);
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn what_is_too_large_is_not_taken() {
    let answer = "HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\n\nhello";
    let (address, _) = serve(&[answer, answer, answer]);
    let fetch = |largest| {
        HostSystem::new().fetch(&Request { largest, ..request(&format!("http://{address}/")) })
    };
    assert_eq!(fetch(5).unwrap().body.read().unwrap(), b"hello");
    assert_eq!(
        fetch(4).unwrap_err().message,
        format!("cannot fetch `http://{address}/`: the document is larger than 4 bytes")
    );
}

#[test]
fn proxies_are_the_given_ones() {
    let (address, asked) =
        serve(&["HTTP/1.1 200 OK\nContent-Length: 3\nConnection: close\n\nvia"; 2]);
    let mut host = HostSystem::new();
    host.proxies = Proxies {
        http: Some(format!("http://me:pw@{address}")),
        https: None,
        no_proxy: Some("127.0.0.1, .local".into()),
    };
    assert_eq!(
        host.fetch(&request(&format!("http://{address}/direct"))).unwrap().body.read().unwrap(),
        b"via"
    );
    let _ = host.fetch(&request("http://example.test/x"));
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("get /direct "), "{}", asked[0]);
    assert!(
        asked[1].contains("example.test") && asked[1].contains("proxy-authorization: basic "),
        "{}",
        asked[1]
    );
    drop(asked);
    let mut wrong = HostSystem::new();
    wrong.proxies.http = Some("http://".to_owned());
    assert!(
        wrong
            .fetch(&request("http://example.test/"))
            .unwrap_err()
            .message
            .starts_with("cannot use the proxy")
    );
    // One that is down is told as what it is, and not as the server.
    let mut down = HostSystem::new();
    down.proxies = Proxies {
        http: Some("http://me:pw@127.0.0.1:9".to_owned()),
        https: None,
        no_proxy: Some("127.0.0.1".into()),
    };
    let failure = down.fetch(&request("http://example.test/x")).unwrap_err();
    assert_eq!(
        failure.message,
        "cannot fetch `http://example.test/x`: the proxy `127.0.0.1:9` refused the connection"
    );
    let failure = down.fetch(&request("http://127.0.0.1:9/x")).unwrap_err();
    assert_eq!(
        failure.message,
        "cannot fetch `http://127.0.0.1:9/x`: `127.0.0.1:9` refused the connection"
    );
}

#[test]
fn files_are_documents() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a b"), "x").unwrap();
    let host = HostSystem::new();
    let url = |name: &str| format!("file://{}/{name}", directory.path().display());
    assert_eq!(host.fetch(&request(&url("a%20b"))).unwrap().body.read().unwrap(), b"x");
    assert_eq!(host.fetch(&request(&url("none"))).unwrap().status, 404);
    assert!(host.fetch(&request(&url(""))).unwrap_err().message.contains("it is a directory"));
    assert!(host.fetch(&request("file://other/x")).is_err());
    assert_eq!(file_path("file:/x%").unwrap().unwrap(), Path::new("/x%"));
    assert!(file_path("http://x/").is_none());
}

#[test]
fn urls_are_shown_without_secrets() {
    for (url, shown) in [
        ("https://u:p@h:8443/a/b?c=d#e", "https://h:8443/a/b"),
        ("https://h/a@b", "https://h/a@b"),
        ("http://u@h", "http://h"),
        ("h?x", "h"),
    ] {
        assert_eq!(without_secrets(url), shown);
    }
}

#[test]
fn another_server_learns_no_header() {
    let document = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
    let moved = |status: u16, to: &str| {
        format!("HTTP/1.1 {status} Moved\nLocation: {to}\nContent-Length: 0\nConnection: close\n\n")
    };
    let secret = |url: String| {
        let mut request = request(&url);
        for (name, value) in [
            ("Authorization", "Bearer secret"),
            ("Cookie", "session=secret"),
            ("X-Api-Key", "secret"),
            ("x-amz-security-token", "secret"),
            ("If-None-Match", "\"a\""),
            ("Accept", "text/plain"),
        ] {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        request
    };
    for status in [301, 302, 303, 307, 308] {
        let (other, elsewhere) = serve(&[document]);
        let (address, asked) =
            serve(&[&moved(status, "/there"), &moved(status, &format!("http://{other}/x"))]);
        let host = HostSystem::new();
        assert_eq!(
            host.fetch(&secret(format!("http://{address}/here"))).unwrap().body.read().unwrap(),
            b"ok"
        );
        let asked = asked.lock().unwrap();
        assert!(asked[1].starts_with("get /there "), "{}", asked[1]);
        for header in ["bearer secret", "session=secret", "x-api-key: secret", "\"a\""] {
            assert!(asked[1].contains(header), "the same server: {}", asked[1]);
        }
        let elsewhere = elsewhere.lock().unwrap();
        assert!(elsewhere[0].starts_with("get /x "), "{}", elsewhere[0]);
        assert!(!elsewhere[0].contains("secret"), "{}", elsewhere[0]);
        assert!(elsewhere[0].contains("if-none-match: \"a\""), "{}", elsewhere[0]);
        assert!(elsewhere[0].contains("accept: text/plain"), "{}", elsewhere[0]);
    }
    // Nor does the first one again, which the other may have led anywhere; nor a user's password.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let back = listener.local_addr().unwrap();
    let (other, elsewhere) = serve(&[&moved(302, &format!("http://{back}/back"))]);
    let told = std::thread::spawn(move || {
        [moved(302, &format!("http://x:y@{other}/x")), document.to_owned()].map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let head = head(&stream);
            stream.write_all(answer.replace('\n', "\r\n").as_bytes()).unwrap();
            head
        })
    });
    let host = HostSystem::new();
    let mut with_user = secret(format!("http://user:secret@{back}/"));
    with_user.headers.remove(0);
    assert_eq!(host.fetch(&with_user).unwrap().body.read().unwrap(), b"ok");
    let [first, again] = told.join().unwrap();
    assert!(first.contains("authorization: basic"), "{first}");
    assert!(again.starts_with("get /back ") && !again.contains("secret"), "{again}");
    assert!(!again.contains("authorization"), "{again}");
    assert!(!elsewhere.lock().unwrap()[0].contains("authorization"));
}

#[test]
fn a_server_leads_to_servers_alone() {
    let moved = |to: &str| {
        format!("HTTP/1.1 302 Found\nLocation: {to}\nContent-Length: 0\nConnection: close\n\n")
    };
    for to in ["file:///etc/shadow", "ftp://example.com/x", "nonsense:"] {
        let (address, _) = serve(&[&moved(to)]);
        let failure = HostSystem::new().fetch(&request(&format!("http://{address}/"))).unwrap_err();
        assert!(failure.message.contains("only to `http:` and `https:`"), "{to}: {failure}");
        assert_eq!(failure.notes, [format!("`http://{address}/` leads there")]);
    }
    let circle = moved("/");
    let (address, asked) = serve(&vec![circle.as_str(); 20]);
    let failure = HostSystem::new().fetch(&request(&format!("http://{address}/"))).unwrap_err();
    assert!(failure.message.ends_with("the server redirects in a circle"), "{failure}");
    assert_eq!(asked.lock().unwrap().len(), 11);
}

/// A folder that only root can lead elsewhere, with a secret of root's and a folder of user 61001.
fn shared_machine() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().permissions(mode(0o755)).tempdir_in("/var").unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("secret"), "secret").unwrap();
    std::fs::set_permissions(at("secret"), mode(0o600)).unwrap();
    std::fs::create_dir(at("app")).unwrap();
    std::fs::write(at("app/open"), "hers").unwrap();
    std::fs::write(at("app/closed"), "hers").unwrap();
    std::fs::set_permissions(at("app/closed"), mode(0o600)).unwrap();
    std::os::unix::fs::symlink(at("secret"), at("app/link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), at("app/up")).unwrap();
    std::fs::hard_link(at("secret"), at("app/second")).unwrap();
    for name in ["app", "app/open", "app/closed", "app/link", "app/up"] {
        std::os::unix::fs::lchown(at(name), Some(61001), Some(61001)).unwrap();
    }
    folder
}

fn mode(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

#[test]
fn a_path_is_read_with_the_rights_of_who_can_redirect_it() {
    let folder = shared_machine();
    let at = |name: &str| folder.path().join(name);
    let host = HostSystem::new();
    let fetch = |name: &str| {
        let fetched = host.fetch(&request(&format!("file://{}", at(name).display())));
        fetched.map(|response| (response.status, response.body.read().unwrap()))
    };
    let read = |text: &[u8]| (200, text.to_vec());
    assert_eq!(fetch("secret").unwrap(), read(b"secret"));
    for name in ["app/open", "app/closed"] {
        assert_eq!(fetch(name).unwrap(), read(b"hers"), "{name}");
    }
    assert_eq!(fetch("app/none").unwrap().0, 404);
    // What her links lead to is not asked for at all; what she may not read is read as her. Root's
    // own link into her folder changes nothing.
    std::os::unix::fs::symlink("app/link", at("roots")).unwrap();
    std::os::unix::fs::symlink("secret", at("hers")).unwrap();
    std::os::unix::fs::lchown(at("hers"), Some(61001), Some(61001)).unwrap();
    for name in ["app/link", "app/up/secret", "app/second", "roots", "hers", "app/../app/link"] {
        let failure = fetch(name).expect_err(name);
        let why = if name == "app/second" { ": permission denied" } else { "user 61001 owns it" };
        assert!(failure.message.ends_with(why), "{name}: {failure}");
        assert!(failure.notes[0].contains("read as user 61001"), "{:?}", failure.notes);
    }
    // The thread's rights have gone with it, and what children need is still there.
    assert_eq!(fetch("secret").unwrap(), read(b"secret"));
    assert!(nix::sys::prctl::get_dumpable().unwrap());
}

#[test]
fn a_path_that_several_can_redirect_is_not_read() {
    let folder = shared_machine();
    let at = |name: &str| folder.path().join(name);
    let refused = |name: &str| {
        let failure = HostSystem::new()
            .fetch(&request(&format!("file://{}", at(name).display())))
            .expect_err(name);
        assert!(failure.hint.is_some());
        failure.message
    };
    std::fs::create_dir(at("app/other")).unwrap();
    std::fs::write(at("app/other/x"), "").unwrap();
    std::os::unix::fs::chown(at("app/other"), Some(61002), Some(61002)).unwrap();
    assert!(refused("app/other/x").contains("users 61001 and 61002 own"));
    for bits in [0o777, 0o775, 0o2775] {
        std::fs::set_permissions(at("app"), mode(bits)).unwrap();
        let message = refused("app/open");
        assert!(message.contains("others can write to"), "{bits:o}: {message}");
    }
    // As in `/tmp`: only the owner of an entry can replace it.
    std::fs::set_permissions(at("app"), mode(0o1777)).unwrap();
    assert!(refused("app/link").ends_with("user 61001 owns it"));
    assert!(refused("app/second").ends_with("permission denied"));
}
