//! What was given: entries by list, wherever they stood.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Import;
use super::names::{camel, snake_cased};
use crate::stack::agent::decoded;
use toque_core::diagnostic::{Diagnostic, Span, did_you_mean};
use toque_core::json::{Document, described, wrong_type};

/// A list of entries: what the API calls it, what an agent does, and the field that tells entries
/// apart.
pub(super) struct List {
    pub api: &'static str,
    agent: &'static str,
    id: &'static str,
    /// The command that prints it.
    pub(crate) printed_by: &'static str,
}

const fn list(
    api: &'static str,
    agent: &'static str,
    id: &'static str,
    printed_by: &'static str,
) -> List {
    List { api, agent, id, printed_by }
}

pub(super) const STACKS: List = list("Stacks", "stack", "stack_id", "describe-stacks");
pub(super) const LAYERS: List = list("Layers", "layers", "layer_id", "describe-layers");
pub(super) const INSTANCES: List =
    list("Instances", "instances", "instance_id", "describe-instances");
pub(super) const APPS: List = list("Apps", "apps", "app_id", "describe-apps");
pub(super) const USER_PROFILES: List =
    list("UserProfiles", "", "iam_user_arn", "describe-user-profiles");
pub(super) const PERMISSIONS: List = list("Permissions", "", "", "describe-permissions");
/// Profile and permission in one, as agents know them.
pub(super) const USERS: List = list("", "users", "iam_user_arn", "");
pub(super) const DATABASES: List =
    list("RdsDbInstances", "rds_db_instances", "rds_db_instance_arn", "describe-rds-db-instances");
pub(super) const LOAD_BALANCERS: List = list(
    "ElasticLoadBalancers",
    "elastic_load_balancers",
    "elastic_load_balancer_name",
    "describe-elastic-load-balancers",
);
pub(super) const ECS_CLUSTERS: List =
    list("EcsClusters", "ecs_clusters", "ecs_cluster_arn", "describe-ecs-clusters");
pub(super) const VOLUMES: List = list("Volumes", "volumes", "volume_id", "describe-volumes");
pub(super) const RAID_ARRAYS: List =
    list("RaidArrays", "", "raid_array_id", "describe-raid-arrays");

const LISTS: [List; 12] = [
    STACKS,
    LAYERS,
    INSTANCES,
    APPS,
    USER_PROFILES,
    PERMISSIONS,
    USERS,
    DATABASES,
    LOAD_BALANCERS,
    ECS_CLUSTERS,
    VOLUMES,
    RAID_ARRAYS,
];

/// What else OpsWorks prints; a stack document has no place for any of it.
const OF_NO_USE: [&str; 9] = [
    "AgentVersions",
    "Commands",
    "Deployments",
    "ElasticIps",
    "LoadBasedAutoScalingConfigurations",
    "OperatingSystems",
    "ServiceErrors",
    "StackSummary",
    "TimeBasedAutoScalingConfigurations",
];

/// What an agent's command document is wrapped in.
const AGENT: &str = "aws_opsworks_agent";

/// An entry of a list, with the names of data bags.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub fields: Map<String, Value>,
    document: &'a Document,
    path: Vec<String>,
    /// Whether its names are those of the API where it stands.
    api: bool,
}

