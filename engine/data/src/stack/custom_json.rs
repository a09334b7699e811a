//! Custom JSON: what somebody adds to the attributes of all instances, of a layer, an app, an
//! instance, or for one command.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::schema::{below, parts};
use crate::attributes::{Attributes, Level, Origin, shown_path};
use crate::data_bag::is_name;
use toque_core::diagnostic::Diagnostic;
use toque_core::json::{Document, described};

/// The custom JSON of one level, with its place.
#[derive(Debug, Clone)]
pub struct CustomJson {
    pub value: Map<String, Value>,
    /// It stands in this document, below these keys.
    pub document: Rc<Document>,
    pub path: Vec<String>,
}

impl CustomJson {
    /// What stands in a document at a path: a map, or the text of one. None when nothing does.
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(
        document: &Rc<Document>,
        path: &[String],
        value: Option<&Value>,
        largest: usize,
    ) -> Result<Option<Self>, Diagnostic> {
        let at = || document.value_at(&parts(path));
        let length = match value {
            Some(Value::String(text)) => text.len(),
            Some(value) => value.to_string().len(),
            None => 0,
        };
        if length > largest {
            return Err(Diagnostic::error(format!("this custom JSON has {length} bytes, and {largest} are allowed"))
                .at(document.key_at(&parts(path)))
                .hint("put data into data bags of the repository, or raise `limits.custom_json` in toque.toml"));
        }
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self {
                value: map.clone(),
                document: Rc::clone(document),
                path: path.to_vec(),
            })),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => {
                let name = format!("{}: {}", document.source.name, shown_path(path));
                let read = Self::parse(&name, text.clone(), usize::MAX).map_err(|wrong| {
                    match wrong.span.clone() {
                        // All of it stands in one line, with what must not be seen.
                        Some(inner) => Diagnostic { span: Some(at().hidden()), ..wrong }
                            .frame(inner.hidden(), "in this text"),
                        None => wrong.at(at().hidden()),
                    }
                })?;
                Ok(Some(read))
            }
            Some(other) => Err(Diagnostic::error(format!(
                "custom JSON should be a map, and is {}",
                described(other)
            ))
            .at(at())),
        }
    }

    /// Reads a text that people know as `name`.
    /// # Errors
    /// What is wrong with it.
    pub fn parse(name: &str, text: String, largest: usize) -> Result<Self, Diagnostic> {
        if text.len() > largest {
            return Err(Diagnostic::error(format!(
                "the custom JSON in {name} has {} bytes, and {largest} are allowed",
                text.len()
            ))
            .hint("put data into data bags of the repository, or raise `limits.custom_json` in toque.toml"));
        }
        let document = super::parse(name, text)?;
        match &document.value {
            Value::Object(map) => {
                Ok(Self { value: map.clone(), document: Rc::new(document), path: Vec::new() })
            }
            other => Err(Diagnostic::error(format!(
                "custom JSON should be a map, and is {}",
                described(other)
            ))
            .at(document.value_at(&[]))
            .hint("give a map such as {\"nginx\": {\"port\": 80}}")),
        }
    }

    /// Where the value at a path in it stands.
    pub(super) fn place(&self, path: &[String]) -> toque_core::diagnostic::Span {
        let whole: Vec<&str> = self.path.iter().chain(path).map(String::as_str).collect();
        self.document.key_at(&whole)
    }

    /// All of it but data bags.
    pub(super) fn attributes(&self) -> Map<String, Value> {
        let mut map = self.value.clone();
        map.shift_remove("data_bags");
        if let Some(Value::Object(inner)) = map.get_mut("opsworks")
            && inner.shift_remove("data_bags").is_some()
            && inner.is_empty()
        {
            map.shift_remove("opsworks");
        }
        map
    }

    /// Sets its attributes. `open` gives what stands for a value that is kept elsewhere.
    pub fn set(
        &self,
        level: Level,
        attributes: &mut Attributes,
        open: &dyn Fn(&Value) -> Result<Value, Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let origin = Rc::new(Origin::Document {
            document: Rc::clone(&self.document),
            below: self.path.clone(),
        });
        let mut map = self.attributes();
        for (key, value) in &mut map {
            *value = open(value)
                .map_err(|wrong| wrong.or_at(Some(&self.place(std::slice::from_ref(key)))))?;
        }
        attributes.merge(level, &map, &origin);
        Ok(())
    }

    /// The data bags that it defines: each bag's name with its items, and where it stands in it.
    pub(super) fn data_bags(&self) -> impl Iterator<Item = (&Map<String, Value>, Vec<String>)> {
        let plain = self.value.get("data_bags").map(|bags| (bags, vec!["data_bags".to_owned()]));
        let inner = self.value.get("opsworks").and_then(|inner| inner.get("data_bags"));
        let opsworks =
            inner.map(|bags| (bags, vec!["opsworks".to_owned(), "data_bags".to_owned()]));
        opsworks.into_iter().chain(plain).filter_map(|(bags, path)| Some((bags.as_object()?, path)))
    }

    /// What is wrong with its data bags.
    pub(super) fn check_data_bags(&self) -> Vec<Diagnostic> {
        let (mut wrong, mut names) = (Vec::new(), Vec::new());
        let mut tell = |path: &[String], what: &str, value: &Value| {
            let message = format!("{what} should be a map, and is {}", described(value));
            let hint = "write { \"data_bags\": { \"bag\": { \"item\": { \"key\": \"value\" } } } }";
            wrong.push(Diagnostic::error(message).at(self.place(path)).hint(hint));
        };
        for path in
            [vec!["data_bags".to_owned()], vec!["opsworks".to_owned(), "data_bags".to_owned()]]
        {
            let bags = path.split_first().and_then(|(first, rest)| {
                rest.iter().try_fold(self.value.get(first)?, |value, key| value.get(key))
            });
            match bags {
                None => {}
                Some(Value::Object(bags)) => {
                    for (bag, items) in bags {
                        let path = below(&path, bag);
                        let ids = items
                            .as_object()
                            .into_iter()
                            .flat_map(serde_json::Map::keys)
                            .map(|id| (below(&path, id), id));
                        for (path, name) in [(path.clone(), bag)]
                            .into_iter()
                            .chain(ids)
                            .filter(|(_, name)| !is_name(name))
                        {
                            names.push(
                                Diagnostic::error(format!("`{name}` is no name of a data bag or an item"))
                                    .at(self.place(&path))
                                    .hint("a name is made of letters, digits, `-`, `_` and `.`, and does not begin with `.`"),
                            );
                        }
                        match items {
                            Value::Object(items) => {
                                for (id, item) in items.iter().filter(|(_, item)| !item.is_object())
                                {
                                    tell(
                                        &below(&path, id),
                                        &format!("the item `{bag}/{id}`"),
                                        item,
                                    );
                                }
                            }
                            other => tell(&path, &format!("the data bag `{bag}`"), other),
                        }
                    }
                }
                Some(other) => tell(&path, "`data_bags`", other),
            }
        }
        wrong.extend(names);
        wrong
    }
}

/// Two that set one thing differently: where in each.
pub(super) fn conflict(
    one: &Map<String, Value>,
    other: &Map<String, Value>,
) -> Option<Vec<String>> {
    fn within(one: &Value, other: &Value, path: &mut Vec<String>) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => one.iter().any(|(key, value)| {
                let Some(against) = other.get(key) else { return false };
                path.push(key.clone());
                let found = within(value, against, path);
                if !found {
                    path.pop();
                }
                found
            }),
            (one, other) => one != other,
        }
    }
    let mut path = Vec::new();
    within(&Value::Object(one.clone()), &Value::Object(other.clone()), &mut path).then_some(path)
}
