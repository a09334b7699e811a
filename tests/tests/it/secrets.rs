//! `examples/accounts`: accounts from a searched, partly encrypted data bag, and no secret in
//! anything that is written.

use std::fmt::Write as _;

use toque_acceptance::{Host, Image};

use crate::it::toque::{REPOSITORY, example, faithful, host, toque};

/// What is in every secret that the test plants, and in nothing else.
const MARK: &str = "Zq7mARK";

/// The secret of the data bag; a hash; the lines of a key; a token that is masked by its value, and
/// one that is too short for that.
const SECRET: &str = "Zq7mARK secret of the bag";
const HASH: &str = "$6$Zq7mARK$W0dXQ1kPzqFjTj0t1wq3nG5b8mV7yR2sLhKcN9xE4uA6iO.pZ/DfTgBvSrMeQwYnHkJlXuCoViPaUsIzEtRy10";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nfirst/Zq7mARK/line\nsecond/Zq7mARK/line\n-----END OPENSSH PRIVATE KEY-----\n";
const TOKEN: &str = "Zq7mARK-\"quoted\"-token";
const SHORT: &str = "Zq7mARK";

const BAG: &str = "/srv/cookbooks/data_bags/users";

#[test]
fn secrets_of_a_searched_bag_reach_their_files_and_nothing_that_is_written() {
    let host = host(Image::Debian12);
    host.copy_in(example("accounts"), REPOSITORY);
    plant(&host);

    let mut written = String::new();
    let tell = |written: &mut String, words: &[&str]| {
        let output = host.run([&["env", "-C", REPOSITORY, "toque"], words].concat());
        let _ = write!(written, "{words:?}\n{}\n{}\n", output.stdout, output.stderr);
        output
    };
    for words in [
        &["check"][..],
        &["graph", "--format", "json"],
        &["graph", "--format", "dot"],
        &["explain", "accounts"],
        &["search", "users", "*:*"],
        &["search", "users", "*:*", "--format", "json"],
        &["data-bag", "show", "users", "alice"],
        &["plan", "--verbose"],
        &["plan", "--format", "json"],
    ] {
        let output = tell(&mut written, words);
        assert!(output.success(), "{output}");
    }

    // Everybody can list the processes: what they are started with is kept while toque runs.
    host.sh(
        "sed -i 's/command: \"umask 077;/command: \"sleep 1; umask 077;/' /srv/cookbooks/cookbooks/accounts/resources/account.rhai
         for tool in useradd usermod userdel chpasswd; do
             mv /usr/sbin/$tool /usr/sbin/$tool.real
             printf '#!/bin/sh\\necho \"$0 $*\" >> /root/arguments\\nexec \"$0.real\" \"$@\"\\n' > /usr/sbin/$tool
             chmod 755 /usr/sbin/$tool
         done",
    );
    let watch = host.spawn([
        "sh",
        "-c",
        "while :; do for each in /proc/[0-9]*; do tr '\\0' ' ' < $each/cmdline; echo; done; sleep 0.05; done >> /root/arguments 2>/dev/null",
    ]);
    let planned = toque(&host, &["plan", "--repo", REPOSITORY]).well();
    let first = toque(&host, &["converge", "--repo", REPOSITORY, "--verbose"]).well();
    faithful(&planned, &first);
    for account in ["alice", "bob"] {
        assert!(
            first.with("changed").contains(&format!("accounts_account[{account}]").as_str()),
            "{}",
            first.output
        );
    }
    let _ = write!(
        written,
        "{}\n{}\n{}\n",
        first.output.stdout,
        first.output.stderr,
        host.read("/tmp/report.json")
    );
    let second = toque(&host, &["converge", "--repo", REPOSITORY, "--verbose"]);
    let _ = write!(
        written,
        "{}\n{}\n{}\n",
        second.output.stdout,
        second.output.stderr,
        host.read("/tmp/report.json")
    );
    second.idle();
    drop(watch);

    // A file that differs has a diff, a token that is refused an error, and both are told.
    host.sh(
        "echo other > /home/alice/.ssh/id_ed25519; rm /home/alice/.netrc
         sed -i \"s/printf '/echo \\$TOKEN; echo \\$TOKEN >\\&2; exit 1; printf '/\" /srv/cookbooks/cookbooks/accounts/resources/account.rhai",
    );
    for words in [
        &["plan", "--verbose"][..],
        &["converge", "--verbose"],
        &["converge", "--format", "json"],
        &["runs", "list"],
        &["runs", "show"],
        &["runs", "owed"],
        &["plan", "--secret-file", "/etc/hostname"],
    ] {
        tell(&mut written, words);
    }
    assert!(
        written.contains("execute[log alice in to forge.example.com]")
            && written.contains("exited with 1"),
        "{written}"
    );
    assert!(!written.contains(MARK), "a secret was written: {}", around(&written));

    let arguments = host.read("/root/arguments");
    for seen in ["useradd", "chpasswd", "sleep 1; umask 077"] {
        assert!(arguments.contains(seen), "the arguments were not seen: {arguments}");
    }
    assert!(!arguments.contains(MARK), "a secret was an argument: {}", around(&arguments));

    // The whole machine: nothing holds a mark but what is meant to.
    let found = host.sh(&format!(
        "grep -rlZ --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -e {MARK} / 2>/dev/null | tr '\\0' '\\n' | sort"
    ));
    let meant = [
        "/etc/shadow",
        "/etc/shadow-",
        "/home/bob/.netrc",
        "/home/alice/.ssh/id_ed25519",
        "/srv/cookbooks/secret",
    ];
    let stray: Vec<&str> = found.lines().filter(|path| !meant.contains(path)).collect();
    assert!(stray.is_empty(), "{stray:?} hold secrets");
}

