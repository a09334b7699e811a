//! Nobody but root, the own user and those whom the machine's settings name decides what runs.
//! Only root can give files to others: without it, most of this has nothing to test.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const STRANGER: u32 = 12345;

/// A folder with a repository, documents, state and cache that are in order.
struct Place(TempDir);

const FILES: [(&str, &str); 14] = [
    ("repo/toque.toml", "node_name = \"one\"\n"),
    ("repo/Cookfile.toml", "[cookbooks]\nshared = { path = \"../shared\" }\n"),
    ("repo/cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n"),
    ("repo/cookbooks/web/recipes/default.rhai", "log_info(node.ran);\n"),
    ("repo/cookbooks/web/attributes/default.rhai", "default(\"web.port\", 80);\n"),
    ("repo/cookbooks/web/templates/page.hbs", "x\n"),
    ("repo/roles/front.json", "{ \"run_list\": [\"web\"] }\n"),
    ("repo/environments/live.json", "{ \"name\": \"live\" }\n"),
    ("repo/nodes/one.json", "{ \"run_list\": [\"web\"] }\n"),
    ("repo/data_bags/users/ann.json", "{ \"id\": \"ann\" }\n"),
    ("shared/cookbook.toml", "name = \"shared\"\nversion = \"1.0.0\"\n"),
    ("shared/recipes/default.rhai", ""),
    ("alone.rhai", "log_info(\"alone\");\n"),
    ("attributes.json", "{}\n"),
];

const PROGRAM: &str = "repo/cookbooks/web/facts/ran";

impl Place {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let place = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).unwrap();
        for (path, text) in FILES {
            place.write(path, text);
        }
        let mark = place.at("mark");
        place.write(PROGRAM, &format!("#!/bin/sh\ntouch {}\necho true\n", mark.display()));
        fs::set_permissions(place.at(PROGRAM), Permissions::from_mode(0o755)).unwrap();
        place.toque("cookbook install").good("the first");
        Some(place)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn own(&self, path: &str, uid: u32) {
        lchown(self.at(path), Some(uid), Some(uid)).unwrap();
    }

    /// Gives a folder and all below to a user.
    fn own_all(&self, path: &str, uid: u32) {
        let to = format!("{uid}:{uid}");
        let done = Command::new("chown").args(["-Rh", &to]).arg(self.at(path)).status().unwrap();
        assert!(done.success());
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        self.arrange(&mut command, words);
        command
    }

    fn arrange(&self, command: &mut Command, words: &str) {
        let words = words.replace('@', &self.0.path().display().to_string());
        command
            .current_dir(self.at("repo"))
            .env_remove("SUDO_UID")
            .env("XDG_CACHE_HOME", self.at("own"))
            .env("XDG_STATE_HOME", self.at("own"))
            .args(words.split(' '));
        let keeps = ["plan", "graph", "explain", "search", "converge", "apply", "command"];
        if keeps.iter().any(|name| words.split(' ').next() == Some(name)) && !words.contains("_dir")
        {
            let dir = |name: &str| self.at(name).into_os_string();
            if !words.contains("--state-dir") {
                command.arg("--state-dir").arg(dir("state"));
            }
            if !words.contains("--cache-dir") {
                command.arg("--cache-dir").arg(dir("cache"));
            }
        }
    }

    fn toque(&self, words: &str) -> Seen {
        Seen::of(self.command(words).output().unwrap())
    }
}

/// What a command did.
struct Seen {
    code: Option<i32>,
    errors: String,
    output: String,
}

impl Seen {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    #[track_caller]
    fn good(&self, what: &str) {
        assert_eq!(self.code, Some(0), "{what}: {}{}", self.output, self.errors);
    }

    #[track_caller]
    fn refused(&self, what: &str, at: &Path) {
        assert_eq!(self.code, Some(2), "{what}: {}{}", self.output, self.errors);
        let (errors, at) = (&self.errors, format!("`{}`", at.display()));
        assert!(errors.contains("is not used"), "{what}: {errors}");
        assert!(errors.contains(&at), "{what} does not name {at}: {errors}");
    }
}

