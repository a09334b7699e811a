//! `deploy`: an app as releases, one of which is current.

mod apply;
mod check;
mod environment;
mod hook;
mod inspect;
mod layout;
mod plan;
mod record;
mod restart;
mod undo;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::{Apply, Asked, Change, Effect, Resource, Scope};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::property::{Account, CommandLine, Mode, Seconds};
use toque_machine::source::Source;
use toque_machine::view::View;

use self::check::Check;
use self::environment::Variable;
use self::hook::Hook;
use self::inspect::State;
use self::layout::Layout;
use self::plan::Step;
use self::restart::Restart;
use crate::shared::defaults;

/// Puts an app on the machine as a release, makes it the current one at once, and restarts what
/// runs it. The folder then holds `releases/`, `current`, a link to one of them, and `shared/`,
/// which all releases have in common. What fails before `current` is switched leaves everything as
/// it was; what fails afterwards is rolled back. A release is named by its revision or checksum,
/// and deploying the same one again does nothing. When the run's own command asks for a rollback or
/// a restart of the app, `deploy` does that instead.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deploy {
    /// The folder of the app. It belongs to toque's own user, and nobody else may write in it.
    /// Default: the resource's name.
    pub path: String,
    /// The app's short name, by which commands ask for it. Default: the last part of `path`.
    pub app: Option<String>,
    /// Where the app comes from: a map as apps of a stack have it, `#{ type, url, revision, … }`.
    /// Required to deploy.
    pub source: Option<Source>,
    /// How many releases stay on the machine, the current one among them. Default: 5.
    #[serde(default = "five")]
    pub keep_releases: usize,
    /// Whom the releases belong to, and who runs hooks and `migrate_command`. Default: toque's own
    /// user.
    pub owner: Option<Account>,
    /// Another name of `owner`.
    pub user: Option<Account>,
    /// The group of the releases, and of hooks and `migrate_command`. Default: the owner's.
    pub group: Option<Account>,
    /// Mode of a new release's folder, and of new folders in `shared/`. Default: `"0755"`, less the
    /// `umask`.
    pub mode: Option<Mode>,
    /// The app's environment, as a map of names and values. Hooks, `migrate_command`, `restart` and
    /// `check` have it, and `environment_file` holds it. It is never shown. Default: none, and no
    /// file.
    #[schemars(extend("sensitive" = true))]
    pub environment: Option<IndexMap<String, Variable>>,
    /// The file for the environment, absolute or below `path`. It belongs to the owner and has mode
    /// 0600; systemd's `EnvironmentFile=` and a shell's `.` read the same from it. Default:
    /// `shared/app.env`.
    pub environment_file: Option<String>,
    /// Folders to make in `shared/`, for what outlives a release: `["log", "public/uploads"]`.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// Links from the release to `shared/`, made before it becomes current: a map from paths in
    /// `shared/` to paths in the release. A link takes the place of whatever the source has there.
    /// Default: each folder of `shared`, under the same path.
    pub symlinks: Option<IndexMap<String, String>>,
    /// The same, made before `migrate_command` runs: `#{ "config/database.yml":
    /// "config/database.yml" }`. Default: none.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub symlink_before_migrate: IndexMap<String, String>,
    /// Folders to make in the release before links are made. Those that links lie in are made
    /// anyhow. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub create_dirs_before_symlink: Vec<String>,
    /// Paths in the release that are removed before links are made. Those of the links themselves
    /// are removed anyhow. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purge_before_symlink: Vec<String>,
    /// A command, or a closure, before `migrate_command`. Commands run as the owner, in the
    /// release, with the app's environment and `APP`, `DEPLOY_PATH`, `RELEASE_PATH`,
    /// `CURRENT_PATH`, `SHARED_PATH` and `REVISION`; a closure with a parameter is given `#{ app,
    /// path, release, current, shared, revision }`.
    #[schemars(extend("format" = "command"))]
    pub before_migrate: Option<Hook>,
    /// Whether `migrate_command` runs: once for each revision, and only when it is deployed.
    /// Default: false.
    #[serde(default)]
    pub migrate: bool,
    /// The command that brings the database up to the new release. It runs as hooks do.
    pub migrate_command: Option<CommandLine>,
    /// A command, or a closure, before `symlinks` are made and the release becomes current.
    #[schemars(extend("format" = "command"))]
    pub before_symlink: Option<Hook>,
    /// A command, or a closure, when the release is current and before `restart`.
    #[schemars(extend("format" = "command"))]
    pub before_restart: Option<Hook>,
    /// What makes the app run the new release: a command, which runs as toque's own user in the
    /// release, or `#{ service: name }`. Default: nothing.
    #[schemars(extend("format" = "command"))]
    pub restart: Option<Restart>,
    /// How to tell that the app is up: a map of one of `url` (answers with a status below 400),
    /// `port` (something listens on it) and `command` (ends with 0; it runs as hooks do), with
    /// `timeout` (60 seconds) and `interval` (1 second). Default: not checked.
    pub check: Option<Check>,
    /// A command, or a closure, when the app is up.
    #[schemars(extend("format" = "command"))]
    pub after_restart: Option<Hook>,
    /// Whether a failure after the switch leads back to the release before. Default: true.
    #[serde(default = "defaults::yes")]
    pub rollback_on_error: bool,
    /// Seconds that each command may take before it is killed with all that it started. Default:
    /// 3600.
    #[serde(default = "defaults::an_hour")]
    pub timeout: Seconds,
}

