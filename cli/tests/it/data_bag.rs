//! `toque data-bag`: what it prints and refuses, what becomes of the files, and where plain text is
//! meanwhile.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

const MAIN: &str = "{
  // the shop's database
  \"id\": \"main\",
  \"host\": \"db1.example.com\",   // plain is fine
  \"password\": \"plain-and-simple\",
  \"users\": [ { \"name\": \"app\" } ]
}
";

/// What is in no message and in no file that it should not be in.
const PLAIN: &str = "plain-and-simple";
const SECRET: &str = "an invented secret";

struct Repository(TempDir);

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

impl Repository {
    /// With the item `db/main`, and the secrets `secret` and `new`.
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.write("cookbooks/.keep", "");
        repository.write("secret", &format!("{SECRET}\n"));
        repository.write("new", "the secret to come");
        for name in ["secret", "new"] {
            fs::set_permissions(repository.path(name), Permissions::from_mode(0o600)).unwrap();
        }
        repository.write("toque.toml", "secret_file = \"secret\"\n");
        repository.write("data_bags/db/main.json", MAIN);
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A script that is the editor; it is given the file.
    fn editor(&self, script: &str) -> PathBuf {
        self.write("editor", &format!("#!/bin/sh\nset -e\n{script}\n"));
        fs::set_permissions(self.path("editor"), Permissions::from_mode(0o755)).unwrap();
        self.path("editor")
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        command
            .current_dir(self.0.path())
            .arg("data-bag")
            .args(args.split_whitespace())
            .stdin(Stdio::null());
        for name in ["HOME", "TMPDIR"] {
            fs::create_dir_all(self.path(name)).unwrap();
            command.env(name, self.path(name));
        }
        command
            .env_remove("VISUAL")
            .env("EDITOR", self.path("editor"))
            .env_remove("XDG_RUNTIME_DIR");
        command
    }

    fn toque(&self, args: &str) -> Told {
        told(self.command(args).output().unwrap())
    }

    /// What is printed by a command that must go well.
    fn done(&self, args: &str) -> String {
        let told = self.toque(args);
        assert_eq!(told.code, Some(0), "{args}: {}", told.err);
        told.out
    }

    /// What an item is, decrypted.
    fn revealed(&self, item: &str, more: &str) -> Value {
        serde_json::from_str(&self.done(&format!("show {item} --reveal --format json {more}")))
            .unwrap()
    }
}

