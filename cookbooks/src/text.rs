//! A Cookfile as text, of which single entries are written anew or taken away: all else stays as
//! somebody wrote it, byte for byte.

mod inline;
mod places;

use std::ops::Range;
use std::path::Path;

use toml_edit::{Key, Value};
use toque_engine::diagnostic::Diagnostic;

use self::places::{Line, Places, line_end, line_start};
use crate::manifest::cookfile::{Cookfile, CookfileEntry as Wanted, NAME};

/// What an entry says: its fields in the order in which they are written, as [`Cookfile`] reads
/// them. `version` alone is written as a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(pub Vec<(&'static str, String)>);

impl Entry {
    /// The entry of a cookbook of the sources.
    #[must_use]
    pub fn version(constraint: &str) -> Self {
        Self(vec![("version", constraint.to_owned())])
    }

    fn value(&self) -> Value {
        match &self.0[..] {
            [("version", constraint)] => constraint.as_str().into(),
            fields => Value::InlineTable(
                fields.iter().map(|(key, value)| (*key, value.as_str())).collect(),
            ),
        }
    }
}

/// The text of the Cookfile at `path` with an entry, which takes the place of the one that the
/// table has for this name. A new one comes after the last of the table.
/// # Errors
/// A mistake in the text or in the entry, with the place; a text that cannot be edited.
pub fn with(
    path: &Path,
    text: &str,
    group: Option<&str>,
    name: &str,
    entry: &Entry,
) -> Result<String, Diagnostic> {
    let before = Cookfile::parse(path, text)?;
    let new = set(text, &table_of(group), name, entry).ok_or_else(|| by_hand(name))?;
    let after = Cookfile::parse(path, &new)?;
    let is_it = |wanted: &Wanted| wanted.name == name && wanted.group.as_deref() == group;
    let same = all_but(&before, is_it) == all_but(&after, is_it);
    if same && after.cookbooks.iter().any(is_it) { Ok(new) } else { Err(by_hand(name)) }
}

/// The text of the Cookfile at `path` without a cookbook: in a group, or wherever it stands. With
/// an entry go the lines of comments directly above it, and with the last entry of a group its
/// table, unless a comment is left in it.
/// # Errors
/// A mistake in the text, with the place; a text that cannot be edited.
pub fn without(
    path: &Path,
    text: &str,
    group: Option<&str>,
    name: &str,
) -> Result<String, Diagnostic> {
    let before = Cookfile::parse(path, text)?;
    let is_it = |wanted: &Wanted| {
        wanted.name == name && (group.is_none() || wanted.group.as_deref() == group)
    };
    let mut new = text.to_owned();
    for wanted in before.cookbooks.iter().filter(|wanted| is_it(wanted)) {
        let table = table_of(wanted.group.as_deref());
        new = unset(&new, &table, name).ok_or_else(|| by_hand(name))?;
        if wanted.group.is_some() {
            new = without_empty(&new, &table[..2]).ok_or_else(|| by_hand(name))?;
        }
    }
    let after = Cookfile::parse(path, &new).map_err(|_| by_hand(name))?;
    let same = all_but(&before, is_it) == all_but(&after, is_it);
    if same && !after.cookbooks.iter().any(is_it) { Ok(new) } else { Err(by_hand(name)) }
}

/// Everything that a Cookfile says, but for some of its cookbooks.
fn all_but(cookfile: &Cookfile, left_out: impl Fn(&Wanted) -> bool) -> impl PartialEq {
    let kept = cookfile.cookbooks.iter().filter(|wanted| !left_out(wanted));
    let mut all: Vec<_> =
        kept.map(|wanted| (wanted.name.as_str(), wanted.group.as_deref(), &wanted.from)).collect();
    all.sort_by_key(|(name, group, _)| (*name, *group));
    (&cookfile.sources, &cookfile.platforms, all)
}

fn by_hand(name: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "cannot change `{name}` in `{NAME}`, as that is laid out, and leave all else as it is"
    ))
    .hint("change it by hand, and run `toque cookbook install`")
}

/// The keys of the table in which a group has its cookbooks.
fn table_of(group: Option<&str>) -> Vec<String> {
    match group {
        None => vec!["cookbooks".to_owned()],
        Some(group) => ["groups", group, "cookbooks"].map(str::to_owned).into(),
    }
}

/// Replaces the text in these places, which do not overlap unless both are emptied.
fn spliced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let (mut new, mut at) = (String::new(), 0);
    for (range, with) in changes {
        new += text.get(at..range.start).unwrap_or_default();
        new += &with;
        at = at.max(range.end);
    }
    new + text.get(at..).unwrap_or_default()
}

/// The line written below the one that something ends in.
fn below(text: &str, end: usize, line: &str) -> (Range<usize>, String) {
    let at = line_end(text, end);
    let newline = newline(text);
    let is_last = !text[..at].ends_with('\n');
    (at..at, if is_last { format!("{newline}{line}") } else { format!("{line}{newline}") })
}

