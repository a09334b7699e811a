//! Plans of packages, the same for every package manager.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Value, json};
use toque_contract::resource::Change;
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::view::View;

use super::{PackageAction, Request, Wanted};

/// The state of one package that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// The name that the package manager is given: of a virtual package, who provides it.
    pub name: String,
    /// The key under which a plan remembers it.
    pub key: String,
    pub installed: Option<String>,
    pub held: bool,
    /// Configuration files of a removed package are left. `None`: there are none, or only the
    /// removal will show whether there are.
    pub leftovers: Option<bool>,
    /// What an install would bring: looked up only when something may have to be installed.
    pub target: Option<Target>,
    /// The answers of the response file are not those that the package was given.
    pub unanswered: bool,
}

/// A version that can be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `None` when only a refresh of the lists can tell.
    pub version: Option<String>,
    /// How the package manager is asked for it.
    pub argument: String,
    /// Against what is installed.
    pub order: Ordering,
}

/// All that `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub found: Vec<Found>,
    /// A package is in no list, and the lists were not refreshed in this run.
    pub refresh: bool,
}

/// One thing to do to one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub verb: Verb,
    pub name: String,
    /// How the package manager is asked for it; empty for the package lists.
    pub argument: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Refresh,
    Install,
    Downgrade,
    Remove,
    Purge,
    Reconfigure,
    Hold,
    Release,
}

/// What a package may bring or take along. The mount table and the run's own state are not among
/// it.
pub(crate) const ANYTHING: Areas =
    Areas::of(&[Area::Files, Area::Packages, Area::Services, Area::Accounts, Area::Facts]);

/// Returns the changes that an action needs.
pub(crate) fn plan(
    provider: &str,
    wanted: &Wanted,
    action: PackageAction,
    state: &State,
) -> Result<Vec<Change<Step>>, Failure> {
    let mut changes = Vec::new();
    let mut seen = HashSet::new();
    for (request, found) in wanted.requests.iter().zip(&state.found) {
        // Two names may mean one package: a virtual one and who provides it.
        if seen.insert(&found.key) {
            changes.extend(plan_one(wanted, request, action, found)?);
        }
    }
    if state.refresh && !changes.is_empty() {
        let step = Step { verb: Verb::Refresh, name: String::new(), argument: String::new() };
        let fresh = PlannedEffect::State {
            area: Area::Packages,
            key: lists_key(provider),
            value: Value::Bool(true),
        };
        changes.insert(
            0,
            Change::new("refresh the package lists", step).provides(fresh).touches(Area::Packages),
        );
    }
    Ok(changes)
}

/// Returns the key under which a plan remembers that the package lists would be new.
pub(crate) fn lists_key(provider: &str) -> String {
    format!("{provider}:lists")
}

