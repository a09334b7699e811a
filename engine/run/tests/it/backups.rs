//! Copies of what a run replaces, from outside.

use std::fs;
use std::rc::Rc;

use toque_engine::{Options, Run};
use toque_machine::system::FakeSystem;

#[test]
fn what_is_too_large_for_a_copy_is_told_by_plan_and_report() {
    let state = tempfile::tempdir().unwrap();
    let system = Rc::new(FakeSystem::new());
    system.put_file("/etc/x", "0123456789");
    let run = |limit: u64| {
        Run::on(Rc::<FakeSystem>::clone(&system), Rc::new(toque_resources::standard()))
            .options(Options {
                backup_limit: limit,
                state_dir: Some(state.path().to_owned()),
                ..Options::default()
            })
            .recipe("recipe", "file(\"/etc/x\", #{ content: \"new\" });")
    };
    let note = "no backup of `/etc/x`: 10 bytes is above the backup limit of 9 bytes; raise `backup_limit` in /etc/toque/toque.toml";
    assert_eq!(run(9).plan().unwrap().resources[0].notes, [note]);
    assert!(run(10).plan().unwrap().resources[0].notes.is_empty());
    assert_eq!(run(9).converge().unwrap().resources[0].notes, [note]);
    assert!(!state.path().join("backups").exists());
    system.put_file("/etc/x", "0123456789");
    assert!(run(10).converge().unwrap().resources[0].notes.is_empty());
    let copies: Vec<_> = fs::read_dir(state.path().join("backups/etc/x")).unwrap().collect();
    assert_eq!(copies.len(), 1);
}
