use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use toque_core::diagnostic::Span;

fn origin() -> Rc<Origin> {
    Rc::new(Origin::Run)
}

fn path(text: &str) -> Vec<String> {
    parse_path(text).unwrap()
}

#[test]
fn later_levels_win_and_maps_merge() {
    let mut attributes = Attributes::default();
    attributes.set(Level::Override, &path("a.x"), json!(3), &origin()).unwrap();
    attributes.set(Level::Default, &path("a"), json!({ "x": 1, "y": [1, 2] }), &origin()).unwrap();
    attributes.set(Level::Normal, &path("a.y"), json!([9]), &origin()).unwrap();
    attributes.merge(
        Level::JsonNormal,
        json!({ "b": { "c": null } }).as_object().unwrap(),
        &origin(),
    );
    assert_eq!(*attributes.get("a").unwrap(), json!({ "x": 3, "y": [9] }));
    assert_eq!(*attributes.get("b").unwrap(), json!({ "c": null }));
    attributes.set(Level::ForceOverride, &path("a.x"), json!(4), &origin()).unwrap();
    assert_eq!(attributes.get("a").unwrap()["x"], json!(4));
    assert_eq!(attributes.get("c"), None);
}

#[test]
fn levels_are_listed_in_their_order() {
    assert!(Level::ALL.is_sorted());
    for (index, level) in Level::ALL.into_iter().enumerate() {
        assert_eq!(level as usize, index);
    }
}

#[test]
fn nothing_is_set_below_what_is_no_map() {
    let mut attributes = Attributes::default();
    let source = Arc::new(toque_core::diagnostic::Source {
        name: "x.rhai".into(),
        path: None,
        text: "default(\"a.b\", 1)".into(),
    });
    let first = Rc::new(Origin::Call(Some(Span::word(source, 1, 1))));
    attributes.set(Level::Default, &path("a.b"), json!(1), &first).unwrap();
    let wrong = attributes.set(Level::Default, &path("a.b.c.d"), json!(2), &origin()).unwrap_err();
    assert_eq!(
        wrong.message,
        "the attribute `a.b.c.d` cannot be set: `a.b` is 1 at the level `default`, which is no map"
    );
    assert_eq!(wrong.frames[0].0.to_string(), "x.rhai:1:1");
    // Another level may, and what was refused has left nothing behind.
    attributes.set(Level::Normal, &path("a.b.c"), json!(2), &origin()).unwrap();
    assert_eq!(*attributes.get("a").unwrap(), json!({ "b": { "c": 2 } }));
    assert!(
        attributes.set(Level::Default, &vec!["x".to_owned(); 1000], json!(1), &origin()).is_err()
    );
}

/// Few keys, so that values meet.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..4).prop_map(|number| json!(number)),
        prop::collection::vec(0..3, 0..3).prop_map(|items| json!(items)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(("[a-c]", inner), 0..3)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
    })
}

/// A map in which what a key holds depends on the key alone: below `m…` are maps, at `l…` values.
fn shaped() -> impl Strategy<Value = Value> {
    let leaves = || {
        prop::collection::vec(
            ("l[a-b]", prop_oneof![Just(Value::Null), (0..9).prop_map(|number| json!(number))]),
            0..3,
        )
    };
    let map = move |below: Vec<(String, Value)>, leaves: Vec<(String, Value)>| {
        Value::Object(below.into_iter().chain(leaves).collect())
    };
    let bottom = leaves().prop_map(|leaves| Value::Object(leaves.into_iter().collect()));
    bottom.prop_recursive(3, 20, 3, move |inner| {
        (prop::collection::vec(("m[a-b]", inner), 0..3), leaves())
            .prop_map(move |(below, leaves)| map(below, leaves))
    })
}

fn merged(mut base: Value, over: Value) -> Value {
    merge(&mut base, over);
    base
}

/// As a run sets them: a document's map at the top, anything else by a call.
fn write(attributes: &mut Attributes, writes: Vec<(usize, Vec<String>, Value)>) {
    for (level, path, value) in writes {
        // What leads through something that is no map is refused, and changes nothing.
        let _ = attributes.set(Level::ALL[level], &path, value, &origin());
    }
}

fn writes() -> impl Strategy<Value = Vec<(usize, Vec<String>, Value)>> {
    prop::collection::vec(
        (0..Level::ALL.len(), prop::collection::vec("[a-c]", 1..4), value()),
        1..12,
    )
}

/// What each level alone makes of the same writes.
fn alone(writes: &[(usize, Vec<String>, Value)], level: usize) -> Attributes {
    let mut attributes = Attributes::default();
    write(&mut attributes, writes.iter().filter(|(other, ..)| *other == level).cloned().collect());
    attributes
}

fn at<'a>(value: Option<&'a Value>, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value?, |value, key| value.get(key))
}

proptest! {
    /// Where a map meets something else it is not so: a number between two maps parts them, and is
    /// gone when it was merged first.
    #[test]
    fn merging_is_associative(a in shaped(), b in shaped(), c in shaped()) {
        prop_assert_eq!(merged(merged(a.clone(), b.clone()), c.clone()), merged(a, merged(b, c)));
    }

    #[test]
    fn merging_the_same_twice_is_merging_it_once(a in value(), b in value()) {
        let once = merged(a, b.clone());
        prop_assert_eq!(merged(once.clone(), b), once);
    }

    /// Documents of a level may come one by one or as one.
    #[test]
    fn a_level_merges_as_values_do(maps in prop::collection::vec(prop::collection::vec(("[a-c]", value()), 0..3), 1..5)) {
        let maps: Vec<Map<String, Value>> = maps.into_iter().map(|entries| entries.into_iter().collect()).collect();
        let mut attributes = Attributes::default();
        maps.iter().for_each(|map| attributes.merge(Level::RoleDefault, map, &origin()));
        let whole = maps.into_iter().map(Value::Object).fold(json!({}), merged);
        let read: Map<String, Value> = attributes.keys().into_iter().map(|key| (key.to_owned(), (*attributes.get(key).unwrap()).clone())).collect();
        prop_assert_eq!(Value::Object(read), whole);
    }

    /// A value that is no map and that is read is that of the highest level which has anything
    /// there.
    #[test]
    fn the_highest_level_wins(writes in writes()) {
        let mut attributes = Attributes::default();
        write(&mut attributes, writes.clone());
        let levels: Vec<Attributes> = (0..Level::ALL.len()).map(|level| alone(&writes, level)).collect();
        for key in attributes.keys() {
            let mut leaves = Vec::new();
            Tree::of((*attributes.get(key).unwrap()).clone(), &origin())
                .leaves(&mut vec![key.to_owned()], &mut |path, value, _| leaves.push((path.to_vec(), value)));
            for (path, value) in leaves.into_iter().filter(|(_, value)| !value.is_object()) {
                let highest = levels.iter().rev().find_map(|level| at(level.get(key).as_deref(), &path[1..]).cloned());
                prop_assert_eq!(Some(value), highest);
            }
        }
    }

    #[test]
    fn a_path_is_read_or_refused(text in "\\PC*") {
        match parse_path(&text) {
            Ok(keys) => prop_assert_eq!(keys.join("."), text),
            Err(_) => prop_assert!(text.split('.').any(str::is_empty)),
        }
    }
}
