//! What a deployment comes to, step by step. `current` is switched when everything that may fail
//! without the app being restarted has been done: after `before_symlink` and the links, as in Chef,
//! and before `before_restart`. Up to there nothing that runs is touched.

use std::path::{Path, PathBuf};

use toque_contract::resource::Change;
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::source::ResolvedSource;

use super::hook::{Hook, describe};
use super::inspect::State;
use super::layout::{Layout, release_name};
use super::record::Release;
use super::{Desired, Task};

/// One thing to do.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Remove what a deploy that was killed has left.
    Leftover(PathBuf),
    /// Make a folder of toque's own.
    Folder(PathBuf),
    /// Make a folder in `shared/`, the owner's.
    Shared(String),
    /// Put what the source has into a new release.
    Release {
        name: String,
        found: Box<ResolvedSource>,
    },
    /// Run a hook in a release.
    Hook {
        release: String,
        name: &'static str,
        hook: Hook,
    },
    Migrate {
        release: String,
    },
    Links {
        release: String,
        links: Links,
    },
    Environment(Vec<u8>),
    /// Let `current` lead to a release.
    Switch {
        to: Release,
        from: Option<String>,
        rollback: bool,
    },
    /// Restart what runs the current release.
    Restart,
    Check,
    /// Remove a release that is not needed any more.
    Remove {
        name: String,
    },
    /// Remove the environment's file.
    NoEnvironment(PathBuf),
    /// Remove the app's folder: where it is without links.
    Undeploy(PathBuf),
}

/// What is done in a release's folder by its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Paths in the release to remove first.
    pub purge: Vec<String>,
    /// Folders in the release to make first.
    pub folders: Vec<String>,
    /// From paths in `shared/` to paths in the release.
    pub links: Vec<(String, String)>,
}

/// # Errors
/// When there is nothing to go back to.
pub(crate) fn plan(desired: &Desired, state: &State) -> Result<Vec<Change<Step>>, Failure> {
    let mut changes = Vec::new();
    match state.task {
        Task::Nothing => {}
        Task::Undeploy => {
            let path = &desired.layout.path;
            // What lies in the folder goes with it.
            changes.extend(
                state
                    .old_environment
                    .as_ref()
                    .filter(|file| !file.starts_with(path))
                    .map(|file| no_environment(file)),
            );
            if let Some(folder) = &state.folder {
                let what =
                    format!("remove `{}` with all releases and what they share", path.display());
                let change = Change::new(what, Step::Undeploy(folder.clone())).touches(Area::Files);
                changes.push(change.provides(PlannedEffect::Absent { path: path.clone() }));
            }
        }
        Task::Restart => {
            if state.current.is_none() {
                return Err(nothing_deployed(desired, "restart"));
            }
            restart(desired, &mut changes);
        }
        Task::Rollback => rollback(desired, state, &mut changes)?,
        Task::Deploy { .. } => deploy(desired, state, &mut changes),
    }
    Ok(changes)
}

