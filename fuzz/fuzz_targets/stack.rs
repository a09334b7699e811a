//! Stack and command documents, JSON and TOML: what is wrong is told at its place, no secret among
//! it; what is right comes to the same run when it is written and read again.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_core::diagnostic::Diagnostics;
use toque_core::json::Document;
use toque_core::redaction::Redactor;
use toque_data::stack::{Command, Event, LARGEST_CUSTOM_JSON, Stack, Wanted, expand};
use toque_fuzz::{sound, source};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    for document in [
        Document::parse(source("stack.json", text)),
        Document::parse_toml(source("stack.toml", text)),
    ] {
        match document {
            Err(wrong) => sound(&wrong),
            Ok(document) => look(&Rc::new(document)),
        }
    }
    Corpus::Keep
});

fn look(document: &Rc<Document>) {
    match Stack::of(Rc::clone(document), LARGEST_CUSTOM_JSON, &Redactor::default()) {
        Err(Diagnostics(wrong)) => wrong.iter().for_each(sound),
        Ok(stack) => {
            let _ = (stack.whole(false), stack.whole(true));
            let stack = Rc::new(stack);
            let instances: Vec<String> =
                stack.instances.iter().map(|instance| instance.hostname.clone()).collect();
            for (instance, event) in instances
                .iter()
                .flat_map(|instance| Event::all().map(move |event| (instance, event)))
            {
                let wanted =
                    Wanted { instance: instance.clone(), all_apps: true, ..Wanted::default() };
                match Command::new(Rc::clone(&stack), event, wanted) {
                    Err(wrong) => sound(&wrong),
                    Ok(command) => again(&command),
                }
            }
        }
    }
    match Command::read(Rc::clone(document), LARGEST_CUSTOM_JSON, &Redactor::default()) {
        Err(Diagnostics(wrong)) => wrong.iter().for_each(sound),
        Ok(command) => {
            // OpsWorks' documents have fields of their own, which are not written.
            let _ = command.run_list();
            inside(expand(&command, &[], None).into_iter().flatten());
        }
    }
}

/// Written and read again it is the same.
fn again(command: &Command) {
    // Nothing is nested deeper than documents may be, but what is put around it could be.
    let Ok(written) = Document::of("command.json", &command.document()) else { return };
    let read = Command::read(Rc::new(written), usize::MAX, &Redactor::default())
        .expect("what was written can be read");
    assert_eq!(command.document(), read.document());
    let files = expand(command, &[], None).map_err(|wrong| wrong.message);
    assert_eq!(files, expand(&read, &[], None).map_err(|wrong| wrong.message));
    inside(files.into_iter().flatten());
}

/// Nothing is written elsewhere.
fn inside(files: impl Iterator<Item = (String, String)>) {
    for (path, _) in files {
        assert!(
            path.split('/').all(|part| !part.is_empty() && part != ".." && part != "."),
            "{path}"
        );
    }
}
