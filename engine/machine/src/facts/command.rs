//! What lists all processes.

use serde_json::{Map, Value, json};

use super::facts;
use crate::system::Query;

pub(super) fn read(_: &dyn Query) -> Map<String, Value> {
    facts([("command", Some(json!({ "ps": "ps -ef" })))])
}
