//! An archive from a server, from S3, or from this machine.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::s3::Object;
use super::{Checkout, ResolvedSource, Revision, Source, SourceType, folder, unpack};
use crate::content::Content;
use crate::system::{Query, Request, Response, System};
use crate::view::View;
use toque_core::checksum::sha256_hex;
use toque_core::failure::{Failure, FailureKind, plain_io};
use toque_core::property_error::PropertyError;

/// How long a server may be silent.
const TIMEOUT: Duration = Duration::from_mins(5);

pub(super) fn check(source: &Source) -> Result<(), PropertyError> {
    if let Some(checksum) = &source.checksum
        && !is_sha256(checksum)
    {
        return Err(PropertyError::new(
            "checksum",
            format!("`{checksum}` is no SHA-256: it has 64 hexadecimal digits"),
        )
        .hint("`sha256sum FILE` prints it"));
    }
    let s3 = source.kind == Some(SourceType::S3);
    let of_others = [
        ("submodules", source.submodules.is_some()),
        ("shallow", source.shallow.is_some()),
        ("region", source.region.is_some() && !s3),
        ("session_token", source.session_token.is_some() && !s3),
    ];
    if let Some((name, _)) = of_others.iter().find(|(_, set)| *set) {
        return Err(PropertyError::named(
            *name,
            format!("`{name}` has no meaning for this type of source"),
        )
        .hint("leave it out"));
    }
    if s3 {
        return Object::of(source).map(|_| ());
    }
    if source.url.starts_with('/') {
        return Ok(());
    }
    let scheme = source.url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") if source.url.contains("://") => Ok(()),
        Some("file") => Ok(()),
        Some("s3") => {
            Err(PropertyError::new("url", "`s3:` needs the type `s3`").hint("write `type: \"s3\"`"))
        }
        _ => Err(PropertyError::new(
            "url",
            format!("`{}` is neither a URL of an archive nor an absolute path", source.shown()),
        )
        .hint("write `https://…`, `file:///…` or a path from `/`")),
    }
}

/// What the archive is now. With a checksum nothing is asked; without, only whether it is another
/// than the last one.
pub(super) fn resolve(source: &Source, view: &View<'_>) -> Result<ResolvedSource, Failure> {
    if let Some(checksum) = &source.checksum {
        return Ok(ResolvedSource::of_archive(source, checksum.to_ascii_lowercase()));
    }
    let key = format!("source:{}", sha256_hex(source.url.as_bytes()));
    let known =
        view.remembered(&key).filter(|known| known["checksum"].as_str().is_some_and(is_sha256));
    // An earlier change of this plan may make the file, start the server, or let it be reached.
    let (response, from) =
        ask(source, view, known.as_ref()).inspect_err(|_| view.depends_on_everything())?;
    if let (304, Some(checksum)) =
        (response.status, known.as_ref().and_then(|known| known["checksum"].as_str()))
    {
        return Ok(ResolvedSource::of_archive(source, checksum.to_owned()));
    }
    unpack::check(&response.body).map_err(|failure| about(&from, failure))?;
    let checksum = checksum_of(&response.body, &from)?;
    let (etag, last_modified) = (response.header("etag"), response.header("last-modified"));
    let memory = (etag.is_some() || last_modified.is_some()).then(|| {
        (key, json!({ "etag": etag, "last_modified": last_modified, "checksum": checksum }))
    });
    Ok(ResolvedSource {
        memory,
        content: Some(response.body),
        ..ResolvedSource::of_archive(source, checksum)
    })
}

/// Unpacks what was found, fetching it first where the look did not.
pub(super) fn check_out(
    source: &Source,
    system: &dyn System,
    view: &View<'_>,
    found: &ResolvedSource,
    into: &Path,
    how: &Checkout<'_>,
) -> Result<(), Failure> {
    let content = fetch(source, view, found)?;
    folder::make(system, into, how, || {
        unpack::unpack(system, &content, into, source.strip.unwrap_or(0), &source.access.limits)
            .map_err(|failure| about(&source.shown(), failure))
    })
}

/// The content of what was found: that revision, and no other.
pub(super) fn fetch(
    source: &Source,
    view: &View<'_>,
    found: &ResolvedSource,
) -> Result<Content, Failure> {
    if let Some(content) = &found.content {
        return Ok(content.clone());
    }
    let (response, from) = ask(source, view, None)?;
    let has = checksum_of(&response.body, &from)?;
    if has == found.revision.id {
        return Ok(response.body);
    }
    // A page in its place explains more than its checksum.
    unpack::check(&response.body).map_err(|failure| about(&from, failure))?;
    if source.checksum.is_none() {
        return Err(Failure::new(format!(
            "`{from}` has become another archive since it was looked at"
        ))
        .of_kind(FailureKind::ChangedMeanwhile)
        .hint("converge again"));
    }
    Err(Failure::new(format!("`{from}` does not have the checksum that it should have"))
        .of_kind(FailureKind::ChecksumMismatch)
        .note(format!("wanted: {}\nfetched: {has}", found.revision.id))
        .hint("correct `checksum` if the archive was changed on purpose; otherwise somebody else changed it"))
}