const COMMANDS: [&str; 17] = [
    "facts ran",
    "facts",
    "check",
    "plan web",
    "graph web",
    "explain web.port web",
    "search users",
    "resource list",
    "definitions @/definitions",
    "cookbook list",
    "cookbook verify",
    "cookbook vendor @/vendored",
    "cookbook package @/site.tar.zst",
    "data-bag show",
    "runs list --state-dir @/state",
    "converge web",
    "cookbook update",
];

#[test]
fn every_command_refuses_each_part_of_a_repository_that_a_stranger_owns() {
    let Some(place) = Place::new() else { return };
    let parts = [
        "repo",
        "repo/toque.toml",
        "repo/Cookfile.toml",
        "repo/Cookfile.lock",
        "repo/cookbooks",
        "repo/cookbooks/web/cookbook.toml",
        "repo/cookbooks/web/recipes",
        "repo/cookbooks/web/recipes/default.rhai",
        "repo/cookbooks/web/templates/page.hbs",
        "repo/roles/front.json",
        "repo/environments/live.json",
        "repo/nodes/one.json",
        "repo/data_bags/users/ann.json",
        "shared/recipes/default.rhai",
        PROGRAM,
    ];
    for part in parts {
        place.own(part, STRANGER);
        for words in COMMANDS {
            place.toque(words).refused(&format!("{words}, {part}"), &place.at(part));
        }
        place.own(part, 0);
    }
    for (part, mode) in [("repo/cookbooks/web/recipes", 0o777), (PROGRAM, 0o757)] {
        fs::set_permissions(place.at(part), Permissions::from_mode(mode)).unwrap();
        for words in COMMANDS {
            place.toque(words).refused(&format!("{words}, {part} {mode:o}"), &place.at(part));
        }
        fs::set_permissions(place.at(part), Permissions::from_mode(0o755)).unwrap();
    }
    for made in ["mark", "state", "cache", "own", "definitions", "vendored", "site.tar.zst"] {
        let made = place.at(made);
        // The cache is made when everything is still in order.
        assert!(made.ends_with("own") || !made.exists(), "{}", made.display());
    }
    for words in COMMANDS {
        place.toque(words).good(words);
    }
    assert!(place.at("mark").exists());
}

#[test]
fn a_flag_trusts_a_repository_for_a_run() {
    let Some(place) = Place::new() else { return };
    place.own_all("repo", STRANGER);
    place.own_all("shared", STRANGER);
    for words in COMMANDS {
        place.toque(&format!("{words} --trust-repo")).good(words);
    }
    // It is of the command, wherever it stands.
    place.toque("--trust-repo check").good("first");
    place.toque("check").refused("the next", &place.at("repo"));
}

#[test]
fn other_files_of_a_repository_are_nobodys_business() {
    let Some(place) = Place::new() else { return };
    place.write("repo/uploads/x", "");
    place.own_all("repo/uploads", STRANGER);
    place.toque("plan web").good("uploads");
    // Found from a folder of a stranger's.
    let from = |command: &mut Command| {
        Seen::of(command.current_dir(place.at("repo/uploads")).output().unwrap())
    };
    from(&mut place.command("plan web")).refused("found", &place.at("repo/uploads"));
    from(&mut place.command("plan web --repo @/repo")).good("named");
}

