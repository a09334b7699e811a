//! What a run was given: flags before the JSON of the run, before the node's file, before the
//! settings; or an event of a stack.

use std::path::Path;

use crate::options::{Options, Refused};
use toque_core::diagnostic::{Diagnostics, Span};
use toque_core::json;
use toque_data::attributes::Attributes;
use toque_data::cookbook::{self, Cookbooks, Locked};
use toque_data::decryption::Decryptor;
use toque_data::environment::{DEFAULT, Environment};
use toque_data::expanded_run_list::Expanded;
use toque_data::node_file::NodeFile;
use toque_data::role::Role;
use toque_data::run_list::{Item, Placed};
use toque_data::stack::{self, Bags};
use toque_language::run_inputs::MachineAccess;

/// The run list with all that it leads to.
pub(crate) struct Given {
    pub environment: String,
    pub run_list: Expanded,
    pub cookbooks: Cookbooks,
    pub attributes: Attributes,
}

pub(crate) fn gather(
    options: &Options,
    bags: Option<&Bags>,
    decryptor: &Decryptor,
) -> Result<Given, Refused> {
    let repository = options.repository.as_deref();
    let json = options.attributes.clone().map(NodeFile::given).transpose()?;
    let file = match repository {
        Some(repository) => NodeFile::read(repository, &options.node_name)?,
        None => None,
    };
    let documents = [&json, &file];
    let (environment, at) = environment(options, documents);
    let found = match repository {
        Some(repository) => {
            Environment::read(repository, &environment).map_err(|wrong| wrong.or_at(at.as_ref()))?
        }
        None => None,
    };
    let mut attributes = Attributes::default();
    if let (MachineAccess::Repository, Some(repository)) = (options.reach, repository) {
        of_any_node(repository, &mut attributes);
    }
    let (run_list, cookbooks) = match repository {
        Some(repository) => {
            let mut run_list = Expanded::of(items(options, documents), &environment, repository)?;
            if let Some(instance) = options.command.as_ref().and_then(|command| command.own()) {
                run_list.roles.extend(instance.layers.iter().cloned());
            }
            let locked = options.locked(repository)?;
            options.check_locked(&locked)?;
            let cookbooks = cookbooks(repository, &locked, &run_list)?;
            (run_list, cookbooks)
        }
        None => (Expanded::default(), Cookbooks::new()),
    };
    if let Some(environment) = &found {
        environment.check_versions(&cookbooks)?;
        environment.set(&mut attributes);
    }
    for role in &run_list.opened {
        role.set(&mut attributes);
    }
    if let (Some(command), Some(bags)) = (&options.command, bags) {
        stack::set(command, bags, &mut attributes, decryptor)?;
    }
    for document in [&file, &json].into_iter().flatten() {
        document.set(&mut attributes);
    }
    Ok(Given { environment, run_list, cookbooks, attributes })
}

/// A check is for no node in particular: what any document of the repository sets may be there.
/// Those that cannot be read or listed are told of by themselves.
fn of_any_node(repository: &Path, attributes: &mut Attributes) {
    let names = |folder| json::names(repository, folder).unwrap_or_default();
    for name in names("environments") {
        if let Ok(Some(environment)) = Environment::read(repository, &name) {
            environment.set(attributes);
        }
    }
    for role in names("roles").iter().filter_map(|name| Role::read(repository, name).ok()) {
        role.set(attributes);
    }
    for node in
        names("nodes").iter().filter_map(|name| NodeFile::read(repository, name).ok().flatten())
    {
        node.set(attributes);
    }
}

fn items(options: &Options, documents: [&Option<NodeFile>; 2]) -> Vec<Placed> {
    let plain = |items: &[Item]| {
        items.iter().map(|item| Placed { item: item.clone(), at: None }).collect::<Vec<_>>()
    };
    if let Some(command) = &options.command {
        return command.run_list();
    }
    if !options.run_list.is_empty() {
        return plain(&options.run_list);
    }
    let named = documents
        .into_iter()
        .flatten()
        .map(|document| &document.run_list)
        .find(|items| !items.is_empty());
    named.cloned().unwrap_or_else(|| plain(&options.usual.run_list))
}

fn environment(options: &Options, documents: [&Option<NodeFile>; 2]) -> (String, Option<Span>) {
    let named = documents.into_iter().flatten().find_map(|document| document.environment.clone());
    match (&options.environment, named) {
        (Some(name), _) => (name.clone(), None),
        (None, Some((name, at))) => (name, Some(at)),
        (None, None) => {
            (options.usual.environment.clone().unwrap_or_else(|| DEFAULT.to_owned()), None)
        }
    }
}

/// The cookbooks that the run list needs, dependencies first.
fn cookbooks(
    repository: &Path,
    locked: &Locked,
    run_list: &Expanded,
) -> Result<Cookbooks, Refused> {
    let (all, wrong) = cookbook::find_all(repository, locked);
    // A cookbook that cannot be read matters only to those who need it.
    run_list.cookbooks(&all).map_err(|missing| {
        if wrong.is_empty() { missing.into() } else { Diagnostics(wrong).into() }
    })
}
