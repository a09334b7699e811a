//! Facts of machines that are only thought of, so that a cookbook can be checked for a platform
//! without having one.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::platform::family;

/// A machine as its distribution installs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipped {
    /// For [`Facts::fixed`](super::Facts::fixed).
    pub facts: Map<String, Value>,
    /// The programs that decide between providers.
    pub programs: Vec<String>,
}

/// The facts of a platform, of its newest version when none is given: `debian`, `12`. A version
/// stands for all of its major version.
#[must_use]
pub fn shipped(platform: &str, version: Option<&str>) -> Option<Shipped> {
    let known = || TABLE.platforms.iter().filter(|known| known.platform == platform);
    // They are listed with the newest last.
    let found = match version {
        None => known().next_back(),
        Some(version) => known()
            .find(|known| known.version == version)
            .or_else(|| known().rev().find(|known| major(&known.version) == major(version))),
    };
    found.map(Platform::machine)
}

/// Every platform with the versions that there are facts of, the newest last.
pub fn shipped_platforms() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.platforms.iter().map(|known| (known.platform.as_str(), known.version.as_str()))
}

#[derive(Deserialize, Default)]
struct Table {
    /// By the name that platforms give as `packages`; `common` is everyone's.
    programs: std::collections::BTreeMap<String, Vec<String>>,
    #[serde(rename = "platform")]
    platforms: Vec<Platform>,
}

/// What differs.
#[derive(Deserialize)]
struct Platform {
    platform: String,
    version: String,
    id: String,
    codename: Option<String>,
    description: String,
    kernel: String,
    packages: String,
    #[serde(default = "systemd")]
    init: String,
}

fn systemd() -> String {
    "systemd".to_owned()
}

/// The table is part of the program and a test reads it, so that an empty one cannot be met.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("shipped/platforms.toml")).unwrap_or_default());

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

impl Platform {
    fn machine(&self) -> Shipped {
        let mut lsb =
            json!({ "id": self.id, "release": self.version, "description": self.description });
        if let Some(codename) = &self.codename {
            lsb["codename"] = json!(codename);
        }
        let root =
            json!({ "dir": "/root", "gid": 0, "uid": 0, "shell": "/bin/sh", "gecos": "root" });
        let processor = json!({ "vendor_id": "GenuineIntel", "model_name": "Example CPU", "mhz": "2400.000", "flags": ["sse2"] });
        let address = json!({
            "family": "inet", "prefixlen": "24", "netmask": "255.255.255.0", "broadcast": "192.0.2.255", "scope": "Global",
        });
        let facts = json!({
            "platform": self.platform,
            "platform_family": family(&self.platform, ""),
            "platform_version": self.version,
            "os": "linux",
            "os_version": self.kernel,
            "hostname": "example",
            "machinename": "example",
            "fqdn": "example.test",
            "domain": "test",
            "ipaddress": "192.0.2.10",
            "ip6address": "2001:db8::10",
            "macaddress": "02:00:5E:00:53:10",
            "network": {
                "default_interface": "eth0",
                "default_gateway": "192.0.2.1",
                "interfaces": { "eth0": {
                    "type": "eth", "number": "0", "encapsulation": "Ethernet", "mtu": "1500", "state": "up",
                    "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
                    "addresses": { "02:00:5E:00:53:10": { "family": "lladdr" }, "192.0.2.10": address },
                } },
            },
            "kernel": {
                "name": "Linux", "release": self.kernel, "version": "#1 SMP", "machine": "x86_64", "processor": "x86_64",
                "os": "GNU/Linux", "modules": {},
            },
            "memory": {
                "total": "2097152kB", "free": "1048576kB", "available": "1572864kB",
                "swap": { "cached": "0kB", "total": "1048576kB", "free": "1048576kB" },
            },
            "cpu": { "0": processor, "1": processor, "total": 2, "real": 1, "cores": 2 },
            "filesystem": file_systems(),
            "block_device": { "vda": { "size": "41943040", "removable": "0", "rotational": "0" } },
            "lsb": lsb,
            "init_package": self.init,
            "virtualization": { "systems": { "kvm": "guest" }, "system": "kvm", "role": "guest" },
            "dmi": { "system": { "manufacturer": "Example", "product_name": "Example" } },
            "etc": { "passwd": { "root": root }, "group": { "root": { "gid": 0, "members": [] } } },
            "current_user": "root",
            "root_group": "root",
            "time": { "timezone": "UTC" },
            "uptime": "1 hours 00 minutes 00 seconds",
            "uptime_seconds": 3600,
            "idletime": "1 hours 00 minutes 00 seconds",
            "idletime_seconds": 3600,
            "ohai_time": 1_704_067_200.0,
            "machine_id": "00000000000000000000000000000001",
        });
        let parts = [facts, self.software()];
        let facts = parts
            .into_iter()
            .filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None })
            .flatten()
            .collect();
        let sets = ["common", self.init.as_str(), self.packages.as_str()];
        let programs = sets
            .iter()
            .flat_map(|set| TABLE.programs.get(*set).into_iter().flatten().cloned())
            .collect();
        Shipped { facts, programs }
    }

    fn software(&self) -> Value {
        json!({
            "os_release": { "id": self.platform, "version_id": self.version, "pretty_name": self.description },
            "languages": { "perl": { "version": "5.36.0", "archname": "x86_64-linux-gnu" } },
            "packages": { "tzdata": { "version": "2024a", "arch": "all" } },
            "package_manager": self.packages,
            "cloud": { "provider": "ec2", "local_ipv4": "192.0.2.10", "local_ipv4_addrs": ["192.0.2.10"] },
            "shells": ["/bin/sh"],
            "keys": { "ssh": { "host_ed25519_public": "AAAAC3NzaC1lZDI1NTE5AAAAIEexample" } },
            "fips": { "kernel": { "enabled": false } },
            "shard_seed": 123_456_789,
            "sysconf": { "PAGESIZE": 4096, "NPROCESSORS_ONLN": 2 },
            "systemd_paths": { "systemd-system-unit": "/lib/systemd/system" },
            "command": { "ps": "ps -ef" },
            "counters": { "network": { "interfaces": { "eth0": { "rx": { "bytes": "0" }, "tx": { "bytes": "0" } } } } },
        })
    }
}

fn file_systems() -> Value {
    let about = json!({ "fs_type": "ext4", "mount_options": ["rw", "relatime"], "kb_size": "20971520", "kb_used": "2097152",
        "kb_available": "18874368", "percent_used": "10%" });
    let with = |more: Value| {
        let mut about = about.clone();
        if let (Value::Object(about), Value::Object(more)) = (&mut about, more) {
            about.extend(more);
        }
        about
    };
    json!({
        "by_device": { "/dev/vda1": with(json!({ "mounts": ["/"] })) },
        "by_mountpoint": { "/": with(json!({ "devices": ["/dev/vda1"] })) },
        "by_pair": { "/dev/vda1,/": with(json!({ "device": "/dev/vda1", "mount": "/" })) },
    })
}