fn five() -> usize {
    5
}

actions! {
    pub enum DeployAction {
        Deploy = "deploy", "Make the release of the source's revision the current one, unless it was rolled back";
        Rollback = "rollback", "Go back to the release that was deployed before the current one";
        Restart = "restart", "Restart what runs the current release, and check it";
        Undeploy = "undeploy", "Remove the folder with all releases, and `shared/`";
    }
}

impl Deploy {
    /// Nothing can be linked below a link.
    fn places_apart(&self) -> Result<(), PropertyError> {
        let linked = match &self.symlinks {
            Some(symlinks) => {
                symlinks.values().map(|place| ("symlinks", place)).collect::<Vec<_>>()
            }
            None => self.shared.iter().map(|folder| ("shared", folder)).collect(),
        };
        let early =
            self.symlink_before_migrate.values().map(|place| ("symlink_before_migrate", place));
        let all: Vec<_> = linked.into_iter().chain(early).collect();
        let inside = |(_, place): &&(&str, &String), other: &str| {
            Path::new(place.as_str()) != Path::new(other)
                && Path::new(place.as_str()).starts_with(other)
        };
        for (_, other) in &all {
            if let Some((property, place)) = all.iter().find(|one| inside(one, other)) {
                let wrong = format!("`{place}` is below `{other}`, which is a link to `shared`");
                return Err(PropertyError::new(*property, wrong)
                    .hint(format!("leave `{place}` out: it is shared with `{other}`")));
            }
        }
        Ok(())
    }
}

impl Resource for Deploy {
    const KIND: &'static str = "deploy";
    const IDENTITY: &'static str = "path";
    const CALLBACKS: &'static [&'static str] =
        &["before_migrate", "before_symlink", "before_restart", "after_restart"];
    type Action = DeployAction;
    type Desired = Desired;

    fn check(&self, actions: &[DeployAction]) -> Result<(), PropertyError> {
        crate::shared::path::check_file("path", &self.path)?;
        match &self.source {
            Some(source) => source.check().map_err(|error| within("source", error))?,
            None if actions.contains(&DeployAction::Deploy) => {
                return Err(PropertyError::new("source", "it is required to deploy: where does the app come from?").hint(
                    "give the app's own, `source: app.app_source`, or a map such as `#{ type: \"git\", url: \"https://…\" }`",
                ));
            }
            None => {}
        }
        if self.keep_releases == 0 {
            return Err(PropertyError::named(
                "keep_releases",
                "`keep_releases` is 0, and the current release stays at least",
            ));
        }
        if self.owner.is_some() && self.user.is_some() {
            return Err(PropertyError::named(
                "user",
                "`user` is another name of `owner`: set one of them",
            ));
        }
        if self.migrate && self.migrate_command.is_none() {
            return Err(PropertyError::new(
                "migrate_command",
                "it is required where `migrate` is true",
            ));
        }
        for (name, value) in self.environment.iter().flatten() {
            environment::check(name, &value.text())
                .map_err(|error| within("environment", error))?;
        }
        if let Some(file) = &self.environment_file {
            if file.starts_with('/') {
                crate::shared::path::check_file("environment_file", file)?;
            } else {
                below("environment_file", file)?;
            }
        }
        self.shared.iter().try_for_each(|folder| below("shared", folder))?;
        let links = |property, links: &IndexMap<String, String>| {
            links.iter().try_for_each(|(shared, place)| {
                below(property, shared).and_then(|()| below(property, place))
            })
        };
        self.symlinks.iter().try_for_each(|symlinks| links("symlinks", symlinks))?;
        links("symlink_before_migrate", &self.symlink_before_migrate)?;
        self.create_dirs_before_symlink
            .iter()
            .try_for_each(|folder| below("create_dirs_before_symlink", folder))?;
        self.purge_before_symlink
            .iter()
            .try_for_each(|place| below("purge_before_symlink", place))?;
        self.places_apart()?;
        self.restart.as_ref().map_or(Ok(()), Restart::check)?;
        self.check.as_ref().map_or(Ok(()), Check::check)
    }

    fn resolve(mut self, scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        let path = crate::shared::path::plain(&self.path);
        let last = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let app = self.app.take().unwrap_or(last);
        self.owner = self.owner.take().or(self.user.take());
        let environment_file =
            path.join(self.environment_file.as_deref().unwrap_or("shared/app.env"));
        Ok(Desired {
            asked: scope.asked(&app),
            umask: scope.umask(),
            layout: Layout { path },
            app,
            environment_file,
            deploy: self,
        })
    }
}

