//! The network as the kernel's files tell it, for machines without an `ip` that speaks JSON. Some
//! of what Ohai tells is not in them.

use serde_json::Map;

use super::{Interface, Network, address, route};
use crate::facts::{line, names, text};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Network {
    let mut routes = route::parse_v4(&text(query, "/proc/net/route"));
    routes.extend(route::parse_v6(&text(query, "/proc/net/ipv6_route")));
    let mut interfaces: Vec<Interface> = names(query, "/sys/class/net")
        .into_iter()
        .filter_map(|name| interface(query, name))
        .collect();
    let v4 = address::parse_fib_trie(&text(query, "/proc/net/fib_trie"), &routes);
    let v6 = address::parse_if_inet6(&text(query, "/proc/net/if_inet6"));
    for (name, address) in v4.into_iter().chain(v6) {
        if let Some(interface) = interfaces.iter_mut().find(|interface| interface.name == name) {
            interface.addresses.push(address);
        }
    }
    Network { interfaces, routes }
}

fn interface(query: &dyn Query, name: String) -> Option<Interface> {
    let file = |file: &str| line(query, format!("/sys/class/net/{name}/{file}"));
    // Beside the interfaces lies what controls bonding.
    let flags = file("flags")?;
    let carrier = file("carrier").as_deref() == Some("1");
    Some(Interface {
        hardware: file("address")
            .filter(|address| !address.trim_matches(['0', ':']).is_empty())
            .map(|text| text.to_uppercase()),
        encapsulation: file("type").map(|number| encapsulation(&number).to_owned()),
        flags: parse_flags(&flags, carrier).unwrap_or_default(),
        mtu: file("mtu"),
        state: file("operstate"),
        addresses: Vec::new(),
        vlan: None,
        counters: None,
        neighbours: [Map::new(), Map::new()],
        name,
    })
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

/// By the bits of `if.h`; what the interface found out itself is not among them, but its carrier
/// tells.
fn parse_flags(flags: &str, carrier: bool) -> Option<Vec<String>> {
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
    let mut set: Vec<String> = NAMES
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    if carrier {
        set.push("LOWER_UP".to_owned());
    }
    Some(set)
}
