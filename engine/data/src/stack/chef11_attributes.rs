//! Node attributes as OpsWorks gave them to Chef 11: `opsworks`, `deploy` and their like, for
//! stacks that say `"compat": "opsworks-11"`.
//!
//! Facts: the OpsWorks guide's pages on attributes, and `deploy/attributes/deploy.rb` of its
//! cookbooks for what apps have when nothing is said.

use serde_json::{Map, Value, json};

use super::items::Bags;
use super::{Command, Event, Instance};
use crate::attributes::merge;

/// What OpsWorks took for itself in every stack.
const ACTIVITIES: [&str; 8] = [
    "reboot",
    "stop",
    "setup",
    "configure",
    "update_dependencies",
    "install_dependencies",
    "update_custom_cookbooks",
    "execute_recipes",
];

/// The attributes of a command, made of its data bags. What is secret in these stays marked so.
pub(super) fn attributes(command: &Command, bags: &Bags) -> Map<String, Value> {
    let stack = &command.stack;
    let item = |bag: &str, id: &str| {
        bags.get(bag)
            .and_then(|items| items.get(id))
            .map(|item| item.values.clone())
            .unwrap_or_default()
    };
    let own = command
        .own()
        .map(|instance| machine(&item("aws_opsworks_instance", &instance.hostname), instance));
    let mut layers = Map::new();
    for layer in &stack.layers {
        let mut instances = Map::new();
        for instance in stack
            .instances
            .iter()
            .filter(|one| one.is_online() && one.layers.contains(&layer.shortname))
        {
            instances.insert(
                instance.hostname.clone(),
                machine(&item("aws_opsworks_instance", &instance.hostname), instance),
            );
        }
        let balancers = bags.get("aws_opsworks_elastic_load_balancer").into_iter().flatten();
        let balancers: Vec<Value> = balancers
            .map(|(_, item)| balancer(&item.values))
            .filter(|one| one["layer_id"] == layer.id.as_str())
            .collect();
        let whole = json!({
            "id": layer.id, "name": layer.name, "elb-load-balancers": balancers, "instances": instances,
        });
        layers.insert(layer.shortname.clone(), whole);
    }
    let all = |bag: &str| {
        bags.get(bag).into_iter().flatten().map(|(_, item)| &item.values).collect::<Vec<_>>()
    };
    let mut instance = own.unwrap_or_else(|| json!({}));
    instance["layers"] = command.own().map(|own| own.layers.clone()).into();
    let mut attributes = json!({
        "opsworks": {
            "activity": command.event.name(),
            "agent_version": Value::Null,
            "sent_at": command.sent_at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second),
            "deployment": if command.event.needs_apps() { json!(command.id) } else { Value::Null },
            "valid_client_activities": ACTIVITIES,
            "run_cookbook_tests": false,
            "deploy_chef_provider": "Timestamped",
            "deploy_keep_releases": 5,
            "deploy_user": { "user": "deploy", "group": "www-data", "shell": "/bin/bash", "home": Value::Null },
            "stack": {
                "id": stack.id,
                "name": stack.name,
                "vpc_id": stack.vpc_id,
                "elb-load-balancers": all("aws_opsworks_elastic_load_balancer").into_iter().map(balancer).collect::<Vec<_>>(),
                "rds_instances": all("aws_opsworks_rds_db_instance").into_iter().map(database).collect::<Vec<_>>(),
            },
            "layers": layers,
            "instance": instance,
            "applications": command.targeted().map(|app| {
                json!({
                    "name": app.name,
                    "slug_name": app.shortname,
                    "application_type": item("aws_opsworks_app", &app.shortname)["type"],
                })
            }).collect::<Vec<_>>(),
        },
        "opsworks_custom_cookbooks": {
            "enabled": stack.use_custom_cookbooks == Some(true),
            "recipes": command.run_list().iter().map(|placed| placed.item.to_string()).collect::<Vec<_>>(),
        },
        "ssh_users": users(&all("aws_opsworks_user")),
        "deploy": {},
    });
    if matches!(
        command.event,
        Event::Setup
            | Event::Deploy
            | Event::Undeploy
            | Event::Rollback
            | Event::Restart
            | Event::ExecuteRecipes
    ) {
        for app in &stack.apps {
            if command.apps.contains(&app.shortname) || command.event == Event::ExecuteRecipes {
                let mut found = deploy(&item("aws_opsworks_app", &app.shortname), bags);
                // Its arguments were lists of texts.
                found["migrate"] = json!(
                    command
                        .args
                        .get("migrate")
                        .is_some_and(|given| given[0] == "true" || *given == true)
                );
                attributes["deploy"][&app.shortname] = found;
            }
        }
    }
    if let Value::Object(map) = attributes { map } else { Map::new() }
}

