//! `node` as recipes see it: maps are views, so that reading one key copies one value, and a
//! missing key is an error that names it.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Module, Position};
use serde_json::Value;

use crate::error::{Fallible, Thrown, throw, throw_text};
use crate::interpreter::{CallContext, Interpreter};
use crate::script_values::{NodeView, first};
use crate::value::to_json;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::failure::FailureKind;
use toque_machine::areas::Area;

/// An entry of a map that a loop goes through.
#[derive(Clone)]
struct Pair {
    key: ImmutableString,
    value: Dynamic,
}

/// Names of the functions by which a loop of two variables takes a pair apart.
pub(crate) const PAIR_KEY: &str = "__pair_key";
pub(crate) const PAIR_VALUE: &str = "__pair_value";

impl NodeView {
    fn keys(&self, interpreter: &Interpreter) -> Vec<String> {
        match self {
            Self::Root => interpreter.node.keys(),
            Self::Item(item) => item.item.values.keys().cloned().collect(),
            Self::Below { .. } => self
                .below()
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect(),
        }
    }

    /// The value at a key: a view of a map, a copy of anything else.
    /// # Errors
    /// When it is encrypted and does not open, or a fact of a cookbook that cannot be read.
    fn get(&self, interpreter: &Interpreter, key: &str) -> Result<Option<Dynamic>, Diagnostic> {
        match self {
            Self::Root if key == "run_state" => {
                interpreter.view.depends_on_area(Area::RunState);
                Ok(Some(interpreter.run_state.clone()))
            }
            Self::Root => Ok(interpreter.read(key)?.map(|top| first("node".into(), top, key))),
            Self::Item(_) | Self::Below { .. } => self.inside(key),
        }
    }

    pub(crate) fn at(
        &self,
        interpreter: &Interpreter,
        path: &[String],
    ) -> Result<Option<Dynamic>, Diagnostic> {
        let Some((first, rest)) = path.split_first() else { return Ok(None) };
        match self.get(interpreter, first)? {
            Some(value) if !rest.is_empty() => {
                value.try_cast::<Self>().map_or(Ok(None), |view| view.at(interpreter, rest))
            }
            found => Ok(found),
        }
    }
}

fn missing(view: &NodeView, interpreter: &Interpreter, key: &str) -> Diagnostic {
    let keys = view.keys(interpreter);
    let missing = Diagnostic::error(format!("`{}.{key}` is not set", view.name()))
        .of_kind(FailureKind::NotSet);
    missing.suggest_or(
        key,
        keys.iter().map(String::as_str),
        || "`node.get(\"path\", value)` reads with a default, `node.has(\"path\")` asks",
    )
}

/// A path as people write it: `"a.b"`, or an array for keys that hold dots.
pub(crate) fn path_of(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    path: Dynamic,
) -> Fallible<Vec<String>> {
    let parsed = if path.is_string() {
        toque_data::attributes::parse_path(&path.to_string())
    } else if let Ok(keys) = path.into_typed_array::<ImmutableString>() {
        Ok(keys.into_iter().map(ImmutableString::into_owned).collect())
    } else {
        Err("an attribute path is a string or an array of strings".to_owned())
    };
    match parsed {
        Ok(path) if !path.is_empty() => Ok(path),
        Ok(_) => Err(throw_text(context, interpreter, "an attribute path cannot be empty")),
        Err(message) => Err(throw_text(context, interpreter, message)),
    }
}

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    show_node(engine);
    let with = |interpreter: &Rc<Interpreter>| Rc::clone(interpreter);
    let s = with(interpreter);
    engine.register_indexer_get(
        move |context: CallContext<'_>, view: &mut NodeView, key: ImmutableString| {
            let found = view.get(&s, &key).map_err(|wrong| unread(&context, &s, wrong))?;
            found.ok_or_else(|| throw(&context, &s, missing(view, &s, &key)))
        },
    );
    let at = |context: &CallContext<'_>,
              interpreter: &Interpreter,
              view: &NodeView,
              path: Dynamic|
     -> Fallible<Option<Dynamic>> {
        let path = path_of(context, interpreter, path)?;
        view.at(interpreter, &path).map_err(|wrong| unread(context, interpreter, wrong))
    };
    let s = with(interpreter);
    engine.register_fn(
        "get",
        move |context: CallContext<'_>, view: &mut NodeView, path: Dynamic| -> Fallible<Dynamic> {
            Ok(at(&context, &s, view, path)?.unwrap_or(Dynamic::UNIT))
        },
    );
    let s = with(interpreter);
    engine.register_fn(
        "get",
        move |context: CallContext<'_>,
              view: &mut NodeView,
              path: Dynamic,
              default: Dynamic|
              -> Fallible<Dynamic> { Ok(at(&context, &s, view, path)?.unwrap_or(default)) },
    );
    let s = with(interpreter);
    engine.register_fn(
        "has",
        move |context: CallContext<'_>, view: &mut NodeView, path: Dynamic| -> Fallible<bool> {
            Ok(at(&context, &s, view, path)?.is_some())
        },
    );
    let s = with(interpreter);
    engine.register_fn(
        "contains",
        move |context: CallContext<'_>, view: &mut NodeView, key: ImmutableString| {
            view.get(&s, &key)
                .map(|found| found.is_some())
                .map_err(|wrong| unread(&context, &s, wrong))
        },
    );
    let s = with(interpreter);
    engine.register_fn("keys", move |view: &mut NodeView| {
        view.keys(&s).into_iter().map(Dynamic::from).collect::<Array>()
    });
    let s = with(interpreter);
    engine.register_fn(
        "values",
        move |context: CallContext<'_>, view: &mut NodeView| -> Fallible<Array> {
            let values = view.keys(&s).into_iter().filter_map(|key| view.get(&s, &key).transpose());
            values.collect::<Result<_, _>>().map_err(|wrong| unread(&context, &s, wrong))
        },
    );
    let s = with(interpreter);
    engine.register_fn("len", move |view: &mut NodeView| {
        i64::try_from(view.keys(&s).len()).unwrap_or(i64::MAX)
    });
    engine.register_fn("to_string", |view: &mut NodeView| view.text());
    engine.register_fn("to_debug", |view: &mut NodeView| view.text());
    engine.register_fn("==", |a: NodeView, b: NodeView| a.value() == b.value());
    engine.register_fn("!=", |a: NodeView, b: NodeView| a.value() != b.value());
    engine.register_fn("==", |a: NodeView, b: Map| same(&a, b));
    engine.register_fn("==", |a: Map, b: NodeView| same(&b, a));
    engine.register_fn("!=", |a: NodeView, b: Map| !same(&a, b));
    engine.register_fn("!=", |a: Map, b: NodeView| !same(&b, a));
    register_pairs(engine);
}