fn told(output: Output) -> Told {
    Told {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// The text without the values of these keys, which are encrypted.
fn without_values(text: &str, keys: &[&str]) -> String {
    let value: Value = serde_json::from_str(
        &text.lines().map(|line| line.split(" //").next().unwrap()).collect::<String>(),
    )
    .unwrap();
    keys.iter().fold(text.to_owned(), |text, key| {
        let pretty = serde_json::to_string_pretty(&value[*key]).unwrap().replace('\n', "\n  ");
        assert!(text.contains(&pretty), "{key} is not laid out as its surroundings:\n{text}");
        text.replace(&pretty, "…")
    })
}

#[test]
fn bags_items_and_values_are_shown() {
    let repository = Repository::new();
    repository.write("data_bags/apps/site.json", "{ \"id\": \"site\" }");
    assert_eq!(repository.done("show"), "apps\ndb\n");
    assert_eq!(repository.done("show --format json"), "[\n  \"apps\",\n  \"db\"\n]\n");
    assert_eq!(repository.done("show db"), "main\n");
    repository.done("encrypt db main --key password");
    let expected = "{\n  \"id\": \"main\",\n  \"host\": \"db1.example.com\",\n  \"password\": [encrypted, version 3],\n  \"users\": [\n    {\n      \"name\": \"app\"\n    }\n  ]\n}\n";
    assert_eq!(repository.done("show db main"), expected);
    // No secret is needed for what stays closed.
    assert_eq!(repository.done("show db main --secret-file nowhere"), expected);
    let shown: Value =
        serde_json::from_str(&repository.done("show db main --format json")).unwrap();
    assert_eq!(shown["password"], "[encrypted, version 3]");
    assert_eq!(
        repository.done("show db main --reveal"),
        expected.replace("[encrypted, version 3]", &format!("\"{PLAIN}\""))
    );
    assert_eq!(repository.revealed("db main", "")["password"], PLAIN);
}

#[test]
fn values_are_encrypted_and_decrypted_where_they_stand() {
    let repository = Repository::new();
    assert_eq!(
        repository.done("encrypt db main --key password"),
        "encrypted `password` in `data_bags/db/main.json`\n"
    );
    let once = repository.read("data_bags/db/main.json");
    assert_eq!(without_values(&once, &["password"]), MAIN.replace(&format!("\"{PLAIN}\""), "…"));
    assert_eq!(
        repository.done("encrypt db main"),
        "encrypted `host`, `users` in `data_bags/db/main.json`\n"
    );
    let twice = repository.read("data_bags/db/main.json");
    let value: Value = serde_json::from_str(
        &without_values(&once, &[])
            .replace("// the shop's database", "")
            .replace("// plain is fine", ""),
    )
    .unwrap();
    let kept = serde_json::to_string_pretty(&value["password"]).unwrap().replace('\n', "\n  ");
    assert!(
        twice.contains(&kept)
            && twice.contains("// the shop's database")
            && twice.contains("},   // plain is fine"),
        "{twice}"
    );
    assert_eq!(
        (
            repository.toque("encrypt db main").err.as_str(),
            repository.read("data_bags/db/main.json")
        ),
        ("there is nothing to encrypt in `data_bags/db/main.json`\n", twice)
    );
    let told = repository.toque("decrypt db main --key password --key host");
    assert_eq!(told.out, "decrypted `host`, `password` in `data_bags/db/main.json`\n");
    assert!(
        told.err.contains("warning: everybody who can read `data_bags/db/main.json`"),
        "{}",
        told.err
    );
    repository.done("decrypt db main");
    assert_eq!(
        repository.read("data_bags/db/main.json"),
        MAIN.replace("[ { \"name\": \"app\" } ]", "[\n    {\n      \"name\": \"app\"\n    }\n  ]")
    );
    assert_eq!(
        repository.toque("decrypt db main").err,
        "there is nothing to decrypt in `data_bags/db/main.json`\n"
    );
}

#[test]
fn chefs_envelope_and_version_0_are_read() {
    let repository = Repository::new();
    let vectors = fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../engine/data/tests/vectors/encrypted.json"),
    )
    .unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&vectors).unwrap();
    let vector =
        vectors.iter().find(|vector| vector["value"] == "plain" && vector["version"] == 0).unwrap();
    let secret = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(fs::File::create(repository.path("old")).unwrap())
        .spawn();
    let mut secret = secret.unwrap();
    std::io::Write::write_all(
        &mut secret.stdin.take().unwrap(),
        vector["secret_base64"].as_str().unwrap().as_bytes(),
    )
    .unwrap();
    assert!(secret.wait().unwrap().success());
    let item = json!({ "json_class": "Chef::DataBagItem", "raw_data": { "id": "old", "k": vector["encrypted"], "n": 1 } });
    repository.write("data_bags/db/old.json", &serde_json::to_string_pretty(&item).unwrap());
    assert_eq!(repository.revealed("db old", "")["k"], vector["encrypted"]);
    assert!(repository.done("show db old --version-0").contains("\"k\": [encrypted, version 0]"));
    assert_eq!(
        repository.revealed("db old", "--version-0 --secret-file old"),
        json!({ "id": "old", "k": "plain", "n": 1 })
    );
    repository.done("rotate db old --version-0 --secret-file old --new-secret-file new");
    assert_eq!(
        repository.revealed("db old", "--secret-file new"),
        json!({ "id": "old", "k": "plain", "n": 1 })
    );
    assert!(repository.read("data_bags/db/old.json").starts_with("{\n  \"json_class\": \"Chef::DataBagItem\",\n  \"raw_data\": {\n    \"id\": \"old\",\n    \"k\": {\n      \"encrypted_data\""));
}