fn deploy(desired: &Desired, state: &State, changes: &mut Vec<Change<Step>>) {
    let Some(found) = &state.found else { return };
    let deploy = &desired.deploy;
    let current = state.current.as_deref();
    let name = release_name(&found.revision.id);
    let there = state.releases.iter().any(|release| release == name);
    let complete = there && state.record.place(name).is_some();
    let new = state.held.is_none() && !(current == Some(name) && complete);

    changes.extend(state.leftovers.iter().map(|path| {
        Change::new(
            format!("remove `{}`, which a deploy that was killed has left", path.display()),
            Step::Leftover(path.clone()),
        )
        .provides(PlannedEffect::Absent { path: path.clone() })
        .touches(Area::Files)
    }));
    let never_ran = state.record.never_ran(current).filter(|release| *release != name);
    changes.extend(never_ran.map(|release| {
        let path = desired.layout.release(release);
        Change::new(
            format!("remove `{}`, which has never been current", path.display()),
            Step::Leftover(path.clone()),
        )
        .provides(PlannedEffect::Absent { path })
        .touches(Area::Files)
    }));
    changes.extend(state.missing.iter().map(|path| folder(desired, state, path)));
    changes.extend(state.shared.iter().map(|shared| {
        let path = desired.layout.shared().join(shared);
        let what = format!("create directory `{}`", path.display());
        let provide = PlannedEffect::Directory {
            path,
            mode: mode(desired),
            uid: state.wanted.uid.unwrap_or(state.own.0),
            gid: state.wanted.gid.unwrap_or(state.own.1),
        };
        Change::new(what, Step::Shared(shared.clone())).provides(provide).touches(Area::Files)
    }));
    if new {
        make(desired, state, found, complete, changes);
    } else if let Some(current) = current
        && !state.links.is_empty()
    {
        changes.extend(links(current, Links { links: state.links.clone(), ..Links::default() }));
    }
    if let Some(content) = &state.environment {
        changes.push(environment(desired, state, content));
    }
    changes.extend(state.old_environment.as_ref().map(|file| no_environment(file)));
    if new {
        let release = Release {
            name: name.to_owned(),
            revision: found.revision.name.clone(),
            rolled_back: false,
        };
        changes.push(switch(desired, state, release, false));
    }
    // What a deploy that was killed has not restarted is restarted now.
    let unfinished = state
        .record
        .unfinished
        .as_ref()
        .is_some_and(|unfinished| Some(unfinished.release.as_str()) == current);
    let other = |change: &Change<Step>| {
        matches!(change.step, Step::Links { .. } | Step::Environment(_) | Step::NoEnvironment(_))
    };
    if new || unfinished || changes.iter().any(other) {
        let release = if new { Some(name) } else { current };
        let hook = |hook: &Option<Hook>, name| Some(run_hook(release?, name, hook.clone()?));
        changes.extend(hook(&deploy.before_restart, "before_restart"));
        restart(desired, changes);
        changes.extend(hook(&deploy.after_restart, "after_restart"));
    }
    let mut record = state.record.clone();
    record.releases.retain(|release| Some(release.name.as_str()) != never_ran);
    if new {
        record.deploy(Release {
            name: name.to_owned(),
            revision: found.revision.name.clone(),
            rolled_back: false,
        });
    }
    if let Some(current) = if new { Some(name) } else { current } {
        let superfluous = record.superfluous(current, deploy.keep_releases, current == name);
        changes.extend(superfluous.into_iter().map(|release| remove(desired, release)));
    }
}

/// The steps by which a release comes to be, or is made ready again.
fn make(
    desired: &Desired,
    state: &State,
    found: &ResolvedSource,
    complete: bool,
    changes: &mut Vec<Change<Step>>,
) {
    let deploy = &desired.deploy;
    let release = release_name(&found.revision.id);
    let path = desired.layout.release(release);
    let owned = |pairs: Vec<(&str, &str)>| {
        pairs.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    };
    let early = deploy
        .symlink_before_migrate
        .iter()
        .map(|(shared, place)| (shared.as_str(), place.as_str()))
        .collect();
    let early = Links { links: owned(early), ..Links::default() };
    let late = Links {
        purge: deploy.purge_before_symlink.clone(),
        folders: deploy.create_dirs_before_symlink.clone(),
        links: owned(desired.symlinks()),
    };
    if !complete && state.releases.iter().any(|there| there == release) {
        let what = format!("remove `{}`, which is no complete release", path.display());
        changes.push(Change::new(what, Step::Leftover(path.clone())).touches(Area::Files));
    }
    let revision = &found.revision.name;
    if !complete {
        let source =
            deploy.source.as_ref().map(toque_machine::source::Source::shown).unwrap_or_default();
        let step = Step::Release { name: release.to_owned(), found: Box::new(found.clone()) };
        changes.push(
            Change::new(format!("deploy {revision} from `{source}`"), step)
                // What is in it is told by nobody before it is there.
                .provides(PlannedEffect::Anything(Area::Files.into()))
                .touches(Area::Files),
        );
        changes.extend(
            deploy.before_migrate.clone().map(|hook| run_hook(release, "before_migrate", hook)),
        );
    }
    changes.extend(links(release, early));
    if let (true, Some(line)) = (
        deploy.migrate && !state.record.migrated.iter().any(|done| done == release),
        &deploy.migrate_command,
    ) {
        let change = Change::new(
            describe("migrate_command", line),
            Step::Migrate { release: release.to_owned() },
        );
        changes.push(change.provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL));
    }
    if !complete {
        changes.extend(
            deploy.before_symlink.clone().map(|hook| run_hook(release, "before_symlink", hook)),
        );
    }
    changes.extend(links(release, late));
}

fn rollback(
    desired: &Desired,
    state: &State,
    changes: &mut Vec<Change<Step>>,
) -> Result<(), Failure> {
    let Some(current) = &state.current else { return Err(nothing_deployed(desired, "roll back")) };
    if state.record.is_going_back_to(current) {
        // A second try goes no further back than the first.
        restart(desired, changes);
        if !changes.is_empty() {
            return Ok(());
        }
    }
    let Some(to) = state.record.before(current, &state.releases) else {
        let revision = state.record.revision(current);
        return Err(Failure::new(format!(
            "cannot roll back `{}`: there is no release before {revision}",
            desired.app
        ))
        .hint("deploy the revision you want instead: name it in the source"));
    };
    changes.push(switch(desired, state, to.clone(), true));
    restart(desired, changes);
    Ok(())
}

