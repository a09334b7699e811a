//! JSON documents: nodes, roles, environments, `-j`. They may carry comments, and every value knows
//! where it stands.

mod error;
mod fields;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use serde_json::{Map, Number, Value};

pub use error::JsonError;
pub use fields::{Fields, described, wrong_type};

use crate::diagnostic::{Diagnostic, Source, Span};
use crate::failure::{Failure, plain_io};
use crate::read_optional::{list_optional, optional};
use crate::read_text::read_text;

/// Deeper than any real data, and far from the end of the stack.
const DEEPEST: usize = 128;

/// A JSON text with its value.
#[derive(Debug)]
pub struct Document {
    pub source: Arc<Source>,
    pub value: Value,
    places: Positions,
}

/// Where a value stands, and those inside it.
#[derive(Debug, Default)]
struct Positions {
    /// The bytes of its key, or its own where it has none.
    key: Range<usize>,
    value: Range<usize>,
    below: Children,
}

#[derive(Debug, Default)]
enum Children {
    #[default]
    Nothing,
    Keys(HashMap<String, Positions>),
    Items(Vec<Positions>),
}

impl Document {
    /// Reads a text; `//` and `/* */` begin comments, and a byte order mark at its start is passed
    /// over.
    /// # Errors
    /// What is wrong with it, and where. A key that stands twice in a map is wrong too.
    pub fn parse(source: Source) -> Result<Self, Diagnostic> {
        Ok(Self::parse_text(source)?)
    }

