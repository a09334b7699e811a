//! Services by systemd: `systemctl show` tells what is, `systemctl` does the rest.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use toque_engine::command::{Command, Identity};
use toque_engine::diagnostic::did_you_mean;
use toque_engine::failure::Failure;
use toque_engine::property::Account;
use toque_engine::resource::{Apply, Change, Effect, HostFacts, Provide, Provider, Support};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::system::Query;
use toque_engine::view::View;

use super::{Service, ServiceAction, Step, describe};
use crate::shared::parse::systemctl::{self, Unit};

/// `systemctl`.
#[derive(Debug)]
pub struct Systemd;

/// The units that were asked for since one of them may have changed, each with its files as they
/// were then: whoever writes a unit's file by `file` or `link` does not know that it is one.
#[derive(Debug, Default)]
struct Units(RefCell<HashMap<String, (Files, Unit)>>);

/// When the files that a unit may have were modified, and which they are.
type Files = Vec<Option<(SystemTime, u64)>>;

/// A unit as it is, or as an earlier resource of the plan would have left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
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
        let unit = inspect_unit(view, &bus, &name)?;
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
            takes_along: switches && takes_along(view, &bus, &name),
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
            change = change.provides(Provide::Anything(Areas::ALL)).touches(Areas::ALL);
        } else if disturbs_others(&state.unit, action) || state.takes_along {
            change = change.provides(Provide::Anything(Area::Services.into()));
        }
        let user = service.user.as_ref();
        if let Some(mask) = mask_link(user, &name, action) {
            change = change.provides(mask).touches(Area::Files);
        }
        // What a mask hid, and whether it is enabled, shows only when the mask is gone.
        if action == ServiceAction::Unmask {
            return Ok(vec![change]);
        }
        let state =
            Provide::State { area: Area::Services, key: key(user, &name), value: value(&after) };
        Ok(vec![change.provides(state)])
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
                    use toque_engine::resource::Action;
                    let options = service.options();
                    let argv =
                        options.iter().map(String::as_str).chain([action.name(), "--", &name]);
                    let output = apply.run(&service.timed(bus.command(argv)));
                    output.map_err(|failure| {
                        show_failure(apply.system.as_query(), &bus, &name, *action, failure)
                    })?;
                }
            }
        }
        Ok(Effect::Changed)
    }
}

/// Which systemd is spoken to: the machine's, or a user's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bus {
    user: Option<(String, Identity)>,
}

impl Bus {
    pub fn of(view: &View<'_>, user: Option<&Account>) -> Result<Self, Failure> {
        let Some(user) = user.map(Account::to_string) else { return Ok(Self::default()) };
        // Who is only planned has no services that could be asked for; the lookup then fails, or is
        // in doubt.
        let _ = view.planned(Area::Accounts, &format!("user:{user}"));
        let identity = view.accounts()?.identity(view, Some(&user), None)?;
        Ok(Self { user: Some((user, identity)) })
    }

    pub fn command<'a>(&self, argv: impl IntoIterator<Item = &'a str>) -> Command {
        let Some((_, identity)) = &self.user else {
            return Command::new(["systemctl", "--no-ask-password"].into_iter().chain(argv));
        };
        let runtime = format!("/run/user/{}", identity.uid.unwrap_or_default());
        let mut command =
            Command::new(["systemctl", "--user", "--no-ask-password"].into_iter().chain(argv))
                .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={runtime}/bus"))
                .env("XDG_RUNTIME_DIR", runtime);
        command.identity = Some(identity.clone());
        command
    }

    fn folders(&self) -> &'static [&'static str] {
        match self.user {
            None => &[
                "/etc/systemd/system",
                "/run/systemd/system",
                "/usr/local/lib/systemd/system",
                "/usr/lib/systemd/system",
                "/lib/systemd/system",
            ],
            Some(_) => &["/etc/systemd/user", "/run/systemd/user", "/usr/lib/systemd/user"],
        }
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

/// Under which a plan remembers a unit.
pub(crate) fn key(user: Option<&Account>, unit: &str) -> String {
    match user {
        Some(user) => format!("systemd:{user}@{unit}"),
        None => format!("systemd:{unit}"),
    }
}

/// A unit as a plan remembers it.
pub(crate) fn value(unit: &Unit) -> Value {
    json!({ "load": unit.load, "file": unit.file, "active": unit.active, "starts": unit.starts, "stops": unit.stops })
}

/// A unit as it is, or as the plan would have left it.
pub(crate) fn inspect_unit(view: &View<'_>, bus: &Bus, name: &str) -> Result<Unit, Failure> {
    let mut unit = inspect_alone(view, bus, name)?;
    if let Some(Value::String(other)) = view.planned(Area::Services, &tie(bus, name)) {
        unit.starts.push(other.clone());
        unit.stops.push(other);
    }
    Ok(unit)
}

/// That a unit's new file ties others to it, which do not know of it yet.
pub(crate) fn tied<'a>(
    bus: &'a Bus,
    name: &'a str,
    unit: &'a Unit,
) -> impl Iterator<Item = Provide> + 'a {
    let state = |other: &String| Provide::State {
        area: Area::Services,
        key: tie(bus, other),
        value: name.into(),
    };
    unit.starts.iter().map(state)
}

fn tie(bus: &Bus, name: &str) -> String {
    format!("systemd-tie:{}@{name}", bus.user.as_ref().map_or("", |(user, _)| user))
}

