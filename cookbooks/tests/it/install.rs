//! Installing from everything that a Cookfile can name: a registry on loopback, git, archives and
//! folders.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::bench::{Bench, cookbook, git, machine, packed, versions};
use serde_json::json;
use toque_cookbooks::cache::Cache;
use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_cookbooks::repository::{Repository, Update};

const REGISTRY: &str = "[[source]]\nurl = \"URL\"\n[cookbooks]\n";

#[test]
fn from_everywhere() {
    let bench = Bench::new(
        "[[source]]\npath = \"../shared\"\n[[source]]\nurl = \"URL\"\n[cookbooks]\nnginx = \"~> 2.0\"\n\
         redis = { git = \"HERE/redis\", tag = \"v1\", rel = \"cookbooks/redis\" }\nbase = { archive = \"HERE/base.tar.gz\" }\n\
         tool = { path = \"../tool\" }\n[groups.test.cookbooks]\nprobe = \">= 0.0.0\"\n",
    );
    bench.server.publish("nginx", "2.0.0", &[]);
    bench.server.publish("nginx", "2.1.0", &[("common", ">= 1.0"), ("nginx", ">= 2.0")]);
    bench.server.publish("nginx", "3.0.0", &[]);
    bench.server.publish("common", "9.0.0", &[]);
    bench.server.publish("probe", "0.3.0", &[]);
    bench.server.publish("web", "7.0.0", &[]);
    cookbook(&bench.path("shared/common"), "common", "1.2.0", &[]);
    cookbook(&bench.path("tool"), "tool", "0.1.0", &[("base", ">= 1.0")]);
    cookbook(&bench.path("repository/cookbooks/web"), "web", "1.0.0", &[("nginx", "< 2.2")]);
    cookbook(&bench.path("packing/base"), "base", "1.0.0", &[]);
    fs::write(bench.path("base.tar.gz"), packed(&bench.path("packing"))).unwrap();
    cookbook(&bench.path("redis/cookbooks/redis"), "redis", "1.4.0", &[]);
    git(&bench.path("redis"), &["init", "--quiet", "--initial-branch=trunk", "."]);
    git(&bench.path("redis"), &["add", "--all"]);
    git(&bench.path("redis"), &["commit", "--quiet", "-m", "one"]);
    git(&bench.path("redis"), &["tag", "v1"]);

    let installed = bench.install();
    // The folder has `common` first, and the repository its own `web`.
    let all = [
        "base 1.0.0",
        "common 1.2.0",
        "nginx 2.1.0",
        "probe 0.3.0",
        "redis 1.4.0",
        "tool 0.1.0",
        "web 1.0.0",
    ];
    assert_eq!(versions(&installed.after), all);
    let lock = bench.lock();
    assert!(
        lock.contains(&format!(
            "revision = \"{}\"",
            git(&bench.path("redis"), &["rev-parse", "HEAD"])
        )),
        "{lock}"
    );
    assert!(lock.contains("path = \"../shared/common\"\n"), "{lock}");
    bench.server.asked();

    // Again: no server is asked, and nothing changes.
    let again = bench.run(&Update::Nothing, true, true).unwrap();
    assert_eq!(versions(&again.before), versions(&again.after));
    assert_eq!((bench.server.asked(), bench.lock()), (Vec::new(), lock.clone()));

    // With an empty store the same is fetched again, also when there is something newer.
    fs::remove_dir_all(bench.path("store")).unwrap();
    bench.server.publish("nginx", "2.1.1", &[]);
    fs::write(bench.path("redis/cookbooks/redis/recipes/new.rhai"), "").unwrap();
    git(&bench.path("redis"), &["add", "--all"]);
    git(&bench.path("redis"), &["commit", "--quiet", "-m", "two"]);
    git(&bench.path("redis"), &["tag", "--force", "v1"]);
    let told = bench.run(&Update::Nothing, true, true).expect_err("the network is needed");
    assert!(told.message.contains("`--offline` forbids it"), "{told}");
    bench.run(&Update::Nothing, true, false).unwrap();
    assert_eq!(bench.lock(), lock);

    // And moved when that is asked for.
    let moved = bench.run(&Update::Everything, false, false).unwrap();
    assert_eq!(moved.after.cookbooks["nginx"].version.to_string(), "2.1.1");
    assert!(moved.roots["redis"].join("recipes/new.rhai").is_file());
}

