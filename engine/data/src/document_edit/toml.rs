//! Values and entries in TOML.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use toml::ser::ValueSerializer;
use toml_edit::{Document, Item, Key, Table, TableLike, Value};

use super::{Change, Container, indent, line_end, line_start, newline, spliced};

/// A TOML text with its entries, in order.
struct Places<'a> {
    text: &'a str,
    entries: Vec<Entry>,
}

/// A key and its value, or the head of a table: `[cookbooks]`.
struct Entry {
    /// All keys from the top.
    path: Vec<String>,
    /// How many of them are those of the table or map that it stands in.
    outer: usize,
    /// The last of its keys.
    key: Range<usize>,
    value: Range<usize>,
    is_head: bool,
    /// The map that it stands in, where that is written as a value.
    map: Option<Range<usize>>,
}

/// The text with these fields at a path, where there may be others. A field called `short` is
/// written as its value, if it is the only one. A new entry comes after the last one of its table.
#[must_use]
pub fn set(text: &str, path: &[String], fields: &[(&str, String)], short: &str) -> Option<String> {
    let places = Places::of(text)?;
    let value = match fields {
        [(key, value)] if *key == short => value.into(),
        _ => Value::InlineTable(fields.iter().map(|(key, value)| (*key, value)).collect()),
    };
    let mut below = places.below(path);
    if let Some(whole) = below.clone().find(|entry| entry.path == path && !entry.is_head) {
        return Some(spliced(text, vec![(whole.value.clone(), value.to_string())]));
    }
    if below.any(|entry| !entry.is_head) {
        return places.with_fields(path, fields);
    }
    places.with(path, &value)
}

/// The text without the entry at a path, with the lines of comments directly above it.
#[must_use]
pub fn unset(text: &str, path: &[String]) -> Option<String> {
    let places = Places::of(text)?;
    let gone: Vec<&Entry> = places.below(path).collect();
    places.without(&gone)
}

/// The text without the tables and maps at a path and below, if no value is left in them. A table
/// that has a comment in it stays.
#[must_use]
pub fn unset_empty(text: &str, path: &[String]) -> Option<String> {
    let places = Places::of(text)?;
    let (heads, values): (Vec<_>, Vec<_>) = places.below(path).partition(|entry| entry.is_head);
    if !values.iter().all(|entry| places.is_map(entry)) {
        return Some(text.to_owned());
    }
    if !values.is_empty() {
        return unset_empty(&places.without(&values)?, path);
    }
    let is_bare = |head: &&Entry| {
        let (from, mut heads) = (line_end(text, head.value.end), places.entries.iter());
        let next = heads.find(|entry| entry.is_head && entry.key.start >= from);
        let body = &text[from..next.map_or(text.len(), |next| next.key.start)];
        !body.lines().any(|line| line.trim_start().starts_with('#'))
    };
    places.without(&heads.into_iter().filter(is_bare).collect::<Vec<_>>())
}

/// The text with one more entry in a list; where there is no such list, with the list.
pub(crate) fn push(text: &str, list: &str, entry: &Map<String, Json>) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let written = document.get(list).and_then(Item::as_array);
    if let Some(array) = written.filter(|array| !array.is_empty()) {
        let mut new = String::new();
        entry.serialize(ValueSerializer::new(&mut new)).ok()?;
        let (range, entries) = (array.span()?, array.iter().filter_map(Value::span).collect());
        return Some(with_value(text, range, entries, &new));
    }
    let path = [list.to_owned()];
    // `layers = []` says that there are none.
    let text = if written.is_some() { &unset(text, &path)? } else { text };
    let places = Places::of(text)?;
    let tables = toml::to_string(&json!({ list: [entry] })).ok()?.replace('\n', newline(text));
    let end = |entry: &Entry| entry.value.end;
    let last = places.below(&path).map(end).max().or(places.entries.iter().map(end).max());
    Some(below(text, last.unwrap_or(text.len()), true, tables.trim_end()))
}

impl<'a> Places<'a> {
    /// Reads a text; nothing when it is no TOML.
    fn of(text: &'a str) -> Option<Self> {
        let mut entries = Vec::new();
        collect(Document::parse(text).ok()?.as_table(), &[], 0, None, &mut entries)?;
        entries.sort_by_key(|entry| entry.key.start);
        Some(Self { text, entries })
    }

