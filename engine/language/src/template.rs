//! Handlebars, made strict: what is absent is an error where it would be printed, and a map is
//! never printed.

mod helpers;
mod rewrite;
mod trace;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use handlebars::{
    Context, Handlebars, RenderError, RenderErrorReason, Template, TemplateError,
    TemplateErrorReason,
};
use serde_json::{Map, Value};

use toque_core::diagnostic::{Diagnostic, Source, Span, did_you_mean};
use toque_core::failure::FailureKind;
use toque_core::message::first_value;
use toque_core::read_text::read_text;
use toque_data::cookbook;

pub use rewrite::{BLOCKS, HELPERS};
pub use trace::{Functions, Halt};

/// Templates of one run, each read and parsed once.
pub struct Templates {
    engine: RefCell<Handlebars<'static>>,
    parsed: RefCell<HashMap<PathBuf, Rc<Parsed>>>,
    trace: Rc<trace::Trace>,
    functions: RefCell<Option<Rc<dyn Functions>>>,
}

/// What a template is rendered with.
pub struct Given<'a> {
    pub variables: &'a Map<String, Value>,
    /// Finds a partial by its name.
    pub partial: &'a dyn Fn(&str) -> Result<PathBuf, Diagnostic>,
    /// The value below a first key of `node`.
    pub node: &'a dyn Fn(&str) -> Result<Option<Rc<Value>>, Diagnostic>,
    /// The first keys of `node`.
    pub node_keys: &'a dyn Fn() -> Vec<String>,
    /// The cookbook whose libraries' functions it can call.
    pub cookbook: Option<&'a str>,
    /// Bytes that it may print.
    pub size: usize,
    /// Ends it when the run is told to stop, or took too long.
    pub halt: &'a Rc<Halt>,
}

/// A template with its partials registered, and the parts of `node` that they name.
struct Parsed {
    /// The template itself and its partials, by the names they are registered by.
    sources: HashMap<String, Arc<Source>>,
    node_keys: Vec<String>,
}

impl Default for Templates {
    fn default() -> Self {
        let trace = Rc::default();
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(handlebars::no_escape);
        helpers::register(&mut engine, &trace);
        Self {
            engine: RefCell::new(engine),
            parsed: RefCell::default(),
            trace,
            functions: RefCell::default(),
        }
    }
}

impl Templates {
    /// From now on templates can call these.
    pub fn give(&self, functions: Rc<dyn Functions>) {
        *self.functions.borrow_mut() = Some(functions);
    }

    /// Renders the template at `path`.
    /// # Errors
    /// A template that does not parse, lacks a value, or calls a function that fails: with name,
    /// line and column, and the includes and calls that led there.
    pub fn render(
        &self,
        path: &Path,
        text: impl FnOnce() -> Result<String, Diagnostic>,
        given: &Given<'_>,
    ) -> Result<String, Diagnostic> {
        let known = self.parsed.borrow().get(path).cloned();
        let parsed = match known {
            Some(parsed) => parsed,
            None => {
                let parsed = Rc::new(self.parse(path, text()?, given)?);
                self.parsed.borrow_mut().insert(path.to_owned(), Rc::clone(&parsed));
                parsed
            }
        };
        let mut data = given.variables.clone();
        if !parsed.node_keys.is_empty() && !data.contains_key("node") {
            let mut node = Map::new();
            for key in &parsed.node_keys {
                node.extend((given.node)(key)?.map(|value| (key.clone(), (*value).clone())));
            }
            data.insert("node".to_owned(), node.into());
        }
        let functions = self.functions.borrow().clone();
        self.trace.begin(given.cookbook.map(str::to_owned).zip(functions), given.halt);
        let context = Context::from(Value::Object(data));
        let mut printed = Printed { text: Vec::new(), limit: given.size };
        let rendered = self.engine.borrow().render_with_context_to_write(
            &path.display().to_string(),
            &context,
            &mut printed,
        );
        rendered.map_err(|error| self.render_diagnostic(&parsed, context.data(), given, &error))?;
        Ok(String::from_utf8_lossy(&printed.text).into_owned())
    }

    fn parse(&self, path: &Path, text: String, given: &Given<'_>) -> Result<Parsed, Diagnostic> {
        let functions = self.functions.borrow().clone();
        let mut reader = Reader {
            templates: self,
            functions: given.cookbook.zip(functions.as_deref()),
            partial: given.partial,
            open: Vec::new(),
            sources: HashMap::new(),
            depths: HashMap::new(),
            node_keys: Vec::new(),
        };
        reader.read("", path, text)?;
        let Reader { sources, mut node_keys, .. } = reader;
        node_keys.sort();
        node_keys.dedup();
        Ok(Parsed { sources, node_keys })
    }

