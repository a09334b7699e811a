//! How cookbooks are fetched: many at once, no more than is needed, and only with what a server may
//! see.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use crate::bench::{Bench, cookbook, machine, packed, versions};
use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::credentials::Credential;
use toque_cookbooks::fetch::{FetchContext, FetchEvent};
use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_cookbooks::repository::{Repository, Update};
use toque_machine::system::HostSystem;

const REGISTRY: &str = "[[source]]\nurl = \"URL\"\n[cookbooks]\n";

#[test]
fn a_list_that_did_not_change_is_not_sent_again() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    bench.install();
    bench.server.asked();
    // Offline there is what the registry said before, and what was fetched.
    fs::remove_file(bench.path("repository/Cookfile.lock")).unwrap();
    let installed = bench.run(&Update::Everything, false, true).unwrap();
    assert_eq!(
        (versions(&installed.after), bench.server.asked()),
        (vec!["web 1.0.0".to_owned()], Vec::new())
    );

    // The answer that is kept is used when the server says that it still holds, and only then.
    let known = bench.path("store/answers");
    let before = fs::read(fs::read_dir(&known).unwrap().next().unwrap().unwrap().path()).unwrap();
    bench.run(&Update::Everything, false, false).unwrap();
    assert_eq!(bench.server.asked(), ["/universe"]);
    bench.server.publish("web", "1.1.0", &[]);
    assert_eq!(
        versions(&bench.run(&Update::Everything, false, false).unwrap().after),
        ["web 1.1.0"]
    );
    let path = fs::read_dir(&known).unwrap().next().unwrap().unwrap().path();
    let after = fs::read(&path).unwrap();
    assert_ne!(before, after);
    // What is damaged is fetched again.
    fs::write(&path, &after[..after.len() - 1]).unwrap();
    bench.run(&Update::Everything, false, false).unwrap();
    assert_eq!(fs::read(&path).unwrap(), after);

    let told = {
        fs::remove_dir_all(&known).unwrap();
        bench.run(&Update::Everything, false, true).expect_err("nothing is known")
    };
    assert!(
        told.message.starts_with("the list of cookbooks of")
            && told.message.ends_with("`--offline` forbids it"),
        "{told}"
    );
}

