//! The network as `ip` tells it, where it speaks JSON: the whole of what Ohai tells.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::address::{Address, capitalised};
use super::route::Route;
use super::{Interface, Network};
use crate::facts::told_together;
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Option<Network> {
    let [links, v4, v6, neighbours] = told_together(
        query,
        [
            &["ip", "-json", "-d", "-s", "address", "show"],
            &["ip", "-json", "-4", "route", "show", "table", "main"],
            &["ip", "-json", "-6", "route", "show", "table", "main"],
            &["ip", "-json", "neighbour", "show"],
        ],
    );
    let mut interfaces = parse_links(&links?.stdout)?;
    let told = |output: Option<crate::command::Output>| {
        output.map(|output| output.stdout).unwrap_or_default()
    };
    add_neighbours(&mut interfaces, &told(neighbours));
    let mut routes = parse_routes(&told(v4), false);
    routes.extend(parse_routes(&told(v6), true));
    Some(Network { interfaces, routes })
}

#[derive(Deserialize)]
struct Link {
    ifname: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    mtu: u64,
    operstate: Option<String>,
    #[serde(default)]
    link_type: String,
    #[serde(default)]
    address: String,
    txqlen: Option<u64>,
    linkinfo: Option<Value>,
    stats64: Option<Value>,
    #[serde(default)]
    addr_info: Vec<Map<String, Value>>,
}

/// The flags that Ohai knows, and the one that it misspells.
const FLAGS: &[&str] = &[
    "UP",
    "BROADCAST",
    "DEBUG",
    "LOOPBACK",
    "POINTOPOINT",
    "NOTRAILERS",
    "LOWER_UP",
    "NOARP",
    "PROMISC",
    "ALLMULTI",
    "SLAVE",
    "MASTER",
    "MULTICAST",
    "DYNAMIC",
];

/// Old versions leave empty objects between the interfaces.
pub(crate) fn parse_links(json: &[u8]) -> Option<Vec<Interface>> {
    let links: Vec<Link> = serde_json::from_slice(json).ok()?;
    Some(links.into_iter().filter_map(interface).collect())
}

fn interface(link: Link) -> Option<Interface> {
    let name = link.ifname?;
    let flags: Vec<String> =
        link.flags.into_iter().filter(|flag| FLAGS.contains(&flag.as_str())).collect();
    // Tunnels have something else in the place of a hardware address.
    let hardware = Some(link.address)
        .filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || c == ':'));
    let encapsulation = hardware.as_ref().map(|_| match link.link_type.as_str() {
        "loopback" => "Loopback".to_owned(),
        "ether" => "Ethernet".to_owned(),
        other => other.to_owned(),
    });
    Some(Interface {
        hardware: hardware
            .filter(|address| !address.trim_matches(['0', ':']).is_empty())
            .map(|address| address.to_uppercase()),
        encapsulation,
        flags,
        mtu: Some(link.mtu.to_string()),
        state: link.operstate.map(|state| state.to_lowercase()),
        addresses: link.addr_info.iter().filter_map(address).collect(),
        vlan: link.linkinfo.as_ref().and_then(vlan),
        counters: link.stats64.map(|stats| counters(&stats, link.txqlen)),
        neighbours: [Map::new(), Map::new()],
        name,
    })
}

fn address(info: &Map<String, Value>) -> Option<Address> {
    let text = |name: &str| info.get(name).and_then(Value::as_str);
    let address: IpAddr = text("local")?.parse().ok()?;
    let peer = text("address").filter(|_| address.is_ipv4());
    let told = info
        .get("prefixlen")
        .and_then(Value::as_u64)
        .and_then(|prefix| u8::try_from(prefix).ok())
        .unwrap_or(0);
    let scope = match text("scope") {
        Some("host") => "Node".to_owned(),
        scope => capitalised(scope.unwrap_or_default()),
    };
    // What is true of an address is a word in the text that Ohai reads.
    let tags =
        info.iter().filter(|(_, value)| **value == Value::Bool(true)).map(|(name, _)| name.clone());
    Some(Address {
        address,
        // The prefix is that of the network at the other end.
        prefix: if peer.is_some() { 32 } else { told },
        scope,
        broadcast: text("broadcast").and_then(|text| text.parse().ok()),
        peer: peer.map(str::to_owned),
        tags: address.is_ipv6().then(|| tags.collect()),
    })
}

