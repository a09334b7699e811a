//! The shells that users may have.

use serde_json::{Map, Value};

use super::{facts, text};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let shells: Vec<String> = text(query, "/etc/shells")
        .lines()
        .filter(|line| line.starts_with('/'))
        .map(str::to_owned)
        .collect();
    facts([("shells", (!shells.is_empty()).then(|| shells.into()))])
}
