//! Keeping apt's package lists fresh.

use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toque_contract::resource::{Apply, Change, Effect, HostFacts, Resource, Scope, Support};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::Seconds;
use toque_machine::system::Query;
use toque_machine::view::View;

use crate::shared::{apt_lists, optional};

/// Downloads the package lists of apt. On machines without apt it does nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lists {
    /// Any name; it says nothing to apt.
    #[serde(default)]
    pub name: String,
    /// Seconds for which the lists count as fresh for `periodic`. Default: 86400, a day.
    #[serde(default = "day")]
    pub frequency: Seconds,
}

fn day() -> Seconds {
    Seconds(86_400.0)
}

actions! {
    pub enum ListsAction {
        Periodic = "periodic", "Update the lists when they are older than `frequency`";
        Update = "update", "Update the lists now";
    }
}

impl Resource for Lists {
    const KIND: &'static str = "apt_update";
    const IDENTITY: &'static str = "name";
    type Action = ListsAction;
    type Desired = Self;

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// `apt-get update`.
#[derive(Debug)]
pub(crate) struct Provider;

/// How old the lists are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// There is no apt here, so there are no lists.
    NoApt,
    /// Not known to have ever been updated.
    Unknown,
    Known(Duration),
}

impl resource::Provider for Provider {
    type Resource = Lists;
    type State = Age;
    type Step = ();
    const NAME: &'static str = "apt";
    const REACH: Areas = Areas::of(&[Area::Packages]);

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        // Recipes for several platforms declare it once for all.
        if host.platform_family == "debian" { Support::Preferred } else { Support::Usable }
    }

    fn inspect(&self, view: &View<'_>, _: &Lists, _: ListsAction) -> Result<Age, Failure> {
        if !optional::exists(view, Path::new("/usr/bin/apt-get"))? {
            return Ok(Age::NoApt);
        }
        if view.planned(Area::Packages, "apt:lists").is_some() {
            return Ok(Age::Known(Duration::ZERO));
        }
        // A clock that was set back makes the lists come from the future; they are taken for fresh.
        let age = |file: toque_machine::system::Metadata| {
            view.now().duration_since(file.modified).unwrap_or_default()
        };
        Ok(view
            .stat(Path::new(apt_lists::STAMP))
            .map_or(Age::Unknown, |file| Age::Known(age(file))))
    }

    fn plan(
        &self,
        lists: &Lists,
        action: ListsAction,
        age: &Age,
    ) -> Result<Vec<Change<()>>, Failure> {
        let due = match (age, action) {
            (Age::NoApt, _) => false,
            (_, ListsAction::Update) | (Age::Unknown, _) => true,
            (Age::Known(age), ListsAction::Periodic) => *age >= lists.frequency.duration(),
        };
        let what = match age {
            Age::Known(age) => format!("update the package lists, {} old", words(*age)),
            _ => "update the package lists".to_owned(),
        };
        let fresh = PlannedEffect::State {
            area: Area::Packages,
            key: "apt:lists".to_owned(),
            value: Value::Bool(true),
        };
        Ok(due
            .then(|| Change::new(what, ()).provides(fresh).touches(Area::Packages))
            .into_iter()
            .collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        _: &Lists,
        _: ListsAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        apt_lists::refresh(apply, toque_machine::command::DEFAULT_TIMEOUT, &IndexMap::new())?;
        Ok(Effect::Changed)
    }
}

fn words(age: Duration) -> String {
    match age.as_secs() / 3600 {
        0 => format!("{} minutes", age.as_secs() / 60),
        hours @ 1..=48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}
