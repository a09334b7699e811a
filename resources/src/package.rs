//! Software from the platform's package manager. What is to be done is the same everywhere; the
//! providers say what is there and how it is changed.

mod apt;
mod dnf;

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toque_engine::actions;
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::failure::Failure;
use toque_engine::property::{OneOrMany, Seconds};
use toque_engine::resource::{
    Change, Effect, PropertyError, Provide, Resource, Scope, TemplateSource,
};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::view::View;

pub use apt::Apt;
pub use dnf::Dnf;

use crate::shared::parse::words;

/// Installs, upgrades and removes packages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package, or an array of packages; only those that need a change are handed to the
    /// package manager, in one command.
    pub package_name: OneOrMany<String>,
    /// The version to install, upgrade to, or remove; for several packages an array in their order,
    /// with `()` where any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<OneOrMany<Option<String>>>,
    /// Further options of the package manager: a line that is split as a shell would, or an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<OneOrMany<String>>,
    /// The path of a package file (`.deb`, `.rpm`) to install from, for a single package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Seconds that each command of the package manager may take. Default: 900.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
    /// Environment variables of the package manager.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// Whether an older version may replace a newer one. Without it, a newer version is left as it
    /// is. Default: true.
    #[serde(default = "yes")]
    pub allow_downgrade: bool,
    /// The release to install from, such as `bookworm-backports`. Only `apt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_release: Option<String>,
    /// Whether configuration files that were changed by hand are replaced by the package's.
    /// Default: false. Only `apt`.
    #[serde(default)]
    pub overwrite_config_files: bool,
    /// Answers for `debconf`, given before an install and by `reconfig`: a file of the cookbook, or
    /// a template when it ends in `.hbs`. Only `apt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_file: Option<String>,
    /// Variables of a `response_file` that is a template.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub response_file_variables: serde_json::Map<String, Value>,
    /// The architecture; for several packages an array in their order. Only `dnf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<OneOrMany<String>>,
    /// `#{ before: true }` asks the repositories anew before candidates are looked up, `#{ after:
    /// true }` makes whoever comes next ask them. Only `dnf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush_cache: Option<FlushCache>,
}

/// When what is known of the repositories is thrown away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct FlushCache {
    #[serde(default)]
    pub before: bool,
    #[serde(default)]
    pub after: bool,
}

fn yes() -> bool {
    true
}

actions! {
    pub enum PackageAction {
        Install = "install", "Make sure that it is installed, in the version that is asked for";
        Upgrade = "upgrade", "Install it, or bring it to the newest version that is offered";
        Remove = "remove", "Remove it, and keep its configuration files";
        Purge = "purge", "Remove it with its configuration files";
        Reconfig = "reconfig", "Give the answers of `response_file` to an installed package where they differ";
        Lock = "lock", "Keep it at its version";
        Unlock = "unlock", "Let it be upgraded again";
    }
}

/// What is wanted, its names and versions paired.
#[derive(Debug)]
pub struct Wanted {
    package: Package,
    wishes: Vec<Wish>,
    options: Vec<String>,
    response: Option<String>,
}

#[derive(Debug)]
struct Wish {
    name: String,
    version: Option<String>,
    arch: Option<String>,
}

impl Wanted {
    fn timeout(&self) -> Duration {
        self.package.timeout.map_or(toque_engine::command::DEFAULT_TIMEOUT, Seconds::duration)
    }
}

impl Resource for Package {
    const KIND: &'static str = "package";
    const IDENTITY: &'static str = "package_name";
    type Action = PackageAction;
    type Desired = Wanted;

