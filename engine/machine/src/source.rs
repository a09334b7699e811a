//! Where content comes from: a git repository, an archive, an object in S3. The one implementation
//! for apps, cookbooks and the kinds that fetch something. Looking tells the revision; checking out
//! puts that revision, and no other, into a new folder.

mod archive;
mod folder;
mod git;
mod s3;
mod serde_fields;
#[cfg(test)]
mod tests;
pub mod unpack;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::Content;
use crate::system::fetch::file_path;
use crate::system::{Metadata, Request, System};
use crate::trust::{Subject, Trust};
use crate::view::View;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;

/// A source with the field names of OpsWorks. What is null or empty text counts as absent, as it
/// does in OpsWorks' items.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Source {
    /// `"git"`, `"archive"` or `"s3"`.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<SourceType>,
    /// Where it is. Git: `https:`, `ssh:`, `git:`, `file:`, `user@host:path` or an absolute path.
    /// Archive: `http:`, `https:`, `file:` or an absolute path. S3: an object's URL.
    #[serde(default, deserialize_with = "serde_fields::text")]
    pub url: String,
    /// Git: a branch, a tag or a commit. Default: the branch that the repository itself has as its
    /// own.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub revision: Option<String>,
    /// Who asks, where a password is needed. S3: the access key's id.
    #[serde(
        default,
        alias = "username",
        deserialize_with = "serde_fields::line",
        skip_serializing_if = "Option::is_none"
    )]
    pub user: Option<String>,
    /// The password. S3: the secret access key.
    #[serde(
        default,
        deserialize_with = "serde_fields::line",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(extend("sensitive" = true))]
    pub password: Option<String>,
    /// S3: the token that belongs to a temporary key.
    #[serde(
        default,
        deserialize_with = "serde_fields::line",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(extend("sensitive" = true))]
    pub session_token: Option<String>,
    /// Git: the private key for `ssh`, as text, without a passphrase.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(extend("sensitive" = true))]
    pub ssh_key: Option<String>,
    /// Archive, S3: the SHA-256 that it must have, in hexadecimal.
    #[serde(
        default,
        alias = "sha256",
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub checksum: Option<String>,
    /// Git: whether submodules are checked out too, and theirs. Default: `true`.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub submodules: Option<bool>,
    /// Git: whether only the commit itself is fetched, without those before it. Default: `false`.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub shallow: Option<bool>,
    /// Archive, S3: how many leading folders of the names in it are left out. Default: 0.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub strip: Option<usize>,
    /// S3: the region, where the URL does not say it. Default: `"us-east-1"`.
    #[serde(
        default,
        deserialize_with = "serde_fields::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub region: Option<String>,
    /// What no document says.
    #[serde(skip)]
    #[schemars(skip)]
    pub access: Access,
}

/// How a source is reached by a person, who has means of their own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// How long a server may be silent; a usual time when absent.
    pub silence: Option<Duration>,
    /// What an archive may come to.
    pub limits: unpack::Limits,
    /// The socket of an agent that has keys for `ssh`.
    pub ssh_agent: Option<PathBuf>,
    /// What is shown to the server of an archive in the place of user and password.
    pub token: Option<String>,
}

/// What kind of place a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SourceType {
    Git,
    Archive,
    S3,
    /// Known from OpsWorks, and not supported.
    Svn,
    /// An app that brings no source.
    Other,
}

/// What a source has now.
#[derive(Clone, PartialEq, Eq)]
pub struct ResolvedSource {
    pub revision: Revision,
    /// What to remember (`Services::remember`) once the revision is in use, and
    /// under which key: the next look is then answered without a download.
    pub memory: Option<(String, Value)>,
    /// An archive that had to be fetched to know its revision.
    pub content: Option<Content>,
    /// The branch or tag of a git repository that has the commit.
    reference: Option<String>,
}

/// A state of the content that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// A commit (40 hexadecimal digits, or 64 in a repository that uses SHA-256) or an archive's
    /// SHA-256 (64 digits): the same on every machine.
    pub id: String,
    /// As people know it: `v3 (1a2b3c4)`.
    pub name: String,
}

/// How a revision is put into its folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checkout<'a> {
    /// A folder in which a bare clone may be kept, so that the next revision is fetched alone. It
    /// is made when it is not there.
    pub cache: Option<&'a Path>,
    /// Who gets everything; toque's own user when absent.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Whether the folder becomes a git repository itself.
    pub keep_git: bool,
}

