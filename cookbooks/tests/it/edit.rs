//! Adding to a Cookfile and removing from it: what is written, and that nothing is when it cannot
//! be had.

use std::fs;
use std::path::{Path, PathBuf};

use toque_cookbooks::cache::Cache;
use toque_cookbooks::edit::{self, Edited, Entry};
use toque_cookbooks::fetch::{FetchContext, FetchEvent};
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_core::diagnostic::Diagnostic;

use crate::bench;

/// A repository, and a registry on loopback that its Cookfile may name.
struct Bench(crate::bench::Bench);

impl Bench {
    /// `URL` stands for the registry.
    fn new(cookfile: &str) -> Self {
        let bench = crate::bench::Bench::new(cookfile);
        if cookfile.is_empty() {
            fs::remove_file(bench.path("repository/Cookfile.toml")).unwrap();
        }
        Self(bench)
    }

    fn publish(&mut self, name: &str, version: &str, dependencies: &[(&str, &str)]) {
        self.0.server.publish(name, version, dependencies);
    }

    fn repository(&self) -> PathBuf {
        self.0.path("repository")
    }

    fn machine<T>(
        &self,
        offline: bool,
        tell: &(dyn Fn(FetchEvent<'_>) + Sync),
        act: impl FnOnce(&FetchContext<'_>) -> T,
    ) -> T {
        let (repository, store) = (self.repository(), Cache::open(self.0.path("store")).unwrap());
        act(&FetchContext { offline, report: tell, ..bench::machine(&repository, &store) })
    }

    fn try_add(&self, name: &str, entry: Option<&Entry>) -> Result<Edited, Diagnostic> {
        self.machine(false, &|_| {}, |machine| edit::add(machine, name, None, entry, &[]))
    }

    /// What was said of it, as `before -> after`.
    fn add(&self, name: &str, entry: Option<&Entry>) -> String {
        let edited = self.try_add(name, entry).unwrap_or_else(|told| panic!("{told:?}"));
        let [change] = &edited.changes[..] else { panic!("{edited:?}") };
        let shown = [&change.before, &change.after]
            .map(|from| from.as_ref().map_or_else(|| "none".to_owned(), edit::shown));
        shown.join(" -> ")
    }

    fn remove(&self, names: &[&str], group: Option<&str>) -> Result<Edited, Diagnostic> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.machine(true, &|_| {}, |machine| edit::remove(machine, &names, group, &[]))
    }

    /// The text of both files.
    fn files(&self) -> [String; 2] {
        ["Cookfile.toml", "Cookfile.lock"]
            .map(|name| fs::read_to_string(self.repository().join(name)).unwrap_or_default())
    }

    fn locked(&self) -> Vec<String> {
        let lockfile = Lockfile::read(&self.repository()).unwrap().unwrap_or_default();
        lockfile
            .cookbooks
            .iter()
            .map(|(name, locked)| format!("{name} {}", locked.version))
            .collect()
    }
}

fn cookbook(folder: &Path, version: &str, dependencies: &[(&str, &str)]) {
    bench::cookbook(folder, folder.file_name().unwrap().to_str().unwrap(), version, dependencies);
}

const REGISTRY: &str = "[[source]]\nurl = \"URL\"\n";

#[test]
fn the_newest_that_goes_with_the_rest() {
    let mut bench = Bench::new(&format!("{REGISTRY}\n[cookbooks]\nweb = \"~> 1.0\" # ours\n"));
    bench.publish("web", "1.0.0", &[("common", "< 2")]);
    for version in ["1.0.0", "1.4.2", "2.0.0"] {
        bench.publish("common", version, &[]);
    }
    bench.publish("small", "0.3.1", &[]);
    bench.publish("small", "0.4.0-rc.1", &[]);
    bench.publish("young", "1.0.0-rc.1", &[]);
    bench.publish("young", "1.0.0-rc.2", &[]);
    assert_eq!(bench.add("common", None), "none -> \"~> 1.4\"");
    assert_eq!(bench.add("small", None), "none -> \"~> 0.3\"");
    assert_eq!(bench.add("young", None), "none -> \">= 1.0.0-rc.2\"");
    let text = "\n[cookbooks]\nweb = \"~> 1.0\" # ours\ncommon = \"~> 1.4\"\nsmall = \"~> 0.3\"\nyoung = \">= 1.0.0-rc.2\"\n";
    assert!(bench.files()[0].ends_with(text), "{}", bench.files()[0]);
    assert_eq!(bench.locked(), ["common 1.4.2", "small 0.3.1", "web 1.0.0", "young 1.0.0-rc.2"]);

    // What is locked stays where a constraint allows, and moves when only the name is given.
    bench.publish("small", "0.5.0", &[]);
    assert_eq!(bench.add("small", Some(&Entry::version(">= 0.3"))), "\"~> 0.3\" -> \">= 0.3\"");
    assert!(bench.locked().contains(&"small 0.3.1".to_owned()), "{:?}", bench.locked());
    assert_eq!(bench.add("small", None), "\">= 0.3\" -> \"~> 0.5\"");
    assert!(bench.locked().contains(&"small 0.5.0".to_owned()), "{:?}", bench.locked());
    // Another place.
    cookbook(&bench.0.path("small"), "9.0.0", &[]);
    let path = Entry(vec![("path", "../small".to_owned())]);
    assert_eq!(bench.add("small", Some(&path)), "\"~> 0.5\" -> { path = \"../small\" }");
    assert!(bench.locked().contains(&"small 9.0.0".to_owned()), "{:?}", bench.locked());
}

#[test]
fn a_file_is_made_where_there_is_none() {
    let bench = Bench::new("");
    cookbook(&bench.0.path("tool"), "0.1.0", &[]);
    assert_eq!(
        bench.add("tool", Some(&Entry(vec![("path", "../tool".to_owned())]))),
        "none -> { path = \"../tool\" }"
    );
    assert_eq!(bench.files()[0], "[cookbooks]\ntool = { path = \"../tool\" }\n");
    assert_eq!(bench.locked(), ["tool 0.1.0"]);
    assert_eq!(bench.remove(&["tool"], None).unwrap().changes.len(), 1);
    assert_eq!(bench.files()[0], "[cookbooks]\n");
    assert_eq!(bench.locked(), Vec::<String>::new());
}

#[test]
fn nothing_is_written_when_it_cannot_be_had() {
    let mut bench = Bench::new(&format!("{REGISTRY}\n[cookbooks]\nweb = \"~> 1.0\"\n"));
    bench.publish("web", "1.0.0", &[("common", "< 2")]);
    bench.publish("common", "1.0.0", &[]);
    bench.publish("common", "2.0.0", &[]);
    bench.add("web", Some(&Entry::version("~> 1.0")));
    let before = bench.files();
    let archive = Entry(vec![("archive", "missing.tar.gz".to_owned())]);
    for (name, entry, message, hint) in [
        ("commn", None, "there is no cookbook `commn`", "did you mean `common`?"),
        (
            "common",
            Some(Entry::version("~> 2.0")),
            "no version of cookbook `common` satisfies all",
            "would do",
        ),
        ("common", Some(Entry::version("=> 2")), "`=> 2` is no version constraint", ""),
        ("common", Some(archive), "missing.tar.gz", ""),
        ("common >= 2", None, "`common >= 2` is no name of a cookbook", "an argument of its own"),
    ] {
        let told = bench.try_add(name, entry.as_ref()).expect_err(message);
        assert!(
            told.message.contains(message)
                && (hint.is_empty() || told.hints.iter().any(|told| told.contains(hint))),
            "{told:?}"
        );
        assert_eq!(bench.files(), before, "{message}");
    }
    // A place in what would have been written is said to be none.
    let told =
        bench.try_add("common", Some(&Entry::version("~> 2.0"))).expect_err("it does not go");
    assert!(told.span.unwrap().source.text.contains("\ncommon = \"~> 2.0\"\n"));
    assert!(
        told.notes.iter().any(|note| note.contains("shown as it would have been")),
        "{:?}",
        told.notes
    );

    bench.0.server.clear();
    let told = bench.try_add("common", None).expect_err("the registry is down");
    assert!(told.message.ends_with("/universe` answered 404"), "{told}");
    assert_eq!(bench.files(), before);
}

#[test]
fn a_lockfile_that_cannot_be_written() {
    let mut bench = Bench::new(REGISTRY);
    bench.publish("web", "1.0.0", &[]);
    let before = bench.files();
    // Not even root replaces a folder that has something in it by a file.
    let hinder =
        |_: FetchEvent<'_>| fs::create_dir_all(bench.repository().join("Cookfile.lock/x")).unwrap();
    let told = bench
        .machine(false, &hinder, |machine| edit::add(machine, "web", None, None, &[]))
        .expect_err("there is no place for it");
    assert!(
        told.message.starts_with("cannot write") && told.message.contains("Cookfile.lock"),
        "{told}"
    );
    assert_eq!(bench.files(), before);
}

#[test]
fn what_somebody_else_writes_meanwhile_is_kept() {
    let mut bench = Bench::new(REGISTRY);
    bench.publish("web", "1.0.0", &[]);
    let theirs = format!("{}# mine\n", bench.files()[0]);
    let write =
        |_: FetchEvent<'_>| fs::write(bench.repository().join("Cookfile.toml"), &theirs).unwrap();
    let told = bench
        .machine(false, &write, |machine| edit::add(machine, "web", None, None, &[]))
        .expect_err("it was changed");
    assert!(told.message.contains("was changed by somebody else meanwhile"), "{told}");
    assert_eq!(bench.files(), [theirs.clone(), String::new()]);
}

#[test]
fn what_is_removed_leaves_the_rest() {
    let cookfile = "\n[cookbooks]\n# the site\nweb = \"~> 1.0\"\ncommon = \"~> 1.0\"\nextra = \">= 1\"\n\n[groups.test.cookbooks]\nextra = \"< 9\"\n";
    let mut bench = Bench::new(&format!("{REGISTRY}{cookfile}"));
    bench.publish("web", "1.0.0", &[("common", "< 2"), ("deep", ">= 1")]);
    for name in ["common", "deep", "extra"] {
        bench.publish(name, "1.0.0", &[]);
    }
    bench.add("web", Some(&Entry::version("~> 1.0")));
    let before = bench.files();
    for (names, group, message, hint) in [
        (&["common", "extr"][..], None, "does not ask for `extr`", "did you mean `extra`?"),
        (&["deep"], None, "does not ask for `deep`", "`web` 1.0.0 needs it: remove that"),
        (
            &["web"],
            Some("test"),
            "does not ask for `web` in the group `test`",
            "it is in no group: leave `--group` out",
        ),
        (&["nothing"], None, "does not ask for `nothing`", "`toque cookbook tree` shows"),
    ] {
        let told = bench.remove(names, group).expect_err(message);
        assert!(told.message.contains(message) && told.hints[0].contains(hint), "{told:?}");
        assert_eq!(bench.files(), before);
    }
    // No server is asked, and the versions stay.
    bench.publish("common", "1.9.0", &[]);
    let edited = bench.remove(&["common"], None).unwrap();
    assert_eq!(edited.after.needs("common").map(|(name, ..)| name).collect::<Vec<_>>(), ["web"]);
    assert_eq!(bench.locked(), ["common 1.0.0", "deep 1.0.0", "extra 1.0.0", "web 1.0.0"]);
    assert_eq!(bench.remove(&["extra"], Some("test")).unwrap().changes.len(), 1);
    assert!(
        bench.files()[0].ends_with("web = \"~> 1.0\"\nextra = \">= 1\"\n"),
        "{}",
        bench.files()[0]
    );
    assert_eq!(bench.remove(&["web", "web"], None).unwrap().changes.len(), 1);
    assert!(bench.files()[0].ends_with("[cookbooks]\nextra = \">= 1\"\n"), "{}", bench.files()[0]);
    assert_eq!(bench.locked(), ["extra 1.0.0"]);
}
