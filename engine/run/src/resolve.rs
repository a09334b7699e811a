//! From a declared resource to its desired state.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use toque_contract::graph::{ActionRef, Body, Declared};
use toque_contract::resource::{Asked, Scope, TemplateSource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{Failure, plain_io};
use toque_data::stack::{Command, Event};
use toque_data::{cookbook, file_specificity};
use toque_language::Language;
use toque_language::interpreter::Interpreter;
use toque_language::template::{self, Given};
use toque_machine::content::Content;
use toque_machine::system::Query;
use toque_machine::view::View;

/// The apps of which resources have asked what the command of the run wants.
pub(crate) type AppsAsked = RefCell<HashSet<String>>;

/// Resolves a resource before anything converges, unless it depends on the machine or on closures.
/// `actions` are those that may be run on it.
/// # Errors
/// A missing source, a template that does not render.
pub(crate) fn resolve_early(
    interpreter: &Rc<Interpreter>,
    declared: &mut Declared,
    actions: &[ActionRef],
    apps: &AppsAsked,
) -> Result<(), Diagnostic> {
    if declared.removed
        || !matches!(&declared.body, Body::Parsed(resource) if !resource.resolves_late())
    {
        return Ok(());
    }
    let nothing = Body::Deferred { fixed: serde_json::Map::new(), deferred: Vec::new() };
    let Body::Parsed(resource) = std::mem::replace(&mut declared.body, nothing) else {
        return Ok(());
    };
    let scope = ResolveScope { interpreter, declared, actions, apps };
    let desired = resource.resolve_once(&scope).map_err(|diagnostic| {
        let about = diagnostic.about(&declared.id, declared.span.clone());
        let error = interpreter.inputs.redactor.redact_in(about);
        if declared.is_sensitive() { error.hidden() } else { error }
    })?;
    declared.body = Body::Resolved(desired);
    Ok(())
}

/// Resolves a resource when it converges; deferred properties are computed now.
/// # Errors
/// An exception of a closure, a value that a property cannot have, a template that does not render.
pub(crate) fn resolve(
    language: &Language,
    declared: &Declared,
    action: ActionRef,
    apps: &AppsAsked,
) -> Result<Rc<dyn Any>, Diagnostic> {
    let interpreter = &language.interpreter;
    let scope = ResolveScope { interpreter, declared, actions: &[action], apps };
    match &declared.body {
        Body::Resolved(desired) => Ok(Rc::clone(desired)),
        Body::Parsed(resource) => resource.resolve(&scope),
        Body::Deferred { fixed, deferred } => {
            language.complete(declared, fixed, deferred)?.resolve_once(&scope)
        }
        Body::Container(_) | Body::Group(_) => {
            Err(Diagnostic::error("the resource is made of others"))
        }
    }
}

/// What a resource of a recipe finds around it.
struct ResolveScope<'a> {
    interpreter: &'a Rc<Interpreter>,
    declared: &'a Declared,
    /// What may be done to the resource, as declared and by notifications.
    actions: &'a [ActionRef],
    apps: &'a AppsAsked,
}

