//! Folders that other users own. Their owner plants links and second names in them, or swaps them
//! during the run: nothing outside the folder is written, removed or read.

mod cells;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use toque_acceptance::{Host, Image};
use toque_contract::reference;

use crate::it::hostile::cells::{CELLS, Cell, LEFT_OUT, PARENT, PATHS_LEFT_OUT};
use crate::it::toque::{REPOSITORY, example, host, put};

/// What the files have in them that nobody but root may read.
const MARK: &str = "Zq7sENTINEL";

const OUTSIDE: &str = "/outside";

/// Owners of the attacked folder: the declared owner of what is made there, and another.
const OWNERS: [(&str, u32); 2] = [("app", 3001), ("mallory", 3002)];

const PLANTED: [&str; 4] = ["none", "parent-link", "last-link", "hard-link"];

/// Returns how often each owner tries a swap: a few times, or `TOQUE_TEST_SWAPS`.
fn most_swaps() -> usize {
    env::var("TOQUE_TEST_SWAPS").map_or(10, |tries| tries.parse().expect("tries are counted"))
}

#[test]
fn every_kind_with_a_path_is_attacked() {
    let registry = toque_resources::standard();
    let mut wrong = Vec::new();
    for (name, kind) in &registry.kinds {
        let attacked: BTreeSet<&str> = CELLS
            .iter()
            .filter(|cell| cell.kind == &**name)
            .flat_map(|cell| cell.properties.iter().copied())
            .collect();
        let reason = LEFT_OUT.iter().find(|(kind, _)| *kind == &**name);
        if attacked.is_empty() == reason.is_none() {
            wrong.push(format!("`{name}` needs cells, or else a reason"));
        }
        for property in reference::properties(kind).iter().filter(|_| !attacked.is_empty()) {
            let reason = PATHS_LEFT_OUT.iter().any(|(of, names, _)| {
                [&**name, "*"].contains(of) && names.contains(&property.name)
            });
            if speaks_of_a_path(property) && !attacked.contains(property.name) && !reason {
                wrong.push(format!(
                    "`{}` of `{name}` needs a cell, or a reason: {}",
                    property.name, property.doc
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a property may hold a path, by its type and its description.
fn speaks_of_a_path(property: &reference::Property<'_>) -> bool {
    let of_text = ["string", "map"].iter().any(|word| property.kind.contains(word))
        && property.kind != "int or string";
    let words = ["path", "paths", "folder", "folders", "directory", "directories"];
    let mut letters = property.doc.split(|letter: char| !letter.is_alphabetic());
    of_text && letters.any(|word| words.contains(&word.to_lowercase().as_str()))
}

#[test]
fn planted_links_and_second_names_lead_nowhere() {
    let host = equipped();
    let mut results = Results::default();
    for cell in &CELLS {
        for how in PLANTED {
            for owner in OWNERS {
                results.add(&host, cell, how, owner, 1);
            }
        }
    }
    results.end();
}

#[test]
fn a_parent_that_is_swapped_during_a_run_leads_nowhere() {
    swapped("parent-swap");
}

#[test]
fn a_last_part_that_is_swapped_during_a_run_leads_nowhere() {
    swapped("last-swap");
}

fn swapped(how: &str) {
    let host = equipped();
    let mut results = Results::default();
    for cell in &CELLS {
        for owner in OWNERS {
            results.add(&host, cell, how, owner, most_swaps());
        }
    }
    results.end();
}

/// The examples of those who found the fault.
#[test]
fn a_service_user_does_not_become_root() {
    let host = equipped();
    let mut results = Results::default();
    let local = Cell {
        kind: "directory",
        properties: &[],
        parent: PARENT,
        name: "bin",
        recipe: r#"directory("/srv/app/a/bin", #{ recursive: true, owner: "app" });"#,
    };
    host.sh(
        "mkdir -p /opt/local/bin; echo true > /opt/local/bin/tool; chmod 755 /opt/local/bin/tool",
    );
    for how in ["parent-link", "last-link", "parent-swap", "last-swap"] {
        results.at(&host, &local, how, OWNERS[0], most_swaps(), "/opt/local");
    }

    host.copy_in(example("accounts"), "/srv/accounts");
    host.sh("mkdir -p -m 700 /root/.ssh; echo 'ssh-ed25519 Zq7sENTINEL root' > /root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys");
    host.sh("toque converge --repo /srv/accounts");
    // The key changes each time, so that there is something to write.
    host.write(
        "/root/setup-alice",
        "rm -rf /home/alice/.ssh* /var/lib/toque; mkdir -m 700 /home/alice/.ssh
         echo old > /home/alice/.ssh/authorized_keys; chown -R alice:alice /home/alice/.ssh",
    );
    let alice = host.sh("id -u alice").trim().parse().expect("users have numbers");
    for (how, tries) in
        [("parent-link", 1), ("parent-swap", most_swaps()), ("last-swap", most_swaps())]
    {
        let attack = Attack {
            what: "examples/accounts",
            how,
            tries,
            uid: alice,
            parent: "/home/alice/.ssh",
            name: "authorized_keys",
            outside: "/root/.ssh",
            setup: "/root/setup-alice",
            run: &["toque", "converge", "--repo", "/srv/accounts"],
        };
        results.attack(&host, &attack);
    }
    results.end();
}

/// A host with the users, the repository of all recipes, and what the kinds need.
fn equipped() -> Host {
    let host = host(Image::Debian12);
    host.copy_in(env!("CARGO_BIN_EXE_attack"), "/usr/local/libexec/attack");
    host.sh(
        "apt-get -q -y install git > /dev/null; useradd -u 3001 -M app; useradd -u 3002 -M mallory",
    );
    host.sh("git config --system init.defaultBranch main; git config --system user.name Ann; git config --system user.email ann@example.com");
    for (number, cell) in CELLS.iter().enumerate() {
        put(&host, &format!("recipes/cell{number}.rhai"), cell.recipe);
    }
    put(&host, "files/new", "new\n");
    put(&host, "files/tree/secret", "new\n");
    put(&host, "files/tree/sub/more", "new\n");
    put(&host, "templates/new.hbs", "new\n");
    host.sh("mkdir -p /srv/source/tree; cd /srv/source; echo new > file; echo new > tree/secret; tar cf tree.tar -C tree .
        git init -q repo; cd repo; echo new > secret; git add .; git commit -q -m one; git tag v1");
    // The same names inside and outside.
    for (folder, content) in [("inside", "inside"), ("outside", MARK)] {
        host.sh(&format!(
            "mkdir /usr/local/share/{folder}; cd /usr/local/share/{folder}; {}",
            tree(content)
        ));
    }
    host.sh("find /usr/local/share/outside -type f -exec chmod 600 {} +");
    for (owner, _) in OWNERS {
        let script = format!(
            "rm -rf {OUTSIDE} /srv/app /srv/site /srv/public /var/lib/toque; cp -a /usr/local/share/outside {OUTSIDE}
             mkdir /srv/app /srv/site /srv/public
             cp -a /usr/local/share/inside /srv/app/a; cp -a /usr/local/share/inside /srv/site/shared
             chown -R {owner}:{owner} /srv/app /srv/site/shared
             userdel walker 2> /dev/null || true"
        );
        host.write(format!("/root/setup-{owner}"), script);
    }
    host
}

/// A script that fills a folder with one of each sort.
fn tree(content: &str) -> String {
    format!(
        "echo {content} > secret; mkdir -p dir/sub home; echo {content} > dir/secret; echo {content} > dir/sub/secret; echo {content} > home/secret
         tar cf pack.tar dir; git init -q --template= repo; (cd repo; echo {content} > secret; git add .; git commit -q -m one; git tag v1); printf '{content}' > source"
    )
}

/// One attack, made several times.
struct Attack<'a> {
    /// In words.
    what: &'a str,
    how: &'a str,
    tries: usize,
    uid: u32,
    parent: &'a str,
    name: &'a str,
    outside: &'a str,
    setup: &'a str,
    run: &'a [&'a str],
}

/// How the attacks went.
#[derive(Default)]
struct Results {
    faults: String,
    well: usize,
    refused: usize,
}

impl Results {
    fn add(&mut self, host: &Host, cell: &Cell, how: &str, owner: (&str, u32), tries: usize) {
        self.at(host, cell, how, owner, tries, OUTSIDE);
    }

    /// Attacks a cell of the matrix.
    fn at(
        &mut self,
        host: &Host,
        cell: &Cell,
        how: &str,
        (owner, uid): (&str, u32),
        tries: usize,
        outside: &str,
    ) {
        let number = CELLS.iter().position(|each| std::ptr::eq(each, cell));
        let recipe = number.map_or_else(|| "extra".to_owned(), |number| format!("cell{number}"));
        if number.is_none() {
            put(host, "recipes/extra.rhai", cell.recipe);
        }
        let what = format!("{} in a folder of {owner}", cell.recipe);
        let attack = Attack {
            what: &what,
            how,
            tries,
            uid,
            parent: cell.parent,
            name: cell.name,
            outside,
            setup: &format!("/root/setup-{owner}"),
            run: &[
                "toque",
                "converge",
                "--verbose",
                "--repo",
                REPOSITORY,
                &format!("probe::{recipe}"),
            ],
        };
        let (well, _) = self.attack(host, &attack);
        let own = owner == OWNERS[0].0 && cell.parent == PARENT;
        if how == "none" && own && well == 0 && !["deploy", "user"].contains(&cell.kind) {
            let _ = writeln!(self.faults, "none: {what}\nit does not even work without an attack");
        }
    }

    /// Returns how many runs did their work, and how many were refused.
    fn attack(&mut self, host: &Host, attack: &Attack) -> (usize, usize) {
        let tries = if attack.how.ends_with("swap") { attack.tries } else { 1 };
        let (tries, uid) = (tries.to_string(), attack.uid.to_string());
        let words = [
            "/usr/local/libexec/attack",
            attack.how,
            &tries,
            &uid,
            attack.parent,
            attack.name,
            attack.outside,
            MARK,
            attack.setup,
        ];
        let words = [&words[..], attack.run].concat();
        let output = host.command(words).within(Duration::from_secs(1800)).run();
        let ended = output.stdout.lines().last().unwrap_or_default();
        let numbers: Vec<usize> =
            ended.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let [well, refused] = numbers[..] else { panic!("the attack broke off: {output}") };
        self.well += well;
        self.refused += refused;
        if output.code() != Some(0) {
            let _ = writeln!(self.faults, "{}: {}\n{output}", attack.how, attack.what);
        }
        (well, refused)
    }

    fn end(self) {
        // Written past the test harness, which shows what is printed only when a test fails.
        let told = format!("{} runs did their work inside, {} refused\n", self.well, self.refused);
        std::io::stderr().write_all(told.as_bytes()).expect("there is a standard error");
        assert!(self.faults.is_empty(), "{}", self.faults);
        assert!(self.well > 0 && self.refused > 0);
    }
}
