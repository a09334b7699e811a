//! Users of this machine's own account files.

mod useradd;

use std::path::PathBuf;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::property_error::PropertyError;
use toque_machine::property::Account;

pub(crate) use useradd::Useradd;

use crate::shared::account_ids;

/// A user account. Of a user that exists, only the properties that are set are compared and
/// changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    /// The user's name.
    pub username: String,
    /// The number. Default: chosen by the system.
    #[serde(default, deserialize_with = "toque_machine::property::account_number")]
    pub uid: Option<u32>,
    /// The primary group, by name or number. Default: a group of the user's name, where the system
    /// makes one.
    pub gid: Option<Account>,
    /// The full name or what the account is for.
    pub comment: Option<String>,
    /// The home directory. It is made only with `manage_home`.
    pub home: Option<PathBuf>,
    /// The login shell.
    pub shell: Option<PathBuf>,
    /// The hash of the password, as it stands in `/etc/shadow` (`openssl passwd -6` makes one). It
    /// is never shown.
    pub password: Option<String>,
    /// Whether a new user takes its number from those of system users. Default: false.
    #[serde(default)]
    pub system: bool,
    /// Whether the home is made with the user, moved when it changes, and removed with the user.
    /// Default: false.
    #[serde(default)]
    pub manage_home: bool,
    /// Whether the number may be another user's too. Default: false.
    #[serde(default)]
    pub non_unique: bool,
    /// Whether the user is removed even while logged in. Default: false.
    #[serde(default)]
    pub force: bool,
    /// The day on which the account expires, `"2027-12-31"`, or `""` for never.
    pub expire_date: Option<String>,
    /// Days after expiry of the password until the account is shut; -1 for never.
    pub inactive: Option<i64>,
}

actions! {
    pub enum UserAction {
        Create = "create", "Make sure that it exists and is as declared";
        Remove = "remove", "Remove it";
        Modify = "modify", "Change a user that must exist";
        Manage = "manage", "Change it where it exists";
        Lock = "lock", "Make its password unusable";
        Unlock = "unlock", "Make its password usable again";
    }
}

impl Resource for User {
    const KIND: &'static str = "user";
    const IDENTITY: &'static str = "username";
    type Action = UserAction;
    type Desired = Self;

    fn check(&self, _actions: &[UserAction]) -> Result<(), PropertyError> {
        account_ids::check_name("username", &self.username)?;
        for (property, path) in [("home", &self.home), ("shell", &self.shell)] {
            // An empty shell is how some accounts are shut.
            if path.as_ref().is_some_and(|path| path.is_relative() && !path.as_os_str().is_empty())
            {
                return Err(PropertyError::named(
                    property,
                    format!("`{property}` must be an absolute path"),
                ));
            }
        }
        for (property, text) in [("comment", &self.comment), ("password", &self.password)] {
            if text.as_ref().is_some_and(|text| text.contains([':', '\n'])) {
                return Err(PropertyError::named(
                    property,
                    format!("`{property}` cannot hold a colon or a line break"),
                ));
            }
        }
        if self.expire_day().is_some_and(|day| day.is_err()) {
            return Err(PropertyError::named(
                "expire_date",
                "`expire_date` is no date: write it as \"2027-12-31\"",
            ));
        }
        Ok(())
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

impl User {
    /// The day since 1970 on which the account shall expire; the inner `None` means never.
    fn expire_day(&self) -> Option<Result<Option<i64>, ()>> {
        let text = self.expire_date.as_deref()?;
        if text.is_empty() || text == "-1" {
            return Some(Ok(None));
        }
        if let Ok(day) = text.parse::<i64>() {
            return Some(Ok(Some(day)));
        }
        let epoch = Date::constant(1970, 1, 1);
        Some(
            text.parse::<Date>()
                .ok()
                .and_then(|date| date.since(epoch).ok())
                .map(|span| Some(i64::from(span.get_days())))
                .ok_or(()),
        )
    }
}
