//! Whether a stack document makes sense: field by field, and what its parts say of one another.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::custom_json::conflict;
use super::schema::{Field, UnknownFields, Validator, below, item, parts};
use super::schema_fields::{
    APP, DATABASE, DOCUMENT, ECS_CLUSTER, INSTANCE, LAYER, LOAD_BALANCER, STACK, USER,
};
use super::{
    App, CookbooksSource, CustomJson, Entry, Event, Instance, LARGEST_ENVIRONMENT, Layer, Named,
    ONLINE, Package, Stack, VERSION, ids,
};
use crate::attributes::shown_path;
use crate::data_bag::{Given, is_name};
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
    unknown_fields: UnknownFields,
) -> Result<Stack, Diagnostics> {
    let mut check =
        Check { validator: Validator { document, unknown_fields, mistakes: Vec::new() }, largest };
    if let Some(version) = document.value["version"]
        .as_number()
        .filter(|version| version.as_u64().is_none_or(|known| known > VERSION))
    {
        let wrong = format!(
            "this document is of version {version}, and this program reads versions up to {VERSION}"
        );
        check.validator.wrong(
            &["version".to_owned()],
            wrong,
            "read it with a newer toque, or write it anew with this one",
        );
        return Err(Diagnostics(check.validator.mistakes));
    }
    check.validator.map("a stack document", DOCUMENT, &document.value, &[]);
    if !check.validator.mistakes.is_empty() {
        // What is missing or misplaced would only be told again.
        return Err(Diagnostics(check.validator.mistakes));
    }
    let Some(own) = document.value["stack"].as_object() else {
        check.validator.wrong(
            &[],
            "the document has no `stack`",
            "write `\"stack\": { \"name\": \"shop\" }`",
        );
        return Err(Diagnostics(check.validator.mistakes));
    };
    let stack = check.whole(own);
    let mistakes = check.validator.mistakes;
    if mistakes.is_empty() { Ok(stack) } else { Err(Diagnostics(mistakes)) }
}

struct Check<'a> {
    validator: Validator<'a>,
    largest: usize,
}

/// Reads the fields of an entry of the document.
#[derive(Clone)]
struct Reader<'a> {
    value: &'a Map<String, Value>,
    path: Vec<String>,
}

