//! Whether the kernel allows only the cryptography of FIPS 140.

use serde_json::{Map, Value, json};

use super::{facts, line};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    facts([("fips", Some(json!({ "kernel": { "enabled": enabled(query) } })))])
}

pub(super) fn enabled(query: &dyn Query) -> bool {
    line(query, "/proc/sys/crypto/fips_enabled").as_deref() == Some("1")
}