    /// The entries at a path, and those below it.
    fn below(&self, path: &[String]) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(move |entry| entry.path.starts_with(path))
    }

    fn is_map(&self, entry: &Entry) -> bool {
        self.text[entry.value.clone()].starts_with('{')
    }

    /// The text with a new entry, at the end of the map or table that is there for it.
    fn with(&self, path: &[String], value: &Value) -> Option<String> {
        let text = self.text;
        let (name, table) = path.split_last()?;
        let maps = self.entries.iter().filter(|entry| self.is_map(entry));
        let around = maps.filter(|map| path.starts_with(&map.path));
        if let Some(map) = around.max_by_key(|map| map.path.len()) {
            let range = map.value.clone();
            let inside = self.entries.iter().filter(|entry| entry.map.as_ref() == Some(&range));
            let entries: Vec<_> = inside.map(|entry| entry.key.start..entry.value.end).collect();
            let new = format!("{} = {value}", dotted(&path[map.path.len()..]));
            if entries.is_empty() && !text[range.clone()].contains('\n') {
                return Some(spliced(text, vec![(range, format!("{{ {new} }}"))]));
            }
            return Some(with_value(text, range, entries, &new));
        }
        let is_own = |entry: &&Entry| match entry.is_head {
            true => entry.path == table,
            false => entry.outer <= table.len(),
        };
        if let Some(last) = self.below(table).filter(is_own).last() {
            let (indent, keys) = (indent(text, last.key.start), dotted(&path[last.outer..]));
            return Some(below(text, last.value.end, false, &format!("{indent}{keys} = {value}")));
        }
        let lines = format!("[{}]{}{name} = {value}", dotted(table), newline(text));
        Some(below(text, text.len(), true, &lines))
    }

    /// The text with other fields in an entry that has its fields apart. Those that are left over
    /// are gone, but for their comments.
    fn with_fields(&self, path: &[String], fields: &[(&str, String)]) -> Option<String> {
        let text = self.text;
        let is = |entry: &Entry, key: &str| entry.path.last().is_some_and(|last| last == key);
        let there: Vec<&Entry> = self.below(path).filter(|entry| !entry.is_head).collect();
        let (_, mut new): (Vec<_>, Vec<_>) =
            fields.iter().partition(|(key, _)| there.iter().any(|entry| is(entry, key)));
        new.reverse();
        let (mut changes, mut gone) = (Vec::new(), Vec::new());
        for entry in there {
            if let Some((_, value)) = fields.iter().find(|(key, _)| is(entry, key)) {
                changes.push((entry.value.clone(), Value::from(value).to_string()));
            } else if let Some((key, value)) = new.pop() {
                let field = format!("{key} = {}", Value::from(value));
                changes.push((entry.key.start..entry.value.end, field));
            } else {
                gone.push(entry);
            }
        }
        for entry in &gone {
            let mut range = self.range_of(entry, &gone)?;
            if entry.map.is_none() {
                let comment = text[entry.value.end..range.end].find('#');
                let end = comment.map_or(range.end, |at| entry.value.end + at);
                range = line_start(text, entry.key.start)..end;
            }
            changes.push((range, String::new()));
        }
        new.iter().rev().try_fold(spliced(text, changes), |text, (key, value)| {
            Places::of(&text)?.with(&[path, &[(*key).to_owned()]].concat(), &Value::from(value))
        })
    }

    /// The text without these entries. Nothing when it is open which entry a comment belongs to.
    fn without(&self, gone: &[&Entry]) -> Option<String> {
        let is_inside = |inner: &Entry, outer: &Entry| {
            inner.key.start >= outer.value.start && inner.value.end < outer.value.end
        };
        let whole = gone.iter().filter(|entry| !gone.iter().any(|outer| is_inside(entry, outer)));
        let cuts = whole.map(|entry| Some((self.range_of(entry, gone)?, String::new())));
        Some(spliced(self.text, cuts.collect::<Option<Vec<Change>>>()?))
    }

    /// The range that goes with an entry, when all these go.
    fn range_of(&self, entry: &Entry, gone: &[&Entry]) -> Option<Range<usize>> {
        let Some(map) = &entry.map else { return Some(self.lines_of(entry)) };
        let inside = &self.text[map.start + 1..map.end - 1];
        if inside.contains('\n') && inside.contains('#') {
            return None;
        }
        let siblings = || self.entries.iter().filter(|sibling| sibling.map == entry.map);
        let mut kept = siblings().filter(|sibling| gone.iter().all(|gone| gone.key != sibling.key));
        let before = siblings().take_while(|sibling| sibling.key != entry.key).last();
        Some(match (kept.next(), before) {
            (None, _) => map.start + 1..map.end - 1,
            (Some(first), Some(before)) if first.key.start < entry.key.start => {
                before.value.end..entry.value.end
            }
            _ => {
                let (_, rest) = self.text[entry.value.end..map.end].split_once(',')?;
                map.end - inside.trim_start().len() - 1..map.end - rest.trim_start().len()
            }
        })
    }

    /// The lines of an entry, with those of comments directly above; for a head with an empty one
    /// above these.
    fn lines_of(&self, entry: &Entry) -> Range<usize> {
        let text = self.text;
        let ends = self.entries.iter().map(|entry| entry.value.end);
        let floor = ends.filter(|end| *end <= entry.key.start).max().unwrap_or(0);
        let above = |start: usize| {
            let from = line_start(text, start.checked_sub(1)?);
            (from >= floor).then(|| (from, text[from..start].trim()))
        };
        let mut start = line_start(text, entry.key.start);
        while let Some((from, _)) = above(start).filter(|(_, line)| line.starts_with('#')) {
            start = from;
        }
        let mut end = line_end(text, entry.value.end);
        if entry.is_head {
            if let Some((from, "")) = above(start) {
                start = from;
            }
            if start == 0 && text[end..line_end(text, end)].trim().is_empty() {
                end = line_end(text, end);
            }
        }
        if !text[..end].ends_with('\n') {
            // The line above becomes the last, and ends as this one.
            start = text[..start].strip_suffix(newline(text)).map_or(start, str::len);
        }
        start..end
    }
}