fn machine(item: &Map<String, Value>, instance: &Instance) -> Value {
    let get = |key: &str| item.get(key).cloned().unwrap_or_default();
    let zone = get("availability_zone");
    let region = zone
        .as_str()
        .map(|zone| zone.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned());
    json!({
        "id": get("instance_id"),
        "hostname": instance.hostname,
        "status": instance.status,
        "availability_zone": zone,
        "region": region,
        "aws_instance_id": get("ec2_instance_id"),
        "instance_type": get("instance_type"),
        "architecture": get("architecture"),
        "backends": 1,
        "booted_at": get("created_at"),
        "created_at": get("created_at"),
        "elastic_ip": get("elastic_ip"),
        "ip": get("public_ip"),
        "private_ip": get("private_ip"),
        "public_dns_name": get("public_dns"),
        "private_dns_name": get("private_dns"),
        "subnet_id": get("subnet_id"),
        "infrastructure_class": get("infrastructure_class"),
    })
}

fn balancer(item: &Map<String, Value>) -> Value {
    json!({ "name": item["elastic_load_balancer_name"], "dns_name": item["dns_name"], "layer_id": item["layer_id"] })
}

fn database(item: &Map<String, Value>) -> Value {
    json!({
        "address": item["address"],
        "arn": item["rds_db_instance_arn"],
        "db_instance_identifier": item["db_instance_identifier"],
        "db_user": item["db_user"],
        "engine": item["engine"],
        "port": item["port"],
        "region": item["region"],
    })
}

fn users(items: &[&Map<String, Value>]) -> Value {
    let user = |item: &&Map<String, Value>| {
        let id = item["unix_user_id"].as_u64()?.to_string();
        let user = json!({
            "name": item["username"],
            "email": item.get("email").cloned().unwrap_or_default(),
            "public_key": item["ssh_public_key"],
            "sudoer": item["administrator_privileges"],
        });
        Some((id, user))
    };
    Value::Object(items.iter().filter_map(user).collect())
}

/// What an app's recipes found below `deploy`.
fn deploy(app: &Map<String, Value>, bags: &Bags) -> Value {
    let name = app["shortname"].as_str().unwrap_or_default();
    let to = format!("/srv/www/{name}");
    let source = &app["app_source"];
    let attribute = |key: &str| app["attributes"].get(key).cloned().unwrap_or_default();
    let document_root = attribute("document_root");
    let rails_env = match attribute("rails_env") {
        Value::Null => json!("production"),
        given => given,
    };
    let source_database = app["data_sources"].as_array().and_then(|sources| sources.first());
    let found = source_database.and_then(|source| {
        let databases = bags.get("aws_opsworks_rds_db_instance")?;
        databases.values().find(|item| {
            item.values["rds_db_instance_arn"] == source["arn"] && !source["arn"].is_null()
        })
    });
    let database = match (found, source_database) {
        (Some(found), Some(source)) => json!({
            "type": found.values["engine"],
            "database": source["database_name"],
            "data_source_provider": "rds",
            "host": found.values["address"],
            "username": found.values["db_user"],
            "password": found.values["db_password"],
            "port": found.values["port"],
            "reconnect": true,
        }),
        _ => json!({}),
    };
    let mut whole = json!({
        "application": name,
        "application_type": app["type"],
        "absolute_document_root": match document_root.as_str() {
            Some(root) => format!("{to}/current/{root}/"),
            None => format!("{to}/current/"),
        },
        "auto_bundle_on_deploy": match attribute("auto_bundle_on_deploy") { Value::Null => json!(true), given => given },
        "current_path": format!("{to}/current"),
        "database": database,
        "deploy_to": to,
        "document_root": document_root,
        "domains": app["domains"],
        "environment": { "RAILS_ENV": rails_env, "RACK_ENV": rails_env, "RUBYOPT": "", "HOME": "/home/deploy" },
        "environment_variables": app["environment"],
        "nodejs": {
            "restart_command": format!("monit restart node_web_app_{name}"),
            "stop_command": format!("monit stop node_web_app_{name}"),
            "port": 80,
        },
        "rails_env": rails_env,
        "scm": {
            "scm_type": source["type"],
            "repository": source["url"],
            "revision": source["revision"],
            "ssh_key": source["ssh_key"],
            "user": source["user"],
            "password": source["password"],
        },
        "ssl_support": app["enable_ssl"],
        "ssl_certificate": app["ssl_configuration"]["certificate"],
        "ssl_certificate_key": app["ssl_configuration"]["private_key"],
        "ssl_certificate_ca": app["ssl_configuration"]["chain"],
    });
    merge(&mut whole, usual());
    whole
}

/// What OpsWorks' own cookbooks took for every app.
fn usual() -> Value {
    json!({
        "action": "deploy",
        "chef_provider": "Timestamped",
        "create_dirs_before_symlink": ["tmp", "public", "config"],
        "delete_cached_copy": true,
        "deploying_user": Value::Null,
        "enable_submodules": true,
        "group": "www-data",
        "home": "/home/deploy",
        "keep_releases": 5,
        "memcached": { "host": Value::Null, "port": 11211 },
        "migrate_command": "if [ -f Gemfile ]; then bundle exec rake db:migrate; fi",
        "mounted_at": Value::Null,
        "purge_before_symlink": ["log", "tmp/pids", "public/system"],
        "restart_command": "echo 'restarting app'",
        "shallow_clone": false,
        "shell": "/bin/bash",
        "sleep_before_restart": 0,
        "stack": { "needs_reload": false },
        "symlink_before_migrate": {},
        "symlinks": { "system": "public/system", "pids": "tmp/pids", "log": "log" },
        "user": "deploy",
    })
}
