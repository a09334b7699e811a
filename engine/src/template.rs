//! Handlebars, made strict: what is absent is an error where it would be printed, and a map is never printed.

mod helpers;
mod walk;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use handlebars::{Context, Handlebars, RenderError, RenderErrorReason, Template, TemplateError, TemplateErrorReason};
use serde_json::{Map, Value};

use crate::cookbook;
use crate::diagnostic::{Diagnostic, Source, Span, did_you_mean};

/// Templates of one run, each read and parsed once.
pub struct Templates {
    engine: RefCell<Handlebars<'static>>,
    parsed: RefCell<HashMap<PathBuf, Rc<Parsed>>>,
}

/// A template with its partials registered, and the parts of `node` that they name.
struct Parsed {
    source: Rc<Source>,
    partials: Vec<Rc<Source>>,
    node_keys: Vec<String>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(handlebars::no_escape);
        helpers::register(&mut engine);
        Self { engine: RefCell::new(engine), parsed: RefCell::default() }
    }
}

impl Templates {
    /// Renders the template at `path`. `partial` finds a partial by its name; `node` gives the value below a first key.
    /// # Errors
    /// A template that does not parse or lacks a value: with name, line and column.
    pub fn render(
        &self,
        path: &Path,
        text: impl FnOnce() -> Result<String, Diagnostic>,
        variables: &Map<String, Value>,
        partial: &dyn Fn(&str) -> Result<PathBuf, Diagnostic>,
        node: &dyn Fn(&str) -> Option<Rc<Value>>,
    ) -> Result<String, Diagnostic> {
        let known = self.parsed.borrow().get(path).cloned();
        let parsed = match known {
            Some(parsed) => parsed,
            None => {
                let parsed = Rc::new(self.parse(path, text()?, partial)?);
                self.parsed.borrow_mut().insert(path.to_owned(), Rc::clone(&parsed));
                parsed
            }
        };
        let mut data = variables.clone();
        if !parsed.node_keys.is_empty() && !data.contains_key("node") {
            let named = parsed.node_keys.iter().filter_map(|key| Some((key.clone(), (*node(key)?).clone())));
            data.insert("node".to_owned(), Value::Object(named.collect()));
        }
        let names: Vec<String> = data.keys().cloned().collect();
        let engine = self.engine.borrow();
        engine
            .render_with_context(&path.display().to_string(), &Context::from(Value::Object(data)))
            .map_err(|error| render_diagnostic(&parsed, &names, &error))
    }

    fn parse(
        &self,
        path: &Path,
        text: String,
        partial: &dyn Fn(&str) -> Result<PathBuf, Diagnostic>,
    ) -> Result<Parsed, Diagnostic> {
        let mut partials = Vec::new();
        let mut node_keys = Vec::new();
        let source =
            self.register(&path.display().to_string(), path, text, partial, &mut Vec::new(), &mut partials, &mut node_keys)?;
        node_keys.sort();
        node_keys.dedup();
        Ok(Parsed { source, partials, node_keys })
    }

    /// Registers a template under a name, and its partials before it. Handlebars would follow partials that call each other until the
    /// stack ends, so circles are refused here.
    #[expect(clippy::too_many_arguments, reason = "a recursion that collects in three lists")]
    fn register(
        &self,
        name: &str,
        path: &Path,
        text: String,
        partial: &dyn Fn(&str) -> Result<PathBuf, Diagnostic>,
        stack: &mut Vec<String>,
        partials: &mut Vec<Rc<Source>>,
        node_keys: &mut Vec<String>,
    ) -> Result<Rc<Source>, Diagnostic> {
        let source = Rc::new(Source { name: cookbook::shown(path), path: Some(path.to_owned()), text });
        let mut template =
            Template::compile_with_name(&source.text, name.to_owned()).map_err(|error| parse_diagnostic(&source, &error))?;
        let mut names = Vec::new();
        walk::prepare(&mut template, &mut names, node_keys);
        stack.push(name.to_owned());
        for name in names {
            if let Some(from) = stack.iter().position(|other| *other == name) {
                let circle: Vec<_> = stack[from..].iter().chain([&name]).map(|name| format!("`{name}`")).collect();
                return Err(Diagnostic::error(format!("partials include one another in a circle: {}", circle.join(" -> ")))
                    .at(Span::word(Rc::clone(&source), 1, 1))
                    .hint("take one of the includes out"));
            }
            let file = partial(&name).map_err(|missing| missing.note(format!("included by {}", source.name)))?;
            let text = read(&file)?;
            let source = self.register(&name, &file, text, partial, stack, partials, node_keys)?;
            partials.push(source);
        }
        stack.pop();
        self.engine.borrow_mut().register_template(name, template);
        Ok(source)
    }
}

