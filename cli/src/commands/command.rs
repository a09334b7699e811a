//! `toque command`: command documents.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde_json::{Value, json};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::plain_io;
use toque_engine::run::{self, Refused};
use toque_engine::stack::{Command, hide};

use super::{Exit, Of, Prepared, prepare};
use crate::args::{CommandArgs, CommandWhat, Format, Node, OfStack};
use crate::output;

pub fn command(args: &CommandArgs) -> Result<Exit, Refused> {
    match &args.what {
        CommandWhat::Write { stack, node, to } => write(stack, node, to.as_deref()),
        CommandWhat::Show { file, format, node } => {
            let prepared = of_document(file, None, node)?;
            prepared.options.command.iter().for_each(|command| show(command, *format));
            Ok(Exit::Success)
        }
        CommandWhat::Expand { file, to, reveal, repo, node } => {
            let prepared = of_document(file, repo.as_deref(), node)?;
            let files = run::expand(&prepared.options, *reveal)?;
            expand(&files, to)?;
            output::message(&format!("wrote {} files below `{}`", files.len(), to.display()));
            Ok(Exit::Success)
        }
    }
}

fn of_document(file: &Path, repo: Option<&Path>, node: &Node) -> Result<Prepared, Refused> {
    let stack = OfStack { command: Some(file.to_owned()), ..OfStack::default() };
    prepare(
        node,
        None,
        Some(&Of { repo, run_list: &[], stack: &stack, usual: None, needed: false }),
    )
}

fn write(stack: &OfStack, node: &Node, to: Option<&Path>) -> Result<Exit, Refused> {
    let of = Of { repo: None, run_list: &[], stack, usual: None, needed: false };
    let Some(command) = prepare(node, None, Some(&of))?.options.command else {
        return Err(Diagnostic::error("a command is for an event of a stack, and none was named")
            .hint("say which: `--stack stack.json --instance web1 --event configure`")
            .into());
    };
    let text = serde_json::to_string_pretty(&command.document()).unwrap_or_default();
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

/// What it comes to, without what must not be seen.
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
        return output::print(&serde_json::to_string_pretty(&shown).unwrap_or_default());
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