    fn render_diagnostic(
        &self,
        parsed: &Parsed,
        data: &Value,
        given: &Given<'_>,
        error: &RenderError,
    ) -> Diagnostic {
        let missing = match error.reason() {
            RenderErrorReason::MissingVariable(Some(path)) => path,
            RenderErrorReason::Other(told) => first_value(told).map_or("", |(_, value)| value),
            _ => "",
        };
        let span = |name: &str, at: trace::At, word: &str| {
            parsed.sources.get(name).map(|source| tag(source, at, word))
        };
        let place = error.template_name.as_deref().zip(error.line_no.zip(error.column_no));
        let place = place.and_then(|(name, at)| span(name, at, missing));
        let mut diagnostic = match self.trace.mistake() {
            Some(mistake) => match place {
                Some(place) if mistake.span.is_some() => {
                    mistake.frame(place, "called by the template here")
                }
                place => mistake.at(place),
            },
            None => plain_diagnostic(data, given, error).at(place),
        };
        for (name, at) in self.trace.includes() {
            if let Some(span) = span(&name, at, "") {
                diagnostic = diagnostic.frame(span, "included here");
            }
        }
        diagnostic
    }
}

/// What a template has printed. Loops inside one another come to more than memory holds.
struct Printed {
    text: Vec<u8>,
    limit: usize,
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(io::Error::other(format!(
                "it prints more than the limit of {} bytes",
                self.limit
            )));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a template and the partials that it includes.
struct Reader<'a> {
    templates: &'a Templates,
    functions: Option<(&'a str, &'a dyn Functions)>,
    partial: &'a dyn Fn(&str) -> Result<PathBuf, Diagnostic>,
    /// The templates in progress, outermost first: by path, and as they are included.
    open: Vec<(String, String)>,
    sources: HashMap<String, Arc<Source>>,
    /// The levels that each template needs with its partials.
    depths: HashMap<String, usize>,
    node_keys: Vec<String>,
}

impl Reader<'_> {
    /// Registers a template under its path, because two cookbooks may have a partial of one name;
    /// and its partials before it. Handlebars would follow partials that call each other until the
    /// stack ends, so circles are refused here.
    fn read(&mut self, known_as: &str, path: &Path, text: String) -> Result<(), Diagnostic> {
        let name = path.display().to_string();
        let source =
            Arc::new(Source { name: cookbook::shown(path), path: Some(path.to_owned()), text });
        let mut template = Template::compile_with_name(&source.text, name.clone())
            .map_err(|error| parse_diagnostic(&source, &error))?;
        self.open.push((name.clone(), known_as.to_owned()));
        let mut named = rewrite::Named::default();
        let mut below = (0, None);
        let prepared = rewrite::prepare(&mut template, &mut named, &mut |wanted, at| {
            let span = tag(&source, at, wanted);
            if self.open.len() > rewrite::DEEPEST {
                return Err(too_deep(span));
            }
            let file = (self.partial)(wanted).map_err(|missing| {
                if missing.span.is_some() {
                    missing.frame(span.clone(), "included here")
                } else {
                    missing.at(span.clone())
                }
            })?;
            let partial = file.display().to_string();
            if let Some(from) = self.open.iter().position(|(other, _)| *other == partial) {
                let circle = self.open[from + 1..].iter().map(|(_, name)| name.as_str());
                let circle: Vec<_> = [wanted]
                    .into_iter()
                    .chain(circle)
                    .chain([wanted])
                    .map(|name| format!("`{name}`"))
                    .collect();
                return Err(Diagnostic::error(format!(
                    "partials include one another in a circle: {}",
                    circle.join(" -> ")
                ))
                .at(span)
                .hint("take one of the includes out"));
            }
            if !self.sources.contains_key(&partial) {
                self.read(wanted, &file, read(&file)?)
                    .map_err(|wrong| wrong.frame(span.clone(), "included here"))?;
            }
            let depth = 1 + self.depths.get(&partial).copied().unwrap_or_default();
            if depth > below.0 {
                below = (depth, Some(span));
            }
            Ok(partial)
        });
        if let Some(at) = named.too_deep {
            rewrite::dismantle(template);
            return Err(too_deep(tag(&source, at, "")));
        }
        prepared?;
        let (below, include) = below;
        if let Some(span) = include.filter(|_| named.deepest + below > rewrite::DEEPEST) {
            return Err(too_deep(span));
        }
        for call in &named.calls {
            check_call(self.functions, call).map_err(|wrong| {
                let span = tag(&source, call.at, &call.name);
                if wrong.span.is_some() {
                    wrong.frame(span, "called by the template here")
                } else {
                    wrong.at(span)
                }
            })?;
        }
        self.depths.insert(name.clone(), named.deepest + below);
        self.node_keys.extend(named.reads.iter().filter_map(|read| read.path.first().cloned()));
        self.open.pop();
        self.templates.engine.borrow_mut().register_template(&name, template);
        self.sources.insert(name, source);
        Ok(())
    }
}

