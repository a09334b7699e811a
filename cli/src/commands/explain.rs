//! `toque explain`: which levels set an attribute, and where.

use std::fmt::Write as _;

use serde_json::Value;
use toque_core::diagnostic::Diagnostic;
use toque_data::attributes::{parse_path, shown_path};
use toque_data::stack::Event;
use toque_engine::explain::Explained;
use toque_engine::{Refused, Run};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::prepare::Source;

/// Show which levels set an attribute, and where
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque explain nginx.port\n  toque explain nginx 'role[web]' -E production --format json"
)]
pub(crate) struct Args {
    /// The attribute: `nginx.port`; `["nginx", "web.example"]` for keys that hold dots
    key: String,
    #[command(flatten)]
    source: Source,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let path = path(&args.key)?;
    let prepared = args.source.prepare(None, Some(Event::Configure), trust)?;
    let explained = Run::on(prepared.system, prepared.registry)
        .options(prepared.options.clone())
        .explain(&path)?;
    match args.format {
        Format::Text => output::print(&text(&explained)),
        Format::Json => output::json(&explained),
    }
    Ok(Exit::Success)
}

/// `nginx.port`, or a JSON array of keys.
fn path(text: &str) -> Result<Vec<String>, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::error(message)
            .hint("name an attribute: `nginx.port`, or '[\"nginx\", \"web.example\"]' for keys that hold dots")
    };
    if !text.starts_with('[') {
        return parse_path(text).map_err(wrong);
    }
    let keys: Vec<String> = serde_json::from_str(text)
        .map_err(|_| wrong(format!("`{text}` is no array of strings")))?;
    if keys.is_empty() { Err(wrong("an attribute needs a name".to_owned())) } else { Ok(keys) }
}

/// The value, and a table of who set what; a star marks what is read.
fn text(explained: &Explained) -> String {
    let key = shown_path(&explained.key);
    let mut text = match &explained.value {
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            format!("{key} is\n{}\n", output::pretty(value))
        }
        Some(value) => format!("{key} is {value}\n"),
        None => format!("{key} cannot be read: what is above it is no map\n"),
    };
    // The key is told only where there are several.
    let keys = explained.settings.iter().any(|setting| setting.key != explained.key);
    let rows: Vec<[String; 4]> = explained
        .settings
        .iter()
        .map(|setting| {
            let star = if setting.wins { "*" } else { " " };
            let key = if keys { shown_path(&setting.key) } else { String::new() };
            [
                format!("{star} {}", setting.level),
                key,
                setting.value.to_string(),
                setting.set_by.clone(),
            ]
        })
        .collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (level, name, value) = (width(0), width(1), width(2).min(60));
    for row in &rows {
        let name = if keys { format!("  {:name$}", row[1]) } else { String::new() };
        let _ = write!(text, "\n{:level$}{name}  {:value$}  {}", row[0], row[2], row[3]);
    }
    text
}
