//! Environments: `environments/<name>.json`, attributes of all nodes in it, and which versions of
//! cookbooks may run there.

use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use crate::attributes::{Attributes, Level};
use crate::cookbook::Cookbooks;
use toque_core::diagnostic::{Diagnostic, did_you_mean};
use toque_core::json::{self, Document, Fields, wrong_type};
use toque_core::name::is_word;
use toque_core::version::Constraint;

/// The environment of a node that is in no other. It needs no file.
pub const DEFAULT: &str = "_default";

/// An environment that has a file.
#[derive(Debug)]
pub struct Environment {
    name: String,
    cookbook_versions: Vec<(String, Constraint)>,
    pub document: Rc<Document>,
}

impl Environment {
    /// Reads an environment; none for `_default` without a file.
    /// # Errors
    /// When there is none of this name, with the nearest one; what is wrong with it, at its place.
    pub fn read(repository: &Path, name: &str) -> Result<Option<Self>, Diagnostic> {
        if !is_word(name) {
            return Err(Diagnostic::error(format!("`{name}` is no name of an environment"))
                .hint("a name is made of letters, digits, `-` and `_`"));
        }
        let (path, shown) = json::path_of(repository, "environments", name);
        let Some(document) = Document::read(&path, &shown)? else {
            if name == DEFAULT {
                return Ok(None);
            }
            let missing = Diagnostic::error(format!("there is no environment `{name}`"));
            let names = json::names(repository, "environments")?;
            let known = names.iter().map(String::as_str).chain([DEFAULT]);
            return Err(missing
                .suggest_or(name, known, || format!("write it as {shown}, or correct the name")));
        };
        let mut fields = Fields::of(&document, "an environment")?;
        fields.name(name)?;
        fields.texts(&["description", "json_class", "chef_type"])?;
        fields.maps(&["default_attributes", "override_attributes"])?;
        let mut cookbook_versions = Vec::new();
        for (cookbook, constraint) in fields.map("cookbook_versions")?.into_iter().flatten() {
            cookbook_versions
                .push((cookbook.clone(), read_constraint(&document, cookbook, constraint)?));
        }
        fields.end(
            "an environment",
            "an environment has `name`, `description`, `cookbook_versions`, `default_attributes` and `override_attributes`; other \
             attributes go under one of the last two",
        )?;
        Ok(Some(Self { name: name.to_owned(), cookbook_versions, document: Rc::new(document) }))
    }

    /// Looks whether the cookbooks of a run may run in it.
    /// # Errors
    /// The first that may not.
    pub fn check_versions(&self, cookbooks: &Cookbooks) -> Result<(), Diagnostic> {
        for (name, constraint) in &self.cookbook_versions {
            if let Some(cookbook) = cookbooks.get(name)
                && !constraint.accepts(&cookbook.manifest.version)
            {
                let wrong = format!(
                    "environment `{}` takes cookbook `{name}` {constraint}, and the repository has {}",
                    self.name, cookbook.manifest.version
                );
                let at = self.document.value_at(&["cookbook_versions", name]);
                return Err(Diagnostic::error(wrong)
                    .at(at)
                    .hint("relax the constraint, or bring in a version that fits"));
            }
        }
        Ok(())
    }

    /// The cookbooks that it speaks of and that the repository has not, where it has one of nearly
    /// that name.
    pub fn strangers(&self, all: &Cookbooks) -> Vec<Diagnostic> {
        let unknown = self
            .cookbook_versions
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !all.contains_key(*name));
        let warn = |name: &String| {
            let near = did_you_mean(name, all.keys().map(String::as_str))?;
            let warning = Diagnostic::warning(format!(
                "environment `{}` speaks of a cookbook `{name}`, which is not there",
                self.name
            ));
            Some(warning.at(self.document.key_at(&["cookbook_versions", name])).hint(near))
        };
        unknown.filter_map(warn).collect()
    }

    /// Sets its attributes.
    pub fn set(&self, attributes: &mut Attributes) {
        attributes.merge_field(Level::EnvDefault, &self.document, "default_attributes");
        attributes.merge_field(Level::EnvOverride, &self.document, "override_attributes");
    }
}

fn read_constraint(
    document: &Document,
    cookbook: &str,
    value: &Value,
) -> Result<Constraint, Diagnostic> {
    let path = ["cookbook_versions", cookbook];
    let text = value.as_str().ok_or_else(|| {
        wrong_type(document, &path, "a version constraint", value)
            .hint("write for example \">= 1.2\"")
    })?;
    text.parse().map_err(|wrong: String| Diagnostic::error(wrong).at(document.value_at(&path)))
}
