use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::{FUNCTIONS, REFUSED};
use crate::interpreter::Interpreter;
use crate::node::Node;
use crate::run_inputs::RunInputs;
use crate::signature::Signature;
use crate::{Language, node_view};
use toque_core::diagnostic::Source;
use toque_data::attributes::Attributes;
use toque_data::expanded_run_list::Expanded;
use toque_machine::facts::Facts;
use toque_machine::system::FakeSystem;
use toque_machine::view::View;

fn interpreter() -> Rc<Interpreter> {
    let nowhere = Node::new(
        "localhost".to_owned(),
        "_default".to_owned(),
        Attributes::default(),
        Expanded::default(),
        Facts::new(),
    );
    let view = View::shared(Rc::new(FakeSystem::new()));
    Rc::new(Interpreter::new(RunInputs::default(), nowhere, view, Box::new(())))
}

/// A name as Rhai registers it, and how many arguments it takes.
type Known = BTreeSet<(String, usize)>;

fn told() -> Known {
    let signatures =
        FUNCTIONS.iter().flat_map(|word| word.signatures).map(|text| Signature::of(text));
    let registered = |signature: &Signature| {
        format!("{}{}", if signature.property { "get$" } else { "" }, signature.name)
    };
    signatures.map(|signature| (registered(&signature), signature.parameters.len())).collect()
}

/// What the language itself registers, less operators, indexers and what only Rhai or a rewritten
/// loop calls.
fn registered() -> Known {
    let interpreter = interpreter();
    let language = Language::new(&interpreter);
    let all = language.engine.collect_fn_metadata(
        None,
        |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
        false,
    );
    let inner = ["to_string", "to_debug", "index$get$", node_view::PAIR_KEY, node_view::PAIR_VALUE];
    let refused = |name: &str| REFUSED.iter().any(|(refused, _)| *refused == name);
    let word = |name: &str| name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    all.into_iter()
        .filter(|(name, _)| word(name) && !inner.contains(&name.as_str()) && !refused(name))
        .collect()
}

#[test]
fn the_table_holds_what_is_registered() {
    let (told, registered) = (told(), registered());
    let missing: Vec<_> = registered.difference(&told).collect();
    assert!(
        missing.is_empty(),
        "registered, and no row of WORDS (language/words.rs) has it: {missing:?}"
    );
    let more: Vec<_> = told.difference(&registered).collect();
    assert!(
        more.is_empty(),
        "a row of WORDS (language/words.rs) has it, and it is not registered: {more:?}"
    );
    assert!(registered.len() > 40, "{registered:?}");
}

#[test]
fn rows_are_whole() {
    for word in FUNCTIONS {
        for text in word.signatures {
            let signature = Signature::of(text);
            assert_eq!(signature.name, word.name, "{text}");
            let commas = text.matches(", ").count();
            assert_eq!(
                signature.parameters.len(),
                if text.contains("()") { 0 } else { commas + 1 },
                "{text}"
            );
        }
        assert!(
            word.doc.ends_with(['.', ')'])
                && word.doc.starts_with(|letter: char| letter.is_uppercase()),
            "{}",
            word.doc
        );
        let elsewhere = ["include_recipe", "contains"].contains(&word.name)
            || word.group == super::Group::CustomResources;
        assert!(elsewhere || word.example.contains(word.name), "{}", word.name);
    }
}

#[test]
fn what_is_refused_says_why() {
    let interpreter = interpreter();
    for (name, why) in REFUSED {
        let text = match name {
            "timestamp" => "timestamp();".to_owned(),
            "eval" => "eval(\"1\");".to_owned(),
            name => format!("{name}(1);"),
        };
        let source = Arc::new(Source { name: "test.rhai".to_owned(), path: None, text });
        let error = Language::new(&interpreter).run_text(&source).unwrap_err();
        assert!(error.message.contains(name), "{}", error.message);
        assert!(error.hints.iter().any(|hint| hint == why), "{name}: {:?}", error.hints);
    }
}