impl ResolveScope<'_> {
    fn cookbook(&self, named: Option<&str>) -> Result<&Rc<cookbook::Cookbook>, Diagnostic> {
        let own = self
            .declared
            .recipe
            .as_ref()
            .map(|recipe| recipe.cookbook.as_str())
            .filter(|name| !name.is_empty());
        let name = named.or(own).ok_or_else(|| {
            Diagnostic::error("a recipe outside a cookbook has no templates and files of its own")
                .hint("name a `cookbook`, or use `local: true` with a path, or `content`")
        })?;
        cookbook::get(&self.interpreter.inputs.cookbooks, name)
    }

    fn machine(&self) -> file_specificity::Machine {
        self.interpreter.node.machine(&self.interpreter.view)
    }

    fn rendered(&self, wanted: &TemplateSource) -> Result<String, Diagnostic> {
        let view = &self.interpreter.view;
        let node = |key: &str| self.interpreter.read(key);
        let node_keys = || self.interpreter.node.keys();
        let size = self.interpreter.inputs.limits.size;
        let halt = self.interpreter.halt();
        let _limit = self.interpreter.limit_time();
        if wanted.local {
            let path = PathBuf::from(wanted.sources.first().map_or("", String::as_str));
            let text = || {
                let bytes = view.read(&path).map_err(|error| {
                    Diagnostic::error(Failure::io("read the template", &path, &error).message)
                })?;
                String::from_utf8(bytes).map_err(|_| {
                    Diagnostic::error(format!(
                        "cannot read the template `{}`: it is not UTF-8 text",
                        path.display()
                    ))
                })
            };
            let beside = |name: &str| Ok(path.with_file_name(format!("{name}.hbs")));
            // What another resource may write is read anew each time.
            let given = Given {
                variables: &wanted.variables,
                partial: &beside,
                node: &node,
                node_keys: &node_keys,
                cookbook: None,
                size,
                halt: &halt,
            };
            return template::Templates::default().render(&path, text, &given);
        }
        let cookbook = self.cookbook(wanted.cookbook.as_deref())?;
        let path = self
            .interpreter
            .lookup
            .find(cookbook, "templates", &wanted.sources, || self.machine())?;
        let partial = |name: &str| {
            let source = if Path::new(name).extension().is_some() {
                name.to_owned()
            } else {
                format!("{name}.hbs")
            };
            self.interpreter.lookup.find(cookbook, "templates", &[source], || self.machine())
        };
        let own = Some(cookbook.manifest.name.as_str());
        let given = Given {
            variables: &wanted.variables,
            partial: &partial,
            node: &node,
            node_keys: &node_keys,
            cookbook: own,
            size,
            halt: &halt,
        };
        self.interpreter.templates.render(&path, || template::read(&path), &given)
    }
}

impl Scope for ResolveScope<'_> {
    fn render(&self, wanted: &TemplateSource) -> Result<String, Diagnostic> {
        let rendered = self.rendered(wanted)?;
        if !self.interpreter.inputs.redactor.is_empty() {
            let holds = &self.declared.common.holds;
            holds.set(holds.get().max(self.interpreter.inputs.redactor.in_text(&rendered)));
        }
        Ok(rendered)
    }

    fn cookbook_file(
        &self,
        sources: &[String],
        cookbook: Option<&str>,
    ) -> Result<Content, Diagnostic> {
        let path =
            self.interpreter
                .lookup
                .find(self.cookbook(cookbook)?, "files", sources, || self.machine())?;
        read(&path)
    }

    fn cookbook_directory(
        &self,
        source: &str,
        cookbook: Option<&str>,
    ) -> Result<Vec<(PathBuf, Content)>, Diagnostic> {
        let root = file_specificity::find_folder(
            self.cookbook(cookbook)?,
            "files",
            source,
            &self.machine(),
        )?;
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                Diagnostic::error(format!("cannot list `{}`: {error}", root.display()))
            })?;
            if entry.file_type().is_file()
                && let Ok(relative) = entry.path().strip_prefix(&root)
            {
                files.push((relative.to_owned(), read(entry.path())?));
            }
        }
        Ok(files)
    }

    fn may_run(&self, action: &str) -> bool {
        let kind = &self.interpreter.inputs.registry.kinds[self.declared.kind];
        self.actions.iter().any(|act| act.name(kind) == action)
    }

    fn umask(&self) -> u32 {
        self.declared.common.umask.unwrap_or(self.interpreter.inputs.umask)
    }

    fn view(&self) -> &View<'_> {
        &self.interpreter.view
    }

    fn asked(&self, app: &str) -> Asked {
        self.apps.borrow_mut().insert(app.to_owned());
        self.interpreter
            .inputs
            .command
            .as_ref()
            .map_or(Asked::Nothing, |command| asks(command, app))
    }
}

fn read(path: &Path) -> Result<Content, Diagnostic> {
    Content::of_file(path.to_owned()).map_err(|error| {
        Diagnostic::error(format!("cannot read `{}`: {}", path.display(), plain_io(&error)))
    })
}

/// Returns what a command asks of an app.
#[must_use]
pub fn asks(command: &Command, app: &str) -> Asked {
    if !command.apps.iter().any(|name| name == app) {
        let another = command.event.needs_apps()
            && command.stack.apps.iter().any(|known| known.shortname == app);
        return if another { Asked::Another } else { Asked::Nothing };
    }
    match command.event {
        Event::Deploy => Asked::Deploy,
        Event::Undeploy => Asked::Undeploy,
        Event::Rollback => Asked::Rollback,
        Event::Restart => Asked::Restart,
        _ => Asked::Nothing,
    }
}
