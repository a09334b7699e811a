use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::json;

use super::{Bench, git_source, source};
use crate::source::Checkout;
use crate::system::{FakeSystem, Query};
use crate::view::View;

const PLAIN: Checkout<'static> = Checkout { cache: None, uid: None, gid: None, keep_git: false };

/// Two commits on `main`, one on `fix/a`, and a tag about the first.
fn bench() -> (Bench, [String; 3]) {
    let bench = Bench::new();
    bench.repository("site");
    let one = bench.commit("site", "a.txt", "one");
    bench.git("site", &["tag", "-a", "v1", "-m", "v1"]);
    let two = bench.commit("site", "b/c.txt", "two");
    bench.git("site", &["checkout", "--quiet", "-b", "fix/a"]);
    let three = bench.commit("site", "d.txt", "three");
    bench.git("site", &["checkout", "--quiet", "main"]);
    (bench, [one, two, three])
}

#[test]
fn a_revision_is_found_by_any_name() {
    let (bench, [one, two, three]) = bench();
    let url = bench.path("site");
    let found = |revision: &str| bench.resolve(&git_source(&url, revision)).unwrap().revision;
    for (revision, id, name) in [
        ("", &two, format!("main ({})", &two[..7])),
        ("HEAD", &two, format!("main ({})", &two[..7])),
        ("main", &two, format!("main ({})", &two[..7])),
        ("v1", &one, format!("v1 ({})", &one[..7])),
        ("refs/tags/v1", &one, format!("v1 ({})", &one[..7])),
        ("fix/a", &three, format!("fix/a ({})", &three[..7])),
        (&three[..9], &three, format!("fix/a ({})", &three[..7])),
        (&one.to_uppercase(), &one, one[..7].to_owned()),
    ] {
        let found = found(revision);
        assert_eq!((&found.id, &found.name), (id, &name), "{revision}");
    }
}

#[test]
fn a_revision_that_does_not_exist() {
    let (bench, _) = bench();
    bench.repository("empty");
    for (name, revision, message, hint) in [
        ("site", "mian", "has no branch, tag or commit `mian`", "did you mean `main`?"),
        (
            "site",
            "origin/fix/a",
            "has no branch, tag or commit `origin/fix/a`",
            "did you mean `fix/a`?",
        ),
        (
            "site",
            "abcdef12",
            "has no branch, tag or commit `abcdef12`",
            "a commit without a branch or tag is found only by all its 40 digits",
        ),
        (
            "site",
            "production",
            "has no branch, tag or commit `production`",
            "`git ls-remote` lists what there is",
        ),
        ("empty", "main", "has no branch, tag or commit `main`", "it is empty: push to it first"),
        ("empty", "", "has no branch of its own, or no commit", "push to it, or set `revision`"),
    ] {
        let failure = bench.resolve(&git_source(bench.path(name), revision)).unwrap_err();
        assert!(failure.message.ends_with(message), "{failure:?}");
        assert_eq!(failure.hint.as_deref(), Some(hint));
    }
    let failure = bench.resolve(&git_source(bench.path("none"), "main")).unwrap_err();
    assert!(failure.message.starts_with("`git ls-remote -- "), "{failure:?}");
    assert!(failure.hint.unwrap().contains("check the `url`"));
    // A commit that is not there is noticed when it is wanted.
    let failure = bench
        .check_out(&git_source(bench.path("site"), &"ab".repeat(20)), "x", &PLAIN)
        .unwrap_err();
    assert!(failure.message.contains("has no commit `abab"), "{failure:?}");
    assert_eq!(bench.names("out"), [""; 0]);
}

