//! JSON with comments: read by itself, and as a role, an environment, a node's file and the JSON of
//! a run.
#![no_main]

use std::cell::LazyCell;
use std::rc::Rc;

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use tempfile::TempDir;
use toque_contract::registry::Registry;
use toque_core::diagnostic::Diagnostic;
use toque_core::json::Document;
use toque_engine::check::{Checked, check};
use toque_engine::{Options, Run};
use toque_fuzz::{limits, options, sound, source};
use toque_machine::system::FakeSystem;

thread_local! {
    static REPOSITORY: LazyCell<TempDir> = LazyCell::new(|| {
        let repository = tempfile::tempdir().expect("a folder for documents can be made");
        for folder in FOLDERS {
            std::fs::create_dir(repository.path().join(folder)).expect("a folder can be made in it");
        }
        repository
    });
    static REGISTRY: LazyCell<Rc<Registry>> = LazyCell::new(|| Rc::new(toque_resources::standard()));
}

const FOLDERS: [&str; 3] = ["roles", "environments", "nodes"];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let read = Document::parse(source("x.json", text));
    let plain = serde_json::from_str::<Value>(text.strip_prefix('\u{feff}').unwrap_or(text));
    match (read, plain) {
        (Ok(document), plain) => {
            if let Ok(plain) = plain {
                assert!(equal(&document.value, &plain), "{} and {plain}", document.value);
            } else {
                assert!(is_wider(text), "only serde_json refuses it: {plain:?}");
            }
            let again = Document::of("x.json", &document.value)
                .unwrap_or_else(|mistake| panic!("{mistake}"));
            assert_eq!(again.value, document.value);
            used(text, document);
        }
        (Err(mistake), plain) => {
            sound(&mistake);
            assert!(mistake.span.is_some(), "{mistake:?} has no place");
            if let Ok(plain) = plain {
                assert!(more_is_asked(&mistake), "{mistake} in {plain}");
            }
        }
    }
    Corpus::Keep
});

/// Whether the text has what JSON has not, and documents may have: comments, and any kind of blank.
fn is_wider(text: &str) -> bool {
    let blank = |character: char| character.is_whitespace() && !" \t\r\n".contains(character);
    text.contains("//") || text.contains("/*") || text.contains(blank)
}

/// What is JSON, and is refused all the same.
fn more_is_asked(mistake: &Diagnostic) -> bool {
    mistake.message.contains("stands twice in one map")
        || mistake.message.contains("nested too deep")
}

/// As numbers are equal: 0 is -0.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let there = |(key, value)| other.get(key).is_some_and(|other| equal(value, other));
            one.len() == other.len() && one.iter().all(there)
        }
        _ => one == other,
    }
}

/// Reads the document as each that there is, in a repository that has it as each.
fn used(text: &str, document: Document) {
    let key = document
        .value
        .as_object()
        .and_then(|map| map.keys().next().cloned())
        .unwrap_or_else(|| "name".to_owned());
    REPOSITORY.with(|repository| {
        let repository = repository.path();
        for folder in FOLDERS {
            std::fs::write(repository.join(folder).join("x.json"), text)
                .expect("a document can be written");
        }
        REGISTRY.with(|registry| {
            let checked = Checked {
                repository: Some(repository.to_owned()),
                limits: limits(),
                ..Checked::default()
            };
            check(registry, &checked).iter().for_each(sound);
            let options = Options {
                repository: Some(repository.to_owned()),
                attributes: Some(Rc::new(document)),
                node_name: "x".to_owned(),
                recipe: Some(source("empty.rhai", "")),
                ..options()
            };
            let told = Run::on(Rc::new(FakeSystem::new()), Rc::clone(registry))
                .options(options.clone())
                .explain(&[key]);
            if let Err(refused) = told {
                refused.diagnostics.0.iter().for_each(sound);
            }
        });
    });
}