impl<'a> Check<'a> {
    fn whole(&mut self, own: &'a Map<String, Value>) -> Stack {
        let at = vec!["stack".to_owned()];
        let own = Reader { value: own, path: at.clone() };
        let name = own.owned("name").unwrap_or_default();
        if name.is_empty() {
            self.validator.wrong(
                &at,
                "the stack has no `name`",
                "write `\"stack\": { \"name\": \"shop\" }`",
            );
        }
        if let Some(compat) = own.text("compat").filter(|compat| *compat != "opsworks-11") {
            let wrong = format!("`compat` knows no `{compat}`");
            self.validator.wrong(
                &own.at("compat"),
                wrong,
                "leave it out, or write \"opsworks-11\" for the node attributes of Chef 11 stacks",
            );
        }
        let id = own.owned("stack_id").unwrap_or_else(|| ids::of_stack(&name));
        self.source(&own, "custom_cookbooks_source");
        let custom_json = self.custom_json(&own);
        let layers = self.layers(&id);
        let instances = self.instances(&id, &layers);
        let apps = self.apps(&id);
        let document = self.validator.document;
        let entry = self.entry(&own, STACK);
        let use_custom_cookbooks = own.value.get("use_custom_cookbooks").and_then(Value::as_bool);
        let source = &entry.item["custom_cookbooks_source"];
        let said = ["type", "url"].iter().any(|field| !source[*field].is_null());
        let cookbooks_source =
            (said && use_custom_cookbooks != Some(false)).then(|| CookbooksSource {
                value: source.clone(),
                at: document.value_at(&["stack", "custom_cookbooks_source"]),
            });
        Stack {
            source: document.source.name.clone(),
            folder: document.source.path.as_deref().and_then(Path::parent).map(Path::to_owned),
            at: document.value_at(&["stack"]),
            vpc_id: own.owned("vpc_id"),
            use_custom_cookbooks,
            cookbooks_source,
            opsworks_11: own.text("compat").is_some(),
            users: self.users(),
            load_balancers: self.load_balancers(&layers),
            databases: self.databases(),
            ecs_clusters: self.ecs_clusters(),
            entry,
            document: Rc::clone(document),
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
        let layer = |entry: &Reader<'a>| {
            let shortname = self.name(entry, "shortname", "layer", SHORTNAME, is_shortname)?;
            let id =
                entry.owned("layer_id").unwrap_or_else(|| ids::within(stack, "layer", &shortname));
            let document = self.validator.document;
            let recipes = Event::LIFECYCLE.map(|event| {
                let path = below(&entry.at("custom_recipes"), event.name());
                let list =
                    entry.value.get("custom_recipes").and_then(|recipes| recipes.get(event.name()));
                // Those that are no recipes were told already.
                let list = list.filter(|list| !list.is_null());
                list.and_then(|list| Item::all(document, &parts(&path), list).ok())
                    .unwrap_or_default()
            });
            let package = |(name, path): (&str, Vec<String>)| Package {
                name: name.to_owned(),
                at: document.value_at(&parts(&path)),
            };
            Some(Layer {
                name: entry.text("name").unwrap_or(&shortname).to_owned(),
                kind: entry.text("type").unwrap_or("custom").to_owned(),
                packages: entry.texts("packages").map(package).collect(),
                entry: self.entry(entry, LAYER),
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
        let instance = |entry: &Reader<'a>| {
            let hostname = self.name(entry, "hostname", "instance", HOSTNAME, is_hostname)?;
            let id = entry
                .owned("instance_id")
                .unwrap_or_else(|| ids::within(stack, "instance", &hostname));
            let named = self.layers_of(entry, layers);
            let status = entry.text("status").unwrap_or(ONLINE).to_owned();
            if !STATES.contains(&status.as_str()) {
                let wrong = format!("`{status}` is no status of an instance");
                let hint = did_you_mean(&status, STATES)
                    .unwrap_or_else(|| "write \"online\", or \"stopped\"".to_owned());
                self.validator.wrong(&entry.at("status"), wrong, hint);
            }
            for field in ["private_ip", "public_ip", "elastic_ip"] {
                let address =
                    entry.text(field).filter(|text| text.parse::<std::net::IpAddr>().is_err());
                if let Some(address) =
                    address.filter(|_| self.validator.unknown_fields == UnknownFields::Refused)
                {
                    self.validator.wrong(
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
                ami_id: entry.owned("ami_id"),
                architecture: entry.owned("architecture"),
                availability_zone: entry.owned("availability_zone"),
                ec2_instance_id: entry.owned("ec2_instance_id"),
                instance_type: entry.owned("instance_type"),
                os: entry.owned("os"),
                private_dns: entry.owned("private_dns"),
                private_ip: entry.owned("private_ip"),
                public_dns: entry.owned("public_dns"),
                public_ip: entry.owned("public_ip"),
                entry: self.entry(entry, INSTANCE),
            })
        };
        entries.iter().filter_map(instance).collect()
    }

    /// The layers that an instance is in: by shortname, or else by id.
    fn layers_of(&mut self, entry: &Reader<'a>, layers: &[Layer]) -> Vec<String> {
        let (field, key): (_, fn(&Layer) -> &str) = match entry.value.get("layers") {
            Some(Value::Array(_)) => ("layers", |layer| &layer.shortname),
            _ => ("layer_ids", |layer| &layer.id),
        };
        let mut named = Vec::new();
        for (wanted, path) in entry.texts(field) {
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
                    let hint = did_you_mean(wanted, names).unwrap_or_else(all);
                    self.validator.wrong(&path, format!("there is no layer `{wanted}`"), hint);
                }
            }
        }
        named
    }

    fn apps(&mut self, stack: &str) -> Vec<App> {
        let entries = self.entries("apps");
        self.unique(&entries, "shortname", "app");
        let app = |entry: &Reader<'a>| {
            let shortname = self.name(entry, "shortname", "app", SHORTNAME, is_shortname)?;
            let id = entry.owned("app_id").unwrap_or_else(|| ids::within(stack, "app", &shortname));
            self.environment(entry, &shortname);
            self.source(entry, "app_source");
            let source =
                |field| Some(entry.value.get("app_source")?.get(field)?.as_str()?.to_owned());
            Some(App {
                name: entry.text("name").unwrap_or(&shortname).to_owned(),
                kind: entry.text("type").unwrap_or("other").to_owned(),
                source_type: source("type"),
                revision: source("revision"),
                custom_json: self.custom_json(entry),
                entry: self.entry(entry, APP),
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
            self.validator.mistakes.push(
                Diagnostic::error(wrong)
                    .at(two.place(&path))
                    .frame(one.place(&path), format!("`{}` sets it here", app.shortname))
                    .hint("the custom JSON of all apps holds at every event: give each its own key, such as its shortname"),
            );
        }
    }

    /// Where an app or cookbooks come from. What OpsWorks' agent kept may be anything.
    fn source(&mut self, entry: &Reader<'a>, field: &str) {
        let Some(Value::Object(source)) = entry
            .value
            .get(field)
            .filter(|_| self.validator.unknown_fields == UnknownFields::Refused)
        else {
            return;
        };
        let at = |name: &str| below(&entry.at(field), name);
        let given = |name: &str| source.get(name).is_some_and(|value| !value.is_null());
        match source.get("type").and_then(Value::as_str) {
            None if given("url") => {
                let hint = "write `\"type\": \"git\"`, `\"archive\"` or `\"s3\"` into it";
                self.validator.wrong(&entry.at(field), "this source has no `type`", hint);
            }
            // What is deployed by other means is nobody's business here.
            None | Some("other" | "svn") => {}
            Some("git" | "archive" | "s3") if !given("url") => {
                self.validator.wrong(
                    &entry.at(field),
                    "this source has no `url`",
                    "say where the content comes from",
                );
            }
            Some("git" | "archive" | "s3") => {}
            Some(unknown) => {
                let hint = did_you_mean(unknown, ["git", "archive", "s3", "other"])
                    .unwrap_or_else(|| "it is `git`, `archive`, `s3` or `other`".to_owned());
                let wrong = format!("there is no source of the type `{unknown}`");
                self.validator.wrong(&at("type"), wrong, hint);
            }
        }
        let checksum = source.get("checksum").and_then(Value::as_str);
        if checksum
            .is_some_and(|text| text.len() != 64 || !text.chars().all(|c| c.is_ascii_hexdigit()))
        {
            self.validator.wrong(
                &at("checksum"),
                "this is no SHA-256",
                "write its 64 hexadecimal digits, as `sha256sum` prints them",
            );
        }
    }

    fn environment(&mut self, entry: &Reader<'a>, app: &str) {
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
            self.validator.wrong(
                &entry.at("environment"),
                wrong,
                "put large values into files or data bags",
            );
        }
    }

    fn users(&mut self) -> Vec<Named> {
        let users = self.entries("users");
        self.unique(&users, "username", "user");
        let hint = "write `\"username\": \"alice\"` into it";
        self.named(&users, USER, "user", &["username"], hint)
    }

    fn load_balancers(&mut self, layers: &[Layer]) -> Vec<Named> {
        let key = "elastic_load_balancer_name";
        let entries = self.entries("load_balancers");
        self.unique(&entries, key, "load balancer");
        let hint = "write `\"elastic_load_balancer_name\": \"front\"` into it";
        let mut balancers = self.named(&entries, LOAD_BALANCER, "load balancer", &[key], hint);
        for (balancer, entry) in balancers.iter_mut().zip(&entries) {
            let Some(name) = entry.text("layer") else { continue };
            match layers.iter().find(|layer| layer.shortname == name) {
                Some(layer) => {
                    balancer.entry.item.insert("layer_id".to_owned(), layer.id.clone().into());
                }
                None => {
                    let hint = did_you_mean(name, layers.iter().map(|layer| &*layer.shortname))
                        .unwrap_or_else(|| "name one of `layers`, by its shortname".to_owned());
                    let wrong = format!("there is no layer `{name}`");
                    self.validator.wrong(&entry.at("layer"), wrong, hint);
                }
            }
        }
        balancers
    }

    fn databases(&mut self) -> Vec<Named> {
        let keys = ["rds_db_instance_arn", "db_instance_identifier"];
        let hint = "write `\"db_instance_identifier\": \"main\"` into it";
        self.named(&self.entries("databases"), DATABASE, "database", &keys, hint)
    }

    fn ecs_clusters(&mut self) -> Vec<Named> {
        let hint = "write it as it is known to ECS";
        let clusters = self.entries("ecs_clusters");
        self.named(&clusters, ECS_CLUSTER, "cluster", &["ecs_cluster_arn"], hint)
    }

    /// Reads entries that are known by the first of `keys` that they have.
    fn named(
        &mut self,
        entries: &[Reader<'a>],
        fields: &[Field],
        what: &str,
        keys: &[&str],
        hint: &str,
    ) -> Vec<Named> {
        let named = |entry: &Reader<'a>| {
            let name = keys.iter().find_map(|key| entry.owned(key)).unwrap_or_default();
            if name.is_empty() {
                let key = keys.last().copied().unwrap_or_default();
                self.validator.wrong(&entry.path, format!("this {what} has no `{key}`"), hint);
            }
            Named { name, entry: self.entry(entry, fields) }
        };
        entries.iter().map(named).collect()
    }

    /// Returns an entry as its data bag item has it.
    fn entry(&self, entry: &Reader<'a>, fields: &[Field]) -> Entry {
        let document = Rc::clone(self.validator.document);
        Entry {
            item: item(fields, entry.value),
            given: Given { document, path: entry.path.clone() },
        }
    }

    fn entries(&self, list: &str) -> Vec<Reader<'a>> {
        let items =
            self.validator.document.value.get(list).and_then(Value::as_array).into_iter().flatten();
        let entry = |(place, value): (usize, &'a Value)| {
            Some(Reader {
                value: value.as_object()?,
                path: vec![list.to_owned(), place.to_string()],
            })
        };
        items.enumerate().filter_map(entry).collect()
    }

