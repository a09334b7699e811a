use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Map, Value, json};
use toque_data::attributes::{Attributes, Level, Origin, Tree};
use toque_data::expanded_run_list::Expanded;
use toque_language::node::Node;
use toque_machine::facts::Facts;
use toque_machine::system::FakeSystem;
use toque_machine::view::View;

use super::explain;

fn origin() -> Rc<Origin> {
    Rc::new(Origin::Run)
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

fn at<'a>(value: Option<&'a Value>, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value?, |value, key| value.get(key))
}

proptest! {
    #[test]
    fn explain_agrees_with_node(
        writes in writes(),
        facts in prop::collection::vec(("[a-c]", value()), 0..2),
        asked in prop::collection::vec("[a-c]", 1..4),
    ) {
        agrees(writes, facts.into_iter().collect(), &asked)?;
    }
}

fn agrees(
    writes: Vec<(usize, Vec<String>, Value)>,
    facts: Map<String, Value>,
    asked: &[String],
) -> TestCaseResult {
    let mut attributes = Attributes::default();
    write(&mut attributes, writes);
    let node = Node::new(
        "x".into(),
        "_default".into(),
        attributes,
        Expanded::default(),
        Facts::fixed(facts),
    );
    let view = View::shared(Rc::new(FakeSystem::new()));
    let read =
        node.get(&asked[0], &view).unwrap().and_then(|top| at(Some(&top), &asked[1..]).cloned());
    let Ok(explained) = explain(&node, &view, asked) else {
        prop_assert_eq!(read, None);
        return Ok(());
    };
    prop_assert_eq!(&explained.value, &read);
    // What wins is what is read, each value once.
    let winners: Vec<_> = explained
        .settings
        .iter()
        .filter(|setting| setting.wins && setting.key.starts_with(asked))
        .collect();
    let mut leaves = Vec::new();
    if let Some(read) = &read {
        Tree::of(read.clone(), &origin())
            .leaves(&mut asked.to_vec(), &mut |path, value, _| leaves.push((path.to_vec(), value)));
    }
    for (path, value) in &leaves {
        let here: Vec<_> = winners.iter().filter(|winner| winner.key == *path).collect();
        prop_assert_eq!(here.len(), 1, "{:?} in {:?}", path, explained.settings);
        prop_assert_eq!(&here[0].value, value);
    }
    prop_assert_eq!(winners.len(), leaves.len());
    Ok(())
}
