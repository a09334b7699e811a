//! From a folder of packages to a registry, and from there into another repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::bench::{Server, machine};
use serde_json::{Value, json};
use tempfile::TempDir;
use toque_cookbooks::cache::Cache;
use toque_cookbooks::directory_checksum;
use toque_cookbooks::index::{Index, index};
use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::package::package;
use toque_cookbooks::package_contents::PackageContents;
use toque_cookbooks::repository::{Repository, Update};
use toque_core::diagnostic::Diagnostic;
use toque_machine::atomic_write::NewMode;
use toque_machine::system::HostSystem;

/// A folder for packages, and cookbooks to make them of.
struct Maker {
    folder: TempDir,
}

impl Maker {
    fn new() -> Self {
        let maker = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(maker.registry()).unwrap();
        maker
    }

    fn registry(&self) -> PathBuf {
        self.folder.path().join("registry")
    }

    fn universe(&self) -> Option<String> {
        fs::read_to_string(self.registry().join("universe")).ok()
    }

    /// A cookbook below `cookbooks/` of a repository that is not one.
    fn cookbook(&self, name: &str, version: &str, more: &str) -> PathBuf {
        let root = self.folder.path().join("repository/cookbooks").join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("recipes")).unwrap();
        fs::write(
            root.join("cookbook.toml"),
            format!("name = \"{name}\"\nversion = \"{version}\"\n{more}"),
        )
        .unwrap();
        fs::write(root.join("recipes/default.rhai"), format!("// {name} {version}\n")).unwrap();
        root
    }

    /// Packs a cookbook as a file of the registry.
    fn pack(&self, name: &str, version: &str, more: &str, file: &str) {
        let root = self.cookbook(name, version, more);
        let file = self.registry().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let content =
            PackageContents::of_cookbook(&self.folder.path().join("repository"), name, &root)
                .unwrap();
        package(&content, &file, NewMode::ByUmask).unwrap();
    }

    /// Packs files by `tar`.
    fn tar(&self, files: &[(&str, &str)], file: &str) {
        let packing = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = packing.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (file, packing) = (self.registry().join(file), packing.path());
        assert!(
            Command::new("tar")
                .arg("-czf")
                .arg(file)
                .arg("-C")
                .arg(packing)
                .arg(".")
                .status()
                .unwrap()
                .success()
        );
    }

    fn index(&self, url: Option<&str>) -> Result<Index, Diagnostic> {
        index(&HostSystem::new(), &self.registry(), url)
    }

    /// What is told of each archive; the list is as it was.
    fn refused(&self) -> Vec<String> {
        let before = self.universe();
        let told = self.index(None).expect_err("it is refused");
        assert_eq!(self.universe(), before);
        assert!(
            told.message.ends_with("cannot be published, and `universe` is as it was"),
            "{told}"
        );
        assert_eq!(told.hints.len(), 1);
        told.notes[0].lines().map(str::to_owned).collect()
    }

    /// Installs from a registry what is asked for; by name where each is.
    fn install(&self, url: &str, asked: &str) -> BTreeMap<String, PathBuf> {
        let user = self.folder.path().join("user");
        fs::create_dir_all(&user).unwrap();
        fs::write(
            user.join("Cookfile.toml"),
            format!("[[source]]\nurl = \"{url}\"\n[cookbooks]\n{asked}"),
        )
        .unwrap();
        let store = Cache::open(self.folder.path().join("store")).unwrap();
        let repository = Repository::read(&user).unwrap().unwrap();
        let how = InstallOptions { update: Update::Nothing, locked: false, without: Vec::new() };
        repository
            .install(&machine(&user, &store), &how)
            .unwrap_or_else(|told| panic!("{told:?}"))
            .roots
    }
}

const SAID: &str = "toque = \">= 0.1\"\n[dependencies]\ncommon = \"~> 1.2, != 1.3\"\n[platforms]\nubuntu = \">= 22.04\"\ndebian = \">= 11\"\n";

