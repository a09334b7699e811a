//! `properties.toml`: every property and action has a host test, or a reason why it is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toque_language::COMMON;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    properties: BTreeMap<String, Row>,
    #[serde(default)]
    actions: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    test: Option<String>,
    left_out: Option<String>,
}

#[test]
fn every_property_and_action_has_a_test_or_a_reason() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(tests.join("properties.toml")).expect("the table is there");
    let table: BTreeMap<String, Table> = toml::from_str(&text).expect("the table can be read");

    let registry = toque_resources::standard();
    let common: Vec<&str> = COMMON.iter().map(|(name, ..)| *name).collect();
    let mut kinds: BTreeMap<&str, (Vec<&str>, Vec<&str>)> =
        BTreeMap::from([("every", (common, vec!["nothing"]))]);
    for (name, kind) in &registry.kinds {
        let actions =
            kind.actions().iter().map(|action| &*action.name).filter(|action| *action != "nothing");
        kinds.insert(name, (kind.properties().collect(), actions.collect()));
    }

    let mut wrong = Vec::new();
    for name in table.keys().filter(|name| !kinds.contains_key(name.as_str())) {
        wrong.push(format!("there is no kind `{name}`"));
    }
    for (kind, (properties, actions)) in &kinds {
        let Some(rows) = table.get(*kind) else {
            wrong.push(format!("`{kind}` has no rows"));
            continue;
        };
        for (what, known, rows) in
            [("property", properties, &rows.properties), ("action", actions, &rows.actions)]
        {
            for name in known.iter().filter(|name| !rows.contains_key(**name)) {
                wrong.push(format!("the {what} `{name}` of `{kind}` has no row"));
            }
            for (name, row) in rows {
                let place = format!("the row of the {what} `{name}` of `{kind}`");
                match (&row.test, &row.left_out) {
                    (Some(test), None) if known.contains(&name.as_str()) => {
                        match source_of(tests, test) {
                            Some(source) if mentions(&source, name) => {}
                            Some(_) => wrong
                                .push(format!("{place}: the test `{test}` does not mention it")),
                            None => wrong.push(format!("{place}: there is no test `{test}`")),
                        }
                    }
                    (Some(_), None) => wrong.push(format!("{place}: there is no such {what}")),
                    (None, Some(_)) if known.contains(&name.as_str()) => {
                        wrong.push(format!("{place}: it is there, and not left out"));
                    }
                    (None, Some(reason)) if reason.is_empty() => {
                        wrong.push(format!("{place}: the reason is empty"));
                    }
                    (None, Some(_)) => {}
                    _ => wrong.push(format!("{place}: it needs either `test` or `left_out`")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of a test, `module::name`, with that of the functions beside it that are no tests.
fn source_of(tests: &Path, test: &str) -> Option<String> {
    let (module, name) = test.split_once("::")?;
    let text = fs::read_to_string(tests.join(format!("tests/it/{module}.rs"))).ok()?;
    let parts = || text.split("\n}\n");
    let test = parts().find(|part| part.contains(&format!("#[test]\nfn {name}() {{")))?;
    Some(parts().filter(|part| !part.contains("#[test]")).chain([test]).collect())
}

/// Whether a word stands in a text.
fn mentions(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|part| part == word)
}
