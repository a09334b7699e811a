//! Addresses of interfaces: from `ip` where it speaks JSON, else pieced together from the kernel's files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;
use serde_json::{Value, json};

use super::route::Route;
use super::{same_network, text};
use crate::command::{Command, Output};
use crate::system::Query;

pub(super) struct Address {
    pub interface: String,
    pub address: IpAddr,
    pub prefix: u8,
    /// `Global`, `Link`, `Site` or `Node`.
    pub scope: String,
    pub broadcast: Option<Ipv4Addr>,
}

pub(super) fn read(query: &dyn Query, routes: &[Route]) -> Vec<Address> {
    let output = query.probe(&Command::new(["ip", "-json", "address", "show"])).ok().filter(Output::success);
    output.and_then(|output| parse_ip(&output.stdout)).unwrap_or_else(|| {
        let mut addresses = parse_fib_trie(&text(query, "/proc/net/fib_trie"), routes);
        addresses.extend(parse_if_inet6(&text(query, "/proc/net/if_inet6")));
        addresses
    })
}

impl Address {
    pub fn contains(&self, other: IpAddr) -> bool {
        same_network(self.address, other, self.prefix)
    }

    /// As Ohai tells it: the address, and all about it.
    pub fn described(&self) -> (String, Value) {
        let mut about = json!({
            "family": if self.address.is_ipv6() { "inet6" } else { "inet" },
            "prefixlen": self.prefix.to_string(),
            "scope": self.scope,
        });
        if self.address.is_ipv4() {
            about["netmask"] = json!(netmask(self.prefix).to_string());
        }
        if let Some(broadcast) = self.broadcast {
            about["broadcast"] = json!(broadcast.to_string());
        }
        (self.address.to_string(), about)
    }
}

fn netmask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

#[derive(Deserialize)]
struct Interface {
    ifname: Option<String>,
    #[serde(default)]
    addr_info: Vec<Info>,
}

#[derive(Deserialize)]
struct Info {
    local: Option<IpAddr>,
    #[serde(default)]
    prefixlen: u8,
    #[serde(default)]
    scope: String,
    broadcast: Option<Ipv4Addr>,
}

/// Old versions leave empty objects between the interfaces.
fn parse_ip(json: &[u8]) -> Option<Vec<Address>> {
    let interfaces: Vec<Interface> = serde_json::from_slice(json).ok()?;
    let mut addresses = Vec::new();
    for interface in interfaces {
        let Some(name) = interface.ifname else { continue };
        for info in interface.addr_info {
            let Some(address) = info.local else { continue };
            let scope = match info.scope.as_str() {
                "host" => "Node".to_owned(),
                scope => capitalised(scope),
            };
            addresses.push(Address { interface: name.clone(), address, prefix: info.prefixlen, scope, broadcast: info.broadcast });
        }
    }
    Some(addresses)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The machine's own addresses are the leaves `/32 host LOCAL`; the interface is that of the network they lie in, by the routes.
fn parse_fib_trie(text: &str, routes: &[Route]) -> Vec<Address> {
    let mut addresses: Vec<Address> = Vec::new();
    let mut leaf = None;
    // The same leaves come in the table `Main` and in `Local`.
    for line in text.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(v4) = leaf
            && addresses.iter().all(|known| known.address != v4)
        {
            addresses.push(placed(v4, routes));
        }
    }
    addresses
}

fn placed(v4: Ipv4Addr, routes: &[Route]) -> Address {
    let address = IpAddr::V4(v4);
    if v4.is_loopback() {
        return Address { interface: "lo".to_owned(), address, prefix: 8, scope: "Node".to_owned(), broadcast: None };
    }
    let near = routes.iter().filter(|route| route.gateway.is_none() && route.prefix > 0);
    let network = near.filter(|route| same_network(route.destination, address, route.prefix)).max_by_key(|route| route.prefix);
    // Some clouds give an address without a network; it is on the interface of the default route.
    let default = || routes.iter().find(|route| route.prefix == 0 && route.destination.is_ipv4());
    let interface = network.or_else(default).map_or_else(String::new, |route| route.interface.clone());
    let prefix = network.map_or(32, |route| route.prefix);
    let broadcast = (prefix < 31).then(|| Ipv4Addr::from_bits(v4.to_bits() | !netmask(prefix).to_bits()));
    let scope = if v4.is_link_local() { "Link" } else { "Global" };
    Address { interface, address, prefix, scope: scope.to_owned(), broadcast }
}

/// `fd000000000000000000000000000002 04 40 00 82     eth0`: address, interface number, prefix, scope, flags, interface.
fn parse_if_inet6(text: &str) -> Vec<Address> {
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, scope, _, interface] = fields.as_slice() else { return None };
        let scope = match *scope {
            "00" => "Global",
            "10" => "Node",
            "20" => "Link",
            _ => "Site",
        };
        Some(Address {
            interface: (*interface).to_owned(),
            address: IpAddr::V6(Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?)),
            prefix: u8::from_str_radix(prefix, 16).ok()?,
            scope: scope.to_owned(),
            broadcast: None,
        })
    };
    text.lines().filter_map(address).collect()
}