#[test]
fn a_file_keeps_its_mode_its_owner_and_its_link() {
    let repository = Repository::new();
    let file = repository.path("data_bags/db/main.json");
    fs::rename(&file, repository.path("elsewhere.json")).unwrap();
    symlink("../../elsewhere.json", &file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    // Only root can give files away.
    let owner = if nix::unistd::geteuid().is_root() { Some(65534) } else { None };
    std::os::unix::fs::chown(&file, owner, owner).unwrap();
    let before = file.metadata().unwrap();
    repository.done("encrypt db main --trust-repo");
    let after = file.metadata().unwrap();
    assert!(file.symlink_metadata().unwrap().is_symlink());
    assert_ne!(before.ino(), after.ino());
    assert_eq!(
        (after.mode() & 0o7777, after.uid(), after.gid()),
        (0o640, before.uid(), before.gid())
    );
    let left: Vec<_> = fs::read_dir(repository.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn only_what_changed_is_encrypted_anew() {
    let repository = Repository::new();
    repository.done("encrypt db main --key password --key users");
    let before = repository.read("data_bags/db/main.json");
    let users = |text: &str| text[text.find("\"users\"").unwrap()..].to_owned();
    repository.editor("sed -i -e 's/plain-and-simple/another-one/' -e 's/\"host\": \".*\",/\"host\": \"db2.example.com\",\\n  \"token\": [1], \"port\": 5432,/' \"$1\"");
    assert_eq!(
        repository.done("edit db main"),
        "wrote `data_bags/db/main.json`: encrypted `token`, `port`, `password`; changed, as plain text, `host`\n"
    );
    let after = repository.read("data_bags/db/main.json");
    assert_eq!(users(&before), users(&after));
    assert!(
        after.contains("// the shop's database")
            && after.contains("\"host\": \"db2.example.com\",\n")
            && !after.contains("5432"),
        "{after}"
    );
    let expected = json!({ "id": "main", "host": "db2.example.com", "token": [1], "port": 5432, "password": "another-one", "users": [{ "name": "app" }] });
    assert_eq!(repository.revealed("db main", ""), expected);
    for (script, told) in [
        ("true", ""),
        ("sed -i '/shop/d' \"$1\"", "wrote `data_bags/db/main.json`: changed no value\n"),
        ("sed -i '/password/d' \"$1\"", "wrote `data_bags/db/main.json`: removed `password`\n"),
        // What was pasted encrypted stays so.
        (
            "printf '{ \"id\": \"main\", \"k\": { \"encrypted_data\": \"\", \"version\": 3 } }' > \"$1\"",
            "wrote `data_bags/db/main.json`: changed, as plain text, `k`; removed `host`, `token`, `port`, `users`\n",
        ),
    ] {
        repository.editor(script);
        let before = repository.read("data_bags/db/main.json");
        assert_eq!(repository.done("edit db main"), told);
        assert_eq!(before == repository.read("data_bags/db/main.json"), told.is_empty());
    }
}

#[test]
fn an_item_is_made_and_a_plain_one_stays_plain() {
    let repository = Repository::new();
    repository
        .editor("sed -i 's/\"spare\"/\"spare\",\\n  \"password\": \"plain-and-simple\"/' \"$1\"");
    assert_eq!(
        repository.done("edit other spare --new"),
        "wrote `data_bags/other/spare.json`: encrypted `password`\n"
    );
    assert!(!repository.read("data_bags/other/spare.json").contains(PLAIN));
    assert_eq!(repository.revealed("other spare", ""), json!({ "id": "spare", "password": PLAIN }));
    // No secret is needed where nothing is encrypted.
    repository.editor("sed -i 's/db1/db2/' \"$1\"");
    let told = repository.toque("edit db main --secret-file nowhere");
    assert_eq!(told.out, "wrote `data_bags/db/main.json`: changed, as plain text, `host`\n");
    assert!(told.err.contains("`toque data-bag encrypt`"));
    assert_eq!(repository.read("data_bags/db/main.json"), MAIN.replace("db1", "db2"));
}

/// While the editor runs, the plain text is in memory, where nobody else can read it, and nowhere
/// else.
#[test]
fn plain_text_is_in_memory_only() {
    let repository = Repository::new();
    repository.done("encrypt db main");
    // The pattern does not find itself.
    repository.editor(
        "stat -f -c %T \"$1\"; stat -c %a \"$1\" \"$(dirname \"$1\")\"; echo \"$1\"
        grep -q 'plain-and-simpl[e]' \"$1\" && echo it is there
        grep -rl 'plain-and-simpl[e]' \"$(pwd)\" \"$HOME\" \"$TMPDIR\" || echo and nowhere else
        sed -i s/db1/db2/ \"$1\"",
    );
    let out = repository.done("edit db main");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..3], ["tmpfs", "600", "700"]);
    assert_eq!(
        lines[4..],
        ["it is there", "and nowhere else", "wrote `data_bags/db/main.json`: encrypted `host`"]
    );
    let file = PathBuf::from(lines[3]);
    assert!(file.is_absolute() && !file.parent().unwrap().exists());
    for entry in ["data_bags/db/main.json", "HOME", "TMPDIR"] {
        let found =
            Command::new("grep").args(["-rl", PLAIN]).arg(repository.path(entry)).output().unwrap();
        assert!(found.stdout.is_empty());
    }
    // An editor that fails leaves nothing either.
    repository.editor("echo \"$1\"; sed -i s/db2/db3/ \"$1\"; exit 7");
    let before = repository.read("data_bags/db/main.json");
    let told = repository.toque("edit db main");
    assert_eq!(
        (told.code, told.err.contains("failed (exit status: 7)")),
        (Some(2), true),
        "{}",
        told.err
    );
    assert!(!PathBuf::from(told.out.trim()).parent().unwrap().exists());
    assert_eq!(repository.read("data_bags/db/main.json"), before);
}

#[test]
fn a_signal_leaves_no_plain_text() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let repository = Repository::new();
        repository.done("encrypt db main");
        let before = repository.read("data_bags/db/main.json");
        repository.editor(
            "sed -i s/db1/db2/ \"$1\"\necho \"$1\" > edited\nmv edited where\nexec sleep 60",
        );
        let mut command = repository.command("edit db main");
        let toque = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !repository.path("where").exists() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        let file = PathBuf::from(repository.read("where").trim());
        assert!(file.exists());
        kill(Pid::from_raw(toque.id().try_into().unwrap()), signal).unwrap();
        let told = told(toque.wait_with_output().unwrap());
        assert_eq!(told.code, Some(3), "{signal}: {}", told.err);
        assert!(told.err.contains("told to stop while the item was edited"), "{}", told.err);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(!file.parent().unwrap().exists(), "{signal}");
        assert_eq!(repository.read("data_bags/db/main.json"), before);
    }
}

