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
pub(crate) mod hostname_theme;
mod ids;
pub mod import;
mod items;
mod nodes;
mod run_list;
mod schema;
mod schema_fields;
mod validate;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

pub use attributes::set;
pub use command::{Command, Wanted};
pub use custom_json::CustomJson;
pub use event::Event;
pub use expand::{expand, hide};
pub use items::{Bags, bags, is_bag, no_bags};
pub use nodes::nodes;

use crate::data_bag::Given;
use crate::run_list::Placed;
use crate::secret_markers;
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source, Span};
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
    /// Name of the document in messages.
    pub source: String,
    /// Folder of the document, where relative files of secrets begin.
    pub folder: Option<PathBuf>,
    /// Place of `stack` in the document.
    pub at: Span,
    pub name: String,
    pub id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) use_custom_cookbooks: Option<bool>,
    /// Source of the cookbooks, unless the stack has none of its own.
    pub cookbooks_source: Option<CookbooksSource>,
    pub custom_json: Option<CustomJson>,
    pub layers: Vec<Layer>,
    pub instances: Vec<Instance>,
    pub apps: Vec<App>,
    users: Vec<Named>,
    load_balancers: Vec<Named>,
    databases: Vec<Named>,
    ecs_clusters: Vec<Named>,
    entry: Entry,
    /// The document as it was read, to be written again or shown as a whole.
    document: Rc<Document>,
    /// Recipes find node attributes as OpsWorks gave them to Chef 11.
    pub(crate) opsworks_11: bool,
}

/// A source of cookbooks, with values that may be kept elsewhere.
#[derive(Debug)]
pub struct CookbooksSource {
    pub value: Value,
    pub at: Span,
}

/// An entry of the document, as its data bag item has it.
#[derive(Debug)]
struct Entry {
    item: Map<String, Value>,
    given: Given,
}

/// An entry that is known by its data bag item alone.
#[derive(Debug)]
struct Named {
    name: String,
    entry: Entry,
}

/// What several instances have in common.
#[derive(Debug)]
pub struct Layer {
    pub shortname: String,
    pub id: String,
    pub name: String,
    pub kind: String,
    /// Operating system packages, installed at setup.
    pub packages: Vec<Package>,
    pub custom_json: Option<CustomJson>,
    /// By lifecycle event, in the order of [`Event::LIFECYCLE`].
    recipes: [Vec<Placed>; 5],
    entry: Entry,
}

/// An operating system package that a layer names.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub at: Span,
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
    pub(crate) ami_id: Option<String>,
    pub architecture: Option<String>,
    pub(crate) availability_zone: Option<String>,
    pub(crate) ec2_instance_id: Option<String>,
    pub instance_type: Option<String>,
    pub os: Option<String>,
    pub(crate) private_dns: Option<String>,
    pub private_ip: Option<String>,
    pub(crate) public_dns: Option<String>,
    pub(crate) public_ip: Option<String>,
    entry: Entry,
}

/// What is deployed.
#[derive(Debug)]
pub struct App {
    pub shortname: String,
    pub id: String,
    pub name: String,
    pub kind: String,
    /// Type of its source.
    pub source_type: Option<String>,
    /// Revision of its source.
    pub revision: Option<String>,
    pub custom_json: Option<CustomJson>,
    entry: Entry,
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
        let mut whole =
            schema::shaped(&schema::Shape::Map(schema_fields::DOCUMENT), &self.document.value);
        if reveal {
            secret_markers::unmark(&mut whole);
        } else {
            hide(&mut whole);
        }
        whole
    }

    /// Returns an instance.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn instance(&self, hostname: &str) -> Result<&Instance, Diagnostic> {
        self.find("instance", &self.instances, hostname, |instance| &instance.hostname)
    }

    /// Returns an app.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn app(&self, shortname: &str) -> Result<&App, Diagnostic> {
        self.find("app", &self.apps, shortname, |app| &app.shortname)
    }

    /// Returns a layer.
    /// # Errors
    /// When there is none of this name, with the nearest.
    pub fn layer(&self, shortname: &str) -> Result<&Layer, Diagnostic> {
        self.find("layer", &self.layers, shortname, |layer| &layer.shortname)
    }

    fn find<'a, T>(
        &self,
        what: &str,
        all: &'a [T],
        name: &str,
        name_of: fn(&T) -> &str,
    ) -> Result<&'a T, Diagnostic> {
        all.iter().find(|one| name_of(one) == name).ok_or_else(|| {
            let known: Vec<String> = all.iter().map(|one| format!("`{}`", name_of(one))).collect();
            let listed = || match known.as_slice() {
                [] => format!("it has no {what} at all"),
                known => format!("it has {}", known.join(", ")),
            };
            Diagnostic::error(format!("`{}` has no {what} `{name}`", self.source)).suggest_or(
                name,
                all.iter().map(name_of),
                listed,
            )
        })
    }

    /// The layers of an instance, in its order.
    pub(crate) fn layers_of<'a>(
        &'a self,
        instance: &'a Instance,
    ) -> impl Iterator<Item = &'a Layer> {
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
