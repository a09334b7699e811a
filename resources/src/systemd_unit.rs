//! Units of systemd whose files the recipe holds.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toque_contract::resource::{
    Action as _, Apply, Change, Effect, HostFacts, Resource, Scope, Support,
};
use toque_contract::{actions, resource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::Account;
use toque_machine::system::{FileKind, Ownership, Query};
use toque_machine::view::View;

use crate::service::unit::{self, Bus};
use crate::service::{self, ServiceAction};
use crate::shared::defaults;
use crate::shared::managed_file::diff;
use crate::shared::managed_file::{self, Replacement, Verify};
use crate::shared::optional;
use crate::shared::ownership::Attributes;
use crate::shared::parse::systemctl::Unit;

/// A unit file in `/etc/systemd`, and the unit that it makes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemdUnit {
    /// The unit with its suffix: `backup.timer`.
    pub unit_name: String,
    /// The text of the file, or a map of sections, each a map of options to a value or an array of
    /// values.
    pub content: Option<Content>,
    /// The user whose systemd is spoken to; the file then lies in `/etc/systemd/user`.
    pub user: Option<Account>,
    /// Whether systemd reads its units again after the file has changed. Default: true.
    #[serde(default = "defaults::yes")]
    pub triggers_reload: bool,
    /// Whether `systemd-analyze verify` must accept the file before it goes live, where that
    /// program is there. Default: true.
    #[serde(default = "defaults::yes")]
    pub verify: bool,
}

/// A unit file, as text or by sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the text of a unit file, or a map of its sections")]
#[schemars(inline)]
pub(crate) enum Content {
    Text(String),
    Sections(Map<String, Value>),
}

actions! {
    pub enum UnitAction {
        Nothing = "nothing", "Wait to be notified";
        Create = "create", "Make sure that the file has this content";
        Delete = "delete", "Remove the file";
        Enable = "enable", "Make it start with the machine";
        Disable = "disable", "Keep it from starting with the machine";
        Reenable = "reenable", "Disable and enable it, so that its links are as its file says";
        Mask = "mask", "Make it impossible to start";
        Unmask = "unmask", "Undo `mask`";
        Start = "start", "Make it run now";
        Stop = "stop", "Make it end now";
        Restart = "restart", "Stop and start it, or start it where it does not run";
        Reload = "reload", "Make it read its configuration again, where it runs";
        TryRestart = "try_restart", "Restart it where it runs";
        ReloadOrRestart = "reload_or_restart", "Reload it, or restart it where it cannot";
        ReloadOrTryRestart = "reload_or_try_restart", "The same, where it runs";
        Preset = "preset", "Enable or disable it as the distribution's presets say";
        Revert = "revert", "Undo every local change to it";
    }
}

impl Resource for SystemdUnit {
    const KIND: &'static str = "systemd_unit";
    const IDENTITY: &'static str = "unit_name";
    type Action = UnitAction;
    type Desired = Wanted;

    fn check(&self, actions: &[UnitAction]) -> Result<(), PropertyError> {
        let name = &self.unit_name;
        if name.starts_with('-') || name.contains(['/', '\n']) || !name.contains('.') {
            return Err(PropertyError::new(
                "unit_name",
                format!("`{name}` cannot be the name of a unit"),
            )
            .hint("give the full name with its suffix, such as `backup.service`"));
        }
        if actions.contains(&UnitAction::Create) && self.content.is_none() {
            return Err(PropertyError::named("content", "the action `create` needs `content`"));
        }
        if let Some(Content::Sections(sections)) = &self.content {
            render(sections).map_err(|message| PropertyError::new("content", message))?;
        }
        Ok(())
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Wanted, Diagnostic> {
        let content = match &self.content {
            None => None,
            Some(Content::Text(text)) => Some(text.clone()),
            Some(Content::Sections(sections)) => Some(render(sections).map_err(Diagnostic::error)?),
        };
        let folder = if self.user.is_some() { "/etc/systemd/user" } else { "/etc/systemd/system" };
        Ok(Wanted { path: Path::new(folder).join(&self.unit_name), content, unit: self })
    }
}

/// The sections as text, in the order that people know, since a recipe's map has none of its own;
/// an array repeats its option.
fn render(sections: &Map<String, Value>) -> Result<String, String> {
    let mut text = String::new();
    let mut sections: Vec<(&String, &Value)> = sections.iter().collect();
    sections.sort_by_key(|(section, _)| match section.as_str() {
        "Unit" => 0,
        "Install" => 2,
        _ => 1,
    });
    for (section, options) in sections {
        let Value::Object(options) = options else {
            return Err(format!("section `{section}` is not a map of options"));
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("[{section}]\n");
        for (option, value) in options {
            let values = match value {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) => value.to_string(),
                    _ => {
                        return Err(format!(
                            "`{option}` in section `{section}` is neither text nor a number nor an array of those"
                        ));
                    }
                };
                text += &format!("{option}={value}\n");
            }
        }
    }
    Ok(text)
}

