//! Definition files, from which the Rhai language server completes and explains: the language, the
//! kinds, and what the libraries of a repository offer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::offline::begun;
use crate::options::Refused;
use toque_contract::reference::{description, properties};
use toque_contract::registry::{Kind, Registry};
use toque_core::diagnostic::Diagnostics;
use toque_data::cookbook::Locked;
use toque_language::function_table::{FUNCTIONS, is_function};
use toque_language::signature::Signature;
use toque_language::{COMMON, Limits, Offered, on_script_stack};

/// How every definition file begins, so that one made by hand is never replaced.
pub const MARK: &str = "// Written by `toque definitions`; changes are lost.";

/// Words that Rhai's language server takes for reserved: it reads their declarations only as those
/// of operators.
const RESERVED: [&str; 31] = [
    "var",
    "static",
    "goto",
    "exit",
    "match",
    "case",
    "public",
    "protected",
    "new",
    "use",
    "with",
    "module",
    "package",
    "super",
    "spawn",
    "thread",
    "go",
    "sync",
    "async",
    "await",
    "yield",
    "default",
    "void",
    "null",
    "nil",
    "let",
    "const",
    "fn",
    "import",
    "export",
    "private",
];

/// The definition files by their path below the folder they are for: the language, the kinds, and,
/// of the cookbooks of a repository, their custom resources among the kinds and their libraries.
/// The same input gives the same text.
/// # Errors
/// A cookbook or a library that cannot be read.
pub fn definitions(
    registry: &Registry,
    repository: Option<&Path>,
    locked: &Locked,
) -> Result<BTreeMap<PathBuf, String>, Refused> {
    on_script_stack(&Limits::default(), || files(registry, repository, locked))?
}

fn files(
    registry: &Registry,
    repository: Option<&Path>,
    locked: &Locked,
) -> Result<BTreeMap<PathBuf, String>, Refused> {
    let language = begun(registry, repository, locked)?;
    let interpreter = &language.interpreter;
    let mut mistakes = Vec::new();
    let mut files = BTreeMap::from([
        (PathBuf::from("language.d.rhai"), language_file()),
        (PathBuf::from("kinds.d.rhai"), kinds_file(&interpreter.inputs.registry)),
    ]);
    for cookbook in interpreter.inputs.cookbooks.values() {
        for (name, path) in cookbook.libraries()? {
            let library = format!("{}::{name}", cookbook.manifest.name);
            match language.offered(&path) {
                Ok(offered) => {
                    let path = Path::new("libraries")
                        .join(&cookbook.manifest.name)
                        .join(format!("{name}.d.rhai"));
                    files.insert(path, library_file(&library, &offered));
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    if mistakes.is_empty() { Ok(files) } else { Err(Diagnostics(mistakes).into()) }
}

fn header(module: &str) -> String {
    format!("{MARK}\nmodule {module};\n")
}

fn language_file() -> String {
    let mut text = header("static");
    text.push_str("\n/// This machine: its facts and its attributes.\nconst node: Node;\n");
    for word in FUNCTIONS {
        let mut doc = vec![word.doc.to_owned()];
        if !word.example.is_empty() {
            doc.extend([String::new(), "```rhai".to_owned()]);
            doc.extend(word.example.lines().map(str::to_owned));
            doc.push("```".to_owned());
        }
        for signature in word.signatures {
            text.push_str(&declaration(&doc, signature));
        }
    }
    text
}

fn kinds_file(registry: &Registry) -> String {
    let mut kinds: Vec<&Kind> = registry
        .kinds
        .values()
        .map(|kind| &**kind)
        .filter(|kind| !is_function(&kind.name))
        .collect();
    kinds.sort_by_key(|kind| Rc::clone(&kind.name));
    let mut text = header("static");
    for kind in kinds {
        let doc = kind_doc(kind);
        text.push_str(&declaration(&doc, &format!("{}(name: ?) -> Resource", kind.name)));
        text.push_str(&declaration(
            &doc,
            &format!("{}(name: ?, properties: Map) -> Resource", kind.name),
        ));
    }
    text
}

fn kind_doc(kind: &Kind) -> Vec<String> {
    let mut doc =
        vec![description(kind), String::new(), "Actions, the first by itself:".to_owned()];
    doc.extend(
        kind.actions()
            .iter()
            .map(|action| format!("- `{}`: {}", action.name, action.doc.trim_end_matches('.'))),
    );
    doc.extend([String::new(), "Properties:".to_owned()]);
    doc.extend(properties(kind).iter().map(|property| {
        format!("- `{}` ({}): {}", property.name, property.remark(), property.doc)
    }));
    let common: Vec<String> = COMMON.iter().map(|(name, ..)| format!("`{name}`")).collect();
    doc.extend([String::new(), format!("Every kind has also {}.", common.join(", "))]);
    doc
}

fn library_file(name: &str, offered: &[Offered]) -> String {
    let mut text = header(&format!("\"{name}\""));
    for function in offered {
        let name =
            |name: &String| if RESERVED.contains(&name.as_str()) { "_" } else { name }.to_owned();
        let parameters: Vec<String> =
            function.parameters.iter().map(|parameter| format!("{}: ?", name(parameter))).collect();
        text.push_str(&declaration(
            &function.doc,
            &format!("{}({}) -> ?", function.name, parameters.join(", ")),
        ));
    }
    text
}

/// A declaration with its documentation.
fn declaration(doc: &[String], signature: &str) -> String {
    let mut text = String::from("\n");
    for line in doc.iter().flat_map(|text| text.split('\n')) {
        let _ = writeln!(text, "{}", format!("/// {line}").trim_end());
    }
    let name = signature.split('(').next().unwrap_or_default();
    if RESERVED.contains(&name) {
        let _ = writeln!(text, "op {};", without_names(signature));
    } else {
        let _ = writeln!(text, "fn {signature};");
    }
    text
}

/// `package(name: ?) -> Resource` as `package(?) -> Resource`: operators have no names for what
/// they take.
fn without_names(signature: &str) -> String {
    let signature = Signature::of(signature);
    let types: Vec<&str> = signature.parameters.iter().map(|(_, kind)| *kind).collect();
    let returns = signature.returns.map_or(String::new(), |returns| format!(" -> {returns}"));
    format!("{}({}){returns}", signature.name, types.join(", "))
}

#[cfg(test)]
mod tests;
