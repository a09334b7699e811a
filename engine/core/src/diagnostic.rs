//! What is wrong, where, and what to do: plain data. Drawing it (colours, code frames) is the
//! caller's business.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::failure::{Failure, FailureKind};
use crate::message::{REDACTED, redact_values};
use crate::name::ResourceId;

/// How bad it is. A warning never stops anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// A text that positions refer to: a recipe, a template, a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name shown to people: a path, `-e`, `standard input`.
    pub name: String,
    /// The path on disk, where there is one.
    pub path: Option<PathBuf>,
    pub text: String,
}

impl Source {
    /// A source without the mark that some editors begin a file with, and that nobody sees.
    #[must_use]
    pub fn new(name: &str, path: Option<PathBuf>, text: String) -> Self {
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Self { name: name.to_owned(), path, text }
    }
}

/// A place in a source. Lines and columns count from 1; columns count characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    pub source: Arc<Source>,
    pub line: usize,
    pub column: usize,
    /// Characters to underline; when it is not known, those of the word or string that begins
    /// there.
    pub length: Option<usize>,
}

impl Span {
    /// A span of one word or symbol: it ends where the identifier at its start ends. The text is
    /// looked at only when the span is drawn, because every resource has one and few are.
    #[must_use]
    pub fn word(source: Arc<Source>, line: usize, column: usize) -> Self {
        Self { source, line, column, length: None }
    }

    /// The span of a range of bytes; it ends with its line.
    pub fn of(source: &Arc<Source>, range: Range<usize>) -> Self {
        let text = &source.text;
        let boundary = |at: usize| {
            (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        let (start, end) = (boundary(range.start), boundary(range.end));
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let length = text
            .get(start..end)
            .and_then(|part| part.lines().next())
            .map_or(1, |part| part.chars().count());
        Self { source: Arc::clone(source), line, column, length: Some(length.max(1)) }
    }

    /// Where a reading of `a.b` stands at the dot, the name after it.
    #[must_use]
    pub fn after_dot(mut self) -> Self {
        let here: String =
            self.line_text().chars().skip(self.column.saturating_sub(1)).take(2).collect();
        self.column += if here == "?." { 2 } else { usize::from(here.starts_with('.')) };
        self
    }

    /// How many characters to underline, at least 1.
    #[must_use]
    pub fn characters(&self) -> usize {
        let word = || {
            let mut here = self.line_text().chars().skip(self.column.saturating_sub(1)).peekable();
            match here.next_if(|c| ['"', '`'].contains(c)) {
                Some(quote) => here.position(|c| c == quote).map_or(1, |end| end + 2),
                None => here.take_while(|c| c.is_alphanumeric() || *c == '_').count(),
            }
        };
        self.length.unwrap_or_else(word).max(1)
    }

    /// The whole line that it is in.
    #[must_use]
    pub fn line_text(&self) -> &str {
        self.source.text.lines().nth(self.line.saturating_sub(1)).unwrap_or_default()
    }

    /// The same place with nothing of what stands there.
    #[must_use]
    pub fn hidden(&self) -> Self {
        let above = "\n".repeat(self.line.saturating_sub(1));
        let before = " ".repeat(self.column.saturating_sub(1));
        let source = Source {
            name: self.source.name.clone(),
            path: self.source.path.clone(),
            text: format!("{above}{before}{REDACTED}"),
        };
        Self {
            source: Arc::new(source),
            line: self.line,
            column: self.column,
            length: Some(REDACTED.len()),
        }
    }
}

/// `recipes/default.rhai:3:7`
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text of somebody else as people may see it: what would steer a terminal, or turn the
/// direction of what follows, is written as `\u{1b}`. Tabs and ends of lines stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
        shown
    })
}

