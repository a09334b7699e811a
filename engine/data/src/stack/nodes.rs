//! The index `node` of a command: an entry for each instance that is online, so that recipes find
//! their peers.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Command, Instance};
use crate::data_bag::{Given, Item};

/// The other instances that are online, as nodes. What this one is, it knows itself.
pub fn nodes(command: &Command) -> Vec<Rc<Item>> {
    let places = command.stack.instances.iter().enumerate();
    let others = places
        .filter(|(_, instance)| instance.is_online() && instance.hostname != command.instance);
    others
        .map(|(place, instance)| {
            let given = Given {
                document: Rc::clone(&command.stack.document),
                path: vec!["instances".to_owned(), place.to_string()],
            };
            Rc::new(Item {
                bag: "nodes".to_owned(),
                id: instance.hostname.clone(),
                values: node(command, place, instance),
                file: PathBuf::new(),
                shown: given.document.source.name.clone(),
                wrapped: false,
                given: Some(given),
            })
        })
        .collect()
}

/// What OpsWorks' agent wrote of an instance, as far as it is known.
pub(super) fn node(command: &Command, place: usize, instance: &Instance) -> Map<String, Value> {
    let said = &command.stack.document.value["instances"][place];
    let text = |field: &str| {
        said.get(field).filter(|value| value.is_string()).cloned().unwrap_or_default()
    };
    let (private_ip, public_ip) = (text("private_ip"), text("public_ip"));
    let listed = |value: &Value| if value.is_null() { json!([]) } else { json!([value]) };
    let domain = text("private_dns")
        .as_str()
        .and_then(|name| name.split_once('.'))
        .map(|(_, domain)| domain.to_owned());
    let os = text("os").as_str().unwrap_or_default().to_lowercase();
    let (platform, family) = platform(&os);
    let mut node = json!({
        "name": instance.hostname,
        "run_list": instance.layers.iter().map(|layer| format!("role[{layer}]")).collect::<Vec<_>>(),
        "role": instance.layers,
        "roles": instance.layers,
        "recipe": [],
        "recipes": [],
        "layers": instance.layers,
        "environment": crate::environment::DEFAULT,
        "chef_environment": crate::environment::DEFAULT,
        "aws_opsworks_instance_id": instance.id,
        "hostname": instance.hostname,
        "os": "linux",
        "platform": platform,
        "platform_family": family,
        "ipaddress": private_ip,
        "private_ip": private_ip,
        "ip": public_ip,
        "fqdn": match text("private_dns") { Value::Null => json!(instance.hostname), name => name },
        "domain": domain,
        "status": instance.status,
        "kernel": { "machine": text("architecture") },
        "network": { "interfaces": { "aws_opsworks_virtual": { "addresses": {} } } },
        "cloud": {
            "public_ips": listed(&public_ip),
            "private_ips": listed(&private_ip),
            "public_hostname": text("public_dns"),
            "public_ipv4": public_ip,
            "local_hostname": text("private_dns"),
            "local_ipv4": private_ip,
            "provider": if text("ec2_instance_id").is_null() { Value::Null } else { json!("ec2") },
        },
    });
    if let Some(address) = private_ip.as_str() {
        node["network"]["interfaces"]["aws_opsworks_virtual"]["addresses"][address] =
            json!({ "family": "inet" });
    }
    node["cloud_v2"] = json!({
        "public_ipv4_addrs": listed(&public_ip),
        "local_ipv4_addrs": listed(&private_ip),
        "public_hostname": text("public_dns"),
        "local_hostname": text("private_dns"),
        "provider": node["cloud"]["provider"],
    });
    if !text("ec2_instance_id").is_null() {
        node["ec2"] = json!({
            "ami_id": text("ami_id"),
            "instance_id": text("ec2_instance_id"),
            "instance_type": text("instance_type"),
            "placement_availability_zone": text("availability_zone"),
            "public_hostname": text("public_dns"),
            "public_ipv4": public_ip,
            "local_hostname": text("private_dns"),
            "local_ipv4": private_ip,
        });
    }
    if let Value::Object(node) = node { node } else { Map::new() }
}

/// Ohai's names for what OpsWorks called an operating system.
fn platform(os: &str) -> (Value, Value) {
    let known = [
        ("ubuntu", "ubuntu", "debian"),
        ("debian", "debian", "debian"),
        ("amazon", "amazon", "amazon"),
        ("red hat", "redhat", "rhel"),
        ("centos", "centos", "rhel"),
        ("rocky", "rocky", "rhel"),
        ("alma", "almalinux", "rhel"),
        ("fedora", "fedora", "fedora"),
    ];
    let found = known.into_iter().find(|(word, ..)| os.contains(word));
    found.map_or((Value::Null, Value::Null), |(_, platform, family)| {
        (json!(platform), json!(family))
    })
}