/// Adds the entries of a table or map, and those below them.
fn collect(
    table: &dyn TableLike,
    path: &[String],
    outer: usize,
    map: Option<&Range<usize>>,
    entries: &mut Vec<Entry>,
) -> Option<()> {
    for (name, item) in table.iter() {
        let path = [path, &[name.to_owned()]].concat();
        if let Some(dotted) = item.as_table_like().filter(|inner| inner.is_dotted()) {
            collect(dotted, &path, outer, map, entries)?;
            continue;
        }
        let tables: Vec<&Table> = match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(tables) => tables.iter().collect(),
            _ => Vec::new(),
        };
        for table in tables {
            if !table.is_implicit() {
                let (key, value) = (table.span()?, table.span()?);
                let (path, outer) = (path.clone(), path.len());
                entries.push(Entry { path, outer, key, value, is_head: true, map: None });
            }
            collect(table, &path, path.len(), None, entries)?;
        }
        if let Some(written) = item.as_value() {
            let (key, value) = (table.key(name)?.span()?, written.span()?);
            if let Some(inner) = written.as_inline_table() {
                collect(inner, &path, path.len(), Some(&value), entries)?;
            }
            entries.push(Entry { path, outer, key, value, is_head: false, map: map.cloned() });
        }
    }
    Some(())
}

/// The text with one more entry in a map or an array that is written as a value.
fn with_value(text: &str, range: Range<usize>, entries: Vec<Range<usize>>, new: &str) -> String {
    let gap = (!text[range.clone()].contains('\n')).then_some(" ");
    Container { text, range, entries, gap, step: "  " }.with(&|_| new.to_owned())
}

/// The text with these lines below the one with this byte, and with an empty one between if they
/// are apart.
fn below(text: &str, at: usize, are_apart: bool, lines: &str) -> String {
    let (at, newline) = (line_end(text, at), newline(text));
    let before = text[..at].trim_start_matches('\u{feff}');
    let gap = if are_apart && !before.is_empty() { newline } else { "" };
    let lines = match before.is_empty() || before.ends_with('\n') {
        true => format!("{gap}{lines}{newline}"),
        false => format!("{newline}{gap}{lines}"),
    };
    spliced(text, vec![(at..at, lines)])
}

fn dotted(keys: &[String]) -> String {
    keys.iter().map(|key| Key::new(key).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}
