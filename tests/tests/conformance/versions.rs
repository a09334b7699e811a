//! `versions.json`: what is a version, what is a constraint, what accepts what, and what comes
//! before what.

use serde_json::{Value, json};
use toque_core::version::{Constraint, Version};

use crate::conformance::{compare, differences};

#[test]
fn as_recorded() {
    compare(include_str!("../../conformance/versions.json"), differences::VERSIONS, run);
}

fn run(case: &Value) -> Result<(), String> {
    // Berkshelf takes all that Chef takes, and pre-releases.
    let recorded = case.get("semverse").unwrap_or(&case["chef"]);
    let mine = answer(case);
    let agree = match (&mine, recorded.get("error")) {
        (Err(_), error) => error.is_some(),
        (Ok(_), Some(_)) => false,
        (Ok(mine), None) => mine == &expected(case, recorded),
    };
    if agree { Ok(()) } else { Err(format!("{case}: {mine:?}")) }
}

fn answer(case: &Value) -> Result<Value, String> {
    let text = |key: &str| case[key].as_str().unwrap();
    let version = |text: &str| text.parse::<Version>();
    let constraint = |text: &str| text.parse::<Constraint>();
    let texts = |key: &str| case[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    Ok(match text("kind") {
        "parse_version" | "metadata_version" => json!(version(text("text"))?.to_string()),
        "parse_constraint" => constraint(text("text")).map(|_| Value::Null)?,
        "metadata_depends" => {
            texts("arguments").nth(1).map(constraint).transpose().map(|_| Value::Null)?
        }
        "match" => json!(constraint(text("constraint"))?.accepts(&version(text("version"))?)),
        "compare" => json!(version(text("a"))?.cmp(&version(text("b"))?) as i8),
        "sort" => {
            let mut versions: Vec<Version> =
                texts("input").map(version).collect::<Result<_, _>>()?;
            versions.sort();
            versions.iter().map(Version::to_string).collect()
        }
        "best" => {
            let constraints: Vec<Constraint> =
                texts("constraints").map(constraint).collect::<Result<_, _>>()?;
            let versions: Vec<Version> =
                texts("versions").map(version).collect::<Result<_, _>>()?;
            let fits = |version: &&Version| {
                constraints.iter().all(|constraint| constraint.accepts(version))
            };
            json!(versions.iter().filter(fits).max().ok_or("no version fits")?.to_string())
        }
        kind => return Err(format!("a case of the kind `{kind}`")),
    })
}

/// The recorded answer as [`answer`] gives it. What a constraint means is the business of the cases
/// that match it.
fn expected(case: &Value, recorded: &Value) -> Value {
    match case["kind"].as_str().unwrap() {
        "parse_version" => recorded["string"].clone(),
        "metadata_version" => recorded["version"].clone(),
        "parse_constraint" | "metadata_depends" => Value::Null,
        _ => recorded.clone(),
    }
}
