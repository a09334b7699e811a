//! Units of systemd, as they are or as the plan would have left them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::areas::Area;
use toque_machine::command::{Command, Identity};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::Account;
use toque_machine::system::Query;
use toque_machine::view::View;

use super::ServiceAction;
use crate::shared::optional::of_another_user;
use crate::shared::parse::systemctl::{self, Unit};

/// The units that were asked for since one of them may have changed, each with its files as they
/// were then: whoever writes a unit's file by `file` or `link` does not know that it is one.
#[derive(Debug, Default)]
struct Units(RefCell<HashMap<String, (Files, Unit)>>);

/// When the files that a unit may have were modified, and which they are.
type Files = Vec<Option<(SystemTime, u64)>>;

/// Which systemd is spoken to: the machine's, or a user's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bus {
    user: Option<(String, Identity)>,
}

impl Bus {
    pub(crate) fn of(view: &View<'_>, user: Option<&Account>) -> Result<Self, Failure> {
        let Some(user) = user.map(Account::to_string) else { return Ok(Self::default()) };
        // Who is only planned has no services that could be asked for; the lookup then fails, or is
        // in doubt.
        let _ = view.planned(Area::Accounts, &format!("user:{user}"));
        let identity = view.accounts()?.identity(view, Some(&user), None)?;
        Ok(Self { user: Some((user, identity)) })
    }

    pub(crate) fn command<'a>(&self, argv: impl IntoIterator<Item = &'a str>) -> Command {
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

/// Returns the effect that a plan remembers the unit in this state.
pub(crate) fn planned(user: Option<&Account>, name: &str, unit: &Unit) -> PlannedEffect {
    let value = serde_json::to_value(unit).unwrap_or_default();
    PlannedEffect::State { area: Area::Services, key: key(user, name), value }
}

/// Returns the key under which a plan remembers a unit.
fn key(user: Option<&Account>, unit: &str) -> String {
    match user {
        Some(user) => format!("systemd:{user}@{unit}"),
        None => format!("systemd:{unit}"),
    }
}

/// A unit as it is, or as the plan would have left it.
pub(crate) fn inspect(view: &View<'_>, bus: &Bus, name: &str) -> Result<Unit, Failure> {
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
) -> impl Iterator<Item = PlannedEffect> + 'a {
    let state = |other: &String| PlannedEffect::State {
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
            view.depends_on_file(&Path::new(folder).join(name), Area::Services, &asked);
        }
    };
    if let Some(planned) = view.planned(Area::Services, &asked) {
        read_by_systemd();
        return Ok(serde_json::from_value(planned).unwrap_or_default());
    }
    let units = view.snapshot(Area::Services, |_| Ok(Units::default()))?;
    let files: Files = unit_files(bus, name)
        .map(|path| {
            let found = of_another_user(view.stat(&path)).context("look at", &path)?;
            Ok(found.map(|found| (found.modified, found.inode)))
        })
        .collect::<Result<_, Failure>>()?;
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
        for path in unit_files(bus, name) {
            if let Some(content) = of_another_user(view.read(&path)).context("read", &path)? {
                // What runs goes on running without its file.
                return Ok(Unit {
                    active: unit.active,
                    ..from_file(view, bus, name, &String::from_utf8_lossy(&content))?
                });
            }
        }
    } else {
        read_by_systemd();
    }
    Ok(unit)
}

/// Whether enabling or disabling a unit does the same to others, which its file names by `Also=`.
pub(crate) fn takes_along(view: &View<'_>, bus: &Bus, name: &str) -> Result<bool, Failure> {
    for path in unit_files(bus, name) {
        if let Some(text) = of_another_user(view.read(&path)).context("read", &path)? {
            let text = String::from_utf8_lossy(&text);
            return Ok(text.lines().any(|line| line.trim_start().starts_with("Also=")));
        }
    }
    Ok(false)
}

/// Returns the places of a unit's file, the one that counts first.
fn unit_files<'a>(bus: &'a Bus, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    bus.folders().iter().map(move |folder| Path::new(folder).join(name))
}

/// What a unit is that systemd has not seen yet. It is enabled when a link of earlier days is still
/// there.
pub(crate) fn from_file(
    view: &View<'_>,
    bus: &Bus,
    name: &str,
    content: &str,
) -> Result<Unit, Failure> {
    let installable = content.lines().any(|line| line.trim() == "[Install]");
    let linked = |option: &str, suffix: &str| -> Result<bool, Failure> {
        let options = [option];
        for target in systemctl::named(content, &options).flat_map(str::split_whitespace) {
            let folder = Path::new(bus.folders()[0]).join(format!("{target}.{suffix}"));
            let link = folder.join(name);
            if of_another_user(view.lstat(&link)).context("look at", &link)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let file = match installable {
        false => "static",
        true if linked("WantedBy", "wants")? || linked("RequiredBy", "requires")? => "enabled",
        true => "disabled",
    };
    let (load, active) = ("loaded".to_owned(), "inactive".to_owned());
    Ok(Unit {
        load,
        file: file.to_owned(),
        active,
        starts: systemctl::ties(content),
        stops: Vec::new(),
    })
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

/// A mask is a link in the place where an administrator's unit file would be.
pub(crate) fn mask_link(
    user: Option<&Account>,
    unit: &str,
    action: ServiceAction,
) -> Option<PlannedEffect> {
    let folder = if user.is_some() { "/etc/systemd/user" } else { "/etc/systemd/system" };
    let path = Path::new(folder).join(unit);
    match action {
        ServiceAction::Mask => {
            Some(PlannedEffect::Link { path, to: "/dev/null".into(), uid: 0, gid: 0 })
        }
        ServiceAction::Unmask => Some(PlannedEffect::Absent { path }),
        _ => None,
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
