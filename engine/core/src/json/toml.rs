//! The same documents written as TOML.

use std::sync::Arc;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Children, Document, JsonError, Positions};
use crate::diagnostic::{Diagnostic, Source};
use crate::serde_errors::in_recipe_terms;

impl Document {
    /// Reads a text in TOML. A date is taken as the text it is.
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse_toml(source: Source) -> Result<Self, Diagnostic> {
        let source = Arc::new(source);
        let parsed = DeTable::parse(&source.text).map_err(|error| {
            let plain = in_recipe_terms(error.message());
            let wrong = JsonError::at(&source, error.span().unwrap_or_default(), plain.message);
            JsonError { hint: plain.hint, ..wrong }
        })?;
        let whole = 0..source.text.len();
        let (value, below) = table(&source, parsed.get_ref())?;
        Ok(Self {
            value,
            places: Positions { key: whole.clone(), value: whole, below },
            source: Arc::clone(&source),
        })
    }
}

fn table(source: &Arc<Source>, table: &DeTable<'_>) -> Result<(Value, Children), JsonError> {
    // As it was written: a map of TOML goes by name.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let (mut map, mut places) = (Map::new(), std::collections::HashMap::new());
    for (key, value) in entries {
        let (inner, below) = convert(source, value)?;
        places.insert(
            key.get_ref().to_string(),
            Positions { key: key.span(), value: value.span(), below },
        );
        map.insert(key.get_ref().to_string(), inner);
    }
    Ok((Value::Object(map), Children::Keys(places)))
}

fn convert(
    source: &Arc<Source>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(Value, Children), JsonError> {
    let no_number = |text: &str| {
        JsonError::at(source, value.span(), format!("`{text}` is no number that can be held"))
    };
    Ok(match value.get_ref() {
        DeValue::String(text) => (Value::String(text.to_string()), Children::Nothing),
        DeValue::Boolean(truth) => (Value::Bool(*truth), Children::Nothing),
        DeValue::Datetime(time) => (Value::String(time.to_string()), Children::Nothing),
        DeValue::Integer(number) => {
            let whole = i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| no_number(number.as_str()))?;
            (Value::Number(whole.into()), Children::Nothing)
        }
        DeValue::Float(number) => {
            let nearest = number
                .as_str()
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .ok_or_else(|| no_number(number.as_str()))?;
            (Value::Number(nearest), Children::Nothing)
        }
        DeValue::Array(items) => {
            let (mut values, mut places) = (Vec::new(), Vec::new());
            for item in items {
                let (inner, below) = convert(source, item)?;
                values.push(inner);
                places.push(Positions { key: item.span(), value: item.span(), below });
            }
            (Value::Array(values), Children::Items(places))
        }
        DeValue::Table(inner) => table(source, inner)?,
    })
}
