//! `node` as recipes see it: maps are views, so that reading one key copies one value, and a missing key is an error that names it.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, Module, NativeCallContext};
use serde_json::Value;

use super::error::{Fallible, throw, throw_text};
use super::value::{from_json, to_json};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::session::Session;
use crate::snapshots::Area;

/// `node`, or a map below it (or an item read like one).
#[derive(Clone, Debug)]
pub(super) enum NodeView {
    Root,
    /// `path` leads from `node` to the map, and from `top` (the value of its first key) all but the first.
    Below {
        top: Rc<Value>,
        path: Rc<[String]>,
    },
}

/// An entry of a map that a loop goes through.
#[derive(Clone)]
struct Pair {
    key: ImmutableString,
    value: Dynamic,
}

/// Names of the functions by which a loop of two variables takes a pair apart.
pub(super) const PAIR_KEY: &str = "__pair_key";
pub(super) const PAIR_VALUE: &str = "__pair_value";

impl NodeView {
    /// The map itself; `node` as a whole is none.
    pub(super) fn value(&self) -> Option<Value> {
        self.here().cloned()
    }

    fn here(&self) -> Option<&Value> {
        let Self::Below { top, path } = self else { return None };
        path.iter().skip(1).try_fold(&**top, |value, key| value.get(key))
    }

    fn name(&self, key: &str) -> String {
        match self {
            Self::Root => format!("node.{key}"),
            Self::Below { path, .. } => format!("node.{}.{key}", path.join(".")),
        }
    }

    fn keys(&self, session: &Session) -> Vec<String> {
        match (self, self.here()) {
            (_, Some(Value::Object(map))) => map.keys().cloned().collect(),
            (Self::Root, _) => session.node.keys(),
            _ => Vec::new(),
        }
    }

    /// The value at a key: a view of a map, a copy of anything else.
    /// # Errors
    /// When it is a fact of a cookbook that cannot be read.
    fn get(&self, session: &Session, key: &str) -> Result<Option<Dynamic>, Diagnostic> {
        match self {
            Self::Root if key == "run_state" => {
                session.view.looked_at(Area::RunState);
                Ok(Some(session.run_state.clone()))
            }
            Self::Root => {
                let Some(top) = session.read(key)? else { return Ok(None) };
                Ok(Some(if top.is_object() {
                    Dynamic::from(Self::Below { top, path: Rc::new([key.to_owned()]) })
                } else {
                    from_json(&top)
                }))
            }
            Self::Below { top, path } => Ok(self.here().and_then(|here| here.get(key)).map(|value| {
                if value.is_object() {
                    let path = path.iter().cloned().chain([key.to_owned()]).collect();
                    Dynamic::from(Self::Below { top: Rc::clone(top), path })
                } else {
                    from_json(value)
                }
            })),
        }
    }

    fn at(&self, session: &Session, path: &[String]) -> Result<Option<Dynamic>, Diagnostic> {
        let Some((first, rest)) = path.split_first() else { return Ok(None) };
        match self.get(session, first)? {
            value if rest.is_empty() => Ok(value),
            value => value.and_then(Dynamic::try_cast::<Self>).map_or(Ok(None), |view| view.at(session, rest)),
        }
    }
}

fn missing(view: &NodeView, session: &Session, key: &str) -> Diagnostic {
    let keys = view.keys(session);
    let missing = Diagnostic::error(format!("`{}` is not set", view.name(key)));
    match did_you_mean(key, keys.iter().map(String::as_str)) {
        Some(hint) => missing.hint(hint),
        None => missing.hint("`node.get(\"path\", value)` reads with a default, `node.has(\"path\")` asks"),
    }
}

/// A path as people write it: `"a.b"`, or an array for keys that hold dots.
pub(super) fn path_of(context: &NativeCallContext<'_>, session: &Session, path: Dynamic) -> Fallible<Vec<String>> {
    let parsed = if path.is_string() {
        crate::attributes::parse_path(&path.to_string())
    } else if let Ok(keys) = path.into_typed_array::<ImmutableString>() {
        Ok(keys.into_iter().map(ImmutableString::into_owned).collect())
    } else {
        Err("an attribute path is a string or an array of strings".to_owned())
    };
    match parsed {
        Ok(path) if !path.is_empty() => Ok(path),
        Ok(_) => Err(throw_text(context, session, "an attribute path cannot be empty")),
        Err(message) => Err(throw_text(context, session, message)),
    }
}

