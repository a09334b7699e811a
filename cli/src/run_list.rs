//! Run lists as flags and settings write them.

use toque_core::diagnostic::Diagnostic;
use toque_data::run_list::{HINT, Item};

/// Splits arguments at commas and parses the items.
pub(crate) fn split(arguments: &[String]) -> Result<Vec<Item>, Diagnostic> {
    let items = arguments.iter().flat_map(|argument| argument.split(','));
    parse(items.filter(|item| !item.trim().is_empty()))
}

/// Parses items.
pub(crate) fn parse<'a>(items: impl Iterator<Item = &'a str>) -> Result<Vec<Item>, Diagnostic> {
    items
        .map(|item| Item::parse(item).map_err(|wrong| Diagnostic::error(wrong).hint(HINT)))
        .collect()
}
