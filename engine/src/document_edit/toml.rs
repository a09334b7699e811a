//! Values and entries in TOML.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use toml::ser::ValueSerializer;
use toml_edit::{Document, Item, Key, Table, TableLike, Value};

use super::{Change, Container, indent, line_end, line_start, newline, spliced};

/// A TOML text, and all that stands in it, in order.
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
    place: Place,
}

#[derive(Clone, PartialEq)]
enum Place {
    Head,
    Line,
    /// In a map that is written as a value.
    Map(Range<usize>),
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
    if let Some(whole) = below.clone().find(|entry| entry.path == path && !entry.is_head()) {
        return Some(spliced(text, vec![(whole.value.clone(), value.to_string())]));
    }
    if below.any(|entry| !entry.is_head()) {
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
    let (heads, values): (Vec<_>, Vec<_>) = places.below(path).partition(|entry| entry.is_head());
    if values.iter().any(|entry| !text[entry.value.clone()].starts_with('{')) {
        return Some(text.to_owned());
    }
    if !values.is_empty() {
        return unset_empty(&places.without(&values)?, path);
    }
    let is_bare = |head: &&Entry| {
        let (from, mut heads) = (line_end(text, head.value.end), places.entries.iter());
        let next = heads.find(|entry| entry.is_head() && entry.key.start >= from);
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
        let on_one_line = !text[range.clone()].contains('\n');
        let container = Container { text, range, entries, on_one_line, step: "" };
        return Some(container.with(&|_| new.clone()));
    }
    let path = [list.to_owned()];
    // `layers = []` says that there are none.
    let text = if written.is_some() { &unset(text, &path)? } else { text };
    let places = Places::of(text)?;
    let tables =
        toml::to_string(&Map::from_iter([(list.to_owned(), Json::from_iter([entry.clone()]))]));
    let tables = tables.ok()?.replace('\n', newline(text));
    let end = |entry: &&Entry| entry.value.end;
    Some(match places.below(&path).max_by_key(end).or(places.entries.iter().max_by_key(end)) {
        Some(last) => below(text, last, &format!("{}{}", newline(text), tables.trim_end())),
        None => format!("{text}{tables}"),
    })
}

impl<'a> Places<'a> {
    /// Everything that stands in a text; nothing when it is no TOML.
    fn of(text: &'a str) -> Option<Self> {
        let mut entries = Vec::new();
        collect(Document::parse(text).ok()?.as_table(), &[], 0, &Place::Line, &mut entries)?;
        entries.sort_by_key(|entry| entry.key.start);
        Some(Self { text, entries })
    }

    /// The entries at a path, and those below it.
    fn below(&self, path: &[String]) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(move |entry| entry.path.starts_with(path))
    }

    /// The text with a new entry, at the end of the map or table that is there for it.
    fn with(&self, path: &[String], value: &Value) -> Option<String> {
        let text = self.text;
        let (name, table) = path.split_last()?;
        let maps =
            self.entries.iter().filter(|entry| !entry.is_head() && path.starts_with(&entry.path));
        if let Some(map) = maps.max_by_key(|entry| entry.path.len()) {
            let range = map.value.clone();
            let new = format!("{} = {value}", dotted(&path[map.path.len()..]));
            let inside = Place::Map(range.clone());
            let inside = self.entries.iter().filter(|entry| entry.place == inside);
            let entries: Vec<_> = inside.map(|entry| entry.key.start..entry.value.end).collect();
            return match &text[range.clone()] {
                map if !map.starts_with('{') => None,
                map if entries.is_empty() && map.contains('#') => None,
                _ if entries.is_empty() => {
                    Some(spliced(text, vec![(range, format!("{{ {new} }}"))]))
                }
                map => {
                    let on_one_line = !map.contains('\n');
                    let container = Container { text, range, entries, on_one_line, step: "" };
                    Some(container.with(&|_| new.clone()))
                }
            };
        }
        let mut own = self.below(table).filter(|entry| match entry.place {
            Place::Head => entry.path == table,
            _ => entry.outer <= table.len(),
        });
        if let Some(last) = own.by_ref().last() {
            let (indent, keys) = (indent(text, last.key.start), dotted(&path[last.outer..]));
            return Some(below(text, last, &format!("{indent}{keys} = {value}")));
        }
        let newline = newline(text);
        let nothing = text.trim_start_matches('\u{feff}').is_empty();
        let (gap, end) = match text.ends_with('\n') {
            _ if nothing => ("", newline),
            true => (newline, newline),
            false => (&*newline.repeat(2), ""),
        };
        Some(format!("{text}{gap}[{}]{newline}{name} = {value}{end}", dotted(table)))
    }

