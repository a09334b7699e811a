//! `file`: a file whose content stands in the recipe.

use toque_contract::resource::{Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::property_error::PropertyError;
use toque_machine::content::Content;

use crate::shared::checksum;
use crate::shared::managed_file::{FileAction, ManagedFile, managed_file};

managed_file! {
    /// A file with content from the recipe, or only its owner, group and mode.
    pub struct File {
        /// What the file holds. Default: whatever is there; a new file is empty.
        #[serde(default)]
        pub content: Option<Content>,
        /// SHA-256 that `content` must have, 64 hexadecimal digits. Default: not checked.
        #[serde(default)]
        pub checksum: Option<String>,
    }
}

impl Resource for File {
    const KIND: &'static str = "file";
    const IDENTITY: &'static str = "path";
    type Action = FileAction;
    type Desired = ManagedFile;

    fn check(&self, _actions: &[FileAction]) -> Result<(), PropertyError> {
        if let Some(checksum) = &self.checksum {
            checksum::check(checksum, 64)?;
            if self.content.is_none() {
                return Err(PropertyError::new(
                    "checksum",
                    "it says what `content` must be, and there is no `content`",
                ));
            }
        }
        self.check_managed()
    }

    fn resolve(mut self, scope: &dyn Scope) -> Result<ManagedFile, Diagnostic> {
        let content = self.content.take();
        let checksum = self.checksum.take().map(|checksum| checksum.to_ascii_lowercase());
        Ok(self.managed(content, checksum, scope.umask()))
    }
}

#[cfg(test)]
mod tests;