#[test]
fn the_files_of_a_commit_and_nothing_else() {
    let (bench, _) = bench();
    let run = bench.path("site/run.sh");
    std::fs::write(&run, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a.txt", bench.path("site/link")).unwrap();
    bench.commit("site", "e.txt", "five");
    bench.check_out(&git_source(bench.path("site"), "main"), "x", &PLAIN).unwrap();
    assert_eq!(bench.names("out"), ["x"]);
    assert_eq!(bench.names("out/x"), ["a.txt", "b", "e.txt", "link", "run.sh"]);
    assert_eq!(bench.text("out/x/b/c.txt"), "two");
    let mode = |name: &str| std::fs::symlink_metadata(bench.path(name)).unwrap().mode() & 0o7777;
    assert_eq!(
        (mode("out/x"), mode("out/x/b"), mode("out/x/a.txt"), mode("out/x/run.sh")),
        (0o755, 0o755, 0o644, 0o755)
    );
    // What is there already is left alone.
    bench.check_out(&git_source(bench.path("site"), "v1"), "x", &PLAIN).unwrap_err();
    assert_eq!(bench.text("out/x/e.txt"), "five");
    // An older one, from a bare repository.
    bench.git("site", &["clone", "--quiet", "--bare", ".", "../bare.git"]);
    bench.check_out(&git_source(bench.path("bare"), "v1"), "y", &PLAIN).unwrap();
    assert_eq!(bench.names("out/y"), ["a.txt"]);
}

#[test]
fn what_the_repository_says_of_git_is_not_done() {
    let (bench, _) = bench();
    let touch = format!("touch {}", bench.path("pwned").display());
    for (key, value) in [
        ("core.fsmonitor", touch.as_str()),
        ("filter.evil.smudge", &touch),
        ("core.sshCommand", &touch),
        ("uploadpack.packObjectsHook", &touch),
        ("core.hooksPath", bench.path("hooks").to_str().unwrap()),
    ] {
        bench.git("site", &["config", key, value]);
    }
    std::fs::create_dir(bench.path("hooks")).unwrap();
    std::fs::write(bench.path("hooks/post-checkout"), format!("#!/bin/sh\n{touch}\n")).unwrap();
    std::fs::set_permissions(
        bench.path("hooks/post-checkout"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    std::fs::write(bench.path("site/.gitattributes"), "* filter=evil\n").unwrap();
    bench
        .git("site", &["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "add", "."]);
    bench.git(
        "site",
        &[
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "commit",
            "--quiet",
            "-m",
            "x",
        ],
    );
    let _ = std::fs::remove_file(bench.path("pwned"));
    bench.check_out(&git_source(bench.path("site"), "main"), "x", &PLAIN).unwrap();
    bench
        .check_out(
            &git_source(bench.path("site"), "main"),
            "y",
            &Checkout { keep_git: true, ..PLAIN },
        )
        .unwrap();
    assert_eq!(bench.text("out/x/a.txt"), "one");
    assert!(!bench.path("pwned").exists());
}

#[test]
fn a_clone_of_its_own() {
    let (bench, [one, ..]) = bench();
    for shallow in [false, true] {
        let name = format!("x{shallow}");
        let source = source(
            json!({ "type": "git", "url": bench.path("site"), "revision": "v1", "shallow": shallow }),
        );
        bench.check_out(&source, &name, &Checkout { keep_git: true, ..PLAIN }).unwrap();
        assert_eq!(bench.names(&format!("out/{name}")), [".git", "a.txt"]);
        assert_eq!(bench.git(&format!("out/{name}"), &["rev-parse", "HEAD"]), one);
        assert_eq!(bench.git(&format!("out/{name}"), &["status", "--porcelain"]), "");
        assert_eq!(
            bench.git(&format!("out/{name}"), &["config", "remote.origin.url"]),
            bench.path("site").to_str().unwrap()
        );
    }
}

#[test]
fn a_clone_is_brought_to_another_commit() {
    let (bench, _) = bench();
    bench.repository("lib");
    bench.commit("lib", "lib.txt", "old");
    let owners: &[Option<u32>] =
        if bench.host.effective_uid() == 0 { &[None, Some(7)] } else { &[None] };
    // The new owner has to be able to come here.
    for folder in [bench.folder.path().to_owned(), bench.path("out")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (number, uid) in owners.iter().enumerate() {
        let name = format!("x{number}");
        let how = Checkout { uid: *uid, gid: *uid, keep_git: true, cache: None };
        let main = git_source(bench.path("site"), "main");
        bench.check_out(&main, &name, &how).unwrap();
        let at = |file: &str| bench.path("out").join(&name).join(file);
        std::fs::write(at("mine.txt"), "mine").unwrap();
        std::fs::write(at("a.txt"), "edited").unwrap();
        if number == 0 {
            bench.git("site", &["submodule", "--quiet", "add", "../lib", "vendor/lib"]);
        }
        let new = bench.commit("site", "new.txt", &name);
        let found = bench.resolve(&main).unwrap();
        main.update(
            &bench.host,
            &View::new(&bench.host),
            &found,
            &bench.path("out").join(&name),
            &bench.host.lstat(&bench.path("out").join(&name)).unwrap(),
            &bench.path("out"),
        )
        .unwrap();
        let text = |file: &str| std::fs::read_to_string(at(file)).unwrap();
        assert_eq!(
            (text("a.txt"), text("new.txt"), text("mine.txt")),
            ("one".into(), name.clone(), "mine".into())
        );
        assert_eq!(text("vendor/lib/lib.txt"), "old");
        assert_eq!(std::fs::read_to_string(at(".git/HEAD")).unwrap().trim(), new);
        let owner = |file: &str| std::fs::metadata(at(file)).unwrap().uid();
        let expected = uid.unwrap_or(bench.host.effective_uid());
        assert_eq!(
            (owner("a.txt"), owner("new.txt"), owner("vendor/lib/lib.txt")),
            (expected, expected, expected)
        );
        assert!(!bench.names("out").iter().any(|name| name.starts_with('.')));
    }
}

#[test]
fn submodules_inside_each_other() {
    let (bench, _) = bench();
    bench.repository("leaf");
    bench.commit("leaf", "leaf.txt", "leaf");
    bench.repository("lib");
    bench.git("lib", &["submodule", "--quiet", "add", "../leaf", "parts/leaf"]);
    bench.commit("lib", "lib.txt", "lib");
    bench.git("site", &["submodule", "--quiet", "add", "../lib", "vendor/lib"]);
    bench.commit("site", "f.txt", "six");
    // What is recorded counts, not what is newest.
    bench.commit("leaf", "leaf.txt", "newer");
    let main = git_source(bench.path("site"), "main");
    for (name, how) in [("x", PLAIN), ("y", Checkout { keep_git: true, ..PLAIN })] {
        bench.check_out(&main, name, &how).unwrap();
        assert_eq!(bench.text(&format!("out/{name}/vendor/lib/parts/leaf/leaf.txt")), "leaf");
        assert_eq!(bench.names(&format!("out/{name}/vendor")), ["lib"]);
        assert_eq!(
            bench.names(&format!("out/{name}/vendor/lib")),
            [".gitmodules", "lib.txt", "parts"]
        );
    }
    let without = source(json!({ "type": "git", "url": bench.path("site"), "submodules": false }));
    bench.check_out(&without, "z", &PLAIN).unwrap();
    assert_eq!(bench.names("out/z/vendor/lib"), [""; 0]);
    // A submodule that is gone is named, and nothing is left.
    std::fs::remove_dir_all(bench.path("leaf")).unwrap();
    let failure = bench.check_out(&main, "w", &PLAIN).unwrap_err();
    assert!(
        failure.notes.iter().any(|note| note.contains("the submodule `parts/leaf`")),
        "{failure:?}"
    );
    assert_eq!(bench.names("out"), ["x", "y", "z"]);
}

#[test]
fn a_submodule_is_beside_its_repository_and_of_its_owner() {
    let (bench, _) = bench();
    std::fs::create_dir(bench.path("group")).unwrap();
    bench.repository("group/site");
    bench.repository("group/lib");
    bench.commit("group/lib", "lib.txt", "lib");
    let main = git_source(bench.path("group/site"), "main");
    bench.git("group/site", &["submodule", "--quiet", "add", "../lib", "lib"]);
    bench.commit("group/site", "a.txt", "one");
    bench.check_out(&main, "x", &PLAIN).unwrap();
    if bench.host.effective_uid() == 0 {
        std::os::unix::fs::chown(bench.path("group/lib"), Some(1), None).unwrap();
        let failure = bench.check_out(&main, "y", &PLAIN).unwrap_err();
        assert!(failure.message.contains("belongs to user 1"), "{failure:?}");
    }
    bench.git(
        "group/site",
        &["submodule", "--quiet", "add", bench.path("site").to_str().unwrap(), "stolen"],
    );
    bench.git("group/site", &["rm", "--quiet", "--force", "lib"]);
    bench.commit("group/site", "a.txt", "two");
    let failure = bench.check_out(&main, "y", &PLAIN).unwrap_err();
    assert!(failure.message.contains("and not beside the repository"), "{failure:?}");
}

#[test]
fn a_repository_of_somebody_else() {
    let (bench, _) = bench();
    if bench.host.effective_uid() != 0 {
        return;
    }
    let chown = std::process::Command::new("chown")
        .arg("-R")
        .arg("1:1")
        .arg(bench.path("site"))
        .status()
        .unwrap();
    assert!(chown.success());
    // It is read as that user, who cannot enter a folder of root's alone.
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(bench.path("."), closed).unwrap();
    let failure =
        bench.check_out(&git_source(bench.path("site"), "main"), "x", &PLAIN).unwrap_err();
    assert!(failure.hint.is_some(), "{failure:?}");
    open_to_all(&bench);
    let how = Checkout { uid: Some(7), gid: Some(8), ..PLAIN };
    bench.check_out(&git_source(bench.path("site"), "main"), "x", &how).unwrap();
    for name in ["out/x", "out/x/b", "out/x/b/c.txt"] {
        let metadata = std::fs::metadata(bench.path(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (7, 8), "{name}");
    }
}

fn open_to_all(bench: &Bench) {
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("."), open).unwrap();
}

fn chown_all(path: &std::path::Path) {
    let chown = std::process::Command::new("chown").args(["-Rh", "1:1"]).arg(path).status();
    assert!(chown.unwrap().success());
}

/// A user's repository must not lead root to objects that the user may not read, by any of the ways
/// that git follows.
#[test]
fn a_repository_that_leads_elsewhere_is_read_as_its_owner() {
    type Plant = fn(&Bench, &std::path::Path);
    let plants: [(&str, Plant); 5] = [
        ("alternates", |bench, hers| {
            let objects = format!("{}\n", bench.path("private/.git/objects").display());
            std::fs::write(hers.join(".git/objects/info/alternates"), objects).unwrap();
        }),
        ("objects", |bench, hers| {
            std::fs::remove_dir_all(hers.join(".git/objects")).unwrap();
            symlink(bench.path("private/.git/objects"), hers.join(".git/objects")).unwrap();
        }),
        (".git", |bench, hers| {
            std::fs::remove_dir_all(hers.join(".git")).unwrap();
            symlink(bench.path("private/.git"), hers.join(".git")).unwrap();
        }),
        ("gitdir", |bench, hers| {
            std::fs::remove_dir_all(hers.join(".git")).unwrap();
            let line = format!("gitdir: {}\n", bench.path("private/.git").display());
            std::fs::write(hers.join(".git"), line).unwrap();
        }),
        ("commondir", |bench, hers| {
            let line = format!("{}\n", bench.path("private/.git").display());
            std::fs::write(hers.join(".git/commondir"), line).unwrap();
        }),
    ];
    let bench = Bench::new();
    open_to_all(&bench);
    bench.repository("private");
    let secret = bench.commit("private", "secret.txt", "secret");
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(bench.path("private"), closed).unwrap();
    for (name, plant) in plants {
        let site = format!("site-{name}");
        bench.repository(&site);
        bench.commit(&site, "a.txt", "one");
        plant(&bench, &bench.path(&site));
        chown_all(&bench.path(&site));
        for revision in [secret.as_str(), "main"] {
            let source = git_source(bench.path(&site), revision);
            if bench.check_out(&source, "x", &PLAIN).is_ok() {
                assert!(!bench.path("out/x/secret.txt").exists(), "{name}");
                assert_eq!(bench.names("out/x"), ["a.txt"], "{name}");
                std::fs::remove_dir_all(bench.path("out/x")).unwrap();
            }
            assert_eq!(bench.names("out"), [""; 0], "{name}");
        }
        // Root's own repository that leads into it is read as she may read, too.
        let roots = format!("roots-{name}");
        bench.repository(&roots);
        let objects = format!("{}\n", bench.path(&site).join(".git/objects").display());
        std::fs::write(bench.path(&roots).join(".git/objects/info/alternates"), objects).unwrap();
        let source = git_source(bench.path(&roots), &secret);
        bench.check_out(&source, "x", &PLAIN).expect_err(name);
    }
    // What is all root's borrows as before.
    bench.repository("borrows");
    let objects = format!("{}\n", bench.path("private/.git/objects").display());
    std::fs::write(bench.path("borrows/.git/objects/info/alternates"), objects).unwrap();
    bench.check_out(&git_source(bench.path("borrows"), &secret), "x", &PLAIN).unwrap();
    assert_eq!(bench.text("out/x/secret.txt"), "secret");
}

#[test]
fn a_repository_that_others_can_change_is_refused() {
    let bench = Bench::new();
    open_to_all(&bench);
    bench.repository("site");
    bench.commit("site", "a.txt", "one");
    for part in
        ["site", "site/.git", "site/.git/objects", "site/.git/objects/pack", "site/.git/config"]
    {
        let path = bench.path(part);
        let before = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let failure =
            bench.resolve(&git_source(bench.path("site"), "main")).map(|_| ()).unwrap_err();
        assert!(failure.message.contains("others can write to"), "{part}: {failure:?}");
        std::fs::set_permissions(&path, before).unwrap();
    }
    bench.resolve(&git_source(bench.path("site"), "main")).unwrap();
}

/// The owner's hooks and settings run no program with the rights of root.
#[test]
fn what_a_repository_names_is_not_run_as_root() {
    let bench = Bench::new();
    open_to_all(&bench);
    bench.repository("site");
    bench.commit("site", "a.txt", "one");
    let trace = bench.path("trace");
    std::fs::write(&trace, "").unwrap();
    std::fs::set_permissions(&trace, std::fs::Permissions::from_mode(0o666)).unwrap();
    let hook = format!("#!/bin/sh\nid -u >>{}\nexec \"$@\"\n", trace.display());
    for name in ["hook", "post-checkout", "post-index-change", "reference-transaction"] {
        let path = bench.path("site/.git/hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &hook).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = bench.path("site/.git/hooks/hook").display().to_string();
    for key in ["uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.pager"] {
        bench.git("site", &["config", key, &run]);
    }
    let included = bench.path("site/.git/included");
    std::fs::write(&included, format!("[uploadpack]\n\tpackObjectsHook = {run}\n")).unwrap();
    bench.git("site", &["config", "includeIf.gitdir:/.path", included.to_str().unwrap()]);
    chown_all(&bench.path("site"));
    std::fs::write(&trace, "").unwrap();
    bench.check_out(&git_source(bench.path("site"), "main"), "x", &PLAIN).unwrap();
    let text = bench.text("trace");
    assert!(!text.lines().any(|uid| uid == "0"), "run as root: {text}");
}

#[test]
fn without_git() {
    let fake = FakeSystem::new();
    let source = git_source("/srv/site", "main");
    let failure = source.resolve(&View::new(&fake)).unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("declare `package(\"git\")` before this resource"));
    // All 40 digits say enough.
    git_source("/srv/site", &"1a".repeat(20)).resolve(&View::new(&fake)).unwrap();
}
