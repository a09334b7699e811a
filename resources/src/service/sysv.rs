//! Services by scripts in `/etc/init.d`, enabled through the links of the run levels.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::json;
use toque_contract::resource::{Action as _, Apply, Change, Effect, HostFacts, Provider, Support};
use toque_core::diagnostic::did_you_mean;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::areas::Area;
use toque_machine::command::Command;
use toque_machine::planned::PlannedEffect;
use toque_machine::system::Query;
use toque_machine::view::View;

use super::{Service, ServiceAction, Step, describe};
use crate::shared::optional;

/// The scripts themselves, `update-rc.d` or `chkconfig`.
#[derive(Debug)]
pub(crate) struct Sysv;

/// What is known of a script's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    running: bool,
    enabled: bool,
    can_restart: bool,
    can_reload: bool,
}

impl Provider for Sysv {
    type Resource = Service;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "sysv";

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        if host.init_package == "init" {
            Support::Preferred
        } else {
            Support::No(format!("the machine was started by `{}`", host.init_package))
        }
    }

    fn inspect(
        &self,
        view: &View<'_>,
        service: &Service,
        action: ServiceAction,
    ) -> Result<State, Failure> {
        if matches!(action, ServiceAction::Mask | ServiceAction::Unmask) {
            return Err(Failure::new(format!(
                "cannot {} service `{}`: init scripts know no masks",
                action.name(),
                service.service_name
            ))
            .hint("use `disable` and `stop`"));
        }
        let script = script(service);
        // A service that is driven by the recipe's own lines needs no script to be started and
        // stopped.
        let text = match view.read(&script) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if action != ServiceAction::Nothing && service.line(action).is_none() {
                    return Err(no_script(view, service, &script));
                }
                String::new()
            }
            Err(error) => return Err(Failure::io("read", &script, &error)),
        };
        let supports = service.supports.unwrap_or_default();
        let can =
            |stated: Option<bool>, word: &str| stated.unwrap_or_else(|| has_case(&text, word));
        let planned = view.planned(Area::Services, &key(service));
        let known = |name: &str| planned.as_ref().and_then(|planned| planned[name].as_bool());
        let running = match (service.asked_status(view)?, known("running")) {
            (Some(running), _) | (None, Some(running)) => running,
            (None, None) if action == ServiceAction::Nothing => false,
            (None, None) if can(supports.status, "status") => view
                .probe(
                    &service.timed(Command::new([script.display().to_string().as_str(), "status"])),
                )?
                .success(),
            (None, None) => {
                has_process(view, service.pattern.as_deref().unwrap_or(&service.service_name))?
            }
        };
        let enabled = match known("enabled") {
            Some(enabled) => enabled,
            None => is_enabled(view, service, &text)?,
        };
        Ok(State {
            running,
            enabled,
            can_restart: can(supports.restart, "restart"),
            can_reload: can(supports.reload, "reload"),
        })
    }

    fn plan(
        &self,
        service: &Service,
        action: ServiceAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let acts = match action {
            ServiceAction::Nothing | ServiceAction::Mask | ServiceAction::Unmask => false,
            ServiceAction::Enable => !state.enabled,
            ServiceAction::Disable => state.enabled,
            ServiceAction::Start => !state.running,
            ServiceAction::Stop | ServiceAction::Reload => state.running,
            ServiceAction::Restart => true,
        };
        if !acts {
            return Ok(Vec::new());
        }
        let line = service.line(action);
        if action == ServiceAction::Reload && line.is_none() && !state.can_reload {
            return Err(Failure::new(format!(
                "cannot reload service `{}`: its script has no `reload`",
                service.service_name
            ))
            .hint("set `reload_command`, or restart it instead"));
        }
        let running = match action {
            ServiceAction::Start | ServiceAction::Restart => true,
            ServiceAction::Stop => false,
            _ => state.running,
        };
        let enabled = match action {
            ServiceAction::Enable => true,
            ServiceAction::Disable => false,
            _ => state.enabled,
        };
        let what = describe(action, &service.service_name);
        let mut steps = match line {
            Some(line) => vec![Step::Shell(line.clone())],
            None => vec![Step::Act(action)],
        };
        if action == ServiceAction::Restart && line.is_none() && !state.can_restart {
            let start =
                service.start_command.clone().map_or(Step::Act(ServiceAction::Start), Step::Shell);
            let stop =
                service.stop_command.clone().map_or(Step::Act(ServiceAction::Stop), Step::Shell);
            steps = if state.running { vec![stop, start] } else { vec![start] };
        }
        let state = PlannedEffect::State {
            area: Area::Services,
            key: key(service),
            value: json!({ "running": running, "enabled": enabled }),
        };
        // Enabling makes and removes links below /etc.
        let links = matches!(action, ServiceAction::Enable | ServiceAction::Disable);
        Ok(steps
            .into_iter()
            .map(|step| {
                let change =
                    Change::new(what.clone(), step).touches(Area::Services).provides(state.clone());
                if links { change.touches(Area::Files) } else { change }
            })
            .collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        service: &Service,
        _action: ServiceAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        for change in changes {
            match &change.step {
                Step::Shell(line) => service.run_line(apply, line)?,
                Step::Act(action @ (ServiceAction::Enable | ServiceAction::Disable)) => {
                    enable(apply, service, *action)?;
                }
                Step::Act(action) => {
                    let script = script(service).display().to_string();
                    apply.run(&service.timed(Command::new([script.as_str(), action.name()])))?;
                }
            }
        }
        Ok(Effect::Changed)
    }
}

fn key(service: &Service) -> String {
    format!("sysv:{}", service.service_name)
}

