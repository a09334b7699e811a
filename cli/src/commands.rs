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

/// Bring a Linux machine to the state that its recipes declare, and keep it there
#[derive(Parser)]
#[command(name = "toque", version, max_term_width = 100, disable_help_subcommand = true, after_help = Exit::help())]
pub(crate) struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
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

pub(crate) fn run(command: &Commands) -> Result<Exit, Refused> {
    match command {
        Commands::Converge(args) => converge::run(args),
        Commands::Plan(args) => plan::run(args),
        Commands::Apply(args) => apply::run(args),
        Commands::Check(args) => check::run(args),
        Commands::Graph(args) => graph::run(args),
        Commands::Facts(args) => facts::run(args),
        Commands::Explain(args) => explain::run(args),
        Commands::Cookbook(args) => cookbook::run(args),
        Commands::DataBag(args) => data_bag::run(args),
        Commands::Search(args) => search::run(args),
        Commands::Stack(args) => stack::run(args),
        Commands::Command(args) => command::run(args),
        Commands::Runs(args) => runs::run(args),
        Commands::Resource(args) => resource::run(args),
        Commands::Definitions(args) => definitions::run(args),
        Commands::Completions(args) => completions::run(args),
    }
}