impl Entry<'_> {
    /// A field that is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    /// A field that must be text.
    /// # Errors
    /// When it is not there, or is something else.
    pub(super) fn needed(&self, key: &str) -> Result<&str, Diagnostic> {
        match self.fields.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Null) | None => {
                let wrong = format!("an entry of `{}` has no `{}`", self.list(), self.spelt(key));
                Err(Diagnostic::error(wrong)
                    .at(self.at(&[]))
                    .hint("let `aws opsworks` print it anew, without `--query`"))
            }
            Some(other) => Err(self.wrong(&[key], "text", other)),
        }
    }

    /// Where a value of it stands.
    pub(super) fn at(&self, keys: &[&str]) -> Span {
        let keys: Vec<String> =
            self.path.iter().cloned().chain(keys.iter().map(|key| self.spelt(key))).collect();
        self.document.value_at(&keys.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A value of another type than it should have.
    pub(super) fn wrong(&self, keys: &[&str], wanted: &str, found: &Value) -> Diagnostic {
        let name = keys
            .iter()
            .rev()
            .find(|key| key.parse::<usize>().is_err())
            .copied()
            .unwrap_or_default();
        let wrong = format!(
            "`{}` in `{}` should be {wanted}, and is {}",
            self.spelt(name),
            self.list(),
            described(found)
        );
        Diagnostic::error(wrong).at(self.at(keys))
    }

    /// A field as it is called where the entry stands.
    pub(super) fn spelt(&self, key: &str) -> String {
        if self.api { camel(key) } else { key.to_owned() }
    }

    /// What the entry is one of, as it is called where it stands.
    pub(super) fn list(&self) -> &str {
        self.path.iter().rev().find(|key| key.parse::<usize>().is_err()).map_or("", String::as_str)
    }
}

/// Everything that was given.
#[derive(Default)]
pub(super) struct Given<'a> {
    lists: BTreeMap<&'static str, Vec<Entry<'a>>>,
    /// The ids of all stacks that are known; entries of others than the chosen one are no mistakes.
    known: Vec<String>,
    pub agent: Option<Agent>,
}

/// What only an agent knows.
pub(super) struct Agent {
    /// That of all levels, merged.
    pub custom_json: Map<String, Value>,
    pub data_bags: Map<String, Value>,
}

impl<'a> Given<'a> {
    /// Sorts documents by what they hold.
    pub(super) fn of(documents: &'a [Document], import: &mut Import) -> Result<Self, Diagnostic> {
        let mut given = Self::default();
        for document in documents {
            let Value::Object(map) = &document.value else {
                return Err(wrong_type_of_document(document));
            };
            if map.contains_key(AGENT) {
                if documents.len() > 1 {
                    let wrong = format!(
                        "`{}` is an agent's command document, which is read alone",
                        document.source.name
                    );
                    return Err(Diagnostic::error(wrong)
                        .hint("give either it, or what `aws opsworks describe-…` printed"));
                }
                given.read_agent(document, import)?;
            } else {
                given.read_api(document, map, import)?;
            }
        }
        Ok(given)
    }

    fn read_api(
        &mut self,
        document: &'a Document,
        map: &Map<String, Value>,
        import: &mut Import,
    ) -> Result<(), Diagnostic> {
        if map.is_empty() {
            let wrong = format!("`{}` holds nothing", document.source.name);
            return Err(Diagnostic::error(wrong)
                .at(document.value_at(&[]))
                .hint("let `aws opsworks` print it anew"));
        }
        for (key, value) in map {
            if let Some(list) = LISTS.iter().find(|list| list.api == key && !key.is_empty()) {
                self.read_list(document, list, vec![key.clone()], value)?;
            } else if OF_NO_USE.contains(&key.as_str()) {
                import.leave_out(key, "all of it");
            } else if key == "NextToken" {
                if !value.is_null() {
                    let wrong = format!(
                        "`{}` is not all there is: it ends with a `NextToken`",
                        document.source.name
                    );
                    let hint = "let `aws opsworks` print it anew, without `--max-items`";
                    return Err(Diagnostic::error(wrong).at(document.key_at(&[key])).hint(hint));
                }
            } else {
                return Err(unknown(document, map, key));
            }
        }
        Ok(())
    }