/// What is wrong with an item's value, and where it was read.
pub(crate) fn unread(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    wrong: Diagnostic,
) -> Box<EvalAltResult> {
    let here = interpreter.here(context).map(Span::after_dot);
    let wrong = match here {
        Some(here) if wrong.span.is_some() => wrong.frame(here, "it is read here"),
        _ => wrong,
    };
    throw(context, interpreter, wrong)
}

fn same(view: &NodeView, map: Map) -> bool {
    to_json(Dynamic::from_map(map)).is_ok_and(|map| view.value().is_ok_and(|value| value == map))
}

/// `node` is a variable of every scope, closures and libraries included, and no recipe can replace
/// it.
#[expect(deprecated, reason = "Rhai marks the interfaces as volatile; the version is pinned")]
fn show_node(engine: &mut Engine) {
    // A loop or a parameter may call something else so.
    engine.on_var(|name, _, context| {
        let is_root = |value: &Dynamic| {
            value.read_lock::<NodeView>().is_some_and(|view| matches!(*view, NodeView::Root))
        };
        let here = || context.scope().get("node").is_none_or(is_root);
        Ok((name == "node" && here()).then(|| Dynamic::from(NodeView::Root)))
    });
    engine.on_def_var(|_, info, _| Ok(info.name() != "node"));
}

/// Maps and views can be gone through; `for (key, value) in …` takes each pair apart (see
/// `script`).
fn register_pairs(engine: &mut Engine) {
    let mut module = Module::new();
    module.set_iter(std::any::TypeId::of::<Map>(), |map| {
        let pairs = map
            .cast::<Map>()
            .into_iter()
            .map(|(key, value)| Dynamic::from(Pair { key: key.into(), value }));
        Box::new(pairs.collect::<Vec<_>>().into_iter())
    });
    module.set_iter_result(std::any::TypeId::of::<NodeView>(), |view| {
        let view = view.cast::<NodeView>();
        let keys: Vec<String> = match &view {
            NodeView::Root => Vec::new(),
            NodeView::Item(item) => item.item.values.keys().cloned().collect(),
            NodeView::Below { .. } => view
                .below()
                .and_then(Value::as_object)
                .map_or_else(Vec::new, |map| map.keys().cloned().collect()),
        };
        Box::new(keys.into_iter().filter_map(move |key| match view.inside(&key).transpose()? {
            Ok(value) => Some(Ok(Dynamic::from(Pair { key: key.into(), value }))),
            Err(wrong) => Some(Err(
                EvalAltResult::ErrorRuntime(Dynamic::from(Thrown(wrong)), Position::NONE).into(),
            )),
        }))
    });
    engine.register_global_module(module.into());
    engine.register_get("key", |pair: &mut Pair| pair.key.clone());
    engine.register_get("value", |pair: &mut Pair| pair.value.clone());
    engine.register_fn(PAIR_KEY, |item: Dynamic| match item.read_lock::<Pair>() {
        Some(pair) => Dynamic::from(pair.key.clone()),
        None => item.clone(),
    });
    engine.register_fn(PAIR_VALUE, |item: Dynamic, count: Dynamic| {
        item.read_lock::<Pair>().map_or(count, |pair| pair.value.clone())
    });
    engine.register_fn("to_string", |pair: &mut Pair| format!("{}: {}", pair.key, pair.value));
}