/// A helper that is not built in is a function of the cookbook's libraries.
fn check_call(
    functions: Option<(&str, &dyn Functions)>,
    call: &rewrite::Call,
) -> Result<(), Diagnostic> {
    let name = &call.name;
    if call.block {
        return Err(Diagnostic::error(format!("there is no block `{{{{#{name}}}}}`")).hint(
            format!(
                "blocks are {}; a function's value is asked for by `{{{{#if ({name} …)}}}}`",
                BLOCKS.map(|block| format!("`{{{{#{block}}}}}`")).join(", ")
            ),
        ));
    }
    let Some((cookbook, functions)) = functions else {
        return Err(unknown_helper(name, [])
            .hint("a template that is in no cookbook has only the built-in helpers"));
    };
    if call.hash {
        return Err(Diagnostic::error(format!(
            "`{name}` is a function, which takes no arguments by name"
        ))
        .hint(format!("give them in their order: `{{{{{name} one two}}}}`")));
    }
    functions.check(cookbook, name, call.arguments)
}

/// A helper that is neither built in nor among `functions`.
pub(crate) fn unknown_helper<'a>(
    name: &str,
    functions: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    Diagnostic::error(format!("there is no helper `{name}`"))
        .suggest(name, HELPERS.into_iter().chain(BLOCKS).chain(functions))
}

/// The text of a template.
/// # Errors
/// When it cannot be read or is no UTF-8.
pub fn read(path: &Path) -> Result<String, Diagnostic> {
    read_text(path).map_err(|error| {
        let cause = toque_core::failure::plain_io(&error);
        Diagnostic::error(format!("cannot read the template `{}`: {cause}", path.display()))
    })
}

/// A look at a template that is not rendered.
pub struct Looked {
    /// The attributes that it reads, and those among them that may be absent.
    pub reads: Vec<(Vec<String>, Span)>,
    pub asked: Vec<Vec<String>>,
    /// Calls of what is no helper.
    pub mistakes: Vec<Diagnostic>,
}

/// Looks at a template of a cookbook.
/// # Errors
/// Where it cannot be parsed.
pub fn look(path: &Path, cookbook: &str, functions: &dyn Functions) -> Result<Looked, Diagnostic> {
    let source = Arc::new(Source {
        name: cookbook::shown(path),
        path: Some(path.to_owned()),
        text: read(path)?,
    });
    let mut template =
        Template::compile(&source.text).map_err(|error| parse_diagnostic(&source, &error))?;
    let mut named = rewrite::Named::default();
    rewrite::prepare(&mut template, &mut named, &mut |partial, _| Ok(partial.to_owned()))?;
    if let Some(at) = named.too_deep {
        rewrite::dismantle(template);
        return Err(too_deep(tag(&source, at, "")));
    }
    let wrong = |call: &rewrite::Call| {
        let span = tag(&source, call.at, &call.name);
        let wrong = check_call(Some((cookbook, functions)), call).err()?;
        Some(if wrong.span.is_some() {
            wrong.frame(span, "called by the template here")
        } else {
            wrong.at(span)
        })
    };
    let mistakes = named.calls.iter().filter_map(wrong).collect();
    let (asked, read): (Vec<_>, Vec<_>) = named.reads.into_iter().partition(|read| read.asked);
    let reads = read.into_iter().filter(|read| read.sure).map(|read| {
        let span = tag(&source, read.at, &format!("node.{}", read.path.join(".")));
        (read.path, span)
    });
    Ok(Looked {
        reads: reads.collect(),
        asked: asked.into_iter().map(|read| read.path).collect(),
        mistakes,
    })
}

/// More is inside one another than rendering allows.
fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(format!(
        "the template is nested too deep: {} blocks, partials and expressions may be inside one another",
        rewrite::DEEPEST
    ))
    .at(span)
    .hint("close blocks before others begin, and have a recipe or a library choose among many cases")
}

