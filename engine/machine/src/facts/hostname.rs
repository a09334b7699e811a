//! The machine's names.

use serde_json::{Map, Value};

use super::{facts, line, text, told};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let Some(name) = machinename(query) else { return Map::new() };
    let short = name.split('.').next().unwrap_or_default().to_owned();
    facts([("hostname", Some(short.into())), ("machinename", Some(name.into()))])
}

pub(super) fn read_fqdn(query: &dyn Query) -> Map<String, Value> {
    let Some(name) = machinename(query) else { return Map::new() };
    let fqdn =
        canonical(&text(query, "/etc/hosts"), &name).or_else(|| resolved(query)).unwrap_or(name);
    let domain = fqdn.split_once('.').map(|(_, domain)| domain.into());
    facts([("domain", domain), ("fqdn", Some(fqdn.into()))])
}

pub(super) fn machinename(query: &dyn Query) -> Option<String> {
    line(query, "/proc/sys/kernel/hostname")
}

/// The first name of the line of `hosts(5)` that has this one, when it is a full one.
fn canonical(hosts: &str, name: &str) -> Option<String> {
    let names = |line: &str| -> Vec<String> {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    let line = hosts.lines().map(names).find(|names| names.iter().any(|other| other == name))?;
    line.into_iter().next().filter(|first| first.contains('.'))
}

/// What the resolver makes of it: only the C library knows where it is told to ask.
fn resolved(query: &dyn Query) -> Option<String> {
    Some(told(query, ["hostname", "-f"])?.trim().to_owned())
        .filter(|name| !name.is_empty() && name != "localhost")
}
