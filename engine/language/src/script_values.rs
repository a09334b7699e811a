//! The types of Toque that scripts hold as values.

use std::rc::Rc;

use rhai::{Dynamic, ImmutableString};
use serde_json::Value;
use toque_contract::graph::{Index, Instance};
use toque_core::diagnostic::Diagnostic;
use toque_core::name::ResourceId;
use toque_data::decryption::DecryptedItem;

/// `node`, a data bag item, or a map below either.
#[derive(Clone, Debug)]
pub(crate) enum NodeView {
    Root,
    Item(Rc<DecryptedItem>),
    /// `path` leads from `root` to the map, and from `top` (the value of its first key) all but the
    /// first.
    Below {
        root: Rc<str>,
        top: Rc<Value>,
        path: Rc<[String]>,
    },
}

/// A resource of the graph. It knows its name, because it outlives the graph's making.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub index: Index,
    pub id: ResourceId,
}

/// A custom resource in its own actions.
#[derive(Clone)]
pub(crate) struct This(pub Rc<Instance>);

/// A property that is computed late, on its way into another resource.
#[derive(Clone)]
pub(crate) struct DeferredProperty {
    pub instance: Rc<Instance>,
    pub property: Rc<str>,
}

impl NodeView {
    /// The map itself.
    /// # Errors
    /// `node` as a whole is none, and what is encrypted may not open.
    pub(crate) fn value(&self) -> Result<Value, String> {
        match self {
            Self::Root => Err("`node` as a whole is no value: name one of its keys".to_owned()),
            Self::Item(item) => item.whole().map(Value::Object).map_err(|wrong| wrong.message),
            Self::Below { .. } => self.below().cloned().ok_or_else(|| "it is gone".to_owned()),
        }
    }

    pub(crate) fn below(&self) -> Option<&Value> {
        let Self::Below { top, path, .. } = self else { return None };
        path.iter().skip(1).try_fold(&**top, |value, key| value.get(key))
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Root => "node".to_owned(),
            Self::Item(item) => root_of(item),
            Self::Below { root, path, .. } => format!("{root}.{}", path.join(".")),
        }
    }

    /// The same, of anything but `node` as a whole.
    pub(crate) fn inside(&self, key: &str) -> Result<Option<Dynamic>, Diagnostic> {
        Ok(match self {
            Self::Root => None,
            Self::Item(item) => item.get(key)?.map(|top| first(root_of(item).into(), top, key)),
            Self::Below { root, top, path } => {
                self.below().and_then(|here| here.get(key)).map(|value| {
                    if value.is_object() {
                        let path = path.iter().cloned().chain([key.to_owned()]).collect();
                        Dynamic::from(Self::Below {
                            root: Rc::clone(root),
                            top: Rc::clone(top),
                            path,
                        })
                    } else {
                        from_json(value)
                    }
                })
            }
        })
    }

    /// As text, for messages: what does not open is left out.
    pub(crate) fn text(&self) -> String {
        self.value().map_or_else(|_| self.name(), |value| value.to_string())
    }
}

/// The value of a first key.
pub(crate) fn first(root: Rc<str>, top: Rc<Value>, key: &str) -> Dynamic {
    if top.is_object() {
        Dynamic::from(NodeView::Below { root, top, path: Rc::new([key.to_owned()]) })
    } else {
        from_json(&top)
    }
}

pub(crate) fn root_of(item: &DecryptedItem) -> String {
    format!("{}/{}", item.item.bag, item.item.id)
}

/// A JSON value in the language. Maps and arrays are copied.
pub(crate) fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number.as_i64().map_or_else(
            || Dynamic::from_float(number.as_f64().unwrap_or_default()),
            Dynamic::from_int,
        ),
        Value::String(text) => Dynamic::from(ImmutableString::from(text.as_str())),
        Value::Array(items) => Dynamic::from_array(items.iter().map(from_json).collect()),
        Value::Object(map) => Dynamic::from_map(
            map.iter().map(|(key, value)| (key.as_str().into(), from_json(value))).collect(),
        ),
    }
}
