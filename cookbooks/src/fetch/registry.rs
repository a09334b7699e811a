//! A registry: a server with a list of all its cookbooks at `/universe`, in the shape that
//! Supermarket has.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use toque_core::diagnostic::{Diagnostic, visible};
use toque_core::failure::{ErrorContext, Failure, FailureKind, plain_io};
use toque_core::url::without_secrets;
use toque_core::version::{Constraint, Version};
use toque_data::cookbook::{Cookbook, Manifest};
use toque_machine::content::Content;
use toque_machine::source::unpack::unpack;
use toque_machine::system::{HostSystem, Query, Request, Response};

use crate::cache::CachedResponse;
use crate::fetch::{FetchContext, FetchEvent, FetchedCookbook, IN_TIME, LIMITS, Source};
use crate::manifest::cookfile::shown;
use crate::manifest::lockfile::Origin;
use crate::resolve::catalog::Release;
use toque_core::name::is_word;

/// The documents of a registry, in messages.
const LIST: &str = "a list of cookbooks";
const VERSION: &str = "what it knows of a version";

/// A registry by its URL, which ends with no slash.
pub(crate) struct Registry {
    /// As messages and lockfiles have it: without what must not be repeated.
    url: String,
    /// As it is asked.
    address: String,
    /// What it offers, or why that is not known; asked for when it is needed, and once. Whoever
    /// needs it meanwhile waits.
    universe: Mutex<Option<Result<Arc<Universe>, Diagnostic>>>,
}

/// What is at `/universe`: each version of each cookbook.
#[derive(Debug, Clone, Deserialize)]
pub struct Universe(BTreeMap<String, BTreeMap<String, Entry>>);

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    location_path: Option<String>,
    download_url: Option<String>,
    /// Of the archive.
    sha256: Option<String>,
    /// Also `null` in what some servers say.
    dependencies: Option<BTreeMap<String, String>>,
    /// The engine versions that it works with.
    toque: Option<String>,
    platforms: Option<BTreeMap<String, String>>,
}

/// The document of one version.
#[derive(Deserialize)]
struct VersionDocument {
    file: String,
}

impl Registry {
    #[must_use]
    pub(crate) fn new(url: &str) -> Self {
        Self { url: shown(url), address: url.to_owned(), universe: Mutex::default() }
    }

