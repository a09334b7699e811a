//! `cookbook_file`: a file that is copied from a cookbook as it stands.

use toque_contract::resource::{Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::property_error::PropertyError;
use toque_machine::property::OneOrMany;

use crate::shared::cookbook_source::{check_source, sources};
use crate::shared::managed_file::{FileAction, ManagedFile, managed_file, needs_content};

managed_file! {
    /// A copy of a file of the cookbook.
    pub struct CookbookFile {
        /// File below the cookbook's `files/`, or an array of which the first that exists is taken.
        /// Default: the file's own name.
        #[serde(default)]
        pub source: Option<OneOrMany<String>>,
        /// Cookbook to take the file from. Default: the recipe's own.
        #[serde(default)]
        pub cookbook: Option<String>,
    }
}

impl Resource for CookbookFile {
    const KIND: &'static str = "cookbook_file";
    const IDENTITY: &'static str = "path";
    type Action = FileAction;
    type Desired = ManagedFile;

    fn check(&self, _actions: &[FileAction]) -> Result<(), PropertyError> {
        self.check_managed()?;
        check_source(self.source.as_ref())
    }

    fn resolve(mut self, scope: &dyn Scope) -> Result<ManagedFile, Diagnostic> {
        let sources = sources(self.source.take(), &self.path, "");
        let cookbook = self.cookbook.take();
        let content = if needs_content(scope) {
            Some(scope.cookbook_file(&sources, cookbook.as_deref())?)
        } else {
            None
        };
        Ok(self.managed(content, None, scope.umask()))
    }
}