/// A unit with its file's text and place.
#[derive(Debug)]
pub(crate) struct Wanted {
    unit: SystemdUnit,
    content: Option<String>,
    path: PathBuf,
}

/// `systemctl`, and a file.
#[derive(Debug)]
pub(crate) struct Provider;

/// What is there of the unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    file: Option<String>,
    unit: Unit,
    takes_along: bool,
    /// What the new file would make of it, and the others that it names.
    fresh: Option<(Unit, Vec<PlannedEffect>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Write,
    Remove,
    /// A verb of `systemctl`.
    Control(&'static str),
}

impl resource::Provider for Provider {
    type Resource = SystemdUnit;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "systemd";
    const REACH: Areas = Areas::of(&[Area::Services, Area::Files]);

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        service::Systemd.supports(host)
    }

    fn inspect(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: UnitAction,
    ) -> Result<State, Failure> {
        let bus = Bus::of(view, wanted.unit.user.as_ref())?;
        let unit = unit::inspect(view, &bus, &wanted.unit.unit_name)?;
        let writes = matches!(action, UnitAction::Create | UnitAction::Delete);
        let file = match view.lstat(&wanted.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::io("look at", &wanted.path, &error)),
            // A link to /dev/null is a mask, any other an alias: neither is this unit's file.
            Ok(found) if found.kind == FileKind::Link && writes => {
                return Err(Failure::new(format!(
                    "cannot {} `{}`: a link is in its place",
                    action.name(),
                    wanted.path.display()
                ))
                .hint("the unit may be masked: use the action `unmask` first"));
            }
            Ok(found) if found.kind == FileKind::Link => None,
            Ok(_) => Some(
                String::from_utf8_lossy(&view.read(&wanted.path).context("read", &wanted.path)?)
                    .into_owned(),
            ),
        };
        // What is not there neither runs nor starts with the machine, which is what taking a unit
        // away asks for.
        let takes_away = matches!(action, UnitAction::Stop | UnitAction::Disable);
        if unit.load == "not-found" && !writes && !takes_away && action != UnitAction::Nothing {
            return Err(Failure::new(format!("systemd knows no unit `{}`", wanted.unit.unit_name))
                .hint("use the action `create` first, or declare the package that brings it"));
        }
        let switches = matches!(action, UnitAction::Enable | UnitAction::Disable);
        let takes_along = switches && unit::takes_along(view, &bus, &wanted.unit.unit_name)?;
        let content = wanted.content.as_deref().filter(|_| action == UnitAction::Create);
        let fresh = match content {
            Some(content) => {
                let name = &wanted.unit.unit_name;
                let fresh = unit::from_file(view, &bus, name, content)?;
                let tied = unit::tied(&bus, name, &fresh).collect();
                Some((fresh, tied))
            }
            None => None,
        };
        Ok(State { file, unit, takes_along, fresh })
    }

    fn plan(
        &self,
        wanted: &Wanted,
        action: UnitAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let unit = &state.unit;
        let (running, masked) = (unit.is_running(), unit.is_masked());
        let verb = match action {
            UnitAction::Create => return Ok(create(wanted, state).into_iter().collect()),
            UnitAction::Delete => return Ok(delete(wanted, state).into_iter().collect()),
            UnitAction::Enable => (unit.file == "disabled").then_some("enable"),
            UnitAction::Disable => {
                matches!(unit.file.as_str(), "enabled" | "enabled-runtime").then_some("disable")
            }
            UnitAction::Mask => (!masked).then_some("mask"),
            UnitAction::Unmask => masked.then_some("unmask"),
            UnitAction::Start => (!running).then_some("start"),
            UnitAction::Stop => running.then_some("stop"),
            UnitAction::Reload => running.then_some("reload"),
            UnitAction::TryRestart => running.then_some("try-restart"),
            UnitAction::ReloadOrTryRestart => running.then_some("try-reload-or-restart"),
            UnitAction::Restart => Some("restart"),
            UnitAction::ReloadOrRestart => Some("reload-or-restart"),
            UnitAction::Reenable => Some("reenable"),
            UnitAction::Preset => Some("preset"),
            UnitAction::Revert => Some("revert"),
            UnitAction::Nothing => None,
        };
        Ok(verb.map(|verb| control(wanted, action, verb, state)).into_iter().collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted,
        action: UnitAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let bus = Bus::of(apply.view, wanted.unit.user.as_ref())?;
        for change in changes {
            match &change.step {
                Step::Write => write(apply, wanted)?,
                Step::Remove => {
                    apply.back_up(&wanted.path, KEEP)?;
                    apply.system.remove_file(&wanted.path).context("remove", &wanted.path)?;
                }
                Step::Control(verb) => {
                    let name = wanted.unit.unit_name.as_str();
                    let starts = match action {
                        UnitAction::Start => ServiceAction::Start,
                        UnitAction::Reload => ServiceAction::Reload,
                        UnitAction::Restart
                        | UnitAction::TryRestart
                        | UnitAction::ReloadOrRestart
                        | UnitAction::ReloadOrTryRestart => ServiceAction::Restart,
                        _ => ServiceAction::Nothing,
                    };
                    apply.run(&bus.command([*verb, "--", name])).map_err(|failure| {
                        unit::show_failure(apply.system.as_query(), &bus, name, starts, failure)
                    })?;
                }
            }
            if wanted.unit.triggers_reload && matches!(change.step, Step::Write | Step::Remove) {
                apply.run(&bus.command(["daemon-reload"]))?;
            }
        }
        Ok(Effect::Changed)
    }
}