fn script(service: &Service) -> PathBuf {
    match &service.init_command {
        Some(path) => PathBuf::from(path),
        None => Path::new("/etc/init.d").join(&service.service_name),
    }
}

/// Whether a script has a branch for an argument: `status)` or `start|status)`.
fn has_case(script: &str, word: &str) -> bool {
    script.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
        let Some((patterns, _)) = line.split_once(')') else { return false };
        patterns
            .trim_start_matches('(')
            .split('|')
            .any(|pattern| pattern.trim().trim_matches(['"', '\'']) == word)
        // Debian's newer scripts leave the branches to a common frame.
    }) || script.starts_with("#!/lib/init/init-d-script")
        || script.starts_with("#!/usr/lib/init/init-d-script")
        || script.starts_with("#!/usr/bin/env /lib/init/init-d-script")
}

/// Whether any process has this in its command line, as `ps` would show it.
fn has_process(view: &View<'_>, pattern: &str) -> Result<bool, Failure> {
    view.depends_on_area(Area::Services);
    let proc = Path::new("/proc");
    let processes = view.read_dir(proc).context("list", proc)?;
    Ok(processes.iter().filter(|name| name.to_string_lossy().parse::<u32>().is_ok()).any(|name| {
        // Of a process that has ended meanwhile there is nothing, or an error of its own.
        let line = view.read(&proc.join(name).join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(pattern)
    }))
}

/// The run levels in which a service shall start.
fn levels(service: &Service, script: &str) -> Vec<u8> {
    if let Some(levels) = &service.run_levels {
        return levels.clone();
    }
    let stated: Vec<u8> = script
        .lines()
        .find_map(|line| line.strip_prefix("# Default-Start:"))
        .map(|levels| levels.split_whitespace().filter_map(|level| level.parse().ok()).collect())
        .unwrap_or_default();
    if stated.is_empty() { vec![2, 3, 4, 5] } else { stated }
}

/// It is enabled when every run level that it is wanted in has a link that starts it; with
/// `run_levels`, no other has one either.
fn is_enabled(view: &View<'_>, service: &Service, script: &str) -> Result<bool, Failure> {
    let wanted = levels(service, script);
    let exact = service.run_levels.is_some();
    for level in 0..=6 {
        let folder = PathBuf::from(format!("/etc/rc{level}.d"));
        let names = match view.read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            other => other.context("read", &folder)?,
        };
        let starts = names.iter().any(|name| starts(name, &service.service_name));
        if (wanted.contains(&level) && !starts) || (exact && starts && !wanted.contains(&level)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `S20name`
fn starts(link: &OsStr, service: &str) -> bool {
    let link = link.to_string_lossy();
    link.strip_prefix('S')
        .is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()) == service)
}

fn enable(apply: &Apply<'_>, service: &Service, action: ServiceAction) -> Result<(), Failure> {
    let name = service.service_name.as_str();
    let has = |program: &str| -> Result<bool, Failure> {
        for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
            if optional::exists(apply.view, &Path::new(folder).join(program))? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let run =
        |argv: &[&str]| apply.run(&service.timed(Command::new(argv.iter().copied()))).map(|_| ());
    let on = action == ServiceAction::Enable;
    let levels = service
        .run_levels
        .as_ref()
        .map(|levels| levels.iter().map(u8::to_string).collect::<Vec<_>>());
    if has("update-rc.d")? {
        let priority = service.priority.map(|priority| priority.to_string());
        if !on {
            return run(&["update-rc.d", name, "disable"]);
        }
        let mut argv = vec!["update-rc.d", name, "defaults"];
        argv.extend(priority.as_deref());
        run(&argv)?;
        // `defaults` leaves alone the links of a service that was disabled.
        match &levels {
            None => run(&["update-rc.d", name, "enable"]),
            Some(levels) => {
                run(&["update-rc.d", name, "disable"])?;
                let mut argv = vec!["update-rc.d", name, "enable"];
                argv.extend(levels.iter().map(String::as_str));
                run(&argv)
            }
        }
    } else if has("chkconfig")? {
        run(&["chkconfig", "--add", name])?;
        let Some(levels) = levels.filter(|_| on) else {
            return run(&["chkconfig", name, if on { "on" } else { "off" }]);
        };
        run(&["chkconfig", name, "off"])?;
        run(&["chkconfig", "--level", &levels.concat(), name, "on"])
    } else {
        Err(Failure::new(format!("cannot {} service `{name}`: there is neither `update-rc.d` nor `chkconfig`", action.name()))
            .hint("declare the package that brings one (`init-system-helpers` on Debian) before this resource"))
    }
}

fn no_script(view: &View<'_>, service: &Service, script: &Path) -> Failure {
    let failure = Failure::new(format!(
        "there is no service `{}`: `{}` does not exist",
        service.service_name,
        script.display()
    ));
    let names = view.read_dir(Path::new("/etc/init.d")).unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    failure.hint(did_you_mean(&service.service_name, names).unwrap_or_else(|| {
        "declare the package that brings it before this resource, or correct the name".to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_branches_of_a_script() {
        let script = "#!/bin/sh\n# reload) is not here\ncase \"$1\" in\n  start|restart) go;;\n  \"status\")\n esac\n";
        for (word, found) in
            [("start", true), ("restart", true), ("status", true), ("reload", false), ("go", false)]
        {
            assert_eq!(has_case(script, word), found, "{word}");
        }
        assert!(has_case("#!/lib/init/init-d-script\n", "reload"));
    }

    #[test]
    fn knows_the_links_that_start_a_service() {
        for (link, found) in
            [("S01cron", true), ("K01cron", false), ("S01cron2", false), ("S20ssh", false)]
        {
            assert_eq!(starts(OsStr::new(link), "cron"), found, "{link}");
        }
    }
}