#[test]
fn from_packages_to_an_install() {
    let maker = Maker::new();
    maker.pack("web", "1.0.0", SAID, "web-1.0.0.tar.zst");
    maker.pack("web", "1.10.0-rc.1", SAID, "old/web.tar.gz");
    maker.pack("web", "1.9.0+5", SAID, "old/the web+5 100% #1 ü?.tar.zst");
    maker.pack("common", "1.2", "", "common.tar.zst");
    // What is no archive is nobody's business.
    fs::write(maker.registry().join("README.md"), "PK").unwrap();
    fs::write(maker.registry().join(".half-written.tar.zst"), "").unwrap();
    let found = maker.index(None).unwrap();
    let told: Vec<String> = found
        .releases
        .iter()
        .map(|one| format!("{} {} {}", one.name, one.version, one.path.display()))
        .collect();
    let odd = "old/the web+5 100% #1 ü?.tar.zst";
    let all = [
        "common 1.2.0 common.tar.zst",
        "web 1.0.0 web-1.0.0.tar.zst",
        &format!("web 1.9.0+5 {odd}"),
    ];
    assert_eq!(
        (&told[..3], told[3].as_str()),
        (&all.map(str::to_owned)[..], "web 1.10.0-rc.1 old/web.tar.gz")
    );
    assert!(found.changed);

    let text = maker.universe().unwrap();
    assert!(!maker.index(None).unwrap().changed, "twice is the same");
    assert_eq!(maker.universe().unwrap(), text);
    let universe: Value = serde_json::from_str(&text).unwrap();
    let location = "old/the%20web%2B5%20100%25%20%231%20%C3%BC%3F.tar.zst";
    let sha256 = Command::new("sha256sum").arg(maker.registry().join(odd)).output().unwrap().stdout;
    let wanted = json!({
        "location_type": "uri",
        "location_path": location,
        "download_url": location,
        "dependencies": { "common": "~> 1.2, != 1.3" },
        "sha256": String::from_utf8(sha256).unwrap().trim_start_matches('\\')[..64],
        "toque": ">= 0.1",
        "platforms": { "debian": ">= 11", "ubuntu": ">= 22.04" },
    });
    assert_eq!(universe["web"]["1.9.0+5"], wanted);
    let keys: Vec<&str> =
        universe["common"]["1.2.0"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["location_type", "location_path", "download_url", "dependencies", "sha256"]);

    // Installed, every one is what was packed, wherever the archives are.
    let web = directory_checksum::sha256(&maker.cookbook("web", "1.9.0+5", SAID)).unwrap();
    let server = Server::of_folder(&maker.registry());
    let roots = maker.install(&server.url, "web = \"~> 1.5\"\n");
    assert_eq!(directory_checksum::sha256(&roots["web"]).unwrap(), web);
    assert_eq!(roots.keys().collect::<Vec<_>>(), ["common", "web"]);

    let elsewhere = Server::of_folder(maker.folder.path()).url;
    assert!(maker.index(Some(&format!("{elsewhere}/registry/"))).unwrap().changed);
    assert!(maker.universe().unwrap().contains(&format!("{elsewhere}/registry/{location}")));
    for folder in ["store", "user"] {
        fs::remove_dir_all(maker.folder.path().join(folder)).unwrap();
    }
    assert_eq!(
        directory_checksum::sha256(&maker.install(&server.url, "web = \"~> 1.5\"\n")["web"])
            .unwrap(),
        web
    );
}

#[test]
fn every_package_is_installed_as_it_was() {
    let maker = Maker::new();
    let mut asked = String::new();
    let mut made = BTreeMap::new();
    for (number, file) in [
        "a.tar.gz",
        "b/c.tar.zst",
        "a b.tar.zst",
        "100%.tar.gz",
        "ü&é=;:@.tar.zst",
        "'\"<>.tar.zst",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("cookbook-{number}");
        maker.pack(&name, "1.0.0", "", file);
        made.insert(
            name.clone(),
            directory_checksum::sha256(
                &maker.folder.path().join("repository/cookbooks").join(&name),
            )
            .unwrap(),
        );
        asked += &format!("{name} = \"= 1.0.0\"\n");
    }
    maker.index(None).unwrap();
    let roots = maker.install(&Server::of_folder(&maker.registry()).url, &asked);
    assert_eq!(
        roots
            .iter()
            .map(|(name, root)| (name.clone(), directory_checksum::sha256(root).unwrap()))
            .collect::<BTreeMap<_, _>>(),
        made
    );
}

/// What the list says of engine and platforms, whoever installs reads.
#[test]
fn what_does_not_fit_is_not_chosen() {
    let maker = Maker::new();
    let all = [
        ("1.0.0", ""),
        ("1.1.0", "[platforms]\nfedora = \">= 40\"\n"),
        ("1.2.0", "toque = \">= 99\"\n"),
    ];
    for (version, more) in all {
        maker.pack("web", version, more, &format!("web-{version}.tar.zst"));
    }
    maker.index(None).unwrap();
    let server = Server::of_folder(&maker.registry());
    for (asked, chosen) in [("", "1.1.0"), ("[platforms]\ndebian = \"12\"\n", "1.0.0")] {
        let root = &maker.install(&server.url, &format!("web = \"~> 1.0\"\n{asked}"))["web"];
        let text = fs::read_to_string(root.join("recipes/default.rhai")).unwrap();
        assert_eq!(text, format!("// web {chosen}\n"));
        fs::remove_file(maker.folder.path().join("user/Cookfile.lock")).unwrap();
    }
}

