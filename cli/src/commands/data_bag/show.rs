//! `toque data-bag show`.

use serde_json::{Map, Value};
use toque_engine::encrypted::{is_encrypted_at, version};
use toque_engine::run::Refused;

use super::{Bags, open};
use crate::args::{Form, Format};
use crate::commands::Exit;
use crate::output;

/// How much is shown of encrypted values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Values {
    Hidden,
    Revealed,
}

pub fn show(
    bags: &Bags,
    bag: Option<&str>,
    item: Option<&str>,
    values: Values,
    form: Form,
    format: Format,
) -> Result<Exit, Refused> {
    let text = match (bag, item) {
        (Some(bag), Some(item)) => whole(bags, bag, item, values, form, format)?,
        (Some(bag), None) => names(&bags.bags.ids(bag)?, format),
        _ => names(&bags.bags.names(), format),
    };
    if !text.is_empty() {
        output::print(&text);
    }
    Ok(Exit::Success)
}

fn names(names: &[String], format: Format) -> String {
    match format {
        Format::Text => names.join("\n"),
        Format::Json => pretty(&names.into()),
    }
}

/// An item as JSON. As text, what is not shown stands without quotes, so that nobody takes it for
/// the value.
fn whole(
    bags: &Bags,
    bag: &str,
    id: &str,
    values: Values,
    form: Form,
    format: Format,
) -> Result<String, Refused> {
    let item = bags.item(bag, id)?;
    let mut secret = None;
    let mut shown: Vec<(&String, Shown)> = Vec::new();
    for (key, value) in &item.item.values {
        let value = match (is_encrypted_at(key, value, form.version_0), values) {
            (false, _) => Shown::Value(value.clone()),
            (true, Values::Hidden) => Shown::Hidden(instead(value)),
            (true, Values::Revealed) => {
                let secret = match &secret {
                    Some(secret) => secret,
                    None => secret.insert(bags.secret()?),
                };
                Shown::Value(open(&item, key, secret)?)
            }
        };
        shown.push((key, value));
    }
    Ok(match format {
        Format::Json => pretty(&Value::Object(
            shown
                .into_iter()
                .map(|(key, shown)| (key.clone(), shown.value()))
                .collect::<Map<_, _>>(),
        )),
        Format::Text => {
            let lines: Vec<String> = shown
                .into_iter()
                .map(|(key, shown)| format!("  {}: {}", Value::from(key.as_str()), shown.text()))
                .collect();
            format!("{{\n{}\n}}", lines.join(",\n"))
        }
    })
}

enum Shown {
    Value(Value),
    Hidden(String),
}

impl Shown {
    fn value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Hidden(instead) => instead.into(),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Value(value) => pretty(&value).replace('\n', "\n  "),
            Self::Hidden(instead) => instead,
        }
    }
}

/// What is shown of a value that stays closed.
fn instead(value: &Value) -> String {
    match version(value) {
        Some(version) => format!("[encrypted, version {version}]"),
        None if value.is_string() => "[encrypted, version 0]".to_owned(),
        None => "[encrypted, of no version]".to_owned(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
