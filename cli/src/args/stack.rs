//! Which event of a stack a run is for, and what `toque stack` takes.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;

/// What makes a run that of an event.
#[derive(Args, Default)]
pub struct OfStack {
    /// The stack document, JSON or TOML: this run is for an event on an instance of it
    #[arg(long, value_name = "FILE", help_heading = "Stack", conflicts_with = "command")]
    pub stack: Option<PathBuf>,
    /// The instance; the name of this node unless told
    #[arg(long, value_name = "NAME", help_heading = "Stack", requires = "stack")]
    pub instance: Option<String>,
    /// setup, configure, deploy, undeploy, shutdown, rollback, restart, execute_recipes,
    /// install_dependencies or update_custom_cookbooks
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
    /// A command document, which holds all of these: one of `toque command write`, or what
    /// OpsWorks' agent kept
    #[arg(long, value_name = "FILE", help_heading = "Stack")]
    pub command: Option<PathBuf>,
}

#[derive(Args)]
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
        /// The repository of cookbooks; the nearest folder above with `Cookfile.toml` or
        /// `cookbooks/` unless told
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
    /// Make a stack document of what OpsWorks knew
    #[command(
        after_help = "Example:\n  toque stack import stacks.json layers.json instances.json --to stack.json\n  toque stack import opsworks --stack shop --to stack.json\n  toque stack import command.json"
    )]
    Import(Import),
    /// Add an instance, a layer or an app to a stack document
    #[command(
        after_help = "Example:\n  toque stack add instance --layer web\n  toque stack add layer cache --stack shop.toml"
    )]
    Add(Add),
}

#[derive(Args)]
pub struct Import {
    /// What `aws opsworks describe-…` printed, in any order, or what `opsworks-agent-cli get_json
    /// -i` did: files, folders of `.json` files, or `-` for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub from: Vec<PathBuf>,
    /// Where the document is written to, for its owner alone; to standard output unless told
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Which stack, where there are several
    #[arg(long, value_name = "NAME|ID")]
    pub stack: Option<String>,
    /// Overwrite what is there
    #[arg(long, requires = "to")]
    pub force: bool,
}

#[derive(Args)]
pub struct Add {
    #[command(subcommand)]
    pub what: AddWhat,
    /// The stack document; `stack.json` or `stack.toml` of the repository, or of this folder,
    /// unless told
    #[arg(long, value_name = "FILE", global = true)]
    pub stack: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum AddWhat {
    /// An instance, with the next free host name of the stack's theme unless told
    #[command(
        after_help = "Example:\n  toque stack add instance --layer web\n  toque stack add instance --layer web --layer cache --hostname web9 --private-ip 10.0.0.19 --status online"
    )]
    Instance {
        /// The short name of its layer; may be given several times
        #[arg(long, value_name = "SHORTNAME", required = true)]
        layer: Vec<String>,
        /// Its host name
        #[arg(long, value_name = "NAME")]
        hostname: Option<String>,
        /// Where other instances reach it
        #[arg(long, value_name = "ADDRESS")]
        private_ip: Option<IpAddr>,
        /// What it is doing, such as `stopped`; it is online unless told
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
    },
    /// A layer, in which no event runs anything yet
    #[command(after_help = "Example:\n  toque stack add layer cache --name 'The cache'")]
    Layer {
        /// Its short name
        shortname: String,
        /// Its name; the short name unless told
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// An app
    #[command(
        after_help = "Example:\n  toque stack add app site --url https://git.example.com/site.git --revision v3\n  toque stack add app docs --type archive --url https://files.example.com/docs.tar.gz"
    )]
    App {
        /// Its short name
        shortname: String,
        /// Its name; the short name unless told
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What its source is
        #[arg(long = "type", value_enum, default_value_t = SourceType::Git, requires = "url")]
        kind: SourceType,
        /// Where its source is
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// A branch, a tag or a commit
        #[arg(long, value_name = "REVISION", requires = "url")]
        revision: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SourceType {
    Git,
    Archive,
    S3,
}

impl SourceType {
    /// As a stack document has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Archive => "archive",
            Self::S3 => "s3",
        }
    }
}
