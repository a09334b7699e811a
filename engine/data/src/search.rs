//! Search over documents: the items of a data bag, the nodes of a repository. The language of
//! queries is Lucene's, as far as Chef's users write it; what it means is in the book
//! (`docs/src/guide/search.md`). Nothing here knows where documents come from, but for `index`.

pub mod index;
mod matching;
mod number_range;
mod order;
mod parse;
mod pattern;
mod query;

#[cfg(test)]
mod tests;

pub use order::{Direction, Order};
pub use pattern::{Pattern, Step};
pub use query::{Bound, Query, Range, Term, Wanted};

use serde_json::{Map, Value};

/// What is asked of an index: which documents, in which order, and which of those.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    pub query: Query,
    pub order: Order,
    /// How many of what is found are left out at the beginning.
    pub start: usize,
    /// How many are given at most; all unless told.
    pub rows: Option<usize>,
}

impl Search {
    /// The places, among `documents`, of those that are found. Each document comes with its id, or
    /// a node's name, which decides the order of what the order leaves open; so the answer is the
    /// same in every run.
    #[must_use]
    pub fn of(&self, documents: &[(&str, &Map<String, Value>)]) -> Vec<usize> {
        let mut found: Vec<usize> =
            (0..documents.len()).filter(|index| self.query.matches(documents[*index].1)).collect();
        self.order.sort(&mut found, documents);
        found.into_iter().skip(self.start).take(self.rows.unwrap_or(usize::MAX)).collect()
    }
}