    fn check(&self, actions: &[PackageAction]) -> Result<(), PropertyError> {
        let names = self.package_name.as_slice();
        if names.is_empty()
            || names
                .iter()
                .any(|name| name.is_empty() || name.starts_with('-') || name.contains('\n'))
        {
            return Err(PropertyError::new(
                "package_name",
                "a package's name cannot be empty or begin with `-`",
            ));
        }
        let pairs = |property: &str, given: Option<usize>| match given {
            Some(given) if given != names.len() => Err(PropertyError::new(
                property,
                format!(
                    "`{property}` has {given} values for {} packages; they go together one by one",
                    names.len()
                ),
            )
            .hint("give one for each package")),
            _ => Ok(()),
        };
        pairs("version", self.version.as_ref().map(|version| version.as_slice().len()))?;
        pairs("arch", self.arch.as_ref().map(|arch| arch.as_slice().len()))?;
        if self.source.is_some() && names.len() > 1 {
            return Err(PropertyError::new(
                "source",
                "`source` is one package file, but several packages are named",
            ));
        }
        if self.source.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(PropertyError::new("source", "`source` must be an absolute path"));
        }
        if actions.contains(&PackageAction::Reconfig) && self.response_file.is_none() {
            return Err(PropertyError::new(
                "response_file",
                "the action `reconfig` needs `response_file`: the answers to give",
            ));
        }
        Ok(())
    }

    fn aliases(&self) -> Vec<String> {
        match &self.package_name {
            OneOrMany::One(_) => Vec::new(),
            OneOrMany::Many(names) => names.clone(),
        }
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted, Diagnostic> {
        let response = match &self.response_file {
            None => None,
            Some(name) if name.ends_with(".hbs") => Some(scope.render(&TemplateSource {
                sources: vec![name.clone()],
                cookbook: None,
                local: false,
                variables: self.response_file_variables.clone(),
            })?),
            Some(name) => {
                let bytes = scope.cookbook_file(std::slice::from_ref(name), None)?;
                Some(
                    String::from_utf8(bytes)
                        .map_err(|_| Diagnostic::error(format!("`{name}` is not UTF-8 text")))?,
                )
            }
        };
        let versions = self.version.as_ref().map_or(&[][..], OneOrMany::as_slice);
        let archs = self.arch.as_ref().map_or(&[][..], OneOrMany::as_slice);
        let wishes = self.package_name.as_slice().iter().enumerate().map(|(index, name)| Wish {
            name: name.clone(),
            version: versions.get(index).cloned().flatten(),
            arch: archs.get(index).cloned(),
        });
        let options = match &self.options {
            None => Vec::new(),
            Some(OneOrMany::One(line)) => words::split(line),
            Some(OneOrMany::Many(words)) => words.clone(),
        };
        Ok(Wanted { wishes: wishes.collect(), options, response, package: self })
    }
}

/// What is there of one package that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The name that the package manager is given: of a virtual package, who provides it.
    name: String,
    /// The key under which a plan remembers it.
    key: String,
    installed: Option<String>,
    held: bool,
    /// Configuration files of a removed package are left. `None`: there are none, or only the
    /// removal will show whether there are.
    leftovers: Option<bool>,
    /// What an install would bring: looked up only when something may have to be installed.
    target: Option<Target>,
    /// The answers of the response file are not those that the package was given.
    unanswered: bool,
}

/// A version that can be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// `None` when only a refresh of the lists can tell.
    version: Option<String>,
    /// How the package manager is asked for it.
    argument: String,
    /// Against what is installed.
    order: Ordering,
}

/// All that `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    found: Vec<Found>,
    /// A package is in no list, and the lists were not refreshed in this run.
    refresh: bool,
}

/// One thing to do to one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    verb: Verb,
    name: String,
    /// How the package manager is asked for it; empty for the package lists.
    argument: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
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
const ANYTHING: Areas =
    Areas::of(&[Area::Files, Area::Packages, Area::Services, Area::Accounts, Area::Facts]);

/// The plan, the same for every package manager.
fn plan(
    provider: &str,
    wanted: &Wanted,
    action: PackageAction,
    state: &State,
) -> Result<Vec<Change<Step>>, Failure> {
    let mut changes = Vec::new();
    let mut seen = HashSet::new();
    for (wish, found) in wanted.wishes.iter().zip(&state.found) {
        // Two names may mean one package: a virtual one and who provides it.
        if seen.insert(&found.key) {
            changes.extend(plan_one(wanted, wish, action, found)?);
        }
    }
    if state.refresh && !changes.is_empty() {
        let step = Step { verb: Verb::Refresh, name: String::new(), argument: String::new() };
        let fresh = Provide::State {
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

/// Where a plan remembers that the package lists would be new.
pub(crate) fn lists_key(provider: &str) -> String {
    format!("{provider}:lists")
}

fn plan_one(
    wanted: &Wanted,
    wish: &Wish,
    action: PackageAction,
    found: &Found,
) -> Result<Option<Change<Step>>, Failure> {
    let removes = wish.version.is_none() || wish.version == found.installed;
    let name = &found.name;
    let shown = |version: &Option<String>| {
        version.as_ref().map_or_else(String::new, |version| format!(" {version}"))
    };
    let change = |verb, what: String, argument: &str, after: Value| {
        let step = Step { verb, name: name.clone(), argument: argument.to_owned() };
        let state = Provide::State { area: Area::Packages, key: found.key.clone(), value: after };
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
                change.provides.insert(0, Provide::Anything(Area::Packages.into()));
            }
            Some(change.touches(Area::Packages))
        }
        _ => None,
    })
}

