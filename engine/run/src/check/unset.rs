//! Attributes that are read and that nobody sets.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::failure::FailureKind;
use toque_core::json;
use toque_language::AttributesUsed;
use toque_language::interpreter::Interpreter;
use toque_language::known_attributes::Known;

/// What every node has.
pub(crate) fn always_set(interpreter: &Interpreter, known: &mut Known) {
    let keys = interpreter.node.keys();
    let more = ["chef_environment", "run_state"];
    keys.iter().map(String::as_str).chain(more).for_each(|key| known.open_below([key]));
}

/// What the documents of a repository set. One that cannot be read may set anything.
pub(crate) fn documents(repository: &Path, known: &mut Known) {
    let folders = ["nodes", "roles", "environments"];
    let listed = folders.map(|folder| (folder, json::names(repository, folder)));
    known.open |= listed.iter().any(|(_, names)| names.is_err());
    for (folder, name) in listed
        .into_iter()
        .flat_map(|(folder, names)| names.into_iter().flatten().map(move |name| (folder, name)))
    {
        let (path, shown) = json::path_of(repository, folder, &name);
        match json::Document::read(&path, &shown)
            .map(|document| document.map(|document| document.value))
        {
            Ok(Some(Value::Object(document))) => {
                // Attributes stand in the document itself, or below the name of their level.
                document
                    .values()
                    .filter(|level| level.is_object())
                    .for_each(|level| known.add(level));
                known.add(&Value::Object(document));
            }
            _ => known.open = true,
        }
    }
}

/// Attributes that are read and that nobody sets, each once. What is a mistake already is not told
/// again.
pub(crate) fn warnings(used: AttributesUsed, mistakes: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut warnings: BTreeMap<Vec<String>, Diagnostic> = BTreeMap::new();
    for (path, span) in used.reads {
        let Some((depth, there)) = used.known.gap(&path) else { continue };
        let place = |at: &Span| (at.source.name.clone(), at.line, at.column);
        let here = Some(place(&span));
        if mistakes.iter().any(|mistake| {
            mistake.kind == FailureKind::NotSet && mistake.span.as_ref().map(place) == here
        }) {
            continue;
        }
        if let Some(known) = warnings.get_mut(&path) {
            known.frames.push((span, "and read here".to_owned()));
            continue;
        }
        let told = Diagnostic::warning(format!("nobody sets `node.{}`", path.join("."))).at(span);
        let told = told.suggest_or(&path[depth], there, || {
            format!("set it in an attribute file, or read it by `node.get(\"{}\", value)` if it may be absent", path.join("."))
        });
        warnings.insert(path, told);
    }
    warnings.into_values().collect()
}