#[test]
fn only_what_is_named_moves() {
    let bench = Bench::new(&format!("{REGISTRY}a = \">= 1.0\"\nb = \">= 1.0\"\n"));
    for (name, dependencies) in [("a", [("c", "~> 1.0")]), ("b", [("c", ">= 1.0")])] {
        bench.server.publish(name, "1.0.0", &dependencies);
    }
    bench.server.publish("c", "1.0.0", &[]);
    bench.install();
    bench.server.publish("a", "1.1.0", &[("c", ">= 1.1")]);
    bench.server.publish("b", "1.1.0", &[("c", ">= 1.0")]);
    bench.server.publish("c", "1.1.0", &[]);
    assert_eq!(versions(&bench.install().after), ["a 1.0.0", "b 1.0.0", "c 1.0.0"]);
    let moved = bench.run(&Update::Some(vec!["a".to_owned()]), false, false).unwrap();
    assert_eq!(versions(&moved.after), ["a 1.1.0", "b 1.0.0", "c 1.1.0"]);
    let told =
        bench.run(&Update::Some(vec!["aa".to_owned()]), false, false).expect_err("there is none");
    assert_eq!(told.hints, ["did you mean `a`?"]);
    // What is added leaves the others where they are.
    bench.cookfile(&format!("{REGISTRY}a = \">= 1.0\"\nb = \">= 1.0\"\nd = \">= 0.0.0\"\n"));
    bench.server.publish("c", "1.2.0", &[]);
    bench.server.publish("d", "0.1.0", &[("c", ">= 1.0")]);
    let told = bench.run(&Update::Nothing, true, false).expect_err("it would change");
    assert!(told.message.ends_with("it does not have `d`"), "{told}");
    assert_eq!(versions(&bench.install().after), ["a 1.1.0", "b 1.0.0", "c 1.1.0", "d 0.1.0"]);
    bench.cookfile(&format!("{REGISTRY}b = \">= 1.0\"\n"));
    assert_eq!(versions(&bench.install().after), ["b 1.0.0", "c 1.1.0"]);
}

#[test]
fn what_a_registry_may_not_do() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    let told = bench.refused();
    assert!(told.message.ends_with("/universe` answered 404"), "{told}");
    bench.server.put("/universe", b"<html>Welcome</html>".to_vec());
    let told = bench.refused();
    assert!(told.message.ends_with("/universe` did not answer with a list of cookbooks"), "{told}");
    assert!(told.notes[0].contains("<html>Welcome"), "{told:?}");

    bench.server.put("/universe", b"{}".to_vec());
    bench.server.publish("web", "1.0.0", &[]);
    let whole = bench.server.get("/files/web-1.0.0.tar.gz");
    bench.server.put("/files/web-1.0.0.tar.gz", whole[..whole.len() / 2].to_vec());
    assert!(bench.refused().message.contains("does not have the checksum that"));

    bench.server.publish_as("web", "1.0.0", &[], whole[..whole.len() / 2].to_vec());
    let told = bench.refused();
    assert!(
        told.message.starts_with("cannot unpack the archive of `web` 1.0.0 from `http"),
        "{told:?}"
    );

    let packing = tempfile::tempdir().unwrap();
    fs::create_dir(packing.path().join("web")).unwrap();
    fs::write(packing.path().join("web/metadata.rb"), "name 'web'").unwrap();
    bench.server.publish_as("web", "1.0.0", &[], packed(packing.path()));
    assert!(bench.refused().message.contains("is a Ruby cookbook for Chef"));

    cookbook(&packing.path().join("web"), "other", "1.0.0", &[]);
    bench.server.publish_as("web", "1.0.0", &[], packed(packing.path()));
    assert!(bench.refused().message.contains("calls itself `other`"));

    cookbook(&packing.path().join("web"), "web", "1.0.1", &[]);
    bench.server.publish_as("web", "1.0.0", &[], packed(packing.path()));
    assert!(bench.refused().message.ends_with("as `web` 1.0.0 calls itself 1.0.1"));

    cookbook(&packing.path().join("web"), "web", "1.0.0", &[("hidden", "= 1.0")]);
    bench.server.publish_as("web", "1.0.0", &[], packed(packing.path()));
    assert_eq!(
        bench.refused().message,
        "what was fetched does not go together: it does not have `hidden`"
    );

    let file = bench.path("secret.tar.gz");
    fs::write(&file, &whole).unwrap();
    let universe =
        json!({ "web": { "1.0.0": { "download_url": format!("file://{}", file.display()) } } });
    bench.server.put("/universe", serde_json::to_vec(&universe).unwrap());
    assert!(bench.refused().message.contains("is no URL that a registry may name"));
}