/// Adds the effects on files, accounts, services and other packages. They are uncertain, and so come
/// before the certain effect on the package itself, which lies over them.
fn with_side_effects(mut change: Change<Step>) -> Change<Step> {
    change.provides.insert(0, Provide::Anything(ANYTHING));
    change.touches(ANYTHING)
}

/// A package's state as a plan keeps it; a version that only the refreshed lists can tell is empty.
fn remember(installed: Option<&str>, held: bool, leftovers: Option<bool>) -> Value {
    json!({ "version": installed, "held": held, "leftovers": leftovers })
}

/// A package as an earlier resource of the plan would have left it.
fn recall(view: &View<'_>, key: &str, action: PackageAction) -> Option<Found> {
    let planned = view.planned(Area::Packages, key)?;
    let installed = planned["version"].as_str().map(str::to_owned);
    let perhaps_left =
        planned["leftovers"].is_null() && installed.is_none() && action == PackageAction::Purge;
    if installed.as_deref() == Some("") || perhaps_left {
        view.looked_at_everything();
    }
    let leftovers = if perhaps_left { Some(true) } else { planned["leftovers"].as_bool() };
    let held = planned["held"].as_bool().unwrap_or(false);
    Some(Found { key: key.to_owned(), installed, held, leftovers, ..Found::default() })
}

/// The package file that is to be installed cannot be looked at.
fn missing_file(failure: Failure) -> Failure {
    if failure.hint.is_some() {
        failure
    } else {
        failure.hint("correct `source`, or bring the file there before, with a `remote_file`")
    }
}

/// "did you mean", from what the package manager lists.
fn no_package(name: &str, known: &str) -> Failure {
    let failure = Failure::new(format!("no package `{name}` in the lists of this machine"));
    match did_you_mean(name, known.lines().map(str::trim)) {
        Some(hint) => failure.hint(hint),
        None => failure
            .hint("correct the name, or declare the repository that has it before this resource"),
    }
}

/// The package lists are asked for once in a run: whatever is still missing afterwards is missing
/// for good.
#[derive(Debug, Default)]
struct Refreshed(Cell<Option<SystemTime>>);

impl Refreshed {
    /// A process may converge many times; after this, a run is taken for another one.
    const SAME_RUN: Duration = Duration::from_secs(600);

    fn recently(&self, now: SystemTime) -> bool {
        self.0
            .get()
            .is_some_and(|then| now.duration_since(then).is_ok_and(|age| age < Self::SAME_RUN))
    }

    fn set(&self, now: SystemTime) {
        self.0.set(Some(now));
    }
}

/// A key for resources whose installs may share a transaction: nothing about them differs but names
/// and versions.
fn batch(wanted: &Wanted, action: PackageAction, changes: &[Change<Step>]) -> Option<String> {
    let package = &wanted.package;
    let plain = action == PackageAction::Install
        && package.source.is_none()
        && package.response_file.is_none()
        && package.flush_cache.is_none()
        && changes.iter().all(|change| matches!(change.step.verb, Verb::Refresh | Verb::Install));
    plain.then(|| {
        format!(
            "{:?} {:?} {:?} {} {:?}",
            wanted.options,
            package.default_release,
            package.environment,
            package.overwrite_config_files,
            package.timeout
        )
    })
}

/// Who of several brought a package that none before had asked for.
fn effects<'a>(items: impl Iterator<Item = &'a [Change<Step>]>) -> Vec<Effect> {
    let mut seen = HashSet::new();
    items
        .map(|changes| {
            let packages =
                changes.iter().map(|change| &change.step).filter(|step| step.verb != Verb::Refresh);
            // All are noted, not only the first that is new.
            let news = packages.filter(|step| seen.insert(&step.name)).count();
            if news > 0 { Effect::Changed } else { Effect::Unchanged }
        })
        .collect()
}

/// The arguments of all steps of some verbs, in order.
fn arguments<'a>(steps: &[&'a Step], verbs: &[Verb]) -> Vec<&'a str> {
    steps
        .iter()
        .filter(|step| verbs.contains(&step.verb))
        .map(|step| step.argument.as_str())
        .collect()
}
