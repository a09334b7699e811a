//! The kernel.

use serde_json::{Map, Value, json};

use super::{facts, line, text};
use crate::command::Command;
use crate::system::Query;

pub(super) fn read_os(query: &dyn Query) -> Map<String, Value> {
    facts([("os", Some("linux".into())), ("os_version", release(query).map(Value::String))])
}

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let of = |name: &str| line(query, format!("/proc/sys/kernel/{name}"));
    let machine = of("arch").or_else(|| machine(query));
    let kernel = facts([
        ("name", of("ostype").map(Value::String)),
        ("release", release(query).map(Value::String)),
        ("version", of("version").map(Value::String)),
        ("machine", machine.clone().map(Value::String)),
        ("processor", machine.map(Value::String)),
        ("os", Some("GNU/Linux".into())),
        ("modules", Some(modules(&text(query, "/proc/modules")))),
    ]);
    facts([("kernel", Some(kernel.into()))])
}

pub(super) fn release(query: &dyn Query) -> Option<String> {
    line(query, "/proc/sys/kernel/osrelease")
}

/// Kernels before 6.1 have no file that tells it.
fn machine(query: &dyn Query) -> Option<String> {
    let output = query.probe(&Command::new(["uname", "-m"])).ok().filter(crate::command::Output::success)?;
    Some(output.stdout().trim().to_owned()).filter(|machine| !machine.is_empty())
}

fn modules(text: &str) -> Value {
    let module = |line: &str| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.to_owned(), json!({ "size": fields.next()?, "refcount": fields.next()? })))
    };
    Value::Object(text.lines().filter_map(module).collect())
}
