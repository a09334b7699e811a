//! Roles: `roles/<name>.json`, a run list and attributes that several nodes share.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use crate::attributes::{Attributes, Level};
use crate::run_list::{Item, Placed};
use toque_core::diagnostic::Diagnostic;
use toque_core::json::{self, Document, Fields};
use toque_core::name::is_word;

/// A role.
#[derive(Debug)]
pub struct Role {
    run_list: Vec<Placed>,
    /// In place of `run_list`, by environment.
    env_run_lists: HashMap<String, Vec<Placed>>,
    pub document: Rc<Document>,
}

const FIELDS: &str = "a role has `name`, `description`, `run_list`, `env_run_lists`, `default_attributes` and `override_attributes`; other attributes go under one of the last two";

impl Role {
    /// Reads a role that is there.
    /// # Errors
    /// When it is not, with the nearest name; what is wrong with it, at its place.
    pub fn read(repository: &Path, name: &str) -> Result<Self, Diagnostic> {
        if !is_word(name) {
            let wrong = Diagnostic::error(format!("`{name}` is no name of a role"));
            return Err(wrong.hint("a name is made of letters, digits, `-` and `_`"));
        }
        let (path, shown) = json::path_of(repository, "roles", name);
        let Some(document) = Document::read(&path, &shown)? else {
            let missing = Diagnostic::error(format!("there is no role `{name}`"));
            let names = json::names(repository, "roles")?;
            return Err(missing.suggest_or(name, names.iter().map(String::as_str), || {
                format!("write it as {shown}, or correct the name")
            }));
        };
        let mut fields = Fields::of(&document, "a role")?;
        fields.name(name)?;
        fields.texts(&["description", "json_class", "chef_type"])?;
        fields.maps(&["default_attributes", "override_attributes"])?;
        let run_list = fields
            .take("run_list")
            .map_or(Ok(Vec::new()), |list| Item::all(&document, &["run_list"], list))?;
        let mut env_run_lists = HashMap::new();
        for (environment, list) in fields.map("env_run_lists")?.into_iter().flatten() {
            if !is_word(environment) {
                let at = document.key_at(&["env_run_lists", environment]);
                return Err(Diagnostic::error(format!(
                    "`{environment}` is no name of an environment"
                ))
                .at(at)
                .hint("a name is made of letters, digits, `-` and `_`"));
            }
            let path = ["env_run_lists", environment];
            if environment == "_default" && !run_list.is_empty() {
                let wrong = Diagnostic::error(
                    "`run_list` is the run list of `_default`, which has another here",
                )
                .at(document.key_at(&path));
                return Err(wrong.hint("keep one of them"));
            }
            env_run_lists.insert(environment.clone(), Item::all(&document, &path, list)?);
        }
        fields.end("a role", FIELDS)?;
        Ok(Self { run_list, env_run_lists, document: Rc::new(document) })
    }

    /// The run list that it has in an environment.
    pub fn run_list(&self, environment: &str) -> &[Placed] {
        let lists = &self.env_run_lists;
        lists.get(environment).or_else(|| lists.get("_default")).unwrap_or(&self.run_list)
    }

    /// The environments that it has a run list of its own for.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.env_run_lists.keys().map(String::as_str)
    }

    /// Sets its attributes.
    pub fn set(&self, attributes: &mut Attributes) {
        attributes.merge_field(Level::RoleDefault, &self.document, "default_attributes");
        attributes.merge_field(Level::RoleOverride, &self.document, "override_attributes");
    }
}
