//! `template`: a file rendered from a template.

use std::path::Path;

use serde_json::{Map, Value};
use toque_contract::resource::{Resource, Scope, TemplateSource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::ErrorContext;
use toque_core::property_error::PropertyError;
use toque_machine::content::Content;
use toque_machine::property::OneOrMany;

use crate::shared::cookbook_source::{check_source, sources};
use crate::shared::managed_file::{FileAction, ManagedFile, managed_file, needs_content};

managed_file! {
    /// A file rendered from a template of the cookbook.
    pub struct Template {
        /// Template below the cookbook's `templates/`, or an array of which the first that exists
        /// is taken. Default: the file's own name with `.hbs` after it.
        #[serde(default)]
        pub source: Option<OneOrMany<String>>,
        /// What the template can use by name, as a map. Default: nothing; `node` is always there.
        #[serde(default)]
        pub variables: Map<String, Value>,
        /// Cookbook to take the template from. Default: the recipe's own.
        #[serde(default)]
        pub cookbook: Option<String>,
        /// Whether `source` is an absolute path on the node and not in a cookbook. Default:
        /// `false`.
        #[serde(default)]
        pub local: bool,
    }
}

impl Resource for Template {
    const KIND: &'static str = "template";
    const IDENTITY: &'static str = "path";
    type Action = FileAction;
    type Desired = ManagedFile;

    fn check(&self, _actions: &[FileAction]) -> Result<(), PropertyError> {
        self.check_managed()?;
        check_source(self.source.as_ref())?;
        if !self.local {
            return Ok(());
        }
        if self.cookbook.is_some() {
            return Err(PropertyError::new("cookbook", "a `local` template is in no cookbook")
                .hint("leave out one of the two"));
        }
        match &self.source {
            Some(source) => source
                .as_slice()
                .iter()
                .try_for_each(|source| crate::shared::path::check_file("source", source)),
            None => Err(PropertyError::new("source", "a `local` template needs its path")),
        }
    }

    fn resolves_late(&self) -> bool {
        self.local
    }

    fn resolve(mut self, scope: &dyn Scope) -> Result<ManagedFile, Diagnostic> {
        let source = TemplateSource {
            sources: sources(self.source.take(), &self.path, ".hbs"),
            cookbook: self.cookbook.take(),
            local: self.local,
            variables: std::mem::take(&mut self.variables),
        };
        let content = if needs_content(scope) {
            let text = scope.render(&source)?;
            Some(Content::of_text(text).context("keep the content of", Path::new(&self.path))?)
        } else {
            None
        };
        Ok(self.managed(content, None, scope.umask()))
    }
}
