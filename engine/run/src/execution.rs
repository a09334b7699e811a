//! A converge or a plan, from its lock to its report.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use toque_contract::event::{Event, Sink};
use toque_contract::log_level::LogLevel;
use toque_contract::registry::Registry;
use toque_contract::report::{About, Counts, Outcome, Report, Status};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_data::stack::{self, Command};
use toque_language::interpreter::Interpreter;
use toque_machine::system::System;
use toque_machine::system::temporaries::Cleared;

use crate::converge::Walk;
use crate::options::{Mode, Options, Refused};
use crate::prepared::Prepared;
use crate::state::{Debt, History, Journal, LeftOvers, RunLock};

/// Converges or plans: takes the lock, walks, reports, and keeps the history.
/// # Errors
/// When nothing was touched. What fails later is in the report.
pub(crate) fn execute(
    system: &Rc<dyn System>,
    registry: &Registry,
    options: &Options,
    mut sink: Box<dyn Sink>,
    mode: Mode,
) -> Result<Report, Refused> {
    let _lock = match (&options.state_dir, mode) {
        (Some(dir), Mode::Converge) => {
            let waiting = &mut |holder: &str| sink.event(&Event::Waiting { holder });
            let lock =
                RunLock::take(dir, &options.trust, options.lock_timeout, &options.stop, waiting)?;
            lock.share(&**system)?;
            let (left_overs, cleared) = LeftOvers::clear(dir, system)?;
            tell_of(&cleared, &mut *sink);
            Some((left_overs, lock))
        }
        _ => None,
    };
    let begun = Instant::now();
    let started = jiff::Timestamp::now();
    let prepared = Prepared::new(system, registry, options, sink, mode)?;
    let options = &prepared.options;
    let interpreter = prepared.interpreter();
    let journal = Journal::open(options.state_dir.as_deref())?;
    let owed: Vec<Debt> =
        journal.owed().map(|owed| (owed.target.clone(), owed.action.clone())).collect();
    let names: Vec<String> = interpreter.inputs.cookbooks.keys().cloned().collect();
    interpreter.event(&Event::Compiling { cookbooks: &names });
    let compiled = prepared
        .compile(&owed)
        .map_err(|diagnostics| Refused { diagnostics, stopped: options.stop.requested() })?;
    let compile_seconds = begun.elapsed().as_secs_f64();
    let history = options.state_dir.as_deref().map(History::of);
    let number = match &history {
        Some(history) if mode == Mode::Converge => history.next_number()?,
        _ => 1,
    };
    let id = format!("{number}-{}", started.strftime("%Y%m%dT%H%M%SZ"));
    let log = |level, message: &str| interpreter.event(&Event::Log { level, message });
    if journal.unreadable > 0 {
        log(
            LogLevel::Warn,
            "owed.jsonl in the state directory is damaged: what its unreadable lines owe will not be delivered",
        );
    }
    interpreter.event(&Event::Converging { resources: compiled.resources.len() });
    let mut walk = Walk::new(&prepared, &**system, &compiled, mode, &id, journal);
    walk.walk(options.hold_notifications_on_failure);
    if let Some(command) = &interpreter.inputs.command {
        // Other events may be served by any resource.
        let only_theirs = matches!(command.event, stack::Event::Rollback | stack::Event::Restart);
        let asked = prepared.apps.borrow();
        for app in command.apps.iter().filter(|app| only_theirs && !asked.contains(*app)) {
            let message = format!(
                "no resource of this run is about the app `{app}`: the {} did nothing to it here",
                command.event
            );
            log(LogLevel::Warn, &message);
        }
    }
    let mut report = report(&mut walk, &prepared, &Times { started, begun, compile_seconds });
    if mode == Mode::Converge {
        // The machine is converged; that the next run is not told so is a failure of its own.
        let fail = |report: &mut Report, failure: Failure| {
            let error = Diagnostic::from(failure);
            interpreter.event(&Event::Failed(&error));
            report.outcome = Outcome::Failed;
            report.errors.push(error);
        };
        if let Err(failure) = walk.journal.close(&**system) {
            fail(&mut report, failure);
        }
        if let Some(history) = history
            && let Err(failure) = history.keep(&report)
        {
            fail(&mut report, failure);
        }
    }
    interpreter.event(&Event::Finished { report: &report, counts: &report.counts });
    Ok(report)
}

