//! `toque command`: command documents.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_data::stack::{Command, hide};
use toque_engine::Refused;
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::prepare::{Node, Prepared, Selection, prepare};
use crate::stack_command::EventFlags;

/// Command documents: everything for one event on one instance, in one file
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque command write --stack stack.json --instance web1 --event deploy --to deploy.json\n  toque command show deploy.json\n  toque converge --command deploy.json"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(clap::Subcommand)]
enum Commands {
    /// Write a command document: an event on an instance of a stack
    #[command(
        after_help = "Example:\n  toque command write --stack stack.json --instance web1 --event configure\n  toque command write --stack stack.json --instance web1 --event deploy --app site --to deploy.json"
    )]
    Write {
        #[command(flatten)]
        event: EventFlags,
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

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    match &args.command {
        Commands::Write { event, node, to } => write(event, node, to.as_deref(), trust),
        Commands::Show { file, format, node } => {
            let prepared = prepare_event(&EventFlags::of_document(file), None, node, trust)?;
            prepared.options.command.iter().for_each(|command| show(command, *format));
            Ok(Exit::Success)
        }
        Commands::Expand { file, to, reveal, repo, node } => {
            let prepared =
                prepare_event(&EventFlags::of_document(file), repo.as_deref(), node, trust)?;
            let files = toque_engine::expand(&prepared.options, *reveal)?;
            expand(&files, to)?;
            output::message(&format!("wrote {} files below `{}`", files.len(), to.display()));
            Ok(Exit::Success)
        }
    }
}

fn prepare_event(
    event: &EventFlags,
    repo: Option<&Path>,
    node: &Node,
    trust: &Trust,
) -> Result<Prepared, Refused> {
    let selection =
        Selection { repo, run_list: &[], event, default_event: None, repository_required: false };
    prepare(node, None, Some(&selection), trust)
}

fn write(
    event: &EventFlags,
    node: &Node,
    to: Option<&Path>,
    trust: &Trust,
) -> Result<Exit, Refused> {
    let Some(command) = prepare_event(event, None, node, trust)?.options.command else {
        return Err(Diagnostic::error("a command is for an event of a stack, and none was named")
            .hint("say which: `--stack stack.json --instance web1 --event configure`")
            .into());
    };
    let text = output::pretty(&command.document());
    match to {
        None => output::print(&text),
        Some(path) => {
            save(path, &(text + "\n")).map_err(|error| unwritten(path, &error))?;
            output::message(&format!(
                "wrote `{}`: {} on {}",
                path.display(),
                command.event,
                command.instance
            ));
        }
    }
    Ok(Exit::Success)
}

/// Prints a command without its secrets.
fn show(command: &Command, format: Format) {
    let run_list: Vec<String> =
        command.run_list().iter().map(|placed| placed.item.to_string()).collect();
    if format == Format::Json {
        let mut custom: Value = command
            .custom_json
            .as_ref()
            .map(|custom| Value::Object(custom.value.clone()))
            .unwrap_or_default();
        hide(&mut custom);
        let shown = json!({
            "type": command.event.name(),
            "stack": command.stack.name,
            "instance": command.instance,
            "layers": command.own().map(|instance| &instance.layers),
            "apps": command.apps,
            "run_list": run_list,
            "custom_json": custom,
            "command_id": command.id,
            "sent_at": command.sent_at,
        });
        return output::json(&shown);
    }
    let none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let layers = command.own().map(|instance| instance.layers.join(", ")).unwrap_or_default();
    let online = command.stack.instances.iter().filter(|instance| instance.is_online()).count();
    let rows = [
        ("event", command.event.to_string()),
        ("instance", command.instance.clone()),
        ("layers", none(layers)),
        (
            "stack",
            format!(
                "{} ({online} of {} instances online)",
                command.stack.name,
                command.stack.instances.len()
            ),
        ),
        ("apps", none(command.apps.join(", "))),
        ("run list", none(run_list.join(", "))),
        ("command", format!("{}, sent {}", command.id, command.sent_at)),
    ];
    rows.iter().for_each(|(name, value)| output::print(&format!("{name:10}{value}")));
}

fn expand(files: &[(String, String)], to: &Path) -> Result<(), Diagnostic> {
    let occupied = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Diagnostic::error(format!("there is something in `{}` already", to.display()))
            .hint("name a folder that is new or empty"));
    }
    for (path, text) in files {
        let path = to.join(path);
        let folder = path.parent().unwrap_or(to);
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| save(&path, text));
        made.map_err(|error| unwritten(&path, &error))?;
    }
    Ok(())
}

/// Writes a file that only its owner can read.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

fn unwritten(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot write `{}`: {}", path.display(), plain_io(error)))
}