#[test]
fn a_kill_leaves_no_plain_text() {
    let repository = Repository::new();
    repository.done("encrypt db main");
    let before = repository.read("data_bags/db/main.json");
    repository.editor("echo \"$1\" > edited\nmv edited where\nkill -9 $PPID\nexec sleep 1");
    let ended = repository
        .command("edit db main")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(ended.signal(), Some(9));
    let file = PathBuf::from(repository.read("where").trim());
    let begun = Instant::now();
    while file.parent().unwrap().exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} is left", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(repository.read("data_bags/db/main.json"), before);
}

#[test]
fn secrets_are_rotated_all_or_none() {
    let repository = Repository::new();
    repository.write(
        "data_bags/db/spare.json",
        "{ \"id\": \"spare\", \"password\": \"another\", \"n\": 1 }",
    );
    repository.write("data_bags/apps/site.json", "{ \"id\": \"site\" }");
    repository.done("encrypt db main");
    repository.done("encrypt db spare --key password");
    // As a rotation that was killed left it: one item is done, of another one value.
    repository.done("rotate db spare --new-secret-file new");
    repository.done("encrypt db spare --key n");
    let told = repository.toque("rotate --new-secret-file new");
    assert_eq!(
        told.out,
        "rotated `host`, `password`, `users` in `data_bags/db/main.json`\nrotated `n` in `data_bags/db/spare.json`\n"
    );
    assert_eq!(told.err, "2 items encrypted anew, 1 item without encrypted values\n");
    assert_eq!(
        repository.toque("rotate --new-secret-file new").err,
        "0 items encrypted anew, 2 items under the new secret already, 1 item without encrypted values\n"
    );
    assert_eq!(
        repository.revealed("db spare", "--secret-file new"),
        json!({ "id": "spare", "password": "another", "n": 1 })
    );
    assert_eq!(repository.toque("show db main --reveal").code, Some(2));
    // A third secret: what neither opens keeps everything as it is.
    repository.write("third", "a third one");
    let files = ["data_bags/db/main.json", "data_bags/db/spare.json"];
    let before = files.map(|file| repository.read(file));
    repository.write(
        "data_bags/zoo/bad.json",
        "{ \"id\": \"bad\", \"k\": { \"encrypted_data\": \"\", \"version\": 4 } }",
    );
    let told = repository.toque("rotate --secret-file new --new-secret-file third");
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(
        told.err.contains("cannot decrypt `k` of the item `zoo/bad`: it is of version 4, and versions 0 to 3 are known"),
        "{}",
        told.err
    );
    assert_eq!(files.map(|file| repository.read(file)), before);
}

