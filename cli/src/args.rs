//! What the command line takes.

mod command;
mod cookbook;
mod data_bag;
mod stack;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub use command::{CommandArgs, CommandWhat};
pub use cookbook::{Add as AddCookbook, CookbookArgs, CookbookWhat, Fetching, Verify};
pub use data_bag::{DataBag, DataBagWhat, Form};
pub use stack::{Add, AddWhat, Import, OfStack, StackArgs, StackWhat};

use crate::commands::Exit;

/// Bring a Linux machine to the state that its recipes declare, and keep it there
#[derive(Parser)]
#[command(name = "toque", version, max_term_width = 100, disable_help_subcommand = true, after_help = Exit::help())]
pub struct Args {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Decides for all output that is still to come.
    pub fn write_global(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[derive(Subcommand)]
pub enum Command {
    /// Converge this machine
    #[command(
        after_help = "Example:\n  toque converge webserver\n  toque converge 'recipe[base],web::tls' -j site.json"
    )]
    Converge(Converge),
    /// Show what converge would change, changing nothing
    #[command(after_help = "Example:\n  toque plan webserver --detailed-exit-code")]
    Plan(Plan),
    /// Converge one recipe that belongs to no cookbook
    #[command(
        after_help = "Example:\n  toque apply motd.rhai\n  toque apply -e 'package(\"git\")' --plan\n  toque apply - < motd.rhai"
    )]
    Apply(Apply),
    /// Find every mistake in the cookbooks, running nothing
    #[command(after_help = "Example:\n  toque check\n  toque check cookbooks/web")]
    Check(Check),
    /// Show the resource graph
    #[command(
        after_help = "Example:\n  toque graph webserver --format dot | dot -Tsvg > graph.svg"
    )]
    Graph(Graph),
    /// Show what is known of this machine
    #[command(
        after_help = "Example:\n  toque facts platform ipaddress\n  toque facts network.default_interface"
    )]
    Facts(Facts),
    /// Show which levels set an attribute, and where
    #[command(
        after_help = "Example:\n  toque explain nginx.port\n  toque explain nginx 'role[web]' -E production --format json"
    )]
    Explain(Explain),
    /// Cookbooks from elsewhere: choose, fetch and lock what Cookfile.toml asks for
    #[command(
        after_help = "Example:\n  toque cookbook install\n  toque cookbook update nginx\n  toque cookbook why nginx"
    )]
    Cookbook(CookbookArgs),
    /// Look into data bags; encrypt, decrypt and edit their items
    #[command(after_help = "Example:\n  toque data-bag show\n  toque data-bag edit db main")]
    DataBag(DataBag),
    /// Search data bags and nodes
    #[command(
        after_help = "Example:\n  toque search users 'groups:admin AND NOT active:false'\n  toque search node role:web -a fqdn -a memory.total --sort name\n  toque search apps --format json"
    )]
    Search(Search),
    /// Stack documents: check, show and import them, and add to them
    #[command(
        after_help = "Example:\n  toque stack check\n  toque stack show web1\n  toque stack import opsworks --to stack.json\n  toque stack add instance --layer web"
    )]
    Stack(StackArgs),
    /// Command documents: everything for one event on one instance, in one file
    #[command(
        after_help = "Example:\n  toque command write --stack stack.json --instance web1 --event deploy --to deploy.json\n  toque command show deploy.json\n  toque converge --command deploy.json"
    )]
    #[expect(clippy::enum_variant_names, reason = "it is what commands of a stack are called")]
    Command(CommandArgs),
    /// Look at past runs, and at what they still owe
    #[command(after_help = "Example:\n  toque runs list\n  toque runs show\n  toque runs owed")]
    Runs(Runs),
    /// The kinds of resources and their properties
    #[command(after_help = "Example:\n  toque resource list\n  toque resource show template")]
    Resource(ResourceArgs),
    /// Write definition files, from which editors complete and explain recipes
    #[command(
        after_help = "Example:\n  toque definitions .rhai\n  toque definitions --repo /srv/cookbooks /srv/cookbooks/.rhai"
    )]
    Definitions(Definitions),
    /// Write completions for a shell
    #[command(after_help = "Example:\n  toque completions bash > /etc/bash_completion.d/toque")]
    Completions { shell: clap_complete::Shell },
}

/// What every command that compiles recipes takes.
#[derive(ClapArgs)]
pub struct Source {
    /// Recipes and roles to run, in order: `web`, `web::tls`, `recipe[web@1.2.0]`, `role[base]`;
    /// also joined by commas
    #[arg(value_name = "RUN_LIST")]
    pub run_list: Vec<String>,
    /// The repository of cookbooks; the nearest folder above with `Cookfile.toml` or `cookbooks/`
    /// unless told
    #[arg(long, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    #[command(flatten)]
    pub stack: OfStack,
    #[command(flatten)]
    pub node: Node,
}

