//! `toque stack show`.

use std::path::Path;
use std::rc::Rc;

use serde_json::json;
use toque_engine::masks::Masks;
use toque_engine::run::Refused;
use toque_engine::stack::{Command, Event, Instance, Stack, Wanted};

use super::document;
use crate::args::Format;
use crate::commands::Exit;
use crate::output;
use crate::settings::{Settings, find_repository};

pub fn show(
    instance: Option<&str>,
    file: Option<&Path>,
    reveal: bool,
    format: Format,
) -> Result<Exit, Refused> {
    let path = document(file, None)?;
    let limits = Settings::read(find_repository(None, None)?.as_deref())?.limits();
    let stack = Rc::new(Stack::read(&path, limits.custom_json, &Masks::default())?);
    let instance = instance.map(|name| stack.instance(name)).transpose()?;
    match (instance, format) {
        (None, Format::Json) => {
            output::print(&serde_json::to_string_pretty(&stack.whole(reveal)).unwrap_or_default())
        }
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
                    output::print(&serde_json::to_string_pretty(&shown).unwrap_or_default());
                }
                Format::Text => {
                    output::print(&format!(
                        "{}  {}  in {}",
                        instance.hostname,
                        instance.status,
                        or_none(&instance.layers)
                    ));
                    events.iter().for_each(|(event, run)| {
                        output::print(&format!("  {event:10}{}", or_none(run)))
                    });
                }
            }
        }
    }
    Ok(Exit::Success)
}

/// What each lifecycle event runs on an instance.
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
    let document = &stack.document.value;
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let layers = stack.layers.iter().map(|layer| {
        let inside = stack
            .instances
            .iter()
            .filter(|instance| instance.layers.contains(&layer.shortname))
            .count();
        let inside =
            if inside == 1 { "1 instance".to_owned() } else { format!("{inside} instances") };
        vec![
            layer.shortname.clone(),
            layer.name.clone(),
            inside,
            format!("packages: {}", or_none(&layer.packages)),
        ]
    });
    let instances = stack.instances.iter().enumerate().map(|(place, instance)| {
        let address = word(&document["instances"][place]["private_ip"]);
        vec![instance.hostname.clone(), instance.status.clone(), or_none(&instance.layers), address]
    });
    let apps = stack.apps.iter().enumerate().map(|(place, app)| {
        let source = &document["apps"][place]["app_source"];
        let kind = word(&source["type"]);
        // A URL may hold a password.
        let revision = source["revision"]
            .as_str()
            .map_or(String::new(), |revision| format!("revision {revision}"));
        vec![app.shortname.clone(), app.name.clone(), kind, revision]
    });
    let mut text = format!("{}  {}\n", stack.name, stack.document.source.name);
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
