//! The distribution, its family and its version.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{facts, kernel, os_release, text};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let release = os_release::read(query);
    let (platform, version) = match release.get("ID") {
        Some(id) => (name(id).to_owned(), version(query, &release)),
        // Before os-release there was a file for each distribution; those of Red Hat's line are
        // still met.
        None => match redhat(&text(query, "/etc/redhat-release")) {
            Some((platform, version)) => (platform, Some(version)),
            None => return Map::new(),
        },
    };
    let family = family(&platform, release.get("ID_LIKE").map_or("", String::as_str)).to_owned();
    facts([
        ("platform", Some(platform.into())),
        ("platform_family", Some(family.into())),
        // A distribution without versions has that of its kernel.
        ("platform_version", version.or_else(|| kernel::release(query)).map(Value::String)),
    ])
}

/// Ohai's name for an `ID` of os-release.
fn name(id: &str) -> &str {
    match id {
        "alinux" => "alibabalinux",
        "amzn" => "amazon",
        "archarm" => "arch",
        "cumulus-linux" => "cumulus",
        "ol" => "oracle",
        "opensuse-leap" => "opensuseleap",
        "rhel" => "redhat",
        "sles" | "sles_sap" => "suse",
        "xenenterprise" => "xenserver",
        id => id,
    }
}

/// The family: distributions of one family have the same package manager and much the same names of
/// packages and services.
pub(super) fn family<'a>(platform: &'a str, like: &'a str) -> &'a str {
    let known = |platform: &str| {
        Some(match platform {
            "debian" | "ubuntu" | "linuxmint" | "raspbian" | "kali" | "pop" | "cumulus" => "debian",
            "redhat" | "rhel" | "centos" | "oracle" | "almalinux" | "rocky" | "scientific"
            | "cloudlinux" | "xenserver" | "virtuozzo" | "xcp-ng" | "parallels" | "clearos"
            | "ibm_powerkvm" | "bigip" | "alibabalinux" => "rhel",
            "amazon" => "amazon",
            "fedora" | "pidora" | "arista_eos" => "fedora",
            "suse" | "opensuse" | "opensuseleap" | "opensuse-tumbleweed" | "sled" => "suse",
            "arch" | "manjaro" => "arch",
            "gentoo" => "gentoo",
            "alpine" => "alpine",
            "slackware" => "slackware",
            "clearlinux" | "clear-linux-os" => "clearlinux",
            _ => return None,
        })
    };
    known(platform).or_else(|| like.split_whitespace().find_map(known)).unwrap_or(platform)
}

fn version(query: &dyn Query, release: &HashMap<String, String>) -> Option<String> {
    let id = release.get("ID").map_or("", String::as_str);
    // CentOS tells only its major version there.
    if id == "centos"
        && let Some((_, version)) = redhat(&text(query, "/etc/redhat-release"))
    {
        return Some(version);
    }
    let version = release.get("VERSION_ID").filter(|version| !version.is_empty()).cloned();
    // Debian's testing and unstable have no version, but a name such as `trixie/sid`.
    version
        .or_else(|| (id == "debian").then(|| super::line(query, "/etc/debian_version")).flatten())
}

/// `CentOS Linux release 7.9.2009 (Core)`.
fn redhat(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.trim().split_once(" release ")?;
    let platform = if name.starts_with("Red Hat") {
        "redhat".to_owned()
    } else {
        name.split(' ').next()?.to_lowercase()
    };
    Some((platform, rest.split(' ').next()?.to_owned()))
}
