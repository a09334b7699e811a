//! `search` in the language.

use std::rc::Rc;

use indexmap::IndexMap;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde::Deserialize;

use crate::error::{Fallible, throw, throw_text};
use crate::functions::read;
use crate::interpreter::{CallContext, Interpreter};
use crate::node_view::unread;
use crate::script_values::NodeView;
use crate::{source_positions, this_node};
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::failure::FailureKind;
use toque_data::attributes::parse_path;
use toque_data::decryption::{DecryptOptions, DecryptedItem};
use toque_data::search::index::{Found, NODE};
use toque_data::search::{Order, Query, Search};
use toque_machine::property::OneOrMany;

/// What `search` takes beside index and query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct How {
    sort: Option<String>,
    start: usize,
    rows: Option<usize>,
    filter_result: Option<IndexMap<String, OneOrMany<String>>>,
}

/// The names that are told of what is found, each with the path to its value.
type Filter = Vec<(String, Vec<String>)>;

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn("search", move |context: CallContext<'_>, index: ImmutableString| {
        search(&context, &s, &index, &Search::default(), None)
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "search",
        move |context: CallContext<'_>, index: ImmutableString, text: ImmutableString| {
            let query = query(&context, &s, &text)?;
            search(&context, &s, &index, &Search { query, ..Search::default() }, None)
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "search",
        move |context: CallContext<'_>,
              index: ImmutableString,
              text: ImmutableString,
              how: Map|
              -> Fallible<Array> {
            let query = query(&context, &s, &text)?;
            let How { sort, start, rows, filter_result } =
                read(&context, &s, Dynamic::from_map(how), "the options of `search`")?;
            let order = sort.as_deref().map(Order::parse).transpose();
            let order = order.map_err(|wrong| {
                quoted(&context, &s, wrong, source_positions::property(&context, &s, "sort"))
            })?;
            let filter = filter_result.map(|filter| filter_of(&context, &s, filter)).transpose()?;
            search(
                &context,
                &s,
                &index,
                &Search { query, order: order.unwrap_or_default(), start, rows },
                filter.as_ref(),
            )
        },
    );
}

fn query(context: &CallContext<'_>, interpreter: &Interpreter, text: &str) -> Fallible<Query> {
    Query::parse(text).map_err(|wrong| {
        quoted(context, interpreter, wrong, source_positions::argument(context, interpreter, 1))
    })
}

/// A mistake in a text of the recipe: where the text stands, and where in it the mistake is.
fn quoted(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    mut wrong: Diagnostic,
    at: Option<Span>,
) -> Box<rhai::EvalAltResult> {
    if let Some(inside) = wrong.span.take().filter(|inside| !inside.source.text.trim().is_empty()) {
        let what = format!("{}, as the recipe makes it", inside.source.name);
        wrong = wrong.frame(inside, what);
    }
    if wrong.kind == FailureKind::NeedsBackslash {
        wrong = wrong.hint(
            "a recipe writes a backslash twice between double quotes, and once between backticks",
        );
    }
    throw(context, interpreter, wrong.at(at))
}

fn filter_of(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    filter: IndexMap<String, OneOrMany<String>>,
) -> Fallible<Filter> {
    let path = |(name, path): (String, OneOrMany<String>)| match path {
        OneOrMany::One(text) => parse_path(&text).map(|path| (name, path)),
        OneOrMany::Many(path) if path.is_empty() => Err(format!("the path for `{name}` is empty")),
        OneOrMany::Many(path) => Ok((name, path)),
    };
    filter.into_iter().map(path).collect::<Result<_, _>>().map_err(|message| {
        let wrong = Diagnostic::error(message)
            .hint("`filter_result` has paths: `#{ port: \"nginx.port\" }`");
        throw(
            context,
            interpreter,
            wrong.at(source_positions::property(context, interpreter, "filter_result")),
        )
    })
}

fn search(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    index: &str,
    wanted: &Search,
    filter: Option<&Filter>,
) -> Fallible<Array> {
    if index == NODE {
        // Which nodes there are, and what this one is, is not the same everywhere: what `check`
        // makes of it is no proof.
        let _ = interpreter.may_ask();
    }
    let found =
        this_node::search(interpreter, index, wanted).map_err(|wrong| match wrong.span {
            None => throw(
                context,
                interpreter,
                wrong.at(source_positions::argument(context, interpreter, 0)),
            ),
            Some(_) => unread(context, interpreter, wrong),
        })?;
    if found.len() > interpreter.inputs.limits.size {
        return Err(throw_text(
            context,
            interpreter,
            format!("the search finds more than the limit of {}", interpreter.inputs.limits.size),
        ));
    }
    let view = |found: Found| match found {
        Found::This => NodeView::Root,
        Found::Item(item) => NodeView::Item(Rc::new(DecryptedItem::new(
            item,
            Rc::clone(&interpreter.inputs.decryptor),
            DecryptOptions::default(),
        ))),
    };
    let told = |view: NodeView| match filter {
        None => Ok(Dynamic::from(view)),
        Some(filter) => {
            let value = |(name, path): &(String, Vec<String>)| {
                Ok((name.into(), view.at(interpreter, path)?.unwrap_or(Dynamic::UNIT)))
            };
            filter.iter().map(value).collect::<Result<Map, Diagnostic>>().map(Dynamic::from_map)
        }
    };
    let told: Result<Array, Diagnostic> = found.into_iter().map(view).map(told).collect();
    told.map_err(|wrong| unread(context, interpreter, wrong))
}
