//! Data bags in the language.

use std::path::PathBuf;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use serde::Deserialize;

use super::error::{Fallible, throw, throw_text};
use super::functions::read;
use super::node_view::{NodeView, unread};
use super::value::to_json;
use crate::session::Session;
use crate::vault::{Opened, Way};

/// What `data_bag_item` takes beside bag and id.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct How {
    secret_file: Option<PathBuf>,
    version: Option<u64>,
}

pub(super) fn register(engine: &mut Engine, session: &Rc<Session>) {
    let s = Rc::clone(session);
    engine.register_fn(
        "data_bag",
        move |context: NativeCallContext<'_>, bag: ImmutableString| -> Fallible<Array> {
            let ids = s.data_bags.ids(&bag).map_err(|wrong| throw(&context, &s, wrong))?;
            Ok(ids.into_iter().map(Dynamic::from).collect())
        },
    );
    let s = Rc::clone(session);
    engine.register_fn(
        "data_bag_item",
        move |context: NativeCallContext<'_>, bag: ImmutableString, id: ImmutableString| {
            item(&context, &s, &bag, &id, Way::default())
        },
    );
    let s = Rc::clone(session);
    engine.register_fn(
        "data_bag_item",
        move |context: NativeCallContext<'_>, bag: ImmutableString, id: ImmutableString, how: Map| -> Fallible<NodeView> {
            let how: How = read(&context, &s, Dynamic::from_map(how), "the options of `data_bag_item`")?;
            if how.version.is_some_and(|version| version > 0) {
                let known = "`version` is only for items of version 0: all others say of what version they are";
                return Err(throw_text(&context, &s, known));
            }
            // Like paths in toque.toml, a relative one is below the repository.
            let secret_file =
                how.secret_file.map(|path| s.data_bags.repository().map_or(path.clone(), |folder| folder.join(&path)));
            item(&context, &s, &bag, &id, Way { secret_file, version_0: how.version.is_some() })
        },
    );
    let s = Rc::clone(session);
    engine.register_fn(
        "nonsensitive",
        move |context: NativeCallContext<'_>, value: Dynamic| -> Fallible<Dynamic> {
            let json = to_json(value.clone())
                .map_err(|message| throw_text(&context, &s, format!("nonsensitive: {message}")))?;
            s.masks.forget(&json);
            Ok(value)
        },
    );
}

/// An item, all of it decrypted: one that cannot be is told of here, and not where it is read. (A
/// stack has values that not every instance of it can read.)
fn item(
    context: &NativeCallContext<'_>,
    session: &Session,
    bag: &str,
    id: &str,
    way: Way,
) -> Fallible<NodeView> {
    let item = session.data_bags.item(bag, id).map_err(|wrong| unread(context, session, wrong))?;
    let item = Opened::new(item, Rc::clone(&session.vault), way);
    // What stands for a decrypted value in a check proves nothing.
    if item.item.given.is_none() && item.holds_encrypted() && session.may_ask() {
        item.whole().map_err(|wrong| unread(context, session, wrong))?;
    }
    Ok(NodeView::Item(Rc::new(item)))
}
