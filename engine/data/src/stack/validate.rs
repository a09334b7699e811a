//! Whether a stack document makes sense: field by field, and what its parts say of one another.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::custom_json::conflict;
use super::schema::{UnknownFields, Validator, below, parts};
use super::schema_fields::DOCUMENT;
use super::{
    App, CustomJson, Event, Instance, LARGEST_ENVIRONMENT, Layer, ONLINE, Stack, VERSION, ids,
};
use crate::attributes::shown_path;
use crate::data_bag::is_name;
use crate::run_list::Item;
use crate::secret_markers;
use toque_core::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use toque_core::json::Document;

/// The states that OpsWorks knows.
pub(super) const STATES: [&str; 21] = [
    "assigning",
    "booting",
    "connection_lost",
    "deregistering",
    ONLINE,
    "pending",
    "rebooting",
    "registered",
    "registering",
    "requested",
    "running_setup",
    "setup_failed",
    "shutting_down",
    "start_failed",
    "stop_failed",
    "stopped",
    "stopping",
    "terminated",
    "terminating",
    "unassigned",
    "unassigning",
];

/// What OpsWorks gives apps and layers for a name.
pub(super) const SHORTNAME: &str = "a shortname has up to 32 of `a`-`z`, `0`-`9`, `-`, `_` and `.`";
pub(super) const HOSTNAME: &str =
    "a host name has up to 63 of `a`-`z`, `0`-`9` and `-`, and neither begins nor ends with `-`";

/// Reads a stack.
/// # Errors
/// Everything that is wrong with it.
pub(super) fn stack(
    document: &Rc<Document>,
    largest: usize,
    strange: UnknownFields,
) -> Result<Stack, Diagnostics> {
    let mut check =
        Check { looker: Validator { document, strange, mistakes: Vec::new() }, largest };
    if let Some(version) = document.value["version"]
        .as_number()
        .filter(|version| version.as_u64().is_none_or(|known| known > VERSION))
    {
        let wrong = format!(
            "this document is of version {version}, and this program reads versions up to {VERSION}"
        );
        check.looker.wrong(
            &["version".to_owned()],
            wrong,
            "read it with a newer toque, or write it anew with this one",
        );
        return Err(Diagnostics(check.looker.mistakes));
    }
    check.looker.map("a stack document", DOCUMENT, &document.value, &[]);
    if !check.looker.mistakes.is_empty() {
        // What is missing or misplaced would only be told again.
        return Err(Diagnostics(check.looker.mistakes));
    }
    let Some(own) = document.value["stack"].as_object() else {
        check.looker.wrong(
            &[],
            "the document has no `stack`",
            "write `\"stack\": { \"name\": \"shop\" }`",
        );
        return Err(Diagnostics(check.looker.mistakes));
    };
    let stack = check.whole(own);
    let mistakes = check.looker.mistakes;
    if mistakes.is_empty() { Ok(stack) } else { Err(Diagnostics(mistakes)) }
}

struct Check<'a> {
    looker: Validator<'a>,
    largest: usize,
}

/// An entry of a list of the document.
#[derive(Clone)]
struct Entry<'a> {
    value: &'a Map<String, Value>,
    path: Vec<String>,
}

impl<'a> Check<'a> {
    fn whole(&mut self, own: &'a Map<String, Value>) -> Stack {
        let at = vec!["stack".to_owned()];
        let own = Entry { value: own, path: at.clone() };
        let name = own.text("name").unwrap_or_default().to_owned();
        if name.is_empty() {
            self.looker.wrong(
                &at,
                "the stack has no `name`",
                "write `\"stack\": { \"name\": \"shop\" }`",
            );
        }
        if let Some(compat) = own.text("compat").filter(|compat| *compat != "opsworks-11") {
            let wrong = format!("`compat` knows no `{compat}`");
            self.looker.wrong(
                &own.at("compat"),
                wrong,
                "leave it out, or write \"opsworks-11\" for the node attributes of Chef 11 stacks",
            );
        }
        let id = own.text("stack_id").map_or_else(|| ids::of_stack(&name), str::to_owned);
        self.source(&own, "custom_cookbooks_source");
        let custom_json = self.custom_json(&own);
        let layers = self.layers(&id);
        let instances = self.instances(&id, &layers);
        let apps = self.apps(&id);
        self.others(&layers);
        Stack {
            opsworks_11: own.text("compat").is_some(),
            document: Rc::clone(self.looker.document),
            name,
            id,
            custom_json,
            layers,
            instances,
            apps,
        }
    }

