//! Processors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{facts, text, told};
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
    ("bogomips", "BogoMIPS"),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let mut cpu = parse(&text(query, "/proc/cpuinfo"));
    // Where processors do not tell their socket (ARM, many virtual machines) `lscpu` may know more.
    if !cpu.is_empty()
        && !cpu.contains_key("real")
        && let Some(lscpu) = told(query, ["lscpu"])
    {
        cpu.extend(parse_lscpu(&lscpu));
    }
    let total = cpu.get("total").cloned();
    for (name, unknown) in [("real", Some(json!(1))), ("cores", total)] {
        if let (Some(unknown), false) = (unknown, cpu.is_empty()) {
            cpu.entry(name).or_insert(unknown);
        }
    }
    facts([("cpu", (!cpu.is_empty()).then(|| cpu.into()))])
}

pub(super) fn parse(text: &str) -> Map<String, Value> {
    let mut cpu = Map::new();
    let mut sockets = BTreeSet::new();
    let mut total = 0_u64;
    for processor in text.split("\n\n") {
        let field = |name: &str| {
            let lines = processor.lines().filter_map(|line| line.split_once(':'));
            lines
                .map(|(key, value)| (key.trim(), value.trim()))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let Some(number) = field("processor") else { continue };
        total += 1;
        sockets.extend(field("physical id"));
        let mut one: Map<String, Value> = NAMES
            .iter()
            .filter_map(|(name, line)| Some(((*name).to_owned(), field(line)?.into())))
            .collect();
        for (name, line) in [("flags", "flags"), ("features", "Features")] {
            one.extend(
                field(line).map(|flags| (name.to_owned(), flags.split_whitespace().collect())),
            );
        }
        cpu.insert(number.to_owned(), one.into());
    }
    if total > 0 {
        cpu.insert("total".to_owned(), json!(total));
    }
    let cores = cpu.get("0").and_then(|first| first.get("cores")?.as_str()?.parse::<u64>().ok());
    if let (Some(cores), false) = (cores, sockets.is_empty()) {
        let sockets = sockets.len() as u64;
        cpu.insert("real".to_owned(), json!(sockets));
        cpu.insert("cores".to_owned(), json!(sockets.saturating_mul(cores)));
    }
    cpu
}

/// `Core(s) per socket:  2`
pub(super) fn parse_lscpu(output: &str) -> Map<String, Value> {
    let number = |name: &str| {
        let mut fields = output
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.trim() == name);
        fields.next().and_then(|(_, value)| value.trim().parse::<u64>().ok())
    };
    let (Some(sockets), Some(cores)) = (number("Socket(s)"), number("Core(s) per socket")) else {
        return Map::new();
    };
    facts([("real", Some(json!(sockets))), ("cores", Some(json!(sockets.saturating_mul(cores))))])
}