fn newline(text: &str) -> &'static str {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") { "\r\n" } else { "\n" }
}

fn dotted(keys: &[String]) -> String {
    keys.iter().map(|key| Key::new(key).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}

fn set(text: &str, table: &[String], name: &str, entry: &Entry) -> Option<String> {
    let places = Places::of(text)?;
    let full = [table, &[name.to_owned()]].concat();
    let value = entry.value();
    if let Some(line) = places.lines.iter().find(|line| line.path == full) {
        return Some(spliced(text, vec![(line.value.clone(), value.to_string())]));
    }
    let fields: Vec<&Line> =
        places.lines.iter().filter(|line| line.path.starts_with(&full)).collect();
    if !fields.is_empty() {
        return Some(with_fields(text, fields, entry));
    }
    if let Some(line) = places.lines.iter().find(|line| full.starts_with(&line.path)) {
        let inside = inline::with(&text[line.value.clone()], &full[line.path.len()..], value)?;
        return Some(spliced(text, vec![(line.value.clone(), inside)]));
    }
    if let Some((end, before)) = places.end_of(text, table) {
        return Some(spliced(text, vec![below(text, end, &format!("{before}{name} = {value}"))]));
    }
    let newline = newline(text);
    let nothing = text.trim_start_matches('\u{feff}').is_empty();
    let (gap, end) = match text.ends_with('\n') {
        _ if nothing => (String::new(), newline),
        true => (newline.to_owned(), newline),
        false => (newline.repeat(2), ""),
    };
    Some(format!("{text}{gap}[{}]{newline}{name} = {value}{end}", dotted(table)))
}

/// An entry that has its fields on lines of their own. Those that are left over are gone, but for
/// their comments.
fn with_fields(text: &str, mut lines: Vec<&Line>, entry: &Entry) -> String {
    lines.sort_by_key(|line| line.value.start);
    let is = |line: &Line, key: &str| line.path.last().is_some_and(|last| last == key);
    let mut changes = Vec::new();
    let (mut left, mut kept) = (Vec::new(), Vec::new());
    for (key, value) in &entry.0 {
        match lines.iter().position(|line| is(line, key)) {
            Some(index) => {
                let line = lines.remove(index);
                changes.push((line.value.clone(), Value::from(value).to_string()));
                kept.push(line);
            }
            None => left.push(format!("{key} = {}", Value::from(value))),
        }
    }
    let mut left = left.into_iter();
    for line in lines {
        if let Some(field) = left.next() {
            changes.push((line.key.start..line.value.end, field));
            kept.push(line);
            continue;
        }
        let end = line_end(text, line.value.end);
        let rest = &text[line.value.end..end];
        let (is_told_why, gap) = (rest.contains('#'), rest.len() - rest.trim_start().len());
        let from = line_start(text, line.key.start);
        changes.push((from..if is_told_why { line.value.end + gap } else { end }, String::new()));
    }
    if let Some(last) = kept.iter().max_by_key(|line| line.value.end) {
        let before = &text[line_start(text, last.key.start)..last.key.start];
        changes.extend(left.map(|field| below(text, last.value.end, &format!("{before}{field}"))));
    }
    spliced(text, changes)
}

fn unset(text: &str, table: &[String], name: &str) -> Option<String> {
    let places = Places::of(text)?;
    let full = [table, &[name.to_owned()]].concat();
    let gone = |range: Range<usize>| (range, String::new());
    let lines = places.lines.iter().filter(|line| line.path.starts_with(&full));
    let mut cuts: Vec<_> = lines
        .map(|line| gone(places.whole(text, &(line.key.start..line.value.end), false)))
        .collect();
    let heads = places.sections.iter().filter(|section| section.path == full);
    cuts.extend(heads.map(|section| gone(places.whole(text, &section.head, true))));
    if !cuts.is_empty() {
        return Some(spliced(text, cuts));
    }
    let line = places.lines.iter().find(|line| full.starts_with(&line.path))?;
    let inside = inline::without(&text[line.value.clone()], &full[line.path.len()..])?;
    let is_group = table.len() > 1;
    let change = match inside {
        Some(inside) => (line.value.clone(), inside),
        None if is_group => gone(places.whole(text, &(line.key.start..line.value.end), false)),
        None => (line.value.clone(), "{}".to_owned()),
    };
    Some(spliced(text, vec![change]))
}

/// Without the tables of a group, when nothing is left in them.
fn without_empty(text: &str, group: &[String]) -> Option<String> {
    let places = Places::of(text)?;
    if places.lines.iter().any(|line| line.path.starts_with(group)) {
        return Some(text.to_owned());
    }
    let empty = places.sections.iter().filter(|section| section.path.starts_with(group));
    let empty = empty.filter(|section| {
        let body = &text[line_end(text, section.head.end)..places.next_head(text, section)];
        !body.lines().any(|line| line.trim_start().starts_with('#'))
    });
    Some(spliced(
        text,
        empty.map(|section| (places.whole(text, &section.head, true), String::new())).collect(),
    ))
}
