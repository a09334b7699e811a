//! The sections of a stack document, made of what was given.

use serde_json::{Map, Value, json};

use super::input::{
    APPS, DATABASES, ECS_CLUSTERS, Entry, Given, INSTANCES, LAYERS, LOAD_BALANCERS, List,
    RAID_ARRAYS, VOLUMES,
};
use super::kept_fields::kept;
use super::{Import, users};
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::json::{Document, described};

const STACK: &[&str] = &[
    "name",
    "stack_id",
    "arn",
    "region",
    "vpc_id",
    "hostname_theme",
    "use_custom_cookbooks",
    "custom_cookbooks_source",
];

const LAYER: &[&str] = &[
    "shortname",
    "name",
    "layer_id",
    "type",
    "packages",
    "custom_recipes",
    "default_recipes",
    "volume_configurations",
    "ecs_cluster_arn",
    "enable_auto_healing",
    "auto_assign_elastic_ips",
    "auto_assign_public_ips",
    "install_updates_on_boot",
    "lifecycle_event_configuration",
    "attributes",
];

const INSTANCE: &[&str] = &[
    "hostname",
    "layers",
    "layer_ids",
    "instance_id",
    "status",
    "private_ip",
    "public_ip",
    "elastic_ip",
    "private_dns",
    "public_dns",
    "os",
    "architecture",
    "ami_id",
    "auto_scaling_type",
    "availability_zone",
    "created_at",
    "ebs_optimized",
    "ec2_instance_id",
    "infrastructure_class",
    "install_updates_on_boot",
    "instance_profile_arn",
    "instance_type",
    "last_service_error_id",
    "root_device_type",
    "root_device_volume_id",
    "security_group_ids",
    "ssh_host_dsa_key_fingerprint",
    "ssh_host_dsa_key_private",
    "ssh_host_dsa_key_public",
    "ssh_host_rsa_key_fingerprint",
    "ssh_host_rsa_key_private",
    "ssh_host_rsa_key_public",
    "ssh_key_name",
    "stack_id",
    "subnet_id",
    "virtualization_type",
];

const APP: &[&str] = &[
    "shortname",
    "name",
    "app_id",
    "type",
    "description",
    "app_source",
    "environment",
    "data_sources",
    "domains",
    "enable_ssl",
    "ssl_configuration",
    "attributes",
    "stack_id",
];

const LOAD_BALANCER: &[&str] = &["elastic_load_balancer_name", "dns_name", "layer_id"];

const DATABASE: &[&str] = &[
    "db_instance_identifier",
    "rds_db_instance_arn",
    "engine",
    "address",
    "port",
    "db_user",
    "db_password",
    "region",
    "missing_on_rds",
];

const ECS_CLUSTER: &[&str] = &["ecs_cluster_name", "ecs_cluster_arn"];

const VOLUME: &[&str] = &[
    "name",
    "volume_id",
    "ec2_volume_id",
    "raid_array_id",
    "instance_id",
    "mount_point",
    "device",
    "raid_level",
    "number_of_disks",
    "size",
    "volume_type",
    "iops",
    "encrypted",
    "status",
    "region",
    "availability_zone",
];

/// Makes all of them.
pub(super) fn write(given: &Given, import: &mut Import) -> Result<(), Diagnostic> {
    let stack = stack(given, import)?;
    let mut sections = vec![
        ("stack", stack),
        ("layers", each(given, &LAYERS, import, layer)?),
        (
            "instances",
            each(given, &INSTANCES, import, |entry, import| instance(given, entry, import))?,
        ),
        ("apps", each(given, &APPS, import, |entry, import| app(given, entry, import))?),
        ("users", users::users(given, import)?),
        (
            "load_balancers",
            each(given, &LOAD_BALANCERS, import, |entry, import| {
                load_balancer(given, entry, import)
            })?,
        ),
        (
            "databases",
            each(given, &DATABASES, import, |entry, import| {
                Ok(kept(entry, DATABASE, &[], import))
            })?,
        ),
    ];
    let clusters = each(given, &ECS_CLUSTERS, import, |entry, import| {
        Ok(kept(entry, ECS_CLUSTER, &[], import))
    })?;
    let mut volumes = Vec::new();
    for list in [VOLUMES, RAID_ARRAYS] {
        if let Value::Array(entries) =
            each(given, &list, import, |entry, import| volume(given, entry, import))?
        {
            volumes.extend(entries);
        }
    }
    sections.extend(
        [("ecs_clusters", clusters), ("volumes", Value::Array(volumes))]
            .into_iter()
            .filter(|(_, list)| *list != json!([])),
    );
    import.document = sections.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(())
}

/// A section that is a list.
fn each(
    given: &Given,
    list: &List,
    import: &mut Import,
    mut make: impl FnMut(&Entry, &mut Import) -> Result<Map<String, Value>, Diagnostic>,
) -> Result<Value, Diagnostic> {
    given.of_stack(list)?.into_iter().map(|entry| make(entry, import).map(Value::Object)).collect()
}

