//! `toque data-bag show`.

use serde_json::{Map, Value};
use toque_data::encrypted_item::{is_encrypted_at, version};
use toque_engine::Refused;

use super::{Bags, Form, open};
use crate::exit::Exit;
use crate::output::{self, Format, pretty};

/// The data bags, the items of one, or an item
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque data-bag show\n  toque data-bag show db\n  toque data-bag show db main --reveal --format json"
)]
pub(crate) struct Args {
    /// The data bag; all are listed without one
    bag: Option<String>,
    /// The item, by its id
    item: Option<String>,
    /// Show encrypted values as what they are decrypted to
    #[arg(long, requires = "item")]
    reveal: bool,
    #[command(flatten)]
    form: Form,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(bags: &Bags<'_>, args: &Args) -> Result<Exit, Refused> {
    let text = match (&args.bag, &args.item) {
        (Some(bag), Some(item)) => whole(bags, bag, item, args)?,
        (Some(bag), None) => names(&bags.bags.ids(bag)?, args.format),
        _ => names(&bags.bags.names()?, args.format),
    };
    if !text.is_empty() {
        output::print(&text);
    }
    Ok(Exit::Success)
}

fn names(names: &[String], format: Format) -> String {
    match format {
        Format::Text => names.join("\n"),
        Format::Json => pretty(&names),
    }
}

/// Returns an item as JSON. In the text form a placeholder has no quotes, so that it cannot be
/// taken for the value.
fn whole(bags: &Bags<'_>, bag: &str, id: &str, args: &Args) -> Result<String, Refused> {
    let item = bags.item(bag, id)?;
    let plain = |value: Value| (pretty(&value).replace('\n', "\n  "), value);
    let mut secret = None;
    let (mut lines, mut values) = (Vec::new(), Map::new());
    for (key, value) in &item.item.values {
        let (text, value) = match (is_encrypted_at(key, value, args.form.version_0), args.reveal) {
            (false, _) => plain(value.clone()),
            (true, false) => (placeholder(value), placeholder(value).into()),
            (true, true) => {
                let secret = match &secret {
                    Some(secret) => secret,
                    None => secret.insert(bags.secret()?),
                };
                plain(open(&item, key, secret)?)
            }
        };
        lines.push(format!("  {}: {text}", Value::from(key.as_str())));
        values.insert(key.clone(), value);
    }
    Ok(match args.format {
        Format::Json => pretty(&values),
        Format::Text => format!("{{\n{}\n}}", lines.join(",\n")),
    })
}

/// Returns the placeholder of an encrypted value.
fn placeholder(value: &Value) -> String {
    match version(value) {
        Some(version) => format!("[encrypted, version {version}]"),
        None if value.is_string() => "[encrypted, version 0]".to_owned(),
        None => "[encrypted, of no version]".to_owned(),
    }
}