/// Returns true if more blocks are open at a place than may be: where there are very many, the
/// parser gives up for want of stack.
fn is_too_deep(text: &str, line: usize, column: usize) -> bool {
    let mut before = text.split_inclusive('\n');
    let lines: usize = before.by_ref().take(line - 1).map(str::len).sum();
    let last = before.next().map_or(0, |last| last.chars().take(column).map(char::len_utf8).sum());
    let before = &text[..lines + last];
    let open = before.matches("{{#").count();
    open.saturating_sub(before.matches("{{/").count()) > rewrite::DEEPEST
}

fn parse_diagnostic(source: &Arc<Source>, error: &TemplateError) -> Diagnostic {
    let (line, column) = error.pos().unwrap_or((1, 1));
    let diagnostic = match error.reason() {
        _ if is_too_deep(&source.text, line.max(1), column) => {
            return too_deep(Span::word(Arc::clone(source), line, column.max(1)));
        }
        // The parser lists every token that could have come, which tells nobody anything.
        TemplateErrorReason::InvalidSyntax(_) => {
            Diagnostic::error("cannot read the template: a tag is wrong, or a block is not closed")
                .hint("each `{{#if …}}` needs its `{{/if}}`, and each `{{` its `}}`")
        }
        reason => {
            let reason = reason.to_string();
            Diagnostic::error(format!(
                "cannot read the template: {}",
                lower(reason.lines().next().unwrap_or_default())
            ))
        }
    };
    diagnostic.at(Span::word(Arc::clone(source), line, column.max(1)))
}

/// What Handlebars refused to render.
fn plain_diagnostic(data: &Value, given: &Given<'_>, error: &RenderError) -> Diagnostic {
    let message = match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => {
            let diagnostic =
                Diagnostic::error(format!("cannot render the template: `{path}` is not set"))
                    .of_kind(FailureKind::NotSet);
            return match nearest_key(path, data, given) {
                Some(hint) => diagnostic.hint(hint),
                None if path.starts_with("node.") => diagnostic
                    .hint("set it in an attribute file, or print it only where it is set: `{{#if node.x}}{{node.x}}{{/if}}`"),
                None => diagnostic.hint("give it in `variables`, or print it only where it is set: {{#if x}}{{x}}{{/if}}"),
            };
        }
        RenderErrorReason::PartialNotFound(name) => {
            return Diagnostic::error(format!("cannot render the template: there is no partial `{name}`"))
                .hint("a partial is included by its name as it is, `{{> name}}`, and not by one that is computed");
        }
        RenderErrorReason::NestedError(inner) => inner.to_string(),
        RenderErrorReason::IOError(error) => error.to_string(),
        RenderErrorReason::Other(text) => text.clone(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper `{name}`"),
        other => lower(&other.to_string()),
    };
    Diagnostic::error(format!("cannot render the template: {message}"))
}

/// The nearest key to the first of the path that is not there.
fn nearest_key(path: &str, data: &Value, given: &Given<'_>) -> Option<String> {
    let keys: Vec<&str> = path.split(['.', '/', '[', ']']).filter(|key| !key.is_empty()).collect();
    let mut here = data;
    for (depth, key) in keys.iter().enumerate() {
        let Value::Object(map) = here else { return None };
        match map.get(*key) {
            Some(below) => here = below,
            // Of `node`, the template was given only the parts that it names.
            None if depth == 1 && keys[0] == "node" => {
                return did_you_mean(key, (given.node_keys)().iter().map(String::as_str));
            }
            None => return did_you_mean(key, map.keys().map(String::as_str)),
        }
    }
    None
}

/// A word in the tag that begins here, or else the tag.
fn tag(source: &Arc<Source>, (line, column): trace::At, word: &str) -> Span {
    let text = source.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let tag: String = text.chars().skip(column.saturating_sub(1)).collect();
    let tag = tag.find("}}").map_or(tag.as_str(), |end| &tag[..end + 2]);
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let stands = |at: &usize| {
        apart(tag[..*at].chars().next_back()) && apart(tag[at + word.len()..].chars().next())
    };
    let found =
        if word.is_empty() { None } else { tag.match_indices(word).map(|(at, _)| at).find(stands) };
    let (before, length) = found
        .map_or((0, tag.chars().count()), |at| (tag[..at].chars().count(), word.chars().count()));
    Span { source: Arc::clone(source), line, column: column + before, length: Some(length) }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}