#[test]
fn a_registry_that_does_not_let_everybody_in() {
    let bench = Bench::new("[[source]]\nurl = \"URL/secret\"\n[cookbooks]\nweb = \">= 1.0\"\n");
    bench.server.publish("web", "1.0.0", &[]);
    let (universe, archive) =
        (bench.server.get("/universe"), bench.server.get("/files/web-1.0.0.tar.gz"));
    let moved = String::from_utf8(universe).unwrap().replace("/files/", "/secret/files/");
    bench.server.put("/secret/universe", moved.into());
    bench.server.put("/secret/files/web-1.0.0.tar.gz", archive);
    let told = bench.refused();
    assert!(
        told.message.ends_with("/secret/universe` answered 401: it does not let everybody in"),
        "{told}"
    );
    assert!(told.hints[0].contains("`[credentials]`"), "{told:?}");

    let (repository, store) = (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
    let asked = Mutex::new(Vec::new());
    let credential = |url: &str| {
        asked.lock().unwrap().push(url.to_owned());
        Ok(Credential { token: Some("sesame".to_owned()), ..Credential::default() })
    };
    let machine = FetchContext { credential: &credential, ..machine(&repository, &store) };
    let how = InstallOptions { update: Update::Nothing, locked: false, without: Vec::new() };
    let installed =
        Repository::read(&repository).unwrap().unwrap().install(&machine, &how).unwrap();
    assert_eq!(versions(&installed.after), ["web 1.0.0"]);
    let urls = ["universe", "files/web-1.0.0.tar.gz"]
        .map(|path| format!("{}/secret/{path}", bench.server.url));
    assert_eq!(*asked.lock().unwrap(), urls);
}

#[test]
fn many_come_at_once_and_each_is_told() {
    let names: Vec<String> = (0..40).map(|number| format!("cookbook{number}")).collect();
    let asked: String = names.iter().map(|name| format!("{name} = \">= 1.0\"\n")).collect();
    let bench = Bench::new(&format!("{REGISTRY}{asked}"));
    names.iter().for_each(|name| bench.server.publish(name, "1.0.0", &[]));
    let (repository, store) = (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
    let told = Mutex::new(BTreeSet::new());
    let tell = |what: FetchEvent<'_>| {
        if let FetchEvent::Fetched { count, of, .. } = what {
            assert_eq!(of, 40);
            assert!(told.lock().unwrap().insert(count));
        }
    };
    let machine = FetchContext { report: &tell, ..machine(&repository, &store) };
    let how = InstallOptions { update: Update::Nothing, locked: false, without: Vec::new() };
    let repository = Repository::read(&repository).unwrap().unwrap();
    assert_eq!(repository.install(&machine, &how).unwrap().roots.len(), 40);
    assert_eq!(*told.lock().unwrap(), (0..=40).collect());

    // One that fails is told, whichever it is, and what is there stays.
    let before = bench.lock();
    fs::remove_dir_all(bench.path("store/cookbooks")).unwrap();
    bench.server.remove("/files/cookbook7-1.0.0.tar.gz");
    let wrong = bench.run(&Update::Nothing, false, false).expect_err("one is missing");
    assert!(wrong.message.ends_with("/files/cookbook7-1.0.0.tar.gz` answered 404"), "{wrong}");
    assert_eq!(bench.lock(), before);
}

#[test]
fn groups_that_are_left_out_are_not_fetched() {
    let bench = Bench::new(&format!(
        "{REGISTRY}web = \">= 1.0\"\n[groups.test.cookbooks]\nprobe = \">= 1.0\"\nweb = \"< 2.0\"\n"
    ));
    bench.server.publish("web", "1.0.0", &[]);
    bench.server.publish("web", "2.0.0", &[]);
    bench.server.publish("probe", "1.0.0", &[("common", ">= 1.0")]);
    bench.server.publish("common", "1.0.0", &[]);
    // The versions are the same with and without the group.
    assert_eq!(versions(&bench.install().after), ["common 1.0.0", "probe 1.0.0", "web 1.0.0"]);
    fs::remove_dir_all(bench.path("store")).unwrap();
    let repository = Repository::read(&bench.path("repository")).unwrap().unwrap();
    let lockfile = Lockfile::read(&bench.path("repository")).unwrap().unwrap();
    let needed = repository.without(&lockfile, &["test".to_owned()]);
    assert_eq!(versions(&needed), ["web 1.0.0"]);
    let (path, store) = (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
    let how =
        InstallOptions { update: Update::Nothing, locked: true, without: vec!["test".to_owned()] };
    let installed = repository.install(&machine(&path, &store), &how).unwrap();
    assert_eq!(installed.roots.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(versions(&installed.after).len(), 3);
    let told = repository.cookfile.check_groups(&["tset".to_owned()]).expect_err("there is none");
    assert_eq!(told.hints, ["did you mean `test`?"]);
}

#[test]
fn what_no_lockfile_needs_is_cleared() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[("common", ">= 1.0")]);
    bench.server.publish("common", "1.0.0", &[]);
    bench.install();
    bench.server.publish("web", "2.0.0", &[]);
    let roots = bench.run(&Update::Everything, false, false).unwrap().roots;
    fs::create_dir_all(bench.path("store/making/left")).unwrap();
    let cleared = |only_look| {
        let store = Cache::open(bench.path("store")).unwrap();
        let cleared = store.collect_garbage(only_look).unwrap();
        (cleared.removed.into_iter().map(|one| one.what).collect::<Vec<_>>(), cleared.kept)
    };
    let old = || vec!["common 1.0.0".to_owned(), "web 1.0.0".to_owned()];
    assert_eq!(cleared(true), (old(), 1));
    assert_eq!(cleared(false), (old(), 1));
    assert_eq!(cleared(false), (Vec::new(), 1));
    assert!(roots["web"].join("cookbook.toml").is_file());
    assert!(!bench.path("store/making/left").exists());

    // Somebody who uses it is waited for; a lockfile that cannot be read keeps everything.
    let lock = bench.lock();
    fs::write(bench.path("repository/Cookfile.lock"), "version = 1\n<<<<<<< HEAD\n").unwrap();
    let told = Cache::open(bench.path("store"))
        .unwrap()
        .collect_garbage(false)
        .expect_err("it cannot be told what is needed");
    assert!(told.hints.contains(&"mend it, or delete it".to_owned()), "{told:?}");
    fs::write(bench.path("repository/Cookfile.lock"), lock).unwrap();
    fs::remove_dir_all(bench.path("repository")).unwrap();
    assert_eq!(
        cleared(false),
        (vec!["the list of a registry".to_owned(), "web 2.0.0".to_owned()], 0)
    );
    assert_eq!(fs::read_dir(bench.path("store/users")).unwrap().count(), 0);
}

#[test]
fn folders_and_pins_need_no_store() {
    let bench = Bench::new("");
    cookbook(&bench.path("repository/cookbooks/web"), "web", "1.0.0", &[]);
    bench.install();
    assert!(!bench.path("store/cookbooks").exists() && !bench.path("store/users").exists());
}

#[test]
fn names_that_are_no_names_lead_nowhere() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    let outside = bench.path("outside").display().to_string();
    bench.server.publish("web", "1.0.0", &[]);
    for name in [outside.as_str(), "../outside", "", "a b", "web.d"] {
        bench.server.publish_as(name, "1.0.0", &[], Vec::new());
        bench.server.publish_as("web", "2.0.0", &[(name, ">= 0.0.0")], Vec::new());
        let warned = Mutex::new(Vec::new());
        let tell = |told: FetchEvent<'_>| {
            if let FetchEvent::Warning(what) = told {
                warned.lock().unwrap().push(what.to_owned());
            }
        };
        let (repository, store) =
            (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
        let machine = FetchContext { report: &tell, ..machine(&repository, &store) };
        let how = InstallOptions { update: Update::Everything, locked: false, without: Vec::new() };
        let installed =
            Repository::read(&repository).unwrap().unwrap().install(&machine, &how).unwrap();
        assert_eq!(versions(&installed.after), ["web 1.0.0"], "{name}");
        assert!(warned.lock().unwrap()[0].contains("versions of cookbooks of"), "{name}");
        // And a cookbook that says so itself.
        let packing = tempfile::tempdir().unwrap();
        cookbook(&packing.path().join("web"), "web", "3.0.0", &[]);
        let text = format!(
            "name = \"web\"\nversion = \"3.0.0\"\n[dependencies]\n{name:?} = \">= 0.0.0\"\n"
        );
        fs::write(packing.path().join("web/cookbook.toml"), text).unwrap();
        bench.server.publish_as("web", "3.0.0", &[], packed(packing.path()));
        let told = bench.run(&Update::Everything, false, false).expect_err(name);
        assert!(told.message.ends_with("is no name of a cookbook"), "{told}");
        let mut universe: serde_json::Value =
            serde_json::from_slice(&bench.server.get("/universe")).unwrap();
        universe["web"].as_object_mut().unwrap().remove("3.0.0");
        bench.server.put("/universe", serde_json::to_vec(&universe).unwrap());
    }
    assert!(!bench.path("outside").exists() && !bench.path("store/outside").exists());
}

