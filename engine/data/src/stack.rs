//! Stacks: what OpsWorks held of a set of machines, in one document, and what an event on one of
//! them comes to.

pub mod add;
mod agent;
mod attributes;
mod chef11_attributes;
mod command;
mod custom_json;
mod event;
mod expand;
pub mod hostname_theme;
mod ids;
pub mod import;
mod items;
mod nodes;
mod run_list;
mod schema;
mod schema_fields;
mod validate;

use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

pub use attributes::set;
pub use command::{Command, Wanted};
pub use custom_json::CustomJson;
pub use event::Event;
pub use expand::{expand, hide};
pub use items::{Bags, bags, is_bag, no_bags};
pub use nodes::nodes;

use crate::run_list::Placed;
use crate::secret_markers;
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source, Span, did_you_mean};
use toque_core::json::Document;
use toque_core::redaction::Redactor;

/// The largest custom JSON of one level, in bytes, unless told otherwise. OpsWorks took as much.
pub const LARGEST_CUSTOM_JSON: usize = 120 * 1024;
/// The largest environment of an app, in bytes, as OpsWorks had it.
const LARGEST_ENVIRONMENT: usize = 20 * 1024;

/// The version of documents that this program writes, and the newest that it reads.
const VERSION: u64 = 1;

/// A stack document that makes sense.
#[derive(Debug)]
pub struct Stack {
    pub document: Rc<Document>,
    pub name: String,
    pub id: String,
    pub custom_json: Option<CustomJson>,
    pub layers: Vec<Layer>,
    pub instances: Vec<Instance>,
    pub apps: Vec<App>,
    /// Recipes find node attributes as OpsWorks gave them to Chef 11.
    pub opsworks_11: bool,
}

/// What several instances have in common.
#[derive(Debug)]
pub struct Layer {
    pub shortname: String,
    pub id: String,
    pub name: String,
    /// Operating system packages, installed at setup.
    pub packages: Vec<String>,
    pub custom_json: Option<CustomJson>,
    /// By lifecycle event, in the order of [`Event::LIFECYCLE`].
    recipes: [Vec<Placed>; 5],
}

/// A machine.
#[derive(Debug)]
pub struct Instance {
    pub hostname: String,
    pub id: String,
    /// Shortnames, in order.
    pub layers: Vec<String>,
    pub status: String,
    pub custom_json: Option<CustomJson>,
}

/// What is deployed.
#[derive(Debug)]
pub struct App {
    pub shortname: String,
    pub id: String,
    pub name: String,
    pub custom_json: Option<CustomJson>,
}

impl Stack {
    /// Reads a file, `.toml` as TOML and anything else as JSON.
    /// # Errors
    /// Everything that is wrong with it, each at its place.
    pub fn read(path: &Path, largest: usize, redactor: &Redactor) -> Result<Self, Diagnostics> {
        let name = path.display().to_string();
        match read(path, &name)? {
            Some(document) => Self::of(Rc::new(document), largest, redactor),
            None => Err(Diagnostic::error(format!("there is no stack document `{name}`"))
                .hint(
                    "name one with `--stack`; `toque stack import` makes one of what OpsWorks had",
                )
                .into()),
        }
    }

    /// Makes sense of a document. What it says that must not be seen is hidden from then on.
    /// # Errors
    /// Everything that is wrong with it, each at its place.
    pub fn of(
        document: Rc<Document>,
        largest: usize,
        redactor: &Redactor,
    ) -> Result<Self, Diagnostics> {
        schema::hide(schema_fields::DOCUMENT, &document, redactor);
        validate::stack(&document, largest, schema::UnknownFields::Refused)
            .map_err(|wrong| told(wrong, redactor))
    }

    /// The document with every column there. What must not be seen reads `[sensitive]`, unless it
    /// is revealed; what is kept elsewhere stays there.
    #[must_use]
    pub fn whole(&self, reveal: bool) -> Value {
        let mut whole = Value::Object(schema::item(schema_fields::DOCUMENT, &self.document.value));
        if reveal {
            secret_markers::unmark(&mut whole);
        } else {
            hide(&mut whole);
        }
        whole
    }

    /// An instance.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn instance(&self, hostname: &str) -> Result<&Instance, Diagnostic> {
        self.instances.iter().find(|instance| instance.hostname == hostname).ok_or_else(|| {
            let names: Vec<&str> =
                self.instances.iter().map(|instance| &*instance.hostname).collect();
            unknown("instance", hostname, &names, &self.document.source.name)
        })
    }

    /// An app.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn app(&self, shortname: &str) -> Result<&App, Diagnostic> {
        self.apps.iter().find(|app| app.shortname == shortname).ok_or_else(|| {
            let names: Vec<&str> = self.apps.iter().map(|app| &*app.shortname).collect();
            unknown("app", shortname, &names, &self.document.source.name)
        })
    }

    /// A layer.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn layer(&self, shortname: &str) -> Result<&Layer, Diagnostic> {
        self.layers.iter().find(|layer| layer.shortname == shortname).ok_or_else(|| {
            let names: Vec<&str> = self.layers.iter().map(|layer| &*layer.shortname).collect();
            unknown("layer", shortname, &names, &self.document.source.name)
        })
    }

    /// The layers of an instance, in its order.
    pub fn layers_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Layer> {
        instance
            .layers
            .iter()
            .filter_map(|name| self.layers.iter().find(|layer| layer.shortname == *name))
    }

    /// The instance of a layer that comes first in the document of those that are online.
    #[must_use]
    pub fn first_online(&self, layer: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| {
            instance.is_online() && instance.layers.iter().any(|name| name == layer)
        })
    }
}

impl Instance {
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.status == ONLINE
    }
}

const ONLINE: &str = "online";

/// Something that a document does not have.
fn unknown(what: &str, name: &str, known: &[&str], document: &str) -> Diagnostic {
    let missing = Diagnostic::error(format!("`{document}` has no {what} `{name}`"));
    let all = || match known {
        [] => format!("it has no {what} at all"),
        known => format!(
            "it has {}",
            known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    missing.hint(did_you_mean(name, known.iter().copied()).unwrap_or_else(all))
}

/// A mistake without the lines that may hold what must not be seen; its words do not.
fn without_secrets(mut wrong: Diagnostic) -> Diagnostic {
    wrong.each_span(&mut |span| {
        if is_by_a_secret(span) {
            *span = span.hidden();
        }
    });
    wrong
}

/// Whether the line of a place may hold something that must not be seen.
fn is_by_a_secret(span: &Span) -> bool {
    let text = span.line_text().to_lowercase().replace('_', "");
    [
        "pass",
        "sshkey",
        "private",
        "secure",
        "secret",
        "token",
        "customjson",
        "customerjson",
        "customerdatabags",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// Mistakes without what must not be seen.
fn told(Diagnostics(wrong): Diagnostics, redactor: &Redactor) -> Diagnostics {
    Diagnostics(wrong.into_iter().map(|wrong| without_secrets(redactor.redact_in(wrong))).collect())
}

/// Reads a file that people know as `name`, if it is there.
/// # Errors
/// What is wrong with it, told without what stands beside it.
pub fn read(path: &Path, name: &str) -> Result<Option<Document>, Diagnostic> {
    Document::read(path, name).map_err(without_secrets)
}

/// Reads a text in JSON that came from elsewhere than a file.
/// # Errors
/// What is wrong with it, told without what stands beside it.
pub fn parse(name: &str, text: String) -> Result<Document, Diagnostic> {
    Document::parse(Source { name: name.to_owned(), path: None, text }).map_err(without_secrets)
}
