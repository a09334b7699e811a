//! In which order what is found comes: `priority DESC, name`.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::matching::in_field;
use super::number_range::Numeral;
use toque_core::diagnostic::{Diagnostic, Source, Span};

/// Fields, the first of which decides first. What they leave open is decided by the id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order(pub Vec<(String, Direction)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

const HINT: &str = "write `field`, `field DESC`, or several joined by commas";

impl Order {
    /// Reads `field`, `field ASC`, `field DESC`, or several joined by commas.
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let source =
            Arc::new(Source { name: "the order".to_owned(), path: None, text: text.to_owned() });
        let mut fields = Vec::new();
        let mut start = 0;
        for part in text.split(',') {
            let begin = start + part.len() - part.trim_start().len();
            let place = begin..begin + part.trim().len();
            start += part.len() + 1;
            let wrong = |what: String| Diagnostic::error(what).at(Span::of(&source, place.clone()));
            let mut words = part.split_whitespace();
            let Some(field) = words.next() else {
                return Err(wrong("there is nothing to sort by".to_owned()).hint(HINT));
            };
            if field.contains(['*', '?', ':', '"', '(', ')']) {
                return Err(wrong(format!(
                    "`{field}` is no field to sort by: a field's name has no wildcards or operators"
                ))
                .hint(HINT));
            }
            let direction = match words.next() {
                None => Direction::Ascending,
                Some(word) if word.eq_ignore_ascii_case("asc") => Direction::Ascending,
                Some(word) if word.eq_ignore_ascii_case("desc") => Direction::Descending,
                Some(word) => {
                    let unknown = wrong(format!("`{word}` is no direction"));
                    return Err(unknown.suggest_or(word, ["ASC", "DESC"], || HINT));
                }
            };
            if let Some(word) = words.next() {
                return Err(wrong(format!("`{word}` is too much")).hint(HINT));
            }
            fields.push((field.to_owned(), direction));
        }
        Ok(Self(fields))
    }

    /// Puts the places of documents, each of which comes with its id, in order.
    pub(super) fn sort(&self, found: &mut [usize], documents: &[(&str, &Map<String, Value>)]) {
        found.sort_by_cached_key(|index| {
            let (id, document) = documents[*index];
            (
                self.0
                    .iter()
                    .map(|(field, direction)| Key::of(document, field, *direction))
                    .collect::<Vec<_>>(),
                id,
            )
        });
    }
}

/// What a document has to be sorted by. Nothing comes last, whatever the direction.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Rising(Sorted),
    Falling(Reverse<Sorted>),
    Nothing,
}

/// Numbers come before texts.
#[derive(Debug, PartialEq, Eq)]
enum Sorted {
    Number(Numeral),
    Text(String),
}

impl Key {
    /// By the first value of the field.
    fn of(document: &Map<String, Value>, field: &str, direction: Direction) -> Self {
        let mut first = None;
        in_field(document, field, &mut |value| {
            first = match value {
                Value::String(text) => Some(Sorted::of(text.clone())),
                Value::Number(number) => Some(Sorted::of(number.to_string())),
                Value::Bool(truth) => Some(Sorted::Text(truth.to_string())),
                _ => None,
            };
            first.is_some()
        });
        match (first, direction) {
            (None, _) => Self::Nothing,
            (Some(value), Direction::Ascending) => Self::Rising(value),
            (Some(value), Direction::Descending) => Self::Falling(Reverse(value)),
        }
    }
}

impl Sorted {
    fn of(text: String) -> Self {
        Numeral::parse(&text).map_or(Self::Text(text), Self::Number)
    }
}

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sorted() {
        let documents = [
            json!({ "id": "a", "port": 80, "team": { "name": "core" } }),
            json!({ "id": "b", "port": "9", "team": { "name": "web" } }),
            json!({ "id": "c", "port": "any" }),
            json!({ "id": "d", "port": null, "team": { "name": "core" } }),
            json!({ "id": "e", "port": [8080, 1] }),
        ];
        let documents: Vec<(&str, &Map<String, Value>)> = documents
            .iter()
            .map(|document| (document["id"].as_str().unwrap(), document.as_object().unwrap()))
            .collect();
        for (order, ids) in [
            ("port", "b a e c d"),
            ("port ASC", "b a e c d"),
            ("port DESC", "c e a b d"),
            ("team_name, port desc", "a d b c e"),
            ("team.name DESC,id DESC", "b d a e c"),
            ("name", "a d b c e"),
            ("nothing", "a b c d e"),
            ("id DESC", "e d c b a"),
        ] {
            let mut found: Vec<usize> = (0..documents.len()).rev().collect();
            Order::parse(order).unwrap().sort(&mut found, &documents);
            let sorted: Vec<&str> = found.into_iter().map(|index| documents[index].0).collect();
            assert_eq!(sorted.join(" "), ids, "{order}");
        }
    }

    #[test]
    fn mistakes() {
        for (order, wrong, column) in [
            ("", "there is nothing to sort by", 1),
            ("a,,b", "there is nothing to sort by", 3),
            ("a DECS", "`DECS` is no direction", 1),
            ("a ASC b", "`b` is too much", 1),
            ("a, x:y", "`x:y` is no field", 4),
        ] {
            let told = Order::parse(order).unwrap_err();
            assert!(told.message.starts_with(wrong), "{order}: {told}");
            assert_eq!(told.span.unwrap().column, column, "{order}");
        }
    }
}
