//! Facts, beside those that Ohai tells of the same machine.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use toque_acceptance::{Host, Image};

use crate::it::toque::equip;

/// More for both to find than a machine without a network has. What the firmware would say is read
/// from a file.
const SET_UP: &str = r#"
ln -s /usr/bin/python3 /usr/local/bin/python
printf '#!/bin/sh\ncat /srv/dmidecode.txt\n' > /usr/local/sbin/dmidecode
chmod 755 /usr/local/sbin/dmidecode
ip link add eth0 type veth peer name eth1
ip link set eth0 address 52:54:00:12:34:56
ip link set eth0 up
ip link set eth1 up
ip address add 192.0.2.10/24 broadcast 192.0.2.255 dev eth0
ip address add 198.51.100.7/32 dev eth0
ip address add 10.1.1.1 peer 10.1.1.2 dev eth1
ip address add 2001:db8::10/64 dev eth0 nodad
ip route add default via 192.0.2.1 src 192.0.2.10 metric 100
ip route add default via 192.0.2.9 metric 200
ip route add 203.0.113.0/24 nexthop via 192.0.2.3 nexthop via 192.0.2.4
ip route add unreachable 198.18.0.0/15
ip -6 route add default via 2001:db8::1
ip neighbour add 192.0.2.1 lladdr 52:54:00:00:00:01 dev eth0 nud permanent
ip -6 neighbour add 2001:db8::1 lladdr 52:54:00:00:00:01 dev eth0 nud permanent
# Until no address is tentative, and what is counted changes no more.
sleep 3
"#;

/// The plugins that Ohai leaves off, and whose facts Toque tells.
const OPTIONAL: &str = "ohai.optional_plugins = [:Passwd]\n";

/// What may change between two looks: paths of facts, and by how much of the greater one. 1 is
/// anything of that shape: other tests share the machine's memory and disk. The first that fits
/// counts.
const VOLATILE: &[(&str, f64)] = &[
    ("ohai_time", 0.001),
    ("uptime", 1.0),
    ("uptime_seconds", 0.1),
    ("idletime", 1.0),
    ("idletime_seconds", 0.5),
    ("cpu/*/mhz", 1.0),
    ("memory/total", 0.0),
    ("memory/hugepage_size", 0.0),
    ("memory/vmalloc_total", 0.0),
    ("memory/*", 1.0),
    ("memory/directmap/*", 1.0),
    ("memory/swap/total", 0.0),
    ("memory/swap/*", 1.0),
    ("counters/network/interfaces/*/*/*", 1.0),
    ("filesystem/*/*/kb_used", 1.0),
    ("filesystem/*/*/kb_available", 1.0),
    ("filesystem/*/*/percent_used", 1.0),
    ("filesystem/*/*/inodes_used", 1.0),
    ("filesystem/*/*/inodes_available", 1.0),
    ("filesystem/*/*/inodes_percent_used", 1.0),
    ("kernel/modules/*/refcount", 1.0),
    ("sysconf/_AVPHYS_PAGES", 1.0),
];

#[derive(Deserialize)]
struct Differences {
    difference: Vec<Known>,
}

/// One thing that is told differently, and why.
#[derive(Deserialize)]
struct Known {
    fact: String,
    reason: String,
}

#[test]
fn facts_are_those_of_ohai() {
    let host = Host::boot(Image::Debian12Ohai);
    equip(&host);
    host.write(
        "/srv/dmidecode.txt",
        include_str!("../../../engine/machine/src/facts/fixtures/dmidecode"),
    );
    host.sh(SET_UP);
    host.write("/etc/ohai.rb", OPTIONAL);
    let ohai = told(&host, &["ohai", "-c", "/etc/ohai.rb"]);
    let toque = told(&host, &["toque", "facts"]);

    // What is compared is there, be it that both have lost it.
    for path in [
        "languages/ruby/gems_dir",
        "languages/python/builddate",
        "dmi/processor/all_records",
        "shard_seed",
        "packages/ohai",
    ] {
        let found = path.split('/').try_fold(&toque, |value, key| value.get(key));
        assert!(found.is_some(), "there is no `{path}`");
    }

    let mut found = Vec::new();
    compare(&[], &ohai, &toque, &mut found);
    let known: Differences = toml::from_str(include_str!("ohai/differences.toml")).unwrap();
    let known = known.difference;
    assert!(known.len() <= 10, "{} differences are too many", known.len());
    assert!(
        known.iter().all(|entry| entry.reason.len() > 20 && !entry.fact.ends_with('*')),
        "each is one thing, with a reason"
    );
    let unknown =
        found.iter().filter(|(path, _)| !known.iter().any(|entry| begins(&entry.fact, path)));
    let unknown: Vec<String> =
        unknown.map(|(path, what)| format!("{}: {what}", path.join(" / "))).collect();
    assert!(unknown.is_empty(), "Ohai and Toque differ:\n{}", unknown.join("\n"));
    let stale =
        known.iter().filter(|entry| !found.iter().any(|(path, _)| begins(&entry.fact, path)));
    let stale: Vec<&str> = stale.map(|entry| entry.fact.as_str()).collect();
    assert!(stale.is_empty(), "no longer different: {stale:?}");
}

