//! A web server on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{cookbook, packed, sha256};

/// A server of documents by path, and of the files in a folder, which remembers what it was asked
/// for.
pub(crate) struct Server {
    pub url: String,
    site: Arc<Site>,
}

#[derive(Default)]
struct Site {
    folder: Option<PathBuf>,
    documents: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Where something is instead.
    moved: Mutex<BTreeMap<String, String>>,
    asked: Mutex<Vec<Asked>>,
}

struct Asked {
    path: String,
    /// What the server was shown.
    authorization: Option<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::of("127.0.0.1", Site::default())
    }

    /// One that is another host: all of 127 is loopback.
    pub(crate) fn elsewhere() -> Self {
        Self::of("127.0.0.2", Site::default())
    }

    pub(crate) fn of_folder(folder: &Path) -> Self {
        Self::of("127.0.0.1", Site { folder: Some(folder.to_owned()), ..Site::default() })
    }

    fn of(host: &str, site: Site) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            site: Arc::new(site),
        };
        let site = Arc::clone(&server.site);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let site = Arc::clone(&site);
                std::thread::spawn(move || site.answer(stream.unwrap()));
            }
        });
        server
    }

    pub(crate) fn put(&self, path: &str, body: Vec<u8>) {
        self.site.documents.lock().unwrap().insert(path.to_owned(), body);
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.site.documents.lock().unwrap()[path].clone()
    }

    pub(crate) fn remove(&self, path: &str) {
        self.site.documents.lock().unwrap().remove(path).unwrap();
    }

    pub(crate) fn clear(&self) {
        self.site.documents.lock().unwrap().clear();
    }

    /// Sends whoever asks for a path to a URL.
    pub(crate) fn move_to(&self, path: &str, url: &str) {
        self.site.moved.lock().unwrap().insert(path.to_owned(), url.to_owned());
    }

    /// What it was asked for since this was called last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.site.asked.lock().unwrap())
            .into_iter()
            .map(|asked| asked.path)
            .collect()
    }

    /// The same, with what it was shown.
    pub(crate) fn shown(&self) -> Vec<(String, Option<String>)> {
        let asked = std::mem::take(&mut *self.site.asked.lock().unwrap());
        asked.into_iter().map(|asked| (asked.path, asked.authorization)).collect()
    }

    /// Publishes a version, as a registry that gives checksums.
    pub(crate) fn publish(&self, name: &str, version: &str, dependencies: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        cookbook(&folder.path().join(name), name, version, dependencies);
        self.publish_as(name, version, dependencies, packed(folder.path()));
    }

    pub(crate) fn publish_as(
        &self,
        name: &str,
        version: &str,
        dependencies: &[(&str, &str)],
        archive: Vec<u8>,
    ) {
        let known = self.site.documents.lock().unwrap().get("/universe").cloned();
        let mut universe: Value =
            known.map_or_else(|| json!({}), |body| serde_json::from_slice(&body).unwrap());
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

impl Site {
    /// What may be asked for has an `ETag`, and what lies below `/secret` is for those who know the
    /// word.
    fn answer(&self, mut stream: TcpStream) {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
        let header = |name: &str| {
            let mut lines = head.iter().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let authorization = header("authorization");
        let knows_the_word = authorization.as_deref() == Some("Bearer sesame");
        self.asked.lock().unwrap().push(Asked { path: path.to_owned(), authorization });
        let document = self.document(path);
        let etag = document.as_ref().map(|body| format!("\"{}\"", sha256(body)));
        let moved = self.moved.lock().unwrap().get(path).cloned();
        let (status, body) = match document {
            _ if path.starts_with("/secret") && !knows_the_word => ("401 Unauthorized", Vec::new()),
            _ if moved.is_some() => ("302 Found", Vec::new()),
            Some(_) if header("if-none-match").is_some_and(|known| Some(known) == etag) => {
                ("304 Not Modified", Vec::new())
            }
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", Vec::new()),
        };
        let line = |name: &str, value: Option<String>| {
            value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default()
        };
        let (etag, location) = (line("ETag", etag), line("Location", moved));
        let head = format!(
            "HTTP/1.1 {status}\r\n{etag}{location}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }

    fn document(&self, path: &str) -> Option<Vec<u8>> {
        let document = self.documents.lock().unwrap().get(path).cloned();
        document.or_else(|| {
            let plain =
                percent_encoding::percent_decode_str(path.split('?').next()?).decode_utf8().ok()?;
            fs::read(self.folder.as_ref()?.join(plain.trim_start_matches('/'))).ok()
        })
    }
}