fn stack(given: &Given, import: &mut Import) -> Result<Value, Diagnostic> {
    let Some(entry) = given.stack() else { return Ok(json!({})) };
    let what = format!("the stack `{}`", entry.needed("name")?);
    let mut stack = kept(entry, STACK, &["configuration_manager", "custom_json"], import);
    let version = entry
        .fields
        .get("configuration_manager")
        .and_then(|manager| manager["version"].as_str())
        .unwrap_or("12");
    if version == "12.2" {
        import.warnings.push(
            Diagnostic::warning(format!("{what} is one of Windows, which Toque does not converge"))
                .at(entry.at(&["configuration_manager", "version"])),
        );
    } else if !version.starts_with("12") {
        // Its recipes read `node["opsworks"]` and `node["deploy"]`.
        stack.insert("compat".to_owned(), json!("opsworks-11"));
    }
    warn_of_subversion(entry, "custom_cookbooks_source", &what, import);
    let mut custom = custom_json(entry, &what, import);
    if let Some(agent) = &given.agent {
        let mut all = agent.custom_json.clone();
        let has_bags = all.contains_key("data_bags")
            || all.get("opsworks").is_some_and(|inner| inner.get("data_bags").is_some());
        if !agent.data_bags.is_empty() && !has_bags {
            all.insert("data_bags".to_owned(), Value::Object(agent.data_bags.clone()));
        }
        if !all.is_empty() {
            custom = Some(Value::Object(all));
            import.warnings.push(
                Diagnostic::warning(format!("the custom JSON of {what} is that of all levels: an agent is given one")).hint(
                    "move what belongs to a layer to the `custom_json` of that layer, and remove what was meant for one command",
                ),
            );
        }
    }
    stack.extend(custom.map(|custom| ("custom_json".to_owned(), custom)));
    Ok(Value::Object(stack))
}

fn layer(entry: &Entry, import: &mut Import) -> Result<Map<String, Value>, Diagnostic> {
    let what = format!("the layer `{}`", entry.needed("shortname")?);
    let mut entry = entry.clone();
    if let Some(Value::Object(attributes)) = entry.fields.get_mut("attributes")
        && let Some(arn) = attributes.remove("ecs_cluster_arn")
    {
        entry.fields.insert("ecs_cluster_arn".to_owned(), arn);
    }
    let mut layer = kept(&entry, LAYER, &["custom_json", "stack_id"], import);
    layer.extend(
        custom_json(&entry, &what, import).map(|custom| ("custom_json".to_owned(), custom)),
    );
    Ok(layer)
}

fn instance(
    given: &Given,
    entry: &Entry,
    import: &mut Import,
) -> Result<Map<String, Value>, Diagnostic> {
    let what = format!("the instance `{}`", entry.needed("hostname")?);
    let ids = match entry.fields.get("layer_ids") {
        Some(Value::Array(ids)) => ids.as_slice(),
        Some(Value::Null) | None => &[],
        Some(other) => return Err(entry.wrong(&["layer_ids"], "an array", other)),
    };
    let mut layers = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        let place = ["layer_ids", &place.to_string()];
        let Value::String(id) = id else { return Err(entry.wrong(&place, "text", id)) };
        let layer = given
            .find(&LAYERS, id)
            .ok_or_else(|| dangling(given, entry, &place, &what, "layer", id, &LAYERS))?;
        layers.push(json!(layer.needed("shortname")?));
    }
    let mut entry = entry.clone();
    entry.fields.insert("layers".to_owned(), Value::Array(layers));
    let mut instance = kept(&entry, INSTANCE, &["custom_json"], import);
    instance.extend(
        custom_json(&entry, &what, import).map(|custom| ("custom_json".to_owned(), custom)),
    );
    Ok(instance)
}

fn app(
    given: &Given,
    entry: &Entry,
    import: &mut Import,
) -> Result<Map<String, Value>, Diagnostic> {
    let what = format!("the app `{}`", entry.needed("shortname")?);
    let environment = environment(entry)?;
    let mut entry = entry.clone();
    entry.fields.insert("environment".to_owned(), Value::Object(environment));
    if let Some(Value::Object(source)) = entry.fields.get_mut("app_source")
        && let Some(user) = source.remove("username")
    {
        source.insert("user".to_owned(), user);
    }
    if let Some(Value::Object(attributes)) = entry.fields.get_mut("attributes") {
        // The API has texts for all of them.
        for value in attributes.values_mut() {
            let parsed = value
                .as_str()
                .filter(|text| ["true", "false"].contains(text) || text.starts_with('{'));
            if let Some(parsed) = parsed.and_then(|text| serde_json::from_str(text).ok()) {
                *value = parsed;
            }
        }
    }
    if let Some(Value::Array(sources)) = entry.fields.get_mut("data_sources") {
        sources.retain(|source| source["type"] != "None");
    }
    for (place, source) in
        entry.fields.get("data_sources").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let Some(arn) = source["arn"].as_str().filter(|_| source["type"] == "RdsDbInstance") else {
            continue;
        };
        if given.find(&DATABASES, arn).is_none() {
            let place = ["data_sources", &place.to_string(), "arn"];
            return Err(dangling(given, &entry, &place, &what, "database", arn, &DATABASES));
        }
    }
    warn_of_subversion(&entry, "app_source", &what, import);
    let mut app = kept(&entry, APP, &["custom_json"], import);
    app.extend(custom_json(&entry, &what, import).map(|custom| ("custom_json".to_owned(), custom)));
    Ok(app)
}