    /// The text with other fields in an entry that has its fields apart. Those that are left over
    /// are gone, but for their comments.
    fn with_fields(&self, path: &[String], fields: &[(&str, String)]) -> Option<String> {
        let text = self.text;
        let is = |entry: &Entry, key: &str| entry.path.last().is_some_and(|last| last == key);
        let there: Vec<&Entry> = self.below(path).filter(|entry| !entry.is_head()).collect();
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
            if entry.place == Place::Line {
                let rest = &text[entry.value.end..line_end(text, entry.value.end)];
                let comment = rest.find('#').map(|at| entry.value.end + at);
                range = line_start(text, entry.key.start)..comment.unwrap_or(range.end);
            }
            changes.push((range, String::new()));
        }
        new.iter().rev().try_fold(spliced(text, changes), |text, (key, value)| {
            Places::of(&text)?.with(&[path, &[(*key).to_owned()]].concat(), &Value::from(value))
        })
    }

    /// The text without these entries. Nothing when a comment would not stay with what it is of.
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
        let Place::Map(map) = &entry.place else { return Some(self.lines_of(entry)) };
        let inside = &self.text[map.start + 1..map.end - 1];
        if inside.contains('\n') && inside.contains('#') {
            return None;
        }
        let siblings = || self.entries.iter().filter(|sibling| sibling.place == entry.place);
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
        if entry.is_head() {
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

impl Entry {
    fn is_head(&self) -> bool {
        self.place == Place::Head
    }
}

/// Adds what stands in a table, and below it.
fn collect(
    table: &dyn TableLike,
    path: &[String],
    outer: usize,
    place: &Place,
    entries: &mut Vec<Entry>,
) -> Option<()> {
    for (name, item) in table.iter() {
        let path = [path, &[name.to_owned()]].concat();
        let key = table.key(name)?.span();
        let tables: Vec<&Table> = match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(tables) => tables.iter().collect(),
            _ => Vec::new(),
        };
        for inner in tables {
            if inner.is_dotted() {
                collect(inner, &path, outer, place, entries)?;
                continue;
            }
            if !inner.is_implicit() {
                let (head, path, place) = (inner.span()?, path.clone(), Place::Head);
                entries.push(Entry {
                    outer: path.len(),
                    key: head.clone(),
                    value: head,
                    path,
                    place,
                });
            }
            collect(inner, &path, path.len(), place, entries)?;
        }
        let Some(value) = item.as_value() else { continue };
        match value.as_inline_table() {
            Some(inner) if inner.is_dotted() => {
                collect(inner, &path, outer, place, entries)?;
                continue;
            }
            Some(inner) => collect(inner, &path, path.len(), &Place::Map(value.span()?), entries)?,
            None => {}
        }
        let (key, value, place) = (key?, value.span()?, place.clone());
        entries.push(Entry { path, outer, key, value, place });
    }
    Some(())
}

/// The text with these lines below the one that an entry ends in.
fn below(text: &str, entry: &Entry, lines: &str) -> String {
    let at = line_end(text, entry.value.end);
    let newline = newline(text);
    let is_last = !text[..at].ends_with('\n');
    let lines = if is_last { format!("{newline}{lines}") } else { format!("{lines}{newline}") };
    spliced(text, vec![(at..at, lines)])
}

fn dotted(keys: &[String]) -> String {
    keys.iter().map(|key| Key::new(key).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}
