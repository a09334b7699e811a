//! What can be searched: data bags, and the nodes, roles and environments of the repository.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::{Pattern, Search};
use crate::data_bag::{DataBags, Item};
use crate::environment::Environment;
use crate::expanded_run_list::Expanded;
use crate::node_file::NodeFile;
use crate::role::Role;
use crate::stack;
use toque_core::diagnostic::Diagnostic;
use toque_core::json;
use toque_core::name::RecipeName;

/// The nodes: those that have a file in the repository, and the one that the run is for.
pub const NODE: &str = "node";
const ROLE: &str = "role";
const ENVIRONMENT: &str = "environment";
/// The indexes that are no data bags. A data bag of such a name cannot be searched.
pub(crate) const BUILT_IN: [&str; 3] = [NODE, ROLE, ENVIRONMENT];

/// Fields of a node that are its own, whatever a fact has below such a key.
pub const OWN: [&str; 9] = [
    "name",
    "environment",
    "chef_environment",
    "role",
    "roles",
    "recipe",
    "recipes",
    "run_list",
    "tags",
];

/// The indexes of a repository. What was read is kept: they do not change while a run lasts.
#[derive(Debug, Default)]
pub struct Indexes {
    repository: Option<PathBuf>,
    /// Nodes that have no file.
    nodes: Vec<Rc<Item>>,
    read: RefCell<HashMap<String, Rc<[Rc<Item>]>>>,
}

/// What a search has found.
#[derive(Debug, Clone)]
pub enum Found {
    /// The node that the run is for.
    This,
    Item(Rc<Item>),
}

/// Searches an index. `name` is that of the node that the run is for; `this_node` reads it, with
/// the fields that the search looks at, and is called for the index of nodes alone.
/// # Errors
/// When there is no such index, with the nearest name; what is wrong with one of its files, at its
/// place.
pub fn search(
    indexes: &Indexes,
    bags: &DataBags,
    index: &str,
    search: &Search,
    name: &str,
    this_node: impl FnOnce(&[Option<Pattern>]) -> Result<Map<String, Value>, Diagnostic>,
) -> Result<Vec<Found>, Diagnostic> {
    let all = indexes.items(index, bags)?;
    let this = (index == NODE).then(|| this_node(&fields(search))).transpose()?;
    let items: Vec<&Rc<Item>> =
        all.iter().filter(|item| this.is_none() || item.id != name).collect();
    let documents = items
        .iter()
        .map(|item| (&*item.id, &item.values))
        .chain(this.iter().map(|this| (name, this)));
    let found = search.of(&documents.collect::<Vec<_>>());
    Ok(found
        .into_iter()
        .map(|place| items.get(place).map_or(Found::This, |item| Found::Item(Rc::clone(item))))
        .collect())
}

impl Indexes {
    #[must_use]
    pub fn of(repository: Option<&Path>, nodes: Vec<Rc<Item>>) -> Self {
        Self { repository: repository.map(Path::to_owned), nodes, read: RefCell::default() }
    }

    /// Everything in an index that has a file.
    fn items(&self, index: &str, bags: &DataBags) -> Result<Rc<[Rc<Item>]>, Diagnostic> {
        if let Some(items) = self.read.borrow().get(index) {
            return Ok(Rc::clone(items));
        }
        let items: Rc<[Rc<Item>]> = match index {
            NODE => {
                let own = self.documents("nodes", node)?;
                let own =
                    own.iter().filter(|item| !self.nodes.iter().any(|node| node.id == item.id));
                let mut nodes: Vec<Rc<Item>> = own.chain(&self.nodes).cloned().collect();
                nodes.sort_by(|one, other| one.id.cmp(&other.id));
                nodes.into()
            }
            ROLE => self.documents("roles", |repository, name| {
                Ok(Some(with_name(&Role::read(repository, name)?.document.value, name)))
            })?,
            ENVIRONMENT => self.documents("environments", |repository, name| {
                Ok(Environment::read(repository, name)?
                    .map(|environment| with_name(&environment.document.value, name)))
            })?,
            "client" if !bags.names()?.iter().any(|name| name == index) => {
                return Err(Diagnostic::error(
                    "there are no clients to search: they belong to a Chef server, and Toque needs none",
                )
                .hint("machines are in the index `node`"));
            }
            bag if self.repository.is_some() => {
                bags.items(bag).map_err(|wrong| unknown(bag, bags).unwrap_or(wrong))?.into()
            }
            bag => bags.items(bag)?.into(),
        };
        self.read.borrow_mut().insert(index.to_owned(), Rc::clone(&items));
        Ok(items)
    }

