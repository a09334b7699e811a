//! Lockfiles that somebody edited: it is told what is wrong, nothing is lost, and nothing outside
//! is taken for a cookbook.

use std::fs;

use crate::bench::{Bench, cookbook, git, machine, packed};
use toque_cookbooks::cache::Cache;
use toque_cookbooks::manifest::lockfile::{Lockfile, Origin};
use toque_cookbooks::repository::{Repository, Update};

/// What the lockfile has, what somebody made of it, and what is told.
type Edit<'a> = (&'a str, &'a str, &'a str);

/// Edits the lockfile, hands over what is told, and takes it back.
fn edited(bench: &Bench, (from, to, _): Edit<'_>, told: impl FnOnce()) {
    let lock = bench.lock();
    assert!(lock.contains(from), "{from}: {lock}");
    fs::write(bench.path("repository/Cookfile.lock"), lock.replacen(from, to, 1)).unwrap();
    told();
    fs::write(bench.path("repository/Cookfile.lock"), lock).unwrap();
}

/// What does not fit the Cookfile: with `--locked` it is refused, without it is mended. What is
/// used does not change.
fn is_mended(bench: &Bench, edit: Edit<'_>) {
    let (lock, roots) = (bench.lock(), bench.install().roots);
    edited(bench, edit, || {
        let told = bench.run(&Update::Nothing, true, false).expect_err(edit.1);
        assert!(told.message.ends_with(edit.2), "{told}");
        assert_eq!(bench.install().roots, roots);
        assert_eq!(bench.lock(), lock);
    });
}

/// What cannot be had: it is refused, whether anything is here yet or not, and nothing is lost.
fn is_refused(bench: &Bench, edit: Edit<'_>) {
    edited(bench, edit, || {
        let _ = fs::remove_dir_all(bench.path("store"));
        let told = bench.refused();
        assert!(told.message.contains(edit.2), "{told}");
        assert!(!told.hints.is_empty(), "{told:?}");
    });
    bench.install();
}

#[test]
fn versions_and_dependencies() {
    let bench = Bench::new("[[source]]\nurl = \"URL\"\n[cookbooks]\nweb = \">= 1.0\"\n");
    bench.server.publish("web", "1.0.0", &[("other", ">= 1.0")]);
    bench.server.publish("other", "1.0.0", &[]);
    bench.install();
    for edit in [
        (
            "version = \"1.0.0\"\n",
            "version = \"1.1.0\"\n",
            "`other` is not what `Cookfile.lock` says: its cookbook.toml says version 1.0.0",
        ),
        (
            "dependencies.other = \">= 1.0\"",
            "dependencies.other = \">= 0.1\"",
            "`web` is not what `Cookfile.lock` says: its cookbook.toml names other dependencies",
        ),
    ] {
        edited(&bench, edit, || assert_eq!(bench.refused().message, edit.2));
        // The same when nothing is here yet.
        edited(&bench, edit, || {
            fs::remove_dir_all(bench.path("store")).unwrap();
            bench.refused();
        });
        bench.install();
    }
}

#[test]
fn paths() {
    let bench = Bench::new(
        "[[source]]\npath = \"../shared\"\n[[source]]\nurl = \"URL\"\n[cookbooks]\nnginx = \">= 1.0\"\n",
    );
    bench.server.publish("nginx", "1.0.0", &[("common", ">= 1.0")]);
    cookbook(&bench.path("repository/cookbooks/web"), "web", "1.0.0", &[]);
    cookbook(&bench.path("shared/common"), "common", "1.0.0", &[]);
    for name in ["web", "common", "nginx"] {
        cookbook(&bench.path("outside").join(name), name, "1.0.0", &[]);
    }
    cookbook(&bench.path("outside/nginx"), "nginx", "1.0.0", &[("common", ">= 1.0")]);
    bench.install();
    let outside = format!("path = \"{}\"", bench.path("outside/web").display());
    let changed = "`web` was changed: its version, its dependencies or where it lies";
    let gone = |name: &str| {
        format!("the place that it has `{name}` from is not there any more, or has another version")
    };
    let lock = bench.lock();
    let nginx = &lock[lock.find("registry = ").unwrap()..lock.find("dependencies.common").unwrap()];
    for edit in [
        ("path = \"cookbooks/web\"", "path = \"../outside/web\"", changed),
        ("path = \"cookbooks/web\"", &outside, changed),
        ("path = \"cookbooks/web\"", "path = \"cookbooks/gone\"", changed),
        ("path = \"../shared/common\"", "path = \"../outside/common\"", &gone("common")),
        (nginx, "path = \"../outside/nginx\"\n", &gone("nginx")),
    ] {
        is_mended(&bench, edit);
    }
}

