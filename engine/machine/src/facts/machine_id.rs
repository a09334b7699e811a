//! The number that tells this installation from all others.

use serde_json::{Map, Value};

use super::{facts, line};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .into_iter()
        .find_map(|path| line(query, path));
    // So says systemd before the first boot.
    facts([("machine_id", id.filter(|id| id != "uninitialized").map(Value::String))])
}
