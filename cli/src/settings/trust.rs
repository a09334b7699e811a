//! The users who may decide what toque runs, beside root and the user that it runs as.

use std::path::Path;

use nix::unistd::{User, geteuid};
use serde::Deserialize;
use toque_core::diagnostic::Diagnostic;
use toque_machine::trust::{Subject, Trust};

use super::{SYSTEM, Settings};

/// Who may decide what toque runs, as root. Only in `/etc/toque/toque.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrustSettings {
    /// Users, by name or number, whose repositories and documents are used as if root owned them.
    /// Only in `/etc/toque/toque.toml`. Default: none.
    pub(super) owners: Vec<Owner>,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub(super) enum Owner {
    Uid(u32),
    Name(String),
}

/// Returns the users who are trusted by the settings of the machine; `this_run` trusts the
/// repository of this run as well.
/// # Errors
/// Settings of the machine that cannot be read, or that another user could have written.
pub(crate) fn trust(this_run: bool) -> Result<Trust, Diagnostic> {
    let mut trust = invoking();
    let settings = system(&trust)?;
    // A name without a user owns nothing.
    trust.owners.extend(settings.trust.owners.iter().filter_map(|owner| match owner {
        Owner::Uid(uid) => Some(*uid),
        Owner::Name(name) => Some(User::from_name(name).ok()??.uid.as_raw()),
    }));
    Ok(Trust { repository: this_run, ..trust })
}

/// Reads the settings of the machine, in which no others than root and the invoking user have a
/// say.
pub(super) fn system(trust: &Trust) -> Result<Settings, Diagnostic> {
    let path = Path::new(SYSTEM);
    trust.file(Subject::Settings, path)?;
    Settings::from_file(path)
}

/// Returns the trust in the user who has root's rights by `sudo`.
pub(super) fn invoking() -> Trust {
    let user = std::env::var("SUDO_UID").ok().filter(|_| geteuid().is_root());
    Trust { owners: user.and_then(|uid| uid.parse().ok()).into_iter().collect(), repository: false }
}
