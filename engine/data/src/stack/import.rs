//! What OpsWorks knew of a stack, as one stack document: from what `aws opsworks describe-…`
//! printed, or from the command document of an agent. Names of fields become those of its data
//! bags; what has a place there is kept, and what has not is told.

mod input;
mod kept_fields;
mod names;
mod secrets;
mod sections;
#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::without_secrets;
use input::Given;
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::json::Document;

/// A stack document, and what people must know of it.
#[derive(Debug, Default)]
pub struct Import {
    pub document: Map<String, Value>,
    /// Files that are to hold what OpsWorks does not tell. The document says where each is read.
    pub wanted: Vec<String>,
    /// Where secrets stand in plain text: `apps.site.app_source.password`.
    pub plain: Vec<String>,
    /// Fields that have no place in a stack document, by what they are fields of: `Instances`.
    pub left_out: BTreeMap<String, BTreeSet<String>>,
    pub warnings: Vec<Diagnostic>,
}

/// Reads what was given.
/// # Errors
/// What is wrong with it, at its place, unless that may be secret.
pub fn read(source: Source) -> Result<Document, Diagnostic> {
    Document::parse(source).map_err(without_secrets)
}

/// Makes a stack document; `stack` is the name or the id of one where there are several.
/// # Errors
/// What is no output of OpsWorks; no stack, or several; an id that leads nowhere; each at its
/// place.
pub fn import(documents: &[Document], stack: Option<&str>) -> Result<Import, Diagnostic> {
    let mut import = Import::default();
    fill(&mut import, documents, stack).map_err(without_secrets)?;
    secrets::keep(&mut import);
    import.warnings = import.warnings.into_iter().map(without_secrets).collect();
    Ok(import)
}

fn fill(
    import: &mut Import,
    documents: &[Document],
    stack: Option<&str>,
) -> Result<(), Diagnostic> {
    let mut given = Given::of(documents, import)?;
    given.choose(stack)?;
    sections::write(&given, import)
}

impl Import {
    /// Notes that a field goes no further.
    fn leave_out(&mut self, of: &str, field: &str) {
        self.left_out.entry(of.to_owned()).or_default().insert(field.to_owned());
    }
}
