//! Queries against another, slow way to answer them, and laws that hold of any query.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// A value of a document with the keys that lead to it; a map is one too.
struct Held<'a> {
    path: Vec<&'a str>,
    value: &'a Value,
}

fn held<'a>(path: &[&'a str], value: &'a Value, found: &mut Vec<Held<'a>>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| held(path, item, found)),
        Value::Object(map) => {
            found.push(Held { path: path.to_vec(), value });
            if map.contains_key("encrypted_data") && map.contains_key("version") {
                return;
            }
            map.iter()
                .for_each(|(key, value)| held(&[path, &[key.as_str()]].concat(), value, found));
        }
        _ => found.push(Held { path: path.to_vec(), value }),
    }
}

/// Every way to write a path, and its last key.
fn names(path: &[&str]) -> Vec<String> {
    let mut names = vec![path[0].to_owned()];
    for key in &path[1..] {
        names = names
            .iter()
            .flat_map(|name| [format!("{name}_{key}"), format!("{name}.{key}")])
            .collect();
    }
    names.push(path[path.len() - 1].to_owned());
    names
}

fn like(pattern: &Pattern, text: &str) -> bool {
    fn like(steps: &[Step], text: &[char]) -> bool {
        match (steps, text) {
            ([], text) => text.is_empty(),
            ([Step::Many, rest @ ..], text) => {
                (0..=text.len()).any(|skip| like(rest, &text[skip..]))
            }
            ([Step::One, rest @ ..], [_, text @ ..]) => like(rest, text),
            ([Step::Letter(letter), rest @ ..], [found, text @ ..]) => {
                letter == found && like(rest, text)
            }
            _ => false,
        }
    }
    match pattern {
        Pattern::Exact(exact) => exact == text,
        Pattern::Wild(steps) => like(steps, &text.chars().collect::<Vec<_>>()),
    }
}

fn slow_term(term: &Term, document: &Map<String, Value>) -> bool {
    let mut found = Vec::new();
    document.iter().for_each(|(key, value)| held(&[key], value, &mut found));
    found.iter().any(|Held { path, value }| {
        let named = term
            .field
            .as_ref()
            .is_none_or(|field| names(path).iter().any(|name| like(field, name)));
        let text = match value {
            Value::Object(_) => {
                return named && term.field.is_some() && term.wanted == Wanted::Anything;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        named
            && match &term.wanted {
                Wanted::Anything => true,
                Wanted::Text(pattern) => {
                    like(pattern, &text) || words.iter().any(|word| like(pattern, word))
                }
                Wanted::Phrase(phrase) => {
                    let phrase_words: Vec<&str> = phrase.split_whitespace().collect();
                    *phrase == text
                        || (!phrase_words.is_empty()
                            && words.windows(phrase_words.len()).any(|w| w == phrase_words))
                }
                Wanted::Range(Range { low, high }) => {
                    let number = |text: &str| text.parse::<i64>().ok();
                    let numbers = [low, high]
                        .into_iter()
                        .flatten()
                        .all(|bound| number(&bound.text).is_some())
                        && number(&text).is_some();
                    let compare = |bound: &Bound| {
                        if numbers {
                            number(&text).cmp(&number(&bound.text))
                        } else {
                            text.cmp(&bound.text)
                        }
                    };
                    low.as_ref().is_none_or(|low| {
                        compare(low).is_gt() || (low.inclusive && compare(low).is_eq())
                    }) && high.as_ref().is_none_or(|high| {
                        compare(high).is_lt() || (high.inclusive && compare(high).is_eq())
                    })
                }
            }
    })
}

fn slow(query: &Query, document: &Map<String, Value>) -> bool {
    match query {
        Query::Everything => true,
        Query::Any(queries) => queries.iter().filter(|query| slow(query, document)).count() > 0,
        Query::All(queries) => {
            queries.iter().filter(|query| slow(query, document)).count() == queries.len()
        }
        Query::Not(query) => !slow(query, document),
        Query::Term(term) => slow_term(term, document),
    }
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a_b", "b.c", "_", "encrypted_data", "version"])
        .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "", "a", "b", "ab", "a b", " b  a ", "a b a", "10", "9", "-1", "AND", "a*", "a:b",
            "\\", "\"", "ä"
        ])
        .prop_map(str::to_owned),
        "[ab 19]{0,4}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => (-2_i64..12).prop_map(Value::from),
        6 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inside), 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((key(), value()), 0..5).prop_map(|map| map.into_iter().collect())
}