/// What every command that makes up a node takes.
#[derive(ClapArgs)]
pub struct Node {
    /// Attributes as a JSON object, which may name `run_list` and `chef_environment` too: a file, a
    /// URL, or `-` for standard input
    #[arg(short = 'j', long, value_name = "FILE|URL|-")]
    pub attributes: Option<String>,
    /// The environment that this node is in; `_default` unless told
    #[arg(short = 'E', long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The name of this node, and of its file in `nodes/`; the host name unless told
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// The file with the secret that opens encrypted data bag items
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Where lock, history and backups are kept
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where cookbooks are kept that were fetched
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// How a run is reported.
#[derive(ClapArgs)]
pub struct Reporting {
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show only what failed
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show also what is up to date or skipped
    #[arg(short, long)]
    pub verbose: bool,
}

/// How a run behaves toward others and toward signals.
#[derive(ClapArgs)]
pub struct Running {
    /// How many seconds to wait for another run; without end unless told
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub lock_timeout: Option<f64>,
    /// After a failure, keep delayed notifications for the next run instead of delivering them
    #[arg(long)]
    pub hold_notifications_on_failure: bool,
    /// How many seconds what is in progress may go on after a signal
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub stop_timeout: f64,
}

/// A number of seconds that a wait can last.
fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number of seconds".to_owned())?;
    std::time::Duration::try_from_secs_f64(number)
        .map(|_| number)
        .map_err(|error| error.to_string())
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

#[derive(ClapArgs)]
pub struct Converge {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub reporting: Reporting,
    #[command(flatten)]
    pub running: Running,
}

#[derive(ClapArgs)]
pub struct Plan {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub reporting: Reporting,
    /// Exit with 4 when changes are pending
    #[arg(long)]
    pub detailed_exit_code: bool,
    /// Show which providers another platform would choose, such as `debian-12` or `rocky-9`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
}

#[derive(ClapArgs)]
pub struct Apply {
    /// The recipe; `-` is standard input
    #[arg(required_unless_present = "code")]
    pub file: Option<PathBuf>,
    /// The recipe itself
    #[arg(short = 'e', long, value_name = "CODE", conflicts_with = "file")]
    pub code: Option<String>,
    /// Show what would change, changing nothing
    #[arg(long)]
    pub plan: bool,
    #[command(flatten)]
    pub node: Node,
    #[command(flatten)]
    pub reporting: Reporting,
    #[command(flatten)]
    pub running: Running,
}

#[derive(ClapArgs)]
pub struct Check {
    /// Cookbooks, recipes or a repository; the repository around this folder unless told
    pub paths: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(ClapArgs)]
pub struct Graph {
    #[command(flatten)]
    pub source: Source,
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub format: GraphFormat,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum GraphFormat {
    Text,
    Dot,
    Json,
}

#[derive(ClapArgs)]
pub struct Facts {
    /// Facts by name, also nested: `network.default_interface`; all of them when none is named
    pub keys: Vec<String>,
    /// The repository whose cookbooks' facts are known too; the nearest folder above with
    /// `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR")]
    pub repo: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub struct Explain {
    /// The attribute: `nginx.port`; `["nginx", "web.example"]` for keys that hold dots
    pub key: String,
    #[command(flatten)]
    pub source: Source,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(ClapArgs)]
pub struct Search {
    /// A data bag, or `node`, `role` or `environment`
    pub index: String,
    /// What to look for: `field:value`, joined by AND, OR and NOT
    #[arg(default_value = "*:*", allow_hyphen_values = true)]
    pub query: String,
    /// In which order: `field`, `field DESC`, or several joined by commas; by id unless told
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    pub sort: String,
    /// How many to leave out at the beginning
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub start: usize,
    /// How many to show at most; all unless told
    #[arg(long, value_name = "NUMBER")]
    pub rows: Option<usize>,
    /// Show only this value of each, also nested: `owner.team`; may be given again
    #[arg(short = 'a', long, value_name = "KEY")]
    pub filter: Vec<String>,
    /// Decrypt what is encrypted, and show it
    #[arg(long)]
    pub reveal: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The repository with the data bags; the nearest folder above with `Cookfile.toml` or
    /// `cookbooks/` unless told
    #[arg(long, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    #[command(flatten)]
    pub stack: OfStack,
    #[command(flatten)]
    pub node: Node,
}

#[derive(ClapArgs)]
pub struct Runs {
    #[command(subcommand)]
    pub what: RunsWhat,
    /// Where the history is kept
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum RunsWhat {
    /// The runs that are kept, newest last
    #[command(
        after_help = "Example:\n  toque runs list\n  toque runs list --state-dir /var/lib/toque"
    )]
    List,
    /// A run's report; the newest without an id
    #[command(
        after_help = "Example:\n  toque runs show\n  toque runs show 20250102T030405.678Z-901 --format json"
    )]
    Show {
        /// The run, as `toque runs list` names it
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

#[derive(ClapArgs)]
pub struct ResourceArgs {
    /// The repository whose custom resources are known too; the nearest folder above with
    /// `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    pub repo: Option<PathBuf>,
    #[command(subcommand)]
    pub what: ResourceWhat,
}

#[derive(Subcommand)]
pub enum ResourceWhat {
    /// Every kind
    #[command(after_help = "Example:\n  toque resource list")]
    List,
    /// A kind's properties, actions and providers
    #[command(
        after_help = "Example:\n  toque resource show template\n  toque resource show template --format json"
    )]
    Show {
        /// The kind, as `toque resource list` names it
        kind: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

#[derive(ClapArgs)]
pub struct Definitions {
    /// The folder for the files; it is made, and files of an earlier call in it are written anew
    pub dir: PathBuf,
    /// The repository whose libraries are defined too; the one around this folder unless told
    #[arg(long, value_name = "DIR")]
    pub repo: Option<PathBuf>,
}