fn within(property: &str, error: PropertyError) -> PropertyError {
    let inner = if error.property.is_empty() {
        property.to_owned()
    } else {
        format!("{property}.{}", error.property)
    };
    PropertyError { property: inner, ..error }
}

/// A path that stays below the folder it is joined to.
fn below(property: &str, path: &str) -> Result<(), PropertyError> {
    use std::path::{Component, Path};
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.is_empty()
        && path != "."
        && !path.contains('\0')
        && Path::new(path).components().all(inside)
    {
        return Ok(());
    }
    Err(PropertyError::new(property, format!("`{path}` is no path below a folder"))
        .hint("write it without `/` at the beginning and without `..`, such as `public/uploads`"))
}

/// What is to be deployed, and what the run's command asks of the app.
#[derive(Debug)]
pub(crate) struct Desired {
    deploy: Deploy,
    app: String,
    layout: Layout,
    environment_file: PathBuf,
    asked: Asked,
    umask: u32,
}

/// What is to be done after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// `forced`: a hold does not count.
    Deploy {
        forced: bool,
    },
    Rollback,
    Restart,
    Undeploy,
    Nothing,
}

impl Desired {
    /// Recipes that deploy serve the other commands too: only `deploy` gives way to what the
    /// command asks.
    fn task(&self, action: DeployAction) -> Task {
        match (action, self.asked) {
            (DeployAction::Deploy, Asked::Nothing) => Task::Deploy { forced: false },
            (DeployAction::Deploy, Asked::Deploy) => Task::Deploy { forced: true },
            (DeployAction::Deploy, Asked::Undeploy | Asked::Another) => Task::Nothing,
            (DeployAction::Deploy, Asked::Rollback) | (DeployAction::Rollback, _) => Task::Rollback,
            (DeployAction::Deploy, Asked::Restart) | (DeployAction::Restart, _) => Task::Restart,
            (DeployAction::Undeploy, _) => Task::Undeploy,
        }
    }

    /// Links to make with the release, from `shared/` to the release.
    fn symlinks(&self) -> Vec<(&str, &str)> {
        match &self.deploy.symlinks {
            Some(symlinks) => {
                symlinks.iter().map(|(shared, place)| (shared.as_str(), place.as_str())).collect()
            }
            None => {
                self.deploy.shared.iter().map(|folder| (folder.as_str(), folder.as_str())).collect()
            }
        }
    }
}

/// Releases as folders, and a link that is switched.
#[derive(Debug)]
pub(crate) struct Provider;

impl resource::Provider for Provider {
    type Resource = Deploy;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "releases";

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        action: DeployAction,
    ) -> Result<State, Failure> {
        inspect::inspect(view, desired, desired.task(action))
    }

    fn plan(
        &self,
        desired: &Desired,
        _action: DeployAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        plan::plan(desired, state)
    }

    fn notes(&self, _desired: &Desired, _action: DeployAction, state: &State) -> Vec<String> {
        state.held.iter().map(|revision| format!("held: {revision} was rolled back")).collect()
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired,
        action: DeployAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        apply::apply(apply, desired, desired.task(action), changes)
    }
}

#[cfg(test)]
mod tests;
