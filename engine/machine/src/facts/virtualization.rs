//! Whether the machine is a virtual one or a container, and of which kind.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{dmi, facts, line, text};
use crate::system::Query;

/// Words that firmware uses for virtual hardware, and Ohai's name for what makes it. The first that
/// is found counts.
const FIRMWARE: &[(&str, &str)] = &[
    ("VMware", "vmware"),
    ("VirtualBox", "vbox"),
    ("innotek GmbH", "vbox"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("oVirt", "kvm"),
    ("RHEV", "kvm"),
    ("OpenStack", "openstack"),
    ("Amazon EC2", "amazonec2"),
    ("Google Compute Engine", "gce"),
    ("Xen", "xen"),
    ("QEMU", "kvm"),
    ("KVM", "kvm"),
    ("Veertu", "veertu"),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    // What is asked first is what recipes most need to know: a container sees its host's hardware.
    let roles = [(container(query), "guest"), (machine(query), "guest"), (host(query), "host")];
    let systems: Map<String, Value> = roles
        .iter()
        .rev()
        .filter_map(|(system, role)| Some((system.clone()?, json!(role))))
        .collect();
    let first = roles.into_iter().find_map(|(system, role)| Some((system?, role)));
    let virtualization = match first {
        Some((system, role)) => json!({ "systems": systems, "system": system, "role": role }),
        None => json!({ "systems": {} }),
    };
    facts([("virtualization", Some(virtualization))])
}

fn container(query: &dyn Query) -> Option<String> {
    // Written by systemd, by whatever runs the container, or told to process 1.
    let environment = text(query, "/proc/1/environ");
    let told = line(query, "/run/systemd/container").or_else(|| {
        environment.split('\0').find_map(|word| word.strip_prefix("container=").map(str::to_owned))
    });
    match told.as_deref() {
        Some("systemd-nspawn") => return Some("nspawn".to_owned()),
        Some("oci" | "") | None => {}
        Some(other) => return Some(other.to_owned()),
    }
    let there = |path: &str| query.lstat(Path::new(path)).is_ok();
    [
        ("/.dockerenv", "docker"),
        ("/.dockerinit", "docker"),
        ("/run/.containerenv", "podman"),
        ("/proc/vz/veinfo", "openvz"),
    ]
    .into_iter()
    .find_map(|(path, system)| there(path).then(|| system.to_owned()))
}

fn machine(query: &dyn Query) -> Option<String> {
    let about = |file: &str| line(query, format!("/sys/class/dmi/id/{file}")).unwrap_or_default();
    let [vendor, product, version] = dmi::product(query);
    let firmware =
        format!("{vendor} {product} {version} {} {}", about("bios_vendor"), about("bios_version"));
    if vendor.contains("Microsoft") && product.contains("Virtual Machine") {
        return Some("hyperv".to_owned());
    }
    if let Some((_, system)) = FIRMWARE.iter().find(|(word, _)| firmware.contains(word)) {
        return Some((*system).to_owned());
    }
    if line(query, "/sys/hypervisor/type").is_some_and(|hypervisor| hypervisor == "xen") {
        return Some("xen".to_owned());
    }
    // Small virtual machines have no firmware; their processor still tells that it is not a real
    // one.
    let cpu = text(query, "/proc/cpuinfo");
    let mut flags =
        cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default().split_whitespace();
    flags.any(|flag| flag == "hypervisor").then(|| "kvm".to_owned())
}

fn host(query: &dyn Query) -> Option<String> {
    let modules = text(query, "/proc/modules");
    let loaded = |name: &str| modules.lines().any(|line| line.split(' ').next() == Some(name));
    [("kvm_intel", "kvm"), ("kvm_amd", "kvm"), ("vboxdrv", "vbox")]
        .into_iter()
        .find_map(|(module, system)| loaded(module).then(|| system.to_owned()))
}
