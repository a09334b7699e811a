use serde_json::json;

use super::Document;
use crate::diagnostic::Source;

fn parse(text: &str) -> Result<Document, String> {
    let source = Source { name: "x.json".to_owned(), path: None, text: text.to_owned() };
    Document::parse(source).map_err(|error| error.to_string())
}

#[test]
fn comments_are_left_out_and_values_stay() {
    let text =
        "// a role\n{\n  /* ports */ \"a\": [1, -2.5, \"//no\"], // the end\n  \"b\": { \"c\": null, \"é\": \"\\u00e9\" }\n}\n";
    let document = parse(text).unwrap();
    assert_eq!(document.value, json!({ "a": [1, -2.5, "//no"], "b": { "c": null, "é": "é" } }));
    assert_eq!(document.key_at(&["b", "é"]).to_string(), "x.json:4:21");
    assert_eq!(document.value_at(&["a", "1"]).to_string(), "x.json:3:24");
    assert_eq!(document.value_at(&["b", "missing"]).to_string(), "x.json:4:8");
}

#[test]
fn mistakes_have_their_place() {
    for (text, told) in [
        ("", "x.json:1:1: cannot read `x.json`: it is empty"),
        ("// only\n", "x.json:1:1: cannot read `x.json`: it is empty"),
        ("{\n  \"a\": 1\n  \"b\": 2\n}", "x.json:2:9: cannot read `x.json`: a comma is missing here"),
        ("{ \"a\": 1, }", "x.json:1:9: cannot read `x.json`: a comma is too much here"),
        ("{ \"a\": }", "x.json:1:8: cannot read `x.json`: a value is missing here"),
        ("{ a: 1 }", "x.json:1:3: cannot read `x.json`: a key is not in quotes"),
        ("{ \"a\": yes }", "x.json:1:8: cannot read `x.json`: this is no value"),
        ("{ \"a\": [1, 2 }", "x.json:1:14: cannot read `x.json`: a value is missing here"),
        ("{ \"a\": 1", "x.json:1:1: cannot read `x.json`: this `{` has no `}`"),
        ("{ \"a\": \"x }", "x.json:1:8: cannot read `x.json`: this text has no closing quote"),
        ("{ \"a\": 1e999 }", "x.json:1:8: cannot read `x.json`: `1e999` is no number"),
        ("{} {}", "x.json:1:4: cannot read `x.json`: something follows after its end"),
        ("{ \"a\": 1, \"a\": 2 }", "x.json:1:11: cannot read `x.json`: `a` stands twice in one map"),
        ("/* x", "x.json:1:1: cannot read `x.json`: this comment has no end"),
    ] {
        assert_eq!(parse(text).unwrap_err(), told, "{text}");
    }
}

#[test]
fn hostile_text_ends_nothing() {
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("{}{}", "[".repeat(300), "]".repeat(300))] {
        assert!(parse(&deep).unwrap_err().contains("deep"));
    }
    assert!(parse(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    for odd in ["\u{feff}{}", "\"\\ud800\"", "1e999", "-", "\"\\x41\"", "'a'", "/", "{\"a\"", "{\"a\":1,,}", "\0", "é"] {
        assert!(parse(odd).is_err(), "{odd}");
    }
}
