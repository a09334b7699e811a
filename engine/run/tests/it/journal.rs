//! Owed notifications from outside: what becomes of a run whose journal fails it.

use std::fs;
use std::rc::Rc;

use toque_contract::event::Event;
use toque_contract::report::Outcome;
use toque_engine::Run;
use toque_machine::command::Output;
use toque_machine::system::FakeSystem;

#[test]
fn a_journal_that_cannot_be_written_is_told_and_in_the_report() {
    let state = tempfile::tempdir().unwrap();
    let journal = state.path().join("owed.jsonl");
    let system = FakeSystem::new();
    let broken = journal.clone();
    system.install_program("sh", move |_, _| {
        fs::remove_file(&broken).unwrap();
        fs::create_dir(&broken).unwrap();
        Output::default()
    });
    let recipe = r#"
        let mark = execute("break", #{ action: "nothing" });
        file("/etc/x", #{ content: "x" }).notifies("run", mark);
    "#;
    let told = Rc::default();
    let heard = Rc::clone(&told);
    let report = Run::new(system, toque_resources::standard())
        .recipe("recipe", recipe)
        .state_dir(state.path())
        .sink(move |event: &Event<'_>| {
            if let Event::Failed(error) = event {
                let heard: &std::cell::RefCell<Vec<String>> = &heard;
                heard.borrow_mut().push(error.message.clone());
            }
        })
        .converge()
        .unwrap();
    let message = format!("cannot remove `{}`: it is a directory", journal.display());
    assert_eq!(
        (report.outcome, told.borrow().as_slice()),
        (Outcome::Failed, &[message.clone()][..])
    );
    let kept = fs::read_dir(state.path().join("runs")).unwrap().next().unwrap().unwrap();
    let kept = fs::read_to_string(kept.path()).unwrap();
    assert!(kept.contains(&message), "{kept}");
}
