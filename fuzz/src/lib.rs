//! What the targets share: what must hold of every mistake that is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toque_contract::event::{Event, Sink};
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_engine::Options;
use toque_language::Limits;

/// A text under a name that people would know it by.
#[must_use]
pub fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), path: None, text: text.to_owned() }
}

/// Few steps and small values, so that a loop ends soon. The depths are the usual ones: the stack
/// must hold them.
#[must_use]
pub fn limits() -> Limits {
    Limits { operations: 5_000, resources: 500, size: 64 * 1024, ..Limits::default() }
}

/// A run on a machine whose facts are known.
#[must_use]
pub fn options() -> Options {
    Options {
        limits: limits(),
        elsewhere: toque_machine::facts::shipped::shipped("debian", None),
        ..Options::default()
    }
}

/// Stops a run that tries something again and again, or whose notifications have no end in sight.
#[must_use]
pub fn patience(stop: CancelToken) -> Box<dyn Sink> {
    let mut left = 5_000;
    Box::new(move |event: &Event<'_>| {
        if matches!(event, Event::Done(_) | Event::Retrying { .. }) {
            left -= 1;
            if left == 0 {
                stop.request();
            }
        }
    })
}

/// The repository that recipes are run in: it has custom resources, libraries, attribute files and
/// templates.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop")
}

/// A mistake says something, and where it stands is in its text.
/// # Panics
/// When it is not so.
pub fn sound(mistake: &Diagnostic) {
    assert!(!mistake.message.trim().is_empty(), "{mistake:?}");
    mistake
        .span
        .iter()
        .chain(mistake.frames.iter().map(|(span, _)| span))
        .for_each(|span| there(span, mistake));
    // What is hidden is still told.
    sound_places(&mistake.clone().hidden());
}

fn sound_places(mistake: &Diagnostic) {
    mistake
        .span
        .iter()
        .chain(mistake.frames.iter().map(|(span, _)| span))
        .for_each(|span| there(span, mistake));
}

fn there(span: &Span, mistake: &Diagnostic) {
    let text = &Arc::clone(&span.source).text;
    let line = text.split('\n').nth(span.line.wrapping_sub(1));
    let Some(line) = line else {
        panic!("there is no line {} in {text:?}: {mistake:?}", span.line)
    };
    let characters = line.chars().count();
    assert!(
        (1..=characters + 1).contains(&span.column),
        "there is no column {} in {line:?}: {mistake:?}",
        span.column
    );
    let end = span.column + span.characters();
    assert!(end <= characters + 2, "{span} ends after its line, at {end} of {line:?}: {mistake:?}");
}
