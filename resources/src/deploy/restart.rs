//! What makes an app run its current release.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Change};
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::CommandLine;

use super::Desired;
use super::hook::{self, As};
use crate::service;

/// A command, or a service of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a shell line, an array of a program and its arguments, or `#{ service: name }`"
)]
#[schemars(inline)]
pub(crate) enum Restart {
    // First: an array of one word would be taken for a map of one field.
    Command(CommandLine),
    Service(Named),
}

/// A service by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Named {
    service: String,
}

impl Named {
    /// # Errors
    /// What cannot be the name of a service.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        service::check_name(&self.service)
            .map_err(|message| PropertyError::new("restart.service", message))
    }
}

impl Restart {
    /// # Errors
    /// What cannot be run, or be the name of a service.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        match self {
            Self::Service(named) => named.check(),
            Self::Command(line) if line.is_empty() => {
                Err(PropertyError::new("restart", "there is no command")
                    .hint("leave `restart` out when nothing is to be restarted"))
            }
            Self::Command(_) => Ok(()),
        }
    }

    pub(crate) fn change<S>(&self, step: S) -> Change<S> {
        match self {
            Self::Service(named) => {
                Change::new(format!("restart service `{}`", named.service), step)
                    .provides(PlannedEffect::Anything(Area::Services.into()))
                    .touches(Area::Services)
            }
            Self::Command(line) => {
                let change = Change::new(hook::describe("restart", line), step);
                change.provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL)
            }
        }
    }

    /// # Errors
    /// When the command fails, or the service does not come up; with what it said.
    pub(crate) fn run(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired,
        release: &str,
    ) -> Result<(), Failure> {
        match self {
            Self::Service(named) => service::restart(apply, &named.service),
            Self::Command(line) => hook::run(apply, desired, release, line, As::Own),
        }
    }
}
