//! `toque stack show`.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::json;
use toque_core::redaction::Redactor;
use toque_data::stack::{Command, Event, Instance, Stack, Wanted};
use toque_engine::Refused;
use toque_machine::trust::Trust;

use super::document;
use crate::exit::Exit;
use crate::output::{self, Format, counted};
use crate::repository::{Named, find_repository};
use crate::settings::Settings;

/// Show a stack, or an instance of it: what each event runs there
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque stack show\n  toque stack show web1\n  toque stack show --stack staging.json --format json"
)]
pub(crate) struct Args {
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
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let path = document(args.stack.as_deref(), Named { repo: None, trust })?;
    let limits =
        Settings::read(find_repository(Named { repo: None, trust }, None)?.as_deref(), trust)?
            .limits();
    let stack = Rc::new(Stack::read(&path, limits.custom_json, &Redactor::default())?);
    let instance = args.instance.as_deref().map(|name| stack.instance(name)).transpose()?;
    match (instance, args.format) {
        (None, Format::Json) => output::json(&stack.whole(args.reveal)),
        (None, Format::Text) => output::print(&text(&stack)),
        (Some(instance), format) => {
            let events = events(&stack, instance)?;
            match format {
                Format::Json => {
                    let events: serde_json::Map<_, _> = events
                        .into_iter()
                        .map(|(event, run)| (event.to_owned(), run.into()))
                        .collect();
                    let shown = json!({ "hostname": instance.hostname, "status": instance.status, "layers": instance.layers, "events": events });
                    output::json(&shown);
                }
                Format::Text => {
                    output::print(&format!(
                        "{}  {}  in {}",
                        instance.hostname,
                        instance.status,
                        or_none(&instance.layers)
                    ));
                    events.iter().for_each(|(event, run)| {
                        output::print(&format!("  {event:10}{}", or_none(run)));
                    });
                }
            }
        }
    }
    Ok(Exit::Success)
}

/// Returns the run list of each lifecycle event on an instance.
fn events(
    stack: &Rc<Stack>,
    instance: &Instance,
) -> Result<Vec<(&'static str, Vec<String>)>, Refused> {
    let run = |event: Event| {
        let wanted =
            Wanted { instance: instance.hostname.clone(), all_apps: true, ..Wanted::default() };
        let command = Command::new(Rc::clone(stack), event, wanted)?;
        Ok((
            event.name(),
            command.run_list().iter().map(|placed| placed.item.to_string()).collect(),
        ))
    };
    Event::LIFECYCLE.into_iter().map(run).collect()
}

fn text(stack: &Stack) -> String {
    let word = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
    let layers = stack.layers.iter().map(|layer| {
        let inside = stack
            .instances
            .iter()
            .filter(|instance| instance.layers.contains(&layer.shortname))
            .count();
        let packages: Vec<_> = layer.packages.iter().map(|package| package.name.clone()).collect();
        vec![
            layer.shortname.clone(),
            layer.name.clone(),
            counted(inside, "instance"),
            format!("packages: {}", or_none(&packages)),
        ]
    });
    let instances = stack.instances.iter().map(|instance| {
        let address = word(&instance.private_ip);
        vec![instance.hostname.clone(), instance.status.clone(), or_none(&instance.layers), address]
    });
    let apps = stack.apps.iter().map(|app| {
        // A URL may hold a password.
        let revision = app.revision.iter().map(|revision| format!("revision {revision}")).collect();
        vec![app.shortname.clone(), app.name.clone(), word(&app.source_type), revision]
    });
    let mut text = format!("{}  {}\n", stack.name, stack.source);
    for (title, rows) in
        [("layers", table(layers)), ("instances", table(instances)), ("apps", table(apps))]
    {
        if !rows.is_empty() {
            text += &format!("\n{title}\n{}\n", rows.join("\n"));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Rows with their columns below one another.
fn table(rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:width$}"));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
