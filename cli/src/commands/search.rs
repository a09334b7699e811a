//! `toque search`.

use std::rc::Rc;

use serde_json::{Map, Value};
use toque_engine::attributes::parse_path;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::run::{self, ENCRYPTED, Encrypted, Found, Refused};
use toque_engine::search::{Order, Query};
use toque_engine::stack::Event;

use super::{Exit, Of, prepare};
use crate::args::{Format, Search};
use crate::output;

pub fn search(args: &Search) -> Result<Exit, Refused> {
    let wanted = toque_engine::search::Search {
        query: Query::parse(&args.query)?,
        order: if args.sort.is_empty() { Order::default() } else { Order::parse(&args.sort)? },
        start: args.start,
        rows: args.rows,
    };
    let wrong = |message| {
        Diagnostic::error(message).hint("name a value of what is found: `id`, or `owner.team`")
    };
    let paths = args
        .filter
        .iter()
        .map(|key| parse_path(key))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let of = Of {
        repo: args.repo.as_deref(),
        run_list: &[],
        stack: &args.stack,
        usual: Some(Event::Configure),
        needed: true,
    };
    let encrypted = if args.reveal { Encrypted::Decrypted } else { Encrypted::Hidden };
    let prepared = prepare(&args.node, None, Some(&of))?;
    let registry = Rc::new(toque_resources::standard());
    let mut found =
        run::search(prepared.system, registry, &prepared.options, &args.index, &wanted, encrypted)?;
    if !paths.is_empty() {
        for found in &mut found {
            found.values = filtered(&found.values, &args.filter, &paths);
        }
    }
    output::message(&format!("{} found", found.len()));
    match args.format {
        Format::Text if found.is_empty() => {}
        Format::Text => output::print(&found.iter().map(text).collect::<Vec<_>>().join("\n\n")),
        Format::Json => output::print(&json(found, !paths.is_empty())),
    }
    Ok(Exit::Success)
}

/// The values at these paths, each under the name it was asked for by.
fn filtered(
    values: &Map<String, Value>,
    names: &[String],
    paths: &[Vec<String>],
) -> Map<String, Value> {
    // What is encrypted stands for all that is below it too.
    fn below<'a>(value: &'a Value, key: &String) -> Option<&'a Value> {
        if value == ENCRYPTED { Some(value) } else { value.get(key) }
    }
    let value = |path: &Vec<String>| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(values.get(first)?, below)
    };
    names
        .iter()
        .zip(paths)
        .map(|(name, path)| (name.clone(), value(path).cloned().unwrap_or_default()))
        .collect()
}

/// An array: what was found as it is, or by id where only some of its values are shown.
fn json(found: Vec<Found>, chosen: bool) -> String {
    let value = |found: Found| {
        if chosen {
            Value::from_iter([(found.id, Value::Object(found.values))])
        } else {
            Value::Object(found.values)
        }
    };
    let found: Vec<Value> = found.into_iter().map(value).collect();
    serde_json::to_string_pretty(&found).unwrap_or_default()
}

/// The id, and below it a line for each value.
fn text(found: &Found) -> String {
    let mut lines = vec![found.id.clone()];
    for (key, value) in &found.values {
        leaves(key, value, &mut |key, value| lines.push(format!("  {key}: {value}")));
    }
    lines.join("\n")
}

/// Tells each value below a key, a map that holds nothing too.
fn leaves(key: &str, value: &Value, tell: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (below, value) in map {
                leaves(&format!("{key}.{below}"), value, tell);
            }
        }
        Value::String(text) if !text.contains(char::is_control) => tell(key, text),
        other => tell(key, &other.to_string()),
    }
}
