//! Interfaces, their addresses and routes, and which of them the machine is reached by.

pub(super) mod address;
mod files;
pub(super) mod ip;
pub(super) mod route;

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use self::address::Address;
use self::route::Route;
use super::facts;
use crate::system::Query;

/// What is known of the network, from whatever source.
pub(super) struct Network {
    interfaces: Vec<Interface>,
    routes: Vec<Route>,
}

pub(super) struct Interface {
    name: String,
    /// In capitals, as Ohai writes it.
    hardware: Option<String>,
    encapsulation: Option<String>,
    flags: Vec<String>,
    mtu: Option<String>,
    state: Option<String>,
    addresses: Vec<Address>,
    vlan: Option<Value>,
    counters: Option<Value>,
    /// Hardware addresses by address: of IPv4, and of IPv6.
    neighbours: [Map<String, Value>; 2],
}

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    ip::read(query).unwrap_or_else(|| files::read(query)).told()
}

impl Network {
    fn told(&self) -> Map<String, Value> {
        let (v4, v6) = (self.default(false), self.default(true));
        let gateway = |route: &&Route| {
            json!(route.via.as_deref().unwrap_or(if route.v6 { "::" } else { "0.0.0.0" }))
        };
        let interfaces = self
            .interfaces
            .iter()
            .map(|interface| (interface.name.clone(), self.interface(interface)));
        let network = facts([
            ("default_interface", v4.map(|route| json!(route.interface))),
            ("default_gateway", v4.as_ref().map(gateway)),
            ("default_inet6_interface", v6.map(|route| json!(route.interface))),
            ("default_inet6_gateway", v6.as_ref().map(gateway)),
            ("interfaces", Some(Value::Object(interfaces.collect()))),
        ]);
        let counters = self
            .interfaces
            .iter()
            .filter_map(|interface| Some((interface.name.clone(), interface.counters.clone()?)));
        let counters: Map<String, Value> = counters.collect();
        let (main_v4, main_v6) = (self.main(false), self.main(true));
        let hardware = [main_v4.as_ref(), main_v6.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|(interface, _)| interface.hardware.clone());
        facts([
            ("network", Some(network.into())),
            (
                "counters",
                (!counters.is_empty()).then(|| json!({ "network": { "interfaces": counters } })),
            ),
            ("ipaddress", main_v4.map(|(_, address)| json!(address))),
            ("ip6address", main_v6.map(|(_, address)| json!(address))),
            ("macaddress", hardware.map(Value::String)),
        ])
    }