#[test]
fn a_version_that_is_published_twice() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    bench.install();
    fs::remove_dir_all(bench.path("store")).unwrap();
    let packing = tempfile::tempdir().unwrap();
    cookbook(&packing.path().join("web"), "web", "1.0.0", &[]);
    fs::write(packing.path().join("web/recipes/evil.rhai"), "").unwrap();
    bench.server.publish_as("web", "1.0.0", &[], packed(packing.path()));
    let told = bench.refused();
    assert_eq!(told.message, "`web` 1.0.0 is not what it was when it was locked");
    // The same when something else has to be chosen.
    bench.cookfile(&format!("{REGISTRY}web = \">= 1.0\"\nother = \">= 1.0\"\n"));
    bench.server.publish("other", "1.0.0", &[]);
    assert_eq!(bench.refused().message, told.message);
    // Until somebody says that it is meant.
    let update =
        |names: &[&str]| Update::Some(names.iter().map(|name| (*name).to_owned()).collect());
    let root =
        bench.run(&update(&["web"]), false, false).unwrap().roots["web"].join("recipes/evil.rhai");
    assert!(root.is_file());
    bench.install();
}

#[test]
fn a_link_in_a_git_repository_leads_nowhere() {
    let bench =
        Bench::new("[cookbooks]\nweb = { git = \"HERE/origin\", rel = \"cookbooks/web\" }\n");
    cookbook(&bench.path("mine/web"), "web", "1.0.0", &[]);
    fs::create_dir(bench.path("origin")).unwrap();
    git(&bench.path("origin"), &["init", "--quiet", "--initial-branch=trunk", "."]);
    std::os::unix::fs::symlink(bench.path("mine"), bench.path("origin/cookbooks")).unwrap();
    git(&bench.path("origin"), &["add", "--all"]);
    git(&bench.path("origin"), &["commit", "--quiet", "-m", "one"]);
    let told = bench.refused();
    assert!(told.message.contains("leads out of what"), "{told}");
    assert!(bench.path("mine/web/cookbook.toml").is_file());
}

#[test]
fn what_was_changed_in_the_store_is_fetched_again() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    bench.server.publish("web", "1.0.0", &[]);
    let recipe = bench.install().roots["web"].join("recipes/default.rhai");
    fs::write(&recipe, "execute(\"evil\");").unwrap();
    bench.install();
    assert_eq!(fs::read_to_string(recipe).unwrap(), "// web 1.0.0\n");
}

/// `git daemon` for the repositories in a folder, until it is dropped.
struct Daemon {
    child: std::process::Child,
    port: u16,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("git");
        command
            .args(["daemon", "--listen=127.0.0.1", "--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.display()))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stderr(std::process::Stdio::null());
        let daemon = Self { child: command.spawn().unwrap(), port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return daemon;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("git daemon does not answer");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The process that listens is a child of `git`, which hands the signal on.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[test]
fn many_at_once_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let origin = folder.path().join("origins").join(name);
        cookbook(&origin, name, "1.0.0", &[]);
        git(&origin, &["init", "--quiet", "--initial-branch=trunk", "."]);
        git(&origin, &["add", "--all"]);
        git(&origin, &["commit", "--quiet", "-m", "one"]);
    }
    let daemon = Daemon::start(&folder.path().join("origins"));
    let url = |name: &str| format!("git://127.0.0.1:{}/{name}", daemon.port);
    let cookfile = format!(
        "[cookbooks]\none = {{ git = {:?} }}\ntwo = {{ git = {:?} }}\n",
        url("one"),
        url("two")
    );
    let store = folder.path().join("store");
    let install = &|number: usize| {
        let repository = folder.path().join(format!("repository{number}"));
        fs::create_dir_all(&repository).unwrap();
        fs::write(repository.join("Cookfile.toml"), &cookfile).unwrap();
        let store = Cache::open(store.clone()).unwrap();
        let how = InstallOptions { update: Update::Everything, locked: false, without: Vec::new() };
        let installed = Repository::read(&repository)
            .unwrap()
            .unwrap()
            .install(&machine(&repository, &store), &how);
        (
            versions(&installed.unwrap().after),
            fs::read_to_string(repository.join("Cookfile.lock")).unwrap(),
        )
    };
    let first = install(0);
    assert_eq!(first.0, ["one 1.0.0", "two 1.0.0"]);
    fs::remove_dir_all(store.join("cookbooks")).unwrap();
    std::thread::scope(|scope| {
        let running: Vec<_> = (1..7).map(|number| scope.spawn(move || install(number))).collect();
        running.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), first));
    });
    assert_eq!(fs::read_dir(store.join("git")).unwrap().count(), 4, "two clones with their locks");
    assert_eq!(fs::read_dir(store.join("making")).unwrap().count(), 0);
}

