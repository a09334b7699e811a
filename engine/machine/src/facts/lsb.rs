//! The distribution as the Linux Standard Base names it.

use serde_json::{Map, Value, json};

use super::{facts, os_release, text};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let lsb = os_release::parse(&text(query, "/etc/lsb-release"));
    let release = os_release::read(query);
    // Few distributions still have its file or its command, but all tell the same in os-release.
    let told = |name: &str, other: &str| {
        lsb.get(name).or_else(|| release.get(other)).filter(|text| !text.is_empty())
    };
    let id = lsb.get("DISTRIB_ID").cloned().or_else(|| match release.get("ID")?.as_str() {
        "rhel" => Some("RedHatEnterprise".to_owned()),
        _ => release.get("NAME")?.split(' ').next().map(str::to_owned),
    });
    let lsb = facts([
        ("id", id.map(Value::String)),
        ("release", told("DISTRIB_RELEASE", "VERSION_ID").map(|text| json!(text))),
        ("codename", told("DISTRIB_CODENAME", "VERSION_CODENAME").map(|text| json!(text))),
        ("description", told("DISTRIB_DESCRIPTION", "PRETTY_NAME").map(|text| json!(text))),
    ]);
    facts([("lsb", (!lsb.is_empty()).then(|| lsb.into()))])
}
