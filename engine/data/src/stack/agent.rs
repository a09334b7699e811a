//! Documents that OpsWorks' agent kept, as command documents: that of Chef 12 (`get_json -i`), and
//! the attributes of Chef 11.

use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::secret_markers;
use toque_core::diagnostic::Diagnostic;
use toque_core::json::Document;
use toque_core::redaction::Redactor;

/// The document in the shape of this program; none when it is no agent's.
/// # Errors
/// What is wrong with it.
pub(super) fn convert(
    document: &Rc<Document>,
    redactor: &Redactor,
) -> Result<Option<Document>, Diagnostic> {
    let mut converted = if document.value.get("aws_opsworks_agent").is_some() {
        chef_12(document)?
    } else if document.value["opsworks"]["activity"].is_string() {
        chef_11(&document.value)
    } else {
        return Ok(None);
    };
    // OpsWorks told its agents secrets in plain text.
    mark(&mut converted["command"]["custom_json"]);
    let read = Document::of(&format!("{}, as it was read", document.source.name), &converted)?;
    super::schema::hide(super::schema_fields::DOCUMENT, &read, redactor);
    Ok(Some(read))
}

/// Marks what must not be seen: texts of such a name, and the variables of apps, of which nobody
/// knows which are protected.
fn mark(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if secret_markers::is_named(key) && !text.is_empty() => {
                        *value = secret_markers::of(text);
                    }
                    Value::Object(variables) if key == "environment_variables" => {
                        variables.values_mut().filter(|value| value.is_string()).for_each(
                            |value| *value = secret_markers::of(value.as_str().unwrap_or_default()),
                        );
                    }
                    value => mark(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mark),
        _ => {}
    }
}

fn chef_12(document: &Document) -> Result<Value, Diagnostic> {
    let agent = &document.value["aws_opsworks_agent"];
    let resources = &agent["resources"];
    let Some(command) = agent["command"].as_object() else {
        return Err(Diagnostic::error(format!(
            "`{}` has no `aws_opsworks_agent.command`",
            document.source.name
        ))
        .at(document.value_at(&["aws_opsworks_agent"]))
        .hint("it should be what `opsworks-agent-cli get_json -i` printed, whole"));
    };
    let chef = &agent["chef"];
    let mut command = command.clone();
    let mut custom = decoded(document, "customer_json")?;
    let bags = decoded(document, "customer_data_bags")?;
    if !bags.is_empty() {
        custom.insert("data_bags".to_owned(), Value::Object(bags));
    }
    if let Some(recipes) = chef["customer_recipes"].as_array() {
        // The agent's own recipes, which OpsWorks put between those of users.
        let own = ["aws_opsworks_agent_version", "aws_opsworks_users"];
        let recipes = recipes.iter().filter(|recipe| {
            let name = recipe
                .as_str()
                .map_or("", |name| name.trim_start_matches("recipe[").trim_end_matches(']'));
            !own.contains(&name.split("::").next().unwrap_or_default())
        });
        command.insert("recipes".to_owned(), recipes.cloned().collect());
    }
    command.insert("custom_json".to_owned(), Value::Object(custom));
    let list = |name: &str| {
        resources.get(name).filter(|list| list.is_array()).cloned().unwrap_or_else(|| json!([]))
    };
    Ok(json!({
        "command": command,
        "stack": resources["stack"],
        "layers": list("layers"),
        "instances": list("instances").as_array().into_iter().flatten().map(own_fields).collect::<Vec<_>>(),
        "apps": list("apps").as_array().into_iter().flatten().map(own_fields).collect::<Vec<_>>(),
        "users": list("users"),
        "load_balancers": list("elastic_load_balancers"),
        "databases": list("rds_db_instances"),
        "ecs_clusters": list("ecs_clusters"),
        "volumes": list("volumes"),
    }))
}

/// Without what the agent added for one command: it is worked out anew.
fn own_fields(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Value::Object(map) = &mut entry {
        map.retain(|key, _| !["id", "deploy", "self", "role"].contains(&key.as_str()));
    }
    entry
}