/// How many earlier versions of a file are kept.
const KEEP: usize = 5;

fn create(wanted: &Wanted, state: &State) -> Option<Change<Step>> {
    let content =
        wanted.content.as_ref().filter(|content| state.file.as_ref() != Some(*content))?;
    let path = wanted.path.display();
    let what = if state.file.is_some() {
        format!("update unit file `{path}`")
    } else {
        format!("create unit file `{path}`")
    };
    let old = state.file.as_deref().unwrap_or_default();
    let diff = diff(&wanted.path, old.as_bytes(), content.as_bytes());
    let (fresh, tied) = state.fresh.clone()?;
    // What runs keeps running as it was; whether it is enabled is a matter of links, unless there
    // is nothing to enable any more.
    let known = state.unit.load == "loaded";
    let keeps = known && state.unit.file != "static" && fresh.file != "static";
    let unit = Unit {
        file: if keeps { state.unit.file.clone() } else { fresh.file },
        load: fresh.load,
        active: state.unit.active.clone(),
        starts: if known {
            [fresh.starts, state.unit.starts.clone()].concat()
        } else {
            fresh.starts
        },
        stops: state.unit.stops.clone(),
    };
    let file = PlannedEffect::File {
        path: wanted.path.clone(),
        content: Some(content.as_bytes().into()),
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    let mut change = Change::new(what, Step::Write)
        .diff(diff)
        .provides(file)
        .provides(unit_state(wanted, &unit));
    change.provides.extend(tied);
    Some(change.touches(Area::Files | Area::Services))
}

fn delete(wanted: &Wanted, state: &State) -> Option<Change<Step>> {
    state.file.as_ref()?;
    let what = format!("remove unit file `{}`", wanted.path.display());
    // A unit of the distribution may show again below, and what still runs is not gone yet.
    Some(
        Change::new(what, Step::Remove)
            .provides(PlannedEffect::Absent { path: wanted.path.clone() })
            .provides(PlannedEffect::Anything(Area::Services.into()))
            .touches(Area::Files | Area::Services),
    )
}

fn control(wanted: &Wanted, action: UnitAction, verb: &'static str, state: &State) -> Change<Step> {
    let unit = &state.unit;
    let mut after = unit.clone();
    let sure = match action {
        UnitAction::Enable => set(&mut after.file, "enabled") && !state.takes_along,
        UnitAction::Disable => set(&mut after.file, "disabled") && !state.takes_along,
        UnitAction::Mask => set(&mut after.load, "masked") && set(&mut after.file, "masked"),
        UnitAction::Stop => set(&mut after.active, "inactive") && unit.stops.is_empty(),
        UnitAction::Start
        | UnitAction::Restart
        | UnitAction::ReloadOrRestart
        | UnitAction::TryRestart
        | UnitAction::ReloadOrTryRestart => {
            set(&mut after.active, "active") && unit.starts.is_empty()
        }
        UnitAction::Reload => true,
        _ => false,
    };
    let mut change =
        Change::new(format!("{verb} unit `{}`", wanted.unit.unit_name), Step::Control(verb))
            .touches(Area::Services);
    if !sure {
        change = change.provides(PlannedEffect::Anything(Area::Services.into()));
    }
    let mask = match action {
        UnitAction::Mask => ServiceAction::Mask,
        UnitAction::Unmask => ServiceAction::Unmask,
        _ => ServiceAction::Nothing,
    };
    if let Some(link) = unit::mask_link(wanted.unit.user.as_ref(), &wanted.unit.unit_name, mask) {
        change = change.provides(link).touches(Area::Files);
    }
    match action {
        // It may remove the unit's file and its drop-ins.
        UnitAction::Revert => {
            change.provides(PlannedEffect::Anything(Area::Files.into())).touches(Area::Files)
        }
        UnitAction::Preset | UnitAction::Reenable | UnitAction::Unmask => change,
        _ => change.provides(unit_state(wanted, &after)),
    }
}

fn set(field: &mut String, value: &str) -> bool {
    value.clone_into(field);
    true
}

fn unit_state(wanted: &Wanted, unit: &Unit) -> PlannedEffect {
    unit::planned(wanted.unit.user.as_ref(), &wanted.unit.unit_name, unit)
}

/// As any managed file; one that cannot be replaced, as where it is a bind mount, is written in
/// place.
fn write(apply: &mut Apply<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let ownership = Ownership { uid: Some(0), gid: Some(0), mode: Some(0o644) };
    let there = optional::lstat(apply.system.as_query(), &wanted.path)?;
    let verify: &[Verify] = if wanted.unit.verify { &[Verify::SystemdUnit] } else { &[] };
    let replacement = Replacement {
        path: wanted.path.clone(),
        content: wanted.content.as_deref().unwrap_or_default().as_bytes().into(),
        ownership,
        verify: verify.into(),
        backup: if there.is_some() { KEEP } else { 0 },
        attributes: there
            .and_then(|found| Attributes::difference(&wanted.path, &found, &ownership)),
        in_place: false,
    };
    managed_file::apply(apply, [&managed_file::Step::Replace(replacement)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_sections() {
        let sections = serde_json::json!({
            "Unit": { "Description": "x" },
            "Service": { "ExecStart": "/bin/true", "Environment": ["A=1", "B=2"], "RemainAfterExit": true, "Nice": 5 },
        });
        let Value::Object(sections) = sections else { return };
        let text = "[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/true\nEnvironment=A=1\nEnvironment=B=2\nRemainAfterExit=true\nNice=5\n";
        assert_eq!(render(&sections), Ok(text.to_owned()));
        let wrong = serde_json::json!({ "Unit": "x" });
        assert!(wrong.as_object().is_some_and(|wrong| render(wrong).is_err()));
    }
}
