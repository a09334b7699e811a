//! Mistakes in the roles, environments and nodes of a repository.

use std::path::Path;

use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::json;
use toque_data::cookbook::Cookbooks;
use toque_data::environment::{DEFAULT, Environment};
use toque_data::expanded_run_list::Expanded;
use toque_data::node_file::NodeFile;
use toque_data::role::Role;
use toque_data::run_list::{Item, Placed};

/// What is wrong with them: in themselves, and in what they name.
pub(crate) fn check(repository: &Path, cookbooks: &Cookbooks) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let mut names = |folder| {
        json::names(repository, folder).unwrap_or_else(|failure| {
            mistakes.push(failure.into());
            Vec::new()
        })
    };
    let (roles, environments, nodes) = (names("roles"), names("environments"), names("nodes"));
    for name in roles {
        if let Err(wrong) = role(repository, cookbooks, &name) {
            mistakes.push(wrong);
        }
    }
    for name in environments {
        match Environment::read(repository, &name) {
            Ok(found) => mistakes
                .extend(found.iter().flat_map(|environment| environment.strangers(cookbooks))),
            Err(wrong) => mistakes.push(wrong),
        }
    }
    for name in nodes {
        if let Err(wrong) = node(repository, cookbooks, &name) {
            mistakes.push(wrong);
        }
    }
    mistakes
}

fn role(repository: &Path, cookbooks: &Cookbooks, name: &str) -> Result<(), Diagnostic> {
    let role = Role::read(repository, name)?;
    let environments: Vec<&str> = role.environments().collect();
    for environment in [DEFAULT].into_iter().chain(environments) {
        // A circle that leads through the role itself is told at the role that closes it.
        let itself = Placed { item: Item::Role(name.to_owned()), at: None };
        let run_list = Expanded::of(vec![itself], environment, repository)?;
        run_list.check_recipes(&run_list.cookbooks(cookbooks)?)?;
    }
    Ok(())
}

fn node(repository: &Path, cookbooks: &Cookbooks, name: &str) -> Result<(), Diagnostic> {
    let Some(file) = NodeFile::read(repository, name)? else { return Ok(()) };
    let (environment, at): (&str, Option<&Span>) = match &file.environment {
        Some((name, at)) => (name, Some(at)),
        None => (DEFAULT, None),
    };
    let found = Environment::read(repository, environment).map_err(|wrong| wrong.or_at(at))?;
    let run_list = Expanded::of(file.run_list, environment, repository)?;
    let needed = run_list.cookbooks(cookbooks)?;
    run_list.check_recipes(&needed)?;
    found.map_or(Ok(()), |environment| environment.check_versions(&needed))
}
