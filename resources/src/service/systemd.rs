//! Services by systemd: `systemctl show` tells what is, `systemctl` does the rest.

use toque_contract::resource::{Action as _, Apply, Change, Effect, HostFacts, Provider, Support};
use toque_core::diagnostic::did_you_mean;
use toque_core::failure::Failure;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::system::Query;
use toque_machine::view::View;

use super::unit::{self, Bus};
use super::{Service, ServiceAction, Step, describe};
use crate::shared::parse::systemctl::Unit;

/// `systemctl`.
#[derive(Debug)]
pub(crate) struct Systemd;

/// A unit as it is, or as an earlier resource of the plan would have left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    unit: Unit,
    running: bool,
    enabled: bool,
    takes_along: bool,
}

impl Provider for Systemd {
    type Resource = Service;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "systemd";

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        match (host.init_package, (host.has_program)("systemctl")) {
            ("systemd", true) => Support::Preferred,
            ("systemd", false) => Support::No("there is no `systemctl`".to_owned()),
            (other, _) => {
                Support::No(format!("the machine was started by `{other}`, not by systemd"))
            }
        }
    }

    fn inspect(
        &self,
        view: &View<'_>,
        service: &Service,
        action: ServiceAction,
    ) -> Result<State, Failure> {
        let name = unit_name(&service.service_name);
        let bus = Bus::of(view, service.user.as_ref())?;
        let unit = unit::inspect(view, &bus, &name)?;
        if unit.load == "not-found"
            && !matches!(action, ServiceAction::Nothing | ServiceAction::Mask)
        {
            return Err(no_unit(view, &bus, &service.service_name, &name));
        }
        let running = match service.asked_status(view)? {
            Some(running) => running,
            None => unit.is_running(),
        };
        let enabled = match (unit.file.as_str(), action) {
            // Only the SysV tools know whether an init script is enabled; what other generators
            // make always is.
            ("bad" | "generated", ServiceAction::Enable | ServiceAction::Disable) => {
                view.probe(&bus.command(["is-enabled", "--quiet", "--", name.as_str()]))?.success()
            }
            (file, _) => matches!(file, "enabled" | "static" | "generated" | "alias" | "indirect"),
        };
        let switches = matches!(action, ServiceAction::Enable | ServiceAction::Disable);
        Ok(State {
            takes_along: switches && unit::takes_along(view, &bus, &name)?,
            unit,
            running,
            enabled,
        })
    }

    fn plan(
        &self,
        service: &Service,
        action: ServiceAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let name = unit_name(&service.service_name);
        let file = state.unit.file.as_str();
        let masked = state.unit.is_masked();
        let acts = match action {
            ServiceAction::Nothing => false,
            // These have no switch of their own.
            ServiceAction::Enable => !state.enabled && !masked && !file.is_empty(),
            ServiceAction::Disable => {
                state.enabled && !matches!(file, "static" | "indirect" | "alias")
                    || file == "enabled-runtime"
            }
            ServiceAction::Start => !state.running,
            ServiceAction::Stop => {
                state.running || matches!(state.unit.active.as_str(), "activating" | "deactivating")
            }
            ServiceAction::Restart => true,
            ServiceAction::Reload => state.running,
            ServiceAction::Mask => !masked,
            ServiceAction::Unmask => masked,
        };
        if !acts {
            return Ok(Vec::new());
        }
        let line = service.line(action);
        if masked
            && line.is_none()
            && matches!(action, ServiceAction::Start | ServiceAction::Restart)
        {
            return Err(Failure::new(format!("cannot start service `{name}`: it is masked"))
                .hint("unmask it first (action `unmask`), or find out who masked it and why"));
        }
        let step = line.map_or(Step::Act(action), |line| Step::Shell(line.clone()));
        let mut after = state.unit.clone();
        after_action(&mut after, action);
        let mut change =
            Change::new(describe(action, &service.service_name), step).touches(Area::Services);
        if line.is_some() {
            change = change.provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL);
        } else if disturbs_others(&state.unit, action) || state.takes_along {
            change = change.provides(PlannedEffect::Anything(Area::Services.into()));
        }
        let user = service.user.as_ref();
        if let Some(mask) = unit::mask_link(user, &name, action) {
            change = change.provides(mask).touches(Area::Files);
        }
        // What a mask hid, and whether it is enabled, shows only when the mask is gone.
        if action == ServiceAction::Unmask {
            return Ok(vec![change]);
        }
        Ok(vec![change.provides(unit::planned(user, &name, &after))])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        service: &Service,
        _action: ServiceAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let name = unit_name(&service.service_name);
        let bus = Bus::of(apply.view, service.user.as_ref())?;
        for change in changes {
            match &change.step {
                Step::Shell(line) => service.run_line(apply, line)?,
                Step::Act(action) => {
                    let options = service.options();
                    let argv =
                        options.iter().map(String::as_str).chain([action.name(), "--", &name]);
                    let output = apply.run(&service.timed(bus.command(argv)));
                    output.map_err(|failure| {
                        unit::show_failure(apply.system.as_query(), &bus, &name, *action, failure)
                    })?;
                }
            }
        }
        Ok(Effect::Changed)
    }
}

/// The full name of a unit.
fn unit_name(name: &str) -> String {
    const SUFFIXES: [&str; 11] = [
        "service",
        "socket",
        "timer",
        "target",
        "mount",
        "automount",
        "path",
        "slice",
        "scope",
        "swap",
        "device",
    ];
    match name.rsplit_once('.') {
        Some((_, suffix)) if SUFFIXES.contains(&suffix) => name.to_owned(),
        _ => format!("{name}.service"),
    }
}

fn no_unit(view: &View<'_>, bus: &Bus, service: &str, name: &str) -> Failure {
    let failure =
        Failure::new(format!("there is no service `{service}`: systemd knows no unit `{name}`"));
    let listed = view
        .probe(&bus.command(["list-unit-files", "--no-legend", "--no-pager", "--plain"]))
        .map(|output| output.stdout());
    let listed = listed.unwrap_or_default();
    let units = listed.lines().filter_map(|line| line.split_whitespace().next());
    failure.hint(did_you_mean(name, units).unwrap_or_else(|| {
        "declare the package or `systemd_unit` that brings it before this resource, or correct the name".to_owned()
    }))
}

/// What an action leaves behind.
fn after_action(unit: &mut Unit, action: ServiceAction) {
    let (field, value) = match action {
        ServiceAction::Nothing | ServiceAction::Reload | ServiceAction::Unmask => return,
        ServiceAction::Enable => (&mut unit.file, "enabled"),
        ServiceAction::Disable => (&mut unit.file, "disabled"),
        ServiceAction::Start | ServiceAction::Restart => (&mut unit.active, "active"),
        ServiceAction::Stop => (&mut unit.active, "inactive"),
        ServiceAction::Mask => {
            unit.load.replace_range(.., "masked");
            (&mut unit.file, "masked")
        }
    };
    value.clone_into(field);
}

/// Whether other services may start or stop along, or show now that the mask is gone.
fn disturbs_others(unit: &Unit, action: ServiceAction) -> bool {
    match action {
        ServiceAction::Start => !unit.starts.is_empty(),
        ServiceAction::Stop => !unit.stops.is_empty(),
        ServiceAction::Restart => !unit.starts.is_empty() || !unit.stops.is_empty(),
        ServiceAction::Unmask => true,
        _ => false,
    }
}
