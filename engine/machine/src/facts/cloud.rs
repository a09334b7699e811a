//! Which cloud the machine is in, as far as the machine itself tells: nobody on the network is
//! asked.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{facts, line, text};
use crate::system::Query;

/// Ohai's names of clouds, each with what the firmware of its machines says: a file of
/// `/sys/class/dmi/id`, and a part of its text.
const FIRMWARE: &[(&str, &str, &str)] = &[
    ("ec2", "bios_vendor", "Amazon"),
    ("ec2", "bios_version", "amazon"),
    ("gce", "product_name", "Google Compute Engine"),
    // The number that Microsoft gives to all machines of Azure.
    ("azure", "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"),
    ("digital_ocean", "sys_vendor", "DigitalOcean"),
    ("linode", "sys_vendor", "Linode"),
    ("linode", "sys_vendor", "Akamai"),
    ("alibaba", "sys_vendor", "Alibaba Cloud"),
    ("scaleway", "sys_vendor", "Scaleway"),
    ("oci", "chassis_asset_tag", "OracleCloud.com"),
    ("openstack", "sys_vendor", "OpenStack"),
    ("openstack", "product_name", "OpenStack"),
];

/// Clouds that only a hint can tell.
const HINTED: &[&str] = &["rackspace", "eucalyptus", "softlayer"];

/// Where a file `ec2.json` says that the machine is in that cloud, and perhaps more of it.
const HINTS: [&str; 2] = ["/etc/toque/facts/hints", "/etc/chef/ohai/hints"];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let cloud = hint(query)
        .or_else(|| firmware(query).map(|provider| facts([("provider", Some(json!(provider)))])));
    facts([("cloud", cloud.map(Value::Object))])
}

fn firmware(query: &dyn Query) -> Option<&'static str> {
    let said = |file: &str, part: &str| {
        line(query, format!("/sys/class/dmi/id/{file}")).is_some_and(|text| text.contains(part))
    };
    let found =
        FIRMWARE.iter().find(|(_, file, part)| said(file, part)).map(|(provider, ..)| *provider);
    found.or_else(|| line(query, "/sys/hypervisor/uuid")?.starts_with("ec2").then_some("ec2"))
}

fn hint(query: &dyn Query) -> Option<Map<String, Value>> {
    let providers = FIRMWARE.iter().map(|(provider, ..)| *provider).chain(HINTED.iter().copied());
    providers.into_iter().find_map(|provider| {
        let path = HINTS
            .iter()
            .map(|folder| format!("{folder}/{provider}.json"))
            .find(|path| query.stat(Path::new(path)).is_ok())?;
        // An empty file is a hint too.
        let more: Map<String, Value> = serde_json::from_str(&text(query, path)).unwrap_or_default();
        Some(hinted(provider, &more))
    })
}

/// Ohai's names for what a hint may tell beside the cloud.
fn hinted(provider: &str, more: &Map<String, Value>) -> Map<String, Value> {
    let mut cloud = facts([("provider", Some(json!(provider)))]);
    for name in ["public_ipv4", "local_ipv4", "public_ipv6", "local_ipv6"] {
        if let Some(address) = more.get(name).filter(|address| address.is_string()) {
            cloud.insert(name.to_owned(), address.clone());
            cloud.insert(format!("{name}_addrs"), json!([address]));
        }
    }
    for name in ["public_hostname", "local_hostname"] {
        cloud.extend(more.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    cloud
}
