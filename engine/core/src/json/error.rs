//! Errors of JSON and TOML texts, in plain words.

use std::ops::Range;
use std::sync::Arc;

use jsonc_parser::ParseStringErrorKind;
use jsonc_parser::errors::ParseErrorKind;

use crate::diagnostic::{Diagnostic, Source, Span};

/// A mistake in a text.
#[derive(Debug)]
pub struct JsonError {
    /// What is wrong, without the name of the document.
    pub reason: String,
    pub span: Span,
    /// What to do; it quotes nothing of the text.
    pub hint: Option<String>,
    /// Another place that matters, and what it is.
    pub other: Option<(Span, String)>,
}

impl JsonError {
    /// A mistake at a range of bytes.
    pub(super) fn at(source: &Arc<Source>, range: Range<usize>, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), span: Span::of(source, range), hint: None, other: None }
    }

    /// A mistake that the parser has found.
    pub(super) fn of(source: &Arc<Source>, kind: &ParseErrorKind, range: Range<usize>) -> Self {
        let (reason, hint) = words(kind);
        let error = Self::at(source, range, reason);
        if hint.is_empty() { error } else { error.hint(hint) }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<JsonError> for Diagnostic {
    fn from(JsonError { reason, span, hint, other }: JsonError) -> Self {
        let message = format!("cannot read `{}`: {reason}", span.source.name);
        let hints = hint.into_iter().collect();
        let frames = other.into_iter().collect();
        Self { hints, frames, ..Self::error(message) }.at(span)
    }
}

/// What is wrong, and what to do; the hint may be empty.
fn words(kind: &ParseErrorKind) -> (&'static str, &'static str) {
    const VALUE: &str =
        "a value is text in double quotes, a number, `true`, `false`, `null`, `[…]` or `{…}`";
    const NUMBER: &str = "write for example 8, -1 or 0.5";
    match kind {
        ParseErrorKind::ExpectedComma => {
            ("a comma is missing here", "put a comma between two entries")
        }
        ParseErrorKind::TrailingCommasNotAllowed => {
            ("a comma is too much here", "the last entry has no comma behind it")
        }
        ParseErrorKind::UnexpectedComma => ("a value is missing before this comma", VALUE),
        ParseErrorKind::ExpectedColonAfterObjectKey => {
            ("a colon is missing after this key", "write \"key\": value")
        }
        ParseErrorKind::ExpectedObjectValue => ("a value is missing after this colon", VALUE),
        ParseErrorKind::ExpectedStringObjectProperty => {
            ("a key is not in quotes", "write it in double quotes: \"key\": value")
        }
        ParseErrorKind::SingleQuotedStringsNotAllowed => {
            ("text is not in double quotes", "write \"text\"")
        }
        ParseErrorKind::UnexpectedColon => {
            ("a colon stands where a value should", "keys stand in `{…}`, as \"key\": value")
        }
        ParseErrorKind::UnexpectedCloseBrace | ParseErrorKind::UnexpectedCloseBracket => {
            ("a value is missing here", VALUE)
        }
        ParseErrorKind::UnexpectedToken | ParseErrorKind::UnexpectedWord => {
            ("this is no value", VALUE)
        }
        ParseErrorKind::UnexpectedTokenInObject => {
            ("this is no key", "in `{…}` stand entries such as \"key\": value")
        }
        ParseErrorKind::MultipleRootJsonValues => {
            ("something follows after its end", "remove it, or put all of it into one `{…}`")
        }
        ParseErrorKind::UnterminatedArray => ("this `[` has no `]`", "close it"),
        ParseErrorKind::UnterminatedObject => ("this `{` has no `}`", "close it"),
        ParseErrorKind::UnterminatedCommentBlock => {
            ("this comment has no end", "close it with `*/`")
        }
        ParseErrorKind::NestingDepthExceeded => ("it is nested too deep", ""),
        ParseErrorKind::BareDecimalPointNumbersNotAllowed => {
            ("a number begins or ends with its point", NUMBER)
        }
        ParseErrorKind::HexadecimalNumbersNotAllowed => ("a number is in hexadecimal", NUMBER),
        ParseErrorKind::NonFiniteNumbersNotAllowed => {
            ("this is no number that can be written down", NUMBER)
        }
        ParseErrorKind::UnaryPlusNumbersNotAllowed => ("a number begins with a plus", NUMBER),
        ParseErrorKind::ExpectedDigit
        | ParseErrorKind::ExpectedDigitFollowingNegativeSign
        | ParseErrorKind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            ("a number is not whole", NUMBER)
        }
        ParseErrorKind::CommentsNotAllowed => ("a comment stands here", ""),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            ("this text has no closing quote", "close it")
        }
        ParseErrorKind::String(ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)) => (
            "this stands for no character",
            "a character beyond \\uFFFF takes two such halves, or stands as it is",
        ),
        ParseErrorKind::String(_) => (
            "this backslash begins nothing that is known",
            "write \\\\ for a backslash; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000",
        ),
    }
}
