//! Cookbooks of a stack: fetched at setup and when told, kept for all other events.

use std::fs;
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(folder).args([
        "-c",
        "user.name=Ann",
        "-c",
        "user.email=ann@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A commit in which the cookbook, at the top of the repository, says this.
fn commit(origin: &Path, words: &str, tag: &str) {
    fs::create_dir_all(origin.join("web/recipes")).unwrap();
    fs::write(origin.join("web/cookbook.toml"), "name = \"web\"\nversion = \"1.0.0\"\n").unwrap();
    fs::write(origin.join("web/recipes/default.rhai"), format!("log(\"{words}\");\n")).unwrap();
    git(origin, &["add", "-A"]);
    git(origin, &["commit", "-qm", words]);
    git(origin, &["tag", tag]);
}

#[test]
fn cookbooks_change_only_at_setup_and_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("origin")).unwrap();
    git(&at("origin"), &["init", "-q"]);
    commit(&at("origin"), "first", "v1");
    let stack = |from: &str, revision: &str| {
        let url = at(from).display().to_string();
        let text = format!(
            r#"{{ "stack": {{ "name": "s", "custom_cookbooks_source": {{ "type": "git", "url": "{url}", "revision": "{revision}" }} }},
  "layers": [{{ "shortname": "web", "custom_recipes": {{ "setup": ["web"], "configure": ["web"] }} }}],
  "instances": [{{ "hostname": "web1", "layers": ["web"] }}] }}"#
        );
        fs::write(at("stack.json"), text).unwrap();
    };
    let run = |verb: &str, event: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        command.current_dir(folder.path()).args([
            verb,
            "--stack",
            "stack.json",
            "--instance",
            "web1",
            "--event",
            event,
        ]);
        let output = command.args(["--state-dir", "state"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    stack("origin", "v1");
    assert_eq!(run("plan", "configure").0, Some(0));
    assert!(!at("state").exists(), "a plan keeps nothing");
    let (code, told) = run("converge", "setup");
    assert!(
        code == Some(0)
            && told.contains("fetched the cookbooks v1 (")
            && told.contains("info: first"),
        "{told}"
    );

    commit(&at("origin"), "second", "v2");
    stack("origin", "v2");
    assert_eq!(run("converge", "configure").1, "info: first\n", "other events run what is there");
    let (code, told) = run("converge", "update_custom_cookbooks");
    assert!(
        code == Some(0)
            && told.contains("fetched the cookbooks v2 (")
            && !told.contains("info: second"),
        "it runs nothing: {told}"
    );
    assert_eq!(run("converge", "configure").1, "info: second\n");

    // What cannot be used does not take the place of what can.
    fs::remove_file(at("origin").join("web/cookbook.toml")).unwrap();
    git(&at("origin"), &["commit", "-qam", "broken"]);
    git(&at("origin"), &["tag", "v3"]);
    for revision in ["v3", "v9"] {
        stack("origin", revision);
        let (code, told) = run("converge", "setup");
        assert_eq!(code, Some(2), "{told}");
        assert_eq!(run("converge", "configure").1, "info: second\n", "after {revision}");
    }

    // The same commit from elsewhere.
    git(folder.path(), &["clone", "-q", "origin", "mirror"]);
    stack("mirror", "v2");
    let (_, told) = run("converge", "configure");
    assert!(told.contains("warn: the cookbooks in use are from"), "{told}");
    assert_eq!(run("converge", "update_custom_cookbooks").0, Some(0));
    assert_eq!(run("converge", "configure").1, "info: second\n");
}

#[test]
fn cookbooks_of_a_stack_may_need_others_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cookbook = |root: &Path, needs: &str, recipe: &str| {
        let name = root.file_name().unwrap().to_str().unwrap();
        fs::create_dir_all(root.join("recipes")).unwrap();
        fs::write(
            root.join("cookbook.toml"),
            format!("name = \"{name}\"\nversion = \"1.0.0\"\n{needs}"),
        )
        .unwrap();
        fs::write(root.join("recipes/default.rhai"), recipe).unwrap();
    };
    cookbook(&at("packing/nginx"), "", "log(\"nginx\");");
    assert!(
        Command::new("tar")
            .args(["-czf"])
            .arg(at("nginx.tar.gz"))
            .arg("-C")
            .arg(at("packing"))
            .arg(".")
            .status()
            .unwrap()
            .success()
    );
    let (origin, archive) = (at("origin"), at("nginx.tar.gz").display().to_string());
    cookbook(
        &origin.join("cookbooks/web"),
        "[dependencies]\nnginx = \"~> 1.0\"\n",
        "include_recipe(\"nginx\");",
    );
    fs::write(
        origin.join("Cookfile.toml"),
        format!("[cookbooks]\nnginx = {{ archive = {archive:?} }}\n"),
    )
    .unwrap();
    git(&origin, &["init", "-q"]);
    git(&origin, &["add", "-A"]);
    git(&origin, &["commit", "-qm", "without a lockfile"]);
    let stack = format!(
        r#"{{ "stack": {{ "name": "s", "custom_cookbooks_source": {{ "type": "git", "url": {:?} }} }},
  "layers": [{{ "shortname": "web", "custom_recipes": {{ "setup": ["web"], "configure": ["web"] }} }}],
  "instances": [{{ "hostname": "web1", "layers": ["web"] }}] }}"#,
        origin.display().to_string()
    );
    fs::write(at("stack.json"), stack).unwrap();
    let toque = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        let output = command
            .current_dir(folder.path())
            .args(args)
            .args(["--cache-dir", "cache"])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let event = |event| {
        toque(&[
            "converge",
            "--stack",
            "stack.json",
            "--instance",
            "web1",
            "--state-dir",
            "state",
            "--event",
            event,
        ])
    };
    let (code, told) = event("setup");
    assert!(code == Some(2) && told.contains("there is no `Cookfile.lock`"), "{told}");

    assert_eq!(toque(&["cookbook", "--repo", "origin", "install"]).0, Some(0));
    git(&origin, &["add", "-A"]);
    git(&origin, &["commit", "-qm", "with a lockfile"]);
    fs::remove_dir_all(at("cache")).unwrap();
    let (code, told) = event("setup");
    assert!(code == Some(0) && told.ends_with("info: nginx\n"), "{told}");
    // Everything is there now.
    fs::rename(at("nginx.tar.gz"), at("gone.tar.gz")).unwrap();
    assert_eq!(event("configure"), (Some(0), "info: nginx\n".to_owned()));
}
