//! What real Chef did in thousands of small cases, run by Toque. Each difference is one that the
//! design makes on purpose: it stands in `differences.rs` with its reason, and a difference that is
//! listed and does not show fails too.

mod append;
mod attributes;
mod differences;
mod encrypted_items;
mod file_semantics;
mod guards;
mod notifications;
mod on_host;
mod recipe;
mod resolve;
mod scratch;
mod search;
mod specificity;
mod versions;

use serde_json::Value;

/// The cases of a recorded file, in order.
fn cases(text: &str) -> Vec<Value> {
    let recorded: Value = serde_json::from_str(text).unwrap();
    recorded["cases"].as_array().unwrap().clone()
}

/// Runs every case; a case must agree, or be listed as different and differ.
fn compare(
    recorded: &str,
    differences: &[(&str, &[&str])],
    run: impl Fn(&Value) -> Result<(), String>,
) {
    let mut wrong = Vec::new();
    let cases = cases(recorded);
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let listed = differences.iter().any(|(_, ids)| ids.contains(&id));
        match (run(case), listed) {
            (Err(difference), false) => {
                wrong.push(format!("{id} ({}): {difference}", case["title"]));
            }
            (Ok(()), true) => wrong.push(format!("{id} is listed as different and agrees")),
            _ => {}
        }
    }
    for id in differences.iter().flat_map(|(_, ids)| *ids) {
        assert!(
            cases.iter().any(|case| case["id"] == *id),
            "{id} is listed as different and is no case"
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
