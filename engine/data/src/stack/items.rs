//! Data bags of a command: what OpsWorks gave to recipes, and those that custom JSON defines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::schema::{Shape, below, shaped};
use super::schema_fields::APP_SOURCE;
use super::{Command, CustomJson, Entry, Named};
use crate::data_bag::{Given, Item};
use toque_core::diagnostic::Diagnostic;

/// Bags by name, items by id.
pub type Bags = BTreeMap<String, BTreeMap<String, Rc<Item>>>;

/// OpsWorks' data bags, each with the short name that it goes by too.
const BAGS: [(&str, &str); 9] = [
    ("aws_opsworks_app", "app"),
    ("aws_opsworks_layer", "layer"),
    ("aws_opsworks_instance", "instance"),
    ("aws_opsworks_stack", "stack"),
    ("aws_opsworks_command", "command"),
    ("aws_opsworks_user", "user"),
    ("aws_opsworks_elastic_load_balancer", "load_balancer"),
    ("aws_opsworks_rds_db_instance", "database"),
    ("aws_opsworks_ecs_cluster", "ecs_cluster"),
];

/// All data bags of a command. `own` are the names of those that the repository has: they keep
/// their short names.
/// # Errors
/// Custom JSON whose items cannot be data bag items.
pub fn bags(command: &Command, own: &[String]) -> Result<Bags, Diagnostic> {
    let mut bags: Bags = BAGS.iter().map(|(bag, _)| ((*bag).to_owned(), BTreeMap::new())).collect();
    let mut add = |bag: &str, key: &str, entry: &Entry, more: Vec<(&str, Value)>| {
        let id = id_of(key);
        let mut values = entry.item.clone();
        values.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let item = Rc::new(item_of(bag, &id, values, entry.given.clone()));
        bags.entry(bag.to_owned()).or_default().insert(id, item);
    };
    let stack = &command.stack;
    for app in &stack.apps {
        let mut more = vec![
            ("app_id", json!(app.id)),
            ("name", json!(app.name)),
            ("type", json!(app.kind)),
            ("stack_id", json!(stack.id)),
        ];
        if command.apps.contains(&app.shortname) {
            more.push(("deploy", json!(true)));
        }
        let source = &app.entry.item["app_source"];
        if source["type"].is_null() && source["url"].is_null() {
            // OpsWorks had a source for every app, of this type where there is none.
            more.push(("app_source", shaped(&Shape::Map(APP_SOURCE), &json!({ "type": "other" }))));
        }
        add("aws_opsworks_app", &app.shortname, &app.entry, more);
    }
    for layer in &stack.layers {
        let more = vec![
            ("layer_id", json!(layer.id)),
            ("name", json!(layer.name)),
            ("type", json!(layer.kind)),
        ];
        add("aws_opsworks_layer", &layer.shortname, &layer.entry, more);
    }
    for instance in &stack.instances {
        let ids: Vec<&str> = stack.layers_of(instance).map(|layer| &*layer.id).collect();
        let more = vec![
            ("instance_id", json!(instance.id)),
            ("layer_ids", json!(ids)),
            ("layers", json!(instance.layers)),
            ("role", json!(instance.layers)),
            ("self", json!(instance.hostname == command.instance)),
            ("status", json!(instance.status)),
        ];
        add("aws_opsworks_instance", &instance.hostname, &instance.entry, more);
    }
    for (bag, named) in [
        ("aws_opsworks_user", &stack.users),
        ("aws_opsworks_elastic_load_balancer", &stack.load_balancers),
        ("aws_opsworks_rds_db_instance", &stack.databases),
        ("aws_opsworks_ecs_cluster", &stack.ecs_clusters),
    ] {
        named.iter().for_each(|Named { name, entry }| add(bag, name, entry, Vec::new()));
    }
    let more = vec![("stack_id", json!(stack.id))];
    add("aws_opsworks_stack", &stack.id, &stack.entry, more);
    let mut more = vec![
        ("type", json!(command.event.name())),
        ("args", command.arguments()),
        ("command_id", json!(command.id)),
        ("iam_user_arn", json!(command.iam_user_arn)),
        ("instance_id", json!(command.own().map(|instance| &instance.id))),
        ("sent_at", json!(command.sent_at)),
    ];
    more.extend(command.custom_json.iter().map(|custom| ("custom_json", json!(custom.value))));
    let document = Rc::clone(&stack.document);
    let given = Given { document, path: vec!["command".to_owned()] };
    add("aws_opsworks_command", &command.id, &Entry { item: Map::new(), given }, more);
    for (bag, short) in BAGS {
        if own.iter().any(|name| name == short) {
            continue;
        }
        let renamed = |item: &Rc<Item>| Rc::new(Item { bag: short.to_owned(), ..(**item).clone() });
        let items = bags[bag].iter().map(|(id, item)| (id.clone(), renamed(item))).collect();
        bags.insert(short.to_owned(), items);
    }
    for (bag, items) in defined(command) {
        let bag_items = bags.entry(bag.clone()).or_default();
        for (id, (values, given)) in items {
            match values.get("id") {
                None => {}
                Some(Value::String(own)) if *own == id => {}
                Some(_) => {
                    return Err(Diagnostic::error(format!(
                        "the item `{bag}/{id}` calls itself otherwise"
                    ))
                    .at(given.place("id"))
                    .hint(format!(
                        "an item's id is its key: write `\"id\": \"{id}\"`, or leave it out"
                    )));
                }
            }
            bag_items.insert(id.clone(), Rc::new(item_of(&bag, &id, values, given)));
        }
    }
    Ok(bags)
}