#[test]
fn documents_that_are_named_are_of_trusted_users() {
    let Some(place) = Place::new() else { return };
    let stack = r#"{
        "stack": { "name": "s" }, "layers": [{ "shortname": "front" }],
        "instances": [{ "hostname": "one", "layers": ["front"] }]
    }"#;
    place.write("stack.json", stack);
    place.toque("cookbook package @/site.tar.zst").good("package");
    let write = "command write --stack @/stack.json --instance one --event configure --to @/c.json";
    place.toque(write).good("write");
    place.write("secret", &"x".repeat(64));
    let cases = [
        ("attributes.json", "plan web -j @/attributes.json"),
        ("alone.rhai", "apply @/alone.rhai --plan"),
        ("alone.rhai", "check @/alone.rhai"),
        ("stack.json", "plan --repo @/repo --stack @/stack.json --instance one --event configure"),
        ("stack.json", "stack show --stack @/stack.json"),
        ("stack.json", "stack check @/stack.json"),
        (
            "attributes.json",
            "plan --repo @/repo --stack @/stack.json --instance one --event setup --custom-json @/attributes.json",
        ),
        ("c.json", "plan --repo @/repo --command @/c.json"),
        ("c.json", "command show @/c.json"),
        ("site.tar.zst", "plan web --repo @/site.tar.zst"),
        ("secret", "plan web --secret-file @/secret"),
    ];
    for (document, words) in cases {
        place.toque(words).good(words);
        place.own(document, STRANGER);
        place.toque(words).refused(words, &place.at(document));
        let this_run = place.toque(&format!("{words} --trust-repo"));
        if document == "secret" {
            this_run.refused(words, &place.at(document));
        } else {
            this_run.good(words);
        }
        place.own(document, 0);
        // In a folder that a stranger could put another one into.
        fs::create_dir_all(place.at("theirs")).unwrap();
        fs::rename(place.at(document), place.at("theirs/x").with_file_name(document)).unwrap();
        let there = words.replace(&format!("@/{document}"), &format!("@/theirs/{document}"));
        place.own("theirs", STRANGER);
        place.toque(&there).refused(&there, &place.at("theirs"));
        place.own("theirs", 0);
        fs::rename(place.at("theirs/x").with_file_name(document), place.at(document)).unwrap();
    }
    // What the shell opens is chosen by those who run it.
    place.own("attributes.json", STRANGER);
    for words in ["plan web -j /dev/stdin", "plan web -j -"] {
        let input = fs::File::open(place.at("attributes.json")).unwrap();
        Seen::of(place.command(words).stdin(input).output().unwrap()).good(words);
    }
}

