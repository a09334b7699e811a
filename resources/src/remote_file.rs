//! `remote_file`: a file that a server has.

mod download;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toque_contract::resource;
use toque_contract::resource::{Apply, Change, Effect, Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::areas::{Area, Areas};
use toque_machine::content::Content;
use toque_machine::property::OneOrMany;
use toque_machine::source::{Source, SourceType};
use toque_machine::system::Request;
use toque_machine::view::View;

use self::download::{Found, Server, Sources};
use crate::shared::change::map_step;
use crate::shared::checksum;
use crate::shared::managed_file::{self, FileAction, ManagedFile, Old, managed_file};

/// How long a server may be silent.
const TIMEOUT: Duration = Duration::from_mins(5);

managed_file! {
    /// A copy of a file from a server, or from elsewhere on this machine.
    pub struct RemoteFile {
        /// URL (`http:`, `https:`, `file:`, or `s3://bucket/key`) or absolute path, or an array of
        /// mirrors that are tried in order until one has the file. Required, except to delete.
        #[serde(default)]
        pub source: Option<OneOrMany<String>>,
        /// SHA-256 of the file in hexadecimal. A file that has it is not asked for again, and a
        /// download that does not have it is refused. The first digits are enough to recognise a
        /// file, not to accept a download. Default: not checked.
        #[serde(default)]
        pub checksum: Option<String>,
        /// Headers to send, as a map of names and values. Default: none.
        #[serde(default)]
        pub headers: BTreeMap<String, String>,
        /// Whether the server is asked to send the file only when its `ETag` is another than that
        /// of the last download. Default: `true`.
        #[serde(default)]
        pub use_etag: Option<bool>,
        /// Whether the server is asked to send the file only when it was modified since the last
        /// download. Default: `true`.
        #[serde(default)]
        pub use_last_modified: Option<bool>,
        /// Sets `use_etag` and `use_last_modified` where they are not set themselves. Default:
        /// `true`.
        #[serde(default)]
        pub use_conditional_get: Option<bool>,
        /// `"verify_peer"`, or `"verify_none"` to trust a server whose certificate cannot be
        /// checked. Default: `"verify_peer"`.
        #[serde(default)]
        pub ssl_verify_mode: VerifyMode,
        /// The id of the access key that requests of `s3:` are signed with. Default: they are not
        /// signed.
        #[serde(default)]
        pub s3_access_key_id: Option<String>,
        /// The secret access key that belongs to the id. It is never sent.
        #[serde(default)]
        #[schemars(extend("sensitive" = true))]
        pub s3_secret_access_key: Option<String>,
        /// The token that belongs to a temporary key.
        #[serde(default)]
        #[schemars(extend("sensitive" = true))]
        pub s3_session_token: Option<String>,
        /// The region of the bucket. Default: `"us-east-1"`.
        #[serde(default)]
        pub s3_region: Option<String>,
        /// The URL of another server than Amazon's that speaks the language of S3, such as
        /// `"https://minio.example.com"`.
        #[serde(default)]
        pub s3_endpoint: Option<String>,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum VerifyMode {
    #[default]
    VerifyPeer,
    VerifyNone,
}

impl Resource for RemoteFile {
    const KIND: &'static str = "remote_file";
    const IDENTITY: &'static str = "path";
    type Action = FileAction;
    type Desired = Desired;

    fn check(&self, actions: &[FileAction]) -> Result<(), PropertyError> {
        self.check_managed()?;
        if let Some(checksum) = &self.checksum {
            checksum::check(checksum, 1)?;
        }
        match &self.source {
            Some(source) if source.as_slice().is_empty() => {
                Err(PropertyError::new("source", "the array is empty"))
            }
            Some(source) => {
                source.as_slice().iter().try_for_each(|source| self.check_source(source))
            }
            None if actions.iter().all(|action| *action == FileAction::Delete) => Ok(()),
            None => {
                Err(PropertyError::new("source", "it is required: where does the file come from?"))
            }
        }
    }

    fn resolve(mut self, scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        let headers: Vec<(String, String)> =
            std::mem::take(&mut self.headers).into_iter().collect();
        let verify = self.ssl_verify_mode == VerifyMode::VerifyPeer;
        let conditional = self.use_conditional_get.unwrap_or(true);
        let checksum = self.checksum.take().map(|checksum| checksum.to_ascii_lowercase());
        let server = |source: &String| match self.object(source) {
            Some(object) => Server::S3(Box::new(object)),
            None => Server::Plain(Request {
                url: url(source),
                headers: headers.clone(),
                timeout: TIMEOUT,
                largest: Request::LARGEST,
                verify,
            }),
        };
        let sources = Sources {
            servers: self.source.iter().flat_map(OneOrMany::as_slice).map(server).collect(),
            checksum: checksum.clone(),
            etag: self.use_etag.unwrap_or(conditional),
            last_modified: self.use_last_modified.unwrap_or(conditional),
        };
        Ok(Desired { file: self.managed(None, checksum, scope.umask()), sources })
    }
}

impl RemoteFile {
    /// The object that an `s3:` URL means.
    fn object(&self, source: &str) -> Option<Source> {
        let place = source.strip_prefix("s3://")?;
        let url = self
            .s3_endpoint
            .as_ref()
            .map(|endpoint| format!("{}/{place}", endpoint.trim_end_matches('/')));
        Some(Source {
            kind: Some(SourceType::S3),
            url: url.unwrap_or_else(|| source.to_owned()),
            user: self.s3_access_key_id.clone(),
            password: self.s3_secret_access_key.clone(),
            session_token: self.s3_session_token.clone(),
            region: self.s3_region.clone(),
            ..Source::default()
        })
    }

    fn check_source(&self, source: &str) -> Result<(), PropertyError> {
        match self.object(source) {
            // Its URL goes by another name here.
            Some(object) => object
                .check()
                .map_err(|error| PropertyError { property: "source".to_owned(), ..error }),
            None => check_plain(source),
        }
    }
}

fn check_plain(source: &str) -> Result<(), PropertyError> {
    if source.starts_with('/') {
        return crate::shared::path::check_file("source", source);
    }
    let scheme = source.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https" | "file") => Ok(()),
        Some(scheme @ ("ftp" | "sftp")) => {
            Err(PropertyError::new("source", format!("`{scheme}:` is not supported"))
                .hint("serve the file by `https:`, or fetch it by `execute` with a `creates`"))
        }
        _ => Err(PropertyError::new(
            "source",
            format!("`{source}` is neither a URL nor an absolute path"),
        )
        .hint("write `https://…`, `file:///…` or a path from `/`")),
    }
}

/// A path is a file of this machine; only a percent sign means something else in a URL.
fn url(source: &str) -> String {
    if source.starts_with('/') {
        format!("file://{}", source.replace('%', "%25"))
    } else {
        source.to_owned()
    }
}

/// What the file has to be, and who has it.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub file: ManagedFile,
    pub sources: Sources,
}

/// What `inspect` found here and there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub file: managed_file::State,
    /// What was downloaded; it is what will be written.
    pub fetched: Option<Fetched>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub content: Content,
    pub checksum: String,
    /// The URL as messages may show it.
    pub from: String,
    /// What to remember for the next conditional request, and under which key.
    pub memory: Option<(String, Value)>,
}

