use proptest::prelude::*;
use serde_json::json;

use super::Document;
use crate::diagnostic::Source;

fn parse(text: &str) -> Result<Document, String> {
    let source = Source { name: "x.json".to_owned(), path: None, text: text.to_owned() };
    Document::parse(source).map_err(|error| error.to_string())
}

#[test]
fn comments_are_left_out_and_values_stay() {
    let text = "// a role\n{\n  /* ports */ \"a\": [1, -2.5, \"//no\"], // the end\n  \"b\": { \"c\": null, \"é\": \"\\u00e9\" }\n}\n";
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
        (
            "{\n  \"a\": 1\n  \"b\": 2\n}",
            "x.json:2:9: cannot read `x.json`: a comma is missing here",
        ),
        ("{ \"a\": 1, }", "x.json:1:9: cannot read `x.json`: a comma is too much here"),
        ("{ \"a\": }", "x.json:1:8: cannot read `x.json`: a value is missing here"),
        ("{ a: 1 }", "x.json:1:3: cannot read `x.json`: a key is not in quotes"),
        ("{ \"a\": yes }", "x.json:1:8: cannot read `x.json`: this is no value"),
        ("{ \"a\": [1, 2 }", "x.json:1:14: cannot read `x.json`: a value is missing here"),
        ("{ \"a\": 1", "x.json:1:1: cannot read `x.json`: this `{` has no `}`"),
        ("{ \"a\": \"x }", "x.json:1:8: cannot read `x.json`: this text has no closing quote"),
        ("{ \"a\": 1e999 }", "x.json:1:8: cannot read `x.json`: `1e999` is no number"),
        (
            "{ \"a\": \"x\ny\" }",
            "x.json:1:10: cannot read `x.json`: a line break stands in this text",
        ),
        ("{ \"\t\": 1 }", "x.json:1:4: cannot read `x.json`: a tab stands in this text"),
        (
            "[\"\u{1}\"]",
            "x.json:1:3: cannot read `x.json`: a control character stands in this text",
        ),
        ("{} {}", "x.json:1:4: cannot read `x.json`: something follows after its end"),
        (
            "{ \"a\": 1, \"a\": 2 }",
            "x.json:1:11: cannot read `x.json`: `a` stands twice in one map",
        ),
        ("/* x", "x.json:1:1: cannot read `x.json`: this comment has no end"),
    ] {
        assert_eq!(parse(text).unwrap_err(), told, "{text}");
    }
}

#[test]
fn hostile_text_ends_nothing() {
    for deep in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!("{}{}", "[".repeat(300), "]".repeat(300)),
    ] {
        assert!(parse(&deep).unwrap_err().contains("deep"));
    }
    assert_eq!(parse("\u{feff}{}").unwrap().value, json!({}));
    assert!(parse(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    for odd in
        ["\"\\ud800\"", "1e999", "-", "\"\\x41\"", "'a'", "/", "{\"a\"", "{\"a\":1,,}", "\0", "é"]
    {
        assert!(parse(odd).is_err(), "{odd}");
    }
}

proptest! {
    /// Pieces of JSON in any order: each text is read or refused, at a place that is in it.
    #[test]
    fn any_text_is_read_or_refused(pieces in prop::collection::vec("\\{|\\}|\\[|\\]|,|:|\"|\\\\u?|//|/\\*|\\*/|\n|[0-9.eE+-]{1,3}|true|null|\\PC", 0..40)) {
        let text = pieces.concat();
        let source = Source { name: "x".to_owned(), path: None, text: text.clone() };
        if let Err(error) = Document::parse(source) {
            let span = error.span.unwrap();
            prop_assert!(span.line <= text.matches('\n').count() + 1);
            let line = text.split('\n').nth(span.line - 1).unwrap();
            prop_assert!(span.column <= line.chars().count() + 1, "{}:{} in {:?}", span.line, span.column, text);
        }
    }

    /// What is plain JSON means the same here.
    #[test]
    fn plain_json_is_read_as_it_is(text in "\\PC*", number in any::<i64>(), fraction in any::<f32>()) {
        let value = json!({ "text": text.clone(), text: [number, fraction], "deep": [[{}, null, true]] });
        prop_assert_eq!(Document::of("x", &value).unwrap().value, value);
    }
}