/// A map that is base64 of its JSON, or the map itself.
pub(super) fn decoded(document: &Document, field: &str) -> Result<Map<String, Value>, Diagnostic> {
    let wrong = |what: &str| {
        Diagnostic::error(format!("`{field}` is {what}"))
            .at(document.value_at(&["aws_opsworks_agent", "chef", field]).hidden())
            .hint("it is the base64 of a JSON map")
    };
    let text = match &document.value["aws_opsworks_agent"]["chef"][field] {
        Value::Null => return Ok(Map::new()),
        Value::Object(map) => return Ok(map.clone()),
        Value::String(text) if text.trim().is_empty() => return Ok(Map::new()),
        Value::String(text) => text.split_whitespace().collect::<String>(),
        other => return Err(wrong(toque_core::json::described(other))),
    };
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| wrong("no base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("no text once it is decoded"))?;
    match super::parse(field, text)
        .map_err(|told| wrong("no JSON once it is decoded").note(told.message))?
        .value
    {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(wrong(&format!("{} once it is decoded", toque_core::json::described(&other)))),
    }
}

/// The attributes themselves are the command's custom JSON; the stack is what they tell of it.
fn chef_11(attributes: &Value) -> Value {
    let opsworks = &attributes["opsworks"];
    let own = &opsworks["instance"];
    let hostname = own["hostname"].as_str().unwrap_or("localhost");
    let name = opsworks["stack"]["name"].as_str().unwrap_or("stack");
    let mut layers: Vec<Value> = Vec::new();
    let mut instances: Vec<Value> = Vec::new();
    let mut member = |layer: &str, hostname: &str, said: &Value, status: &str| {
        if let Some(known) = instances.iter_mut().find(|known| known["hostname"] == hostname) {
            if let Some(list) =
                known["layers"].as_array_mut().filter(|list| !list.iter().any(|name| name == layer))
            {
                list.push(json!(layer));
            }
            return;
        }
        instances.push(json!({
            "hostname": hostname,
            "instance_id": said["id"].as_str(),
            "layers": [layer],
            "status": said["status"].as_str().unwrap_or(status),
            "private_ip": said["private_ip"].as_str(),
            "public_ip": said["ip"].as_str(),
            "elastic_ip": said["elastic_ip"].as_str(),
            "private_dns": said["private_dns_name"].as_str(),
            "public_dns": said["public_dns_name"].as_str(),
            "ec2_instance_id": said["aws_instance_id"].as_str(),
            "instance_type": said["instance_type"].as_str(),
            "availability_zone": said["availability_zone"].as_str(),
            "architecture": said["architecture"].as_str(),
            "created_at": said["created_at"].as_str(),
            "infrastructure_class": said["infrastructure_class"].as_str(),
            "subnet_id": said["subnet_id"].as_str(),
        }));
    };
    for layer in own["layers"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // Chef 11 told of an instance what it was before the command.
        member(layer, hostname, own, "running_setup");
    }
    for (shortname, layer) in opsworks["layers"].as_object().into_iter().flatten() {
        layers.push(json!({ "shortname": shortname, "layer_id": layer["id"].as_str(), "name": layer["name"].as_str() }));
        for (hostname, said) in layer["instances"].as_object().into_iter().flatten() {
            member(shortname, hostname, said, "online");
        }
    }
    for name in own["layers"].as_array().into_iter().flatten() {
        if !layers.iter().any(|layer| layer["shortname"] == *name) {
            layers.push(json!({ "shortname": name }));
        }
    }
    if instances.is_empty() {
        instances.push(json!({ "hostname": hostname, "layers": [] }));
    }
    let mut command = json!({ "type": opsworks["activity"], "instance": hostname, "args": {} });
    if let Some(id) = opsworks["deployment"].as_str() {
        command["command_id"] = json!(id);
    }
    if let Some(time) =
        opsworks["sent_at"].as_i64().and_then(|time| jiff::Timestamp::from_second(time).ok())
    {
        command["sent_at"] = json!(time.strftime("%FT%T+00:00").to_string());
    }
    let list = ["run_list", "recipes"]
        .into_iter()
        .find_map(|key| attributes.get(key).filter(|list| list.is_array()));
    let recipes = list.or_else(|| attributes.get("opsworks_custom_cookbooks")?.get("recipes"));
    command["recipes"] = recipes.cloned().unwrap_or_else(|| json!([]));
    let apps: Vec<Value> = attributes["deploy"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, app)| chef_11_app(name, app))
        .collect();
    if opsworks["activity"] != "configure" {
        command["args"]["apps"] = apps.iter().map(|app| app["shortname"].clone()).collect();
    }
    let mut custom = attributes.as_object().cloned().unwrap_or_default();
    custom.retain(|key, _| key != "run_list" && key != "recipes");
    command["custom_json"] = Value::Object(custom);
    let users = attributes["ssh_users"].as_object().into_iter().flatten().map(|(id, user)| {
        json!({
            "username": user["name"].as_str(),
            "unix_user_id": id.parse::<u64>().ok(),
            "ssh_public_key": user["public_key"].as_str(),
            "administrator_privileges": user["sudoer"] == true,
            "remote_access": true,
        })
    });
    json!({
        "command": command,
        "stack": { "name": name, "stack_id": opsworks["stack"]["id"].as_str(), "vpc_id": opsworks["stack"]["vpc_id"].as_str() },
        "layers": layers,
        "instances": instances,
        "apps": apps,
        "users": users.collect::<Vec<_>>(),
    })
}

fn chef_11_app(name: &str, app: &Value) -> Value {
    let scm = &app["scm"];
    json!({
        "shortname": name,
        "name": app["application"].as_str().unwrap_or(name),
        "type": app["application_type"].as_str().unwrap_or("other"),
        "app_source": {
            "type": scm["scm_type"].as_str(),
            "url": scm["repository"].as_str(),
            "revision": scm["revision"].as_str(),
            "user": scm["user"].as_str(),
            "password": scm["password"].as_str(),
            "ssh_key": scm["ssh_key"].as_str(),
        },
        "domains": app["domains"].as_array().cloned().unwrap_or_default(),
        "enable_ssl": app["ssl_support"] == true,
        "ssl_configuration": {
            "certificate": app["ssl_certificate"].as_str(),
            "private_key": app["ssl_certificate_key"].as_str(),
            "chain": app["ssl_certificate_ca"].as_str(),
        },
        "environment": app["environment_variables"].as_object().into_iter().flatten().map(|(name, value)| {
            (name.clone(), json!({ "value": value.as_str(), "secure": true }))
        }).collect::<Map<_, _>>(),
        "attributes": {
            "document_root": app["document_root"].as_str(),
            "auto_bundle_on_deploy": app["auto_bundle_on_deploy"],
            "rails_env": app["rails_env"].as_str(),
        },
    })
}
