//! Credentials of servers, and the places of their secrets.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use toque_cookbooks::fetch::credentials::{Credential, is_for};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_core::read_text::read_text;
use toque_machine::trust::{Subject, Trust};

use super::Settings;

/// The credentials for a server of cookbooks.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CredentialSettings {
    /// For registries and archives; for git over https in the place of a password.
    #[serde(deserialize_with = "location")]
    token: Option<SecretLocation>,
    /// The name to a password.
    user: Option<String>,
    #[serde(deserialize_with = "location")]
    password: Option<SecretLocation>,
    /// A private key without a passphrase, for git over ssh.
    #[serde(deserialize_with = "location")]
    ssh_key: Option<SecretLocation>,
}

/// The place of a secret: `{ file = "…" }`, or `{ env = "…" }` for a variable.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
struct SecretLocation {
    file: Option<PathBuf>,
    env: Option<String>,
}

/// Accepts any value: an error would show its line, which may hold the secret itself. A value that
/// is no location is reported when it is needed.
fn location<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretLocation>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        SecretLocation(SecretLocation),
        Other(IgnoredAny),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::SecretLocation(kept) => kept,
        Written::Other(_) => SecretLocation::default(),
    }))
}

impl Settings {
    /// Returns the credential of a URL: that of the longest beginning that matches.
    /// # Errors
    /// When a file or variable is not there.
    pub(crate) fn credential(&self, url: &str) -> Result<Credential, Diagnostic> {
        let meant = self.credentials.iter().filter(|(server, _)| is_for(server, url));
        let Some((server, settings)) = meant.max_by_key(|(server, _)| server.len()) else {
            return Ok(Credential::default());
        };
        let read = |kept: &Option<SecretLocation>| {
            kept.as_ref().map(|kept| read(kept, server, &self.trusted)).transpose()
        };
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
    /// Makes paths relative to the folder of the file that names them.
    pub(crate) fn resolve_paths(&mut self, folder: &Path) {
        for kept in [&mut self.token, &mut self.password, &mut self.ssh_key].into_iter().flatten() {
            if let Some(file) = &mut kept.file {
                *file = folder.join(&*file);
            }
        }
    }
}

fn read(kept: &SecretLocation, server: &str, trust: &Trust) -> Result<String, Diagnostic> {
    if let (Some(file), None) = (&kept.file, &kept.env) {
        trust.file(Subject::Secret, file)?;
    }
    let wanted = format!("cannot read what is kept for `{server}`");
    let text = match (&kept.file, &kept.env) {
        (Some(file), None) => read_text(file).map_err(|error| {
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