/// Variables by name: text, or a map where the value is secret. The API lists them; agents have
/// such a map.
fn environment(entry: &Entry) -> Result<Map<String, Value>, Diagnostic> {
    let variables = match entry.fields.get("environment") {
        Some(Value::Array(variables)) => variables,
        Some(Value::Object(map)) => return Ok(map.clone()),
        Some(Value::Null) | None => return Ok(Map::new()),
        Some(other) => return Err(entry.wrong(&["environment"], "an array or a map", other)),
    };
    let mut environment = Map::new();
    for (place, variable) in variables.iter().enumerate() {
        let place = place.to_string();
        let Some(name) = variable["key"].as_str() else {
            return Err(entry.wrong(&["environment", &place, "key"], "text", &variable["key"]));
        };
        let value = variable["value"].as_str().unwrap_or_default();
        let secure = variable["secure"] == json!(true);
        environment.insert(
            name.to_owned(),
            if secure { json!({ "value": value, "secure": true }) } else { json!(value) },
        );
    }
    Ok(environment)
}

fn load_balancer(
    given: &Given,
    entry: &Entry,
    import: &mut Import,
) -> Result<Map<String, Value>, Diagnostic> {
    let what = format!("the load balancer `{}`", entry.needed("elastic_load_balancer_name")?);
    if let Some(id) = entry.text("layer_id")
        && given.find(&LAYERS, id).is_none()
    {
        return Err(dangling(given, entry, &["layer_id"], &what, "layer", id, &LAYERS));
    }
    Ok(kept(entry, LOAD_BALANCER, &["stack_id"], import))
}

/// A volume, or a RAID array of some.
fn volume(
    given: &Given,
    entry: &Entry,
    import: &mut Import,
) -> Result<Map<String, Value>, Diagnostic> {
    let what = format!(
        "the volume `{}`",
        entry.text("name").or(entry.text("volume_id")).unwrap_or_default()
    );
    if let Some(id) = entry.text("instance_id")
        && given.find(&INSTANCES, id).is_none()
    {
        return Err(dangling(given, entry, &["instance_id"], &what, "instance", id, &INSTANCES));
    }
    Ok(kept(entry, VOLUME, &["stack_id"], import))
}

/// Custom JSON as the map that it is; the API has the text of it.
fn custom_json(entry: &Entry, what: &str, import: &mut Import) -> Option<Value> {
    let value =
        entry.fields.get("custom_json").filter(|value| !value.is_null() && **value != json!({}))?;
    let Value::String(text) = value else { return Some(value.clone()) };
    if text.trim().is_empty() {
        return None;
    }
    let name = "custom JSON".to_owned();
    let wrong = match Document::parse(Source { name: name.clone(), path: None, text: text.clone() })
    {
        Ok(Document { value: Value::Object(map), .. }) => {
            return (!map.is_empty()).then_some(Value::Object(map));
        }
        Ok(other) => format!("it should be a map, and is {}", described(&other.value)),
        Err(wrong) => {
            wrong.message.trim_start_matches(&format!("cannot read `{name}`: ")).to_owned()
        }
    };
    import.warnings.push(
        Diagnostic::warning(format!(
            "the custom JSON of {what} cannot be read, and is kept as text: {wrong}"
        ))
        // What it says may be secret.
        .at(entry.at(&["custom_json"]).hidden())
        .hint("correct it in the stack document, where it may also be written as a map"),
    );
    Some(value.clone())
}

fn warn_of_subversion(entry: &Entry, key: &str, what: &str, import: &mut Import) {
    if entry.fields.get(key).is_some_and(|source| source["type"] == "svn") {
        import.warnings.push(
            Diagnostic::warning(format!(
                "the source of {what} is a Subversion repository, which Toque does not fetch"
            ))
            .at(entry.at(&[key, "type"]))
            .hint("move it to git, or to an archive, and change the source in the stack document"),
        );
    }
}

/// An id that leads nowhere: `what` has it, at these keys, and it should be that of `one`.
fn dangling(
    given: &Given,
    entry: &Entry,
    keys: &[&str],
    what: &str,
    one: &str,
    id: &str,
    list: &List,
) -> Diagnostic {
    let wrong = format!("{what} refers to the {one} `{id}`, which was not given");
    let hint = if given.has(list) {
        "what was given is of different times: let `aws opsworks` print all of it anew".to_owned()
    } else {
        format!("give what `aws opsworks {}` prints too", list.printed_by)
    };
    Diagnostic::error(wrong).at(entry.at(keys)).hint(hint)
}
