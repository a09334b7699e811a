//! A registry: a server with a list of all its cookbooks at `/universe`, in the shape that Supermarket has.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::source::unpack::{Limits, unpack};
use toque_engine::system::Request;
use toque_engine::version::{Constraint, Version};

use super::{Machine, Source, Taken};
use crate::lockfile::Origin;
use crate::tree::hexadecimal;
use crate::universe::Release;

/// How long a server may be silent.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A registry by its URL, which ends with no slash.
pub struct Registry {
    url: String,
    /// The entries of what is offered; asked for when they are needed.
    entries: RefCell<Option<Universe>>,
}

type Universe = HashMap<String, HashMap<String, Entry>>;

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    location_path: Option<String>,
    download_url: Option<String>,
    /// Of the archive.
    sha256: Option<String>,
    #[serde(default)]
    dependencies: HashMap<String, String>,
    /// The engine versions that it works with.
    toque: Option<String>,
    #[serde(default)]
    platforms: HashMap<String, String>,
}

/// What is told of one version.
#[derive(Deserialize)]
struct About {
    file: String,
}

impl Registry {
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), entries: RefCell::new(None) }
    }

    fn ask(&self, machine: &Machine<'_>) -> Result<(), Diagnostic> {
        if self.entries.borrow().is_none() {
            machine.online(&format!("the list of cookbooks of `{}`", self.url))?;
            (machine.tell)(&format!("asking `{}` what it has", self.url));
            let universe = read::<Universe>(machine, &format!("{}/universe", self.url), "a list of cookbooks")?;
            self.entries.replace(Some(universe));
        }
        Ok(())
    }

    fn entry(&self, machine: &Machine<'_>, name: &str, version: &Version) -> Result<Entry, Diagnostic> {
        self.ask(machine)?;
        let entries = self.entries.borrow();
        let versions = entries.as_ref().and_then(|entries| entries.get(name));
        let mut those =
            versions.into_iter().flatten().filter(|(text, _)| text.parse().is_ok_and(|other: Version| other == *version));
        those.next().map(|(_, entry)| entry.clone()).ok_or_else(|| {
            Diagnostic::error(format!("`{}` has no version {version} of cookbook `{name}` any more", self.url))
                .hint(format!("run `toque cookbook update {name}`, or ask whoever keeps the registry"))
        })
    }
}

impl Source for Registry {
    fn shown(&self) -> String {
        self.url.clone()
    }

    fn offers(&mut self, machine: &Machine<'_>) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        self.ask(machine)?;
        let entries = self.entries.borrow();
        let mut unreadable = 0_usize;
        let mut offers = Vec::new();
        for (name, versions) in entries.iter().flatten() {
            let releases: Vec<Release> = versions.iter().filter_map(|(version, entry)| release(version, entry)).collect();
            unreadable += versions.len() - releases.len();
            offers.push((name.clone(), releases));
        }
        if unreadable > 0 {
            let which = format!("{unreadable} versions of cookbooks");
            (machine.tell)(&format!(
                "warning: {which} of `{}` are passed over: their numbers or constraints cannot be read",
                self.url
            ));
        }
        Ok(offers)
    }

    fn take(&self, machine: &Machine<'_>, name: &str, version: &Version) -> Result<Taken, Diagnostic> {
        let entry = self.entry(machine, name, version)?;
        machine.online(&format!("`{name}` {version} from `{}`", self.url))?;
        let url = match (&entry.download_url, &entry.location_path) {
            (Some(url), _) => absolute(&self.url, url),
            (None, Some(location)) => {
                let number = version.to_string().replace('.', "_");
                let about = format!("{}/cookbooks/{name}/versions/{number}", absolute(&self.url, location));
                absolute(&self.url, &read::<About>(machine, &about, "what it knows of a version")?.file)
            }
            (None, None) => {
                return Err(Diagnostic::error(format!("`{}` does not say where `{name}` {version} is", self.url))
                    .hint("its `/universe` needs a `download_url` or a `location_path`"));
            }
        };
        (machine.tell)(&format!("fetching `{name}` {version} from `{}`", self.url));
        let content = fetch(machine, &url)?;
        let has = hexadecimal(&Sha256::digest(&content));
        if let Some(wanted) = entry.sha256.filter(|wanted| !wanted.eq_ignore_ascii_case(&has)) {
            return Err(Diagnostic::error(format!("`{name}` {version} does not have the checksum that `{}` gives", self.url))
                .note(format!("wanted: {wanted}\nfetched: {has}"))
                .hint("try again; if it stays so, tell whoever keeps the registry: somebody may have changed the archive"));
        }
        let scratch = machine.store.scratch()?;
        let into = scratch.path().join("fetched");
        std::fs::create_dir(&into).map_err(|error| Failure::io("create", &into, &error))?;
        unpack(machine.system, &content, &into, 0, &Limits::default()).map_err(|failure| {
            Diagnostic::from(failure).note(format!("in the archive of `{name}` {version} from `{}`", self.url))
        })?;
        let (cookbook, sha256) = machine.keep(&scratch, Path::new("fetched"), name, &format!("`{}`", self.url))?;
        if cookbook.about.version != *version {
            let is = &cookbook.about.version;
            return Err(Diagnostic::error(format!("what `{}` has as `{name}` {version} calls itself {is}", self.url))
                .hint("tell whoever keeps the registry"));
        }
        Ok(Taken::of(&cookbook, Origin::Registry { registry: self.url.clone() }, Some(sha256)))
    }
}

/// What a version says of itself; none when that cannot be read, as of versions from before there were rules.
fn release(version: &str, entry: &Entry) -> Option<Release> {
    let read = |(name, text): (&String, &String)| Some((name.clone(), text.parse::<Constraint>().ok()?));
    Some(Release {
        version: version.parse().ok()?,
        dependencies: entry.dependencies.iter().map(read).collect::<Option<_>>()?,
        toque: entry.toque.as_ref().map(|text| text.parse()).transpose().ok()?,
        platforms: entry.platforms.iter().map(read).collect::<Option<_>>()?,
        file: None,
    })
}

/// A URL as a registry gives it, seen from its own.
fn absolute(registry: &str, url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("{registry}/{}", url.trim_start_matches('/')) }
}

fn fetch(machine: &Machine<'_>, url: &str) -> Result<Vec<u8>, Diagnostic> {
    let request = Request { url: url.to_owned(), headers: Vec::new(), timeout: TIMEOUT, verify: true };
    // A registry has no business with files of this machine.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Diagnostic::error(format!("`{}` is no URL that a registry may name", request.shown()))
            .hint("tell whoever keeps the registry"));
    }
    let response = machine.system.fetch(&request)?;
    if response.status != 200 {
        return Err(Diagnostic::error(format!("`{}` answered {}", request.shown(), response.status))
            .hint("correct the `url` of the source in Cookfile.toml, or look whether the server is well"));
    }
    Ok(response.body)
}

fn read<T: DeserializeOwned>(machine: &Machine<'_>, url: &str, what: &str) -> Result<T, Diagnostic> {
    let body = fetch(machine, url)?;
    serde_json::from_slice(&body).map_err(|error| {
        let begins: String = String::from_utf8_lossy(&body).trim_start().chars().take(60).collect();
        let shown = Request { url: url.to_owned(), headers: Vec::new(), timeout: TIMEOUT, verify: true }.shown();
        Diagnostic::error(format!("`{shown}` did not answer with {what}"))
            .note(format!("line {}, column {}; the answer begins with: {begins}", error.line(), error.column()))
            .hint("correct the `url` of the source in Cookfile.toml: it is that of a registry, without `/universe`")
    })
}