/// The text of a template.
/// # Errors
/// When it cannot be read or is no UTF-8.
pub fn read(path: &Path) -> Result<String, Diagnostic> {
    std::fs::read_to_string(path).map_err(|error| {
        let cause = if error.kind() == std::io::ErrorKind::InvalidData {
            "it is not UTF-8 text".to_owned()
        } else {
            crate::failure::plain_io(&error)
        };
        Diagnostic::error(format!("cannot read the template `{}`: {cause}", path.display()))
    })
}

/// Whether a template can be parsed at all.
/// # Errors
/// Where it cannot.
pub fn parse(path: &Path) -> Result<(), Diagnostic> {
    let source = Rc::new(Source { name: cookbook::shown(path), path: Some(path.to_owned()), text: read(path)? });
    Template::compile(&source.text).map(|_| ()).map_err(|error| parse_diagnostic(&source, &error))
}

fn parse_diagnostic(source: &Rc<Source>, error: &TemplateError) -> Diagnostic {
    let (line, column) = error.pos().unwrap_or((1, 1));
    let diagnostic = match error.reason() {
        // The parser lists every token that could have come, which tells nobody anything.
        TemplateErrorReason::InvalidSyntax(_) => {
            Diagnostic::error("cannot read the template: a tag is wrong, or a block is not closed")
                .hint("each `{{#if …}}` needs its `{{/if}}`, and each `{{` its `}}`")
        }
        reason => {
            let reason = reason.to_string();
            Diagnostic::error(format!("cannot read the template: {}", lower(reason.lines().next().unwrap_or_default())))
        }
    };
    diagnostic.at(Span::word(Rc::clone(source), line, column.max(1)))
}

fn render_diagnostic(parsed: &Parsed, variables: &[String], error: &RenderError) -> Diagnostic {
    let message = match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => format!("`{path}` is not set"),
        RenderErrorReason::NestedError(inner) => inner.to_string(),
        RenderErrorReason::Other(text) => text.clone(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper `{name}`"),
        other => lower(&other.to_string()),
    };
    let source = error
        .template_name
        .as_deref()
        .and_then(|name| {
            parsed.partials.iter().find(|source| source.name == name || source.name.ends_with(&format!("/{name}.hbs")))
        })
        .unwrap_or(&parsed.source);
    let mut diagnostic = Diagnostic::error(format!("cannot render the template: {message}"));
    if let (Some(line), Some(column)) = (error.line_no, error.column_no) {
        diagnostic = diagnostic.at(Span::word(Rc::clone(source), line, column));
    }
    let missing = message.split('`').nth(1).unwrap_or_default();
    let first = missing.split('.').next().unwrap_or_default();
    match did_you_mean(first, variables.iter().map(String::as_str).filter(|name| *name != first)) {
        Some(hint) => diagnostic.hint(hint),
        None if message.ends_with("is not set") => {
            diagnostic.hint("give it in `variables`, or print it only where it is set: {{#if x}}{{x}}{{/if}}")
        }
        None => diagnostic,
    }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + letters.as_str())
}
