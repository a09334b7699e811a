//! The commands, one file each with the arguments and the function that runs it.

mod apply;
mod check;
mod command;
mod completions;
mod converge;
mod cookbook;
mod data_bag;
mod definitions;
mod explain;
mod facts;
mod graph;
mod plan;
mod resource;
mod runs;
mod search;
mod stack;

use clap::{Parser, Subcommand};
use toque_engine::Refused;

use crate::exit::Exit;
use crate::output::Color;
use crate::settings;

/// Bring a Linux machine to the state that its recipes declare, and keep it there
#[derive(Parser)]
#[command(name = "toque", version, max_term_width = 100, disable_help_subcommand = true, after_help = Exit::help())]
pub(crate) struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Use the repository and the documents that are named although other users own them, or can
    /// change them
    #[arg(long, global = true)]
    pub(crate) trust_repo: bool,
    #[command(subcommand)]
    pub(crate) command: Commands,
}

#[derive(Subcommand)]
pub(crate) enum Commands {
    Converge(converge::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Check(check::Args),
    Graph(graph::Args),
    Facts(facts::Args),
    Explain(explain::Args),
    Cookbook(cookbook::Args),
    DataBag(data_bag::Args),
    Search(search::Args),
    Stack(stack::Args),
    Command(command::Args),
    Runs(runs::Args),
    Resource(resource::Args),
    Definitions(definitions::Args),
    Completions(completions::Args),
}

pub(crate) fn run(cli: &Cli) -> Result<Exit, Refused> {
    let trust = || settings::trust(cli.trust_repo);
    match &cli.command {
        Commands::Converge(args) => converge::run(args, &trust()?),
        Commands::Plan(args) => plan::run(args, &trust()?),
        Commands::Apply(args) => apply::run(args, &trust()?),
        Commands::Check(args) => check::run(args, &trust()?),
        Commands::Graph(args) => graph::run(args, &trust()?),
        Commands::Facts(args) => facts::run(args, &trust()?),
        Commands::Explain(args) => explain::run(args, &trust()?),
        Commands::Cookbook(args) => cookbook::run(args, &trust()?),
        Commands::DataBag(args) => data_bag::run(args, &trust()?),
        Commands::Search(args) => search::run(args, &trust()?),
        Commands::Stack(args) => stack::run(args, &trust()?),
        Commands::Command(args) => command::run(args, &trust()?),
        Commands::Runs(args) => runs::run(args, &trust()?),
        Commands::Resource(args) => resource::run(args, &trust()?),
        Commands::Definitions(args) => definitions::run(args, &trust()?),
        Commands::Completions(args) => completions::run(args),
    }
}