    /// Reads the name of an entry.
    fn name(
        &mut self,
        entry: &Reader<'a>,
        field: &str,
        what: &str,
        hint: &str,
        fits: fn(&str) -> bool,
    ) -> Option<String> {
        let Some(name) = entry.text(field) else {
            self.validator.wrong(&entry.path, format!("this {what} has no `{field}`"), hint);
            return None;
        };
        // OpsWorks has its own rules; but a name becomes that of a file.
        let fits = if self.validator.unknown_fields == UnknownFields::Refused {
            fits(name)
        } else {
            is_name(name)
        };
        if !fits {
            self.validator.wrong(&entry.at(field), format!("`{name}` is no {field}"), hint);
        }
        Some(name.to_owned())
    }

    /// Notes entries that go by one name.
    fn unique(&mut self, entries: &[Reader<'a>], field: &str, what: &str) {
        let mut seen: HashMap<&str, &Reader<'a>> = HashMap::new();
        for entry in entries {
            let Some(name) = entry.text(field) else { continue };
            if let Some(first) = seen.get(name) {
                let document = self.validator.document;
                self.validator.mistakes.push(
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

    fn custom_json(&mut self, entry: &Reader<'a>) -> Option<CustomJson> {
        match CustomJson::of(
            self.validator.document,
            &entry.at("custom_json"),
            entry.value.get("custom_json"),
            self.largest,
        ) {
            Ok(found) => {
                self.validator.mistakes.extend(found.iter().flat_map(CustomJson::check_data_bags));
                found
                    .iter()
                    .for_each(|json| self.secrets(json, &Value::Object(json.value.clone()), &[]));
                found
            }
            Err(wrong) => {
                self.validator.mistakes.push(wrong);
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
                    self.validator.mistakes.push(
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

impl<'a> Reader<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.value.get(field).and_then(Value::as_str)
    }

    fn owned(&self, field: &str) -> Option<String> {
        self.text(field).map(str::to_owned)
    }

    /// Returns the texts of an array, each with its path.
    fn texts(&self, field: &str) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        let (items, path) = (self.value.get(field).and_then(Value::as_array), self.at(field));
        let text = move |(place, item): (usize, &'a Value)| {
            Some((item.as_str()?, below(&path, &place.to_string())))
        };
        items.into_iter().flatten().enumerate().filter_map(text)
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