fn pattern(text: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Pattern> {
    let steps = text.prop_flat_map(|text| {
        let step = |letter: char| prop_oneof![8 => Just(Step::Letter(letter)), 1 => Just(Step::One), 1 => Just(Step::Many)];
        text.chars().map(step).collect::<Vec<_>>()
    });
    steps.prop_filter("a word is not empty", |steps| !steps.is_empty()).prop_map(Pattern::of)
}

fn field() -> impl Strategy<Value = Pattern> {
    let joined = prop::collection::vec(key(), 1..4).prop_flat_map(|keys| {
        prop::sample::select(vec!["_", "."]).prop_map(move |separator| keys.join(separator))
    });
    pattern(joined).prop_filter("`*` is no field", |field| !field.is_anything())
}

fn bound() -> impl Strategy<Value = Option<Bound>> {
    prop::option::of(
        (text(), any::<bool>()).prop_map(|(text, inclusive)| Bound::new(&text, inclusive)),
    )
}

fn query() -> impl Strategy<Value = Query> {
    let anything = field().prop_map(|field| Term { field: Some(field), wanted: Wanted::Anything });
    let text_like = pattern(text())
        .prop_filter("`*` is another term", |pattern| !pattern.is_anything())
        .prop_map(Wanted::Text);
    let range = (bound(), bound()).prop_map(|(low, high)| Wanted::Range(Range { low, high }));
    let wanted = prop_oneof![4 => text_like, 1 => text().prop_map(Wanted::Phrase), 2 => range];
    let term = prop_oneof![
        1 => anything,
        6 => (prop::option::weighted(0.8, field()), wanted).prop_map(|(field, wanted)| Term { field, wanted }),
    ];
    let leaf = prop_oneof![1 => Just(Query::Everything), 12 => term.prop_map(Query::Term)];
    leaf.prop_recursive(3, 12, 3, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 2..4).prop_map(Query::Any),
            prop::collection::vec(inside.clone(), 2..4).prop_map(Query::All),
            inside.prop_map(|query| Query::Not(Box::new(query))),
        ]
    })
}

fn not(query: &Query) -> Query {
    Query::Not(Box::new(query.clone()))
}

fn any_of(queries: &[Query]) -> Query {
    Query::Any(queries.to_vec())
}