/// One mistake, told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub kind: FailureKind,
    pub severity: Severity,
    /// What was attempted on what, and what went wrong. Starts in lower case, has no final period.
    pub message: String,
    /// Where the cause stands.
    pub span: Option<Span>,
    /// Said under the span's underline.
    pub label: Option<String>,
    /// How the run got there, innermost call first, or other places that matter, each with what it
    /// is.
    pub frames: Vec<(Span, String)>,
    /// More about the cause, such as the output of a failed command.
    pub notes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// It is no mistake: the run was told to stop while this was in progress.
    pub interrupted: bool,
    /// The message begins with the resource that it is about.
    pub names_resource: bool,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Other,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            frames: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
            interrupted: false,
            names_resource: false,
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    #[must_use]
    pub fn of_kind(self, kind: FailureKind) -> Self {
        Self { kind, ..self }
    }

    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        if let Some(span) = span.into() {
            self.span = Some(span);
        }
        self
    }

    /// At this place, unless it has one.
    #[must_use]
    pub fn or_at(self, span: Option<&Span>) -> Self {
        if self.span.is_some() { self } else { self.at(span.cloned()) }
    }

    /// The same with its places, but nothing of what stands there: a recipe may say what must not
    /// be shown.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.span = self.span.map(|span| span.hidden());
        for (span, _) in &mut self.frames {
            *span = span.hidden();
        }
        self.label = None;
        self.message = redact_values(&self.message).unwrap_or_else(|| "it failed".to_owned());
        self.notes = vec!["more is known and not shown: the resource is sensitive".to_owned()];
        self.hints = self.hints.iter().filter_map(|hint| redact_values(hint)).collect();
        self
    }

    /// Every text that it tells.
    pub fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let told = [&mut self.message]
            .into_iter()
            .chain(&mut self.label)
            .chain(&mut self.notes)
            .chain(&mut self.hints);
        told.chain(self.frames.iter_mut().map(|(_, what)| what)).for_each(change);
    }

    /// Every place that it shows.
    pub fn each_span(&mut self, change: &mut dyn FnMut(&mut Span)) {
        self.span.iter_mut().chain(self.frames.iter_mut().map(|(span, _)| span)).for_each(change);
    }

    /// Adds the resource that it is about, declared at `span`.
    #[must_use]
    pub fn about(self, id: &ResourceId, span: Option<Span>) -> Self {
        match (&self.span, span) {
            (Some(_), Some(span)) => self.frame(span, format!("for `{id}`")),
            (Some(_), None) => self,
            // The name of a resource inside a custom resource begins with that of the custom one.
            (None, span) if self.names_resource => self.at(span),
            (None, span) => {
                let message = format!("{id}: {}", self.message);
                Self { message, names_resource: true, ..self }.at(span)
            }
        }
    }

    #[must_use]
    pub fn frame(mut self, span: Span, what: impl Into<String>) -> Self {
        self.frames.push((span, what.into()));
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Asks for the name among `known` that is near to `wanted`, if there is one.
    #[must_use]
    pub fn suggest<'a>(self, wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        did_you_mean(wanted, known).into_iter().fold(self, Self::hint)
    }

    /// Asks for the name among `known` that is near to `wanted`; gives `hint` when there is none.
    #[must_use]
    pub fn suggest_or<'a, H: Into<String>>(
        self,
        wanted: &str,
        known: impl IntoIterator<Item = &'a str>,
        hint: impl FnOnce() -> H,
    ) -> Self {
        let near = did_you_mean(wanted, known);
        self.hint(near.unwrap_or_else(|| hint().into()))
    }
}

/// It has no place yet.
impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let Failure { kind, message, notes, hint, interrupted } = failure;
        Self { kind, notes, hints: hint.into_iter().collect(), interrupted, ..Self::error(message) }
    }
}

/// One line, without the code frame: `web.rhai:3:7: unknown kind `packge``.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{span}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// One or more mistakes: what ends a compile, or a `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// "did you mean `x`?", when one of `candidates` is near enough to `wanted` to be a slip of the
/// finger.
pub fn did_you_mean<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(wanted, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// The candidate nearest to `wanted`, if it is near: at most a third of the letters differ.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}