    /// As [`Document::parse`], with the parts of the error apart.
    /// # Errors
    /// As there.
    pub fn parse_text(mut source: Source) -> Result<Self, JsonError> {
        if source.text.starts_with('\u{feff}') {
            source.text.remove(0);
        }
        let source = Arc::new(source);
        let options = ParseOptions {
            allow_comments: true,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed =
            parse_to_ast(&source.text, &CollectOptions::default(), &options).map_err(|error| {
                JsonError::of(&source, error.kind(), error.range().start..error.range().end)
            })?;
        let Some(root) = parsed.value else {
            return Err(JsonError::at(&source, 0..0, "it is empty").hint("write at least `{}`"));
        };
        let (value, places) = convert(&source, root, 0)?;
        Ok(Self { value, places, source: Arc::clone(&source) })
    }

    /// Reads a file that people know as `name`; `.toml` is TOML, anything else JSON. There may be
    /// none.
    /// # Errors
    /// As [`Document::parse`], and when the file cannot be read.
    pub fn read(path: &Path, name: &str) -> Result<Option<Self>, Diagnostic> {
        let text = optional(read_text(path)).map_err(|error| {
            Diagnostic::error(format!("cannot read `{name}`: {}", plain_io(&error)))
        })?;
        let Some(text) = text else { return Ok(None) };
        let source = Source { name: name.to_owned(), path: Some(path.to_owned()), text };
        if path.extension().is_some_and(|extension| extension == "toml") {
            Self::parse_toml(source)
        } else {
            Self::parse(source)
        }
        .map(Some)
    }

    /// A document of a value that was never written down; people know it as `name`.
    /// # Errors
    /// A value that is nested too deep.
    pub fn of(name: &str, value: &Value) -> Result<Self, Diagnostic> {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        Self::parse(Source { name: name.to_owned(), path: None, text })
    }

    /// Where the value at a path stands; an item of an array goes by its number. The nearest value
    /// around it when it is not there.
    #[must_use]
    pub fn value_at(&self, path: &[&str]) -> Span {
        self.span(self.place(path).value.clone())
    }

    /// As [`Document::value_at`], but where its key stands.
    #[must_use]
    pub fn key_at(&self, path: &[&str]) -> Span {
        self.span(self.place(path).key.clone())
    }

    /// As [`Document::value_at`], as bytes of the text.
    pub fn value_range(&self, path: &[&str]) -> Range<usize> {
        self.place(path).value.clone()
    }

    /// As [`Document::key_at`], as bytes of the text.
    pub fn key_range(&self, path: &[&str]) -> Range<usize> {
        self.place(path).key.clone()
    }

    fn place(&self, path: &[&str]) -> &Positions {
        path.iter()
            .try_fold(&self.places, |place, key| {
                let below = match &place.below {
                    Children::Keys(keys) => keys.get(*key),
                    Children::Items(items) => {
                        key.parse().ok().and_then(|index: usize| items.get(index))
                    }
                    Children::Nothing => None,
                };
                below.ok_or(place)
            })
            .unwrap_or_else(|nearest| nearest)
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::of(&self.source, range)
    }
}

/// The documents of a kind in a repository, such as its roles: their names, sorted.
/// # Errors
/// A folder that is there and cannot be listed.
pub fn names(repository: &Path, folder: &str) -> Result<Vec<String>, Failure> {
    let entries = list_optional(&repository.join(folder))?;
    let names = entries
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !name.is_empty() && !name.starts_with('.'));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// A document of a repository, and what people know it as.
pub fn path_of(repository: &Path, folder: &str, name: &str) -> (PathBuf, String) {
    let shown = format!("{folder}/{name}.json");
    (repository.join(&shown), shown)
}

fn convert(
    source: &Arc<Source>,
    value: ast::Value<'_>,
    depth: usize,
) -> Result<(Value, Positions), JsonError> {
    let range = value.range().start..value.range().end;
    if depth > DEEPEST {
        return Err(JsonError::at(
            source,
            range.start..range.start + 1,
            format!("it is nested more than {DEEPEST} deep"),
        ));
    }
    let mut below = Children::Nothing;
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(truth) => Value::Bool(truth.value),
        ast::Value::StringLit(text) => {
            check_text(source, &range)?;
            Value::String(text.value.into_owned())
        }
        ast::Value::NumberLit(number) => {
            let wrong =
                || JsonError::at(source, range.clone(), format!("`{}` is no number", number.value));
            Value::Number(exactly(number.value).ok_or_else(wrong)?)
        }
        ast::Value::Array(array) => {
            let mut items = Vec::with_capacity(array.elements.len());
            let mut places = Vec::with_capacity(array.elements.len());
            for item in array.elements {
                let (item, place) = convert(source, item, depth + 1)?;
                items.push(item);
                places.push(place);
            }
            below = Children::Items(places);
            Value::Array(items)
        }
        ast::Value::Object(object) => {
            let mut map = Map::new();
            let mut places: HashMap<String, Positions> = HashMap::new();
            for property in object.properties {
                let at = property.name.range();
                check_text(source, &(at.start..at.end))?;
                let name = property.name.into_string();
                let (value, mut place) = convert(source, property.value, depth + 1)?;
                place.key = at.start..at.end;
                if let Some(first) = places.get(&name) {
                    let first = Span::of(source, first.key.clone());
                    let reason = format!("`{name}` stands twice in one map");
                    let other = Some((first, format!("`{name}` stands here too")));
                    let error = JsonError::at(source, place.key, reason).hint("keep one of them");
                    return Err(JsonError { other, ..error });
                }
                places.insert(name.clone(), place);
                map.insert(name, value);
            }
            below = Children::Keys(places);
            Value::Object(map)
        }
    };
    Ok((value, Positions { key: range.clone(), value: range, below }))
}

/// The parser lets control characters stand in a text, which JSON does not: other programs could
/// not read the document.
fn check_text(source: &Arc<Source>, range: &Range<usize>) -> Result<(), JsonError> {
    let written = source.text.get(range.clone()).unwrap_or_default();
    let Some((at, found)) = written.char_indices().find(|(_, character)| *character < ' ') else {
        return Ok(());
    };
    let (what, instead) = match found {
        '\n' | '\r' => ("a line break", "\\n".to_owned()),
        '\t' => ("a tab", "\\t".to_owned()),
        other => ("a control character", format!("\\u{:04x}", u32::from(other))),
    };
    let start = range.start + at;
    Err(JsonError::at(source, start..start + 1, format!("{what} stands in this text"))
        .hint(format!("write {instead} for it")))
}

/// A number as it is written: whole ones up to 64 bits, others as the nearest one there is.
/// (`serde_json` may miss it by a little.)
fn exactly(text: &str) -> Option<Number> {
    let whole = || text.parse().map(i64::into).or_else(|_| text.parse().map(u64::into)).ok();
    whole().or_else(|| Number::from_f64(text.parse().ok()?))
}
