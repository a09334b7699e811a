//! `toque search`.

use std::path::PathBuf;

use serde_json::{Map, Value};
use toque_core::diagnostic::Diagnostic;
use toque_data::attributes::parse_path;
use toque_data::search::{Order, Query, Search};
use toque_data::stack::Event;
use toque_engine::{ENCRYPTED, Encrypted, Found, Refused, Run};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::prepare::{Node, Selection, prepare};
use crate::stack_command::EventFlags;

/// Search data bags and nodes
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque search users 'groups:admin AND NOT active:false'\n  toque search node role:web -a fqdn -a memory.total --sort name\n  toque search apps --format json"
)]
pub(crate) struct Args {
    /// A data bag, or `node`, `role` or `environment`
    index: String,
    /// What to look for: `field:value`, joined by AND, OR and NOT
    #[arg(default_value = "*:*", allow_hyphen_values = true)]
    query: String,
    /// In which order: `field`, `field DESC`, or several joined by commas; by id unless told
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    sort: String,
    /// How many to leave out at the beginning
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    start: usize,
    /// How many to show at most; all unless told
    #[arg(long, value_name = "NUMBER")]
    rows: Option<usize>,
    /// Show only this value of each, also nested: `owner.team`; may be given again
    #[arg(short = 'a', long, value_name = "KEY")]
    filter: Vec<String>,
    /// Decrypt what is encrypted, and show it
    #[arg(long)]
    reveal: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The repository with the data bags; the nearest folder above with `Cookfile.toml` or
    /// `cookbooks/` unless told
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    event: EventFlags,
    #[command(flatten)]
    node: Node,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let wanted = Search {
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
    let selection = Selection {
        repo: args.repo.as_deref(),
        run_list: &[],
        event: &args.event,
        default_event: Some(Event::Configure),
        repository_required: true,
    };
    let encrypted = if args.reveal { Encrypted::Decrypted } else { Encrypted::Hidden };
    let prepared = prepare(&args.node, None, Some(&selection), trust)?;
    let mut found = Run::on(prepared.system, prepared.registry)
        .options(prepared.options.clone())
        .search(&args.index, &wanted, encrypted)?;
    if !paths.is_empty() {
        for found in &mut found {
            found.values = filtered(&found.values, &args.filter, &paths);
        }
    }
    output::message(&format!("{} found", found.len()));
    match args.format {
        Format::Text if found.is_empty() => {}
        Format::Text => output::print(&found.iter().map(text).collect::<Vec<_>>().join("\n\n")),
        Format::Json => output::json(&data(found, !paths.is_empty())),
    }
    Ok(Exit::Success)
}

/// Returns the values at these paths, each under its name on the command line.
fn filtered(
    values: &Map<String, Value>,
    names: &[String],
    paths: &[Vec<String>],
) -> Map<String, Value> {
    // An encrypted value stands for everything below it.
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
fn data(found: Vec<Found>, chosen: bool) -> Vec<Value> {
    let value = |found: Found| {
        if chosen {
            Value::from_iter([(found.id, Value::Object(found.values))])
        } else {
            Value::Object(found.values)
        }
    };
    found.into_iter().map(value).collect()
}

/// The id, and below it a line for each value.
fn text(found: &Found) -> String {
    let mut lines = vec![found.id.clone()];
    for (key, value) in &found.values {
        leaves(key, value, &mut |key, value| lines.push(format!("  {key}: {value}")));
    }
    lines.join("\n")
}

/// Calls `visit` with each value below a key, also an empty map.
fn leaves(key: &str, value: &Value, visit: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (below, value) in map {
                leaves(&format!("{key}.{below}"), value, visit);
            }
        }
        Value::String(text) if !text.contains(char::is_control) => visit(key, text),
        other => visit(key, &other.to_string()),
    }
}
