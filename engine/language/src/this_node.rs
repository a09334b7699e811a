//! The node that a run is for, as searches find it.

use serde_json::{Map, Value};
use toque_core::diagnostic::Diagnostic;
use toque_data::search::index::{self, Found, OWN, both_names, identify};
use toque_data::search::{Pattern, Search};

use crate::interpreter::Interpreter;

/// Searches an index.
/// # Errors
/// When there is no such index; a mistake in one of its files; a fact that cannot be read.
pub fn search(
    interpreter: &Interpreter,
    index: &str,
    search: &Search,
) -> Result<Vec<Found>, Diagnostic> {
    let (indexes, bags) = (&interpreter.inputs.indexes, &interpreter.inputs.data_bags);
    let this = |fields: &[Option<Pattern>]| this_node(interpreter, fields);
    index::search(indexes, bags, index, search, &interpreter.node.name, this)
}

/// The node that the run is for, with all that is known of it.
/// # Errors
/// When a fact of a cookbook cannot be read.
pub fn whole_node(interpreter: &Interpreter) -> Result<Map<String, Value>, Diagnostic> {
    this_node(interpreter, &[None])
}

/// The node that the run is for, as it is now: its attributes, and of its facts those that the
/// fields may mean. Reading facts can take commands, so that a field whose first key is a fact or
/// an attribute stands for that one alone.
pub fn this_node(
    interpreter: &Interpreter,
    fields: &[Option<Pattern>],
) -> Result<Map<String, Value>, Diagnostic> {
    let mut node: Map<String, Value> = {
        let attributes = interpreter.node.attributes.borrow();
        attributes
            .keys()
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), (*attributes.get(key)?).clone())))
            .collect()
    };
    let leads = |key: &str, field: &str| {
        field.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    let named: Vec<&str> = fields
        .iter()
        .filter_map(
            |field| if let Some(Pattern::Exact(name)) = field { Some(&**name) } else { None },
        )
        .filter(|name| !OWN.contains(name))
        .collect();
    let facts = interpreter.node.facts();
    let known = |field: &str| {
        facts.iter().any(|key| leads(key, field)) || node.keys().any(|key| leads(key, field))
    };
    let any = fields.iter().any(|field| !matches!(field, Some(Pattern::Exact(_))))
        || !named.iter().all(|field| known(field));
    for fact in facts.iter().filter(|fact| any || named.iter().any(|field| leads(fact, field))) {
        if let Some(value) = interpreter.read(fact)? {
            node.insert(fact.clone(), (*value).clone());
        }
    }
    node.insert("recipes".to_owned(), both_names(&interpreter.node.run_list.recipes()).into());
    let run_list: Vec<String> =
        interpreter.node.run_list.items.iter().map(|placed| placed.item.in_brackets()).collect();
    let run_list: Vec<&str> = run_list.iter().map(String::as_str).collect();
    identify(&mut node, &interpreter.node.name, &interpreter.node.environment, &run_list);
    if let Some(own) = interpreter.inputs.command.as_ref().and_then(|command| command.own()) {
        // Its layers are its roles, as they are those of its peers.
        for (key, value) in [("role", &own.layers), ("layers", &own.layers)] {
            node.insert(key.to_owned(), value.as_slice().into());
        }
        let run_list: Vec<String> =
            own.layers.iter().map(|layer| format!("role[{layer}]")).collect();
        node.insert("run_list".to_owned(), run_list.into());
    }
    Ok(node)
}