fn plan_one(
    wanted: &Wanted,
    request: &Request,
    action: PackageAction,
    found: &Found,
) -> Result<Option<Change<Step>>, Failure> {
    let removes = request.version.is_none() || request.version == found.installed;
    let name = &found.name;
    let shown = |version: &Option<String>| {
        version.as_ref().map_or_else(String::new, |version| format!(" {version}"))
    };
    let change = |verb, what: String, argument: &str, after: Value| {
        let step = Step { verb, name: name.clone(), argument: argument.to_owned() };
        let state =
            PlannedEffect::State { area: Area::Packages, key: found.key.clone(), value: after };
        Change::new(what, step).provides(state)
    };
    Ok(match action {
        PackageAction::Install | PackageAction::Upgrade => {
            let Some(target) = &found.target else { return Ok(None) };
            let downgrade = found.installed.is_some() && target.order == Ordering::Less;
            if found.installed.is_some()
                && (target.order == Ordering::Equal
                    || (downgrade && !wanted.package.allow_downgrade))
            {
                return Ok(None);
            }
            if found.held && found.installed.is_some() {
                return Err(Failure::new(format!(
                    "package `{name}` is locked at {}",
                    found.installed.as_deref().unwrap_or_default()
                ))
                .hint("unlock it first (action `unlock`), or leave its version alone"));
            }
            let what = match &found.installed {
                None => format!("install package `{name}`{}", shown(&target.version)),
                Some(old) => {
                    let verb = if downgrade { "downgrade" } else { "upgrade" };
                    format!(
                        "{verb} package `{name}` from {old}{}",
                        target.version.as_ref().map_or(String::new(), |v| format!(" to {v}"))
                    )
                }
            };
            let verb = if downgrade { Verb::Downgrade } else { Verb::Install };
            Some(with_side_effects(change(
                verb,
                what,
                &target.argument,
                remember(
                    Some(target.version.as_deref().unwrap_or_default()),
                    found.held,
                    Some(false),
                ),
            )))
        }
        PackageAction::Remove if found.installed.is_some() && removes => {
            let what = format!("remove package `{name}`{}", shown(&found.installed));
            Some(with_side_effects(change(Verb::Remove, what, name, remember(None, false, None))))
        }
        PackageAction::Purge
            if (found.installed.is_some() && removes)
                || (found.installed.is_none() && found.leftovers == Some(true)) =>
        {
            let what = match &found.installed {
                Some(version) => format!("purge package `{name}` {version}"),
                None => format!("purge the configuration files of package `{name}`"),
            };
            Some(with_side_effects(change(
                Verb::Purge,
                what,
                name,
                remember(None, false, Some(false)),
            )))
        }
        PackageAction::Reconfig if found.installed.is_some() && found.unanswered => {
            let what =
                format!("reconfigure package `{name}` with the answers of its response file");
            Some(with_side_effects(change(
                Verb::Reconfigure,
                what,
                name,
                remember(found.installed.as_deref(), found.held, Some(false)),
            )))
        }
        PackageAction::Lock | PackageAction::Unlock
            if found.held == (action == PackageAction::Unlock) =>
        {
            let holds = action == PackageAction::Lock;
            let (verb, word) = if holds { (Verb::Hold, "lock") } else { (Verb::Release, "unlock") };
            let what = format!("{word} package `{name}`{}", shown(&found.installed));
            let mut change = change(
                verb,
                what,
                name,
                remember(found.installed.as_deref(), holds, found.leftovers),
            );
            // What is not there may be a name for what an earlier resource brings.
            if found.installed.is_none() {
                change.provides.insert(0, PlannedEffect::Anything(Area::Packages.into()));
            }
            Some(change.touches(Area::Packages))
        }
        _ => None,
    })
}

/// Adds the effects on files, accounts, services and other packages. They are uncertain, and so
/// come before the certain effect on the package itself, which lies over them.
fn with_side_effects(mut change: Change<Step>) -> Change<Step> {
    change.provides.insert(0, PlannedEffect::Anything(ANYTHING));
    change.touches(ANYTHING)
}

/// A package's state as a plan keeps it; a version that only the refreshed lists can tell is empty.
fn remember(installed: Option<&str>, held: bool, leftovers: Option<bool>) -> Value {
    json!({ "version": installed, "held": held, "leftovers": leftovers })
}

/// A package as an earlier resource of the plan would have left it.
pub(crate) fn recall(view: &View<'_>, key: &str, action: PackageAction) -> Option<Found> {
    let planned = view.planned(Area::Packages, key)?;
    let installed = planned["version"].as_str().map(str::to_owned);
    let perhaps_left =
        planned["leftovers"].is_null() && installed.is_none() && action == PackageAction::Purge;
    if installed.as_deref() == Some("") || perhaps_left {
        view.depends_on_everything();
    }
    let leftovers = if perhaps_left { Some(true) } else { planned["leftovers"].as_bool() };
    let held = planned["held"].as_bool().unwrap_or(false);
    Some(Found { key: key.to_owned(), installed, held, leftovers, ..Found::default() })
}
