//! What runs as process 1.

use serde_json::{Map, Value};

use super::{facts, line};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    // The same name for everything else, because in a container process 1 may be anything.
    let systemd = line(query, "/proc/1/comm").is_some_and(|name| name == "systemd");
    facts([("init_package", Some(if systemd { "systemd" } else { "init" }.into()))])
}
