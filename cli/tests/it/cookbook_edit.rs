//! `toque cookbook new`, `add`, `remove`, `show` and `verify`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
    }
}

fn toque(folder: &Path, args: &[&str]) -> Told {
    Command::new(env!("CARGO_BIN_EXE_toque"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap()
        .into()
}

/// What it prints when it ends well.
fn printed(folder: &Path, args: &[&str]) -> String {
    let told = toque(folder, args);
    assert_eq!(told.code, Some(0), "{args:?}: {}", told.err);
    told.out
}

/// That it ends with 2 and says all of this.
fn refused(folder: &Path, args: &[&str], said: &[&str]) {
    let told = toque(folder, args);
    assert_eq!(told.code, Some(2), "{args:?}: {}", told.err);
    for said in said {
        assert!(told.err.contains(said), "{args:?}: {said}\n{}", told.err);
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn cookbook(folder: &Path, version: &str, more: &str) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    write(
        &folder.join("cookbook.toml"),
        &format!("name = \"{name}\"\nversion = \"{version}\"\n{more}"),
    );
    write(&folder.join("recipes/default.rhai"), "");
}

/// A repository with folders beside it: one with shared cookbooks, and one with an archive.
fn repository() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let repository = path.join("repository");
    cookbook(&path.join("shared/common"), "1.2.0", "");
    cookbook(&path.join("shared/probe"), "0.3.1", "");
    let nginx = "description = \"A web server\"\nlicense = \"Apache-2.0\"\ntoque = \">= 0.1\"\n[platforms]\ndebian = \">= 11\"\n\
                 [dependencies]\ncommon = \"~> 1.0\"\n";
    cookbook(&path.join("packing/nginx"), "2.1.0", nginx);
    write(
        &path.join("packing/nginx/resources/vhost.rhai"),
        "property(\"port\");\naction(\"create\", || {});\n",
    );
    let packed = Command::new("tar")
        .args(["-czf", "nginx.tar.gz", "-C", "packing", "."])
        .current_dir(&path)
        .status();
    assert!(packed.unwrap().success());
    write(&repository.join("Cookfile.toml"), "# Ours\n[[source]]\npath = \"../shared\" # near\n");
    write(&repository.join("toque.toml"), &format!("cache_dir = {:?}\n", path.join("cache")));
    (folder, repository)
}

fn test_of(repository: &Path, name: &str) -> Told {
    let test = repository.join("cookbooks").join(name).join("tests/default.sh");
    assert_eq!(
        test.metadata().unwrap().permissions().mode() & 0o111,
        0o111 & test.parent().unwrap().metadata().unwrap().permissions().mode()
    );
    // From elsewhere, by the shell that has the least of its own.
    Command::new("sh")
        .arg(&test)
        .current_dir("/")
        .env("TOQUE", env!("CARGO_BIN_EXE_toque"))
        .output()
        .unwrap()
        .into()
}

#[test]
fn a_new_cookbook_works() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = toque(here, &["cookbook", "new", "my-app"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let made = [
        "cookbook.toml",
        "README.md",
        "attributes/default.rhai",
        "recipes/default.rhai",
        "templates/hello.txt.hbs",
        "tests/default.sh",
    ];
    assert_eq!(
        told.out.lines().collect::<Vec<_>>(),
        made.map(|file| format!("cookbooks/my-app/{file}"))
    );
    assert!(
        told.err.contains("begin with `my_app`")
            && told.err.contains("`cookbooks/my-app/tests/default.sh`"),
        "{}",
        told.err
    );
    let told = toque(here, &["check"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), "no mistakes found\n"));
    let told = test_of(here, "my-app");
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(
        told.out.contains("converged 2 resources: 2 changed") && told.out.contains("2 up to date"),
        "{}",
        told.out
    );

    // The comments of its cookbook.toml are examples that hold.
    let about = here.join("cookbooks/my-app/cookbook.toml");
    let text = fs::read_to_string(&about).unwrap();
    fs::write(&about, text.replace("# [", "[").replace("# debian", "debian")).unwrap();
    assert_eq!(toque(here, &["check"]).err, "no mistakes found\n");

    // Its test is one: it notices another text, and what is never done.
    let recipe = here.join("cookbooks/my-app/recipes/default.rhai");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text.replace("greeting: node.my_app.greeting", "greeting: \"Bye\""))
        .unwrap();
    assert_eq!(test_of(here, "my-app").code, Some(1));
    fs::write(&recipe, format!("{text}execute(\"true\");\n")).unwrap();
    assert_eq!(test_of(here, "my-app").code, Some(4));

    // A second one beside it, from below the repository; what is there is left.
    let below = here.join("cookbooks/my-app/recipes");
    assert!(
        printed(&below, &["cookbook", "new", "web"]).ends_with("/cookbooks/web/tests/default.sh\n")
    );
    refused(
        &below,
        &["cookbook", "new", "web"],
        &["is there already, and is left as it is", "choose another name"],
    );
    refused(
        here,
        &["cookbook", "new", "memory"],
        &["`memory` will not do", "what is known of the machine", "`memory_site`"],
    );
    let other = tempfile::tempdir().unwrap();
    printed(here, &["cookbook", "new", "web", "--repo", other.path().to_str().unwrap()]);
    assert!(other.path().join("cookbooks/web/recipes/default.rhai").is_file());
}

#[test]
fn added_and_removed() {
    let (_folder, repository) = repository();
    let text = || fs::read_to_string(repository.join("Cookfile.toml")).unwrap();
    let begin = "# Ours\n[[source]]\npath = \"../shared\" # near\n\n[cookbooks]\n";
    assert_eq!(
        printed(&repository, &["cookbook", "add", "probe", "--group", "test"]),
        "probe \"~> 0.3\" added (group test)\nprobe 0.3.1 new\n"
    );
    assert_eq!(
        printed(&repository, &["cookbook", "remove", "probe"]),
        "probe \"~> 0.3\" removed (group test)\nprobe 0.3.1 no longer needed\n"
    );
    assert_eq!(text(), "# Ours\n[[source]]\npath = \"../shared\" # near\n");

    assert_eq!(
        printed(&repository, &["cookbook", "add", "common", ">= 1.0"]),
        "common \">= 1.0\" added\ncommon 1.2.0 new\n"
    );
    assert_eq!(
        printed(&repository, &["cookbook", "add", "common"]),
        "common \">= 1.0\" -> \"~> 1.2\"\n"
    );
    // A path is named as it is seen from where one stands.
    fs::create_dir(repository.join("below")).unwrap();
    let told = printed(
        &repository.join("below"),
        &["cookbook", "add", "nginx", "--archive", "../../nginx.tar.gz"],
    );
    assert_eq!(told, "nginx { archive = \"../nginx.tar.gz\" } added\nnginx 2.1.0 new\n");
    assert_eq!(
        text(),
        format!("{begin}common = \"~> 1.2\"\nnginx = {{ archive = \"../nginx.tar.gz\" }}\n")
    );
    printed(&repository, &["cookbook", "install", "--locked", "--offline"]);

    // Somebody was killed between the two files: the next install mends it.
    let lock = repository.join("Cookfile.lock");
    let before = fs::read_to_string(&lock).unwrap();
    printed(&repository, &["cookbook", "add", "probe"]);
    fs::write(&lock, before).unwrap();
    assert_eq!(printed(&repository, &["cookbook", "install"]), "probe 0.3.1 new\n");
    printed(&repository, &["cookbook", "remove", "probe"]);

    let told = toque(&repository, &["cookbook", "remove", "common"]);
    assert_eq!(told.out, "common \"~> 1.2\" removed\n");
    assert!(
        told.err.contains("`common` 1.2.0 stays: it is needed by `nginx` (~> 1.0)"),
        "{}",
        told.err
    );
    // A pin whose folder is gone can be removed.
    cookbook(&repository.join("../tool"), "1.0.0", "");
    printed(&repository, &["cookbook", "add", "tool", "--path", "../tool"]);
    fs::remove_dir_all(repository.join("../tool")).unwrap();
    refused(&repository, &["cookbook", "install"], &["tool", "is no cookbook"]);
    printed(&repository, &["cookbook", "remove", "tool"]);

    let files = || (text(), fs::read_to_string(&lock).unwrap());
    let before = files();
    for (args, said) in [
        (
            &["add", "prob"][..],
            &[
                "there is no cookbook `prob`",
                "did you mean `probe`?",
                "nothing was changed in `Cookfile.toml`",
            ][..],
        ),
        (&["add", "probe", "=> 1"], &["`=> 1` is no version constraint"]),
        (
            &["add", "probe", "> 1"],
            &[
                "there is no version of cookbook `probe` that fits",
                "Cookfile.toml:7:1",
                "`probe` 0.3.1 would do",
            ],
        ),
        (&["add", "probe", "--archive", "no.tar.gz"], &["there is no archive"]),
        (
            &["add", "probe", "--git", "https://127.0.0.1:1/x", "--offline"],
            &["`--offline` forbids it"],
        ),
        (
            &["add", "probe", "--git", "x", "--rel", "../y"],
            &["`../y` is no folder inside the repository", "Cookfile.toml:7:9"],
        ),
        (&["add", "probe", "--tag", "v1"], &["--git"]),
        (&["add", "probe", "1.0", "--path", "x"], &["cannot be used with"]),
        (&["add", "probe>=1"], &["`probe>=1` is no name of a cookbook"]),
        (
            &["remove", "nginz"],
            &["`Cookfile.toml` does not ask for `nginz`", "did you mean `nginx`?"],
        ),
        (&["remove", "common"], &["`nginx` 2.1.0 needs it"]),
    ] {
        refused(&repository, &[&["cookbook"], args].concat(), said);
        assert_eq!(files(), before, "{args:?}");
    }
    // A mistake that is there already is told at its place, and nothing is written.
    fs::write(repository.join("Cookfile.toml"), "[cookbooks]\nweb = 2\n").unwrap();
    refused(
        &repository,
        &["cookbook", "add", "probe"],
        &["Cookfile.toml:2:7", "expected a version constraint"],
    );
    assert_eq!(text(), "[cookbooks]\nweb = 2\n");
}

#[test]
fn groups_that_are_left_out() {
    let (folder, repository) = repository();
    printed(
        &repository,
        &["cookbook", "add", "nginx", "--archive", "../nginx.tar.gz", "--group", "test"],
    );
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    // What is left out need not be here, and is not fetched for something else.
    assert_eq!(printed(&repository, &["cookbook", "verify", "--without", "test"]), "");
    fs::remove_file(folder.path().join("nginx.tar.gz")).unwrap();
    let settings = repository.join("toque.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}without_groups = [\"test\"]\n")).unwrap();
    assert_eq!(printed(&repository, &["cookbook", "verify"]), "");
    refused(
        &repository,
        &["cookbook", "verify", "--without", "tset"],
        &["there is no group `tset`", "did you mean `test`?"],
    );
    // A group of the settings may go.
    assert_eq!(
        printed(&repository, &["cookbook", "remove", "nginx"]),
        "nginx { archive = \"../nginx.tar.gz\" } removed (group test)\ncommon 1.2.0 no longer needed\nnginx 2.1.0 no longer needed\n"
    );
}