pub(super) fn register(engine: &mut Engine, session: &Rc<Session>) {
    show_node(engine);
    let with = |session: &Rc<Session>| Rc::clone(session);
    let s = with(session);
    engine.register_indexer_get(move |context: NativeCallContext<'_>, view: &mut NodeView, key: ImmutableString| {
        let value = view.get(&s, &key).map_err(|wrong| throw(&context, &s, wrong))?;
        value.ok_or_else(|| throw(&context, &s, missing(view, &s, &key)))
    });
    let s = with(session);
    engine.register_fn("get", move |context: NativeCallContext<'_>, view: &mut NodeView, path: Dynamic| -> Fallible<Dynamic> {
        let path = path_of(&context, &s, path)?;
        Ok(view.at(&s, &path).map_err(|wrong| throw(&context, &s, wrong))?.unwrap_or(Dynamic::UNIT))
    });
    let s = with(session);
    engine.register_fn(
        "get",
        move |context: NativeCallContext<'_>, view: &mut NodeView, path: Dynamic, default: Dynamic| -> Fallible<Dynamic> {
            let path = path_of(&context, &s, path)?;
            Ok(view.at(&s, &path).map_err(|wrong| throw(&context, &s, wrong))?.unwrap_or(default))
        },
    );
    let s = with(session);
    engine.register_fn("has", move |context: NativeCallContext<'_>, view: &mut NodeView, path: Dynamic| -> Fallible<bool> {
        let path = path_of(&context, &s, path)?;
        Ok(view.at(&s, &path).map_err(|wrong| throw(&context, &s, wrong))?.is_some())
    });
    let s = with(session);
    engine.register_fn("contains", move |context: NativeCallContext<'_>, view: &mut NodeView, key: ImmutableString| {
        view.get(&s, &key).map(|value| value.is_some()).map_err(|wrong| throw(&context, &s, wrong))
    });
    let s = with(session);
    engine.register_fn("keys", move |view: &mut NodeView| view.keys(&s).into_iter().map(Dynamic::from).collect::<Array>());
    let s = with(session);
    engine.register_fn("values", move |context: NativeCallContext<'_>, view: &mut NodeView| {
        let values: Result<Array, _> = view.keys(&s).iter().filter_map(|key| view.get(&s, key).transpose()).collect();
        values.map_err(|wrong| throw(&context, &s, wrong))
    });
    let s = with(session);
    engine.register_fn("len", move |view: &mut NodeView| i64::try_from(view.keys(&s).len()).unwrap_or(i64::MAX));
    engine
        .register_fn("to_string", |view: &mut NodeView| view.value().map_or_else(|| "node".to_owned(), |value| value.to_string()));
    engine.register_fn("to_debug", |view: &mut NodeView| view.value().map_or_else(|| "node".to_owned(), |value| value.to_string()));
    engine.register_fn("==", |a: NodeView, b: NodeView| a.here() == b.here());
    engine.register_fn("!=", |a: NodeView, b: NodeView| a.here() != b.here());
    engine.register_fn("==", |a: NodeView, b: Map| same(&a, b));
    engine.register_fn("==", |a: Map, b: NodeView| same(&b, a));
    engine.register_fn("!=", |a: NodeView, b: Map| !same(&a, b));
    engine.register_fn("!=", |a: Map, b: NodeView| !same(&b, a));
    register_pairs(engine);
}

fn same(view: &NodeView, map: Map) -> bool {
    to_json(Dynamic::from_map(map)).is_ok_and(|map| view.here() == Some(&map))
}

/// `node` is a variable of every scope, closures and libraries included, and no recipe can replace it.
#[expect(deprecated, reason = "Rhai marks the interfaces as volatile; the version is pinned")]
fn show_node(engine: &mut Engine) {
    engine.on_var(|name, _, _| Ok((name == "node").then(|| Dynamic::from(NodeView::Root))));
    engine.on_def_var(|_, info, _| Ok(info.name() != "node"));
}

/// Maps and views can be gone through; `for (key, value) in …` takes each pair apart (see `script`).
fn register_pairs(engine: &mut Engine) {
    let mut module = Module::new();
    module.set_iter(std::any::TypeId::of::<Map>(), |map| {
        let pairs = map.cast::<Map>().into_iter().map(|(key, value)| Dynamic::from(Pair { key: key.into(), value }));
        Box::new(pairs.collect::<Vec<_>>().into_iter())
    });
    module.set_iter(std::any::TypeId::of::<NodeView>(), |view| {
        let NodeView::Below { top, path } = view.cast::<NodeView>() else { return Box::new(std::iter::empty()) };
        let here = NodeView::Below { top: Rc::clone(&top), path: Rc::clone(&path) };
        let pairs: Vec<Dynamic> = match here.here() {
            Some(Value::Object(map)) => map
                .iter()
                .map(|(key, value)| {
                    let value = if value.is_object() {
                        let path = path.iter().cloned().chain([key.clone()]).collect();
                        Dynamic::from(NodeView::Below { top: Rc::clone(&top), path })
                    } else {
                        from_json(value)
                    };
                    Dynamic::from(Pair { key: key.as_str().into(), value })
                })
                .collect(),
            _ => Vec::new(),
        };
        Box::new(pairs.into_iter())
    });
    engine.register_global_module(module.into());
    engine.register_get("key", |pair: &mut Pair| pair.key.clone());
    engine.register_get("value", |pair: &mut Pair| pair.value.clone());
    engine.register_fn(PAIR_KEY, |item: Dynamic| match item.read_lock::<Pair>() {
        Some(pair) => Dynamic::from(pair.key.clone()),
        None => item.clone(),
    });
    engine
        .register_fn(PAIR_VALUE, |item: Dynamic, count: Dynamic| item.read_lock::<Pair>().map_or(count, |pair| pair.value.clone()));
    engine.register_fn("to_string", |pair: &mut Pair| format!("{}: {}", pair.key, pair.value));
}
