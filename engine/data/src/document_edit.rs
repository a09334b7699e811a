//! Documents as text, in which entries are set, added and removed: all else stays as it was
//! written, byte for byte.
//!
//! The edits replace ranges of bytes that the parsers name. Their trees of the text cannot be
//! changed and written out instead: that of `toml_edit` gathers dotted keys and loses line ends and
//! byte order marks, and that of `jsonc_parser` drops empty lines, puts new entries before the
//! comments behind the last one, and takes several lines for each map.

pub(crate) mod json;
pub mod toml;

use std::ops::Range;

/// A place in a text, and what it is replaced with.
type Change = (Range<usize>, String);

/// Replaces the text in these places, which do not overlap unless both are emptied.
pub(crate) fn spliced(text: &str, mut changes: Vec<Change>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let (mut new, mut at) = (String::new(), 0);
    for (range, with) in changes {
        new += text.get(at..range.start).unwrap_or_default();
        new += &with;
        at = at.max(range.end);
    }
    new + text.get(at..).unwrap_or_default()
}

/// The byte order mark of a text; empty when it has none.
pub(crate) fn byte_order_mark(text: &str) -> &'static str {
    if text.starts_with('\u{feff}') { "\u{feff}" } else { "" }
}

/// A map or an array in brackets.
struct Container<'a> {
    text: &'a str,
    range: Range<usize>,
    entries: Vec<Range<usize>>,
    /// Stands between entries, if all are on one line.
    gap: Option<&'a str>,
    /// The indentation of a level within the one around it.
    step: &'a str,
}

impl Container<'_> {
    /// The text with one more entry at the end; `new` is told how far its lines are from the left.
    fn with(&self, new: &dyn Fn(&str) -> String) -> String {
        let text = self.text;
        let (open, close) = (self.range.start + 1, self.range.end - 1);
        // Comments before the bracket may be about the entries before them.
        let end = open + text[open..close].trim_end().len();
        let newline = newline(text);
        let new = |indent: &str| new(indent).replace('\n', newline);
        let (head, tail) = (&text[..end], &text[end..]);
        let Some((first, last)) = self.entries.first().zip(self.entries.last()) else {
            if self.gap.is_some() {
                return format!("{head}{}{tail}", new(""));
            }
            let around = indent(text, self.range.start);
            let indent = format!("{around}{}", self.step);
            let is_closed_below = text[end..close].contains('\n');
            let closing =
                if is_closed_below { String::new() } else { format!("{newline}{around}") };
            let tail = tail.trim_start_matches([' ', '\t']);
            return format!("{head}{newline}{indent}{}{closing}{tail}", new(&indent));
        };
        let (before, between) = (&text[..last.end], &text[last.end..end]);
        let (comma, end) =
            if between.trim_start().starts_with(',') { ("", ",") } else { (",", "") };
        let (gap, indent) = if let Some(gap) = self.gap {
            (gap, String::new())
        } else if begins_line(text, last.start) {
            (newline, indent(text, last.start).to_owned())
        } else {
            // The last one shares its line: the new one stands under the first.
            let line = &text[line_start(text, first.start)..first.start];
            (newline, line.chars().map(|c| if c == '\t' { c } else { ' ' }).collect())
        };
        format!("{before}{comma}{between}{gap}{indent}{}{end}{tail}", new(&indent))
    }
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Where the line begins that has this byte.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line ends that has this byte, after its newline.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// The blanks that a line begins with.
fn indent(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..at];
    &line[..line.len() - line.trim_start().len()]
}

fn begins_line(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].trim().is_empty()
}
