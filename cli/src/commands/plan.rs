//! `toque plan`.

use toque_core::diagnostic::Diagnostic;
use toque_engine::{Refused, Run};
use toque_machine::facts::shipped::{shipped, shipped_platforms};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::output;
use crate::prepare::{Prepared, Source};
use crate::reporting::Reporting;

/// Show what converge would change, changing nothing
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque plan webserver --detailed-exit-code")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    reporting: Reporting,
    /// Exit with 4 when changes are pending
    #[arg(long)]
    detailed_exit_code: bool,
    /// Show which providers another platform would choose, such as `debian-12` or `rocky-9`
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let prepared = args.source.prepare(None, None, trust)?;
    if let Some(platform) = &args.platform {
        return show_providers(prepared, platform);
    }
    let sink = args.reporting.sink(&prepared.settings)?;
    let report = Run::on(prepared.system, prepared.registry)
        .options(prepared.options.clone())
        .sink(sink)
        .plan()?;
    let exit = args.reporting.finish(&report);
    let pending = report.counts.would_change + report.counts.may_change > 0;
    Ok(match exit {
        Exit::Success if pending && args.detailed_exit_code => Exit::Pending,
        // It foresees a failure, and has touched nothing.
        Exit::Failed => Exit::Refused,
        other => other,
    })
}

/// Prints the provider that each resource would get on another platform.
fn show_providers(mut prepared: Prepared, wanted: &str) -> Result<Exit, Refused> {
    let (platform, version) = match wanted.split_once(['-', ':', '@', ' ']) {
        Some((platform, version)) => (platform, Some(version)),
        None => (wanted, None),
    };
    let Some(machine) = shipped(platform, version) else {
        let known: Vec<String> = shipped_platforms()
            .map(|(platform, version)| format!("{platform}-{version}"))
            .collect();
        let unknown = Diagnostic::error(format!("no facts of a platform `{wanted}` are known"));
        let all = || format!("known are {}", known.join(", "));
        return Err(unknown.suggest_or(wanted, known.iter().map(String::as_str), all).into());
    };
    prepared.options.elsewhere = Some(machine);
    let chosen = Run::on(prepared.system, prepared.registry)
        .options(prepared.options.clone())
        .providers()?;
    let mut exit = Exit::Success;
    let width = chosen.iter().map(|(resource, _)| resource.chars().count()).max().unwrap_or(0);
    for (resource, provider) in chosen {
        match provider {
            Ok(provider) => output::print(&format!("{resource:width$}  {provider}")),
            Err(failure) => {
                exit = Exit::Refused;
                output::print(&format!("{resource:width$}  none: {}", failure.message));
                for note in failure.notes.iter().flat_map(|note| note.lines()) {
                    output::print(&format!("{:width$}    {note}", ""));
                }
            }
        }
    }
    Ok(exit)
}
