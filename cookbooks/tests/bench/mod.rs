//! A repository with a store of its own, and a registry on loopback: what several tests work with.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toque_cookbooks::credentials::Credential;
use toque_cookbooks::install::{How, Installed, Update};
use toque_cookbooks::lockfile::Lockfile;
use toque_cookbooks::repository::Repository;
use toque_cookbooks::source::{Machine, PATIENCE};
use toque_cookbooks::store::Store;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::system::HostSystem;

/// A server of documents by path, which remembers what it was asked for.
pub struct Server {
    pub url: String,
    pub documents: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, documents: Arc::default(), asked: Arc::default() };
        let (documents, asked) = (Arc::clone(&server.documents), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (documents, asked) = (Arc::clone(&documents), Arc::clone(&asked));
                std::thread::spawn(move || answer(stream.unwrap(), &documents, &asked));
            }
        });
        server
    }

    pub fn put(&self, path: &str, body: Vec<u8>) {
        self.documents.lock().unwrap().insert(path.to_owned(), body);
    }

    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Publishes a version, as a registry that gives checksums.
    pub fn publish(&self, name: &str, version: &str, dependencies: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        cookbook(&folder.path().join(name), name, version, dependencies);
        self.publish_as(name, version, dependencies, packed(folder.path()));
    }

    pub fn publish_as(&self, name: &str, version: &str, dependencies: &[(&str, &str)], archive: Vec<u8>) {
        let mut universe: Value =
            self.documents.lock().unwrap().get("/universe").map_or_else(|| json!({}), |body| serde_json::from_slice(body).unwrap());
        let path = format!("/files/{name}-{version}.tar.gz");
        universe[name][version] = json!({
            "location_type": "supermarket",
            "location_path": format!("{}/api/v1", self.url),
            "download_url": format!("{}{path}", self.url),
            "dependencies": dependencies.iter().copied().collect::<BTreeMap<_, _>>(),
            "sha256": sha256(&archive),
        });
        self.put(&path, archive);
        self.put("/universe", serde_json::to_vec(&universe).unwrap());
    }
}

/// What may be asked for has an `ETag`, and what lies below `/secret` is for those who know the word.
fn answer(mut stream: TcpStream, documents: &Mutex<BTreeMap<String, Vec<u8>>>, asked: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let header = |name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    asked.lock().unwrap().push(path.to_owned());
    let document = documents.lock().unwrap().get(path).cloned();
    let etag = document.as_ref().map(|body| format!("\"{}\"", sha256(body)));
    let (status, body) = match document {
        Some(_) if path.starts_with("/secret") && header("authorization").as_deref() != Some("Bearer sesame") => {
            ("401 Unauthorized", Vec::new())
        }
        Some(_) if header("if-none-match").is_some_and(|known| Some(known) == etag) => ("304 Not Modified", Vec::new()),
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let etag = etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    let head = format!("HTTP/1.1 {status}\r\n{etag}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn cookbook(folder: &Path, name: &str, version: &str, dependencies: &[(&str, &str)]) {
    fs::create_dir_all(folder.join("recipes")).unwrap();
    let mut text = format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n");
    for (dependency, constraint) in dependencies {
        text += &format!("{dependency} = \"{constraint}\"\n");
    }
    fs::write(folder.join("cookbook.toml"), text).unwrap();
    fs::write(folder.join("recipes/default.rhai"), format!("// {name} {version}\n")).unwrap();
}

/// All that is in a folder, as `tar` packs it.
pub fn packed(folder: &Path) -> Vec<u8> {
    let output = Command::new("tar").args(["-czf", "-", "-C"]).arg(folder).arg(".").output().unwrap();
    assert!(output.status.success());
    output.stdout
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a store of its own.
pub struct Bench {
    pub folder: TempDir,
    pub server: Server,
}

impl Bench {
    pub fn new(cookfile: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), server: Server::start() };
        fs::create_dir(bench.path("repository")).unwrap();
        bench.cookfile(cookfile);
        bench
    }

    /// `URL` stands for the registry, `HERE` for the folder with everything.
    pub fn cookfile(&self, text: &str) {
        let text = text.replace("URL", &self.server.url).replace("HERE", &self.folder.path().display().to_string());
        fs::write(self.path("repository/Cookfile.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn lock(&self) -> String {
        fs::read_to_string(self.path("repository/Cookfile.lock")).unwrap_or_default()
    }

    pub fn run(&self, update: &Update, locked: bool, offline: bool) -> Result<Installed, Diagnostic> {
        let (repository, store) = (self.path("repository"), Store::open(self.path("store"))?);
        let machine = Machine { offline, ..machine(&repository, &store) };
        let how = How { update: update.clone(), locked, without: Vec::new() };
        let installed = Repository::read(&repository)?.unwrap().install(&machine, &how)?;
        for (name, root) in &installed.roots {
            assert!(fs::read_to_string(root.join("cookbook.toml")).unwrap().contains(&format!("name = \"{name}\"")));
        }
        Ok(installed)
    }

    pub fn install(&self) -> Installed {
        self.run(&Update::Nothing, false, false).unwrap_or_else(|told| panic!("{told:?}"))
    }

    pub fn refused(&self) -> Diagnostic {
        let before = self.lock();
        let told = self.run(&Update::Nothing, false, false).expect_err("it is refused");
        assert_eq!(self.lock(), before, "the lockfile is as it was");
        let making = fs::read_dir(self.path("store/making")).map_or(0, Iterator::count);
        assert_eq!(making, 0, "nothing is left behind");
        told
    }
}

/// A machine that is let in nowhere.
pub fn machine<'a>(repository: &'a Path, store: &'a Store) -> Machine<'a> {
    Machine {
        system: &HostSystem::new,
        repository,
        store,
        offline: false,
        patience: PATIENCE,
        ssh_agent: None,
        credential: &|_| Ok(Credential::default()),
        tell: &|_| {},
    }
}

pub fn versions(lockfile: &Lockfile) -> Vec<String> {
    lockfile.cookbooks.iter().map(|(name, locked)| format!("{name} {}", locked.version)).collect()
}