/// One clear error each, which tells nothing of the plain text or the secret, and leaves everything
/// as it is.
#[test]
fn mistakes() {
    let repository = Repository::new();
    repository.write("other", "not the secret");
    repository.write("blank", " \n");
    fs::set_permissions(repository.path("other"), Permissions::from_mode(0o600)).unwrap();
    repository.done("encrypt db main");
    for (id, text) in [
        ("noid", "{ \"password\": 1 }"),
        ("wrongid", "{ \"id\": \"another\" }"),
        (
            "newer",
            "{ \"id\": \"newer\", \"plain\": \"plain-and-simple\", \"k\": { \"encrypted_data\": \"AA==\", \"version\": 4 } }",
        ),
        (
            "short",
            "{ \"id\": \"short\", \"k\": { \"encrypted_data\": \"AAAA\", \"iv\": \"AAAAAAAAAAAAAAAA\", \"auth_tag\": \"AAAAAAAAAAAAAAAA\", \"version\": 3, \"cipher\": \"aes-256-gcm\" } }",
        ),
    ] {
        repository.write(&format!("data_bags/db/{id}.json"), text);
    }
    let before = repository.read("data_bags/db/main.json");
    for (args, script, expected) in [
        ("show bd", "", &["error: there is no data bag `bd`", "did you mean `db`?"][..]),
        (
            "show db mian",
            "",
            &["error: the data bag `db` has no item `mian`", "did you mean `main`?"],
        ),
        (
            "show db noid",
            "",
            &["the item in `data_bags/db/noid.json` has no `id`", "data_bags/db/noid.json:1:1"],
        ),
        (
            "show db wrongid",
            "",
            &[
                "the item in `data_bags/db/wrongid.json` has the id `another`",
                "rename the file to `another.json`",
            ],
        ),
        (
            "show db main --reveal --secret-file other",
            "",
            &[
                "cannot decrypt `host` of the item `db/main`: the secret is not the one that it was encrypted with, or the value was changed",
                "data_bags/db/main.json:4:11",
                "give the secret file that",
            ],
        ),
        (
            "show db main --reveal --secret-file nowhere",
            "",
            &["error: the secret file `", "/nowhere` is not there", "--secret-file"],
        ),
        (
            "show db main --reveal --secret-file blank",
            "",
            &["error: the secret file `", "/blank` is blank", "openssl rand"],
        ),
        (
            "show db newer --reveal",
            "",
            &[
                "cannot decrypt `k` of the item `db/newer`: it is of version 4, and versions 0 to 3 are known",
                "a newer Chef wrote it",
            ],
        ),
        (
            "decrypt db short",
            "",
            &[
                "cannot decrypt `k` of the item `db/short`: its `auth_tag` is 12 bytes long, and should be 16",
            ],
        ),
        (
            "encrypt db main --key pasword",
            "",
            &["the item `db/main` has no key `pasword`", "did you mean `password`?"],
        ),
        (
            "decrypt db main --key zzz",
            "",
            &["the item `db/main` has no key `zzz`", "it has `host`, `password`, `users`"],
        ),
        ("encrypt db main --key id", "", &["the id of an item is never encrypted"]),
        ("show --reveal", "", &["required arguments were not provided", "<ITEM>"]),
        (
            "rotate --new-secret-file secret",
            "",
            &["the secret in `secret` is the one that is in use"],
        ),
        (
            "rotate --new-secret-file nowhere",
            "",
            &["cannot read the secret file `nowhere`: it does not exist"],
        ),
        (
            "rotate db main --new-secret-file new --secret-file other",
            "",
            &[
                "cannot decrypt `host` of the item `db/main`",
                "cannot decrypt `password` of the item `db/main`",
            ],
        ),
        (
            "edit db main --secret-file other",
            "true",
            &["cannot decrypt `host` of the item `db/main`"],
        ),
        (
            "edit db main --new",
            "true",
            &["there is an item `db/main` already", "leave out `--new`"],
        ),
        (
            "edit db spare",
            "true",
            &["the data bag `db` has no item `spare`", "`--new` makes an item"],
        ),
        ("edit ../db main --new", "true", &["there is no data bag `../db`"]),
        ("edit db noid --new", "true", &["the item in `data_bags/db/noid.json` has no `id`"]),
        (
            "edit db main",
            "sed -i 's/\"password\":/\"password\"/' \"$1\"",
            &[
                "what was edited cannot be read: a colon is missing after this key",
                "main.json:5:14",
            ],
        ),
        ("edit db main", ": > \"$1\"", &["what was edited cannot be read: it is empty"]),
        ("edit db main", "rm \"$1\"", &["cannot read what was edited"]),
        (
            "edit db main",
            "sed -i 's/\"main\"/\"other\"/' \"$1\"",
            &["what was edited is not the item `main` any more", "to rename an item"],
        ),
        (
            "edit db main",
            "echo '[]' > \"$1\"",
            &["what was edited is not the item `main` any more"],
        ),
        (
            "edit db main",
            "sed -i 's/\"password\"/\"host\"/' \"$1\"",
            &["what was edited cannot be read", "stands twice in one map"],
        ),
    ] {
        repository.editor(script);
        let told = repository.toque(args);
        assert_eq!(told.code, Some(2), "{args}: {}{}", told.out, told.err);
        for part in expected {
            assert!(told.err.contains(part), "{args} is told without `{part}`:\n{}", told.err);
        }
        for hidden in [PLAIN, SECRET, "db1.example.com"] {
            assert!(
                !told.err.contains(hidden) && !told.out.contains(hidden),
                "{args} tells what it should not:\n{}",
                told.err
            );
        }
        assert_eq!(repository.read("data_bags/db/main.json"), before, "{args}");
    }
    let told = told(repository.command("show").current_dir("/").output().unwrap());
    assert!(
        told.code == Some(2) && told.err.contains("there is no repository here"),
        "{}",
        told.err
    );
    // Written by somebody else while the editor was open.
    repository
        .editor("echo '{ \"id\": \"main\" }' > data_bags/db/main.json; sed -i s/db1/db2/ \"$1\"");
    let told = repository.toque("edit db main");
    assert!(
        told.code == Some(2) && told.err.contains("was changed by somebody else meanwhile"),
        "{}",
        told.err
    );
    assert_eq!(repository.read("data_bags/db/main.json"), "{ \"id\": \"main\" }\n");
}