fn inspect_alone(view: &View<'_>, bus: &Bus, name: &str) -> Result<Unit, Failure> {
    let user = bus.user.as_ref().map(|(user, _)| Account::Name(user.clone()));
    let asked = key(user.as_ref(), name);
    let read_by_systemd = || {
        for folder in bus.folders() {
            view.looked_past(&Path::new(folder).join(name), Area::Services, &asked);
        }
    };
    if let Some(planned) = view.planned(Area::Services, &asked) {
        read_by_systemd();
        let text = |name: &str| planned[name].as_str().unwrap_or_default().to_owned();
        let list = |name: &str| serde_json::from_value(planned[name].clone()).unwrap_or_default();
        return Ok(Unit {
            load: text("load"),
            file: text("file"),
            active: text("active"),
            starts: list("starts"),
            stops: list("stops"),
        });
    }
    let units = view.snapshot(Area::Services, |_| Ok(Units::default()))?;
    let files = bus.folders().iter().map(|folder| view.stat(&Path::new(folder).join(name)).ok());
    let files: Files =
        files.map(|found| found.map(|found| (found.modified, found.inode))).collect();
    let known = units.0.borrow().get(&asked).cloned();
    let unit = match known {
        Some((then, unit)) if then == files => unit,
        _ => {
            let unit = ask(view, bus, name)?;
            units.0.borrow_mut().insert(asked.clone(), (files, unit.clone()));
            unit
        }
    };
    if unit.load == "not-found" {
        // An earlier resource may be about to write the unit's file; then it is what the file will
        // make it.
        for folder in bus.folders() {
            if let Ok(content) = view.read(&Path::new(folder).join(name)) {
                // What runs goes on running without its file.
                return Ok(Unit {
                    active: unit.active,
                    ..from_file(view, bus, name, &String::from_utf8_lossy(&content))
                });
            }
        }
    } else {
        read_by_systemd();
    }
    Ok(unit)
}

/// Whether enabling or disabling a unit does the same to others, which its file names by `Also=`.
pub(crate) fn takes_along(view: &View<'_>, bus: &Bus, name: &str) -> bool {
    let mut texts =
        bus.folders().iter().filter_map(|folder| view.read(&Path::new(folder).join(name)).ok());
    texts.next().is_some_and(|text| {
        String::from_utf8_lossy(&text).lines().any(|line| line.trim_start().starts_with("Also="))
    })
}

/// What a unit is that systemd has not seen yet. It is enabled when a link of earlier days is still
/// there.
pub(crate) fn from_file(view: &View<'_>, bus: &Bus, name: &str, content: &str) -> Unit {
    let installable = content.lines().any(|line| line.trim() == "[Install]");
    let linked = |option: &str, suffix: &str| {
        let options = [option];
        let mut targets = systemctl::named(content, &options).flat_map(str::split_whitespace);
        targets.any(|target| {
            view.lstat(&Path::new(bus.folders()[0]).join(format!("{target}.{suffix}")).join(name))
                .is_ok()
        })
    };
    let file = match installable {
        false => "static",
        true if linked("WantedBy", "wants") || linked("RequiredBy", "requires") => "enabled",
        true => "disabled",
    };
    let (load, active) = ("loaded".to_owned(), "inactive".to_owned());
    Unit {
        load,
        file: file.to_owned(),
        active,
        starts: systemctl::ties(content),
        stops: Vec::new(),
    }
}

fn ask(view: &View<'_>, bus: &Bus, name: &str) -> Result<Unit, Failure> {
    let output = view.probe(&bus.command([
        "show",
        "--no-pager",
        "--property",
        systemctl::PROPERTIES,
        "--",
        name,
    ]))?;
    systemctl::parse(&output.stdout()).ok_or_else(|| {
        let failure = Failure::new(format!("systemd does not answer about `{name}`")).note(output.stderr());
        match &bus.user {
            None => failure.hint("services need a machine that was started by systemd; set `provider` where another way is meant"),
            Some((user, _)) => {
                failure.hint(format!("user `{user}` needs a running session: `loginctl enable-linger {user}` keeps one"))
            }
        }
    })
}

fn no_unit(view: &View<'_>, bus: &Bus, service: &str, name: &str) -> Failure {
    let failure =
        Failure::new(format!("there is no service `{service}`: systemd knows no unit `{name}`"));
    let listed = view
        .probe(&bus.command(["list-unit-files", "--no-legend", "--no-pager", "--plain"]))
        .map(|output| output.stdout());
    let listed = listed.unwrap_or_default();
    let units = listed.lines().filter_map(|line| line.split_whitespace().next());
    match did_you_mean(name, units) {
        Some(hint) => failure.hint(hint),
        None => failure.hint("declare the package or `systemd_unit` that brings it before this resource, or correct the name"),
    }
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

/// A mask is a link in the place where an administrator's unit file would be.
pub(crate) fn mask_link(
    user: Option<&Account>,
    unit: &str,
    action: ServiceAction,
) -> Option<Provide> {
    let folder = if user.is_some() { "/etc/systemd/user" } else { "/etc/systemd/system" };
    let path = Path::new(folder).join(unit);
    match action {
        ServiceAction::Mask => Some(Provide::Link { path, to: "/dev/null".into(), uid: 0, gid: 0 }),
        ServiceAction::Unmask => Some(Provide::Absent { path }),
        _ => None,
    }
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

/// Adds what the service said last.
pub(crate) fn show_failure(
    query: &dyn Query,
    bus: &Bus,
    name: &str,
    action: ServiceAction,
    failure: Failure,
) -> Failure {
    if !matches!(action, ServiceAction::Start | ServiceAction::Restart | ServiceAction::Reload) {
        return failure;
    }
    let status =
        query.probe(&bus.command(["status", "--no-pager", "--full", "--lines=15", "--", name]));
    let text = status.map(|output| output.stdout()).unwrap_or_default();
    let failure =
        if text.trim().is_empty() { failure } else { failure.note(text.trim_end().to_owned()) };
    failure.hint(format!("`journalctl -u {name}` shows what it said"))
}
