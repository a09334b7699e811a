//! The event of a stack that a run is for, from flags or a command document.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_core::failure::plain_io;
use toque_core::json::Document;
use toque_core::read_text::read_text;
use toque_core::redaction::Redactor;
use toque_data::stack;
use toque_data::stack::{Command, CustomJson, Event, Stack, Wanted};
use toque_language::Limits;
use toque_machine::trust::Trust;

use crate::{input, run_list};

/// The flags that make a run that of an event.
#[derive(clap::Args, Default)]
pub(crate) struct EventFlags {
    /// The stack document, JSON or TOML: this run is for an event on an instance of it
    #[arg(long, value_name = "FILE", help_heading = "Stack", conflicts_with = "command")]
    stack: Option<PathBuf>,
    /// The instance; the name of this node unless told
    #[arg(long, value_name = "NAME", help_heading = "Stack", requires = "stack")]
    instance: Option<String>,
    /// setup, configure, deploy, undeploy, shutdown, rollback, restart, execute_recipes,
    /// install_dependencies or update_custom_cookbooks
    #[arg(long, value_name = "EVENT", help_heading = "Stack", requires = "stack")]
    event: Option<String>,
    /// The app that is deployed, undeployed, rolled back or restarted; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Stack", requires = "stack")]
    app: Vec<String>,
    /// All apps of the stack
    #[arg(long, help_heading = "Stack", requires = "stack", conflicts_with = "app")]
    all_apps: bool,
    /// A recipe for `--event execute_recipes`; may be given again
    #[arg(long, value_name = "RECIPE", help_heading = "Stack", requires = "stack")]
    recipe: Vec<String>,
    /// Custom JSON for this run alone: a file, or the JSON itself
    #[arg(long, value_name = "FILE|JSON", help_heading = "Stack", requires = "stack")]
    custom_json: Option<String>,
    /// A command document, which holds all of these: one of `toque command write`, or what
    /// OpsWorks' agent kept
    #[arg(long, value_name = "FILE", help_heading = "Stack")]
    command: Option<PathBuf>,
}

impl EventFlags {
    /// Returns the flags that name a command document.
    pub(crate) fn of_document(path: &Path) -> Self {
        Self { command: Some(path.to_owned()), ..Self::default() }
    }

    /// Returns the folder of the stack's document, from which the repository is searched upwards.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let path = self.stack.as_deref().or(self.command.as_deref());
        let whole =
            std::path::absolute(path.filter(|path| !input::is_standard_input(path))?).ok()?;
        whole.parent().map(Path::to_owned)
    }
}

/// Reads the event that flags name; none when they name no stack. An event and an instance that
/// are not named are `default_event` and `node`.
pub(crate) fn read(
    flags: &EventFlags,
    default_event: Option<Event>,
    node: &str,
    limits: &Limits,
    redactor: &Redactor,
    trust: &Trust,
) -> Result<Option<Rc<Command>>, Diagnostics> {
    if let Some(path) = &flags.command {
        input::check(path, trust)?;
        return Command::read(document(path)?, limits.custom_json, redactor)
            .map(|command| Some(Rc::new(command)));
    }
    let Some(path) = &flags.stack else { return Ok(None) };
    input::check(path, trust)?;
    let event = match (&flags.event, default_event) {
        (Some(event), _) => Event::parse(event)?,
        (None, Some(default)) => default,
        (None, None) => {
            let names: Vec<&str> = Event::all().map(Event::name).collect();
            return Err(Diagnostic::error("the stack's event is not told")
                .hint(format!("say which: `--event configure`; there are {}", names.join(", ")))
                .into());
        }
    };
    let stack = Rc::new(Stack::read(path, limits.custom_json, redactor)?);
    let instance = match &flags.instance {
        Some(name) => name.clone(),
        None if stack.instances.iter().any(|instance| instance.hostname == node) => node.to_owned(),
        None => {
            let names: Vec<&str> =
                stack.instances.iter().map(|instance| &*instance.hostname).collect();
            let wrong = format!(
                "`{}` has no instance `{node}`, which is the name of this node",
                path.display()
            );
            return Err(Diagnostic::error(wrong)
                .hint(format!("say which this is, with `--instance`: {}", names.join(", ")))
                .into());
        }
    };
    let custom_json = flags.custom_json.as_deref();
    let wanted = Wanted {
        instance,
        apps: flags.app.clone(),
        all_apps: flags.all_apps,
        recipes: run_list::split(&flags.recipe)?,
        custom_json: custom_json
            .map(|text| read_json(text, limits.custom_json, trust))
            .transpose()?,
    };
    Ok(Some(Rc::new(Command::new(stack, event, wanted)?)))
}

/// Reads a command document; `-` is standard input.
fn document(path: &Path) -> Result<Rc<Document>, Diagnostic> {
    if input::is_standard_input(path) {
        let text = input::read(path).map_err(|cause| {
            Diagnostic::error(format!(
                "cannot read the command document from standard input: {cause}"
            ))
        })?;
        return stack::parse("standard input", text).map(Rc::new);
    }
    let name = path.display().to_string();
    match stack::read(path, &name)? {
        Some(document) => Ok(Rc::new(document)),
        None => Err(Diagnostic::error(format!("there is no command document `{name}`"))
            .hint("`toque command write` makes one of a stack document")),
    }
}

/// Parses custom JSON, or reads the file with it.
fn read_json(argument: &str, largest: usize, trust: &Trust) -> Result<CustomJson, Diagnostic> {
    if argument.trim_start().starts_with('{') {
        return CustomJson::parse("--custom-json", argument.to_owned(), largest);
    }
    input::check(Path::new(argument), trust)?;
    let text = read_text(Path::new(argument)).map_err(|error| {
        Diagnostic::error(format!(
            "cannot read the custom JSON in `{argument}`: {}",
            plain_io(&error)
        ))
        .hint("name a file, or give the JSON itself, which begins with `{`")
    })?;
    CustomJson::parse(argument, text, largest)
}
