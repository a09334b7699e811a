use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::Custom;
use crate::command::{End, Output};
use crate::facts::Facts;
use crate::system::{FakeSystem, HostSystem};
use toque_core::diagnostic::Diagnostic;

/// A repository with these files of facts, those that begin with `#!` executable.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let (cookbook, file) = path.split_once('/').unwrap();
        let root = folder.path().join("cookbooks").join(cookbook);
        fs::create_dir_all(root.join("facts")).unwrap();
        fs::write(
            root.join("cookbook.toml"),
            format!("name = \"{cookbook}\"\nversion = \"1.0\"\n"),
        )
        .unwrap();
        let path = root.join("facts").join(file);
        fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

fn find(repository: &Path) -> Result<Custom, Vec<String>> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
        paths.sort();
        paths
    };
    let files = below(&repository.join("cookbooks")).into_iter().flat_map(|root| {
        let name = root.file_name().unwrap().to_string_lossy().into_owned();
        below(&root.join("facts")).into_iter().map(move |path| (name.clone(), path))
    });
    let told = |wrong: &Diagnostic| format!("{wrong}\n{:?}\n{:?}", wrong.notes, wrong.hints);
    match Custom::find(files) {
        (found, wrong) if wrong.is_empty() => Ok(found),
        (_, wrong) => Err(wrong.iter().map(told).collect()),
    }
}

#[test]
fn documents_and_programs_are_facts_by_their_stems() {
    let folder = repository(&[
        ("web/rack.json", "{ \"row\": 4 } // comment"),
        (
            "web/warranty.sh",
            "#!/bin/sh\necho '{ \"until\": 2030 }'; echo hello >&2; env > /dev/null",
        ),
        ("web/.hidden", "not looked at"),
        ("base/count", "#!/bin/sh\necho 3"),
        (
            "base/where",
            "#!/bin/sh\nprintf '\"%s %s %s\"' \"$PWD\" \"$HOME\" \"${CARGO_MANIFEST_DIR-unset}\"",
        ),
    ]);
    let facts = Facts::new().with(find(folder.path()).unwrap());
    let host = HostSystem::new();
    assert_eq!(facts.reads(), 0);
    let read = |name: &str| facts.read(name, &host).unwrap().map(|value| (*value).clone());
    assert_eq!(
        [read("rack"), read("warranty"), read("count")].map(Option::unwrap),
        [json!({ "row": 4 }), json!({ "until": 2030 }), json!(3)]
    );
    let home = if nix::unistd::geteuid().is_root() {
        "/root".to_owned()
    } else {
        std::env::var("HOME").unwrap()
    };
    assert_eq!(read("where"), Some(json!(format!("/ {home} unset"))));
    assert_eq!((read("none"), facts.reads()), (None, 4));
    let names: Vec<&str> = facts.custom().facts().map(|fact| fact.name.as_str()).collect();
    assert_eq!(names, ["count", "where", "rack", "warranty"]);
}

#[test]
fn files_that_cannot_be_facts() {
    let cases: &[(&[(&str, &str)], &[&str])] = &[
        (
            &[("web/rack.json", "1"), ("base/rack", "#!/bin/sh")],
            &[
                "there are two facts `rack`",
                "cookbooks/base/facts/rack",
                "cookbooks/web/facts/rack.json",
            ],
        ),
        (&[("web/rack.json", "1"), ("web/rack.sh", "#!/bin/sh")], &["there are two facts `rack`"]),
        (&[("web/platform.json", "1")], &["the fact `platform` of cookbook `web`", "would hide"]),
        (&[("web/recipes", "#!/bin/sh")], &["the fact `recipes` of cookbook `web`", "would hide"]),
        (&[("web/README.md", "text")], &["`cookbooks/web/facts/README.md` is no fact", "chmod +x"]),
        (&[("web/a.b.json", "1")], &["`cookbooks/web/facts/a.b.json` has no name"]),
    ];
    for (files, parts) in cases {
        let folder = repository(files);
        let wrong = find(folder.path()).err().expect("it is refused").join("\n");
        assert!(parts.iter().all(|part| wrong.contains(part)), "{wrong}");
    }
}