impl Source {
    /// The same without ends of lines after what is of one line.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let trimmed = |text: String| serde_fields::trimmed(&text).to_owned();
        Self {
            url: trimmed(self.url),
            user: self.user.map(trimmed),
            password: self.password.map(trimmed),
            ..self
        }
    }

    /// Conditions over several fields.
    /// # Errors
    /// The field at fault and why.
    pub fn check(&self) -> Result<(), PropertyError> {
        let Some(kind) = self.kind else {
            return Err(PropertyError::named("type", "the source has no `type`")
                .hint("write `git`, `archive` or `s3`"));
        };
        match kind {
            SourceType::Other => {
                return Err(PropertyError::new("type", "the app has no source to deploy: its type is `other`")
                    .hint("give it a `git`, `archive` or `s3` source, or deploy it by resources of its own"));
            }
            SourceType::Svn => {
                return Err(PropertyError::new("type", "Subversion is not supported")
                    .hint("pack what `svn export` gives into an archive, and use a source of the type `archive`"));
            }
            SourceType::Git | SourceType::Archive | SourceType::S3 => {}
        }
        if self.url.is_empty() {
            return Err(PropertyError::named(
                "url",
                "the source has no `url`: where does the content come from?",
            ));
        }
        match kind {
            SourceType::Git => git::check(self),
            _ => archive::check(self),
        }
    }

    /// The URL as messages may show it: no password, no query.
    #[must_use]
    pub fn shown(&self) -> String {
        toque_core::url::without_secrets(&self.url)
    }

    /// Checks that no others decide what is in a source that lies on this machine. A checksum and the
    /// digits of a commit say that by themselves.
    /// # Errors
    /// When another user can change it.
    pub fn check_trust(&self, trust: &Trust) -> Result<(), Failure> {
        if self.kind == Some(SourceType::Git) {
            return git::check_trust(self, trust);
        }
        let path = if self.url.starts_with('/') {
            Some(PathBuf::from(&self.url))
        } else {
            file_path(&self.url).transpose()?
        };
        match path {
            Some(path) if self.checksum.is_none() => trust.file(Subject::Source, &path),
            _ => Ok(()),
        }
    }

    /// What the source has now. It only looks.
    /// # Errors
    /// When it cannot be reached, or has no such revision.
    pub fn resolve(&self, view: &View<'_>) -> Result<ResolvedSource, Failure> {
        match self.kind {
            Some(SourceType::Git) => git::resolve(self, view),
            _ => archive::resolve(self, view),
        }
    }

    /// Puts what was found into the folder `into`, which is not there yet; only toque's own user
    /// may be able to write the folder above it. What is there afterwards is on the disk.
    /// # Errors
    /// When it cannot be fetched or written in full; then nothing of it is left.
    pub fn check_out(
        &self,
        system: &dyn System,
        view: &View<'_>,
        found: &ResolvedSource,
        into: &Path,
        how: &Checkout<'_>,
    ) -> Result<(), Failure> {
        match self.kind {
            Some(SourceType::Git) => git::check_out(self, system, view, found, into, how),
            _ => archive::check_out(self, system, view, found, into, how),
        }
    }

    /// Brings a clone that [`check_out`](Self::check_out) made with `keep_git` to what was found.
    /// Changes to what git knows of are undone, everything else in it stays. It is done as the
    /// owner of the `clone` as it was looked at, who may have put something else there since.
    /// `safe` is a folder in which only toque's own user can write, for what is fetched.
    /// # Errors
    /// When it cannot be fetched, or the clone cannot take it.
    pub fn update(
        &self,
        system: &dyn System,
        view: &View<'_>,
        found: &ResolvedSource,
        folder: &Path,
        clone: &Metadata,
        safe: &Path,
    ) -> Result<(), Failure> {
        git::update(self, system, view, found, folder, clone, safe)
    }

    /// How the archive or object is asked for now: a signature lasts only for some minutes.
    /// # Errors
    /// When the URL names no object.
    pub fn request(&self, view: &View<'_>) -> Result<Request, Failure> {
        archive::request(self, view)
    }

    /// The archive or object itself: what was found, and nothing else.
    /// # Errors
    /// When it cannot be fetched, or has become another.
    pub fn fetch(&self, view: &View<'_>, found: &ResolvedSource) -> Result<Content, Failure> {
        archive::fetch(self, view, found)
    }
}

/// Without what must not be repeated.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("kind", &self.kind)
            .field("url", &self.shown())
            .field("revision", &self.revision)
            .field("user", &self.user)
            .field("checksum", &self.checksum)
            .finish_non_exhaustive()
    }
}

/// Without the content, which may be large.
impl fmt::Debug for ResolvedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("revision", &self.revision).finish_non_exhaustive()
    }
}
