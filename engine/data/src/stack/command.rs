//! Commands: one event on one instance, with everything that it needs to be run, now or again.

use std::rc::Rc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::schema::{UnknownFields, below, parts};
use super::{App, CustomJson, Event, Instance, Stack, VERSION, agent, schema, told, validate};
use crate::run_list::{Item, Placed};
use crate::secret_markers;
use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_core::json::Document;
use toque_core::redaction::Redactor;

/// One event on one instance of a stack.
#[derive(Debug)]
pub struct Command {
    pub stack: Rc<Stack>,
    /// Its host name.
    pub instance: String,
    pub event: Event,
    /// The shortnames of the apps that it is about.
    pub apps: Vec<String>,
    /// What is run in place of the recipes of the layers.
    pub recipes: Option<Vec<Placed>>,
    pub custom_json: Option<CustomJson>,
    pub id: String,
    /// RFC 3339, UTC.
    pub sent_at: String,
    pub(crate) iam_user_arn: Option<String>,
    /// What it was given besides, as OpsWorks did.
    pub(super) args: Map<String, Value>,
}

/// What somebody wants of an instance.
#[derive(Debug, Default)]
pub struct Wanted {
    pub instance: String,
    pub apps: Vec<String>,
    pub all_apps: bool,
    /// For `execute_recipes`.
    pub recipes: Vec<Item>,
    pub custom_json: Option<CustomJson>,
}

