//! The kernel.

use serde_json::{Map, Value, json};

use super::{facts, line, text, told};
use crate::system::Query;

pub(super) fn read_os(query: &dyn Query) -> Map<String, Value> {
    facts([("os", Some("linux".into())), ("os_version", release(query).map(Value::String))])
}

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let of = |name: &str| line(query, format!("/proc/sys/kernel/{name}"));
    let machine = of("arch").or_else(|| uname(query, "-m"));
    // Some distributions have made `uname` tell the machine here, others leave it at `unknown`:
    // only the program knows.
    let processor = uname(query, "-p").or_else(|| machine.clone());
    let kernel = facts([
        ("name", of("ostype").map(Value::String)),
        ("release", release(query).map(Value::String)),
        ("version", of("version").map(Value::String)),
        ("machine", machine.map(Value::String)),
        ("processor", processor.map(Value::String)),
        ("os", Some("GNU/Linux".into())),
        ("modules", Some(modules(query))),
    ]);
    facts([("kernel", Some(kernel.into()))])
}

pub(super) fn release(query: &dyn Query) -> Option<String> {
    line(query, "/proc/sys/kernel/osrelease")
}

/// Kernels before 6.1 have no file that tells the machine.
fn uname(query: &dyn Query, option: &str) -> Option<String> {
    Some(told(query, ["uname", option])?.trim().to_owned()).filter(|word| !word.is_empty())
}

fn modules(query: &dyn Query) -> Value {
    let text = text(query, "/proc/modules");
    let module = |line: &str| {
        let mut fields = line.split_whitespace();
        let (name, size, count) = (fields.next()?, fields.next()?, fields.next()?);
        let version = super::line(query, format!("/sys/module/{name}/version"));
        let about = [
            ("size", Some(json!(size))),
            ("refcount", Some(json!(count))),
            ("version", version.map(Value::String)),
        ];
        Some((name.to_owned(), facts(about).into()))
    };
    Value::Object(text.lines().filter_map(module).collect())
}