#[test]
fn a_registry_is_asked_once_also_when_it_fails() {
    let names: Vec<String> = (0..10).map(|number| format!("cookbook{number}")).collect();
    let asked: String = names.iter().map(|name| format!("{name} = \">= 1.0\"\n")).collect();
    let bench = Bench::new(&format!("{REGISTRY}{asked}"));
    names.iter().for_each(|name| bench.server.publish(name, "1.0.0", &[]));
    bench.install();
    fs::remove_dir_all(bench.path("store")).unwrap();
    bench.server.put("/universe", b"<html>".to_vec());
    bench.server.asked();
    let told = bench.run(&Update::Nothing, false, false).expect_err("it is no list");
    assert!(told.message.ends_with("did not answer with a list of cookbooks"), "{told}");
    assert_eq!(bench.server.asked(), ["/universe"]);
}

#[test]
fn only_a_store_is_cleared() {
    let bench = Bench::new("");
    let folder = bench.path("somebodys");
    fs::create_dir_all(folder.join("cookbooks/web")).unwrap();
    let told = Cache::open(folder.clone()).expect_err("it is none");
    assert!(told.message.ends_with("is not empty, and is no cache of toque"), "{told}");
    assert!(folder.join("cookbooks/web").exists());
    // What lies in a store and is not the store's stays too.
    let store = bench.path("store");
    drop(Cache::open(store.clone()).unwrap());
    fs::create_dir_all(store.join("cookbooks/mine")).unwrap();
    assert_eq!(Cache::open(store.clone()).unwrap().collect_garbage(false).unwrap().removed, []);
    assert!(store.join("cookbooks/mine").exists());
}

#[test]
fn what_is_held_is_not_cleared() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    let roots = bench.install().roots;
    fs::remove_file(bench.path("repository/Cookfile.lock")).unwrap();
    // Whoever runs these cookbooks holds the store.
    let held = Cache::open(bench.path("store")).unwrap();
    let store = bench.path("store");
    let clearing = std::thread::spawn(move || {
        Cache::open(store).unwrap().collect_garbage(false).unwrap().removed.len()
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!clearing.is_finished() && roots["web"].join("cookbook.toml").exists());
    drop(held);
    // The cookbook, and the list of its registry.
    assert_eq!(clearing.join().unwrap(), 2);
    assert!(!roots["web"].exists());
}

