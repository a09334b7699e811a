use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A repository with `web`, which needs `nginx`, and with whatever else these files make it.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let web = "name = \"web\"\nversion = \"1.0.0\"\n[dependencies]\nnginx = \"~> 1.0\"\n";
    write(folder.path(), "cookbooks/web/cookbook.toml", web);
    write(
        folder.path(),
        "cookbooks/nginx/cookbook.toml",
        "name = \"nginx\"\nversion = \"1.0.0\"\n",
    );
    files.iter().for_each(|(name, text)| write(folder.path(), name, text));
    folder
}

fn roots(repository: &TempDir) -> BTreeMap<String, PathBuf> {
    ["nginx", "web"]
        .map(|name| (name.to_owned(), repository.path().join("cookbooks").join(name)))
        .into()
}

fn content(repository: &TempDir) -> Result<PackageContents, Diagnostic> {
    PackageContents::of_repository(repository.path(), &roots(repository))
}

fn names(content: &PackageContents) -> Vec<&str> {
    content.entries.iter().map(|entry| entry.name.as_str()).collect()
}

fn refused(repository: &TempDir) -> String {
    let told = content(repository).expect_err("it is refused");
    assert!(!told.hints.is_empty(), "{told:?}");
    told.message.replace(&repository.path().display().to_string(), "REPOSITORY")
}

#[test]
fn only_what_a_run_needs() {
    let repository = repository(&[
        ("Cookfile.toml", ""),
        ("Cookfile.lock", ""),
        ("README.md", ""),
        ("data_bags/users/anna.json", "{}"),
        ("roles/base.json", "{}"),
        ("nodes/one.json", "{}"),
        ("environments/test.json", "{}"),
        ("stack.json", "{}"),
        ("cookbooks/web/.git/config", ""),
        ("cookbooks/web/files/.svn/x", ""),
        ("cookbooks/web/files/.gitignore", ""),
        ("cookbooks/web/recipes/default.rhai~", ""),
        ("cookbooks/README.md", ""),
    ]);
    fs::create_dir(repository.path().join("cookbooks/web/templates")).unwrap();
    let content = content(&repository).unwrap();
    assert_eq!(
        names(&content),
        [
            "cookbooks/nginx/cookbook.toml",
            "cookbooks/web/cookbook.toml",
            "cookbooks/web/files/.gitignore",
            "data_bags/users/anna.json",
            "environments/test.json",
            "nodes/one.json",
            "roles/base.json",
        ]
    );
    assert_eq!(content.cookbooks, ["nginx", "web"]);
}

