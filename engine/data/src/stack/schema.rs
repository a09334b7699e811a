//! What the maps of a stack document may hold, and what data bag items are made of them.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::run_list::Item;
use crate::secret_markers;
use toque_core::diagnostic::Diagnostic;
use toque_core::json::{Document, described};
use toque_core::redaction::Redactor;
use toque_core::url::split_userinfo;

/// A field of a map.
pub(super) struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub absent: WhenAbsent,
}

/// What a field holds. `null` is the same as leaving it out, everywhere.
pub(super) enum Shape {
    /// Text, or where it is kept secretly.
    Text,
    /// Text that is nobody's business.
    Secret,
    Flag,
    Number,
    Texts,
    /// Recipes in order.
    Recipes,
    Any,
    /// Custom JSON: a map, or the text of one.
    Json,
    /// Variables of an app: text, or `{ value, secure }`.
    Environment,
    Map(&'static [Field]),
    List(&'static [Field]),
}

/// What an item has where the document has nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenAbsent {
    /// Nothing either.
    Left,
    Null,
    False,
    EmptyList,
    EmptyMap,
}

/// What becomes of fields that are not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownFields {
    Refused,
    /// They go into items as they are.
    Kept,
}

/// Looks at a document, and keeps everything that is wrong with it.
pub(super) struct Validator<'a> {
    pub document: &'a Rc<Document>,
    pub unknown_fields: UnknownFields,
    pub mistakes: Vec<Diagnostic>,
}

impl Validator<'_> {
    /// Notes a mistake at a path.
    pub(super) fn wrong(
        &mut self,
        path: &[String],
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.mistakes
            .push(Diagnostic::error(message).at(self.document.value_at(&parts(path))).hint(hint));
    }

    /// A map of these fields; `what` is what it is called, such as `an app`.
    pub(super) fn map(&mut self, what: &str, fields: &[Field], value: &Value, path: &[String]) {
        let Value::Object(map) = value else {
            return self.wrong_type("a map", value, path);
        };
        for (key, value) in map {
            let path = below(path, key);
            match fields.iter().find(|field| field.name == key) {
                Some(field) => self.value(&field.shape, value, &path),
                None if self.unknown_fields == UnknownFields::Kept => {}
                None => {
                    let wrong = Diagnostic::error(format!("{what} has no field `{key}`"))
                        .at(self.document.key_at(&parts(&path)));
                    let names = fields.iter().map(|field| field.name);
                    let all = || format!("its fields are {}", listed(names.clone()));
                    self.mistakes.push(wrong.suggest_or(key, names.clone(), all));
                }
            }
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value, path: &[String]) {
        let wanted = match (shape, value) {
            (_, Value::Null)
            | (Shape::Any, _)
            | (Shape::Text | Shape::Secret, Value::String(_))
            | (Shape::Flag, Value::Bool(_))
            | (Shape::Number, Value::Number(_)) => return,
            (Shape::Text | Shape::Secret, map) if secret_markers::is_meant(map) => {
                if let Err((at, message)) = secret_markers::check(map) {
                    let path: Vec<String> = path.iter().cloned().chain(at).collect();
                    self.wrong(&path, message, secret_markers::HINT);
                }
                return;
            }
            (Shape::Json, Value::Object(_) | Value::String(_)) => return,
            (Shape::Recipes, Value::Array(_)) => {
                if let Err(wrong) = Item::all(self.document, &parts(path), value) {
                    self.mistakes.push(wrong);
                }
                return;
            }
            (Shape::Texts, Value::Array(items)) => {
                return items.iter().enumerate().for_each(|(place, item)| {
                    self.value(&Shape::Text, item, &below(path, &place.to_string()));
                });
            }
            (Shape::Map(fields), Value::Object(_)) => {
                let what = format!("`{}`", path.last().map_or("", String::as_str));
                return self.map(&what, fields, value, path);
            }
            (Shape::List(fields), Value::Array(items)) => {
                let what = format!("an entry of `{}`", path.last().map_or("", String::as_str));
                return items.iter().enumerate().for_each(|(place, item)| {
                    self.map(&what, fields, item, &below(path, &place.to_string()));
                });
            }
            (Shape::Environment, Value::Object(variables)) => {
                return self.environment(variables, path);
            }
            (Shape::Text, _) => "text",
            (Shape::Secret, _) => "text, or `{ \"secret\": … }`",
            (Shape::Flag, _) => "true or false",
            (Shape::Number, _) => "a number",
            (Shape::Texts | Shape::Recipes, _) => "an array of texts",
            (Shape::Json, _) => "a map, or text that is JSON",
            (Shape::Environment, _) => "a map of names and values",
            (Shape::Map(_), _) => "a map",
            (Shape::List(_), _) => "an array of maps",
        };
        self.wrong_type(wanted, value, path);
    }

    fn wrong_type(&mut self, wanted: &str, found: &Value, path: &[String]) {
        let what = match path.last() {
            None => "the document".to_owned(),
            Some(place) if place.parse::<usize>().is_ok() => {
                format!("an entry of `{}`", path.iter().rev().nth(1).map_or("", String::as_str))
            }
            Some(name) => format!("`{name}`"),
        };
        let wrong = format!("{what} should be {wanted}, and is {}", described(found));
        self.mistakes.push(Diagnostic::error(wrong).at(self.document.value_at(&parts(path))));
    }

    fn environment(&mut self, variables: &Map<String, Value>, path: &[String]) {
        for (name, value) in variables {
            let path = below(path, name);
            let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !begins
                || name.len() > 64
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                let hint =
                    "a name has up to 64 letters, digits and `_`, and does not begin with a digit";
                self.mistakes.push(
                    Diagnostic::error(format!("`{name}` is no name of an environment variable"))
                        .at(self.document.key_at(&parts(&path)))
                        .hint(hint),
                );
            }
            match value {
                Value::Object(map) if !secret_markers::is_meant(value) => {
                    self.map("a variable", VARIABLE, value, &path);
                    if map.get("value").is_none_or(Value::is_null) {
                        self.wrong(
                            &path,
                            format!("the variable `{name}` has no `value`"),
                            "write `{ \"value\": …, \"secure\": true }`",
                        );
                    }
                }
                Value::String(_) | Value::Object(_) => self.value(&Shape::Text, value, &path),
                other => {
                    let wrong = format!(
                        "the variable `{name}` should be text, and is {}",
                        described(other)
                    );
                    self.wrong(&path, wrong, "write it in quotes");
                }
            }
        }
    }
}