#[test]
fn what_is_locked_stays_when_its_registry_has_it_no_more() {
    let bench = Bench::new(&format!("{REGISTRY}web = \"~> 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    bench.server.publish("web", "1.1.0", &[]);
    bench.server.publish("other", "1.0.0", &[]);
    bench.install();
    let forget = |names: &[&str]| {
        let mut universe: serde_json::Value =
            serde_json::from_slice(&bench.server.get("/universe")).unwrap();
        names
            .iter()
            .for_each(|version| drop(universe["web"].as_object_mut().unwrap().remove(*version)));
        bench.server.put("/universe", serde_json::to_vec(&universe).unwrap());
    };
    forget(&["1.1.0"]);
    bench.cookfile(&format!("{REGISTRY}web = \"~> 1.0\"\nother = \">= 1.0\"\n"));
    assert_eq!(versions(&bench.install().after), ["other 1.0.0", "web 1.1.0"]);
    // Who asks for it anew takes what there is, and so does who has it no more.
    assert_eq!(
        versions(&bench.run(&Update::Everything, false, false).unwrap().after),
        ["other 1.0.0", "web 1.0.0"]
    );
}

#[test]
fn what_was_changed_is_told_and_stays_until_there_is_something_better() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    let root = bench.install().roots["web"].clone();
    fs::write(root.join("recipes/default.rhai"), "changed").unwrap();
    let told = bench.run(&Update::Nothing, true, true).expect_err("it was changed");
    assert!(
        told.message.ends_with("`--offline` forbids it") && root.join("cookbook.toml").exists(),
        "{told}"
    );
    let warned = Mutex::new(Vec::new());
    let tell = |told: FetchEvent<'_>| {
        if let FetchEvent::Warning(what) = told {
            warned.lock().unwrap().push(what.to_owned());
        }
    };
    let (repository, store) = (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
    let machine = FetchContext { report: &tell, ..machine(&repository, &store) };
    let how = InstallOptions { update: Update::Nothing, locked: true, without: Vec::new() };
    Repository::read(&repository).unwrap().unwrap().install(&machine, &how).unwrap();
    assert_eq!(
        *warned.lock().unwrap(),
        ["what is kept of `web` 1.0.0 was changed: it is fetched anew"]
    );
    assert_eq!(fs::read_to_string(root.join("recipes/default.rhai")).unwrap(), "// web 1.0.0\n");
}

/// A tar archive of one cookbook that begins with a file of so many bytes, as its header says. They
/// do not come.
fn announcing(bytes: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("web/large").unwrap();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[b'x'; 512]].concat()
}

#[test]
fn what_is_too_large_for_a_cookbook_is_not_unpacked() {
    let trap = announcing(3 << 30);
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish_as("web", "1.0.0", &[], trap.clone());
    let told = bench.refused();
    assert!(told.message.ends_with("it has more than 2147483648 bytes unpacked"), "{told}");
    fs::write(bench.path("web.tar"), &trap).unwrap();
    bench.cookfile("[cookbooks]\nweb = { archive = \"HERE/web.tar\" }\n");
    let told = bench.refused();
    assert!(told.message.ends_with("it has more than 2147483648 bytes unpacked"), "{told}");
    fs::create_dir(bench.path("registry")).unwrap();
    fs::write(bench.path("registry/web.tar"), trap).unwrap();
    let told = toque_cookbooks::index::index(&HostSystem::new(), &bench.path("registry"), None)
        .expect_err("it is refused");
    assert_eq!(told.notes, ["`web.tar`: it has more than 2147483648 bytes unpacked"]);
}

#[test]
fn what_a_registry_says_steers_no_terminal() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.put("/universe", b"<html>\n\x1b]0;title\x07\xc2\x9b2J".to_vec());
    let told = bench.refused();
    assert_eq!(
        told.notes,
        ["line 1, column 1; the answer begins with: <html>\n\\u{1b}]0;title\\u{7}\\u{9b}2J"]
    );
    bench.server.remove("/universe");
    bench.server.publish("web", "1.0.0", &[]);
    let universe = String::from_utf8(bench.server.get("/universe")).unwrap();
    let (before, after) = universe.split_once("\"sha256\":\"").unwrap();
    bench.server.put("/universe", format!("{before}\"sha256\":\"\\u001b[2J{after}").into());
    let told = bench.refused();
    assert!(told.notes[0].starts_with("wanted: \\u{1b}[2J"), "{told:?}");
}