#[test]
fn without_a_cookfile() {
    let folder = tempfile::tempdir().unwrap();
    cookbook(&folder.path().join("tool"), "0.1.0", "");
    for command in [&["remove", "tool"][..], &["show", "tool"], &["verify"]] {
        refused(
            folder.path(),
            &[&["cookbook"], command].concat(),
            &["there is no `Cookfile.toml` here"],
        );
    }
    let told = toque(folder.path(), &["cookbook", "add", "tool", "--path", "tool"]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (Some(0), "tool { path = \"tool\" } added\ntool 0.1.0 new\n"),
        "{}",
        told.err
    );
    assert!(told.err.contains("Cookfile.toml` was made"), "{}", told.err);
}

#[test]
fn shown() {
    let (folder, repository) = repository();
    cookbook(&repository.join("cookbooks/web"), "1.0.0", "[dependencies]\nnginx = \"~> 2.0\"\n");
    printed(&repository, &["cookbook", "add", "nginx", "--archive", "../nginx.tar.gz"]);
    let told = printed(&repository, &["cookbook", "show", "nginx"]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[..4],
        ["nginx 2.1.0", "A web server", "license      Apache-2.0", "from         ../nginx.tar.gz"]
    );
    for line in [
        "toque        >= 0.1",
        "platforms    debian (>= 11)",
        "needs        common (~> 1.0)",
        "needed by    Cookfile.toml (>= 0.0.0), web (~> 2.0)",
        "recipes      default",
        "resources    nginx_vhost",
    ] {
        assert!(lines.contains(&line), "{line}\n{told}");
    }
    let data: Value = serde_json::from_str(&printed(
        &repository,
        &["cookbook", "show", "nginx", "--format", "json"],
    ))
    .unwrap();
    assert!(Path::new(data["folder"].as_str().unwrap()).join("cookbook.toml").is_file(), "{data}");
    assert_eq!(
        (&data["dependencies"]["common"], &data["needed_by"][1]["by"]),
        (&"~> 1.0".into(), &"web".into())
    );
    refused(
        &repository,
        &["cookbook", "show", "ngnix"],
        &["there is no cookbook `ngnix`", "did you mean `nginx`?"],
    );
    // What is not here is shown as far as the lockfile knows it.
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    let told = toque(&repository, &["cookbook", "show", "nginx"]);
    assert!(
        told.out.starts_with("nginx 2.1.0\nfrom         ../nginx.tar.gz\nrevision     "),
        "{}",
        told.out
    );
    assert!(
        told.err.contains("`nginx` is not on this machine: `toque cookbook install` fetches it"),
        "{}",
        told.err
    );
}

