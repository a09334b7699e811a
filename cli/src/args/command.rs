//! What `toque command` takes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{Format, Node, OfStack};

#[derive(ClapArgs)]
pub struct CommandArgs {
    #[command(subcommand)]
    pub what: CommandWhat,
}

#[derive(Subcommand)]
pub enum CommandWhat {
    /// Write a command document: an event on an instance of a stack
    #[command(
        after_help = "Example:\n  toque command write --stack stack.json --instance web1 --event configure\n  toque command write --stack stack.json --instance web1 --event deploy --app site --to deploy.json"
    )]
    Write {
        #[command(flatten)]
        stack: OfStack,
        #[command(flatten)]
        node: Node,
        /// The file for it, which only its owner can read; standard output unless told
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Show what a command document comes to
    #[command(
        after_help = "Example:\n  toque command show deploy.json\n  opsworks-agent-cli get_json -i | toque command show -"
    )]
    Show {
        /// The command document; `-` is standard input
        file: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        node: Node,
    },
    /// Write what recipes find in a command document: run list and attributes, data bags and nodes
    #[command(after_help = "Example:\n  toque command expand deploy.json --to /tmp/deploy")]
    Expand {
        /// The command document; `-` is standard input
        file: PathBuf,
        /// The folder for the files; it must be new, or empty
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Write secrets as what they are
        #[arg(long)]
        reveal: bool,
        /// The repository whose data bags there are too; the nearest folder above with
        /// `Cookfile.toml` or `cookbooks/` unless told
        #[arg(long, value_name = "DIR")]
        repo: Option<PathBuf>,
        #[command(flatten)]
        node: Node,
    },
}