fn switch(desired: &Desired, state: &State, to: Release, rollback: bool) -> Change<Step> {
    let words = match &state.current {
        Some(from) if *from != to.name => {
            format!("switch current from {} to {}", state.record.revision(from), to.revision)
        }
        _ => format!("let current lead to {}", to.revision),
    };
    let link = PlannedEffect::Link {
        path: desired.layout.current(),
        to: Layout::link_to(&to.name),
        uid: state.own.0,
        gid: state.own.1,
    };
    let step = Step::Switch { to, from: state.current.clone(), rollback };
    Change::new(words, step)
        .provides(link)
        .provides(PlannedEffect::Anything(Area::Files.into()))
        .touches(Area::Files)
}

fn restart(desired: &Desired, changes: &mut Vec<Change<Step>>) {
    changes.extend(desired.deploy.restart.as_ref().map(|restart| restart.change(Step::Restart)));
    changes.extend(desired.deploy.check.as_ref().map(|check| {
        let change = Change::new(check.describe(), Step::Check);
        if check.is_command() {
            change.provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL)
        } else {
            change
        }
    }));
}

fn run_hook(release: &str, name: &'static str, hook: Hook) -> Change<Step> {
    let what = hook.describe(name);
    let step = Step::Hook { release: release.to_owned(), name, hook };
    Change::new(what, step).provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL)
}

fn links(release: &str, links: Links) -> Option<Change<Step>> {
    if links == Links::default() {
        return None;
    }
    let told = |places: Vec<&String>| {
        places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ")
    };
    let mut words = Vec::new();
    if !links.purge.is_empty() {
        words.push(format!("remove {}", told(links.purge.iter().collect())));
    }
    if !links.folders.is_empty() {
        words.push(format!("make {}", told(links.folders.iter().collect())));
    }
    if !links.links.is_empty() {
        words.push(format!(
            "link {} to `shared`",
            told(links.links.iter().map(|(_, place)| place).collect())
        ));
    }
    let change = Change::new(
        format!("{} in the release", words.join(", ")),
        Step::Links { release: release.to_owned(), links },
    );
    Some(change.provides(PlannedEffect::Anything(Area::Files.into())).touches(Area::Files))
}

fn environment(desired: &Desired, state: &State, content: &[u8]) -> Change<Step> {
    let path = desired.environment_file.clone();
    let count = desired.deploy.environment.as_ref().map_or(0, indexmap::IndexMap::len);
    let what = format!(
        "write `{}` ({count} variable{})",
        path.display(),
        if count == 1 { "" } else { "s" }
    );
    let (uid, gid) =
        (state.wanted.uid.unwrap_or(state.own.0), state.wanted.gid.unwrap_or(state.own.1));
    Change::new(what, Step::Environment(content.to_vec()))
        .provides(PlannedEffect::File {
            path,
            content: Some(content.into()),
            mode: 0o600,
            uid,
            gid,
        })
        .touches(Area::Files)
}

fn no_environment(path: &Path) -> Change<Step> {
    Change::new(
        format!("remove `{}`, the environment that there was", path.display()),
        Step::NoEnvironment(path.to_owned()),
    )
    .provides(PlannedEffect::Absent { path: path.to_owned() })
    .touches(Area::Files)
}

fn folder(desired: &Desired, state: &State, path: &Path) -> Change<Step> {
    let (uid, gid) = state.own;
    Change::new(format!("create directory `{}`", path.display()), Step::Folder(path.to_owned()))
        .provides(PlannedEffect::Directory {
            path: path.to_owned(),
            mode: 0o777 & !desired.umask & !0o022,
            uid,
            gid,
        })
        .touches(Area::Files)
}

fn remove(desired: &Desired, release: &Release) -> Change<Step> {
    let path = desired.layout.release(&release.name);
    Change::new(
        format!("remove release {}", release.revision),
        Step::Remove { name: release.name.clone() },
    )
    .provides(PlannedEffect::Absent { path })
    .touches(Area::Files)
}

/// The mode of what the owner gets.
pub(crate) fn mode(desired: &Desired) -> u32 {
    desired.deploy.mode.map_or(0o755 & !desired.umask, |mode| mode.0)
}

fn nothing_deployed(desired: &Desired, what: &str) -> Failure {
    Failure::new(format!(
        "cannot {what} `{}`: nothing is deployed in `{}`",
        desired.app,
        desired.layout.path.display()
    ))
    .hint("deploy it first, or correct `path`")
}