    fn documents(
        &self,
        folder: &str,
        read: impl Fn(&Path, &str) -> Result<Option<Map<String, Value>>, Diagnostic>,
    ) -> Result<Rc<[Rc<Item>]>, Diagnostic> {
        let Some(repository) = &self.repository else { return Ok(Rc::new([])) };
        let names = json::names(repository, folder)?.into_iter();
        let item = |name: String| {
            let values = read(repository, &name).transpose()?;
            let (file, shown) = json::path_of(repository, folder, &name);
            Some(values.map(|values| {
                Rc::new(Item {
                    bag: folder.to_owned(),
                    id: name,
                    values,
                    file,
                    shown,
                    wrapped: false,
                    given: None,
                })
            }))
        };
        names.filter_map(item).collect()
    }
}

/// What to say of an index that is not there; none when it is, and something else is wrong with it.
fn unknown(index: &str, bags: &DataBags) -> Option<Diagnostic> {
    let names = match bags.names() {
        Ok(names) => names,
        Err(failure) => return Some(failure.into()),
    };
    if names.iter().any(|name| name == index) {
        return None;
    }
    if stack::is_bag(index) {
        return Some(
            Diagnostic::error(format!(
                "there is no index `{index}`: it is one of stacks, and this run is for none"
            ))
            .hint("run it for an event of a stack: `--stack stack.json --event configure`"),
        );
    }
    let unknown = Diagnostic::error(format!("there is no index `{index}` to search"));
    Some(unknown.suggest_or(
        index,
        names.iter().map(String::as_str).chain(BUILT_IN),
        || "an index is a data bag, `node`, `role` or `environment`",
    ))
}

fn with_name(document: &Value, name: &str) -> Map<String, Value> {
    let mut map = document.as_object().cloned().unwrap_or_default();
    map.insert("name".to_owned(), name.into());
    map
}

/// A node as its file tells of it.
fn node(repository: &Path, name: &str) -> Result<Option<Map<String, Value>>, Diagnostic> {
    let Some(file) = NodeFile::read(repository, name)? else { return Ok(None) };
    let mut node = file.merged();
    let environment = file
        .environment
        .as_ref()
        .map_or(crate::environment::DEFAULT, |(environment, _)| environment);
    let texts: Vec<&str> = file.run_list_texts().collect();
    // A node that Chef saved says itself what its run list came to.
    if !(node.contains_key("roles") && node.contains_key("recipes")) {
        let expanded = Expanded::of(file.run_list.clone(), environment, repository)?;
        for (key, names) in
            [("roles", expanded.roles.clone()), ("recipes", both_names(&expanded.recipes()))]
        {
            node.entry(key).or_insert_with(|| names.into());
        }
    }
    identify(&mut node, name, environment, &texts);
    Ok(Some(node))
}

/// What every node has at the top, whatever its attributes say.
pub fn identify(node: &mut Map<String, Value>, name: &str, environment: &str, run_list: &[&str]) {
    let whole = |text: &&str| {
        if text.ends_with(']') { (*text).to_owned() } else { format!("recipe[{text}]") }
    };
    let run_list: Vec<String> = run_list.iter().map(whole).collect();
    // `web::tls` of `recipe[web::tls@1.2.0]`.
    let named = |kind: &str| -> Vec<&str> {
        let inside = run_list
            .iter()
            .filter_map(|text| text.strip_prefix(kind)?.strip_prefix('[')?.strip_suffix(']'));
        inside.map(|name| name.split_once('@').map_or(name, |(name, _)| name)).collect()
    };
    let known: [(&str, Value); 6] = [
        ("name", name.into()),
        ("environment", environment.into()),
        ("chef_environment", environment.into()),
        ("role", named("role").into()),
        ("recipe", named("recipe").into()),
        ("run_list", run_list.as_slice().into()),
    ];
    node.extend(known.map(|(key, value)| (key.to_owned(), value)));
}

/// A cookbook's default recipe goes by two names.
pub fn both_names(recipes: &[RecipeName]) -> Vec<String> {
    let names = |recipe: &RecipeName| {
        let whole = format!("{}::{}", recipe.cookbook, recipe.recipe);
        let short = (recipe.recipe == "default").then(|| recipe.cookbook.clone());
        short.into_iter().chain([whole])
    };
    recipes.iter().flat_map(names).collect()
}

/// The fields that a search looks at; none is any field.
fn fields(search: &Search) -> Vec<Option<Pattern>> {
    let sorted = search.order.0.iter().map(|(field, _)| Some(Pattern::Exact(field.clone())));
    search.query.terms().into_iter().map(|term| term.field.clone()).chain(sorted).collect()
}
