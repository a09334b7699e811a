//! Asking for a file, and only when it could be another than the one that is there.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use toque_core::failure::{ErrorContext, Failure, plain_io};
use toque_machine::content::sha256;
use toque_machine::source::Source;
use toque_machine::system::{Query, Request, Response};
use toque_machine::view::View;

use super::Fetched;
use crate::shared::managed_file::{self, Folder, ManagedFile};
use toque_core::checksum::sha256_hex;

/// Who has the file, and how to ask.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub servers: Vec<Server>,
    /// The first digits of the SHA-256 that the file must have.
    pub checksum: Option<String>,
    pub etag: bool,
    pub last_modified: bool,
}

/// One that has the file.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    /// Anybody is asked in the same way each time.
    Plain(Request),
    /// S3 is asked with a signature, which is about the time as well.
    S3(Box<Source>),
}

impl Server {
    fn request(&self, view: &View<'_>) -> Result<Request, Failure> {
        match self {
            Self::Plain(request) => Ok(request.clone()),
            Self::S3(object) => object.request(view),
        }
    }
}

/// What is on this machine, as far as asking goes.
pub(crate) enum Found {
    /// Nothing will be written, so nothing is asked for.
    Refused,
    Nothing,
    File(Present),
}

/// The file that is there.
pub(crate) struct Present {
    pub checksum: String,
    /// Its content, where that is small enough to be shown.
    pub content: Option<Vec<u8>>,
}

/// # Errors
/// When the file is there and cannot be read.
pub(crate) fn look(
    view: &View<'_>,
    desired: &ManagedFile,
    state: &managed_file::State,
) -> Result<Found, Failure> {
    match &state.found {
        managed_file::Found::Nothing(new) if new.folder == Folder::There => Ok(Found::Nothing),
        managed_file::Found::InTheWay(..) if desired.force_unlink => Ok(Found::Nothing),
        managed_file::Found::File { metadata, .. } => {
            let path = state.target.as_ref().unwrap_or(&desired.path);
            present(view, path, metadata.size).context("read", path).map(Found::File)
        }
        _ => Ok(Found::Refused),
    }
}

fn present(view: &View<'_>, path: &Path, size: u64) -> io::Result<Present> {
    if size <= managed_file::MOST_SHOWN {
        let content = view.read(path)?;
        return Ok(Present { checksum: sha256_hex(&content), content: Some(content) });
    }
    Ok(Present { checksum: sha256(&mut *view.open(path)?)?, content: None })
}

impl Sources {
    /// The file from the first source that has it; `None` when the one that is there, with the
    /// checksum `present`, is the same.
    /// # Errors
    /// When no source has it; with each one's answer.
    pub(crate) fn fetch(
        &self,
        view: &View<'_>,
        present: Option<&str>,
    ) -> Result<Option<Fetched>, Failure> {
        if let (Some(present), Some(wanted)) = (present, &self.checksum)
            && present.starts_with(wanted.as_str())
        {
            return Ok(None);
        }
        let mut problems = Vec::new();
        for server in &self.servers {
            let request = &server.request(view)?;
            let key = format!("remote_file:{}", sha256_hex(request.url.as_bytes()));
            let known = view
                .remembered(&key)
                .filter(|known| present.is_some() && known["checksum"].as_str() == present);
            let conditional =
                known.map_or_else(|| request.clone(), |known| self.conditional(request, &known));
            match view.fetch(&conditional) {
                Ok(response) if response.status == 304 => return Ok(None),
                Ok(response) if response.status == 200 => {
                    return fetched(request, key, response).map(Some);
                }
                Ok(response) => problems.push(Failure::new(format!(
                    "`{}` answered {}",
                    request.shown(),
                    response.status
                ))),
                Err(failure) if failure.interrupted => return Err(failure),
                Err(failure) => problems.push(failure),
            }
        }
        // An earlier change of this plan may start the server, or let it be reached.
        view.depends_on_everything();
        Err(none(problems))
    }

    fn conditional(&self, request: &Request, known: &Value) -> Request {
        let mut request = request.clone();
        let mut add = |wanted: bool, header: &str, key: &str| {
            if let Some(value) = known[key].as_str().filter(|_| wanted) {
                request.headers.push((header.to_owned(), value.to_owned()));
            }
        };
        add(self.etag, "If-None-Match", "etag");
        add(self.last_modified, "If-Modified-Since", "last_modified");
        request
    }
}

fn fetched(request: &Request, key: String, response: Response) -> Result<Fetched, Failure> {
    let checksum = response.body.sha256().map_err(|error| {
        Failure::new(format!(
            "cannot read what came from `{}`: {}",
            request.shown(),
            plain_io(&error)
        ))
    })?;
    let (etag, last_modified) = (response.header("etag"), response.header("last-modified"));
    let memory = (etag.is_some() || last_modified.is_some()).then(|| {
        (key, json!({ "etag": etag, "last_modified": last_modified, "checksum": checksum }))
    });
    Ok(Fetched { memory, checksum, from: request.shown(), content: response.body })
}

fn none(mut problems: Vec<Failure>) -> Failure {
    if problems.len() == 1 {
        let failure = problems.remove(0);
        return if failure.hint.is_some() {
            failure
        } else {
            failure.hint("correct `source`, or see what the server has")
        };
    }
    let failure = Failure::new(format!("none of the {} sources has the file", problems.len()));
    problems
        .into_iter()
        .fold(failure, |failure, problem| failure.note(problem.message))
        .hint("correct `source`, or see what the servers have")
}
