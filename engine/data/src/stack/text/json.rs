//! Entries in JSON.

use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use toque_core::json::Document;

/// Longer entries take a line for each of their keys, where no neighbour shows how it is done.
const WIDTH: usize = 100;

/// All of a document, with one more entry in a list; where there is no such list, with the list.
pub(super) fn with(document: &Document, list: &str, entry: &Map<String, Value>) -> String {
    let entry = Value::Object(entry.clone());
    match document.value.get(list).and_then(Value::as_array) {
        Some(entries) => {
            let ranges = (0..entries.len())
                .map(|index| document.value_range(&[list, &index.to_string()]))
                .collect();
            let place =
                Place { document, container: document.value_range(&[list]), entries: ranges };
            let neighbour = place.entries.last().map(|range| &place.text()[range.clone()]);
            let style = style(neighbour, &entry, place.text());
            place.with(&|indent| laid_out(&entry, style, indent, &step(document)))
        }
        None => {
            let keys = document.value.as_object().into_iter().flatten().map(|(key, _)| {
                let (key, value) = (document.key_range(&[key]), document.value_range(&[key]));
                key.start..value.end
            });
            let place =
                Place { document, container: document.value_range(&[]), entries: keys.collect() };
            let style = if place.on_one_line() { Style::Tight } else { Style::Lines };
            let list_of = Value::Array(vec![entry]);
            place.with(&|indent| {
                format!("\"{list}\": {}", laid_out(&list_of, style, indent, &step(document)))
            })
        }
    }
}

/// A map or an array, and what is in it.
struct Place<'a> {
    document: &'a Document,
    container: Range<usize>,
    entries: Vec<Range<usize>>,
}

impl Place<'_> {
    fn text(&self) -> &str {
        &self.document.source.text
    }

    fn on_one_line(&self) -> bool {
        !self.text().trim().contains('\n')
    }

    /// The text with one more at the end; `new` is told how far its lines are from the left.
    fn with(&self, new: &dyn Fn(&str) -> String) -> String {
        let text = self.text();
        let (open, close) = (self.container.start + 1, self.container.end - 1);
        // Comments before the bracket may be about what is before them.
        let end = open + text[open..close].trim_end().len();
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let new = |indent: &str| new(indent).replace('\n', line_end);
        let (head, tail) = (&text[..end], &text[end..]);
        let Some((first, last)) = self.entries.first().zip(self.entries.last()) else {
            if self.on_one_line() {
                return format!("{head}{}{tail}", new(""));
            }
            let around = indent(text, self.container.start);
            let indent = format!("{around}{}", step(self.document));
            let closing = if text[end..close].contains('\n') {
                String::new()
            } else {
                format!("{line_end}{around}")
            };
            return format!(
                "{head}{line_end}{indent}{}{closing}{}",
                new(&indent),
                tail.trim_start_matches([' ', '\t'])
            );
        };
        let (before, between) = (&text[..last.end], &text[last.end..end]);
        if self.on_one_line() {
            let space = if text[first.end..last.end].contains(", ") || text[open..].starts_with(' ')
            {
                " "
            } else {
                ""
            };
            return format!("{before},{between}{space}{}{tail}", new(""));
        }
        // Under the last one; where that shares its line, under the first.
        let indent = if begins_line(text, last.start) {
            indent(text, last.start).to_owned()
        } else {
            margin(text, first.start)
        };
        format!("{before},{between}{line_end}{indent}{}{tail}", new(&indent))
    }
}

/// How an entry is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `{"a":1}`
    Tight,
    /// `{ "a": 1 }`
    Line,
    /// A line for each key.
    Lines,
}

/// As its neighbour is.
fn style(neighbour: Option<&str>, entry: &Value, text: &str) -> Style {
    match neighbour {
        Some(neighbour) if neighbour.contains('\n') => Style::Lines,
        Some(neighbour) if neighbour.starts_with("{\"") => Style::Tight,
        Some(_) => Style::Line,
        None if !text.trim().contains('\n') => Style::Tight,
        None if on_a_line(entry).len() <= WIDTH => Style::Line,
        None => Style::Lines,
    }
}

fn laid_out(value: &Value, style: Style, indent: &str, step: &str) -> String {
    match style {
        Style::Tight => value.to_string(),
        Style::Line => on_a_line(value),
        Style::Lines => {
            let mut bytes = Vec::new();
            let mut serializer = Serializer::with_formatter(
                &mut bytes,
                PrettyFormatter::with_indent(step.as_bytes()),
            );
            let pretty =
                value.serialize(&mut serializer).ok().and_then(|()| String::from_utf8(bytes).ok());
            pretty.unwrap_or_else(|| value.to_string()).replace('\n', &format!("\n{indent}"))
        }
    }
}

/// `{ "a": ["b", "c"] }`
fn on_a_line(value: &Value) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), on_a_line(value))
            };
            format!("{{ {} }}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(on_a_line).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// What a level is further to the right than the one around it: as the first key of the document
/// is.
fn step(document: &Document) -> String {
    let text = &document.source.text;
    let first = document.value.as_object().and_then(|map| map.keys().next());
    let at = first.map(|key| document.key_range(&[key]).start).filter(|at| begins_line(text, *at));
    at.map(|at| indent(text, at)).filter(|indent| !indent.is_empty()).unwrap_or("  ").to_owned()
}

/// The blanks that a line begins with.
fn indent(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..at];
    &line[..line.len() - line.trim_start().len()]
}

/// Blanks up to a place in a line.
fn margin(text: &str, at: usize) -> String {
    text[line_start(text, at)..at].chars().map(|c| if c == '\t' { c } else { ' ' }).collect()
}

fn begins_line(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].trim().is_empty()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}