#[test]
fn what_is_nearer_says_what_is_left_out() {
    let files = [
        ("cookbooks/web/spec/a.rb", ""),
        ("cookbooks/web/docs/a.md", ""),
        ("cookbooks/web/a.md", ""),
        ("cookbooks/web/keep.md", ""),
        ("cookbooks/web/b~", ""),
        ("cookbooks/nginx/a.md", ""),
        ("data_bags/users/secret.json", ""),
        ("nodes/one.json", ""),
    ];
    let left = |of_repository: &str, of_web: &str| {
        let repository = repository(&files);
        write(repository.path(), ".toqueignore", of_repository);
        write(repository.path(), "cookbooks/web/.toqueignore", of_web);
        let content = content(&repository).unwrap();
        let names = names(&content);
        let out = files.iter().map(|(name, _)| *name).filter(|name| !names.contains(name));
        assert!(!names.iter().any(|name| name.contains("toqueignore")));
        out.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(left("", ""), ["cookbooks/web/b~"]);
    assert_eq!(left("!*~", ""), Vec::<String>::new());
    assert_eq!(left("", "!b~"), Vec::<String>::new());
    assert_eq!(left("*~\n", "!b~"), Vec::<String>::new());
    let markdown = [
        "cookbooks/web/docs/a.md",
        "cookbooks/web/a.md",
        "cookbooks/web/b~",
        "cookbooks/nginx/a.md",
    ];
    assert_eq!(left("*.md\n!keep.md", ""), markdown);
    assert_eq!(left("*.md", "!*.md"), ["cookbooks/web/b~", "cookbooks/nginx/a.md"]);
    assert_eq!(
        left("docs/\n/nodes/", "!docs/a.md\n/spec"),
        [files[0].0, files[1].0, files[4].0, files[7].0]
    );
    assert_eq!(left("/cookbooks/*/spec/\nsecret.json", ""), [files[0].0, files[4].0, files[6].0]);
}

#[test]
fn cookbooks_that_are_left_out() {
    let repository = repository(&[(".toqueignore", "/cookbooks/web/\n")]);
    assert_eq!(names(&content(&repository).unwrap()), ["cookbooks/nginx/cookbook.toml"]);
    // Who names it means it.
    let web =
        PackageContents::of_cookbook(repository.path(), "web", &roots(&repository)["web"]).unwrap();
    assert_eq!(names(&web), ["web/cookbook.toml"]);
    for (patterns, message) in [
        ("nginx", "`web` needs `nginx`, which `.toqueignore` leaves out"),
        ("*.toml", "`.toqueignore` leaves out the cookbook.toml of `nginx`"),
        ("cookbooks", "there is no cookbook to pack in `REPOSITORY`"),
        ("[", "`[` is no pattern: a class is not closed by `]`"),
    ] {
        write(repository.path(), ".toqueignore", patterns);
        assert_eq!(refused(&repository), message);
    }
    fs::remove_file(repository.path().join(".toqueignore")).unwrap();
    write(repository.path(), "cookbooks/web/.toqueignore", "a\n[\n");
    let told = content(&repository).expect_err("it is no pattern");
    assert_eq!(told.span.unwrap().to_string(), "cookbooks/web/.toqueignore:2:1");
}

#[test]
fn links_stay_inside() {
    for (to, refused_as) in [
        ("default/x", None),
        ("../recipes/default.rhai", None),
        ("../../nginx/cookbook.toml", Some("is a link that leads outside")),
        ("/etc/passwd", Some("is a link to an absolute path, which leads outside")),
        ("default/../../../x", Some("is a link with `..` in the middle, which may lead outside")),
    ] {
        let repository = repository(&[("cookbooks/web/files/default/x", "")]);
        symlink(to, repository.path().join("cookbooks/web/files/it")).unwrap();
        match refused_as {
            None => {
                let content = content(&repository).unwrap();
                let link = content
                    .entries
                    .iter()
                    .find(|entry| entry.name == "cookbooks/web/files/it")
                    .unwrap();
                assert_eq!(link.kind, EntryKind::Link { to: to.into() });
            }
            Some(why) => {
                assert_eq!(refused(&repository), format!("`cookbooks/web/files/it` {why}"));
            }
        }
        // What is left out leads nowhere.
        write(repository.path(), ".toqueignore", "it\n");
        assert!(content(&repository).is_ok());
    }
    let repository = repository(&[("data_bags/x", "")]);
    symlink("../cookbooks", repository.path().join("data_bags/it")).unwrap();
    assert_eq!(refused(&repository), "`data_bags/it` is a link that leads outside");
}

#[test]
fn folders_that_are_links() {
    let (repository, other) = (repository(&[]), repository(&[("data_bags/users/x.json", "")]));
    let linked = repository.path().join("cookbooks/web");
    fs::rename(&linked, repository.path().join("web")).unwrap();
    symlink("../web", &linked).unwrap();
    assert_eq!(
        names(&content(&repository).unwrap()),
        ["cookbooks/nginx/cookbook.toml", "cookbooks/web/cookbook.toml"]
    );
    fs::remove_file(&linked).unwrap();
    symlink(other.path().join("cookbooks/web"), &linked).unwrap();
    assert_eq!(
        refused(&repository),
        "`cookbooks/web` is a link that leads outside of the repository"
    );
    // But what a Cookfile names lies where it lies.
    let cookbooks =
        [("web".to_owned(), repository.path().join("..").join(other.path()).join("cookbooks/web"))]
            .into();
    assert_eq!(
        names(&PackageContents::of_repository(repository.path(), &cookbooks).unwrap()),
        ["cookbooks/web/cookbook.toml"]
    );
    fs::remove_file(&linked).unwrap();
    fs::rename(repository.path().join("web"), &linked).unwrap();
    symlink(other.path().join("data_bags"), repository.path().join("data_bags")).unwrap();
    assert_eq!(
        refused(&repository),
        "`REPOSITORY/data_bags` is a link that leads outside of the repository"
    );
}

#[test]
fn what_is_no_file() {
    let repository = repository(&[]);
    let pipe = repository.path().join("cookbooks/web/pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(refused(&repository), "`REPOSITORY/cookbooks/web/pipe` is no file, folder or link");
    fs::remove_file(pipe).unwrap();
    fs::write(repository.path().join("cookbooks/web").join(OsStr::from_bytes(b"caf\xe9")), "")
        .unwrap();
    assert!(
        content(&repository).expect_err("it is no text").message.ends_with("is not UTF-8 text")
    );
    write(repository.path(), ".toqueignore", "caf*\n");
    assert!(content(&repository).is_ok());
}