#[test]
fn stale_reason() {
    let bench = Bench::new(&format!("{REGISTRY}nginx = \">= 1.0\"\n"));
    bench.server.publish("nginx", "1.0.0", &[]);
    bench.server.publish("nginx", "2.0.0", &[]);
    cookbook(&bench.path("repository/cookbooks/web"), "web", "1.0.0", &[("nginx", ">= 1.0")]);
    bench.install();
    let reason = || {
        let repository = Repository::read(&bench.path("repository")).unwrap().unwrap();
        repository
            .stale_reason(&Lockfile::read(&bench.path("repository")).unwrap().unwrap())
            .unwrap_or_default()
    };
    assert_eq!(reason(), "");
    bench.cookfile(&format!("{REGISTRY}nginx = \"< 2.0\"\n"));
    assert_eq!(reason(), "it has `nginx` 2.0.0, and Cookfile.toml asks for < 2.0");
    bench.cookfile("[cookbooks]\nnginx = \">= 1.0\"\n");
    assert_eq!(
        reason(),
        "the place that it has `nginx` from is not there any more, or has another version"
    );
    bench.cookfile(REGISTRY);
    assert_eq!(reason(), "");
    cookbook(&bench.path("repository/cookbooks/web"), "web", "1.0.1", &[]);
    assert_eq!(reason(), "`web` was changed: its version, its dependencies or where it lies");
    fs::remove_dir_all(bench.path("repository/cookbooks/web")).unwrap();
    assert_eq!(reason(), "nobody needs `nginx` any more");
    cookbook(&bench.path("repository/cookbooks/nginx"), "nginx", "2.0.0", &[]);
    assert_eq!(reason(), "`nginx` was changed: its version, its dependencies or where it lies");
}

#[test]
fn an_archive_that_became_another() {
    let bench = Bench::new("[cookbooks]\nweb = { archive = \"HERE/web.tar.gz\" }\n");
    cookbook(&bench.path("packing/web"), "web", "1.0.0", &[]);
    fs::write(bench.path("web.tar.gz"), packed(&bench.path("packing"))).unwrap();
    bench.install();
    fs::remove_dir_all(bench.path("store")).unwrap();
    cookbook(&bench.path("packing/web"), "web", "1.0.1", &[]);
    fs::write(bench.path("web.tar.gz"), packed(&bench.path("packing"))).unwrap();
    let told = bench.refused();
    assert!(told.message.ends_with("does not have the checksum that it should have"), "{told}");
    assert!(told.hints[0].ends_with("`toque cookbook update web`"), "{told:?}");
    bench.run(&Update::Some(vec!["web".to_owned()]), false, false).unwrap();
    assert!(bench.lock().contains("version = \"1.0.1\""));
}

#[test]
fn links_of_a_cookbook_stay_inside() {
    let bench = Bench::new("[cookbooks]\nweb = { git = \"HERE/web\" }\n");
    let web = bench.path("web");
    cookbook(&web, "web", "1.0.0", &[]);
    std::os::unix::fs::symlink("default.rhai", web.join("recipes/other.rhai")).unwrap();
    git(&web, &["init", "--quiet", "."]);
    git(&web, &["add", "--all"]);
    git(&web, &["commit", "--quiet", "-m", "one"]);
    bench.install();
    fs::write(bench.path("evil.rhai"), "").unwrap();
    for to in ["../../evil.rhai", bench.path("evil.rhai").to_str().unwrap()] {
        let _ = fs::remove_file(web.join("recipes/evil.rhai"));
        std::os::unix::fs::symlink(to, web.join("recipes/evil.rhai")).unwrap();
        git(&web, &["add", "--all"]);
        git(&web, &["commit", "--quiet", "-m", "two"]);
        let before = bench.lock();
        let told = bench.run(&Update::Everything, false, false).expect_err(to);
        assert!(
            told.message.starts_with("`recipes/evil.rhai` of `web` from ")
                && told.message.contains("outside"),
            "{told}"
        );
        assert_eq!(bench.lock(), before);
    }
}