    fn find(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The routes of a family that Ohai tells: not those from an address that the interface does
    /// not have.
    fn routes(&self, v6: bool) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| {
            if route.v6 != v6 {
                return false;
            }
            let Some(interface) = self.find(&route.interface) else { return false };
            let of_the_family =
                || interface.addresses.iter().filter(|address| address.address.is_ipv6() == v6);
            let own =
                |source: &str| of_the_family().any(|address| address.address.to_string() == source);
            route
                .source
                .as_deref()
                .is_none_or(|source| own(source) || of_the_family().next().is_none())
        })
    }

    fn default(&self, v6: bool) -> Option<&Route> {
        self.routes(v6)
            .filter(|route| route.is_default())
            .min_by_key(|route| route.metric.unwrap_or(0))
    }

    /// The address that the machine is reached by, and its interface: what the route to the default
    /// gateway is used with, else the nearest on the interface of the default route.
    fn main(&self, v6: bool) -> Option<(&Interface, String)> {
        let default = self.default(v6);
        let source = default.and_then(|default| {
            let near = self.routes(v6).filter(|route| {
                let interface = self.find(&route.interface);
                let up = !v6
                    || interface.is_some_and(|interface| interface.state.as_deref() == Some("up"));
                let towards = route.is_default()
                    || default.via.as_deref().is_some_and(|via| route.leads_to(via));
                up && towards
                    && (v6
                        || route
                            .source
                            .as_deref()
                            .is_some_and(|source| !self.is_of_a_link(route, source)))
            });
            let rank = |route: &&Route| {
                (
                    !route.is_default(),
                    route.metric.unwrap_or(0),
                    route.network().map_or(0, |(_, prefix)| prefix),
                )
            };
            near.min_by_key(rank)
        });
        if let Some(route) = source
            && let Some(source) = &route.source
        {
            return Some((self.find(&route.interface)?, source.clone()));
        }
        let mut all: Vec<(&Interface, &Address)> = self
            .interfaces
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(move |own| (interface, own)))
            .collect();
        all.retain(|(_, own)| own.address.is_ipv6() == v6);
        all.sort_by_key(|(_, own)| (rank(&own.scope), u8::MAX - own.prefix, own.address));
        let there = |(interface, _): &&(&Interface, &Address)| {
            default.is_some_and(|route| route.interface == interface.name)
        };
        let via =
            default.and_then(|route| route.via.as_deref()).filter(|via| !via.starts_with("fe80:"));
        let reaching =
            via.and_then(|via| all.iter().filter(there).find(|(_, own)| own.reaches(via)));
        let chosen = match default {
            Some(_) => reaching.or_else(|| all.iter().find(there)),
            None => all.first(),
        };
        chosen.map(|(interface, own)| (*interface, own.address.to_string()))
    }

    fn is_of_a_link(&self, route: &Route, source: &str) -> bool {
        let interface = self.find(&route.interface);
        let mut own = interface.into_iter().flat_map(|interface| &interface.addresses);
        own.any(|address| address.address.to_string() == source && address.scope == "Link")
    }

    fn interface(&self, interface: &Interface) -> Value {
        let mut addresses = Map::new();
        addresses.extend(
            interface.hardware.clone().map(|address| (address, json!({ "family": "lladdr" }))),
        );
        addresses.extend(interface.addresses.iter().map(Address::described));
        let routes = [false, true]
            .into_iter()
            .flat_map(|v6| self.routes(v6))
            .filter(|route| route.interface == interface.name);
        let routes: Vec<Value> = routes.map(Route::described).collect();
        let [arp, neighbours] = &interface.neighbours;
        let (kind, number) = numbered(&interface.name).unzip();
        let told = |text: &Option<String>| text.clone().map(Value::String);
        let some = |map: &Map<String, Value>| (!map.is_empty()).then(|| Value::Object(map.clone()));
        Value::Object(facts([
            ("type", kind.map(|kind| json!(kind))),
            ("number", number.map(|number| json!(number))),
            ("encapsulation", told(&interface.encapsulation)),
            ("flags", (interface.flags.len() > 1).then(|| json!(interface.flags))),
            ("mtu", told(&interface.mtu)),
            ("state", told(&interface.state)),
            ("addresses", some(&addresses)),
            ("arp", some(arp)),
            ("neighbour_inet6", some(neighbours)),
            ("routes", (!routes.is_empty()).then(|| routes.into())),
            ("vlan", interface.vlan.clone()),
        ]))
    }
}

/// `eth0.11` is number `0.11` of the `eth`.
fn numbered(name: &str) -> Option<(&str, &str)> {
    let (kind, number) =
        name.split_at(name.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_digit())?.0);
    kind.chars().all(|letter| letter.is_alphanumeric() || letter == '_').then_some((kind, number))
}

/// What is reached from farther comes first.
fn rank(scope: &str) -> usize {
    ["Global", "Site", "Link", "Node"].iter().position(|known| *known == scope).unwrap_or(4)
}

/// Whether two addresses agree in their first bits.
fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 4),
        IpAddr::V6(v6) => (v6.to_bits(), 6),
    };
    let ((one, family), (other, other_family)) = (bits(one), bits(other));
    family == other_family
        && (prefix == 0 || (one ^ other) >> (128 - u32::from(prefix.min(128))) == 0)
}

#[cfg(test)]
mod tests;
