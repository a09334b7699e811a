//! `toque cookbook`, and runs of cookbooks from elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

fn toque(folder: &Path, args: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
    let output = command.current_dir(folder).args(args).env("http_proxy", "").output().unwrap();
    Told {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

fn cookbook(folder: &Path, version: &str, dependencies: &[(&str, &str)], recipe: &str) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    fs::create_dir_all(folder.join("recipes")).unwrap();
    let mut text = format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n");
    for (dependency, constraint) in dependencies {
        text += &format!("{dependency} = \"{constraint}\"\n");
    }
    fs::write(folder.join("cookbook.toml"), text).unwrap();
    fs::write(folder.join("recipes/default.rhai"), recipe).unwrap();
}

/// A repository with a cookbook `web` of its own, which needs `nginx` from an archive and `common`
/// from a folder.
fn repository() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    let out = folder.path().join("out").display().to_string();
    cookbook(
        &repository.join("cookbooks/web"),
        "1.0.0",
        &[("nginx", "~> 2.0"), ("common", ">= 1.0")],
        "include_recipe(\"nginx\");",
    );
    let nginx = format!("file(\"{out}\", #{{ content: \"nginx\\n\" }});");
    cookbook(&folder.path().join("packing/nginx"), "2.1.0", &[("common", ">= 0.5")], &nginx);
    cookbook(&folder.path().join("shared/common"), "1.2.0", &[], "");
    pack(&folder);
    let text = "[[source]]\npath = \"../shared\"\n[cookbooks]\nnginx = { archive = \"../nginx.tar.gz\" }\n";
    fs::write(repository.join("Cookfile.toml"), text).unwrap();
    fs::write(
        repository.join("toque.toml"),
        "cache_dir = \"../cache\"\nstate_dir = \"../state\"\n",
    )
    .unwrap();
    (folder, repository)
}

fn pack(folder: &TempDir) {
    let packed = Command::new("tar")
        .args(["-czf", "nginx.tar.gz", "-C", "packing", "."])
        .current_dir(folder.path())
        .status();
    assert!(packed.unwrap().success());
}