    fn universe(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<Arc<Universe>, Diagnostic> {
        let mut universe = self.universe.lock().unwrap_or_else(PoisonError::into_inner);
        universe.get_or_insert_with(|| self.list(context, system).map(Arc::new)).clone()
    }

    fn list(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<Universe, Diagnostic> {
        let url = format!("{}/universe", self.address);
        let kept = context.cache.response(&url)?;
        if kept.is_none() {
            context.online(&format!("the list of cookbooks of `{}`", self.url))?;
        }
        if let Some(kept) = kept.as_ref().filter(|_| context.offline) {
            // What it said when it was asked last. That may be long ago, and it is all there is.
            return read(&url, &kept.body, LIST, Universe::parse);
        }
        context.started(&format!("asking `{}` what it has", self.url));
        let mut response = ask(context, system, &url, kept.as_ref())?;
        if let Some(kept) = kept.filter(|_| response.status == 304) {
            if let Ok(known) = read(&url, &kept.body, LIST, Universe::parse) {
                return Ok(known);
            }
            // Another version of toque understood it.
            response = ask(context, system, &url, None)?;
        }
        let list = CachedResponse::of(&response, body(&url, &response.body)?);
        let asked = read(&url, &list.body, LIST, Universe::parse)?;
        context.cache.keep_response(&url, &list)?;
        Ok(asked)
    }

    fn entry(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
        name: &str,
        version: &Version,
    ) -> Result<Entry, Diagnostic> {
        let universe = self.universe(context, system)?;
        let versions = universe.0.get(name);
        // Of `1.0` and `1.0.0` it is the one that was offered.
        let mut those = versions
            .into_iter()
            .flatten()
            .filter(|(text, _)| text.parse().is_ok_and(|other: Version| other == *version));
        those.next().map(|(_, entry)| entry.clone()).ok_or_else(|| {
            Diagnostic::error(format!(
                "`{}` has no version {version} of cookbook `{name}` any more",
                self.url
            ))
            .hint(format!("run `toque cookbook update {name}`, or ask whoever keeps the registry"))
        })
    }

    /// The archive of a version. It has the checksum that the registry gives, if it gives one.
    fn archive(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
        entry: &Entry,
        (name, version): (&str, &Version),
    ) -> Result<Content, Diagnostic> {
        context.online(&format!("`{name}` {version} from `{}`", self.url))?;
        let url = match (&entry.download_url, &entry.location_path) {
            (Some(url), _) => absolute(&self.address, url),
            (None, Some(location)) => {
                let number = version.to_string().replace('.', "_");
                let about = format!(
                    "{}/cookbooks/{name}/versions/{number}",
                    absolute(&self.address, location.trim_end_matches('/'))
                );
                let response = ask(context, system, &about, None)?;
                let text = body(&about, &response.body)?;
                let told: VersionDocument =
                    read(&about, &text, VERSION, |body| serde_json::from_slice(body))?;
                absolute(&self.address, &told.file)
            }
            (None, None) => {
                return Err(Diagnostic::error(format!(
                    "`{}` does not say where `{name}` {version} is",
                    self.url
                ))
                .hint("its `/universe` needs a `download_url` or a `location_path`"));
            }
        };
        context.started(&format!("fetching `{name}` {version} from `{}`", self.url));
        let of = |wrong: Diagnostic| {
            wrong.note(format!("for the cookbook `{name}` {version} of `{}`", self.url))
        };
        let content = ask(context, system, &url, None).map_err(of)?.body;
        let has = content.sha256().map_err(|error| unreadable(&url, &error))?;
        if let Some(wanted) =
            entry.sha256.as_ref().filter(|wanted| !wanted.eq_ignore_ascii_case(&has))
        {
            return Err(Diagnostic::error(format!("`{name}` {version} does not have the checksum that `{}` gives", self.url))
                .note(format!("wanted: {}\nfetched: {has}", visible(wanted)))
                .hint("try again; if it stays so, tell whoever keeps the registry: somebody may have changed the archive"));
        }
        Ok(content)
    }

    fn check_version(&self, cookbook: &Cookbook, version: &Version) -> Result<(), Diagnostic> {
        let Manifest { name, version: is, .. } = &cookbook.manifest;
        if is == version {
            return Ok(());
        }
        Err(Diagnostic::error(format!(
            "what `{}` has as `{name}` {version} calls itself {is}",
            self.url
        ))
        .hint("tell whoever keeps the registry"))
    }
}

/// Returns the whole of a document, which is read as JSON.
fn body(url: &str, content: &Content) -> Result<Vec<u8>, Diagnostic> {
    content.read().map_err(|error| unreadable(url, &error))
}

fn unreadable(url: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!(
        "cannot read what came from `{}`: {}",
        without_secrets(url),
        plain_io(error)
    ))
}

impl Source for Registry {
    fn shown(&self) -> String {
        self.url.clone()
    }

