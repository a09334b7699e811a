//! A search by itself, as a recipe of the run would make it.

use std::rc::Rc;

use serde_json::{Map, Value};
use toque_core::diagnostic::Diagnostic;
use toque_data::decryption::{DecryptOptions, DecryptedItem};
use toque_data::search::{Search, index};
use toque_data::{encrypted_item, stack};
use toque_language::interpreter::Interpreter;
use toque_language::this_node::{self, whole_node};

/// What stands in the place of an encrypted value that is not decrypted.
pub const ENCRYPTED: &str = "[encrypted]";

/// A document that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// An item's id; the name of anything else.
    pub id: String,
    pub values: Map<String, Value>,
}

/// What becomes of encrypted values in what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encrypted {
    /// They read `[encrypted]`.
    Hidden,
    Decrypted,
}

/// Searches an index.
/// # Errors
/// An index that is not there; a document with a mistake; a value that cannot be decrypted.
pub(crate) fn search(
    interpreter: &Interpreter,
    index: &str,
    wanted: &Search,
    encrypted: Encrypted,
) -> Result<Vec<Found>, Diagnostic> {
    let values = |found: index::Found| match found {
        index::Found::This => {
            let mut values = whole_node(interpreter)?;
            if encrypted == Encrypted::Hidden {
                // Attributes may have been set to what an attribute file decrypted.
                values
                    .values_mut()
                    .for_each(|value| interpreter.inputs.redactor.redact_value(value));
            }
            Ok(Found { id: interpreter.node.name.clone(), values })
        }
        index::Found::Item(item) => {
            let values = match encrypted {
                Encrypted::Hidden => {
                    let mut values = item.values.clone();
                    values.values_mut().for_each(hide);
                    if item.given.is_some() {
                        values.values_mut().for_each(stack::hide);
                    }
                    values
                }
                Encrypted::Decrypted => {
                    let decryptor = Rc::clone(&interpreter.inputs.decryptor);
                    DecryptedItem::new(Rc::clone(&item), decryptor, DecryptOptions::default())
                        .whole()?
                }
            };
            Ok(Found { id: item.id.clone(), values })
        }
    };
    this_node::search(interpreter, index, wanted)?.into_iter().map(values).collect()
}

fn hide(value: &mut Value) {
    match value {
        _ if encrypted_item::is_encrypted(value) => *value = ENCRYPTED.into(),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| hide(value)),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}
