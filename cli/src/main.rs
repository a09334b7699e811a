//! `toque`, the command line. Everything that reads the environment, prints or exits is here; the
//! engine does neither.

mod args;
mod commands;
mod output;
#[cfg(test)]
mod reference;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::commands::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors; a reader that went away is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Exit::Refused.code()
            } else {
                Exit::Success.code()
            });
        }
    };
    args.color.write_global();
    let exit = match &args.command {
        Command::Converge(run) => commands::converge::converge(run),
        Command::Plan(plan) => commands::plan::plan(plan),
        Command::Apply(apply) => commands::apply::apply(apply),
        Command::Check(check) => commands::check::check(check),
        Command::Graph(graph) => commands::graph::graph(graph),
        Command::Facts(facts) => commands::facts::facts(facts),
        Command::Explain(explain) => commands::explain::explain(explain),
        Command::Cookbook(cookbook) => commands::cookbook::cookbook(cookbook),
        Command::DataBag(data_bag) => commands::data_bag::data_bag(data_bag),
        Command::Search(search) => commands::search::search(search),
        Command::Stack(stack) => commands::stack::stack(stack),
        Command::Command(command) => commands::command::command(command),
        Command::Runs(runs) => commands::runs::runs(runs),
        Command::Resource(resource) => commands::resource::resource(resource),
        Command::Definitions(definitions) => commands::definitions::definitions(definitions),
        Command::Completions { shell } => commands::completions::completions(*shell),
    };
    let exit = exit.unwrap_or_else(|refused| {
        output::diagnostic::print(&refused.diagnostics);
        let stopped = refused.stopped
            || refused.diagnostics.0.iter().any(|diagnostic| diagnostic.interrupted);
        if stopped { Exit::Stopped } else { Exit::Refused }
    });
    let exit = if exit == Exit::Success && output::lost() { Exit::Failed } else { exit };
    ExitCode::from(exit.code())
}
