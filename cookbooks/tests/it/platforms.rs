//! What is installed is for the engine and the platforms that a Cookfile names.

use std::fs;
use std::path::Path;
use std::process::Command;

use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::FetchContext;
use toque_cookbooks::install::{InstallOptions, Installed};
use toque_cookbooks::repository::{Repository, Update};
use toque_core::diagnostic::Diagnostic;

use crate::bench;

fn cookbook(folder: &Path, rest: &str) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(
        folder.join("cookbook.toml"),
        format!("name = \"{name}\"\nversion = \"1.0.0\"\n{rest}"),
    )
    .unwrap();
}

fn install(path: &Path, locked: bool) -> Result<Installed, Diagnostic> {
    let store = Cache::open(path.join("store"))?;
    let machine = FetchContext { offline: true, ..bench::machine(path, &store) };
    let how = InstallOptions { update: Update::Nothing, locked, without: Vec::new() };
    Repository::read(path)?.unwrap().install(&machine, &how)
}

#[test]
fn what_is_in_use_must_fit_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    cookbook(
        &path.join("cookbooks/web"),
        "[dependencies]\nnginx = \">= 1.0\"\npinned = \">= 1.0\"\n",
    );
    cookbook(
        &path.join("shared/nginx"),
        "toque = \">= 0.1\"\n[platforms]\ndebian = \">= 12\"\nubuntu = \">= 20.04\"\n",
    );
    cookbook(&path.join("packing/pinned"), "[platforms]\ndebian = \">= 11\"\n");
    let packed = Command::new("tar")
        .args(["-czf", "pinned.tar.gz", "-C", "packing", "."])
        .current_dir(path)
        .status();
    assert!(packed.unwrap().success());
    let cookfile =
        "[[source]]\npath = \"shared\"\n[cookbooks]\npinned = { archive = \"pinned.tar.gz\" }\n";
    let with = |platforms: &str| {
        fs::write(path.join("Cookfile.toml"), format!("{cookfile}[platforms]\n{platforms}"))
            .unwrap();
    };
    with("");
    install(path, false).unwrap();
    with("debian = \"12\"\n");
    install(path, true).unwrap();
    let before = fs::read_to_string(path.join("Cookfile.lock")).unwrap();

    with("debian = [\"11\", \"12\"]\n");
    let told = install(path, true).expect_err("nginx is not for debian 11");
    assert_eq!(
        told.message,
        "`Cookfile.lock` would change, and `--locked` forbids it: `nginx` 1.0.0 does not support debian 11"
    );
    let told = install(path, false).expect_err("nginx is not for debian 11");
    assert_eq!(told.message, "there is no version of cookbook `nginx` that fits");
    assert!(told.notes[0].contains("`nginx` 1.0.0 does not support debian 11 ("), "{told:?}");
    assert!(
        told.hints.iter().any(|hint| hint.starts_with("leave debian 11 out of `[platforms]`")),
        "{told:?}"
    );

    with("ubuntu = \"24.04\"\n");
    let told = install(path, false).expect_err("what is pinned is not for ubuntu");
    assert!(told.notes[0].contains("`pinned` 1.0.0 does not support ubuntu 24.04"), "{told:?}");

    with("debian = \"12\"\n");
    cookbook(
        &path.join("cookbooks/web"),
        "toque = \">= 99\"\n[dependencies]\nnginx = \">= 1.0\"\npinned = \">= 1.0\"\n",
    );
    let told = install(path, false).expect_err("web needs another engine");
    assert!(told.notes[0].contains("`web` 1.0.0 needs toque >= 99, and this is "), "{told:?}");
    assert!(told.hints.contains(&"a newer version of toque would help".to_owned()), "{told:?}");
    assert_eq!(fs::read_to_string(path.join("Cookfile.lock")).unwrap(), before);
}
