//! Mistakes in a stack document, and in what its events come to.

use std::path::Path;
use std::rc::Rc;

use super::{Checked, options_of};
use crate::offline;
use crate::options::Options;
use toque_contract::registry::Registry;
use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_core::name::RecipeName;
use toque_core::redaction::Redactor;
use toque_data::stack::{Command, Event, Stack, Wanted};
use toque_machine::facts::shipped::shipped;

/// Reads a stack document.
/// # Errors
/// What is wrong with it.
pub(crate) fn read(checked: &Checked, path: &Path) -> Result<Rc<Stack>, Diagnostics> {
    Stack::read(path, checked.limits.custom_json, &Redactor::default()).map(Rc::new)
}

/// A recipe as if an instance of the stack were told to run it.
pub(crate) fn of_recipe(stack: &Rc<Stack>, recipe: &RecipeName) -> Option<Rc<Command>> {
    let instance = stack.instances.first()?.hostname.clone();
    let wanted = Wanted {
        instance,
        all_apps: true,
        recipes: vec![recipe.clone().into()],
        ..Wanted::default()
    };
    Command::new(Rc::clone(stack), Event::ExecuteRecipes, wanted).ok().map(Rc::new)
}

/// What is wrong with the recipes of each lifecycle event on instances of each kind, as far as they
/// are in the repository.
pub(crate) fn check(registry: &Registry, checked: &Checked, stack: &Rc<Stack>) -> Vec<Diagnostic> {
    let Some(repository) = &checked.repository else { return Vec::new() };
    let mut mistakes = Vec::new();
    let mut seen: Vec<&[String]> = Vec::new();
    for instance in &stack.instances {
        if seen.contains(&instance.layers.as_slice()) {
            continue;
        }
        seen.push(&instance.layers);
        for event in Event::LIFECYCLE {
            let wanted =
                Wanted { instance: instance.hostname.clone(), all_apps: true, ..Wanted::default() };
            let command = match Command::new(Rc::clone(stack), event, wanted) {
                Ok(command) => command,
                Err(wrong) => {
                    mistakes.push(wrong);
                    continue;
                }
            };
            let options = Options {
                repository: Some(repository.clone()),
                command: Some(Rc::new(command)),
                elsewhere: shipped("debian", None),
                ..options_of(checked)
            };
            mistakes.extend(offline::mistakes(registry, &options));
        }
    }
    mistakes
}