    fn layers(&mut self, stack: &str) -> Vec<Layer> {
        let entries = self.entries("layers");
        self.unique(&entries, "shortname", "layer");
        let layer = |entry: &Entry<'a>| {
            let shortname = self.name(entry, "shortname", "layer", SHORTNAME, is_shortname)?;
            let id = entry
                .text("layer_id")
                .map_or_else(|| ids::within(stack, "layer", &shortname), str::to_owned);
            let document = self.looker.document;
            let recipes = Event::LIFECYCLE.map(|event| {
                let path = below(&entry.at("custom_recipes"), event.name());
                let list =
                    entry.value.get("custom_recipes").and_then(|recipes| recipes.get(event.name()));
                // Those that are no recipes were told already.
                let list = list.filter(|list| !list.is_null());
                list.and_then(|list| Item::all(document, &parts(&path), list).ok())
                    .unwrap_or_default()
            });
            Some(Layer {
                name: entry.text("name").unwrap_or(&shortname).to_owned(),
                packages: entry.texts("packages"),
                custom_json: self.custom_json(entry),
                shortname,
                id,
                recipes,
            })
        };
        entries.iter().filter_map(layer).collect()
    }

    fn instances(&mut self, stack: &str, layers: &[Layer]) -> Vec<Instance> {
        let entries = self.entries("instances");
        self.unique(&entries, "hostname", "instance");
        let instance = |entry: &Entry<'a>| {
            let hostname = self.name(entry, "hostname", "instance", HOSTNAME, is_hostname)?;
            let id = entry
                .text("instance_id")
                .map_or_else(|| ids::within(stack, "instance", &hostname), str::to_owned);
            let named = self.layers_of(entry, layers);
            let status = entry.text("status").unwrap_or(ONLINE).to_owned();
            if !STATES.contains(&status.as_str()) {
                let wrong = format!("`{status}` is no status of an instance");
                let hint = did_you_mean(&status, STATES)
                    .unwrap_or_else(|| "write \"online\", or \"stopped\"".to_owned());
                self.looker.wrong(&entry.at("status"), wrong, hint);
            }
            for field in ["private_ip", "public_ip", "elastic_ip"] {
                let address =
                    entry.text(field).filter(|text| text.parse::<std::net::IpAddr>().is_err());
                if let Some(address) =
                    address.filter(|_| self.looker.strange == UnknownFields::Refused)
                {
                    self.looker.wrong(
                        &entry.at(field),
                        format!("`{address}` is no address"),
                        "write it as 10.0.0.11",
                    );
                }
            }
            Some(Instance {
                hostname,
                id,
                layers: named,
                status,
                custom_json: self.custom_json(entry),
            })
        };
        entries.iter().filter_map(instance).collect()
    }

    /// The layers that an instance is in: by shortname, or else by id.
    fn layers_of(&mut self, entry: &Entry<'a>, layers: &[Layer]) -> Vec<String> {
        let (field, key): (_, fn(&Layer) -> &str) = match entry.value.get("layers") {
            Some(Value::Array(_)) => ("layers", |layer| &layer.shortname),
            _ => ("layer_ids", |layer| &layer.id),
        };
        let mut named = Vec::new();
        for (place, wanted) in entry.texts(field).into_iter().enumerate() {
            match layers.iter().find(|layer| key(layer) == wanted) {
                Some(layer) => named.push(layer.shortname.clone()),
                None => {
                    let names = layers.iter().map(key);
                    let all = || match layers {
                        [] => "the document has no layers".to_owned(),
                        layers => format!(
                            "the layers are {}",
                            layers
                                .iter()
                                .map(|layer| &*layer.shortname)
                                .collect::<Vec<_>>()
                                .join(", ")
                        ),
                    };
                    let hint = did_you_mean(&wanted, names).unwrap_or_else(all);
                    self.looker.wrong(
                        &below(&entry.at(field), &place.to_string()),
                        format!("there is no layer `{wanted}`"),
                        hint,
                    );
                }
            }
        }
        named
    }

    fn apps(&mut self, stack: &str) -> Vec<App> {
        let entries = self.entries("apps");
        self.unique(&entries, "shortname", "app");
        let app = |entry: &Entry<'a>| {
            let shortname = self.name(entry, "shortname", "app", SHORTNAME, is_shortname)?;
            let id = entry
                .text("app_id")
                .map_or_else(|| ids::within(stack, "app", &shortname), str::to_owned);
            self.environment(entry, &shortname);
            self.source(entry, "app_source");
            Some(App {
                name: entry.text("name").unwrap_or(&shortname).to_owned(),
                custom_json: self.custom_json(entry),
                shortname,
                id,
            })
        };
        let apps: Vec<App> = entries.iter().filter_map(app).collect();
        for (place, app) in apps.iter().enumerate() {
            for other in &apps[place + 1..] {
                self.conflict(app, other);
            }
        }
        apps
    }

    /// Every app's custom JSON holds at every event, so that none may undo another's.
    fn conflict(&mut self, app: &App, other: &App) {
        let (Some(one), Some(two)) = (&app.custom_json, &other.custom_json) else { return };
        if let Some(path) = conflict(&one.value, &two.value) {
            let wrong = format!(
                "the apps `{}` and `{}` set `{}` differently",
                app.shortname,
                other.shortname,
                shown_path(&path)
            );
            self.looker.mistakes.push(
                Diagnostic::error(wrong)
                    .at(two.place(&path))
                    .frame(one.place(&path), format!("`{}` sets it here", app.shortname))
                    .hint("the custom JSON of all apps holds at every event: give each its own key, such as its shortname"),
            );
        }
    }

    /// Where an app or cookbooks come from. What OpsWorks' agent kept may be anything.
    fn source(&mut self, entry: &Entry<'a>, field: &str) {
        let Some(Value::Object(source)) =
            entry.value.get(field).filter(|_| self.looker.strange == UnknownFields::Refused)
        else {
            return;
        };
        let at = |name: &str| below(&entry.at(field), name);
        let given = |name: &str| source.get(name).is_some_and(|value| !value.is_null());
        match source.get("type").and_then(Value::as_str) {
            None if given("url") => {
                let hint = "write `\"type\": \"git\"`, `\"archive\"` or `\"s3\"` into it";
                self.looker.wrong(&entry.at(field), "this source has no `type`", hint);
            }
            // What is deployed by other means is nobody's business here.
            None | Some("other" | "svn") => {}
            Some("git" | "archive" | "s3") if !given("url") => {
                self.looker.wrong(
                    &entry.at(field),
                    "this source has no `url`",
                    "say where the content comes from",
                );
            }
            Some("git" | "archive" | "s3") => {}
            Some(unknown) => {
                let hint = did_you_mean(unknown, ["git", "archive", "s3", "other"]);
                let hint =
                    hint.unwrap_or_else(|| "it is `git`, `archive`, `s3` or `other`".to_owned());
                self.looker.wrong(
                    &at("type"),
                    format!("there is no source of the type `{unknown}`"),
                    hint,
                );
            }
        }
        let checksum = source.get("checksum").and_then(Value::as_str);
        if checksum
            .is_some_and(|text| text.len() != 64 || !text.chars().all(|c| c.is_ascii_hexdigit()))
        {
            self.looker.wrong(
                &at("checksum"),
                "this is no SHA-256",
                "write its 64 hexadecimal digits, as `sha256sum` prints them",
            );
        }
    }

    fn environment(&mut self, entry: &Entry<'a>, app: &str) {
        let Some(variables) = entry.value.get("environment").and_then(Value::as_object) else {
            return;
        };
        let length = |(name, value): (&String, &Value)| {
            name.len() + value.as_str().or_else(|| value["value"].as_str()).map_or(0, str::len)
        };
        let total: usize = variables.iter().map(length).sum();
        if total > LARGEST_ENVIRONMENT {
            let wrong = format!(
                "the environment of the app `{app}` has {total} bytes, and {LARGEST_ENVIRONMENT} are allowed"
            );
            self.looker.wrong(
                &entry.at("environment"),
                wrong,
                "put large values into files or data bags",
            );
        }
    }

    /// What only has to be told apart.
    fn others(&mut self, layers: &[Layer]) {
        let users = self.entries("users");
        for entry in &users {
            if entry.text("username").is_none_or(str::is_empty) {
                self.looker.wrong(
                    &entry.path,
                    "this user has no `username`",
                    "write `\"username\": \"alice\"` into it",
                );
            }
        }
        self.unique(&users, "username", "user");
        let balancers = self.entries("load_balancers");
        for entry in &balancers {
            if entry.text("elastic_load_balancer_name").is_none_or(str::is_empty) {
                let hint = "write `\"elastic_load_balancer_name\": \"front\"` into it";
                self.looker.wrong(
                    &entry.path,
                    "this load balancer has no `elastic_load_balancer_name`",
                    hint,
                );
            }
            if let Some(layer) = entry
                .text("layer")
                .filter(|name| !layers.iter().any(|layer| layer.shortname == *name))
            {
                let hint = did_you_mean(layer, layers.iter().map(|layer| &*layer.shortname));
                let hint =
                    hint.unwrap_or_else(|| "name one of `layers`, by its shortname".to_owned());
                self.looker.wrong(&entry.at("layer"), format!("there is no layer `{layer}`"), hint);
            }
        }
        self.unique(&balancers, "elastic_load_balancer_name", "load balancer");
        for entry in &self.entries("databases") {
            let named = ["rds_db_instance_arn", "db_instance_identifier"]
                .into_iter()
                .any(|field| entry.text(field).is_some());
            if !named {
                let hint = "write `\"db_instance_identifier\": \"main\"` into it";
                self.looker.wrong(
                    &entry.path,
                    "this database has no `db_instance_identifier`",
                    hint,
                );
            }
        }
        for entry in &self.entries("ecs_clusters") {
            if entry.text("ecs_cluster_arn").is_none_or(str::is_empty) {
                self.looker.wrong(
                    &entry.path,
                    "this cluster has no `ecs_cluster_arn`",
                    "write it as it is known to ECS",
                );
            }
        }
    }

    fn entries(&self, list: &str) -> Vec<Entry<'a>> {
        let items =
            self.looker.document.value.get(list).and_then(Value::as_array).into_iter().flatten();
        let entry = |(place, value): (usize, &'a Value)| {
            Some(Entry {
                value: value.as_object()?,
                path: vec![list.to_owned(), place.to_string()],
            })
        };
        items.enumerate().filter_map(entry).collect()
    }

    /// Reads the name of an entry.
    fn name(
        &mut self,
        entry: &Entry<'a>,
        field: &str,
        what: &str,
        hint: &str,
        fits: fn(&str) -> bool,
    ) -> Option<String> {
        let Some(name) = entry.text(field) else {
            self.looker.wrong(&entry.path, format!("this {what} has no `{field}`"), hint);
            return None;
        };
        // OpsWorks has its own rules; but a name becomes that of a file.
        let fits =
            if self.looker.strange == UnknownFields::Refused { fits(name) } else { is_name(name) };
        if !fits {
            self.looker.wrong(&entry.at(field), format!("`{name}` is no {field}"), hint);
        }
        Some(name.to_owned())
    }

    /// Notes entries that go by one name.
    fn unique(&mut self, entries: &[Entry<'a>], field: &str, what: &str) {
        let mut seen: HashMap<&str, &Entry<'a>> = HashMap::new();
        for entry in entries {
            let Some(name) = entry.text(field) else { continue };
            if let Some(first) = seen.get(name) {
                let document = self.looker.document;
                self.looker.mistakes.push(
                    Diagnostic::error(format!("two {what}s have the {field} `{name}`"))
                        .at(document.value_at(&parts(&entry.at(field))))
                        .frame(document.value_at(&parts(&first.at(field))), "this is the other")
                        .hint("give one of them another"),
                );
            } else {
                seen.insert(name, entry);
            }
        }
    }

    fn custom_json(&mut self, entry: &Entry<'a>) -> Option<CustomJson> {
        match CustomJson::of(self.looker.document, &entry.at("custom_json"), self.largest) {
            Ok(found) => {
                self.looker.mistakes.extend(found.iter().flat_map(CustomJson::check_data_bags));
                found
                    .iter()
                    .for_each(|json| self.secrets(json, &Value::Object(json.value.clone()), &[]));
                found
            }
            Err(wrong) => {
                self.looker.mistakes.push(wrong);
                None
            }
        }
    }

    /// What custom JSON says of values that are kept elsewhere.
    fn secrets(&mut self, json: &CustomJson, value: &Value, path: &[String]) {
        match value {
            _ if secret_markers::is_meant(value) => {
                if let Err((at, message)) = secret_markers::check(value) {
                    let path: Vec<String> = path.iter().cloned().chain(at).collect();
                    self.looker.mistakes.push(
                        Diagnostic::error(message).at(json.place(&path)).hint(secret_markers::HINT),
                    );
                }
            }
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| self.secrets(json, value, &below(path, key)));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(place, value)| {
                    self.secrets(json, value, &below(path, &place.to_string()));
                });
            }
            _ => {}
        }
    }
}

impl<'a> Entry<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.value.get(field).and_then(Value::as_str)
    }

    fn texts(&self, field: &str) -> Vec<String> {
        let items = self.value.get(field).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn at(&self, field: &str) -> Vec<String> {
        below(&self.path, field)
    }
}

pub(super) fn is_shortname(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    !text.is_empty() && text.len() <= 32 && text.chars().all(known) && !text.starts_with('.')
}

pub(super) fn is_hostname(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(known)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