#[test]
fn a_secret_that_everybody_can_read_is_worth_a_warning() {
    let repository = Repository::new();
    for (mode, warning) in [
        (0o600, None),
        (0o640, None),
        (0o644, Some("everybody can read")),
        (0o660, Some("others can change")),
    ] {
        fs::set_permissions(repository.path("secret"), Permissions::from_mode(mode)).unwrap();
        repository.write("data_bags/db/main.json", MAIN);
        let told = repository.toque("encrypt db main");
        assert_eq!(told.code, Some(0));
        match warning {
            Some(warning) => assert!(
                told.err.starts_with(&format!("warning: {warning} the secret file `")),
                "{}",
                told.err
            ),
            None => assert_eq!(told.err, "", "{mode:o}"),
        }
    }
}

#[test]
fn of_two_at_once_none_loses_what_the_other_has_said_is_done() {
    let repository = Repository::new();
    for _ in 0..20 {
        repository.write(
            "data_bags/db/both.json",
            r#"{ "id": "both", "one": "plain-one", "two": "plain-two" }"#,
        );
        let started = ["one", "two"].map(|key| {
            let mut command = repository.command(&format!("encrypt db both --key {key}"));
            (key, command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        });
        for (key, child) in started {
            let told = told(child.wait_with_output().unwrap());
            let item: Value =
                serde_json::from_str(&repository.read("data_bags/db/both.json")).unwrap();
            let encrypted = item[key]["version"] == 3;
            assert_eq!(told.code == Some(0), encrypted, "{key}: {}{}\n{item}", told.out, told.err);
            assert!(encrypted || told.err.contains("was changed by somebody else"), "{}", told.err);
        }
    }
}
