//! Managed files on the fake machine: what is done, what is refused, and what is left alone when
//! something fails.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};
use toque_machine::command::{Command, End, Output};
use toque_machine::system::{FakeSystem, Operation, Query, System};

use super::File;
use crate::cookbook_file::CookbookFile;
use crate::shared::managed_file::Provider;
use crate::template::Template;
use crate::testing::{Bench, path, with};

const FILES: Provider<File> = Provider::new();

fn put(fake: &FakeSystem, path: &str, content: &str, mode: u32, owner: (u32, u32)) {
    fake.put_file(path, content);
    fake.set_owner(Path::new(path), Some(owner.0), Some(owner.1)).unwrap();
    fake.set_mode(Path::new(path), mode).unwrap();
}

fn f(more: Value) -> Value {
    with(&path("/r/f"), more)
}

type Prepare = fn(&FakeSystem);
/// Title, preparation, action, properties, effects.
type Case = (&'static str, Prepare, &'static str, Value, &'static [&'static str]);
/// Title, preparation, further properties, effects or the failure.
type LinkCase = (&'static str, Prepare, Value, Result<&'static [&'static str], &'static str>);
/// Preparation, action, properties, the failure.
type Refused = (Prepare, &'static str, Value, &'static str);
/// Title, what breaks, the failure.
type Broken = (&'static str, fn(&mut Bench), &'static str);

#[test]
fn what_is_done() {
    let new = || f(json!({ "content": "new\n" }));
    let old: Prepare = |fake| fake.put_file("/r/f", "old\n");
    let none: Prepare = |_| {};
    let cases: Vec<Case> = vec![
        (
            "new",
            none,
            "create",
            new(),
            &["stage /r/f: 4 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        (
            "new with attributes",
            none,
            "create",
            f(json!({ "content": "new\n", "mode": "0640", "owner": "daemon", "group": "bin" })),
            &["stage /r/f: 4 bytes, mode 0640, owner 1:2", "put /r/f in place"],
        ),
        (
            "new without content",
            none,
            "create",
            f(json!({})),
            &["stage /r/f: 0 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        ("same", |fake| fake.put_file("/r/f", "new\n"), "create", new(), &[]),
        ("nothing declared", old, "create", f(json!({})), &[]),
        (
            "empty content",
            old,
            "create",
            f(json!({ "content": "" })),
            &["stage /r/f: 0 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        (
            "keeps owner and mode",
            |fake| put(fake, "/r/f", "old\n", 0o600, (1, 2)),
            "create",
            new(),
            &["stage /r/f: 4 bytes, mode 0600, owner 1:2", "put /r/f in place"],
        ),
        (
            "content and mode",
            |fake| put(fake, "/r/f", "old\n", 0o600, (0, 0)),
            "create",
            f(json!({ "content": "new\n", "mode": "0644" })),
            &["stage /r/f: 4 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        (
            "only owner",
            old,
            "create",
            f(json!({ "owner": "daemon" })),
            &["set owner of /r/f to 1:"],
        ),
        ("only mode", old, "create", f(json!({ "mode": "0600" })), &["set mode of /r/f to 0600"]),
        (
            "setuid is set again",
            |fake| put(fake, "/r/f", "", 0o4755, (0, 0)),
            "create",
            f(json!({ "owner": "daemon", "mode": "4755" })),
            &["set owner of /r/f to 1:", "set mode of /r/f to 4755"],
        ),
        (
            "setuid is lost with the owner",
            |fake| put(fake, "/r/f", "", 0o4755, (0, 0)),
            "create",
            f(json!({ "owner": "daemon" })),
            &["set owner of /r/f to 1:", "set mode of /r/f to 0755"],
        ),
        (
            "setuid stays with the content",
            |fake| put(fake, "/r/f", "old\n", 0o4755, (0, 0)),
            "create",
            new(),
            &["stage /r/f: 4 bytes, mode 4755, owner 0:0", "put /r/f in place"],
        ),
        (
            "in place on demand, closed before it is written",
            old,
            "create",
            f(json!({ "content": "new\n", "atomic_update": false, "mode": "0600" })),
            &["set mode of /r/f to 0600", "write into /r/f: 4 bytes"],
        ),
        (
            "numbers that no account has",
            old,
            "create",
            f(json!({ "owner": 54321, "group": 54322 })),
            &["set owner of /r/f to 54321:54322"],
        ),
        (
            "group of a setgid folder",
            |fake| {
                fake.put_dir("/r/s", 0o2775);
                fake.set_owner(Path::new("/r/s"), None, Some(2)).unwrap();
            },
            "create",
            json!({ "path": "/r/s/f", "content": "x" }),
            &["stage /r/s/f: 1 bytes, mode 0644, owner 0:2", "put /r/s/f in place"],
        ),
        (
            "create_if_missing: there",
            old,
            "create_if_missing",
            f(json!({ "content": "new\n", "mode": "0600" })),
            &[],
        ),
        (
            "create_if_missing: not there",
            none,
            "create_if_missing",
            f(json!({ "content": "new\n", "mode": "0600" })),
            &["stage /r/f: 4 bytes, mode 0600, owner 0:0", "put /r/f in place"],
        ),
        ("touch: there", old, "touch", f(json!({})), &["touch /r/f"]),
        (
            "touch: not there",
            none,
            "touch",
            f(json!({})),
            &["stage /r/f: 0 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        (
            "touch with content",
            old,
            "touch",
            new(),
            &["stage /r/f: 4 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
        (
            "touch with a mode",
            old,
            "touch",
            f(json!({ "mode": "0600" })),
            &["set mode of /r/f to 0600", "touch /r/f"],
        ),
        ("delete", old, "delete", f(json!({})), &["remove /r/f"]),
        ("delete: not there", none, "delete", f(json!({ "owner": "nobody-knows" })), &[]),
        ("delete below a file", old, "delete", path("/r/f/g"), &[]),
        (
            "delete a link, even a dangling one",
            |fake| fake.put_link("/r/f", "nowhere"),
            "delete",
            f(json!({})),
            &["remove /r/f"],
        ),
        (
            "force_unlink of a directory",
            |fake| fake.put_file("/r/f/inner", ""),
            "create",
            f(json!({ "content": "new\n", "force_unlink": true })),
            &[
                "remove /r/f and all below",
                "stage /r/f: 4 bytes, mode 0644, owner 0:0",
                "put /r/f in place",
            ],
        ),
        (
            "force_unlink of a pipe",
            |fake| fake.put_special("/r/f"),
            "create",
            f(json!({ "force_unlink": true })),
            &["remove /r/f", "stage /r/f: 0 bytes, mode 0644, owner 0:0", "put /r/f in place"],
        ),
    ];
    for (title, prepare, action, properties, expected) in cases {
        let bench = Bench::new();
        prepare(&bench.fake);
        let effects = bench
            .converge(&FILES, action, properties)
            .unwrap_or_else(|failure| panic!("{title}: {failure}"));
        assert_eq!(effects, expected, "{title}");
    }
}

#[test]
fn a_link_is_followed_only_where_root_decides_where_it_leads() {
    let trusted: Prepare = |fake| {
        fake.put_file("/r/t", "old\n");
        fake.put_link("/r/m", "t");
        fake.put_link("/r/f", "/r/m");
    };
    let of_alice: Prepare = |fake| {
        fake.put_file("/r/t", "old\n");
        fake.put_link("/r/f", "t");
        fake.set_owner(Path::new("/r/f"), Some(1000), Some(1000)).unwrap();
    };
    let second_of_alice: Prepare = |fake| {
        fake.put_file("/r/t", "old\n");
        fake.put_link("/r/m", "t");
        fake.put_link("/r/f", "/r/m");
        fake.set_owner(Path::new("/r/m"), Some(1000), Some(1000)).unwrap();
    };
    let open: Prepare = |fake| {
        fake.put_file("/r/t", "old\n");
        fake.put_link("/r/f", "t");
        fake.set_mode(Path::new("/r"), 0o1777).unwrap();
    };
    let replaced: &'static [&'static str] =
        &["remove /r/f", "stage /r/f: 4 bytes, mode 0644, owner 0:0", "put /r/f in place"];
    let written: &'static [&'static str] =
        &["stage /r/t: 4 bytes, mode 0644, owner 0:0", "put /r/t in place"];
    let cases: Vec<LinkCase> = vec![
        ("trusted", trusted, json!({}), Ok(written)),
        ("trusted, force_unlink", trusted, json!({ "force_unlink": true }), Ok(written)),
        (
            "trusted, not wanted",
            trusted,
            json!({ "manage_symlink_source": false }),
            Err("`/r/f` is a symbolic link, not a file"),
        ),
        (
            "trusted, replaced",
            trusted,
            json!({ "manage_symlink_source": false, "force_unlink": true }),
            Ok(replaced),
        ),
        (
            "someone else's",
            of_alice,
            json!({ "manage_symlink_source": true }),
            Err(
                "`/r/f` is not followed: the symbolic link `/r/f` could lead anywhere, because user 1000 owns it",
            ),
        ),
        ("someone else's, replaced", of_alice, json!({ "force_unlink": true }), Ok(replaced)),
        (
            "someone else's, on the way",
            second_of_alice,
            json!({}),
            Err(
                "`/r/f` is not followed: the symbolic link `/r/m` could lead anywhere, because user 1000 owns it",
            ),
        ),
        (
            "in an open folder",
            open,
            json!({}),
            Err(
                "`/r/f` is not followed: the symbolic link `/r/f` could lead anywhere, because others can write its folder (mode 1777)",
            ),
        ),
        (
            "dangling",
            |fake| fake.put_link("/r/f", "nowhere"),
            json!({}),
            Err("`/r/f` is a symbolic link to `/r/nowhere`, where nothing is"),
        ),
        (
            "loop",
            |fake| fake.put_link("/r/f", "f"),
            json!({}),
            Err("`/r/f` is a symbolic link that leads back to itself"),
        ),
        (
            "to a directory",
            |fake| fake.put_link("/r/f", "/etc"),
            json!({}),
            Err("`/r/f` is a symbolic link, not a file"),
        ),
    ];
    for (title, prepare, more, expected) in cases {
        let bench = Bench::new();
        prepare(&bench.fake);
        bench.fake.take_effects();
        let before = bench.fake.snapshot();
        let result =
            bench.converge(&FILES, "create", with(&f(json!({ "content": "new\n" })), more));
        match expected {
            Ok(effects) => assert_eq!(result.unwrap(), effects, "{title}"),
            Err(message) => {
                assert_eq!(result.unwrap_err().message, message, "{title}");
                assert_eq!(bench.fake.snapshot(), before, "{title}");
            }
        }
    }
}

#[test]
fn the_mode_goes_through_a_link_to_the_file() {
    let bench = Bench::new();
    bench.fake.put_file("/r/t", "new\n");
    bench.fake.put_link("/r/f", "t");
    let properties = f(json!({ "content": "new\n", "mode": "0600" }));
    let changes = bench.plan(&FILES, "create", properties.clone()).unwrap();
    assert_eq!(
        changes[0].what,
        "change file `/r/t`, where the link `/r/f` leads: mode 0644 to 0600"
    );
    assert_eq!(bench.converge(&FILES, "create", properties).unwrap(), ["set mode of /r/t to 0600"]);
}

#[test]
fn what_is_refused() {
    let none: Prepare = |_| {};
    let cases: Vec<Refused> = vec![
        (
            none,
            "create",
            path("/r/x/y/f"),
            "cannot create `/r/x/y/f`: the directory `/r/x/y` does not exist",
        ),
        (
            |fake| fake.put_file("/r/x", ""),
            "create",
            path("/r/x/f"),
            "cannot create `/r/x/f`: `/r/x` is not a directory",
        ),
        (
            |fake| fake.put_dir("/r/f", 0o755),
            "create",
            path("/r/f"),
            "`/r/f` is a directory, not a file",
        ),
        (
            |fake| fake.put_special("/r/f"),
            "create",
            f(json!({ "mode": "0600" })),
            "`/r/f` is a device, socket or pipe, not a file",
        ),
        (
            |fake| fake.put_dir("/r/f", 0o755),
            "delete",
            path("/r/f"),
            "cannot delete `/r/f`: it is a directory, not a file",
        ),
        (
            none,
            "create",
            f(json!({ "owner": "nosuchuser" })),
            "there is no user `nosuchuser` on this machine",
        ),
        (
            none,
            "create",
            f(json!({ "owner": "54321" })),
            "there is no user `54321` on this machine",
        ),
        (
            none,
            "create",
            f(json!({ "group": "nosuchgroup" })),
            "there is no group `nosuchgroup` on this machine",
        ),
        (none, "create", path("f"), "path: `f` is not an absolute path"),
        (none, "create", path("/r/f/"), "path: `/r/f/` can only be a directory, not a file"),
        (
            none,
            "create",
            f(json!({ "content": "x", "checksum": "xyz" })),
            "checksum: `xyz` is no SHA-256",
        ),
        (
            none,
            "create",
            f(json!({ "content": "x", "checksum": "0".repeat(64) })),
            "the new content of `/r/f` does not have its checksum",
        ),
        (
            none,
            "create",
            f(json!({ "verify": "true %{file}" })),
            "verify: `%{file}` stands for nothing in `true %{file}`",
        ),
        (
            none,
            "create",
            f(json!({ "content": "{", "verify": "json" })),
            "the new content of `/r/f` is not JSON: line 1, column 1 breaks its rules",
        ),
        (
            |fake| fake.put_link("/r/f", "no"),
            "create_if_missing",
            path("/r/f"),
            "`/r/f` is a symbolic link to `/r/no`, where nothing is",
        ),
    ];
    for (prepare, action, properties, message) in cases {
        let bench = Bench::new();
        prepare(&bench.fake);
        let failure = bench.plan(&FILES, action, properties).unwrap_err();
        assert_eq!(failure.message, message);
    }
}

#[test]
fn the_old_content_is_kept_first() {
    let bench = Bench::new();
    bench.fake.put_file("/r/f", "old\n");
    bench.converge(&FILES, "create", f(json!({ "content": "new\n" }))).unwrap();
    bench.converge(&FILES, "create", f(json!({ "content": "newer\n", "backup": 2 }))).unwrap();
    bench.converge(&FILES, "create", f(json!({ "content": "newest\n", "backup": false }))).unwrap();
    bench.converge(&FILES, "delete", f(json!({}))).unwrap();
    let notes = bench.notes.borrow();
    assert_eq!(
        *notes,
        [
            "kept one of 5 of /r/f: \"old\\n\"",
            "kept one of 2 of /r/f: \"new\\n\"",
            "kept one of 5 of /r/f: \"newest\\n\""
        ]
    );
}

#[test]
fn a_failure_leaves_the_old_file() {
    let breaks: Vec<Broken> = vec![
        (
            "no space",
            |bench| bench.fake.break_operation(Operation::Stage, "/r/f", ErrorKind::StorageFull),
            "cannot write `/r/f`: no space left on the file system",
        ),
        (
            "no rename",
            |bench| {
                bench.fake.break_operation(Operation::Rename, "/r/f", ErrorKind::PermissionDenied);
            },
            "cannot replace `/r/f`: permission denied",
        ),
        ("no copy", |bench| bench.no_backups = true, "no space left"),
    ];
    for (title, break_it, message) in breaks {
        let mut bench = Bench::new();
        bench.fake.put_file("/r/f", "old\n");
        break_it(&mut bench);
        let before = bench.fake.snapshot();
        let failure =
            bench.converge(&FILES, "create", f(json!({ "content": "new\n" }))).unwrap_err();
        assert_eq!(failure.message, message, "{title}");
        assert_eq!(bench.fake.snapshot(), before, "{title}");
    }
}

#[test]
fn a_bind_mount_is_written_in_place() {
    let bench = Bench::new();
    bench.fake.put_file("/r/f", "old\n");
    bench.fake.break_operation(Operation::Rename, "/r/f", ErrorKind::ResourceBusy);
    let effects = bench
        .converge(
            &FILES,
            "create",
            f(json!({ "content": "new\n", "mode": "0600", "backup": false })),
        )
        .unwrap();
    assert_eq!(
        effects,
        [
            "stage /r/f: 4 bytes, mode 0600, owner 0:0",
            "set mode of /r/f to 0600",
            "write into /r/f: 4 bytes",
            "discard what was staged for /r/f"
        ]
    );
    assert_eq!(
        *bench.notes.borrow(),
        ["`/r/f` was written in place: it cannot be replaced, as a bind mount cannot"]
    );
}

#[test]
fn verify_judges_the_staged_file() {
    let bench = Bench::new();
    bench.fake.put_file("/r/f.conf", "old\n");
    bench.fake.install_program("sh", |fake, command| {
        let staged = command.argv[2].rsplit(' ').next().unwrap_or_default();
        assert!(
            staged.starts_with("/r/.toque-")
                && Path::new(staged).extension().is_some_and(|end| end == "conf"),
            "{staged}"
        );
        let good = fake.text(staged) == "good\n";
        let end = if good { End::Exited(0) } else { End::Exited(1) };
        Output { stderr: b"line 1 is bad\n".to_vec(), end, ..Output::default() }
    });
    let properties = |content: &str| json!({ "path": "/r/f.conf", "content": content, "verify": "check %{path}" });
    let failure = bench.converge(&FILES, "create", properties("bad\n")).unwrap_err();
    assert!(
        failure
            .message
            .starts_with("the new content of `/r/f.conf` was not accepted by `check %{path}`: "),
        "{failure}"
    );
    assert_eq!(failure.notes, ["standard error:\nline 1 is bad"]);
    assert_eq!(bench.fake.text("/r/f.conf"), "old\n");
    assert_eq!(bench.fake.read_dir(Path::new("/r")).unwrap(), ["f.conf"]);
    assert!(bench.notes.borrow().is_empty(), "nothing is kept of what is not replaced");
    bench.converge(&FILES, "create", properties("good\n")).unwrap();
}

#[test]
fn a_sensitive_verify_says_nothing() {
    let mut bench = Bench::new();
    bench.sensitive = true;
    bench.fake.install_program("sh", |_, _| Output {
        stderr: b"secret".to_vec(),
        end: End::Exited(1),
        ..Output::default()
    });
    let failure = bench
        .converge(&FILES, "create", f(json!({ "content": "secret", "verify": "check secret" })))
        .unwrap_err();
    assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
}

#[test]
fn a_change_in_place_shows_under_other_names() {
    use toque_machine::areas::Area;
    use toque_machine::planned::PlannedEffect;
    let bench = Bench::new();
    bench.fake.put_file("/r/f", "old\n");
    bench.fake.hard_link(Path::new("/r/f"), Path::new("/r/g")).unwrap();
    let anywhere = PlannedEffect::Anything(Area::Files.into());
    let mode = bench.plan(&FILES, "create", f(json!({ "mode": "0600" }))).unwrap();
    assert!(mode[0].provides.contains(&anywhere));
    let in_place =
        bench.plan(&FILES, "create", f(json!({ "content": "x", "atomic_update": false }))).unwrap();
    assert!(in_place[0].provides.contains(&anywhere));
    let replaced = bench.plan(&FILES, "create", f(json!({ "content": "x" }))).unwrap();
    assert!(!replaced[0].provides.contains(&anywhere), "the other name keeps the old content");
}

#[test]
fn changes_are_told() {
    let bench = Bench::new();
    bench.fake.put_file("/r/f", "old\n");
    let told = |properties: Value| bench.plan(&FILES, "create", properties).unwrap().remove(0);
    let change = told(f(json!({ "content": "new\n", "mode": "0600", "owner": "daemon" })));
    assert_eq!(change.what, "update file `/r/f`, mode 0644 to 0600, owner root to daemon");
    assert_eq!(change.diff.unwrap(), "--- /r/f\n+++ /r/f\n@@ -1 +1 @@\n-old\n+new\n");
    let change = told(json!({ "path": "/r/g", "content": "new\n", "group": "bin" }));
    assert_eq!(change.what, "create file `/r/g` with group bin");
    assert_eq!(change.diff.unwrap(), "--- /r/g\n+++ /r/g\n@@ -0,0 +1 @@\n+new\n");
    assert_eq!(told(json!({ "path": "/r/g" })).diff, None);
}

#[test]
fn a_template_and_a_cookbook_file_have_the_name_of_their_file() {
    let mut bench = Bench::new();
    bench.templates.insert("f.hbs".to_owned(), "hello\n".to_owned());
    bench.files.insert("f".to_owned(), "copied\n".to_owned());
    let template = Provider::<Template>::new();
    bench.converge(&template, "create", path("/r/f")).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "hello\n");
    bench.converge(&Provider::<CookbookFile>::new(), "create", path("/r/f")).unwrap();
    assert_eq!(bench.fake.text("/r/f"), "copied\n");
    let failure = bench
        .plan(&template, "create", f(json!({ "source": ["no.hbs", "none.hbs"] })))
        .unwrap_err();
    assert_eq!(failure.message, "there is no template [\"no.hbs\", \"none.hbs\"]");
    bench.converge(&template, "delete", f(json!({ "source": "long-gone.hbs" }))).unwrap();
}

#[test]
fn a_local_template_is_rendered_in_its_turn() {
    use toque_contract::resource::Resource;
    let template = |properties: Value| serde_json::from_value::<Template>(properties).unwrap();
    assert!(template(f(json!({ "source": "/r/t.hbs", "local": true }))).resolves_late());
    assert!(!template(path("/r/f")).resolves_late());
    assert!(template(f(json!({ "local": true }))).check(&[]).is_err());
    assert!(template(f(json!({ "local": true, "source": "t.hbs" }))).check(&[]).is_err());
}

#[test]
fn a_unit_file_is_judged_in_a_folder_of_its_own() {
    let bench = Bench::new();
    bench.fake.put_dir("/run", 0o755);
    let shown = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&shown);
    bench.fake.install_program("systemd-analyze", move |fake: &FakeSystem, command: &Command| {
        let path = command.argv.last().unwrap();
        seen.borrow_mut().push((path.clone(), fake.text(path)));
        Output::default()
    });
    let properties =
        json!({ "path": "/r/x.service", "content": "[Service]\n", "verify": "systemd_unit" });
    bench.converge(&FILES, "create", properties).unwrap();
    let (path, content) = shown.borrow()[0].clone();
    assert!(path.starts_with("/run/.toque-verify-") && path.ends_with("/x.service"), "{path}");
    assert_eq!(content, "[Service]\n");
    assert!(bench.fake.read_dir(Path::new("/run")).unwrap().is_empty());
    assert_eq!(bench.fake.text("/r/x.service"), "[Service]\n");
}
