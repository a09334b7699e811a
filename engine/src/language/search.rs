//! `search` in the language.

use std::rc::Rc;

use indexmap::IndexMap;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use serde::Deserialize;

use super::error::{Fallible, throw, throw_text};
use super::functions::read;
use super::locate;
use super::node_view::{NodeView, unread};
use crate::attributes::parse_path;
use crate::diagnostic::{Diagnostic, Span};
use crate::property::OneOrMany;
use crate::search::index::{self, Found, NODE};
use crate::search::{Order, Query, Search};
use crate::session::Session;
use crate::vault::{Opened, Way};

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

pub(super) fn register(engine: &mut Engine, session: &Rc<Session>) {
    let s = Rc::clone(session);
    engine.register_fn("search", move |context: NativeCallContext<'_>, index: ImmutableString| {
        search(&context, &s, &index, &Search::default(), None)
    });
    let s = Rc::clone(session);
    engine.register_fn(
        "search",
        move |context: NativeCallContext<'_>, index: ImmutableString, text: ImmutableString| {
            let query = query(&context, &s, &text)?;
            search(&context, &s, &index, &Search { query, ..Search::default() }, None)
        },
    );
    let s = Rc::clone(session);
    engine.register_fn(
        "search",
        move |context: NativeCallContext<'_>,
              index: ImmutableString,
              text: ImmutableString,
              how: Map|
              -> Fallible<Array> {
            let query = query(&context, &s, &text)?;
            let How { sort, start, rows, filter_result } =
                read(&context, &s, Dynamic::from_map(how), "the options of `search`")?;
            let order = sort.as_deref().map(Order::parse).transpose();
            let order = order.map_err(|wrong| {
                quoted(&context, &s, wrong, locate::property(&context, &s, "sort"))
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

fn query(context: &NativeCallContext<'_>, session: &Session, text: &str) -> Fallible<Query> {
    Query::parse(text)
        .map_err(|wrong| quoted(context, session, wrong, locate::argument(context, session, 1)))
}

/// A mistake in a text of the recipe: where the text stands, and where in it the mistake is.
fn quoted(
    context: &NativeCallContext<'_>,
    session: &Session,
    mut wrong: Diagnostic,
    at: Option<Span>,
) -> Box<rhai::EvalAltResult> {
    if let Some(inside) = wrong.span.take().filter(|inside| !inside.source.text.trim().is_empty()) {
        let what = format!("{}, as the recipe makes it", inside.source.name);
        wrong = wrong.frame(inside, what);
    }
    if wrong.hints.iter().any(|hint| hint.contains('\\')) {
        wrong = wrong.hint(
            "a recipe writes a backslash twice between double quotes, and once between backticks",
        );
    }
    throw(context, session, wrong.at(at))
}

fn filter_of(
    context: &NativeCallContext<'_>,
    session: &Session,
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
        throw(context, session, wrong.at(locate::property(context, session, "filter_result")))
    })
}

fn search(
    context: &NativeCallContext<'_>,
    session: &Session,
    index: &str,
    wanted: &Search,
    filter: Option<&Filter>,
) -> Fallible<Array> {
    if index == NODE {
        // Which nodes there are, and what this one is, is not the same everywhere: what `check`
        // makes of it is no proof.
        let _ = session.may_ask();
    }
    let found = index::search(session, index, wanted).map_err(|wrong| match wrong.span {
        None => throw(context, session, wrong.at(locate::argument(context, session, 0))),
        Some(_) => unread(context, session, wrong),
    })?;
    if found.len() > session.limits.size {
        return Err(throw_text(
            context,
            session,
            format!("the search finds more than the limit of {}", session.limits.size),
        ));
    }
    let view = |found: Found| match found {
        Found::This => NodeView::Root,
        Found::Item(item) => {
            NodeView::Item(Rc::new(Opened::new(item, Rc::clone(&session.vault), Way::default())))
        }
    };
    let told = |view: NodeView| match filter {
        None => Ok(Dynamic::from(view)),
        Some(filter) => {
            let value = |(name, path): &(String, Vec<String>)| {
                Ok((name.into(), view.at(session, path)?.unwrap_or(Dynamic::UNIT)))
            };
            filter.iter().map(value).collect::<Result<Map, Diagnostic>>().map(Dynamic::from_map)
        }
    };
    let told: Result<Array, Diagnostic> = found.into_iter().map(view).map(told).collect();
    told.map_err(|wrong| unread(context, session, wrong))
}
