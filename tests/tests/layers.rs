//! The floors of the house: no module circles, no crate uses one above it, and no file is
//! forgotten.

mod imports;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::sources::{Code, files, members, workspace};

/// Every crate: its folder, its package, and which crates it may use.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("engine/core", "toque-core", &[]),
    ("engine/machine", "toque-machine", &["toque-core"]),
    ("engine/data", "toque-data", &["toque-core"]),
    ("engine/contract", "toque-contract", &["toque-core", "toque-machine"]),
    (
        "engine/language",
        "toque-language",
        &["toque-core", "toque-machine", "toque-data", "toque-contract"],
    ),
    (
        "engine/run",
        "toque-engine",
        &["toque-core", "toque-machine", "toque-data", "toque-contract", "toque-language"],
    ),
    ("resources", "toque-resources", &["toque-core", "toque-machine", "toque-contract"]),
    ("cookbooks", "toque-cookbooks", &["toque-core", "toque-machine", "toque-data"]),
    ("cli", "toque", ALL),
    ("examples/embed", "embed", &["toque-engine", "toque-resources"]),
    ("tests", "toque-acceptance", &[]),
    ("bench", "toque-bench", ALL),
];

/// All libraries, for programs.
const ALL: &[&str] = &[
    "toque-core",
    "toque-machine",
    "toque-data",
    "toque-contract",
    "toque-language",
    "toque-engine",
    "toque-resources",
    "toque-cookbooks",
    "toque-acceptance",
];

/// The only crate that may depend on Rhai by itself.
const RHAI: &str = "toque-language";

#[test]
fn no_modules_use_each_other() {
    let root = workspace();
    let mut wrong = Vec::new();
    for member in members() {
        wrong.extend(imports::circles(&root, &root.join(&member).join("src")));
    }
    assert!(wrong.is_empty(), "modules that use each other:\n{}", wrong.join("\n"));
}

#[test]
fn no_crate_uses_one_above_it() {
    let manifests = members()
        .into_iter()
        .map(|member| {
            let text = fs::read_to_string(workspace().join(&member).join("Cargo.toml")).unwrap();
            (member, text)
        })
        .collect();
    let wrong = upwards(&manifests);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What manifests ask for and should not. Dependencies of tests may come from anywhere.
fn upwards(manifests: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (folder, text) in manifests {
        let Some((_, package, allowed)) = CRATES.iter().find(|(known, ..)| known == folder) else {
            wrong.push(format!("{folder}: a crate needs a row in the table of layers"));
            continue;
        };
        let manifest: toml::Table = toml::from_str(text).unwrap();
        let wanted = manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in wanted.into_iter().flat_map(toml::Table::keys) {
            let ours = CRATES.iter().any(|(_, package, _)| package == name);
            if ours && !allowed.contains(&name.as_str()) || name == "rhai" && *package != RHAI {
                wrong.push(format!("{folder}: `{package}` may not depend on `{name}`"));
            }
        }
    }
    wrong
}

#[test]
fn an_import_upwards_is_refused() {
    let manifest = |folder: &str, dependency: &str| {
        let text = format!(
            "[dependencies]\n{dependency}.workspace = true\n[dev-dependencies]\ntoque.workspace = true\n"
        );
        upwards(&BTreeMap::from([(folder.to_owned(), text)]))
    };
    assert_eq!(manifest("engine/machine", "toque-core"), [""; 0]);
    assert_eq!(
        manifest("engine/machine", "toque-data"),
        ["engine/machine: `toque-machine` may not depend on `toque-data`"]
    );
    assert_eq!(manifest("engine/core", "toque-machine").len(), 1);
    assert_eq!(manifest("resources", "toque-language").len(), 1);
    assert_eq!(manifest("cookbooks", "rhai").len(), 1);
    assert_eq!(manifest("engine/language", "rhai"), [""; 0]);
    assert_eq!(manifest("attic", "serde").len(), 1);
}

/// A file that no `mod` names is not compiled, and its tests do not run.
#[test]
fn no_file_is_forgotten() {
    let mut wrong = Vec::new();
    for member in members() {
        let folder = workspace().join(&member);
        for file in files(&folder.join("src")) {
            let is_root = ["lib", "main"].contains(&stem(&file))
                || file.parent().is_some_and(|parent| parent.ends_with("src/bin"));
            if !is_root && !is_named(&file) {
                wrong.push(format!("no `mod` names {}", file.display()));
            }
        }
        let mut roots = files(&folder.join("tests"));
        roots.retain(|file| !is_named(file));
        if roots.len() > 1 {
            wrong.push(format!(
                "more than one program of tests, or a file that no `mod` names: {roots:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the file of the module above names this one.
fn is_named(file: &Path) -> bool {
    let folder = file.parent().unwrap();
    let above = ["lib.rs", "main.rs", "mod.rs"].map(|name| folder.join(name));
    let mut above = above.into_iter().chain([folder.with_extension("rs")]);
    above.any(|above| {
        above.is_file() && Code::read(&above).modules.iter().any(|name| name == stem(file))
    })
}

fn stem(file: &Path) -> &str {
    file.file_stem().unwrap().to_str().unwrap()
}