#[test]
fn the_accounts_are_as_the_bag_says() {
    let host = host(Image::Debian12);
    host.copy_in(example("accounts"), REPOSITORY);
    host.sh("useradd dave");
    toque(&host, &["converge", "--repo", REPOSITORY]).well();
    assert_eq!(
        host.sh("getent passwd alice bob"),
        "alice:x:4001:4001:Alice Archer:/home/alice:/bin/bash\nbob:x:4002:4002:Bob Baker:/home/bob:/bin/bash\n"
    );
    assert!(!host.run(["id", "carol"]).success() && !host.run(["id", "dave"]).success());
    assert!(host.sh("getent shadow alice").starts_with("alice:$6$toqueexample$"));
    assert!(host.read("/home/alice/.ssh/authorized_keys").contains("alice@desk\n"));
    assert_eq!(
        host.sh("stat -c '%U %a' /home/alice/.ssh/id_ed25519 /home/bob/.netrc"),
        "alice 600\nbob 600\n"
    );
    assert_eq!(
        host.read("/home/alice/.netrc"),
        "machine forge.example.com login alice password forge-token-of-alice\n"
    );
    toque(&host, &["converge", "--repo", REPOSITORY]).idle();

    // Others are asked for by an attribute.
    host.write("/root/db.json", r#"{ "accounts": { "query": "groups:db" } }"#);
    let run = toque(&host, &["converge", "--repo", REPOSITORY, "-j", "/root/db.json"]).well();
    assert!(run.with("changed").contains(&"accounts_account[carol]"), "{}", run.output);
    assert!(host.run(["id", "carol"]).success());
}

/// Gives the example a secret and values of its own.
fn plant(host: &Host) {
    host.write(format!("{REPOSITORY}/secret"), SECRET);
    let alice = serde_json::json!({
        "id": "alice", "name": "Alice", "uid": 4001, "groups": ["web"], "ssh_keys": [],
        "password": HASH, "private_key": KEY, "token": TOKEN,
    });
    let bob = serde_json::json!({
        "id": "bob", "name": "Bob", "uid": 4002, "groups": ["web"], "ssh_keys": [], "password": HASH, "token": SHORT,
    });
    for item in [alice, bob] {
        let id = item["id"].as_str().expect("an item has an id");
        host.write(format!("{BAG}/{id}.json"), item.to_string());
        let mut words = vec!["toque", "data-bag", "encrypt", "users", id, "--repo", REPOSITORY];
        for key in ["password", "private_key", "token"] {
            if item.get(key).is_some() {
                words.extend(["--key", key]);
            }
        }
        host.ok(words);
    }
    let bag = host.sh(&format!("cat {BAG}/*.json"));
    assert!(!bag.contains(MARK) && bag.contains("aes-256-gcm"), "{bag}");
}

/// The text before and after the mark.
fn around(text: &str) -> String {
    let at = text.find(MARK).unwrap_or_default();
    let letters: Vec<char> = text.chars().collect();
    let at = text[..at].chars().count();
    letters[at.saturating_sub(300)..(at + 300).min(letters.len())].iter().collect()
}