fn checksum_of(content: &Content, from: &str) -> Result<String, Failure> {
    content.sha256().map_err(|error| {
        Failure::new(format!("cannot read what came from `{from}`: {}", plain_io(&error)))
    })
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl ResolvedSource {
    fn of_archive(source: &Source, checksum: String) -> Self {
        let shown = source.shown();
        let file = shown.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = format!("{file} ({})", checksum.get(..7).unwrap_or(&checksum));
        Self {
            revision: Revision { id: checksum, name },
            memory: None,
            content: None,
            reference: None,
        }
    }
}

/// An answer that has the archive, or says that it is the `known` one; and who was asked, as
/// messages may show it.
fn ask(
    source: &Source,
    view: &View<'_>,
    known: Option<&Value>,
) -> Result<(Response, String), Failure> {
    let mut request = request(source, view)?;
    for (header, key) in [("If-None-Match", "etag"), ("If-Modified-Since", "last_modified")] {
        if let Some(value) = known.and_then(|known| known[key].as_str()) {
            request.headers.push((header.to_owned(), value.to_owned()));
        }
    }
    let shown = source.shown();
    let response = view.fetch(&request)?;
    match response.status {
        200 => Ok((response, shown)),
        304 if known.is_some() => Ok((response, shown)),
        _ => Err(refused(source, &shown, &response)),
    }
}

pub(super) fn request(source: &Source, view: &View<'_>) -> Result<Request, Failure> {
    let largest = source.access.limits.packed;
    if source.kind == Some(SourceType::S3) {
        let object = Object::of(source)
            .map_err(|error| Failure { hint: error.hint, ..Failure::new(error.message) })?;
        let headers = object.headers(source, view.now());
        return Ok(Request { url: object.url(), headers, timeout: TIMEOUT, largest, verify: true });
    }
    // A path is a file of this machine; only a percent sign means something else in a URL.
    let path = source.url.starts_with('/');
    let url = if path {
        format!("file://{}", source.url.replace('%', "%25"))
    } else {
        source.url.clone()
    };
    let mut headers = Vec::new();
    if let Some(token) = &source.access.token {
        headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
    } else if source.user.is_some() || source.password.is_some() {
        let login = format!(
            "{}:{}",
            source.user.as_deref().unwrap_or_default(),
            source.password.as_deref().unwrap_or_default()
        );
        headers
            .push(("Authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode(login))));
    }
    Ok(Request {
        url,
        headers,
        timeout: source.access.silence.unwrap_or(TIMEOUT),
        largest,
        verify: true,
    })
}

fn refused(source: &Source, shown: &str, response: &Response) -> Failure {
    let s3 = source.kind == Some(SourceType::S3);
    if response.status == 404 && (source.url.starts_with('/') || source.url.starts_with("file:")) {
        return Failure::new(format!("there is no archive `{shown}`"))
            .of_kind(FailureKind::NotServed)
            .hint("correct `url`, or declare what makes the file before this resource");
    }
    let kind = match response.status {
        401 | 403 => FailureKind::Unauthorized,
        _ => FailureKind::NotServed,
    };
    let mut failure = Failure::new(format!("`{shown}` answered {}", response.status)).of_kind(kind);
    if s3
        && let Some(said) =
            response.body.beginning(4096).ok().and_then(|body| super::s3::said(&body))
    {
        failure = failure.note(said);
    }
    let region = response.header("x-amz-bucket-region").filter(|_| s3);
    match (response.status, region) {
        (301 | 307 | 400, Some(region)) => failure.hint(format!("the bucket is in another region: set `region` to `{region}`")),
        (401 | 403, _) if s3 => {
            failure.hint("check `user` (the key's id), `password` (the secret key), and that the key may read this object")
        }
        (401 | 403, _) => failure.hint("check `user` and `password`"),
        _ => failure.hint("correct `url`, or see what the server has"),
    }
}

/// "cannot unpack `URL`: it is damaged".
fn about(from: &str, failure: Failure) -> Failure {
    if failure.kind != FailureKind::BadArchive {
        return failure;
    }
    Failure { message: format!("cannot unpack `{from}`: {}", failure.message), ..failure }
}
