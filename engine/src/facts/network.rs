//! Interfaces, their addresses and routes, and which of them the machine is reached by.

mod address;
mod route;

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use self::address::Address;
use self::route::Route;
use super::{facts, line, names, text};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let mut routes = route::parse_v4(&text(query, "/proc/net/route"));
    routes.extend(route::parse_v6(&text(query, "/proc/net/ipv6_route")));
    let addresses = address::read(query, &routes);
    let default = |v6: bool| {
        let defaults = routes.iter().filter(|route| route.prefix == 0 && route.destination.is_ipv6() == v6);
        defaults.min_by_key(|route| route.metric)
    };
    let (v4, v6) = (default(false), default(true));
    let main_v4 = main_address(&addresses, false, v4);
    let main_v6 = main_address(&addresses, true, v6);
    let hardware = |interface: &str| hardware_address(query, interface);
    let macaddress = main_v4.or(main_v6).and_then(|address| hardware(&address.interface));

    let interfaces: Map<String, Value> = names(query, "/sys/class/net")
        .into_iter()
        // Beside the interfaces lies what controls bonding.
        .filter(|name| line(query, format!("/sys/class/net/{name}/flags")).is_some())
        .map(|name| (name.clone(), interface(query, &name, &addresses, &routes)))
        .collect();
    let gateway = |route: &Route| route.gateway.map_or_else(|| unspecified(route), |gateway| gateway.to_string());
    let network = facts([
        ("default_interface", v4.map(|route| json!(route.interface))),
        ("default_gateway", v4.map(|route| json!(gateway(route)))),
        ("default_inet6_interface", v6.map(|route| json!(route.interface))),
        ("default_inet6_gateway", v6.map(|route| json!(gateway(route)))),
        ("interfaces", Some(interfaces.into())),
    ]);
    facts([
        ("network", Some(network.into())),
        ("ipaddress", main_v4.map(|address| json!(address.address.to_string()))),
        ("ip6address", main_v6.map(|address| json!(address.address.to_string()))),
        ("macaddress", macaddress.map(Value::String)),
    ])
}

fn unspecified(route: &Route) -> String {
    if route.destination.is_ipv6() { "::".to_owned() } else { "0.0.0.0".to_owned() }
}

/// The address the machine is reached by: on the interface of the default route the one in the gateway's network, else the first
/// there; without a default route the first of all.
fn main_address<'a>(addresses: &'a [Address], v6: bool, default: Option<&Route>) -> Option<&'a Address> {
    let global = || addresses.iter().filter(|address| address.address.is_ipv6() == v6 && address.scope == "Global");
    let Some(default) = default else { return global().next() };
    let there = || global().filter(|address| address.interface == default.interface);
    let near = default.gateway.and_then(|gateway| there().find(|address| address.contains(gateway)));
    near.or_else(|| there().next()).or_else(|| global().next())
}

/// Ohai writes hardware addresses in capitals.
fn hardware_address(query: &dyn Query, interface: &str) -> Option<String> {
    let address = line(query, format!("/sys/class/net/{interface}/address"))?;
    (!address.trim_matches(['0', ':']).is_empty()).then(|| address.to_uppercase())
}

fn interface(query: &dyn Query, name: &str, addresses: &[Address], routes: &[Route]) -> Value {
    let file = |file: &str| line(query, format!("/sys/class/net/{name}/{file}"));
    let mut own = Map::new();
    if let Some(address) = hardware_address(query, name) {
        own.insert(address, json!({ "family": "lladdr" }));
    }
    own.extend(addresses.iter().filter(|address| address.interface == name).map(Address::described));
    let routes: Vec<Value> = routes.iter().filter(|route| route.interface == name).map(Route::described).collect();
    let digits = name.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let stem = digits.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let numbered = digits.len() > stem.len() && !stem.is_empty();
    let carrier = file("carrier").as_deref() == Some("1");
    Value::Object(facts([
        ("type", numbered.then(|| json!(stem))),
        ("number", numbered.then(|| json!(name[stem.len()..]))),
        ("encapsulation", file("type").map(|number| json!(encapsulation(&number)))),
        ("flags", file("flags").and_then(|flags| parse_flags(&flags, carrier))),
        ("mtu", file("mtu").map(Value::String)),
        ("state", file("operstate").map(Value::String)),
        ("addresses", Some(own.into())),
        ("routes", (!routes.is_empty()).then(|| routes.into())),
    ]))
}

/// By the numbers of `if_arp.h`.
fn encapsulation(number: &str) -> &str {
    match number {
        "1" => "Ethernet",
        "512" => "PPP",
        "256" => "SLIP",
        "768" => "IPIP",
        "769" => "IPv6-in-IPv6",
        "772" => "Loopback",
        "776" => "6to4",
        "778" => "GRE",
        "32" => "InfiniBand",
        "65534" => "None",
        other => other,
    }
}

/// By the bits of `if.h`; what the interface found out itself is not among them, but its carrier tells.
fn parse_flags(flags: &str, carrier: bool) -> Option<Value> {
    const NAMES: &[(u32, &str)] = &[
        (0x2, "BROADCAST"),
        (0x8, "LOOPBACK"),
        (0x10, "POINTOPOINT"),
        (0x80, "NOARP"),
        (0x100, "PROMISC"),
        (0x200, "ALLMULTI"),
        (0x400, "MASTER"),
        (0x800, "SLAVE"),
        (0x1000, "MULTICAST"),
        (0x1, "UP"),
    ];
    let bits = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    let mut set: Vec<&str> = NAMES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if carrier {
        set.push("LOWER_UP");
    }
    Some(json!(set))
}

/// Whether two addresses agree in their first bits.
fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 4),
        IpAddr::V6(v6) => (v6.to_bits(), 6),
    };
    let ((one, family), (other, other_family)) = (bits(one), bits(other));
    family == other_family && (prefix == 0 || (one ^ other) >> (128 - u32::from(prefix.min(128))) == 0)
}
