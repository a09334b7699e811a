//! Whether a document is what a query means. Documents are walked as they are: nothing is made of
//! them beforehand.

use serde_json::{Map, Value};

use super::number_range::Numeral;
use super::pattern::{Pattern, Step, glob};
use super::query::{Bound, Query, Range, Term, Wanted};
use crate::encrypted_item::is_encrypted;

impl Query {
    /// Whether a document is meant.
    #[must_use]
    pub fn matches(&self, document: &Map<String, Value>) -> bool {
        match self {
            Self::Everything => true,
            Self::Any(queries) => queries.iter().any(|query| query.matches(document)),
            Self::All(queries) => queries.iter().all(|query| query.matches(document)),
            Self::Not(query) => !query.matches(document),
            Self::Term(term) => term.matches(document),
        }
    }
}

impl Term {
    fn matches(&self, document: &Map<String, Value>) -> bool {
        let fits = &mut |value: &Value| self.wanted.fits(value);
        match &self.field {
            None => document.values().any(|value| anywhere(value, fits)),
            Some(Pattern::Exact(field)) => in_field(document, field, fits),
            Some(Pattern::Wild(steps)) => in_fields(document, steps, &mut Vec::new(), fits),
        }
    }
}

impl Wanted {
    /// Whether a value that is no array is it. Maps are nothing but there.
    fn fits(&self, value: &Value) -> bool {
        match value {
            _ if *self == Self::Anything => true,
            Value::String(text) => self.fits_text(text),
            Value::Number(number) => self.fits_text(&number.to_string()),
            Value::Bool(truth) => self.fits_text(if *truth { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn fits_text(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Text(pattern) => {
                pattern.matches(text) || words(text).any(|word| pattern.matches(word))
            }
            Self::Phrase(phrase) => phrase == text || holds_phrase(text, phrase),
            Self::Range(range) => range.holds(text),
        }
    }
}

/// The words of a text; none when it is one word as a whole.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let several = text.contains(char::is_whitespace);
    text.split_whitespace().take(if several { usize::MAX } else { 0 })
}

fn holds_phrase(text: &str, phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split_whitespace().collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    !wanted.is_empty() && words.windows(wanted.len()).any(|part| part == wanted)
}

impl Range {
    /// As numbers where the value and all bounds are numbers, else as texts.
    fn holds(&self, text: &str) -> bool {
        let bounds = || self.low.iter().chain(&self.high);
        let number =
            if bounds().all(|bound| bound.numeral.is_some()) { Numeral::parse(text) } else { None };
        let order = |bound: &Bound| match (number, bound.numeral) {
            (Some(number), Some(bound)) => number.cmp(&bound),
            _ => text.cmp(&bound.text),
        };
        let inside = |bound: &Bound, outside: std::cmp::Ordering| {
            let order = order(bound);
            order != outside && (bound.inclusive || order.is_ne())
        };
        self.low.as_ref().is_none_or(|low| inside(low, std::cmp::Ordering::Less))
            && self.high.as_ref().is_none_or(|high| inside(high, std::cmp::Ordering::Greater))
    }
}

type Fits<'a> = dyn FnMut(&Value) -> bool + 'a;

/// Whether a value of a field fits: the keys that lead to it, joined by `_` or `.`, or the last of
/// them alone.
pub(super) fn in_field(document: &Map<String, Value>, field: &str, fits: &mut Fits<'_>) -> bool {
    at(document, field, fits)
        || document.values().any(|value| maps(value, &mut |map| below(map, field, fits)))
}

/// A key may hold `_` and `.` itself: every way to read the field is tried.
fn at(map: &Map<String, Value>, field: &str, fits: &mut Fits<'_>) -> bool {
    map.get(field).is_some_and(|value| each(value, fits))
        || field.match_indices(['_', '.']).any(|(end, _)| {
            map.get(&field[..end])
                .is_some_and(|value| maps(value, &mut |map| at(map, &field[end + 1..], fits)))
        })
}

/// Maps inside documents are small: to go through one is faster than to look a key up.
fn below(map: &Map<String, Value>, wanted: &str, fits: &mut Fits<'_>) -> bool {
    map.iter().any(|(key, value)| {
        (key == wanted && each(value, fits)) || maps(value, &mut |map| below(map, wanted, fits))
    })
}

fn in_fields<'a>(
    map: &'a Map<String, Value>,
    steps: &[Step],
    path: &mut Vec<&'a str>,
    fits: &mut Fits<'_>,
) -> bool {
    map.iter().any(|(key, value)| {
        path.push(key);
        let named =
            is_path(steps, path) || (path.len() > 1 && is_path(steps, &path[path.len() - 1..]));
        let found = (named && each(value, fits))
            || maps(value, &mut |map| in_fields(map, steps, path, fits));
        path.pop();
        found
    })
}

fn is_path<'a>(steps: &[Step], path: &[&'a str]) -> bool {
    // `None` stands between two keys.
    let letters = path
        .iter()
        .flat_map(|key: &&'a str| std::iter::once(None).chain(key.chars().map(Some)))
        .skip(1);
    glob(steps, letters, |letter, found| match found {
        Some(found) => letter == found,
        None => letter == '_' || letter == '.',
    })
}

/// Whether a value of any key fits, maps left aside.
fn anywhere(value: &Value, fits: &mut Fits<'_>) -> bool {
    match value {
        Value::Object(_) => maps(value, &mut |map| map.values().any(|value| anywhere(value, fits))),
        Value::Array(items) => items.iter().any(|item| anywhere(item, fits)),
        Value::Null => false,
        value => fits(value),
    }
}

/// The value, or those in it when it is an array. Null is none.
pub(super) fn each(value: &Value, fits: &mut Fits<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().any(|item| each(item, fits)),
        value => fits(value),
    }
}

/// The map, or those in it when it is an array. An encrypted value has no inside.
fn maps<'a>(value: &'a Value, found: &mut dyn FnMut(&'a Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Object(map) => {
            let suspicious = map.keys().any(|key| key == "encrypted_data" || key == "iv");
            !(suspicious && is_encrypted(value)) && found(map)
        }
        Value::Array(items) => items.iter().any(|item| maps(item, found)),
        _ => false,
    }
}