/// One thing to do, and what to remember when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub file: managed_file::Step,
    pub memory: Option<(String, Value)>,
}

/// Downloads while it looks, because only the answer tells whether something has to change.
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = RemoteFile;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "remote_file";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        action: FileAction,
    ) -> Result<State, Failure> {
        let mut file = managed_file::inspect(view, &desired.file, action)?;
        let fetched = match download::look(view, &desired.file, &file)? {
            Found::Refused => None,
            Found::Nothing => desired.sources.fetch(view, None)?,
            Found::File(present) => {
                let fetched = desired.sources.fetch(view, Some(&present.checksum))?;
                let compared = match &fetched {
                    Some(fetched) if fetched.checksum != present.checksum => {
                        managed_file::Current::Other(present.content.map_or(Old::Large, Old::Small))
                    }
                    _ => managed_file::Current::Same,
                };
                let path = file.target.as_ref().unwrap_or(&desired.file.path);
                if let managed_file::Found::File { metadata, content, lost } = &mut file.found {
                    *lost = managed_file::lost(
                        view,
                        path,
                        &desired.file,
                        metadata,
                        &compared,
                        &file.wanted,
                    )?;
                    *content = compared;
                }
                fetched
            }
        };
        Ok(State { file, fetched })
    }

    fn plan(
        &self,
        desired: &Desired,
        action: FileAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let content = state.fetched.as_ref().map(|fetched| &fetched.content);
        let changes = managed_file::plan(&desired.file, content, action, &state.file)?;
        Ok(changes.into_iter().map(|change| from(change, state.fetched.as_ref())).collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        _desired: &Desired,
        _action: FileAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let effect = managed_file::apply(apply, changes.iter().map(|change| &change.step.file))?;
        for (key, value) in changes.iter().filter_map(|change| change.step.memory.as_ref()) {
            apply.services.remember(key, value)?;
        }
        Ok(effect)
    }
}

/// A change of the file, with where its content comes from.
fn from(change: Change<managed_file::Step>, fetched: Option<&Fetched>) -> Change<Step> {
    let fetched = fetched.filter(|_| matches!(change.step, managed_file::Step::Replace(_)));
    let from = fetched.map_or_else(String::new, |fetched| format!(" from `{}`", fetched.from));
    let memory = fetched.and_then(|fetched| fetched.memory.clone());
    let what = format!("{}{from}", change.what);
    Change { what, ..map_step(change, |file| Step { file, memory }) }
}

#[cfg(test)]
mod tests;
