//! Values and entries in JSON.

use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use super::{Container, begins_line, indent, newline};
use toque_core::json::Document;

/// Longer entries take a line for each of their keys, where no neighbour shows how it is done.
const WIDTH: usize = 100;

/// Writes a value as it would stand at a path: over several lines, unless its key shares its line
/// with others.
pub(crate) fn laid_out(document: &Document, path: &[&str], value: &Value) -> String {
    let text = &document.source.text;
    let key = document.key_range(path).start;
    if !begins_line(text, key) {
        return value.to_string();
    }
    pretty(value, indent(text, key), step(document)).replace('\n', newline(text))
}

/// All of a document, with one more entry in a list; where there is no such list, with the list.
pub(crate) fn push(document: &Document, list: &str, entry: &Map<String, Value>) -> String {
    let text: &str = &document.source.text;
    let entry = Value::Object(entry.clone());
    let step = step(document);
    let on_one_line = !text.trim().contains('\n');
    let container = |path: &[&str], entries: Vec<Range<usize>>| {
        let range = document.value_range(path);
        let is_spaced = text[range.start + 1..].starts_with(' ')
            || entries.windows(2).any(|pair| text[pair[0].end..pair[1].start].contains(", "));
        let gap = on_one_line.then_some(if is_spaced { " " } else { "" });
        Container { text, range, entries, gap, step }
    };
    let Some(entries) = document.value.get(list).and_then(Value::as_array) else {
        let keys = document.value.as_object().into_iter().flat_map(Map::keys);
        let entries =
            keys.map(|key| document.key_range(&[key]).start..document.value_range(&[key]).end);
        let list_of = Value::Array(vec![entry]);
        return container(&[], entries.collect()).with(&|indent| {
            let list_of =
                if on_one_line { list_of.to_string() } else { pretty(&list_of, indent, step) };
            format!("\"{list}\": {list_of}")
        });
    };
    let entries: Vec<_> =
        (0..entries.len()).map(|index| document.value_range(&[list, &index.to_string()])).collect();
    // As its neighbour is laid out.
    let neighbour = entries.last().map(|range| &text[range.clone()]);
    let on_a_line = on_a_line(&entry);
    container(&[list], entries).with(&|indent| match neighbour {
        Some(neighbour) if neighbour.contains('\n') => pretty(&entry, indent, step),
        Some(neighbour) if neighbour.starts_with("{\"") => entry.to_string(),
        None if on_one_line => entry.to_string(),
        None if on_a_line.len() > WIDTH => pretty(&entry, indent, step),
        _ => on_a_line.clone(),
    })
}

/// A line for each key.
fn pretty(value: &Value, indent: &str, step: &str) -> String {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(step.as_bytes());
    let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    let pretty = written.ok().and_then(|()| String::from_utf8(bytes).ok());
    pretty.unwrap_or_else(|| value.to_string()).replace('\n', &format!("\n{indent}"))
}

/// `{ "a": ["b", "c"] }`
fn on_a_line(value: &Value) -> String {
    let joined = |each: &mut dyn Iterator<Item = String>| each.collect::<Vec<_>>().join(", ");
    match value {
        Value::Object(map) if !map.is_empty() => {
            let entry = |(key, value)| format!("{}: {}", Value::String(key), on_a_line(value));
            let mut entries = map.iter().map(|(key, value)| entry((key.clone(), value)));
            format!("{{ {} }}", joined(&mut entries))
        }
        Value::Array(items) => format!("[{}]", joined(&mut items.iter().map(on_a_line))),
        other => other.to_string(),
    }
}

/// The indentation of a level within the one around it: that of the document's first key.
fn step(document: &Document) -> &str {
    let text = &document.source.text;
    let first = document.value.as_object().and_then(|map| map.keys().next());
    let at = first.map(|key| document.key_range(&[key]).start).filter(|at| begins_line(text, *at));
    at.map(|at| indent(text, at)).filter(|indent| !indent.is_empty()).unwrap_or("  ")
}
