//! `toque apply`: one recipe, no cookbook.

use std::path::PathBuf;

use toque_core::diagnostic::{Diagnostic, Source};
use toque_engine::{Refused, Run};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::input;
use crate::prepare::{Node, Running, prepare};
use crate::reporting::Reporting;

/// Converge one recipe that belongs to no cookbook
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque apply motd.rhai\n  toque apply -e 'package(\"git\")' --plan\n  toque apply - < motd.rhai"
)]
pub(crate) struct Args {
    /// The recipe; `-` is standard input
    #[arg(required_unless_present = "code")]
    file: Option<PathBuf>,
    /// The recipe itself
    #[arg(short = 'e', long, value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
    /// Show what would change, changing nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    node: Node,
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    running: Running,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let recipe = match (&args.file, &args.code) {
        (_, Some(code)) => Source { name: "-e".to_owned(), path: None, text: code.clone() },
        (Some(path), None) => input::recipe(path, trust)?,
        (None, None) => {
            let missing = Diagnostic::error("name a recipe file, or give the recipe with `-e`");
            return Err(missing.into());
        }
    };
    let mut prepared = prepare(&args.node, Some(&args.running), None, trust)?;
    prepared.options.recipe = Some(recipe);
    let sink = args.reporting.sink(&prepared.settings)?;
    let report = if args.plan {
        Run::on(prepared.system, prepared.registry)
            .options(prepared.options.clone())
            .sink(sink)
            .plan()?
    } else {
        Run::on(prepared.system, prepared.registry)
            .options(prepared.options.clone())
            .sink(sink)
            .converge()?
    };
    let exit = args.reporting.finish(&report);
    Ok(if args.plan && exit == Exit::Failed { Exit::Refused } else { exit })
}