#[test]
fn from_install_to_converge() {
    let (folder, repository) = repository();
    let told = toque(&repository, &["converge", "web"]);
    assert_eq!(told.code, Some(2), "{}", told.err);
    assert!(told.err.contains("there is no `Cookfile.lock`"), "{}", told.err);
    assert!(told.err.contains("toque cookbook install"), "{}", told.err);

    let told = toque(&repository, &["cookbook", "install"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(told.out, "common 1.2.0 new\nnginx 2.1.0 new\nweb 1.0.0 new\n");
    assert!(
        told.err.ends_with("3 cookbooks are here; `Cookfile.lock` was written\n"),
        "{}",
        told.err
    );
    let told = toque(&repository, &["cookbook", "install", "--locked", "--offline"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), ""), "{}", told.err);

    assert_eq!(
        toque(&repository, &["cookbook", "list"]).out,
        "common 1.2.0 from ../shared/common\nnginx 2.1.0 from ../nginx.tar.gz\nweb 1.0.0 from cookbooks/web\n"
    );
    assert_eq!(
        toque(&repository, &["cookbook", "tree"]).out,
        "nginx 2.1.0\n  common 1.2.0 (>= 0.5)\nweb 1.0.0\n  common 1.2.0 (>= 1.0)\n  nginx 2.1.0 (~> 2.0), shown above\n"
    );
    assert_eq!(
        toque(&repository, &["cookbook", "why", "common"]).out,
        "Cookfile.toml -> nginx 2.1.0 needs common >= 0.5\ncookbooks/ -> web 1.0.0 needs common >= 1.0\n"
    );
    let told = toque(&repository, &["cookbook", "why", "comon"]);
    assert!(told.code == Some(2) && told.err.contains("did you mean `common`?"), "{}", told.err);

    for command in [
        &["check"][..],
        &["resource", "list"],
        &["definitions", "../definitions"],
        &["plan", "web"],
    ] {
        let told = toque(&repository, command);
        assert_eq!(told.code, Some(0), "{command:?}: {}", told.err);
    }
    // What is missing is fetched again.
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    let told = toque(&repository, &["converge", "web"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "nginx\n");
}

#[test]
fn a_lockfile_out_of_step_is_told() {
    let (folder, repository) = repository();
    assert_eq!(toque(&repository, &["cookbook", "install"]).code, Some(0));
    cookbook(&repository.join("cookbooks/web"), "1.1.0", &[("nginx", "~> 3.0")], "");
    let told = toque(&repository, &["plan", "web"]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("`Cookfile.lock` is out of step: `web` was changed"), "{}", told.err);

    let told = toque(&repository, &["cookbook", "install"]);
    assert_eq!(told.code, Some(2));
    for said in [
        "there is no version of cookbook `nginx` that fits",
        "`web` 1.1.0 needs `nginx` ~> 3.0",
        "`nginx` is there in version 2.1.0, from `../nginx.tar.gz`",
        "`nginx` 2.1.0 would do: let cookbooks/web/cookbook.toml:4 accept it",
    ] {
        assert!(told.err.contains(said), "{said}\n{}", told.err);
    }

    cookbook(&folder.path().join("packing/nginx"), "3.0.0", &[], "");
    pack(&folder);
    let told = toque(&repository, &["cookbook", "outdated"]);
    assert!(told.code == Some(2) && told.err.contains("out of step"), "{}", told.err);
    let told = toque(&repository, &["cookbook", "update", "nginx"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(
        told.out,
        "nginx 2.1.0 -> 3.0.0\nweb 1.0.0 -> 1.1.0\ncommon 1.2.0 no longer needed\n"
    );
    cookbook(&folder.path().join("packing/nginx"), "3.1.0", &[], "");
    pack(&folder);
    assert_eq!(
        toque(&repository, &["cookbook", "outdated"]).out,
        "nginx 3.0.0: `update` takes 3.1.0\n"
    );
}

#[test]
fn a_folder_without_a_cookfile() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cookbooks")).unwrap();
    let told = toque(folder.path(), &["cookbook", "install"]);
    assert!(
        told.code == Some(2) && told.err.contains("there is no `Cookfile.toml` here"),
        "{}",
        told.err
    );
}

#[test]
fn what_nobody_needs_is_cleared() {
    let (folder, repository) = repository();
    assert_eq!(toque(&repository, &["cookbook", "install"]).code, Some(0));
    cookbook(&folder.path().join("packing/nginx"), "2.2.0", &[], "");
    pack(&folder);
    assert_eq!(toque(&repository, &["cookbook", "update", "nginx"]).code, Some(0));
    let told = toque(&repository, &["cookbook", "gc", "--dry-run"]);
    assert!(
        told.out.starts_with("nginx 2.1.0, ")
            && told.err.contains(" would be freed; 1 cookbook kept for 1 lockfile"),
        "{}",
        told.err
    );
    let told = toque(&repository, &["cookbook", "gc"]);
    assert!(told.code == Some(0) && told.out.starts_with("nginx 2.1.0, "), "{}", told.err);
    assert_eq!(toque(&repository, &["cookbook", "gc"]).out, "");
    assert_eq!(toque(&repository, &["cookbook", "install", "--locked", "--offline"]).code, Some(0));
}

#[test]
fn groups_may_be_left_out() {
    let (folder, repository) = repository();
    let text = fs::read_to_string(repository.join("Cookfile.toml")).unwrap();
    fs::write(
        repository.join("Cookfile.toml"),
        format!("{text}[groups.test.cookbooks]\nprobe = \"~> 1.0\"\n"),
    )
    .unwrap();
    cookbook(&folder.path().join("shared/probe"), "1.0.0", &[], "");
    assert_eq!(toque(&repository, &["cookbook", "install"]).code, Some(0));
    assert_eq!(toque(&repository, &["plan", "probe"]).code, Some(0));
    let settings = fs::read_to_string(repository.join("toque.toml")).unwrap();
    fs::write(repository.join("toque.toml"), format!("without_groups = [\"test\"]\n{settings}"))
        .unwrap();
    let told = toque(&repository, &["plan", "probe"]);
    assert!(
        told.code == Some(2) && told.err.contains("there is no cookbook `probe`"),
        "{}",
        told.err
    );
    assert_eq!(toque(&repository, &["plan", "web"]).code, Some(0));
    let told = toque(&repository, &["cookbook", "install", "--without", "tset"]);
    assert!(told.code == Some(2) && told.err.contains("did you mean `test`?"), "{}", told.err);
}

#[test]
fn a_repository_cannot_have_secrets_sent() {
    let (_folder, repository) = repository();
    let settings = fs::read_to_string(repository.join("toque.toml")).unwrap();
    let credentials =
        "[credentials.\"https://example.com\"]\ntoken = { file = \"/etc/hostname\" }\n";
    fs::write(repository.join("toque.toml"), format!("{settings}{credentials}")).unwrap();
    let told = toque(&repository, &["cookbook", "install"]);
    assert!(
        told.code == Some(2) && told.err.contains("which a repository may not have"),
        "{}",
        told.err
    );
    assert!(
        told.err.contains("/etc/toque/toque.toml") || told.err.contains("toque/toque.toml"),
        "{}",
        told.err
    );
    fs::write(
        repository.join("toque.toml"),
        "[credentials.\"https://example.com\"]\ntoken = \"sesame\"\n",
    )
    .unwrap();
    let told = toque(&repository, &["cookbook", "install"]);
    assert!(
        told.code == Some(2) && told.err.contains("may not have") && !told.err.contains("sesame"),
        "{}",
        told.err
    );
}

#[test]
fn cookbooks_that_need_one_another_are_loaded() {
    let (folder, repository) = repository();
    let out = folder.path().join("out").display().to_string();
    let file = format!("file(\"{out}\", #{{ content: `${{node.of_web}} ${{node.of_common}}` }});");
    cookbook(
        &repository.join("cookbooks/web"),
        "1.0.0",
        &[("common", ">= 1.0")],
        &format!("include_recipe(\"common\");{file}"),
    );
    cookbook(&folder.path().join("shared/common"), "1.2.0", &[("web", "~> 1.0")], "");
    for (root, name) in
        [(repository.join("cookbooks/web"), "web"), (folder.path().join("shared/common"), "common")]
    {
        fs::create_dir(root.join("attributes")).unwrap();
        // What comes last wins: that of the cookbook that is come to first.
        let text = format!("default(\"of_{name}\", \"{name}\");\ndefault(\"last\", \"{name}\");\n");
        fs::write(root.join("attributes/default.rhai"), text).unwrap();
    }
    fs::write(repository.join("Cookfile.toml"), "[[source]]\npath = \"../shared\"\n").unwrap();
    let circle = "cookbooks depend on one another in a circle: `common` -> `web` -> `common`";
    let told = toque(&repository, &["cookbook", "install"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(told.err.matches(&format!("warning: {circle}")).count(), 1, "{}", told.err);
    let told = toque(&repository, &["check"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(told.err.matches(&format!("warning: {circle}")).count(), 1, "{}", told.err);
    let told = toque(&repository, &["converge", "web"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "web common");
    let told = toque(&repository, &["explain", "last", "web"]);
    assert!(
        told.code == Some(0) && told.out.contains("cookbooks/web/attributes"),
        "{}{}",
        told.out,
        told.err
    );
}