#[test]
fn local_sources_of_the_cookbooks_of_a_stack_are_of_trusted_users() {
    let Some(place) = Place::new() else { return };
    place.toque("cookbook package @/origin.tar.gz").good("package");
    let git = |words: &str| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(words.split(' '));
        let output = command.current_dir(place.at("origin")).output().unwrap();
        assert!(output.status.success(), "git {words}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    fs::create_dir(place.at("empty")).unwrap();
    place.write("origin/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n");
    place.write("origin/web/recipes/default.rhai", "log(\"ran\");\n");
    ["init -q", "add -A", "commit -qm x"].iter().for_each(|words| drop(git(words)));
    let commit = git("rev-parse HEAD");
    let sum = Command::new("sha256sum").arg(place.at("origin.tar.gz")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let run = |source: &str, flag: &str| {
        let source = source.replace('@', &place.0.path().display().to_string());
        place.write(
            "empty/stack.json",
            &format!(
                r#"{{ "stack": {{ "name": "s", "custom_cookbooks_source": {source} }},
                "layers": [{{ "shortname": "front", "custom_recipes": {{ "setup": ["web"] }} }}],
                "instances": [{{ "hostname": "one", "layers": ["front"] }}] }}"#
            ),
        );
        let words = "plan --stack @/empty/stack.json --instance one --event setup";
        place.toque(&format!("{words}{flag}"))
    };
    let named = |url: &str, kind: &str, more: &str| {
        format!(r#"{{ "type": "{kind}", "url": "{url}"{more} }}"#)
    };
    let archive = |url: &str, more: &str| named(url, "archive", more);
    let cases = [
        ("origin/.git/refs/heads", named("@/origin", "git", ""), false),
        ("origin/.git/HEAD", named("file://@/origin", "git", ""), false),
        ("origin", named("@/origin/.git", "git", ""), false),
        ("origin/web", named("@/origin", "git", ""), true),
        (
            "origin/.git/HEAD",
            named("@/origin", "git", &format!(r#", "revision": "{commit}""#)),
            true,
        ),
        ("origin.tar.gz", archive("@/origin.tar.gz", ""), false),
        ("origin.tar.gz", archive("file://@/origin.tar.gz", ""), false),
        ("origin.tar.gz", archive("@/origin.tar.gz", &format!(r#", "checksum": "{sum}""#)), true),
    ];
    for (theirs, source, trusted) in cases {
        run(&source, "").good(&source);
        place.own(theirs, STRANGER);
        let seen = run(&source, "");
        if trusted {
            seen.good(&source);
        } else {
            seen.refused(&source, &place.at(theirs));
        }
        place.own(theirs, 0);
    }
}

#[test]
fn secrets_of_servers_and_new_ones_are_of_trusted_users() {
    let Some(place) = Place::new() else { return };
    for name in ["old", "new"] {
        place.write(name, &name.repeat(40));
    }
    let rotate = "data-bag rotate --secret-file @/old --new-secret-file @/new";
    for name in ["old", "new"] {
        place.own(name, STRANGER);
        place.toque(rotate).refused(name, &place.at(name));
        place.own(name, 0);
    }
    place.toque(rotate).good("rotate");
}

#[test]
fn the_folder_that_becomes_a_repository_is_trusted() {
    let Some(place) = Place::new() else { return };
    place.write("new/toque.toml", "cache_dir = \"cache\"\n");
    place.own("new/toque.toml", STRANGER);
    let mut command = place.command("cookbook add web --path @/repo/cookbooks/web");
    let seen = Seen::of(command.current_dir(place.at("new")).output().unwrap());
    seen.refused("add", &place.at("new/toque.toml"));
    assert!(!place.at("new/cache").exists());
}

#[test]
fn the_user_of_sudo_is_trusted() {
    let Some(place) = Place::new() else { return };
    place.own_all("repo", STRANGER);
    let by =
        |uid: &str| Seen::of(place.command("facts ran").env("SUDO_UID", uid).output().unwrap());
    for uid in ["12346", "", "x", "-1"] {
        by(uid).refused(uid, &place.at("repo"));
    }
    by("12345").good("sudo");
}

#[test]
fn a_repository_does_not_trust_itself() {
    let Some(place) = Place::new() else { return };
    place.write("repo/toque.toml", "[trust]\nowners = [12345]\n");
    let seen = place.toque("plan web");
    assert_eq!(seen.code, Some(2));
    assert!(seen.errors.contains("has `[trust]`"), "{}", seen.errors);
    place.own_all("repo", STRANGER);
    place.toque("plan web").refused("itself", &place.at("repo"));
    let seen = place.toque("plan web --trust-repo");
    assert!(seen.errors.contains("has `[trust]`"), "{}", seen.errors);
}

/// Runs a command where `/etc/toque` has these settings; none where mounts are not allowed.
fn with_settings(place: &Place, words: &str, settings: &str, owner: u32) -> Option<Seen> {
    with_settings_in(place, "repo", words, settings, owner)
}

/// The same, called in this folder.
fn with_settings_in(
    place: &Place,
    folder: &str,
    words: &str,
    settings: &str,
    owner: u32,
) -> Option<Seen> {
    make_etc(place);
    place.write("etc/toque/toque.toml", settings);
    place.own("etc/toque/toque.toml", owner);
    with_etc(place, folder, words)
}

/// Makes a folder that can stand for `/etc`.
fn make_etc(place: &Place) {
    let etc = place.at("etc");
    let _ = fs::remove_dir_all(&etc);
    fs::create_dir(&etc).unwrap();
    for name in ["passwd", "group", "nsswitch.conf", "os-release"] {
        let _ = fs::copy(Path::new("/etc").join(name), etc.join(name));
    }
}

/// Runs a command where that folder is `/etc`.
fn with_etc(place: &Place, folder: &str, words: &str) -> Option<Seen> {
    let etc = place.at("etc");
    let script = "mount --bind \"$0\" /etc && exec \"$@\"";
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(&etc);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = unshare();
    command.arg(env!("CARGO_BIN_EXE_toque"));
    place.arrange(&mut command, words);
    Some(Seen::of(command.current_dir(place.at(folder)).output().unwrap()))
}

#[test]
fn the_settings_of_the_machine_name_owners() {
    let Some(place) = Place::new() else { return };
    place.own_all("repo", STRANGER);
    let cases = [
        ("[trust]\nowners = [12345]\n", 0, true),
        ("[trust]\nowners = [\"daemon\", 12345]\n", 0, true),
        ("[trust]\nowners = [\"12345\"]\n", 0, false),
        ("[trust]\nowners = [\"daemon\"]\n", 0, false),
        ("[trust]\nowners = []\n", 0, false),
        // Those who are trusted by settings do not write them.
        ("[trust]\nowners = [12345]\n", STRANGER, false),
    ];
    for (settings, owner, trusted) in cases {
        let Some(seen) = with_settings(&place, "plan web", settings, owner) else { return };
        if trusted {
            seen.good(settings);
        } else if owner == 0 {
            seen.refused(settings, &place.at("repo"));
        } else {
            seen.refused(settings, Path::new("/etc/toque/toque.toml"));
        }
    }
}

#[test]
fn settings_of_the_machine_may_be_a_link_of_roots() {
    let Some(place) = Place::new() else { return };
    place.own_all("repo", STRANGER);
    let settings = place.at("etc/toque/toque.toml");
    let target = place.at("kept/toque.toml");
    place.write("kept/toque.toml", "[trust]\nowners = [12345]\n");
    let linked = |file: u32, folder: u32, link: u32| {
        let etc = place.at("etc");
        make_etc(&place);
        fs::create_dir_all(etc.join("toque")).unwrap();
        symlink(&target, &settings).unwrap();
        place.own("kept/toque.toml", file);
        place.own("kept", folder);
        place.own("etc/toque/toque.toml", link);
        with_etc(&place, "repo", "plan web")
    };
    let Some(seen) = linked(0, 0, 0) else { return };
    seen.good("root's");
    linked(STRANGER, 0, 0).unwrap().refused("its target", &target);
    linked(0, STRANGER, 0).unwrap().refused("its folder", &place.at("kept"));
    linked(0, 0, STRANGER).unwrap().refused("itself", Path::new("/etc/toque/toque.toml"));
}

#[test]
fn names_of_users_are_those_of_the_machine() {
    let Some(place) = Place::new() else { return };
    let daemon = nix::unistd::User::from_name("daemon").unwrap().unwrap().uid.as_raw();
    place.own_all("repo", daemon);
    let settings = "[trust]\nowners = [\"daemon\"]\n";
    let Some(seen) = with_settings(&place, "facts ran", settings, 0) else { return };
    seen.good("daemon");
    let seen = place.toque("facts ran");
    assert!(seen.errors.contains("owners = [\"daemon\"]"), "{}", seen.errors);
}

#[test]
fn state_that_somebody_prepared_is_refused_before_anything_is_written() {
    let Some(place) = Place::new() else { return };
    place.write("victim", "victim\n");
    let commands = [
        "converge web",
        "plan web",
        "graph web",
        "apply -e log_info(1)",
        "runs list --state-dir @/state",
        "runs owed --state-dir @/state",
        "runs owed --forget x --state-dir @/state",
    ];
    let refuse = |what: &str, at: &str| {
        for words in commands {
            place.toque(words).refused(&format!("{words}, {what}"), &place.at(at));
        }
        assert_eq!(fs::read_to_string(place.at("victim")).unwrap(), "victim\n");
        let _ = fs::remove_dir_all(place.at("state"));
        let _ = fs::remove_file(place.at("state"));
    };
    for name in ["lock", "owed.jsonl", "runs", "backups", "memory"] {
        fs::create_dir(place.at("state")).unwrap();
        symlink(place.at("victim"), place.at("state").join(name)).unwrap();
        place.own(&format!("state/{name}"), STRANGER);
        refuse(name, &format!("state/{name}"));
    }
    for mode in [0o777, 0o1777, 0o770] {
        fs::create_dir(place.at("state")).unwrap();
        fs::set_permissions(place.at("state"), Permissions::from_mode(mode)).unwrap();
        chown(place.at("state"), Some(0), Some(STRANGER)).unwrap();
        refuse(&format!("{mode:o}"), "state");
    }
    fs::create_dir(place.at("state")).unwrap();
    place.own("state", STRANGER);
    refuse("owner", "state");
    symlink(place.at("repo"), place.at("state")).unwrap();
    place.own("state", STRANGER);
    refuse("a link", "state");
    // One that is not there yet, in a folder of a stranger's: nothing is made.
    fs::create_dir(place.at("theirs")).unwrap();
    place.own("theirs", STRANGER);
    let words = "converge web --state-dir @/theirs/below/state";
    place.toque(words).refused(words, &place.at("theirs"));
    assert!(!place.at("theirs/below").exists());
    // In a sticky one it is made.
    fs::create_dir(place.at("sticky")).unwrap();
    fs::set_permissions(place.at("sticky"), Permissions::from_mode(0o1777)).unwrap();
    for _ in 0..2 {
        let words = "converge web --state-dir @/sticky/state --cache-dir @/sticky/cache";
        place.toque(words).good(words);
    }
}

#[test]
fn a_cache_that_somebody_prepared_is_refused_before_anything_is_written() {
    let Some(place) = Place::new() else { return };
    place.write("victim", "victim\n");
    place.write("repo/toque.toml", "cache_dir = \"../cache\"\n");
    let commands =
        ["converge web", "facts", "check", "cookbook install", "cookbook gc", "cookbook verify"];
    let refuse = |what: &str, at: &str| {
        for words in commands {
            place.toque(words).refused(&format!("{words}, {what}"), &place.at(at));
        }
        assert_eq!(fs::read_to_string(place.at("victim")).unwrap(), "victim\n");
        fs::remove_dir_all(place.at("cache")).unwrap();
    };
    for name in ["lock", "cookbooks", "making", "git", "CACHEDIR.TAG"] {
        fs::create_dir(place.at("cache")).unwrap();
        symlink(place.at("victim"), place.at("cache").join(name)).unwrap();
        place.own(&format!("cache/{name}"), STRANGER);
        refuse(name, &format!("cache/{name}"));
    }
    fs::create_dir_all(place.at("cache/git/clone")).unwrap();
    place.own("cache/git/clone", STRANGER);
    refuse("a clone", "cache/git/clone");
    fs::create_dir(place.at("cache")).unwrap();
    fs::set_permissions(place.at("cache"), Permissions::from_mode(0o777)).unwrap();
    refuse("open", "cache");
}

#[test]
fn the_same_rule_holds_without_root() {
    let Some(place) = Place::new() else { return };
    fs::create_dir(place.at("own-of-stranger")).unwrap();
    place.own("own-of-stranger", STRANGER);
    let run = |words: &str| {
        let mut command = place.command(words);
        let home = place.at("own-of-stranger");
        command.env("HOME", &home).env("XDG_CACHE_HOME", &home).env("XDG_STATE_HOME", &home);
        command.env("XDG_CONFIG_HOME", &home).uid(STRANGER).gid(STRANGER);
        // The program may lie where others do not get.
        command.output().ok().map(Seen::of)
    };
    let Some(seen) = run("facts platform") else { return };
    seen.good("root's");
    place.own_all("repo", STRANGER);
    run("facts platform").unwrap().good("their own");
    place.own_all("repo", STRANGER + 1);
    run("facts platform").unwrap().refused("of another", &place.at("repo"));
    run("facts platform --trust-repo").unwrap().good("of another, for this run");
}

#[test]
fn the_repository_that_the_settings_of_the_machine_name_is_looked_at_too() {
    let Some(place) = Place::new() else { return };
    fs::create_dir(place.at("away")).unwrap();
    let settings = format!("repo = \"{}\"\n", place.at("repo").display());
    let run = |words: &str| with_settings_in(&place, "away", words, &settings, 0);
    for words in ["plan web", "data-bag show"] {
        let Some(seen) = run(words) else { return };
        seen.good(words);
        place.own("repo/data_bags/users/ann.json", STRANGER);
        run(words).unwrap().refused(words, &place.at("repo/data_bags/users/ann.json"));
        place.own("repo/data_bags/users/ann.json", 0);
    }
}