#[test]
fn the_order_of_files_is_no_matter() {
    let texts = [false, true].map(|reverse| {
        let maker = Maker::new();
        let mut files = [("a", "1.0.0"), ("a", "1.1.0"), ("b", "2.0.0"), ("c", "3.0.0")];
        if reverse {
            files.reverse();
        }
        files.iter().for_each(|(name, version)| {
            maker.pack(name, version, SAID, &format!("{name}-{version}.tar.zst"));
        });
        maker.index(None).unwrap();
        maker.universe().unwrap()
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let maker = Maker::new();
    maker.pack("web", "1.0.0", "", "a/web.tar.zst");
    maker.index(None).unwrap();
    maker.pack("web", "1.0.0", "", "b/the same.tar.gz");
    assert!(!maker.index(None).unwrap().changed, "the same content twice is nothing new");

    maker.pack("web", "1.0", "[dependencies]\n", "c/other.tar.zst");
    maker.tar(&[("README", "")], "d-none.tgz");
    maker.tar(&[("nginx/metadata.rb", "name 'nginx'")], "e-ruby.tar.gz");
    maker.tar(&[("metadata.json", "{}")], "f-ruby.tar.gz");
    let toml = "name = \"x\"\nversion = \"1.0\"\n";
    maker.tar(&[("x/cookbook.toml", toml), ("y/cookbook.toml", toml)], "g-two.tar.gz");
    maker.tar(
        &[("cookbooks/x/cookbook.toml", toml), ("data_bags/a/b.json", "{}")],
        "h-repository.tar.gz",
    );
    maker.tar(&[("x/cookbook.toml", "name = \"x\"\nversion = \"one\"\n")], "i-mistake.tar.gz");
    maker.tar(&[("x/cookbook.toml", "name = \"x y\"\nversion = \"1.0\"\n")], "j-name.tar.gz");
    maker.tar(&[("docs/a", ""), ("z/cookbook.toml", toml)], "k-hidden.tar.gz");
    maker.tar(&[("x/cookbook.toml", toml), ("x/.git/config", "")], "l-git.tar.gz");
    let whole = fs::read(maker.registry().join("a/web.tar.zst")).unwrap();
    fs::write(maker.registry().join("m-half.tar.zst"), &whole[..whole.len() / 2]).unwrap();
    fs::write(maker.registry().join("n-empty.tar.gz"), "").unwrap();
    fs::write(maker.registry().join("o-page.tar.gz"), "<html>").unwrap();
    fs::write(maker.registry().join("p-other-name"), &whole[..whole.len() / 2]).unwrap();
    let told = maker.refused();
    let wanted = [
        "`c/other.tar.zst`: it has `web` 1.0.0, and so has `a/web.tar.zst`, with other content",
        "`d-none.tgz`: there is no cookbook in it: no cookbook.toml",
        "`e-ruby.tar.gz`: it is a Ruby cookbook for Chef, which toque cannot run",
        "`f-ruby.tar.gz`: it is a Ruby cookbook for Chef, which toque cannot run",
        "`g-two.tar.gz`: it has 2 cookbooks, and each must be in an archive of its own",
        "`h-repository.tar.gz`: it has a repository of 1 cookbook, and each must be in an archive of its own",
        "`i-mistake.tar.gz`: cookbook.toml:2:11: cannot read `cookbook.toml`: `one` is no version: write `x.y` or `x.y.z`",
        "`j-name.tar.gz`: cookbook.toml:1:8: `x y` is no name of a cookbook",
        "`k-hidden.tar.gz`: its cookbook `x` is not in a folder of that name, and there are other folders beside it",
        "`l-git.tar.gz`: it has a git repository, and not a cookbook alone",
    ];
    assert_eq!(told[..10], wanted);
    assert_eq!(told.len(), 14, "{told:#?}");
    assert!(told[10].starts_with("`m-half.tar.zst`: it is damaged or cut off"), "{}", told[10]);
    assert_eq!(
        told[11..13],
        [
            "`n-empty.tar.gz`: it is no archive: it is empty",
            "`o-page.tar.gz`: it is no archive but a web page"
        ]
    );
    assert!(told[13].starts_with("`p-other-name`: it is damaged or cut off"), "{}", told[13]);
}

#[test]
fn folders_and_urls_that_are_none() {
    let maker = Maker::new();
    assert!(
        maker
            .index(None)
            .expect_err("it is empty")
            .message
            .starts_with("there are no archives of cookbooks in `")
    );
    fs::remove_dir(maker.registry()).unwrap();
    assert!(maker.index(None).expect_err("it is not there").message.ends_with("it does not exist"));
    for (url, shown) in [
        ("files", "files"),
        ("ftp://x", "ftp://x"),
        ("https://x/?a", "https://x/"),
        ("https://x/#a", "https://x/"),
        ("https://x y", "https://x y"),
        ("https://me:word@x/y", "https://x/y"),
    ] {
        let told = maker.index(Some(url)).expect_err(url);
        assert_eq!(told.message, format!("`{shown}` is no URL below which archives can be found"));
    }
}
