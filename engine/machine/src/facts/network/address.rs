//! Addresses of interfaces, and how they are pieced together from the kernel's files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::route::Route;
use super::same_network;

pub(crate) struct Address {
    pub address: IpAddr,
    pub prefix: u8,
    /// `Global`, `Link`, `Site` or `Node`.
    pub scope: String,
    pub broadcast: Option<Ipv4Addr>,
    /// The other end of a line.
    pub peer: Option<String>,
    /// Of an IPv6 address, when it is known: `tentative`, `noprefixroute`.
    pub tags: Option<Vec<String>>,
}

impl Address {
    /// Whether the other is in the same network, or at the other end of the line.
    pub(crate) fn reaches(&self, other: &str) -> bool {
        match &self.peer {
            Some(peer) => peer == other,
            None => other.parse().is_ok_and(|other| same_network(self.address, other, self.prefix)),
        }
    }

    /// As Ohai tells it: the address, and all about it.
    pub(crate) fn described(&self) -> (String, Value) {
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
        if let Some(peer) = &self.peer {
            about["peer"] = json!(peer);
        }
        if let Some(tags) = &self.tags {
            about["tags"] = json!(tags);
        }
        (self.address.to_string(), about)
    }
}

fn netmask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// The machine's own addresses are the leaves `/32 host LOCAL`; the interface is that of the
/// network they lie in, by the routes.
pub(crate) fn parse_fib_trie(text: &str, routes: &[Route]) -> Vec<(String, Address)> {
    let mut addresses: Vec<(String, Address)> = Vec::new();
    let mut leaf = None;
    // The same leaves come in the table `Main` and in `Local`.
    for line in text.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(v4) = leaf
            && addresses.iter().all(|(_, known)| known.address != v4)
        {
            addresses.push(placed(v4, routes));
        }
    }
    addresses
}

fn placed(v4: Ipv4Addr, routes: &[Route]) -> (String, Address) {
    let address = IpAddr::V4(v4);
    let of = |prefix: u8, scope: &str, broadcast: Option<Ipv4Addr>| Address {
        address,
        prefix,
        scope: scope.to_owned(),
        broadcast,
        peer: None,
        tags: None,
    };
    if v4.is_loopback() {
        return ("lo".to_owned(), of(8, "Node", None));
    }
    let prefix = |route: &Route| route.network().map_or(0, |(_, prefix)| prefix);
    let near =
        routes.iter().filter(|route| !route.v6 && route.via.is_none() && !route.is_default());
    let network =
        near.filter(|route| route.leads_to(&v4.to_string())).max_by_key(|route| prefix(route));
    // Some clouds give an address without a network; it is on the interface of the default route.
    let default = || routes.iter().find(|route| route.is_default() && !route.v6);
    let interface =
        network.or_else(default).map_or_else(String::new, |route| route.interface.clone());
    let prefix = network.map_or(32, prefix);
    let broadcast =
        (prefix < 31).then(|| Ipv4Addr::from_bits(v4.to_bits() | !netmask(prefix).to_bits()));
    (interface, of(prefix, if v4.is_link_local() { "Link" } else { "Global" }, broadcast))
}

/// `fd000000000000000000000000000002 04 40 00 82     eth0`: address, interface number, prefix,
/// scope, flags, interface.
pub(crate) fn parse_if_inet6(text: &str) -> Vec<(String, Address)> {
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, scope, _, interface] = fields.as_slice() else { return None };
        let scope = match *scope {
            "00" => "Global",
            "10" => "Node",
            "20" => "Link",
            _ => "Site",
        };
        let address = Address {
            address: IpAddr::V6(Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?)),
            prefix: u8::from_str_radix(prefix, 16).ok()?,
            scope: scope.to_owned(),
            broadcast: None,
            peer: None,
            tags: None,
        };
        Some(((*interface).to_owned(), address))
    };
    text.lines().filter_map(address).collect()
}
