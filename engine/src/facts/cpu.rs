//! Processors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{facts, text};
use crate::system::Query;

/// Ohai's names for the lines of `/proc/cpuinfo` that it tells of each processor.
const NAMES: &[(&str, &str)] = &[
    ("vendor_id", "vendor_id"),
    ("family", "cpu family"),
    ("model", "model"),
    ("model_name", "model name"),
    ("stepping", "stepping"),
    ("mhz", "cpu MHz"),
    ("cache_size", "cache size"),
    ("physical_id", "physical id"),
    ("core_id", "core id"),
    ("cores", "cpu cores"),
    ("bogomips", "bogomips"),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let cpu = parse(&text(query, "/proc/cpuinfo"));
    facts([("cpu", (!cpu.is_empty()).then(|| cpu.into()))])
}

fn parse(text: &str) -> Map<String, Value> {
    let mut cpu = Map::new();
    let mut sockets = BTreeSet::new();
    let mut cores = BTreeSet::new();
    let mut total = 0_u64;
    for processor in text.split("\n\n") {
        let field = |name: &str| {
            let lines = processor.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let Some(number) = field("processor") else { continue };
        total += 1;
        if let Some(socket) = field("physical id") {
            sockets.insert(socket);
            cores.insert((socket, field("core id").unwrap_or(number)));
        }
        let mut one: Map<String, Value> =
            NAMES.iter().filter_map(|(name, line)| Some(((*name).to_owned(), field(line)?.into()))).collect();
        if let Some(flags) = field("flags").or_else(|| field("Features")) {
            one.insert("flags".to_owned(), flags.split_whitespace().collect());
        }
        cpu.insert(number.to_owned(), one.into());
    }
    if total > 0 {
        // Where processors do not tell their socket (ARM, many virtual machines) each counts as a core, all in one socket.
        let known = !sockets.is_empty();
        cpu.insert("total".to_owned(), json!(total));
        cpu.insert("real".to_owned(), json!(if known { sockets.len() } else { 1 }));
        cpu.insert("cores".to_owned(), json!(if known { cores.len() as u64 } else { total }));
        if let Some(model) = cpu.get("0").and_then(|first| first.get("model_name")).cloned() {
            cpu.insert("model_name".to_owned(), model);
        }
    }
    cpu
}
