//! Compiling without a machine: for `check`, for the reference, and for editors.

use std::path::Path;
use std::rc::Rc;

use toque_contract::registry::Registry;
use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_core::name::RecipeName;
use toque_data::cookbook::{self, Locked};
use toque_data::run_list::Item;
use toque_language::run_inputs::MachineAccess;
use toque_language::{Language, Limits, on_script_stack};
use toque_machine::facts::shipped::shipped;
use toque_machine::system::FakeSystem;

use crate::compile::{begin, compile};
use crate::options::{Options, Refused};
use crate::prepared::{open, recipes};
use crate::resolve::AppsAsked;

/// Returns the kinds that recipes of a repository can use: those of the program, and the custom
/// resources of its cookbooks.
/// # Errors
/// A cookbook that cannot be read, a mistake in an attribute file or in a custom resource.
pub fn kinds(registry: &Registry, repository: &Path, locked: &Locked) -> Result<Registry, Refused> {
    on_script_stack(&Limits::default(), || {
        let language = begun(registry, Some(repository), locked)?;
        let mut known = language.interpreter.inputs.registry.clone();
        // No recipe declares a group by its name.
        known.kinds.retain(|_, kind| !kind.is_group());
        Ok(known)
    })?
}

/// Runs all cookbooks of a repository up to their recipes: attribute files, because what a custom
/// resource declares may depend on them, and the custom resources. Nothing is asked of the machine.
/// # Errors
/// A cookbook that cannot be read, a mistake in one of these files.
pub(crate) fn begun(
    registry: &Registry,
    repository: Option<&Path>,
    locked: &Locked,
) -> Result<Language, Refused> {
    let (cookbooks, wrong) =
        repository.map(|repository| cookbook::find_all(repository, locked)).unwrap_or_default();
    if !wrong.is_empty() {
        return Err(Diagnostics(wrong).into());
    }
    let name = |cookbook: &String| {
        Item::from(RecipeName { cookbook: cookbook.clone(), recipe: "default".to_owned() })
    };
    let options = Options {
        repository: repository.map(Path::to_owned),
        find_locked: Some(cookbook::found(locked.clone())),
        run_list: cookbooks.keys().map(name).collect(),
        elsewhere: shipped("debian", None),
        reach: MachineAccess::Repository,
        ..Options::default()
    };
    let language = opened(registry, &options)?;
    begin(&language)?;
    match language.interpreter.findings.mistakes.take() {
        none if none.is_empty() => Ok(language),
        mistakes => Err(Diagnostics(mistakes).into()),
    }
}

/// Opens a run on a machine that is not there.
/// # Errors
/// A document or a cookbook with a mistake.
pub(crate) fn opened(registry: &Registry, options: &Options) -> Result<Language, Refused> {
    open(Rc::new(FakeSystem::new()), registry, options, Box::new(()))
}

/// Compiles, going on after mistakes as far as possible, and returns all of them.
pub(crate) fn mistakes(registry: &Registry, options: &Options) -> Vec<Diagnostic> {
    on_script_stack(&options.limits, || {
        let language = match opened(registry, options) {
            Ok(language) => language,
            Err(refused) => return refused.diagnostics.0,
        };
        let compiled = recipes(&language, options)
            .and_then(|recipes| compile(&language, &recipes, &[], &AppsAsked::default()));
        if let Err(Diagnostics(last)) = compiled {
            last.into_iter().for_each(|mistake| language.interpreter.note_mistake(mistake));
        }
        language.interpreter.findings.mistakes.take()
    })
    .unwrap_or_else(|failure| vec![failure.into()])
}