/// Whether it is the name of one of them.
pub fn is_bag(name: &str) -> bool {
    BAGS.iter().any(|(bag, short)| name == *bag || name == *short)
}

/// The same bags with nothing in them.
pub fn no_bags(own: &[String]) -> Bags {
    let names = BAGS
        .iter()
        .flat_map(|(bag, short)| [bag, short])
        .filter(|name| !own.iter().any(|known| known == *name));
    names.map(|name| ((*name).to_owned(), BTreeMap::new())).collect()
}

impl Command {
    /// The custom JSON that holds here, lowest level first.
    pub fn custom_json(&self) -> impl Iterator<Item = &CustomJson> {
        let stack = &self.stack;
        stack
            .custom_json
            .iter()
            .chain(self.layers().filter_map(|layer| layer.custom_json.as_ref()))
            .chain(stack.apps.iter().filter_map(|app| app.custom_json.as_ref()))
            .chain(self.own().and_then(|instance| instance.custom_json.as_ref()))
            .chain(&self.custom_json)
    }
}

/// What custom JSON defines: items merged over the levels, each with where its highest level has
/// it.
fn defined(command: &Command) -> BTreeMap<String, BTreeMap<String, (Map<String, Value>, Given)>> {
    let mut bags: BTreeMap<String, BTreeMap<String, (Map<String, Value>, Given)>> = BTreeMap::new();
    for custom in command.custom_json() {
        for (map, path) in custom.data_bags() {
            for (bag, items) in map {
                let bag_items = bags.entry(bag.clone()).or_default();
                for (id, values) in items.as_object().into_iter().flatten() {
                    let path: Vec<String> =
                        custom.path.iter().chain(&below(&below(&path, bag), id)).cloned().collect();
                    let given = Given { document: Rc::clone(&custom.document), path };
                    let values = values.as_object().cloned().unwrap_or_default();
                    match bag_items.get_mut(id) {
                        None => {
                            bag_items.insert(id.clone(), (values, given));
                        }
                        Some((below, place)) => {
                            let mut whole = Value::Object(std::mem::take(below));
                            crate::attributes::merge(&mut whole, Value::Object(values));
                            *below = if let Value::Object(map) = whole { map } else { Map::new() };
                            *place = given;
                        }
                    }
                }
            }
        }
    }
    bags
}

/// A name as OpsWorks' agent made files of it.
fn id_of(key: &str) -> String {
    key.chars()
        .map(
            |c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_' { c } else { '_' },
        )
        .collect()
}

fn item_of(bag: &str, id: &str, values: Map<String, Value>, given: Given) -> Item {
    let mut whole = Map::from_iter([("id".to_owned(), json!(id))]);
    whole.extend(values.into_iter().filter(|(key, _)| key != "id"));
    Item {
        bag: bag.to_owned(),
        id: id.to_owned(),
        values: whole,
        file: PathBuf::new(),
        shown: given.document.source.name.clone(),
        wrapped: false,
        given: Some(given),
    }
}
