//! Diagnostics with their place in the source, drawn as rustc does.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use toque_core::diagnostic::{Diagnostic, Diagnostics, Severity, Span, visible};

/// The number of calls that are shown of either end of a long list: those of a recursion repeat.
const FRAMES: usize = 3;

/// Prints them to standard error, an empty line between two.
pub(crate) fn print(diagnostics: &Diagnostics) {
    for diagnostic in &diagnostics.0 {
        super::message(&draw(diagnostic));
        super::message("");
    }
}

/// Draws a diagnostic, with colours that the stream drops when it is no terminal.
pub(crate) fn draw(diagnostic: &Diagnostic) -> String {
    let mut diagnostic = diagnostic.clone();
    // Texts of servers and programs may hold control sequences. Colours of programs are removed.
    diagnostic.each_text(&mut |text| {
        *text = visible(&anstream::adapter::strip_str(text).to_string().replace("\r\n", "\n"));
    });
    let (level, name) = match diagnostic.severity {
        Severity::Error => (Level::ERROR, "error"),
        Severity::Warning => (Level::WARNING, "warning"),
    };
    let title = level.with_name(name).primary_title(&*diagnostic.message);
    let mut main = match &diagnostic.span {
        Some(span) => {
            title.element(snippet(span, AnnotationKind::Primary, diagnostic.label.as_deref()))
        }
        None => Group::with_title(title),
    };
    for note in &diagnostic.notes {
        main = main.element(Element::from(Level::NOTE.message(&**note)));
    }
    for hint in &diagnostic.hints {
        main = main.element(Element::from(Level::HELP.message(&**hint)));
    }
    let mut report = vec![main];
    let frame = |(span, what)| {
        Level::NOTE.secondary_title(what).element(snippet(span, AnnotationKind::Context, None))
    };
    let frames = || diagnostic.frames.iter().map(|(span, what)| frame((span, what.as_str())));
    let left_out = diagnostic.frames.len().saturating_sub(2 * FRAMES);
    let more = format!("{left_out} more are left out");
    if left_out < 2 {
        report.extend(frames());
    } else {
        report.extend(frames().take(FRAMES));
        report.push(Group::with_title(Level::NOTE.secondary_title(&*more)));
        report.extend(frames().skip(FRAMES + left_out));
    }
    Renderer::styled().render(&report)
}

/// The line of a span and those around it.
fn snippet<'a>(
    span: &'a Span,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = &span.source.text;
    let from = byte_of(text, span.line, span.column);
    let to = byte_of(text, span.line, span.column + span.characters()).max(from);
    Snippet::source(&**text).path(&*span.source.name).annotation(kind.span(from..to).label(label))
}

/// Returns the offset of a column in a line; that of the line's end when it is shorter.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for (index, content) in text.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let content = content.trim_end_matches(['\n', '\r']);
            return start
                + content
                    .char_indices()
                    .nth(column.saturating_sub(1))
                    .map_or(content.len(), |(at, _)| at);
        }
        start += content.len();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_steers_the_terminal() {
        let told = Diagnostic::error("a\u{1b}]0;title\u{7} is wrong")
            .note("\u{1b}[31mred\u{1b}[0m\r\nnext\u{9b}2J\rover\u{202e}back")
            .hint("clear \u{1b}[2J it");
        let drawn = anstream::adapter::strip_str(&draw(&told)).to_string();
        assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'), "{drawn:?}");
        assert!(
            drawn.contains("note: red\n")
                && drawn.contains("\\u{202e}back")
                && drawn.contains("\\rover"),
            "{drawn}"
        );
    }
}