const VARIABLE: &[Field] = &[
    Field { name: "value", shape: Shape::Text, absent: WhenAbsent::Null },
    Field { name: "secure", shape: Shape::Flag, absent: WhenAbsent::False },
];

/// Hides what a document says that must not be seen.
pub(super) fn hide(fields: &[Field], document: &Document, redactor: &Redactor) {
    let from = format!("a secret in `{}`", document.source.name);
    secrets(fields, &document.value, &mut |text| redactor.add(&json!(text), &from));
}

/// What stands in a map of these fields that must not be seen, as it stands there.
pub(super) fn secrets(fields: &[Field], value: &Value, tell: &mut dyn FnMut(&str)) {
    for field in fields {
        let Some(value) = value.get(field.name) else { continue };
        match (&field.shape, value) {
            (Shape::Secret, Value::String(text)) => tell(text),
            (Shape::Text, Value::String(text)) => {
                let password = split_userinfo(text).and_then(|(who, _)| {
                    who.split_once(':').map(|(_, password)| password.to_owned())
                });
                password.iter().for_each(|password| tell(password));
            }
            (Shape::Map(fields), value) => secrets(fields, value, tell),
            (Shape::List(fields), Value::Array(items)) => {
                items.iter().for_each(|item| secrets(fields, item, tell));
            }
            (Shape::Environment, Value::Object(variables)) => {
                for variable in
                    variables.values().filter(|variable| variable["secure"] == json!(true))
                {
                    variable["value"].as_str().into_iter().for_each(&mut *tell);
                }
            }
            _ => {}
        }
    }
}

/// What a map of these fields is as an item: every column there, what must not be seen marked so.
pub(super) fn item(fields: &[Field], map: &Map<String, Value>) -> Map<String, Value> {
    let mut item = Map::new();
    for field in fields {
        let given = map.get(field.name).filter(|value| !value.is_null());
        let value = match (given, field.absent) {
            (Some(given), _) => shaped(&field.shape, given),
            (None, WhenAbsent::Left) => continue,
            (None, WhenAbsent::Null) => Value::Null,
            (None, WhenAbsent::False) => Value::Bool(false),
            (None, WhenAbsent::EmptyList) => json!([]),
            (None, WhenAbsent::EmptyMap) => match &field.shape {
                Shape::Map(fields) => Value::Object(self::item(fields, &Map::new())),
                _ => json!({}),
            },
        };
        item.insert(field.name.to_owned(), value);
    }
    for (key, value) in map {
        item.entry(key).or_insert_with(|| value.clone());
    }
    item
}

/// Returns a value as items have it.
pub(super) fn shaped(shape: &Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::Secret, Value::String(text)) if !text.is_empty() => secret_markers::of(text),
        (Shape::Map(fields), Value::Object(map)) => Value::Object(item(fields, map)),
        (Shape::List(fields), Value::Array(items)) => {
            items.iter().filter_map(Value::as_object).map(|map| item(fields, map)).collect()
        }
        (Shape::Json, Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        (Shape::Environment, Value::Object(variables)) => {
            let shaped = |(name, value): (&String, &Value)| {
                let value = match (value.get("value"), value["secure"] == json!(true)) {
                    (Some(Value::String(text)), true) => secret_markers::of(text),
                    (Some(inner), _) if !secret_markers::is_meant(value) => inner.clone(),
                    _ => value.clone(),
                };
                (name.clone(), value)
            };
            Value::Object(variables.iter().map(shaped).collect())
        }
        _ => value.clone(),
    }
}

pub(super) fn below(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

pub(super) fn parts(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