#[test]
fn what_goes_wrong_names_cookbook_and_file() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("rack.json", "{ \"row\": }", &["cookbooks/web/facts/rack.json:1:10"]),
        ("rack.json", "", &["cookbooks/web/facts/rack.json"]),
        (
            "rack",
            "#!/bin/sh\necho broken pipe >&2; exit 3",
            &[
                "`rack` of cookbook `web` (`cookbooks/web/facts/rack`)",
                "exited with 3",
                "broken pipe",
            ],
        ),
        ("rack", "#!/bin/sh\nkill -9 $$", &["was ended by signal 9"]),
        ("rack", "#!/no/such/interpreter\n", &["`rack` of cookbook `web`", "cannot run"]),
        (
            "rack",
            "#!/bin/sh\necho hello world",
            &[
                "`rack` of cookbook `web`",
                "what cookbooks/web/facts/rack prints:1:1",
                "one JSON value",
            ],
        ),
        ("rack", "#!/bin/sh\necho 1 2", &["what cookbooks/web/facts/rack prints:1:3"]),
        ("rack", "#!/bin/sh\n", &["prints nothing"]),
        ("rack", "#!/bin/sh\nprintf '\"\\377\"'", &["not UTF-8"]),
        ("rack", "#!/bin/sh\nyes | head -c 3000000", &["more than 1 MiB"]),
        ("rack", "#!/bin/sh\nyes '[' | head -n 100000", &["nested too deep"]),
    ];
    for (file, text, parts) in cases {
        let folder = repository(&[(&format!("web/{file}"), text)]);
        let custom = find(folder.path()).unwrap();
        let wrong = custom.get("rack", &HostSystem::new()).expect_err(text);
        let told = format!("{wrong}\n{:?}\n{:?}\n{:?}", wrong.span, wrong.notes, wrong.hints);
        assert!(parts.iter().all(|part| told.contains(part)), "{text}: {told}");
    }
}

#[test]
fn a_program_that_hangs_is_ended_with_its_children() {
    let folder =
        repository(&[("web/rack", "#!/bin/sh\nsleep 1000 & echo $! > \"$0.child\"; wait")]);
    let custom = find(folder.path()).unwrap();
    let begun = Instant::now();
    let wrong = custom.get("rack", &HostSystem::new()).unwrap_err().to_string();
    assert!(
        wrong.contains("`rack` of cookbook `web`") && wrong.contains("did not end within 10 s"),
        "{wrong}"
    );
    assert!(begun.elapsed() < Duration::from_secs(15));
    // It is not asked again.
    assert!(custom.get("rack", &HostSystem::new()).is_err());
    assert!(begun.elapsed() < Duration::from_secs(15));
    let child = fs::read_to_string(folder.path().join("cookbooks/web/facts/rack.child")).unwrap();
    assert!(!Path::new(&format!("/proc/{}/stat", child.trim())).exists() || gone(child.trim()));
}

/// A process that has ended and that nobody has waited for.
fn gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'))
}

#[test]
fn each_is_read_once_and_when_it_is_asked_for() {
    let folder = repository(&[("web/rack", "#!/bin/sh\necho never run"), ("web/row.json", "1")]);
    let fake = FakeSystem::new();
    let answers = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&answers);
    fake.install_program("rack", move |_, _| {
        count.set(count.get() + 1);
        Output { stdout: count.get().to_string().into_bytes(), ..Output::default() }
    });
    let facts = Facts::new().with(find(folder.path()).unwrap());
    assert_eq!((facts.reads(), answers.get()), (0, 0));
    let read = |facts: &Facts| facts.read("rack", &fake).unwrap().map(|value| (*value).clone());
    assert_eq!([read(&facts), read(&facts)], [Some(json!(1)), Some(json!(1))]);
    facts.reload();
    assert_eq!((read(&facts), facts.reads()), (Some(json!(2)), 2));
    // Where no program may run, it is an empty map.
    let offline = Facts::new().with(find(folder.path()).unwrap().offline());
    assert_eq!((read(&offline), answers.get()), (Some(json!({})), 2));
    assert_eq!(offline.read("row", &fake).unwrap().as_deref(), Some(&json!(1)));

    fake.install_program("rack", |_, _| Output { end: End::Interrupted, ..Output::default() });
    facts.reload();
    assert!(facts.read("rack", &fake).unwrap_err().interrupted);
}
