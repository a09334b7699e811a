use proptest::prelude::*;
use serde_json::json;

use super::*;

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), path: None, text: text.to_owned() }
}

/// With an instance `b` of `web`, or with a layer that has a map in it.
fn with(name: &str, text: &str, list: &str) -> String {
    let entry = match list {
        "instances" => json!({ "hostname": "b", "layers": ["web"] }),
        _ => json!({ "shortname": "b", "custom_recipes": { "setup": [] } }),
    };
    let read = StackText::parse(source(name, text)).unwrap();
    read.with(list, entry.as_object().unwrap()).unwrap()
}

#[test]
fn an_entry_is_laid_out_as_its_neighbours_are() {
    for (text, list, expected) in [
        ("{}", "instances", r#"{"instances": [{"hostname":"b","layers":["web"]}]}"#),
        ("{\"instances\":[]}", "instances", r#"{"instances":[{"hostname":"b","layers":["web"]}]}"#),
        (
            "{ \"instances\": [ {\"hostname\":\"a\"} ] }\n",
            "instances",
            "{ \"instances\": [ {\"hostname\":\"a\"}, {\"hostname\":\"b\",\"layers\":[\"web\"]} ] }\n",
        ),
        (
            "{\n  \"stack\": {} // one\n  // the end\n}\n",
            "instances",
            "{\n  \"stack\": {}, // one\n  // the end\n  \"instances\": [\n    {\n      \"hostname\": \"b\",\n      \"layers\": [\n        \"web\"\n      ]\n    }\n  ]\n}\n",
        ),
        (
            "{\n  \"instances\": [\n    { \"hostname\": \"a\" } // the first\n\n    // { \"hostname\": \"c\" }\n  ]\n}\n",
            "instances",
            "{\n  \"instances\": [\n    { \"hostname\": \"a\" }, // the first\n\n    // { \"hostname\": \"c\" }\n    { \"hostname\": \"b\", \"layers\": [\"web\"] }\n  ]\n}\n",
        ),
        (
            "{ \"stack\": {},\n  \"instances\": [ { \"hostname\": \"a\" } ], /* ] */\n  \"apps\": [] }",
            "instances",
            "{ \"stack\": {},\n  \"instances\": [ { \"hostname\": \"a\" },\n                 { \"hostname\": \"b\", \"layers\": [\"web\"] } ], /* ] */\n  \"apps\": [] }",
        ),
        (
            "{\r\n\t\"layers\": [\r\n\t\t{\r\n\t\t\t\"shortname\": \"a\"\r\n\t\t}\r\n\t]\r\n}\r\n",
            "layers",
            "{\r\n\t\"layers\": [\r\n\t\t{\r\n\t\t\t\"shortname\": \"a\"\r\n\t\t},\r\n\t\t{\r\n\t\t\t\"shortname\": \"b\",\r\n\t\t\t\"custom_recipes\": {\r\n\t\t\t\t\"setup\": []\r\n\t\t\t}\r\n\t\t}\r\n\t]\r\n}\r\n",
        ),
        (
            "\u{feff}{\n    \"instances\": [ /* none */ ]\n}",
            "instances",
            "\u{feff}{\n    \"instances\": [ /* none */\n        { \"hostname\": \"b\", \"layers\": [\"web\"] }\n    ]\n}",
        ),
        (
            "{\n  \"instances\": [\n  ]\n}",
            "instances",
            "{\n  \"instances\": [\n    { \"hostname\": \"b\", \"layers\": [\"web\"] }\n  ]\n}",
        ),
    ] {
        assert_eq!(with("stack.json", text, list), expected);
    }
}

#[test]
fn entries_in_toml_too() {
    for (text, list, expected) in [
        ("", "instances", "[[instances]]\nhostname = \"b\"\nlayers = [\"web\"]\n"),
        (
            "# the shop\n[stack]\nname = \"shop\"   # its name\n\n[[layers]]\nshortname = \"a\"\n[layers.custom_recipes]\nsetup = [ \"a\" ]\n\n[[apps]]\nshortname = \"site\"\n",
            "layers",
            "# the shop\n[stack]\nname = \"shop\"   # its name\n\n[[layers]]\nshortname = \"a\"\n[layers.custom_recipes]\nsetup = [ \"a\" ]\n\n[[layers]]\nshortname = \"b\"\n\n[layers.custom_recipes]\nsetup = []\n\n[[apps]]\nshortname = \"site\"\n",
        ),
        (
            "[stack]\nname = \"shop\"\n# the end\n",
            "instances",
            "[stack]\nname = \"shop\"\n\n[[instances]]\nhostname = \"b\"\nlayers = [\"web\"]\n# the end\n",
        ),
        (
            "instances = [ { hostname = \"a\" } ]\n",
            "instances",
            "instances = [ { hostname = \"a\" }, { hostname = \"b\", layers = [\"web\"] } ]\n",
        ),
        (
            "instances = [\n  { hostname = \"a\" }, # the first\n  { hostname = \"c\" } # the last\n]\n\n[stack]\n",
            "instances",
            "instances = [\n  { hostname = \"a\" }, # the first\n  { hostname = \"c\" }, # the last\n  { hostname = \"b\", layers = [\"web\"] }\n]\n\n[stack]\n",
        ),
        (
            "instances = [\n  { hostname = \"a\" }, # the only one\n]\n",
            "instances",
            "instances = [\n  { hostname = \"a\" }, # the only one\n  { hostname = \"b\", layers = [\"web\"] },\n]\n",
        ),
        (
            "instances = []\n[stack]\nname = \"x\"\n",
            "instances",
            "[stack]\nname = \"x\"\n\n[[instances]]\nhostname = \"b\"\nlayers = [\"web\"]\n",
        ),
        (
            "[[instances]]\r\nhostname = \"a\"\r\n",
            "instances",
            "[[instances]]\r\nhostname = \"a\"\r\n\r\n[[instances]]\r\nhostname = \"b\"\r\nlayers = [\"web\"]\r\n",
        ),
    ] {
        assert_eq!(with("stack.toml", text, list), expected);
    }
}

#[test]
fn what_is_no_list_is_told() {
    for (name, text, told) in [
        (
            "stack.json",
            "{\n  \"layers\": {} }",
            "stack.json:2:13: `layers` in `stack.json` should be an array, and is a map",
        ),
        (
            "stack.toml",
            "[layers]\n",
            "stack.toml:1:1: `layers` in `stack.toml` should be an array, and is a map",
        ),
    ] {
        let read = StackText::parse(source(name, text)).unwrap();
        assert_eq!(read.with("layers", &Map::new()).unwrap_err().to_string(), told);
    }
    assert_eq!(
        StackText::parse(source("stack.json", "[]")).unwrap_err().to_string(),
        "`stack.json` should be a map, and is an array"
    );
    assert!(StackText::parse(source("stack.toml", "a = ")).unwrap_err().span.is_some());
}

proptest! {
    /// Whatever the layout, what was there is still there: `with` reads what it wrote, and
    /// compares.
    #[test]
    fn any_layout_is_kept(
        gaps in prop::collection::vec(prop::sample::select(vec!["", " ", "\n", "\n  ", "\t", " // a, b ]\n", "/* ] */", "/* a\n b */", "\r\n"]), 12),
        entries in 0..3_usize,
        before in any::<bool>(),
    ) {
        let mut gaps = gaps.into_iter().cycle();
        let mut gap = || gaps.next().unwrap();
        let items: Vec<String> = (0..entries).map(|n| format!("{}{{{}\"hostname\"{}:{}\"a{n}\"{}}}{}", gap(), gap(), gap(), gap(), gap(), gap())).collect();
        let first = if before { format!("{}\"stack\":{{}}{},", gap(), gap()) } else { String::new() };
        let text = format!("{}{{{first}{}\"instances\":{}[{}{}]{}}}{}", gap(), gap(), gap(), items.join(","), gap(), gap(), gap());
        let read = StackText::parse(source("stack.json", &text)).unwrap();
        for list in ["instances", "apps"] {
            let entry = json!({ "hostname": "b" });
            let new = read.with(list, entry.as_object().unwrap());
            prop_assert!(new.is_ok(), "{:?}: {:?}", text, new);
            // Nothing is taken away: the old text is left when what is new is struck out.
            let mut rest = new.unwrap().chars().collect::<Vec<_>>().into_iter();
            let kept = text.chars().filter(|c| !c.is_whitespace()).all(|c| rest.any(|new| new == c));
            prop_assert!(kept, "{:?}", text);
        }
    }
}