fn all_of(queries: &[Query]) -> Query {
    Query::All(queries.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_slow_way_finds_the_same(query in query(), document in document()) {
        prop_assert_eq!(query.matches(&document), slow(&query, &document), "{}", query);
    }

    #[test]
    fn what_is_shown_is_read_as_the_same(query in query()) {
        let shown = query.to_string();
        prop_assert_eq!(Query::parse(&shown), Ok(query), "{}", shown);
    }

    #[test]
    fn laws(a in query(), b in query(), c in query(), document in document()) {
        let same = |one: Query, other: Query| one.matches(&document) == other.matches(&document);
        prop_assert!(same(not(&not(&a)), a.clone()));
        prop_assert!(same(not(&any_of(&[a.clone(), b.clone()])), all_of(&[not(&a), not(&b)])));
        prop_assert!(same(not(&all_of(&[a.clone(), b.clone()])), any_of(&[not(&a), not(&b)])));
        let distributed = any_of(&[all_of(&[a.clone(), b.clone()]), all_of(&[a.clone(), c.clone()])]);
        prop_assert!(same(all_of(&[a.clone(), any_of(&[b.clone(), c.clone()])]), distributed));
        let distributed = all_of(&[any_of(&[a.clone(), b.clone()]), any_of(&[a.clone(), c.clone()])]);
        prop_assert!(same(any_of(&[a.clone(), all_of(&[b.clone(), c.clone()])]), distributed));
        prop_assert!(same(any_of(&[a.clone(), b.clone()]), any_of(&[b.clone(), a.clone()])));
        prop_assert!(any_of(&[a.clone(), not(&a)]).matches(&document));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ab:()\"*?AND OR NOT&|!+^~/\\[\\]{}\\\\TO12.-]{0,24}") {
        if let Ok(query) = Query::parse(&text) {
            let shown = query.to_string();
            prop_assert_eq!(Query::parse(&shown), Ok(query), "{} {}", text, shown);
        }
    }
}

#[test]
fn how_it_is_read() {
    for (text, read) in [
        ("a b", "a OR b"),
        ("a b AND c", "a OR b AND c"),
        ("a AND b OR c", "a AND b OR c"),
        ("a && b || ! c", "a AND b OR NOT c"),
        ("a -b", "a AND NOT b"),
        ("a !b NOT c", "a AND NOT b AND NOT c"),
        ("-a b", "b AND NOT a"),
        ("-a -b", "NOT a AND NOT b"),
        ("a OR b -c OR d", "(a OR b OR d) AND NOT c"),
        ("a OR NOT b", "a OR NOT b"),
        ("NOT a OR b", "NOT a OR b"),
        ("a NOT b AND NOT c", "a AND NOT b AND NOT c"),
        ("NOT a AND b", "NOT a AND b"),
        ("+a b", "a"),
        ("+a +b c -d", "a AND b AND NOT d"),
        ("b OR +a", "a"),
        ("NOT NOT a", "NOT NOT a"),
        ("- a", "NOT a"),
        ("f:(a OR b) c", "(f:a OR f:b) OR c"),
        ("f:(a -b)", "f:a AND NOT f:b"),
        ("f : a", "f:a"),
        ("f:(* NOT a)", "f:* AND NOT f:a"),
        ("*:a", "a"),
        ("*", "*:*"),
        ("f:**", "f:*"),
        ("f:-5", "f:\\-5"),
        ("f:a-b+c!d", "f:a-b\\+c\\!d"),
        ("f:/srv/www", "f:\\/srv\\/www"),
        ("f:a^2.5 b^3", "f:a OR b"),
        ("(a b)^2", "a OR b"),
        ("f:[* TO 5}", "f:[* TO \"5\"}"),
        ("f:{a\\ b TO \"c d\"]", "f:{\"a b\" TO \"c d\"]"),
        ("f:[12:00 TO 13:00]", "f:[\"12:00\" TO \"13:00\"]"),
        ("f:\"\\\"a\\\" b*\"", "f:\"\\\"a\\\" b*\""),
        ("f:\\*a\\?", "f:\\*a\\?"),
        ("f:\\AND", "f:\\AND"),
        ("f:and or", "f:and OR or"),
        ("((a))", "a"),
    ] {
        let query = Query::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        assert_eq!(query.to_string(), read, "{text}");
    }
}

#[test]
fn mistakes() {
    for (text, column, told, hint) in [
        ("", 1, "it is empty", "*:*"),
        ("  ", 1, "it is empty", "*:*"),
        ("a:b)", 4, "closes nothing", "\\)"),
        (")", 1, "closes nothing", "\\)"),
        ("(a:b", 1, "not closed", "\\("),
        ("a (b (c)", 3, "not closed", "\\("),
        ("()", 1, "nothing stands in these parentheses", "out"),
        ("a:( )", 3, "nothing stands in these parentheses", "out"),
        ("recipes:apt::default", 12, "comes after another", "`apt\\:\\:default`"),
        ("a:b:", 4, "comes after another", "\\:"),
        ("a::b", 3, "comes after another", "\\:b"),
        (":a", 1, "no field stands before", "field:value"),
        ("a:", 2, "no value follows", "`a:*`"),
        ("(a: )", 3, "no value follows", "`a:*`"),
        ("a OR OR b", 6, "nothing to join stands before this `OR`", "in quotes"),
        ("OR a", 1, "nothing to join", "in quotes"),
        ("a && && b", 6, "nothing to join stands before this `AND`", "in quotes"),
        ("a AND", 3, "nothing follows this operator", "missing"),
        ("(a OR) b", 4, "nothing follows this operator", "missing"),
        ("NOT", 1, "nothing follows this `NOT`", "missing"),
        ("a -", 3, "nothing follows this `-`", "missing"),
        ("a:AND", 3, "`AND` is an operator", "`\"AND\"`"),
        ("a:!b", 3, "`!` stands before a value", "NOT"),
        ("a&&b", 2, "`&&` stands in a word", "spaces"),
        ("a:rails~", 8, "only similar", "wildcards"),
        ("\"a b\"~3", 6, "only similar", "wildcards"),
        ("a:/ra.*s?/", 3, "regular expression", "wildcards"),
        ("/[a b]/x a:b", 2, "means something", "quotes"),
        ("a:b^", 4, "no number follows", "\\^"),
        ("a:[1 2]", 3, "no range", "[1 TO 9]"),
        ("a:[1 TO", 3, "no range", "[1 TO 9]"),
        ("a:[1* TO 2]", 4, "wildcards", "\\*"),
        ("a:\"b", 3, "quote is not closed", "\\\""),
        ("a:\"b\"c", 6, "a space is missing before this `c`", "\\c"),
        ("a:role[web]", 7, "`[` means something", "\\["),
        ("a:f(x)", 4, "`(` means something", "\\("),
        ("\"a\":b", 4, "is no field", "\\ "),
        ("a:(b:c)", 4, "in the parentheses of another", "outside"),
        ("a:b\\", 4, "nothing follows this backslash", "\\\\"),
    ] {
        let Err(wrong) = Query::parse(text) else { panic!("{text} is read") };
        assert!(
            wrong.message.starts_with("cannot read the query: ") && wrong.message.contains(told),
            "{text}: {wrong}"
        );
        assert!(wrong.hints.iter().any(|shown| shown.contains(hint)), "{text}: {:?}", wrong.hints);
        let span = wrong.span.unwrap_or_else(|| panic!("{text} has no place"));
        assert_eq!(span.column, column, "{text}: {}", wrong.message);
    }
}

#[test]
fn limits() {
    assert!(Query::parse(&"(".repeat(100_000)).is_err());
    assert!(Query::parse(&"NOT ".repeat(10_000)).is_err());
    assert!(Query::parse(&format!("{}a", "-".repeat(65))).unwrap_err().message.contains("64 deep"));
    assert!(Query::parse(&format!("{}a", "-".repeat(64))).is_ok());
    let many = vec!["id:x"; 5000].join(" OR ");
    assert_eq!(Query::parse(&many).unwrap().terms().len(), 5000);
    assert!(Query::parse(&vec!["id:x"; 50_000].join(" ")).unwrap_err().message.contains("longer"));
}

#[test]
fn fields() {
    let document = json!({
        "id": "x",
        "a_b": { "c": 1 },
        "a": { "b_c": 2, "b": { "d": 3, "list": [{ "k": "v" }, { "k": "w", "deep": {} }] } },
        "network": { "10.0.0.1": "inet" },
        "empty": { "map": {}, "list": [], "null": null, "text": "" },
        "secret": { "encrypted_data": "abc", "version": 3, "iv": "abc" },
    });
    let document = document.as_object().unwrap();
    for query in [
        "a_b_c:1",
        "a_b_c:2",
        "a_b.c:1",
        "a.b_c:2",
        "c:1",
        "b_c:2",
        "a_b_d:3",
        "d:3",
        "a.b.list.k:w",
        "k:v",
        "a_b:*",
        "a_b_list:*",
        "deep:*",
        "network_10.0.0.1:inet",
        "network.10.0.0.1:inet",
        "empty_map:*",
        "empty_text:*",
        "empty_text:\"\"",
        "secret:*",
        "*b.d:3",
        "a?b?list_k:v",
        "d*:3",
        "?:v",
        "inet",
    ] {
        assert!(Query::parse(query).unwrap().matches(document), "{query}");
    }
    for query in [
        "a.b.c:1",
        "b_d:3",
        "a_b:3",
        "a:3",
        "empty_list:*",
        "empty_null:*",
        "null:*",
        "network_10_0_0_1:inet",
        "secret_iv:*",
        "iv:*",
        "iv:abc",
        "abc",
        "secret_*:*",
        "encrypted_data:abc",
        "secret:abc",
        "b*c:3",
        "C:1",
    ] {
        assert!(!Query::parse(query).unwrap().matches(document), "{query}");
    }
}

#[test]
fn a_part_of_what_is_found() {
    let documents: Vec<Value> =
        (0..5).map(|number| json!({ "id": format!("i{number}"), "n": 9 - number })).collect();
    let documents: Vec<(&str, &Map<String, Value>)> = documents
        .iter()
        .map(|document| (document["id"].as_str().unwrap(), document.as_object().unwrap()))
        .collect();
    let found = |search: &Search| search.of(&documents);
    let all = Search { query: Query::parse("n:[6 TO *]").unwrap(), ..Search::default() };
    assert_eq!(found(&all), [0, 1, 2, 3]);
    assert_eq!(found(&Search { order: Order::parse("n").unwrap(), ..all.clone() }), [3, 2, 1, 0]);
    assert_eq!(found(&Search { start: 1, rows: Some(2), ..all.clone() }), [1, 2]);
    assert_eq!(found(&Search { start: 9, ..all.clone() }), [0; 0]);
    assert_eq!(found(&Search { rows: Some(0), ..all }), [0; 0]);
}
