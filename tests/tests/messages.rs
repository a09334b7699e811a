//! Messages are for people: no code decides by their words. An error says what it is by its type.

use crate::sources::{Code, Source, members, production, workspace};

/// What holds words for people.
const FUNCTIONS: &[&str] = &["message", "hint", "hints", "note", "notes", "to_string"];

/// What hands the same words on.
const SAME: &[&str] = &["as_deref", "as_ref", "as_str", "clone", "iter", "to_string", "trim"];

/// What finds something out about them.
const READS: &[&str] = &[
    "contains",
    "ends_with",
    "eq",
    "find",
    "rsplit_once",
    "split",
    "split_once",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
];

/// Places that may, as `file: what.reads`, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("engine/core/src/message.rs: message.split", FORMAT),
    ("engine/core/src/message.rs: message.split_once", FORMAT),
    ("engine/core/src/serde_errors.rs: message.strip_prefix", SERDE),
    ("engine/core/src/serde_errors.rs: message.starts_with", SERDE),
    ("engine/core/src/serde_errors.rs: message.rsplit_once", SERDE),
    (
        "engine/machine/src/system/fetch.rs: to_string.contains",
        "names that are not found and certificates that are not trusted come as errors of `io`",
    ),
];

const FORMAT: &str = "it has the format of messages, by which values are hidden";
const SERDE: &str = "errors of serde have no kind";

#[test]
fn no_code_decides_by_messages() {
    let root = workspace();
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for member in members().iter().filter(|member| *member != "tests" && *member != "bench") {
        for Source { file, code, .. } in production(&root.join(member).join("src")) {
            let shown = file.strip_prefix(&root).unwrap().display();
            for (line, what) in readings(&code) {
                let place = format!("{shown}: {what}");
                if !ALLOWED.iter().any(|(known, _)| *known == place) {
                    wrong.push(format!("{shown}:{line}: {what}"));
                }
                found.push(place);
            }
        }
    }
    assert!(wrong.is_empty(), "decided by words:\n{}", wrong.join("\n"));
    for (place, _) in ALLOWED {
        assert!(found.iter().any(|found| found == place), "{place} is allowed, and not there");
    }
}

/// The lines of a file in which words are read, and how.
fn readings(code: &Code) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for start in 0..code.tokens.len() {
        let words = code.text(start);
        if !FUNCTIONS.contains(&words) {
            continue;
        }
        let mut at = start + 1;
        if words == "to_string" {
            at += 2;
        }
        while code.text(at) == "." && SAME.contains(&code.text(at + 1)) {
            at += 4;
        }
        let how = match code.text(at) {
            "." => code.text(at + 1),
            "==" if code.text(at + 1).starts_with('"') => "eq",
            _ => continue,
        };
        if READS.contains(&how) {
            found.push((code.tokens[start].line, format!("{words}.{how}")));
        }
    }
    found
}

#[test]
fn reading_words_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lib.rs");
    let text = r#"
fn f(error: Error) -> bool {
    // error.message.contains("x")
    show(error.message, "message.contains(x)");
    error.message.contains("x")
        || error
            .message
            .as_str()
            .starts_with("y")
        || error.message == "z"
        || error.hints.iter().any(|hint| hint.contains("w"))
        || io.to_string().contains("v")
}
#[cfg(test)]
mod tests {
    fn f() { assert!(error.message.contains("x")); }
}
"#;
    std::fs::write(&file, text).unwrap();
    let found: Vec<String> =
        readings(&Code::read(&file)).into_iter().map(|(_, what)| what).collect();
    let expected = [
        "message.contains",
        "message.starts_with",
        "message.eq",
        "hint.contains",
        "to_string.contains",
    ];
    assert_eq!(found, expected);
}
