//! The users whom a program that embeds the engine trusts.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::rc::Rc;

use toque_core::diagnostic::Diagnostics;
use toque_core::failure::FailureKind;
use toque_data::cookbook::{self, Locked};
use toque_data::run_list::Item;
use toque_engine::check::{Checked, check};
use toque_engine::{Options, Refused, Run, Trust};
use toque_machine::system::FakeSystem;

const STRANGER: u32 = 12345;

fn write_cookbook(root: &Path) {
    fs::create_dir_all(root.join("recipes")).unwrap();
    let name = root.file_name().unwrap().to_str().unwrap();
    let text = format!("name = \"{name}\"\nversion = \"1.0.0\"\n");
    fs::write(root.join("cookbook.toml"), text).unwrap();
    fs::write(root.join("recipes/default.rhai"), "log(\"ran\");\n").unwrap();
}

#[track_caller]
fn untrusted<T>(result: Result<T, Refused>, what: &str) {
    let Err(Refused { diagnostics: Diagnostics(told), .. }) = result else {
        panic!("{what} is not refused")
    };
    assert_eq!(told[0].kind, FailureKind::Untrusted, "{what}: {}", told[0]);
}

#[test]
fn the_options_say_who_is_trusted() {
    let place = tempfile::tempdir().unwrap();
    if chown(place.path(), Some(0), None).is_err() {
        return; // Only root can give files away.
    }
    let at = |name: &str| place.path().join(name);
    write_cookbook(&at("repo/cookbooks/web"));
    write_cookbook(&at("cache/other"));
    fs::write(at("secret"), "x").unwrap();
    fs::create_dir(at("state")).unwrap();
    let locked = Locked { roots: vec![("other".to_owned(), at("cache/other"))], held: None };
    let options = |trust: &Trust| Options {
        repository: Some(at("repo")),
        find_locked: Some(cookbook::found(locked.clone())),
        run_list: vec![Item::parse("web").unwrap()],
        secret_files: vec![at("none"), at("secret")],
        state_dir: Some(at("state")),
        trust: trust.clone(),
        ..Options::default()
    };
    let run = |trust: &Trust| {
        Run::on(Rc::new(FakeSystem::new()), Rc::new(toque_resources::standard()))
            .options(options(trust))
    };
    let nobody = Trust::default();
    let owners = Trust { owners: vec![STRANGER], ..Trust::default() };
    let this_run = Trust { repository: true, ..Trust::default() };
    let parts = [
        ("repo/cookbooks/web/recipes/default.rhai", true),
        ("cache/other/recipes/default.rhai", true),
        ("secret", false),
        ("state", false),
    ];
    for (part, of_run) in parts {
        run(&nobody).plan().unwrap();
        chown(at(part), Some(STRANGER), None).unwrap();
        untrusted(run(&nobody).converge(), part);
        untrusted(run(&nobody).plan(), part);
        untrusted(run(&nobody).graph(), part);
        untrusted(run(&nobody).providers(), part);
        run(&owners).plan().unwrap();
        if of_run {
            run(&this_run).plan().unwrap();
            let checked = |trust: &Trust| Checked {
                repository: Some(at("repo")),
                locked: locked.clone(),
                trust: trust.clone(),
                ..Checked::default()
            };
            let found = |trust: &Trust| {
                check(&Rc::new(toque_resources::standard()), &checked(trust))
                    .iter()
                    .filter(|mistake| mistake.kind == FailureKind::Untrusted)
                    .count()
            };
            assert_eq!((found(&nobody), found(&owners)), (1, 0), "{part}");
        } else {
            untrusted(run(&this_run).plan(), part);
        }
        chown(at(part), Some(0), None).unwrap();
    }
}