/// Tells what was done about the left-overs of a killed run.
fn tell_of(cleared: &Cleared, sink: &mut dyn Sink) {
    let shown = |paths: &[PathBuf]| {
        let some: Vec<_> =
            paths.iter().take(3).map(|path| format!("`{}`", path.display())).collect();
        let more =
            if paths.len() > 3 { format!(" and {} more", paths.len() - 3) } else { String::new() };
        format!("{}{more}", some.join(", "))
    };
    for (what, paths) in
        [("put back", &cleared.restored), ("removed what a killed run had left:", &cleared.removed)]
    {
        if !paths.is_empty() {
            let message = format!("{what} {}", shown(paths));
            sink.event(&Event::Log { level: LogLevel::Info, message: &message });
        }
    }
    for failure in &cleared.failures {
        sink.event(&Event::Log { level: LogLevel::Warn, message: &failure.message });
    }
}

/// What a walk did, as data.
fn report(walk: &mut Walk<'_>, prepared: &Prepared, times: &Times) -> Report {
    let Interpreter { inputs, node, .. } = prepared.interpreter();
    let recipe = prepared.options.recipe.as_ref();
    let not_reached: Vec<String> = walk.not_reached().map(ToString::to_string).collect();
    let counts =
        Counts::of(walk.records.iter().map(|(index, record)| (*index, record)), not_reached.len());
    let interrupted = walk.records.iter().any(|(_, record)| record.status == Status::Interrupted);
    let left_over = !not_reached.is_empty() || walk.journal.owed().next().is_some();
    let outcome = if interrupted || (walk.stopping() && (left_over || !walk.errors.is_empty())) {
        Outcome::Stopped
    } else if walk.errors.is_empty() {
        Outcome::Success
    } else {
        Outcome::Failed
    };
    Report {
        id: (walk.mode == Mode::Converge).then(|| walk.run_id.to_owned()),
        toque: env!("CARGO_PKG_VERSION"),
        command: if walk.mode == Mode::Converge { "converge" } else { "plan" },
        node: node.name.clone(),
        run_list: match recipe {
            Some(recipe) => vec![recipe.name.clone()],
            None => node.run_list.items.iter().map(|placed| placed.item.to_string()).collect(),
        },
        expanded_run_list: match recipe {
            Some(recipe) => vec![recipe.name.clone()],
            None => node.run_list.recipes().iter().map(ToString::to_string).collect(),
        },
        environment: node.environment.clone(),
        event: inputs.command.as_deref().map(about),
        cookbooks_revision: prepared.revision.clone(),
        cookbooks: inputs
            .cookbooks
            .values()
            .map(|cookbook| (cookbook.manifest.name.clone(), cookbook.manifest.version.to_string()))
            .collect(),
        started: times.started.strftime("%FT%T%.3fZ").to_string(),
        compile_seconds: times.compile_seconds,
        converge_seconds: times.begun.elapsed().as_secs_f64() - times.compile_seconds,
        outcome,
        counts,
        resources: std::mem::take(&mut walk.records)
            .into_iter()
            .map(|(_, record)| record)
            .collect(),
        not_reached,
        errors: std::mem::take(&mut walk.unrecorded),
        owed: walk.journal.owed().cloned().collect(),
    }
}

/// When a run began, and how long its recipes took to compile.
struct Times {
    started: jiff::Timestamp,
    begun: Instant,
    compile_seconds: f64,
}

/// Returns the event that a run is for, as reports name it.
fn about(command: &Command) -> About {
    About {
        stack: command.stack.name.clone(),
        instance: command.instance.clone(),
        kind: command.event.name(),
        command_id: command.id.clone(),
        apps: command.apps.clone(),
    }
}
