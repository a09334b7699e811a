//! `toque runs`: the history, and what is owed.

use std::path::PathBuf;

use serde_json::Value;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Diagnostic;
use toque_engine::Refused;
use toque_engine::machine::system::HostSystem;
use toque_engine::state::{History, Journal, RunLock};
use toque_machine::trust::{Subject, Trust};

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::repository::{Named, find_repository};
use crate::settings::Settings;

/// Look at past runs, and at what they still owe
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque runs list\n  toque runs show\n  toque runs owed")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
    /// Where the history is kept
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Commands {
    /// The runs that are kept, newest last
    #[command(
        after_help = "Example:\n  toque runs list\n  toque runs list --state-dir /var/lib/toque"
    )]
    List,
    /// A run's report; the newest without an id
    #[command(after_help = "Example:\n  toque runs show\n  toque runs show 17 --format json")]
    Show {
        /// The run, by its number or its name in `toque runs list`
        id: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Notifications that no run has delivered yet
    #[command(
        after_help = "Example:\n  toque runs owed\n  toque runs owed --forget 'service[nginx]'"
    )]
    Owed {
        /// Strike out what is owed to this resource: `service[nginx]`
        #[arg(long, value_name = "RESOURCE")]
        forget: Option<String>,
    },
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let settings =
        Settings::read(find_repository(Named { repo: None, trust }, None)?.as_deref(), trust)?;
    let state_dir = settings.state_dir(args.state_dir.as_deref());
    trust.folder(Subject::State, &state_dir)?;
    let history = History::of(&state_dir);
    match &args.command {
        Commands::List => {
            for name in history.names()? {
                output::print(&match history.read(&name) {
                    Ok(report) => line(&name, &report),
                    Err(failure) => format!("{name}  unreadable: {failure}"),
                });
            }
        }
        Commands::Show { id, format } => {
            let report = history.report(id.as_deref())?;
            match format {
                Format::Json => output::json(&report),
                Format::Text => output::print(&text(&report)),
            }
        }
        Commands::Owed { forget: None } => {
            let journal = Journal::open(Some(&state_dir))?;
            if journal.unreadable > 0 {
                output::message(&format!(
                    "warning: {} lines of the journal cannot be read",
                    journal.unreadable
                ));
            }
            for owed in journal.owed() {
                let declared = owed
                    .declared
                    .as_deref()
                    .map_or(String::new(), |place| format!(", declared at {place}"));
                output::print(&format!(
                    "{} {} ({}; because {} changed in run {}{declared})",
                    owed.target, owed.action, owed.timing, owed.by, owed.since
                ));
            }
        }
        Commands::Owed { forget: Some(target) } => {
            let _lock =
                RunLock::take(&state_dir, trust, None, &CancelToken::default(), &mut |holder| {
                    output::message(&format!("waiting for another run: {holder}"));
                })?;
            let mut journal = Journal::open(Some(&state_dir))?;
            let all: Vec<(String, String)> =
                journal.owed().map(|owed| (owed.target.clone(), owed.action.clone())).collect();
            let (found, others): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(owed, _)| owed == target);
            if found.is_empty() {
                let none = Diagnostic::error(format!("nothing is owed to `{target}`"));
                let known = others.iter().map(|(owed, _)| owed.as_str());
                let hint = || "`toque runs owed` shows what is";
                return Err(none.suggest_or(target, known, hint).into());
            }
            for (target, action) in found {
                journal.forget(&target, &action)?;
                output::print(&format!("forgot {target} {action}"));
            }
            journal.close(&HostSystem::new())?;
        }
    }
    Ok(Exit::Success)
}

fn line(id: &str, report: &Value) -> String {
    let counts = &report["counts"];
    let list: Vec<&str> =
        report["run_list"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = format!(
        "{id}  {:8} {} changed, {} up to date, {} failed  [{}]",
        report["outcome"].as_str().unwrap_or_default(),
        counts["changed"],
        counts["up_to_date"],
        counts["failed"],
        list.join(", ")
    );
    if let Some(event) = report["event"]["type"].as_str() {
        let apps: Vec<&str> = report["event"]["apps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let of = if apps.is_empty() { String::new() } else { format!(" of {}", apps.join(", ")) };
        text.push_str(&format!("  {event}{of}"));
    }
    let owed = report["owed"].as_array().map_or(0, Vec::len);
    if owed > 0 {
        text.push_str(&format!("  {owed} owed"));
    }
    text
}

fn text(report: &Value) -> String {
    let id = report["id"].as_str().unwrap_or_default();
    let mut lines = vec![line(id, report)];
    lines.extend(
        report["cookbooks_revision"].as_str().map(|revision| format!("cookbooks: {revision}")),
    );
    for record in report["resources"].as_array().into_iter().flatten() {
        let status = record["status"].as_str().unwrap_or_default();
        if status == "up-to-date" || status == "skipped" {
            continue;
        }
        let name = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        lines.push(format!("{} {}: {status}  ({})", name("resource"), name("action"), name("at")));
        for change in record["changes"].as_array().into_iter().flatten() {
            lines.push(format!("    {}", change["what"].as_str().unwrap_or_default()));
            lines.extend(
                change["diff"]
                    .as_str()
                    .into_iter()
                    .flat_map(str::lines)
                    .map(|line| format!("      {line}")),
            );
        }
        if let Some(message) = record["error"]["message"].as_str() {
            lines.push(format!("    {message}"));
        }
    }
    for error in report["errors"].as_array().into_iter().flatten() {
        lines.push(error["message"].as_str().unwrap_or_default().to_owned());
    }
    for owed in report["owed"].as_array().into_iter().flatten() {
        lines.push(format!(
            "owed: {} {}",
            owed["target"].as_str().unwrap_or_default(),
            owed["action"].as_str().unwrap_or_default()
        ));
    }
    lines.join("\n")
}