/// A git repository of `web` and `other`, and its two commits.
fn origin(bench: &Bench) -> [String; 2] {
    let origin = bench.path("origin");
    cookbook(&origin.join("cookbooks/other"), "other", "1.0.0", &[]);
    cookbook(&origin.join("cookbooks/web"), "web", "1.0.0", &[]);
    git(&origin, &["init", "--quiet", "--initial-branch=trunk", "."]);
    [("", "one"), ("// two", "two")].map(|(text, message)| {
        fs::write(origin.join("cookbooks/web/recipes/more.rhai"), text).unwrap();
        git(&origin, &["add", "--all"]);
        git(&origin, &["commit", "--quiet", "-m", message]);
        git(&origin, &["rev-parse", "HEAD"])
    })
}

#[test]
fn revisions() {
    let bench = Bench::new(
        "[cookbooks]\nbase = { archive = \"HERE/base.tar.gz\" }\nweb = { git = \"HERE/origin\", rel = \"cookbooks/web\" }\n",
    );
    let [first, second] = origin(&bench);
    cookbook(&bench.path("packing/base"), "base", "1.0.0", &[]);
    fs::write(bench.path("base.tar.gz"), packed(&bench.path("packing"))).unwrap();
    bench.install();
    let is = format!("revision = \"{second}\"");
    let revision = |revision: &str| format!("revision = \"{revision}\"");
    for (to, told) in [
        (first.clone(), "`web` 1.0.0 is not what it was when it was locked"),
        ("12".repeat(20), &"12".repeat(20)),
        ("trunk".to_owned(), "the `revision` of `web` has not the 40 or 64 hexadecimal digits"),
        (
            second[..12].to_owned(),
            "the `revision` of `web` has not the 40 or 64 hexadecimal digits",
        ),
        (
            format!("--output=/{second}"),
            "the `revision` of `web` has not the 40 or 64 hexadecimal digits",
        ),
        (String::new(), "the `revision` of `web` has not the 40 or 64 hexadecimal digits"),
    ] {
        is_refused(&bench, (&is, &revision(&to), told));
    }
    let lock = bench.lock();
    let archive = lock.lines().find(|line| line.starts_with("revision")).unwrap();
    for (to, told) in [
        ("12".repeat(32), "does not have the checksum that it should have"),
        ("12".to_owned(), "the `revision` of `base`"),
    ] {
        is_refused(&bench, (archive, &revision(&to), told));
    }
    // What is here has the checksum that was locked, whatever its commit was.
    edited(&bench, (&is, &revision(&first), ""), || {
        drop(bench.run(&Update::Nothing, true, true).unwrap());
    });
}

#[test]
fn folders_in_a_repository() {
    let bench =
        Bench::new("[cookbooks]\nweb = { git = \"HERE/origin\", rel = \"cookbooks/web\" }\n");
    origin(&bench);
    let mine = bench.path("mine/web");
    cookbook(&mine, "web", "1.0.0", &[]);
    bench.install();
    let (is, elsewhere) =
        ("rel = \"cookbooks/web\"", "it has `web` from another place than Cookfile.toml names");
    is_mended(&bench, (is, "rel = \"cookbooks/other\"", elsewhere));
    is_mended(&bench, ("rel = \"cookbooks/web\"\n", "", elsewhere));
    let absolute = mine.display().to_string();
    for rel in ["../../../../mine/web", "cookbooks/../../web", &absolute] {
        is_refused(
            &bench,
            (
                is,
                &format!("rel = \"{rel}\""),
                &format!("the `rel` of `web`, `{rel}`, is no folder inside the repository"),
            ),
        );
    }

    // Whoever asks for it by program is not let out either.
    let path = bench.path("repository");
    let mut lockfile = Lockfile::read(&path).unwrap().unwrap();
    for outside in ["../../../../mine/web", &absolute] {
        let locked = lockfile.cookbooks.get_mut("web").unwrap();
        let Origin::Git { rel, .. } = &mut locked.origin else { unreachable!() };
        *rel = Some(outside.to_owned());
        fs::remove_dir_all(bench.path("store")).unwrap();
        let store = Cache::open(bench.path("store")).unwrap();
        let told = Repository::read(&path)
            .unwrap()
            .unwrap()
            .fetch(&machine(&path, &store), &lockfile)
            .expect_err(outside);
        assert!(told.message.contains("leads out of what"), "{told}");
        assert_eq!(store.list().unwrap(), []);
        assert!(mine.join("cookbook.toml").is_file());
    }
}