impl Command {
    /// A new command.
    /// # Errors
    /// An instance or an app that the stack does not have, with the nearest name; several apps of
    /// which none was named; recipes for an event that has its own, or none for one that needs
    /// them.
    pub fn new(stack: Rc<Stack>, event: Event, wanted: Wanted) -> Result<Self, Diagnostic> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Diagnostic::error(format!("the system gives no random bytes: {error}"))
        })?;
        stack.instance(&wanted.instance)?;
        check_bags(wanted.custom_json.as_ref())
            .map_err(|Diagnostics(mut wrong)| wrong.remove(0))?;
        let apps = apps(&stack, event, &wanted)?;
        let recipes = match (event, wanted.recipes.is_empty()) {
            (Event::ExecuteRecipes, true) => {
                return Err(Diagnostic::error("`execute_recipes` was not told which")
                    .hint("name them: `--recipe web::tls`"));
            }
            (Event::ExecuteRecipes, false) => {
                Some(wanted.recipes.into_iter().map(|item| Placed { item, at: None }).collect())
            }
            (_, true) => None,
            (event, false) => {
                return Err(Diagnostic::error(format!(
                    "`{event}` takes no recipes: the layers of the instance have them"
                ))
                .hint("`--event execute_recipes` runs others"));
            }
        };
        Ok(Self {
            instance: wanted.instance,
            apps,
            recipes,
            custom_json: wanted.custom_json,
            id: uuid::Builder::from_random_bytes(random).into_uuid().to_string(),
            sent_at: jiff::Timestamp::now().strftime("%FT%T+00:00").to_string(),
            iam_user_arn: None,
            args: Map::new(),
            stack,
            event,
        })
    }

    /// Reads a command document: of this program, or one that OpsWorks' agent kept (of Chef 12 as
    /// `get_json -i` prints it, or the attributes of Chef 11). `largest` is how many bytes custom
    /// JSON may have.
    /// # Errors
    /// What is wrong with it; a version that is not known yet.
    pub fn read(
        document: Rc<Document>,
        largest: usize,
        redactor: &Redactor,
    ) -> Result<Self, Diagnostics> {
        Self::understand(document, largest, redactor).map_err(|wrong| told(wrong, redactor))
    }

    fn understand(
        document: Rc<Document>,
        largest: usize,
        redactor: &Redactor,
    ) -> Result<Self, Diagnostics> {
        // What is wrong may stand beside what must not be seen.
        schema::hide(super::schema_fields::DOCUMENT, &document, redactor);
        let (document, largest, unknown_fields) = match agent::convert(&document, redactor)? {
            // Fields that are not known to this program are the agent's business.
            Some(converted) => (Rc::new(converted), usize::MAX, UnknownFields::Kept),
            None => (document, largest, UnknownFields::Refused),
        };
        let stack = Rc::new(validate::stack(&document, largest, unknown_fields)?);
        let at = |field: &str| vec!["command".to_owned(), field.to_owned()];
        let Value::Object(command) = &document.value["command"] else {
            let wrong =
                format!("`{}` is no command document: it has no `command`", document.source.name);
            let hint = "a stack document is run by `--stack` and `--event`; `toque command write` makes a command document of it";
            return Err(Diagnostic::error(wrong).at(document.value_at(&[])).hint(hint).into());
        };
        let text = |field: &str| command.get(field).and_then(Value::as_str);
        let missing = |field: &str, hint: &str| {
            let wrong = Diagnostic::error(format!("the command has no `{field}`"))
                .at(document.value_at(&["command"]));
            Diagnostics::from(wrong.hint(hint))
        };
        let event = text("type")
            .ok_or_else(|| missing("type", "write `\"type\": \"configure\"` into it"))?;
        let event = Event::of_type(event)
            .map_err(|wrong| wrong.at(document.value_at(&["command", "type"])))?;
        let instance = instance(&stack, &text)
            .map_err(|(field, wrong)| wrong.at(document.value_at(&["command", field])))?;
        let args = command.get("args").and_then(Value::as_object).cloned().unwrap_or_default();
        let apps = match event {
            Event::Setup => stack.apps.iter().map(|app| app.shortname.clone()).collect(),
            _ => named_apps(&stack, &document, &args)?,
        };
        let recipes = command.get("recipes").map(|list| (at("recipes"), list));
        let recipes =
            recipes.or_else(|| Some((below(&at("args"), "recipes"), args.get("recipes")?)));
        let recipes = recipes.filter(|(_, list)| !list.is_null());
        let recipes =
            recipes.map(|(path, list)| Item::all(&document, &parts(&path), list)).transpose()?;
        let apps = match &recipes {
            None if apps.is_empty() => {
                let implied = implied_apps(&stack, event);
                implied.map_err(|wrong| {
                    wrong
                        .at(document.value_at(&["command"]))
                        .hint("name them in `args.app_ids`, or `args.apps`")
                })?
            }
            _ => apps,
        };
        let custom_json = command.get("custom_json");
        let custom_json = CustomJson::of(&document, &at("custom_json"), custom_json, largest)?;
        check_bags(custom_json.as_ref())?;
        let id = text("command_id").map_or_else(
            || {
                // The same document is the same command.
                Uuid::new_v5(&Uuid::NAMESPACE_OID, document.source.text.as_bytes()).to_string()
            },
            str::to_owned,
        );
        let sent_at = text("sent_at").unwrap_or("1970-01-01T00:00:00+00:00").to_owned();
        let iam_user_arn = text("iam_user_arn").map(str::to_owned);
        Ok(Self {
            instance,
            event,
            apps,
            recipes,
            custom_json,
            id,
            sent_at,
            iam_user_arn,
            args,
            stack,
        })
    }

    /// The instance that it is for.
    #[must_use]
    pub fn own(&self) -> Option<&Instance> {
        self.stack.instances.iter().find(|instance| instance.hostname == self.instance)
    }

    /// All of it as one document, from which [`Command::read`] makes the same command.
    #[must_use]
    pub fn document(&self) -> Value {
        let mut document = json!({ "version": VERSION });
        let mut command = json!({
            "type": self.event.name(),
            "args": self.arguments(),
            "command_id": self.id,
            "sent_at": self.sent_at,
            "iam_user_arn": self.iam_user_arn,
            "instance_id": self.own().map(|instance| &instance.id),
            "instance": self.instance,
        });
        if let Some(custom) = &self.custom_json {
            command["custom_json"] = Value::Object(custom.value.clone());
        }
        if let (Some(recipes), false) = (&self.recipes, self.event == Event::ExecuteRecipes) {
            command["recipes"] = recipes.iter().map(|placed| placed.item.to_string()).collect();
        }
        document["command"] = command;
        for (key, value) in self.stack.document.value.as_object().into_iter().flatten() {
            if key != "command" && key != "version" {
                document[key] = value.clone();
            }
        }
        let folder = self.stack.folder.as_deref();
        if let Some(folder) = folder.and_then(|folder| std::path::absolute(folder).ok()) {
            // The document may be read elsewhere.
            secret_markers::move_from(&mut document, &folder);
        }
        document
    }

    /// Its `args`, as OpsWorks had them.
    pub(super) fn arguments(&self) -> Value {
        let mut args = self.args.clone();
        let ids: Vec<&str> = self.targeted().map(|app| &*app.id).collect();
        if !ids.is_empty() && !args.contains_key("app_ids") {
            args.insert("app_ids".to_owned(), json!(ids));
        }
        if let (Event::ExecuteRecipes, Some(recipes)) = (self.event, &self.recipes) {
            args.insert(
                "recipes".to_owned(),
                recipes.iter().map(|placed| placed.item.to_string()).collect(),
            );
        }
        Value::Object(args)
    }

    pub(super) fn targeted(&self) -> impl Iterator<Item = &App> {
        self.stack.apps.iter().filter(|app| self.apps.contains(&app.shortname))
    }
}