#[test]
fn verified() {
    let (folder, repository) = repository();
    refused(
        &repository,
        &["cookbook", "verify"],
        &["there is no `Cookfile.lock`", "toque cookbook install"],
    );
    printed(&repository, &["cookbook", "add", "nginx", "--archive", "../nginx.tar.gz"]);
    let verify = ["cookbook", "verify"];
    assert_eq!(
        printed(&repository, &verify),
        "common 1.2.0 in use where it lies, without a checksum\nnginx 2.1.0 as it was locked\n"
    );
    assert_eq!(
        printed(&repository, &["cookbook", "verify", "--all"]),
        "nginx 2.1.0 as it was fetched\n"
    );

    let data: Value = serde_json::from_str(&printed(
        &repository,
        &["cookbook", "show", "nginx", "--format", "json"],
    ))
    .unwrap();
    let root = PathBuf::from(data["folder"].as_str().unwrap());
    write(&root.join("recipes/evil.rhai"), "");
    let told = toque(&repository, &verify);
    assert!(
        told.code == Some(2)
            && told.out.contains("nginx 2.1.0 changed: its files have another checksum"),
        "{}",
        told.out
    );
    assert!(
        told.err.contains("`nginx` is not what `Cookfile.lock` says")
            && told.err.contains("toque cookbook install"),
        "{}",
        told.err
    );
    let told = toque(
        folder.path(),
        &["cookbook", "verify", "--all", "--format", "json", "--cache-dir", "cache"],
    );
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap()[0]["state"], "changed");
    assert_eq!(told.code, Some(2));
    assert!(root.join("recipes/evil.rhai").is_file(), "it only looks");
    printed(&repository, &["cookbook", "install"]);
    printed(&repository, &verify);

    // A lockfile that was edited by hand.
    let lock = repository.join("Cookfile.lock");
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, text.replace("2.1.0", "2.1.5")).unwrap();
    let told = toque(&repository, &verify);
    assert!(
        told.code == Some(2)
            && told.out.contains("nginx 2.1.5 changed: its cookbook.toml says version 2.1.0"),
        "{}",
        told.out
    );
    fs::write(
        &lock,
        text.replace("dependencies.common = \"~> 1.0\"", "dependencies.common = \"~> 1.2\""),
    )
    .unwrap();
    assert!(toque(&repository, &verify).out.contains("its cookbook.toml names other dependencies"));
    fs::write(&lock, &text).unwrap();

    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    let told = toque(&repository, &verify);
    assert!(
        told.code == Some(2) && told.out.ends_with("nginx 2.1.0 not on this machine\n"),
        "{}",
        told.out
    );
    assert_eq!(printed(&repository, &["cookbook", "verify", "--all"]), "");
    // A lockfile out of step is told, after what there is.
    cookbook(&folder.path().join("shared/common"), "1.3.0", "");
    let told = toque(&repository, &verify);
    assert!(
        told.code == Some(2)
            && told.out.contains("common 1.2.0 changed: its cookbook.toml says version 1.3.0"),
        "{}",
        told.out
    );
    assert!(told.err.contains("`Cookfile.lock` is out of step"), "{}", told.err);
}
