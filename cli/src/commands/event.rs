//! The event of a stack that a run is for, from flags or a command document.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_engine::Limits;
use toque_engine::diagnostic::{Diagnostic, Diagnostics};
use toque_engine::failure::plain_io;
use toque_engine::json::Document;
use toque_engine::masks::Masks;
use toque_engine::run_list::{HINT, Item};
use toque_engine::stack::{self, Command, CustomJson, Event, Stack, Wanted};

use crate::args::OfStack;

/// The event that flags name; none when they name no stack. `usual` is taken where none is named,
/// `node` where no instance is.
pub fn command(
    of: &OfStack,
    usual: Option<Event>,
    node: &str,
    limits: &Limits,
    masks: &Masks,
) -> Result<Option<Rc<Command>>, Diagnostics> {
    if let Some(path) = &of.command {
        return Command::read(document(path)?, limits.custom_json, masks)
            .map(|command| Some(Rc::new(command)));
    }
    let Some(path) = &of.stack else { return Ok(None) };
    let event = match (&of.event, usual) {
        (Some(event), _) => Event::parse(event)?,
        (None, Some(usual)) => usual,
        (None, None) => {
            let names: Vec<&str> = Event::all().map(Event::name).collect();
            return Err(Diagnostic::error("the stack's event is not told")
                .hint(format!("say which: `--event configure`; there are {}", names.join(", ")))
                .into());
        }
    };
    let stack = Rc::new(Stack::read(path, limits.custom_json, masks)?);
    let instance = match &of.instance {
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
    let recipes = of
        .recipe
        .iter()
        .flat_map(|recipe| recipe.split(','))
        .filter(|recipe| !recipe.trim().is_empty());
    let recipes = recipes
        .map(|recipe| Item::parse(recipe).map_err(|wrong| Diagnostic::error(wrong).hint(HINT)));
    let wanted = Wanted {
        instance,
        apps: of.app.clone(),
        all_apps: of.all_apps,
        recipes: recipes.collect::<Result<_, _>>()?,
        custom_json: of
            .custom_json
            .as_deref()
            .map(|given| custom_json(given, limits.custom_json))
            .transpose()?,
    };
    Ok(Some(Rc::new(Command::new(stack, event, wanted)?)))
}

/// The folder around which a repository is looked for: that of the stack's document.
pub fn folder(of: &OfStack) -> Option<PathBuf> {
    let path =
        of.stack.as_deref().or(of.command.as_deref()).filter(|path| *path != Path::new("-"))?;
    let whole = std::path::absolute(path).ok()?;
    whole.parent().map(Path::to_owned)
}

/// A command document; `-` is standard input.
pub fn document(path: &Path) -> Result<Rc<Document>, Diagnostic> {
    if path == Path::new("-") {
        let text = std::io::read_to_string(std::io::stdin());
        let text = text.map_err(|error| {
            Diagnostic::error(format!(
                "cannot read the command document from standard input: {}",
                plain_io(&error)
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

/// JSON by itself, or in a file.
fn custom_json(given: &str, largest: usize) -> Result<CustomJson, Diagnostic> {
    if given.trim_start().starts_with('{') {
        return CustomJson::parse("--custom-json", given.to_owned(), largest);
    }
    let text = std::fs::read_to_string(given).map_err(|error| {
        Diagnostic::error(format!("cannot read the custom JSON in `{given}`: {}", plain_io(&error)))
            .hint("name a file, or give the JSON itself, which begins with `{`")
    })?;
    CustomJson::parse(given, text, largest)
}