fn vlan(info: &Value) -> Option<Value> {
    let data = info
        .get("info_data")
        .filter(|_| info.get("info_kind").is_some_and(|kind| kind == "vlan"))?;
    let mut vlan = json!({ "id": data.get("id")?.to_string() });
    if let Some(protocol) = data.get("protocol") {
        vlan["protocol"] = protocol.clone();
    }
    if let Some(flags) =
        data.get("flags").filter(|flags| flags.as_array().is_some_and(|flags| !flags.is_empty()))
    {
        vlan["flags"] = flags.clone();
    }
    Some(vlan)
}

fn counters(stats: &Value, queue: Option<u64>) -> Value {
    let count = |way: &str, names: &[&str]| {
        let counts = names.iter().filter_map(|name| stats.get(way)?.get(name)?.as_u64());
        json!(counts.sum::<u64>().to_string())
    };
    let mut told = Map::new();
    for way in ["rx", "tx"] {
        let mut counts = Map::new();
        for (name, field) in
            [("bytes", "bytes"), ("packets", "packets"), ("errors", "errors"), ("drop", "dropped")]
        {
            counts.insert(name.to_owned(), count(way, &[field]));
        }
        if way == "rx" {
            // Newer versions tell what was missed in this place.
            counts.insert("overrun".to_owned(), count(way, &["over_errors", "missed_errors"]));
        } else {
            counts.insert("carrier".to_owned(), count(way, &["carrier_errors"]));
            counts.insert("collisions".to_owned(), count(way, &["collisions"]));
            counts.extend(queue.map(|length| ("queuelen".to_owned(), json!(length.to_string()))));
        }
        told.insert(way.to_owned(), counts.into());
    }
    told.into()
}

/// Routes, each next hop of one by itself.
pub(crate) fn parse_routes(json: &[u8], v6: bool) -> Vec<Route> {
    let told: Vec<Map<String, Value>> = serde_json::from_slice(json).unwrap_or_default();
    let mut routes = Vec::new();
    for entry in &told {
        match entry.get("nexthops").and_then(Value::as_array) {
            Some(hops) => {
                routes.extend(hops.iter().filter_map(|hop| route(entry, hop.as_object()?, v6)));
            }
            None => routes.extend(route(entry, entry, v6)),
        }
    }
    routes
}

fn route(entry: &Map<String, Value>, hop: &Map<String, Value>, v6: bool) -> Option<Route> {
    let text = |map: &Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    // `unreachable` and the like stand before the destination.
    let destination =
        text(entry, "type").filter(|kind| kind != "unicast").or_else(|| text(entry, "dst"))?;
    let via = hop.get("via").and_then(|via| via.get("host")?.as_str()).map(str::to_owned);
    let from = |name: &str| text(hop, name).or_else(|| text(entry, name));
    Some(Route {
        interface: text(hop, "dev")?,
        destination,
        v6,
        via: text(hop, "gateway").or(via),
        metric: entry
            .get("metric")
            .and_then(Value::as_u64)
            .and_then(|metric| u32::try_from(metric).ok()),
        scope: from("scope"),
        proto: from("protocol"),
        source: from("prefsrc"),
    })
}

pub(crate) fn add_neighbours(interfaces: &mut [Interface], json: &[u8]) {
    let told: Vec<Map<String, Value>> = serde_json::from_slice(json).unwrap_or_default();
    for entry in told {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(address), Some(name), Some(hardware)) =
            (text("dst"), text("dev"), text("lladdr"))
        else {
            continue;
        };
        if let Some(interface) = interfaces.iter_mut().find(|interface| interface.name == name) {
            interface.neighbours[usize::from(address.contains(':'))]
                .insert(address.to_owned(), json!(hardware.to_lowercase()));
        }
    }
}