    fn releases(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic> {
        let universe = self.universe(context, system)?;
        let all = universe.releases();
        let count: usize = universe.0.values().map(BTreeMap::len).sum();
        let unreadable = count - all.iter().map(|(_, releases)| releases.len()).sum::<usize>();
        if unreadable > 0 {
            (context.report)(FetchEvent::Warning(&format!(
                "{unreadable} versions of cookbooks of `{}` are passed over: their numbers or constraints cannot be read",
                self.url
            )));
        }
        Ok(all)
    }

    fn fetch(
        &self,
        context: &FetchContext<'_>,
        system: &HostSystem,
        name: &str,
        version: &Version,
    ) -> Result<FetchedCookbook, Diagnostic> {
        let entry = self.entry(context, system, name, version)?;
        let origin = Origin::Registry { registry: self.url.clone() };
        // The same archive has the same cookbook, whoever fetched it.
        let archive = entry.sha256.as_ref().map(|sha256| sha256.to_ascii_lowercase());
        if let Some(archive) = &archive
            && let Some((sha256, root)) = context.cache.find_archive(name, archive)?
        {
            let cookbook = Cookbook::load(&root)?;
            self.check_version(&cookbook, version)?;
            return Ok(FetchedCookbook { cookbook, origin, sha256: Some(sha256) });
        }
        let content = self.archive(context, system, &entry, (name, version))?;
        let scratch = context.cache.scratch()?;
        let into = scratch.path().join("fetched");
        std::fs::create_dir(&into).context("create", &into)?;
        unpack(system, &content, &into, 0, &LIMITS).map_err(|failure| {
            let from = format!("the archive of `{name}` {version} from `{}`", self.url);
            match failure.kind {
                FailureKind::BadArchive => Diagnostic::from(Failure {
                    message: format!("cannot unpack {from}: {}", failure.message),
                    ..failure
                }),
                _ => Diagnostic::from(failure).note(format!("in {from}")),
            }
        })?;
        let (cookbook, sha256) =
            context.accept(&scratch, Path::new("fetched"), name, &format!("`{}`", self.url))?;
        self.check_version(&cookbook, version)?;
        if let Some(archive) = &archive {
            context.cache.remember_archive(archive, &sha256)?;
        }
        Ok(FetchedCookbook { cookbook, origin, sha256: Some(sha256) })
    }
}

impl Universe {
    /// Reads what a registry answered.
    /// # Errors
    /// When it is no list of cookbooks.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Returns what can be chosen of it, by name. What cannot be read, as of versions from before
    /// there were rules, is left out, and so is what could not be the name of a folder.
    #[must_use]
    pub fn releases(&self) -> Vec<(String, Vec<Release>)> {
        let named = self.0.iter().filter(|(name, _)| is_word(name));
        let releases = |versions: &BTreeMap<String, Entry>| {
            versions.iter().filter_map(|(text, entry)| release(text, entry)).collect()
        };
        named.map(|(name, versions)| (name.clone(), releases(versions))).collect()
    }
}

/// What a version says of itself; none when that cannot be read.
fn release(version: &str, entry: &Entry) -> Option<Release> {
    let read =
        |(name, text): (&String, &String)| Some((name.clone(), text.parse::<Constraint>().ok()?));
    let needs = || entry.dependencies.iter().flatten();
    Some(Release {
        version: version.parse().ok()?,
        dependencies: needs()
            .all(|(name, _)| is_word(name))
            .then(|| needs().map(read).collect::<Option<_>>())??,
        toque: entry.toque.as_ref().map(|text| text.parse()).transpose().ok()?,
        platforms: entry.platforms.iter().flatten().map(read).collect::<Option<_>>()?,
        file: None,
    })
}

/// A URL as a registry gives it, seen from its own.
fn absolute(registry: &str, url: &str) -> String {
    if url.contains("://") {
        url.to_owned()
    } else {
        format!("{registry}/{}", url.trim_start_matches('/'))
    }
}

/// Asks for a document, or whether the one that is known is still the same.
fn ask(
    context: &FetchContext<'_>,
    system: &HostSystem,
    url: &str,
    known: Option<&CachedResponse>,
) -> Result<Response, Diagnostic> {
    let (credential, access) = context.access(url)?;
    let source = toque_machine::source::Source {
        url: url.to_owned(),
        user: credential.user,
        password: credential.password,
        access,
        ..Default::default()
    };
    let shown = source.shown();
    // A registry has no business with files of this machine.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Diagnostic::error(format!("`{shown}` is no URL that a registry may name"))
            .hint("tell whoever keeps the registry"));
    }
    let mut request: Request = source.request(&toque_machine::view::View::new(system))?;
    request.headers.extend(known.into_iter().flat_map(CachedResponse::revalidation_headers));
    let response = system.fetch(&request).map_err(|failure| match failure.kind {
        FailureKind::Timeout => failure.hint(IN_TIME),
        _ => failure,
    })?;
    match response.status {
        200 => Ok(response),
        304 if known.is_some() => Ok(response),
        status @ (401 | 403) => Err(Diagnostic::error(format!("`{shown}` answered {status}: it does not let everybody in"))
            .hint("say in `[credentials]` of your settings who you are for this server")),
        status => Err(Diagnostic::error(format!("`{shown}` answered {status}"))
            .hint("look whether the server is well, and correct the `url` of the source in Cookfile.toml if it is wrong")),
    }
}

fn read<T>(
    url: &str,
    body: &[u8],
    what: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, Diagnostic> {
    parse(body).map_err(|error| {
        let begins: String = String::from_utf8_lossy(body).trim_start().chars().take(60).collect();
        Diagnostic::error(format!("`{}` did not answer with {what}", shown(url)))
            .note(format!("line {}, column {}; the answer begins with: {}", error.line(), error.column(), visible(&begins)))
            .hint("correct the `url` of the source in Cookfile.toml: it is that of a registry, without `/universe`")
    })
}
