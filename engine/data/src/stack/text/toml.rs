//! Entries in TOML.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

/// All of a document, which was read from `text`, with one more entry in a list; where there is no
/// such list, with the list.
pub(super) fn with(
    document: &DocumentMut,
    text: &str,
    list: &str,
    entry: &Map<String, Json>,
) -> String {
    let mut document = document.clone();
    match document.get_mut(list) {
        Some(Item::ArrayOfTables(tables)) => tables.push(apart(table(entry))),
        Some(Item::Value(Value::Array(array))) if !array.is_empty() => push(array, inline(entry)),
        // `layers = []` says that there are none.
        _ => {
            let first = document.is_empty();
            let mut tables = ArrayOfTables::new();
            tables.push(if first { table(entry) } else { apart(table(entry)) });
            document.remove(list);
            document.insert(list, Item::ArrayOfTables(tables));
        }
    }
    let new = document.to_string();
    if text.contains("\r\n") { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new }
}

/// With an empty line above.
fn apart(mut table: Table) -> Table {
    table.decor_mut().set_prefix("\n");
    table
}

/// Maps in it are tables of their own.
fn table(entry: &Map<String, Json>) -> Table {
    let mut made = Table::new();
    for (key, json) in entry {
        let item = match json {
            Json::Object(map) => Item::Table(apart(table(map))),
            other => value(plain(other)),
        };
        made.insert(key, item);
    }
    made
}

fn inline(entry: &Map<String, Json>) -> Value {
    Value::InlineTable(entry.iter().map(|(key, json)| (key, plain(json))).collect::<InlineTable>())
}

fn plain(json: &Json) -> Value {
    match json {
        Json::Object(map) => inline(map),
        Json::Array(items) => Value::Array(items.iter().map(plain).collect::<Array>()),
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().unwrap_or_default().into(), Value::from)
        }
        Json::String(text) => text.as_str().into(),
        // TOML has none.
        Json::Null => "".into(),
    }
}

/// Adds to an array on one line, or on several, one a line.
fn push(array: &mut Array, mut new: Value) {
    let Some(last) = array.len().checked_sub(1) else { return };
    let above = array
        .get(last)
        .and_then(|value| value.decor().prefix()?.as_str().map(str::to_owned))
        .unwrap_or_default();
    let below = array
        .get(last)
        .and_then(|value| value.decor().suffix()?.as_str().map(str::to_owned))
        .unwrap_or_default();
    let indent = above.rfind('\n').map(|end| above[end..].to_owned());
    // Comments behind the last one stay behind it, and the bracket stays where it is.
    let (comments, rest) = match (array.trailing_comma(), array.trailing().as_str()) {
        (true, Some(trailing)) => {
            let comments = trailing.trim_end();
            (comments.to_owned(), trailing[comments.len()..].to_owned())
        }
        _ => {
            let comments = below.trim_end();
            if let Some(value) = array.get_mut(last) {
                value.decor_mut().set_suffix("");
            }
            (comments.to_owned(), below[comments.len()..].to_owned())
        }
    };
    let between = indent
        .unwrap_or_else(|| if comments.is_empty() { " ".to_owned() } else { "\n".to_owned() });
    new.decor_mut().set_prefix(format!("{comments}{between}"));
    if array.trailing_comma() {
        array.set_trailing(rest);
    } else {
        new.decor_mut().set_suffix(rest);
    }
    array.push_formatted(new);
}
