//! The index `node` of a command: an entry for each instance that is online, so that recipes find
//! their peers.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Command, Instance};
use crate::data_bag::Item;

/// The other instances that are online, as nodes. What this one is, it knows itself.
pub fn nodes(command: &Command) -> Vec<Rc<Item>> {
    let instances = command.stack.instances.iter();
    instances
        .filter(|instance| instance.is_online() && instance.hostname != command.instance)
        .map(|instance| {
            Rc::new(Item {
                bag: "nodes".to_owned(),
                id: instance.hostname.clone(),
                values: node(instance),
                file: PathBuf::new(),
                shown: command.stack.source.clone(),
                wrapped: false,
                given: Some(instance.entry.given.clone()),
            })
        })
        .collect()
}

/// What OpsWorks' agent wrote of an instance, as far as it is known.
pub(super) fn node(instance: &Instance) -> Map<String, Value> {
    let Instance { private_ip, public_ip, private_dns, public_dns, .. } = instance;
    let listed = |address: &Option<String>| json!(address.iter().collect::<Vec<_>>());
    let domain = private_dns.as_ref().and_then(|name| Some(name.split_once('.')?.1));
    let os = instance.os.as_deref().unwrap_or_default().to_lowercase();
    let (platform, family) = platform(&os);
    let provider = instance.ec2_instance_id.as_ref().map(|_| "ec2");
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
        "fqdn": private_dns.as_ref().unwrap_or(&instance.hostname),
        "domain": domain,
        "status": instance.status,
        "kernel": { "machine": instance.architecture },
        "network": { "interfaces": { "aws_opsworks_virtual": { "addresses": {} } } },
        "cloud": {
            "public_ips": listed(public_ip),
            "private_ips": listed(private_ip),
            "public_hostname": public_dns,
            "public_ipv4": public_ip,
            "local_hostname": private_dns,
            "local_ipv4": private_ip,
            "provider": provider,
        },
    });
    if let Some(address) = private_ip {
        node["network"]["interfaces"]["aws_opsworks_virtual"]["addresses"][address] =
            json!({ "family": "inet" });
    }
    node["cloud_v2"] = json!({
        "public_ipv4_addrs": listed(public_ip),
        "local_ipv4_addrs": listed(private_ip),
        "public_hostname": public_dns,
        "local_hostname": private_dns,
        "provider": provider,
    });
    if let Some(id) = &instance.ec2_instance_id {
        node["ec2"] = json!({
            "ami_id": instance.ami_id,
            "instance_id": id,
            "instance_type": instance.instance_type,
            "placement_availability_zone": instance.availability_zone,
            "public_hostname": public_dns,
            "public_ipv4": public_ip,
            "local_hostname": private_dns,
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
