//! Where what stands in a TOML text, down to the bytes.

use std::ops::Range;

use toml_edit::{Document, Item, Table};

use super::dotted;

/// A table with a head: `[cookbooks]`. The text itself is one, whose head is empty.
pub struct Section {
    pub path: Vec<String>,
    pub head: Range<usize>,
}

/// A key and its value on a line of a section.
pub struct Line {
    /// All keys from the top.
    pub path: Vec<String>,
    /// How many of them are those of the section.
    pub outer: usize,
    /// The last of its keys.
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// Where the head of its section begins.
    section: usize,
}

/// Everything that a text has.
#[derive(Default)]
pub struct Places {
    pub sections: Vec<Section>,
    pub lines: Vec<Line>,
    /// Heads of all tables, also of those in arrays.
    heads: Vec<Range<usize>>,
}

impl Places {
    /// None when it is no TOML.
    pub fn of(text: &str) -> Option<Self> {
        let document = Document::parse(text).ok()?;
        let mut places = Self::default();
        places.add(document.as_table(), &mut Vec::new(), 0..0)?;
        Some(places)
    }

    fn add(&mut self, table: &Table, path: &mut Vec<String>, head: Range<usize>) -> Option<()> {
        if !table.is_implicit() || path.is_empty() {
            for (keys, value) in table.get_values() {
                let full = path
                    .iter()
                    .cloned()
                    .chain(keys.iter().map(|key| key.get().to_owned()))
                    .collect();
                let key = keys.last().and_then(|key| key.span())?;
                self.lines.push(Line {
                    path: full,
                    outer: path.len(),
                    key,
                    value: value.span()?,
                    section: head.start,
                });
            }
            self.heads.push(head.clone());
            self.sections.push(Section { path: path.clone(), head });
        }
        self.below(table, path)
    }

    /// The tables below one, which may be below dotted keys.
    fn below(&mut self, table: &Table, path: &mut Vec<String>) -> Option<()> {
        for (key, item) in table {
            path.push(key.to_owned());
            match item {
                Item::Table(table) if table.is_dotted() => self.below(table, path)?,
                Item::Table(table) => self.add(table, path, table.span().unwrap_or_default())?,
                Item::ArrayOfTables(tables) => {
                    for table in tables {
                        self.add(table, path, table.span()?)?;
                    }
                }
                Item::Value(_) | Item::None => {}
            }
            path.pop();
        }
        Some(())
    }

    /// Where the last of a table's entries ends, or its head, and what a line with one more begins
    /// with. None when it has neither.
    pub fn end_of(&self, text: &str, table: &[String]) -> Option<(usize, String)> {
        let last = |lines: &mut dyn Iterator<Item = &Line>| -> Option<(usize, &str, usize)> {
            let last = lines.max_by_key(|line| line.value.end)?;
            let line = &text[line_start(text, last.key.start)..last.key.start];
            Some((
                last.value.end,
                &line[..line.len() - line.trim_start_matches([' ', '\t']).len()],
                last.outer,
            ))
        };
        if let Some(section) = self.sections.iter().find(|section| section.path == table) {
            let mut own = self
                .lines
                .iter()
                .filter(|line| line.section == section.head.start && line.path.starts_with(table));
            return Some(last(&mut own).map_or_else(
                || (section.head.end, String::new()),
                |(end, indent, _)| (end, indent.to_owned()),
            ));
        }
        let is_below = |line: &&Line| {
            line.path.len() > table.len()
                && line.path.starts_with(table)
                && line.outer < table.len()
        };
        let (end, indent, outer) = last(&mut self.lines.iter().filter(is_below))?;
        Some((end, format!("{indent}{}.", dotted(&table[outer..]))))
    }

    /// The lines that something stands on, with those of comments directly above; with an empty one
    /// above these, if that is asked for.
    pub fn whole(&self, text: &str, what: &Range<usize>, gap: bool) -> Range<usize> {
        let ends = self
            .lines
            .iter()
            .map(|line| line.value.end)
            .chain(self.heads.iter().map(|head| head.end));
        let floor = ends.filter(|end| *end <= what.start).max().unwrap_or(0);
        let mut start = line_start(text, what.start);
        let above = |start: usize| {
            let from = line_start(text, start.checked_sub(1)?);
            (from >= floor).then(|| (from, text[from..start].trim()))
        };
        while let Some((from, _)) = above(start).filter(|(_, line)| line.starts_with('#')) {
            start = from;
        }
        if let Some((from, _)) = above(start).filter(|(_, line)| gap && line.is_empty()) {
            start = from;
        }
        let mut end = line_end(text, what.end);
        if gap && start == 0 && text[end..line_end(text, end)].trim().is_empty() {
            end = line_end(text, end);
        }
        if !text[..end].ends_with('\n') {
            // The line above becomes the last, and ends as this one.
            let before = text[..start]
                .strip_suffix('\n')
                .map(|before| before.strip_suffix('\r').unwrap_or(before));
            start = before.map_or(start, str::len);
        }
        start..end
    }

    /// Where the next table after a section begins.
    pub fn next_head(&self, text: &str, section: &Section) -> usize {
        let later =
            self.heads.iter().map(|head| head.start).filter(|start| *start > section.head.start);
        later.min().unwrap_or(text.len())
    }
}

/// Where the line begins that has this byte.
pub fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line ends that has this byte, after its newline.
pub fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}
