//! The kernel's tables of routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

/// Bits of `route.h`.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;
const LOCAL: u32 = 0x8000_0000;

pub(super) struct Route {
    pub interface: String,
    pub destination: IpAddr,
    pub prefix: u8,
    pub gateway: Option<IpAddr>,
    pub metric: u32,
}

impl Route {
    /// As Ohai tells it.
    pub fn described(&self) -> Value {
        let destination = if self.prefix == 0 { "default".to_owned() } else { format!("{}/{}", self.destination, self.prefix) };
        let mut about = json!({ "destination": destination, "family": if self.destination.is_ipv6() { "inet6" } else { "inet" } });
        if let Some(gateway) = self.gateway {
            about["via"] = json!(gateway.to_string());
        }
        if self.metric > 0 {
            about["metric"] = json!(self.metric.to_string());
        }
        about
    }
}

/// `/proc/net/route`. The numbers are the network's bytes, read as one of the machine's integers.
pub(super) fn parse_v4(text: &str) -> Vec<Route> {
    let address = |hex: &str| u32::from_str_radix(hex, 16).ok().map(|bits| Ipv4Addr::from(bits.to_ne_bytes()));
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice() else { return None };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let gateway = address(gateway)?;
        (flags & UP != 0 && flags & REJECT == 0).then_some(Route {
            interface: (*interface).to_owned(),
            destination: address(destination)?.into(),
            prefix: u8::try_from(address(mask)?.to_bits().count_ones()).ok()?,
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            metric: metric.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// `/proc/net/ipv6_route`, without what only says which addresses are the machine's own.
pub(super) fn parse_v6(text: &str) -> Vec<Route> {
    let address = |hex: &str| u128::from_str_radix(hex, 16).ok().map(Ipv6Addr::from_bits);
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, _, _, gateway, metric, _, _, flags, interface] = fields.as_slice() else { return None };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let (destination, gateway) = (address(destination)?, address(gateway)?);
        let told = flags & UP != 0 && flags & (REJECT | LOCAL) == 0 && !destination.is_multicast();
        told.then_some(Route {
            interface: (*interface).to_owned(),
            destination: destination.into(),
            prefix: u8::from_str_radix(prefix, 16).ok()?,
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            metric: u32::from_str_radix(metric, 16).ok()?,
        })
    };
    text.lines().filter_map(route).collect()
}
