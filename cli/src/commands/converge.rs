//! `toque converge`.

use toque_engine::{Refused, Run};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::prepare::{Running, Source};
use crate::reporting::Reporting;

/// Converge this machine
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque converge webserver\n  toque converge 'recipe[base],web::tls' -j site.json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    running: Running,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let prepared = args.source.prepare(Some(&args.running), None, trust)?;
    let sink = args.reporting.sink(&prepared.settings)?;
    let report = Run::on(prepared.system, prepared.registry)
        .options(prepared.options.clone())
        .sink(sink)
        .converge()?;
    Ok(args.reporting.finish(&report))
}