fn told(host: &Host, words: &[&str]) -> Value {
    let output = host.ok(words);
    serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?} printed no JSON: {error}: {output}"))
}

type Path = [String];

/// Collects paths and what is different there. A null of Ohai's is what is not told.
fn compare(path: &Path, ohai: &Value, toque: &Value, found: &mut Vec<(Vec<String>, String)>) {
    let at = |key: &str| [path, &[key.to_owned()]].concat();
    match (ohai, toque) {
        (Value::Object(ohai), Value::Object(toque)) => {
            let keys: BTreeSet<&String> = ohai.keys().chain(toque.keys()).collect();
            for key in keys {
                match (ohai.get(key), toque.get(key)) {
                    (Some(ohai), Some(toque)) => compare(&at(key), ohai, toque, found),
                    (Some(Value::Null), None) => {}
                    (Some(ohai), None) => {
                        found.push((at(key), format!("only Ohai tells {}", short(ohai))));
                    }
                    (None, toque) => found.push((
                        at(key),
                        format!("only Toque tells {}", toque.map(short).unwrap_or_default()),
                    )),
                }
            }
        }
        (Value::Array(ohai), Value::Array(toque)) if ohai.len() == toque.len() => {
            for (number, (ohai, toque)) in ohai.iter().zip(toque).enumerate() {
                compare(&at(&number.to_string()), ohai, toque, found);
            }
        }
        (ohai, toque) if ohai == toque || as_good(path, ohai, toque) => {}
        (ohai, toque) => {
            found.push((path.to_owned(), format!("{} is {}", short(ohai), short(toque))));
        }
    }
}

/// Whether both are a value of something that changes, of one type and not far from each other.
fn as_good(path: &Path, ohai: &Value, toque: &Value) -> bool {
    let volatile =
        |pattern: &str| pattern.split('/').count() == path.len() && begins(pattern, path);
    let Some((_, tolerance)) = VOLATILE.iter().find(|(pattern, _)| volatile(pattern)) else {
        return false;
    };
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64().map(|number| (number, String::new())),
        // With its unit: `1024kB`, `15%`.
        Value::String(text) => {
            let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            let unit: String = digits.chars().filter(|c| !c.is_ascii_digit()).collect();
            text[..text.len() - digits.len()].parse().ok().map(|number| (number, unit))
        }
        _ => None,
    };
    let (Some((one, unit)), Some((other, other_unit))) = (number(ohai), number(toque)) else {
        return false;
    };
    // A little more or less is much of a small number.
    let near = (one - other).abs()
        <= (one.abs().max(other.abs()) * tolerance).max(if *tolerance > 0.0 { 8.0 } else { 0.0 });
    ohai.is_string() == toque.is_string() && unit == other_unit && near
}

/// Whether a path is the one of a pattern, or below it.
fn begins(pattern: &str, path: &Path) -> bool {
    let words: Vec<&str> = pattern.split('/').collect();
    words.len() <= path.len()
        && words.iter().zip(path).all(|(word, key)| *word == "*" || word == key)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

#[test]
fn what_differs_is_found() {
    use serde_json::json;
    let cases = [
        (json!({ "a": 1 }), json!({ "a": 1 }), None),
        (json!({ "a": null }), json!({}), None),
        (json!({ "a": 1 }), json!({ "a": "1" }), Some("a")),
        (json!({ "a": { "b": 1 } }), json!({ "a": {} }), Some("a/b")),
        (json!({}), json!({ "a": null }), Some("a")),
        (json!({ "a": [1, 2] }), json!({ "a": [1, 3] }), Some("a/1")),
        (json!({ "a": [1, 2] }), json!({ "a": [1] }), Some("a")),
        (json!({ "memory": { "free": "1000kB" } }), json!({ "memory": { "free": "900kB" } }), None),
        (
            json!({ "memory": { "free": "1000kB" } }),
            json!({ "memory": { "free": "1000" } }),
            Some("memory/free"),
        ),
        (
            json!({ "memory": { "free": "1000kB" } }),
            json!({ "memory": { "free": 1000 } }),
            Some("memory/free"),
        ),
        (
            json!({ "memory": { "dirty": "128kB" } }),
            json!({ "memory": { "dirty": "21632kB" } }),
            None,
        ),
        (
            json!({ "memory": { "total": "1000kB" } }),
            json!({ "memory": { "total": "100kB" } }),
            Some("memory/total"),
        ),
    ];
    for (ohai, toque, path) in cases {
        let mut found = Vec::new();
        compare(&[], &ohai, &toque, &mut found);
        assert_eq!(
            found.first().map(|(path, _)| path.join("/")).as_deref(),
            path,
            "{ohai} {toque}"
        );
    }
}
