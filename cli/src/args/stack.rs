//! What `toque stack` takes, and which event of a stack a run is for.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Format;

/// What makes a run that of an event.
#[derive(ClapArgs, Default)]
pub struct OfStack {
    /// The stack document, JSON or TOML: this run is for an event on an instance of it
    #[arg(long, value_name = "FILE", help_heading = "Stack", conflicts_with = "command")]
    pub stack: Option<PathBuf>,
    /// The instance; the name of this node unless told
    #[arg(long, value_name = "NAME", help_heading = "Stack", requires = "stack")]
    pub instance: Option<String>,
    /// setup, configure, deploy, undeploy, shutdown, rollback, restart, execute_recipes, install_dependencies or update_custom_cookbooks
    #[arg(long, value_name = "EVENT", help_heading = "Stack", requires = "stack")]
    pub event: Option<String>,
    /// The app that is deployed, undeployed, rolled back or restarted; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Stack", requires = "stack")]
    pub app: Vec<String>,
    /// All apps of the stack
    #[arg(long, help_heading = "Stack", requires = "stack", conflicts_with = "app")]
    pub all_apps: bool,
    /// A recipe for `--event execute_recipes`; may be given again
    #[arg(long, value_name = "RECIPE", help_heading = "Stack", requires = "stack")]
    pub recipe: Vec<String>,
    /// Custom JSON for this run alone: a file, or the JSON itself
    #[arg(long, value_name = "FILE|JSON", help_heading = "Stack", requires = "stack")]
    pub custom_json: Option<String>,
    /// A command document, which holds all of these: one of `toque command write`, or what OpsWorks' agent kept
    #[arg(long, value_name = "FILE", help_heading = "Stack")]
    pub command: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub struct StackArgs {
    #[command(subcommand)]
    pub what: StackWhat,
}

#[derive(Subcommand)]
pub enum StackWhat {
    /// Find every mistake in a stack document, and in the recipes that its events come to
    #[command(after_help = "Example:\n  toque stack check\n  toque stack check staging.json")]
    Check {
        /// The document; `stack.json` or `stack.toml` of the repository unless told
        file: Option<PathBuf>,
        /// The repository of cookbooks; the nearest folder above with `Cookfile.toml` or `cookbooks/` unless told
        #[arg(long, value_name = "DIR")]
        repo: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show a stack, or an instance of it: what each event runs there
    #[command(
        after_help = "Example:\n  toque stack show\n  toque stack show web1\n  toque stack show --stack staging.json --format json"
    )]
    Show {
        /// The instance; the whole stack unless told
        instance: Option<String>,
        /// The document; `stack.json` or `stack.toml` of the repository unless told
        #[arg(long, value_name = "FILE")]
        stack: Option<PathBuf>,
        /// Show secrets that stand in the document
        #[arg(long)]
        reveal: bool,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}
