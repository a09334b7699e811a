//! What documents say of one node: `nodes/<name>.json`, and the JSON that a run is given (`-j`).

use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::attributes::{Attributes, Level, Origin, merge};
use crate::run_list::{Item, Placed};
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::json::{self, Document, Fields, wrong_type};

/// A node's file, or the JSON of a run.
#[derive(Debug)]
pub struct NodeFile {
    pub environment: Option<(String, Span)>,
    /// Empty when it names none.
    pub run_list: Vec<Placed>,
    document: Rc<Document>,
    /// Of the JSON of a run, the fields that are no attributes.
    given: Option<Vec<&'static str>>,
}

impl NodeFile {
    /// Reads a node's file, if it has one.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn read(repository: &Path, name: &str) -> Result<Option<Self>, Diagnostic> {
        if name.contains(['/', '\0']) || name.starts_with('.') {
            return Ok(None);
        }
        let (path, shown) = json::path_of(repository, "nodes", name);
        let Some(document) = Document::read(&path, &shown)? else { return Ok(None) };
        let mut fields = Fields::of(&document, "a node")?;
        fields.name(name)?;
        fields.texts(&["description", "json_class", "chef_type"])?;
        fields.maps(&["default", "override", "automatic", "normal", "attributes"])?;
        let run_list = run_list(&document, fields.take("run_list"), "run_list")?;
        let mut environment = None;
        for name in ["chef_environment", "environment"] {
            if let Some(text) = fields.text(name)? {
                environment = Some((text.to_owned(), document.value_at(&[name])));
            }
        }
        fields.end("a node", "attributes go under `normal`")?;
        one_of(&document, "environment", "chef_environment")?;
        one_of(&document, "attributes", "normal")?;
        Ok(Some(Self { environment, run_list, document: Rc::new(document), given: None }))
    }

    /// Reads the JSON that a run is given: run list and environment are taken out, the rest are
    /// attributes.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn given(document: Rc<Document>) -> Result<Self, Diagnostic> {
        let Value::Object(map) = &document.value else {
            return Err(Diagnostic::error("the attributes are no JSON object")
                .at(document.value_at(&[]))
                .hint("give a map such as {\"nginx\": {\"port\": 80}}"));
        };
        let mut taken = Vec::new();
        let mut items = Vec::new();
        for name in ["recipes", "run_list"] {
            if let Some(value) = map.get(name) {
                items = run_list(&document, Some(value), name)?;
                taken.push(name);
            }
        }
        one_of(&document, "recipes", "run_list")?;
        let mut environment = None;
        for name in ["chef_environment", "environment"] {
            match map.get(name) {
                Some(Value::String(text)) => {
                    environment = Some((text.clone(), document.value_at(&[name])));
                    taken.push(name);
                }
                Some(other) if name == "chef_environment" => {
                    return Err(wrong_type(&document, &[name], "text", other));
                }
                _ => {}
            }
        }
        if taken.contains(&"environment") {
            one_of(&document, "environment", "chef_environment")?;
        }
        Ok(Self { environment, run_list: items, document, given: Some(taken) })
    }

    /// The run list as it is written.
    pub(crate) fn run_list_texts(&self) -> impl Iterator<Item = &str> {
        self.document
            .value
            .get("run_list")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    /// All its attributes, each level laid over those before it; `automatic` is what its machine
    /// told of itself.
    pub fn merged(&self) -> Map<String, Value> {
        let mut merged = Value::Object(Map::new());
        for level in ["default", "normal", "attributes", "override", "automatic"] {
            if let Some(over @ Value::Object(_)) = self.document.value.get(level) {
                merge(&mut merged, over.clone());
            }
        }
        if let Value::Object(map) = merged { map } else { Map::new() }
    }

    /// Sets its attributes.
    pub fn set(&self, attributes: &mut Attributes) {
        match (&self.given, &self.document.value) {
            (Some(taken), Value::Object(map)) => {
                let mut map = map.clone();
                map.retain(|key, _| !taken.contains(&key.as_str()));
                let origin =
                    Origin::Document { document: Rc::clone(&self.document), below: Vec::new() };
                attributes.merge(Level::JsonNormal, &map, &Rc::new(origin));
            }
            _ => {
                attributes.merge_field(Level::NodeDefault, &self.document, "default");
                attributes.merge_field(Level::NodeNormal, &self.document, "normal");
                attributes.merge_field(Level::NodeNormal, &self.document, "attributes");
                attributes.merge_field(Level::NodeOverride, &self.document, "override");
            }
        }
    }
}

fn run_list(
    document: &Document,
    value: Option<&Value>,
    name: &str,
) -> Result<Vec<Placed>, Diagnostic> {
    value.map_or(Ok(Vec::new()), |list| Item::all(document, &[name], list))
}

/// Two names of one field.
fn one_of(document: &Document, other: &str, name: &str) -> Result<(), Diagnostic> {
    if document.value.get(other).is_none() || document.value.get(name).is_none() {
        return Ok(());
    }
    Err(Diagnostic::error(format!(
        "`{other}` and `{name}` say the same, and `{}` has both",
        document.source.name
    ))
    .at(document.key_at(&[other]))
    .hint(format!("keep `{name}`")))
}
