//! Data bags in the language.

use std::path::PathBuf;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde::Deserialize;

use crate::error::{Fallible, throw, throw_text};
use crate::functions::read;
use crate::interpreter::{CallContext, Interpreter};
use crate::node_view::unread;
use crate::script_values::NodeView;
use crate::value::to_json;
use toque_data::decryption::{DecryptOptions, DecryptedItem};

/// What `data_bag_item` takes beside bag and id.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct How {
    secret_file: Option<PathBuf>,
    version: Option<u64>,
}

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "data_bag",
        move |context: CallContext<'_>, bag: ImmutableString| -> Fallible<Array> {
            let ids = s.inputs.data_bags.ids(&bag).map_err(|wrong| throw(&context, &s, wrong))?;
            Ok(ids.into_iter().map(Dynamic::from).collect())
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "data_bag_item",
        move |context: CallContext<'_>, bag: ImmutableString, id: ImmutableString| {
            item(&context, &s, &bag, &id, DecryptOptions::default())
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "data_bag_item",
        move |context: CallContext<'_>, bag: ImmutableString, id: ImmutableString, how: Map| -> Fallible<NodeView> {
            let how: How = read(&context, &s, Dynamic::from_map(how), "the options of `data_bag_item`")?;
            if how.version.is_some_and(|version| version > 0) {
                let known = "`version` is only for items of version 0: all others say of what version they are";
                return Err(throw_text(&context, &s, known));
            }
            // Like paths in toque.toml, a relative one is below the repository.
            let secret_file =
                how.secret_file.map(|path| s.inputs.data_bags.repository().map_or(path.clone(), |folder| folder.join(&path)));
            item(&context, &s, &bag, &id, DecryptOptions { secret_file, version_0: how.version.is_some() })
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "nonsensitive",
        move |context: CallContext<'_>, value: Dynamic| -> Fallible<Dynamic> {
            let json = to_json(value.clone())
                .map_err(|message| throw_text(&context, &s, format!("nonsensitive: {message}")))?;
            s.inputs.redactor.forget(&json);
            Ok(value)
        },
    );
}

/// An item, all of it decrypted: one that cannot be is told of here, and not where it is read. (A
/// stack has values that not every instance of it can read.)
fn item(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    bag: &str,
    id: &str,
    way: DecryptOptions,
) -> Fallible<NodeView> {
    let item = interpreter
        .inputs
        .data_bags
        .item(bag, id)
        .map_err(|wrong| unread(context, interpreter, wrong))?;
    let item = DecryptedItem::new(item, Rc::clone(&interpreter.inputs.decryptor), way);
    // What stands for a decrypted value in a check proves nothing.
    if item.item.given.is_none() && item.holds_encrypted() && interpreter.may_ask() {
        item.whole().map_err(|wrong| unread(context, interpreter, wrong))?;
    }
    Ok(NodeView::Item(Rc::new(item)))
}
