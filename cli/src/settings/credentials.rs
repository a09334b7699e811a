//! Who is let in where, and where the secrets for it are kept.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use toque_cookbooks::fetch::credentials::{Credential, is_for};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::plain_io;

use super::Settings;

/// What a server of cookbooks wants to be shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
pub struct CredentialSettings {
    /// For registries and archives; for git over https in the place of a password.
    #[serde(deserialize_with = "place")]
    pub token: Option<Kept>,
    /// The name to a password.
    pub user: Option<String>,
    #[serde(deserialize_with = "place")]
    pub password: Option<Kept>,
    /// A private key without a passphrase, for git over ssh.
    #[serde(deserialize_with = "place")]
    pub ssh_key: Option<Kept>,
}

/// Where a secret is kept: `{ file = "…" }`, or `{ env = "…" }` for a variable.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
pub struct Kept {
    pub file: Option<PathBuf>,
    pub env: Option<String>,
}

/// Reads whatever is written: a mistake would show its line, and that may hold the secret itself.
/// What is no place is none, and told of when it is needed.
fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kept>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Kept(Kept),
        Other(IgnoredAny),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::Kept(kept) => kept,
        Written::Other(_) => Kept::default(),
    }))
}

impl Settings {
    /// What is shown to the server of a URL: of those that are meant for it, what is kept for the
    /// longest beginning.
    /// # Errors
    /// When a file or variable is not there.
    pub fn credential(&self, url: &str) -> Result<Credential, Diagnostic> {
        let meant = self.credentials.iter().filter(|(server, _)| is_for(server, url));
        let Some((server, settings)) = meant.max_by_key(|(server, _)| server.len()) else {
            return Ok(Credential::default());
        };
        let read = |kept: &Option<Kept>| kept.as_ref().map(|kept| read(kept, server)).transpose();
        let CredentialSettings { token, user, password, ssh_key } = settings;
        Ok(Credential {
            token: read(token)?,
            user: user.clone(),
            password: read(password)?,
            ssh_key: read(ssh_key)?,
        })
    }
}

impl CredentialSettings {
    /// Paths are seen from the folder of the file that names them.
    pub(super) fn beside(&mut self, folder: &Path) {
        for kept in [&mut self.token, &mut self.password, &mut self.ssh_key].into_iter().flatten() {
            if let Some(file) = &mut kept.file {
                *file = folder.join(&*file);
            }
        }
    }
}

fn read(kept: &Kept, server: &str) -> Result<String, Diagnostic> {
    let wanted = format!("cannot read what is kept for `{server}`");
    let text = match (&kept.file, &kept.env) {
        (Some(file), None) => std::fs::read_to_string(file).map_err(|error| {
            Diagnostic::error(format!("{wanted}, in `{}`: {}", file.display(), plain_io(&error)))
                .hint("write it there, readable for you alone, or correct `[credentials]` in the settings")
        })?,
        (None, Some(name)) => std::env::var(name).map_err(|_| {
            Diagnostic::error(format!("{wanted}: the variable `{name}` is not set"))
                .hint("set it, or correct `[credentials]` in the settings")
        })?,
        _ => {
            return Err(Diagnostic::error(format!("{wanted}: the settings do not say in which `file` or `env` it is"))
                .hint("write `{ file = \"/etc/toque/token\" }` or `{ env = \"TOKEN\" }`"));
        }
    };
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
