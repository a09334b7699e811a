//! Data bags of a command: what OpsWorks gave to recipes, and those that custom JSON defines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::schema::{Field, below, item};
use super::schema_fields::{
    APP, DATABASE, ECS_CLUSTER, INSTANCE, LAYER, LOAD_BALANCER, STACK, USER,
};
use super::{Command, CustomJson};
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
    let mut add = |bag: &str, key: &str, values: Map<String, Value>, path: &[String]| {
        let id = id_of(key);
        let given = Given { document: Rc::clone(&command.stack.document), path: path.to_vec() };
        bags.entry(bag.to_owned())
            .or_default()
            .insert(id.clone(), Rc::new(item_of(bag, &id, values, given)));
    };
    for entry in entries(command) {
        add(entry.bag, &entry.key, entry.values, &entry.path);
    }
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

/// Something that becomes an item.
struct Entry {
    bag: &'static str,
    /// What names it.
    key: String,
    values: Map<String, Value>,
    path: Vec<String>,
}

fn entries(command: &Command) -> Vec<Entry> {
    let stack = &command.stack;
    let document = &stack.document.value;
    let mut entries = Vec::new();
    let mut add = |bag: &'static str,
                   list: &str,
                   place: usize,
                   fields: &[Field],
                   key: &str,
                   more: Vec<(&str, Value)>| {
        let mut values = item(fields, &document[list][place]);
        values.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        entries.push(Entry {
            bag,
            key: key.to_owned(),
            values,
            path: vec![list.to_owned(), place.to_string()],
        });
    };
    for (place, app) in stack.apps.iter().enumerate() {
        let kind = document["apps"][place]["type"].as_str().unwrap_or("other");
        let mut more = vec![
            ("app_id", json!(app.id)),
            ("name", json!(app.name)),
            ("type", json!(kind)),
            ("stack_id", json!(stack.id)),
        ];
        if command.apps.contains(&app.shortname) {
            more.push(("deploy", json!(true)));
        }
        let source = &document["apps"][place]["app_source"];
        if source["type"].is_null() && source["url"].is_null() {
            // OpsWorks had a source for every app, of this type where there is none.
            let mut source = item(APP, &json!({ "app_source": {} }))["app_source"].take();
            source["type"] = json!("other");
            more.push(("app_source", source));
        }
        add("aws_opsworks_app", "apps", place, APP, &app.shortname, more);
    }
    for (place, layer) in stack.layers.iter().enumerate() {
        let kind = document["layers"][place]["type"].as_str().unwrap_or("custom");
        let more =
            vec![("layer_id", json!(layer.id)), ("name", json!(layer.name)), ("type", json!(kind))];
        add("aws_opsworks_layer", "layers", place, LAYER, &layer.shortname, more);
    }
    for (place, instance) in stack.instances.iter().enumerate() {
        let ids: Vec<&str> = stack.layers_of(instance).map(|layer| &*layer.id).collect();
        let more = vec![
            ("instance_id", json!(instance.id)),
            ("layer_ids", json!(ids)),
            ("layers", json!(instance.layers)),
            ("role", json!(instance.layers)),
            ("self", json!(instance.hostname == command.instance)),
            ("status", json!(instance.status)),
        ];
        add("aws_opsworks_instance", "instances", place, INSTANCE, &instance.hostname, more);
    }
    let text = |list: &str, place: usize, key: &str| {
        document[list][place][key].as_str().map(str::to_owned)
    };
    let count = |list: &str| document[list].as_array().map_or(0, Vec::len);
    for place in 0..count("users") {
        add(
            "aws_opsworks_user",
            "users",
            place,
            USER,
            &text("users", place, "username").unwrap_or_default(),
            Vec::new(),
        );
    }
    for place in 0..count("load_balancers") {
        let key = text("load_balancers", place, "elastic_load_balancer_name").unwrap_or_default();
        let layer = text("load_balancers", place, "layer").and_then(|name| stack.layer(&name).ok());
        let more = layer.map(|layer| ("layer_id", json!(layer.id)));
        add(
            "aws_opsworks_elastic_load_balancer",
            "load_balancers",
            place,
            LOAD_BALANCER,
            &key,
            more.into_iter().collect(),
        );
    }
    for place in 0..count("databases") {
        let key = text("databases", place, "rds_db_instance_arn")
            .or_else(|| text("databases", place, "db_instance_identifier"));
        add(
            "aws_opsworks_rds_db_instance",
            "databases",
            place,
            DATABASE,
            &key.unwrap_or_default(),
            Vec::new(),
        );
    }
    for place in 0..count("ecs_clusters") {
        let key = text("ecs_clusters", place, "ecs_cluster_arn").unwrap_or_default();
        add("aws_opsworks_ecs_cluster", "ecs_clusters", place, ECS_CLUSTER, &key, Vec::new());
    }
    let mut values = item(STACK, &document["stack"]);
    values.insert("stack_id".to_owned(), json!(stack.id));
    entries.push(Entry {
        bag: "aws_opsworks_stack",
        key: stack.id.clone(),
        values,
        path: vec!["stack".to_owned()],
    });
    let mut values = Map::from_iter([
        ("type".to_owned(), json!(command.event.name())),
        ("args".to_owned(), command.arguments()),
        ("command_id".to_owned(), json!(command.id)),
        ("iam_user_arn".to_owned(), json!(command.iam_user_arn)),
        ("instance_id".to_owned(), json!(command.own().map(|instance| &instance.id))),
        ("sent_at".to_owned(), json!(command.sent_at)),
    ]);
    if let Some(custom) = &command.custom_json {
        values.insert("custom_json".to_owned(), Value::Object(custom.value.clone()));
    }
    entries.push(Entry {
        bag: "aws_opsworks_command",
        key: command.id.clone(),
        values,
        path: vec!["command".to_owned()],
    });
    entries
}

impl Command {
    /// Where the stack's cookbooks come from, unless it says that it has none of its own.
    #[must_use]
    pub fn cookbooks_source(&self) -> Option<Value> {
        let stack = &self.stack.document.value["stack"];
        let source = item(STACK, stack).remove("custom_cookbooks_source")?;
        let said = ["type", "url"].iter().any(|field| !source[*field].is_null());
        (stack["use_custom_cookbooks"] != json!(false) && said).then_some(source)
    }

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