/// Whether the data bags of custom JSON can be.
fn check_bags(custom: Option<&CustomJson>) -> Result<(), Diagnostics> {
    let wrong: Vec<Diagnostic> = custom.into_iter().flat_map(CustomJson::check_data_bags).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Diagnostics(wrong)) }
}

/// The apps that a new command is about.
fn apps(stack: &Stack, event: Event, wanted: &Wanted) -> Result<Vec<String>, Diagnostic> {
    let all = || stack.apps.iter().map(|app| app.shortname.clone()).collect::<Vec<_>>();
    for app in &wanted.apps {
        stack.app(app)?;
    }
    let told = !wanted.apps.is_empty();
    if told && !event.needs_apps() && event != Event::ExecuteRecipes {
        let what = if event == Event::Setup { "it deploys all apps" } else { "it is about no app" };
        return Err(Diagnostic::error(format!("`{event}` cannot be told an app: {what}"))
            .hint("leave `--app` out"));
    }
    if wanted.all_apps || event == Event::Setup {
        return Ok(all());
    }
    if !wanted.apps.is_empty() {
        return Ok(all().into_iter().filter(|app| wanted.apps.contains(app)).collect());
    }
    implied_apps(stack, event).map_err(|wrong| {
        wrong.hint(format!(
            "name one: `--app {}`, or all of them: `--all-apps`",
            all().join("`, `--app ")
        ))
    })
}

/// The apps that an event is about when none is named.
fn implied_apps(stack: &Stack, event: Event) -> Result<Vec<String>, Diagnostic> {
    match (event.needs_apps(), stack.apps.as_slice()) {
        (false, _) | (true, []) => Ok(Vec::new()),
        (true, [only]) => Ok(vec![only.shortname.clone()]),
        (true, apps) => {
            Err(Diagnostic::error(format!("`{event}` was not told which of {} apps", apps.len())))
        }
    }
}

/// The instance that a document is for, or the field that is wrong.
fn instance<'a>(
    stack: &Stack,
    text: &impl Fn(&str) -> Option<&'a str>,
) -> Result<String, (&'static str, Diagnostic)> {
    if let Some(hostname) = text("instance") {
        return stack
            .instance(hostname)
            .map(|instance| instance.hostname.clone())
            .map_err(|wrong| ("instance", wrong));
    }
    let id = text("instance_id").unwrap_or_default();
    let found = stack.instances.iter().find(|instance| instance.id == id).or(
        match stack.instances.as_slice() {
            [only] if id.is_empty() => Some(only),
            _ => None,
        },
    );
    found.map(|instance| instance.hostname.clone()).ok_or_else(|| {
        let known = || stack.instances.iter();
        let named = known().map(|instance| format!("{} ({})", instance.id, instance.hostname));
        let all = || format!("the instances are {}", named.collect::<Vec<_>>().join(", "));
        let wrong = Diagnostic::error(format!("there is no instance with the id `{id}`"));
        ("instance_id", wrong.suggest_or(id, known().map(|instance| &*instance.id), all))
    })
}

/// The apps that a document names, by id or shortname.
fn named_apps(
    stack: &Stack,
    document: &Document,
    args: &Map<String, Value>,
) -> Result<Vec<String>, Diagnostic> {
    let mut apps = Vec::new();
    for (field, by_id) in [("app_ids", true), ("apps", false)] {
        for (place, name) in
            args.get(field).and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let name = name.as_str().unwrap_or_default();
            let found = if by_id { app_of_id(stack, name) } else { stack.app(name) };
            let at = || document.value_at(&["command", "args", field, &place.to_string()]);
            apps.push(found.map_err(|wrong| wrong.at(at()))?.shortname.clone());
        }
    }
    Ok(apps)
}

fn app_of_id<'a>(stack: &'a Stack, id: &str) -> Result<&'a App, Diagnostic> {
    stack.apps.iter().find(|app| app.id == id).ok_or_else(|| {
        let known = stack.apps.iter().map(|app| format!("{} ({})", app.id, app.shortname));
        let all = || format!("the apps are {}", known.collect::<Vec<_>>().join(", "));
        let wrong = Diagnostic::error(format!("there is no app with the id `{id}`"));
        wrong.suggest_or(id, stack.apps.iter().map(|app| &*app.id), all)
    })
}