    fn read_agent(
        &mut self,
        document: &'a Document,
        import: &mut Import,
    ) -> Result<(), Diagnostic> {
        let inner = &document.value[AGENT];
        let Some(resources) = inner["resources"].as_object() else {
            let wrong = format!(
                "`{}` has no `resources`: it says nothing of a stack",
                document.source.name
            );
            return Err(Diagnostic::error(wrong)
                .hint("print all of it with `opsworks-agent-cli get_json -i`"));
        };
        for (key, value) in resources {
            match LISTS.iter().find(|list| list.agent == key && !key.is_empty()) {
                Some(list) => self.read_list(
                    document,
                    list,
                    [AGENT, "resources", key].map(str::to_owned).to_vec(),
                    value,
                )?,
                None => import.leave_out("resources", key),
            }
        }
        let (custom_json, data_bags) =
            (decoded(document, "customer_json")?, decoded(document, "customer_data_bags")?);
        self.agent = Some(Agent { custom_json, data_bags });
        let chef = &inner["chef"];
        import.leave_out("the command document", "command");
        for key in inner
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .chain(chef.as_object().into_iter().flat_map(Map::keys))
        {
            if !["resources", "chef", "command", "customer_json", "customer_data_bags"]
                .contains(&key.as_str())
            {
                import.leave_out("the command document", key);
            }
        }
        Ok(())
    }

    /// Takes the entries of a list; one that was given before is passed over.
    fn read_list(
        &mut self,
        document: &'a Document,
        list: &List,
        path: Vec<String>,
        value: &Value,
    ) -> Result<(), Diagnostic> {
        let one;
        let (entries, single) = match value {
            Value::Array(entries) => (entries, false),
            Value::Null => return Ok(()),
            // An agent knows one stack.
            Value::Object(_)
                if list.agent == STACKS.agent
                    && path.last().is_some_and(|key| key == list.agent) =>
            {
                one = vec![value.clone()];
                (&one, true)
            }
            other => {
                return Err(wrong_type(
                    document,
                    &path.iter().map(String::as_str).collect::<Vec<_>>(),
                    "an array",
                    other,
                ));
            }
        };
        let api = path.first().is_some_and(|key| key == list.api);
        let known = self.lists.entry(list.key()).or_default();
        for (place, value) in entries.iter().enumerate() {
            let mut path = path.clone();
            if !single {
                path.push(place.to_string());
            }
            let named = if api { snake_cased(value) } else { value.clone() };
            let Value::Object(fields) = named else {
                return Err(wrong_type(
                    document,
                    &path.iter().map(String::as_str).collect::<Vec<_>>(),
                    "a map",
                    value,
                ));
            };
            let entry = Entry { fields, document, path, api };
            let id = entry.text(list.id);
            match known.iter().find(|other| {
                other.fields == entry.fields || id.is_some() && other.text(list.id) == id
            }) {
                None => known.push(entry),
                Some(twin) if twin.fields == entry.fields => {}
                Some(twin) => {
                    let wrong = format!(
                        "two entries of `{}` have the same `{}`, and differ",
                        entry.list(),
                        entry.spelt(list.id)
                    );
                    return Err(Diagnostic::error(wrong)
                        .at(entry.at(&[list.id]))
                        .frame(twin.at(&[list.id]), "the other one")
                        .hint("they were printed at different times: give only the newer one"));
                }
            }
        }
        Ok(())
    }

    /// Keeps one stack of all, by its name or its id.
    pub(super) fn choose(&mut self, wanted: Option<&str>) -> Result<(), Diagnostic> {
        let stacks = self.lists.remove(STACKS.key()).unwrap_or_default();
        let called = |entry: &Entry| {
            format!(
                "`{}` ({})",
                entry.text("name").unwrap_or("?"),
                entry.text("stack_id").unwrap_or("?")
            )
        };
        let all = || stacks.iter().map(called).collect::<Vec<_>>().join(", ");
        let is_wanted = |entry: &&Entry| {
            wanted.is_none_or(|wanted| {
                [entry.text("name"), entry.text("stack_id")].contains(&Some(wanted))
            })
        };
        let found: Vec<&Entry> = stacks.iter().filter(is_wanted).collect();
        let stack = match (found.as_slice(), wanted) {
            ([one], _) => (*one).clone(),
            ([], _) if stacks.is_empty() => {
                return Err(Diagnostic::error("there is no stack in what was given")
                    .hint("give what `aws opsworks describe-stacks` prints too"));
            }
            ([], wanted) => {
                let wanted = wanted.unwrap_or_default();
                let names = stacks.iter().filter_map(|entry| entry.text("name"));
                let wrong = format!("there is no stack `{wanted}` in what was given");
                return Err(Diagnostic::error(wrong)
                    .suggest_or(wanted, names, || format!("there are {}", all())));
            }
            (_, Some(wanted)) => {
                let wrong = format!("{} stacks are called `{wanted}`", found.len());
                return Err(Diagnostic::error(wrong)
                    .hint(format!("choose one with `--stack ID`: {}", all())));
            }
            (_, None) => {
                let wrong = format!("there are {} stacks in what was given", found.len());
                return Err(
                    Diagnostic::error(wrong).hint(format!("choose one with `--stack`: {}", all()))
                );
            }
        };
        self.known =
            stacks.iter().filter_map(|entry| entry.text("stack_id")).map(str::to_owned).collect();
        self.lists.insert(STACKS.key(), vec![stack]);
        Ok(())
    }

