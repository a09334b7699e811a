//! `only_if` and `not_if`: `guards.json`, each case as a recipe on the real machine; and what no
//! case asks.

use std::rc::Rc;

use serde_json::Value;
use toque_contract::report::Status;
use toque_core::diagnostic::Source;
use toque_engine::{Options, Run};
use toque_machine::system::HostSystem;

use crate::conformance::{compare, differences, on_host};

#[test]
fn guards() {
    compare(include_str!("../../conformance/guards.json"), differences::GUARDS, on_host::agrees);
}

/// How the one resource of a recipe ended, and the whole record as the report has it.
fn run(recipe: &str) -> (Status, String) {
    let source = Source { name: "recipe".into(), path: None, text: recipe.into() };
    let options = Options { recipe: Some(source), umask: 0o027, ..Options::default() };
    let system = Rc::new(HostSystem::new());
    let report = Run::on(system, Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge()
        .unwrap();
    (report.resources[0].status, serde_json::to_value(&report.resources[0]).unwrap().to_string())
}

#[test]
fn a_guard_does_not_depend_on_where_toque_was_started() {
    for guard in ["test $PWD = /", "test $(umask) = 0027", "test -z \"$CARGO_MANIFEST_DIR\""] {
        let (status, record) =
            run(&format!("execute(\"true\", #{{ only_if: {} }});", Value::from(guard)));
        assert_eq!(status, Status::Changed, "{guard}: {record}");
    }
}

#[test]
fn what_a_sensitive_resource_asks_is_not_told() {
    for guard in ["false hidden", "nosuchcommand_x hidden", "nosuchcommand_x hidden; exit 1"] {
        let open = run(&format!("execute(\"true\", #{{ only_if: {} }});", Value::from(guard)));
        assert!(open.1.contains("hidden"), "{}", open.1);
        let closed = run(&format!(
            "execute(\"true\", #{{ sensitive: true, only_if: {} }});",
            Value::from(guard)
        ));
        assert_eq!(closed.0, open.0);
        assert!(!closed.1.contains("hidden"), "{}", closed.1);
    }
}
