//! A search by itself, as a recipe of the run would make it.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::{Options, Refused, STACK, open};
use crate::compile::begin;
use crate::converge::Mode;
use crate::encrypted;
use crate::language::Language;
use crate::registry::Registry;
use crate::search::Search;
use crate::search::index::{self, NODE, whole_node};
use crate::stack;
use crate::system::System;
use crate::vault::{Opened, Way};

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

/// Searches an index. Recipes do not run; attribute files do for the index `node`, because they say
/// what this node is.
/// # Errors
/// An index that is not there; a document or an attribute file with a mistake; a value that cannot
/// be decrypted.
pub fn search(
    system: Rc<dyn System>,
    registry: Rc<Registry>,
    options: &Options,
    index: &str,
    wanted: &Search,
    encrypted: Encrypted,
) -> Result<Vec<Found>, Refused> {
    let search = || -> Result<Vec<Found>, Refused> {
        let ready = super::cookbooks::ready(&system, options, Mode::Plan, &mut ())?;
        let options = &ready.options;
        let session = open(system, registry, options, Box::new(()))?;
        if index == NODE {
            begin(&session, &Language::new(&session))?;
        }
        let found = index::search(&session, index, wanted)?;
        let values = |found: index::Found| match found {
            index::Found::This => {
                let mut values = whole_node(&session)?;
                if encrypted == Encrypted::Hidden {
                    // Attributes may have been set to what an attribute file decrypted.
                    values.values_mut().for_each(|value| session.masks.hide_in_value(value));
                }
                Ok(Found { id: session.node.name.clone(), values })
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
                        Opened::new(Rc::clone(&item), Rc::clone(&session.vault), Way::default())
                            .whole()?
                    }
                };
                Ok(Found { id: item.id.clone(), values })
            }
        };
        found.into_iter().map(values).collect()
    };
    stacker::grow(STACK, search).map_err(|refused: Refused| refused.hidden(options))
}

fn hide(value: &mut Value) {
    match value {
        _ if encrypted::is_encrypted(value) => *value = ENCRYPTED.into(),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| hide(value)),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}