    /// The stack that was chosen.
    pub(super) fn stack(&self) -> Option<&Entry<'a>> {
        self.all(&STACKS).first()
    }

    /// Whether a list was given at all.
    pub(super) fn has(&self, list: &List) -> bool {
        self.lists.contains_key(list.key())
    }

    /// The entries of a list that belong to the stack.
    /// # Errors
    /// When one belongs to a stack that was not given.
    pub(super) fn of_stack(&self, list: &List) -> Result<Vec<&Entry<'a>>, Diagnostic> {
        let chosen = self.stack().and_then(|stack| stack.text("stack_id"));
        let mut ours = Vec::new();
        for entry in self.all(list) {
            // A volume does not say; it is where its instance is.
            let instance = entry.text("instance_id").and_then(|id| self.find(&INSTANCES, id));
            match entry.text("stack_id").or_else(|| instance?.text("stack_id")) {
                Some(id) if Some(id) == chosen => ours.push(entry),
                Some(id) if !self.known.iter().any(|known| known == id) => {
                    let wrong = format!(
                        "an entry of `{}` belongs to the stack `{id}`, which was not given",
                        entry.list()
                    );
                    return Err(Diagnostic::error(wrong)
                        .at(entry.at(&["stack_id"]))
                        .hint("give what `aws opsworks describe-stacks` prints of it too, or leave this file out"));
                }
                Some(_) => {}
                None => ours.push(entry),
            }
        }
        Ok(ours)
    }

    /// The entry of a list with an id.
    pub(super) fn find(&self, list: &List, id: &str) -> Option<&Entry<'a>> {
        self.all(list).iter().find(|entry| entry.text(list.id) == Some(id))
    }

    /// The entries of a list, of whatever stack.
    pub(super) fn all(&self, list: &List) -> &[Entry<'a>] {
        self.lists.get(list.key()).map_or(&[], Vec::as_slice)
    }
}

impl List {
    fn key(&self) -> &'static str {
        if self.api.is_empty() { self.agent } else { self.api }
    }
}

fn wrong_type_of_document(document: &Document) -> Diagnostic {
    let wrong = format!(
        "`{}` should be a map, and is {}",
        document.source.name,
        described(&document.value)
    );
    Diagnostic::error(wrong)
        .at(document.value_at(&[]))
        .hint("`aws opsworks` prints `{ \"Layers\": [ … ] }`, for example; leave `--query` out")
}

fn unknown(document: &Document, map: &Map<String, Value>, key: &str) -> Diagnostic {
    let wrong = format!("`{key}` in `{}` is no list of OpsWorks", document.source.name);
    let names = LISTS.iter().map(|list| list.api).filter(|name| !name.is_empty());
    let all = || {
        format!(
            "known are {}",
            names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    };
    let hint = if map.contains_key("opsworks") {
        "attributes of a Chef 11 agent say nothing of layers' recipes; use what `aws opsworks describe-…` printed".to_owned()
    } else if ["stack", "layers", "instances"].contains(&key) {
        "a stack document needs no import: `toque stack check` looks at it".to_owned()
    } else {
        did_you_mean(key, names.clone()).unwrap_or_else(all)
    };
    Diagnostic::error(wrong).at(document.key_at(&[key])).hint(hint)
}
