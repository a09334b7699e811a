//! Routes, and the kernel's own tables of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::same_network;

/// Bits of `route.h`.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;
const LOCAL: u32 = 0x8000_0000;

pub(crate) struct Route {
    pub interface: String,
    /// `default`, `192.0.2.0/24`, or an address.
    pub destination: String,
    pub v6: bool,
    pub via: Option<String>,
    pub metric: Option<u32>,
    pub scope: Option<String>,
    pub(crate) proto: Option<String>,
    /// The address that packets on this way are sent from.
    pub source: Option<String>,
}

impl Route {
    pub(crate) fn is_default(&self) -> bool {
        self.destination == "default"
    }

    /// Network and prefix; of the default route everything.
    pub(crate) fn network(&self) -> Option<(IpAddr, u8)> {
        if self.is_default() {
            return Some((
                if self.v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() },
                0,
            ));
        }
        let (address, prefix) = self
            .destination
            .split_once('/')
            .unwrap_or((&self.destination, if self.v6 { "128" } else { "32" }));
        Some((address.parse().ok()?, prefix.parse().ok()?))
    }

    /// Whether the way to this address may lead here.
    pub(crate) fn leads_to(&self, address: &str) -> bool {
        let (Some((network, prefix)), Ok(address)) = (self.network(), address.parse()) else {
            return false;
        };
        same_network(network, address, prefix)
    }

    /// As Ohai tells it.
    pub(crate) fn described(&self) -> Value {
        let mut about = json!({ "destination": self.destination, "family": if self.v6 { "inet6" } else { "inet" } });
        let metric = self.metric.map(|metric| metric.to_string());
        let more = [
            ("via", &self.via),
            ("scope", &self.scope),
            ("metric", &metric),
            ("proto", &self.proto),
            ("src", &self.source),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                about[name] = json!(value);
            }
        }
        about
    }

    fn of_the_kernel(
        interface: &str,
        destination: IpAddr,
        prefix: u8,
        gateway: Option<IpAddr>,
        metric: u32,
    ) -> Self {
        Self {
            interface: interface.to_owned(),
            destination: if prefix == 0 {
                "default".to_owned()
            } else {
                format!("{destination}/{prefix}")
            },
            v6: destination.is_ipv6(),
            via: gateway.map(|gateway| gateway.to_string()),
            metric: (metric > 0).then_some(metric),
            scope: None,
            proto: None,
            source: None,
        }
    }
}

/// `/proc/net/route`. The numbers are the network's bytes, read as one of the machine's integers.
pub(crate) fn parse_v4(text: &str) -> Vec<Route> {
    let address = |hex: &str| {
        u32::from_str_radix(hex, 16).ok().map(|bits| Ipv4Addr::from(bits.to_ne_bytes()))
    };
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice()
        else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let (destination, gateway) = (address(destination)?, address(gateway)?);
        let prefix = u8::try_from(address(mask)?.to_bits().count_ones()).ok()?;
        let gateway = (!gateway.is_unspecified()).then_some(gateway.into());
        let metric = metric.parse().ok()?;
        let told = flags & UP != 0 && flags & REJECT == 0;
        told.then(|| Route::of_the_kernel(interface, destination.into(), prefix, gateway, metric))
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// `/proc/net/ipv6_route`, without what only says which addresses are the machine's own.
pub(crate) fn parse_v6(text: &str) -> Vec<Route> {
    let address = |hex: &str| u128::from_str_radix(hex, 16).ok().map(Ipv6Addr::from_bits);
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, _, _, gateway, metric, _, _, flags, interface] =
            fields.as_slice()
        else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let (destination, gateway) = (address(destination)?, address(gateway)?);
        let prefix = u8::from_str_radix(prefix, 16).ok()?;
        let gateway = (!gateway.is_unspecified()).then_some(gateway.into());
        let metric = u32::from_str_radix(metric, 16).ok()?;
        let told = flags & UP != 0 && flags & (REJECT | LOCAL) == 0 && !destination.is_multicast();
        told.then(|| Route::of_the_kernel(interface, destination.into(), prefix, gateway, metric))
    };
    text.lines().filter_map(route).collect()
}
