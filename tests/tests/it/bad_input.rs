//! What goes wrong on a machine: one clear error with the place in the recipe, the exit code, and
//! nothing touched beyond it.

use toque_acceptance::{Host, Image};

use crate::it::toque::{REPOSITORY, apply, host, put, toque};

/// Converges a recipe between two files, of which only the first may come to be; the mistake is in
/// line 2.
#[track_caller]
fn fails(host: &Host, resource: &str, parts: &[&str]) {
    host.sh("rm -f /root/before /root/after");
    let recipe = format!("file(\"/root/before\");\n{resource};\nfile(\"/root/after\");\n");
    let run = apply(host, &recipe).fails(1, parts);
    assert!(
        run.output.stderr.contains("/root/recipe.rhai:2:1"),
        "the place is missing: {}",
        run.output
    );
    assert!(run.output.stderr.contains("help: "), "it does not say what to do: {}", run.output);
    assert!(host.exists("/root/before") && !host.exists("/root/after"), "{}", run.output);
    assert_eq!(run.count("failed"), 1, "{}", run.output);
}

#[test]
fn files_that_cannot_be_written() {
    let host = host(Image::Debian12);

    // A full disk: what is there stays as it was, and nothing lies around.
    host.sh("mkdir /small; mount -t tmpfs -o size=1m none /small; echo old > /small/file");
    host.sh("head -c 2000000 /dev/zero | tr '\\0' x > /root/big");
    fails(
        &host,
        r#"file("/small/file", #{ content: read_file("/root/big") })"#,
        &["file[/small/file]", "no space left on the file system"],
    );
    assert_eq!(host.sh("cat /small/file; ls -A /small"), "old\nfile\n");
    // The same where toque keeps its own things: then it does not even begin to change what
    // notifies.
    host.sh("mkdir /full; mount -t tmpfs -o size=4k none /full; head -c 4096 /dev/zero > /full/filler || true");
    host.write(
        "/root/recipe.rhai",
        "file(\"/root/owing\", #{ content: \"x\" }).notifies(\"run\", execute(\"true\", #{ action: \"nothing\" }));",
    );
    let run = host.run(["toque", "apply", "/root/recipe.rhai", "--state-dir", "/full/state"]);
    assert!(matches!(run.code(), Some(1 | 2)), "{run}");
    assert!(
        run.stderr.contains("no space left on the file system")
            && run.stderr.contains("/full/state"),
        "{run}"
    );
    assert!(!host.exists("/root/owing"), "{run}");

    // Something else is in the place.
    host.sh("mkdir -p /root/place/inner; ln -s loop-b /root/loop-a; ln -s loop-a /root/loop-b; echo text > /root/text");
    fails(
        &host,
        r#"file("/root/place", #{ content: "x" })"#,
        &["file[/root/place]", "directory", "force_unlink"],
    );
    fails(
        &host,
        r#"file("/root/place", #{ action: "delete" })"#,
        &["file[/root/place]", "directory"],
    );
    fails(&host, r#"directory("/root/text")"#, &["directory[/root/text]", "file"]);
    fails(
        &host,
        r#"directory("/root/place", #{ action: "delete" })"#,
        &["directory[/root/place]", "recursive"],
    );
    fails(&host, r#"link("/root/text", #{ to: "/etc/passwd" })"#, &["link[/root/text]", "force"]);
    fails(
        &host,
        r#"file("/root/loop-a", #{ content: "x" })"#,
        &["file[/root/loop-a]", "symbolic link"],
    );
    fails(
        &host,
        r#"file("/root/loop-a/inner", #{ content: "x" })"#,
        &["file[/root/loop-a/inner]", "symbolic link"],
    );
    fails(
        &host,
        r#"file("/root/text/inner", #{ content: "x" })"#,
        &["file[/root/text/inner]", "directory"],
    );
    fails(
        &host,
        r#"file("/root/none/inner", #{ content: "x" })"#,
        &["file[/root/none/inner]", "/root/none"],
    );
    assert_eq!(
        host.sh("ls -A /root/place; cat /root/text; readlink /root/loop-a"),
        "inner\ntext\nloop-b\n"
    );

    // A name that is no text, where toque has to look at it: it is seen, kept or removed, and
    // shown.
    host.sh("mkdir /root/names; printf x > \"$(printf '/root/names/\\377\\376')\"");
    fails(
        &host,
        r#"directory("/root/names", #{ action: "delete" })"#,
        &["directory[/root/names]", "recursive"],
    );
    put(&host, "files/tree/kept", "kept");
    put(
        &host,
        "recipes/default.rhai",
        r#"remote_directory("/root/names", #{ source: "tree", purge: true });"#,
    );
    toque(&host, &["converge", "--repo", REPOSITORY, "probe"]).well();
    assert_eq!(host.sh("ls /root/names"), "kept\n");
    // Where it would have to be text: in the cookbook.
    host.sh(&format!("printf x > \"$(printf '{REPOSITORY}/cookbooks/probe/files/tree/\\377')\""));
    let run = toque(&host, &["converge", "--repo", REPOSITORY, "probe"]);
    println!("{}", run.output);
    assert!(matches!(run.code(), Some(0 | 2)), "{}", run.output);
    if run.code() == Some(2) {
        assert!(run.output.stderr.contains("UTF-8"), "{}", run.output);
    }
    let run = host.run(["sh", "-c", "toque apply \"$(printf '/root/\\377.rhai')\""]);
    assert!(run.code() == Some(2) && run.stderr.contains("error"), "{run}");

    // What cannot be accepted does not go live.
    host.sh("echo '{}' > /root/checked.json");
    fails(
        &host,
        r#"file("/root/checked.json", #{ content: "{", verify: "json" })"#,
        &["file[/root/checked.json]", "json"],
    );
    fails(
        &host,
        r#"file("/root/checked.json", #{ content: "{", verify: "grep -q never %{path}" })"#,
        &["file[/root/checked.json]", "grep"],
    );
    assert_eq!(host.sh("cat /root/checked.json; ls -A /root | grep checked"), "{}\nchecked.json\n");
}

#[test]
fn without_permission() {
    let host = host(Image::Debian12);
    host.sh("useradd --create-home walker; chmod 700 /root");
    let as_walker = |recipe: &str| {
        host.write("/home/walker/recipe.rhai", recipe);
        host.run([
            "setpriv",
            "--reuid=walker",
            "--regid=walker",
            "--clear-groups",
            "env",
            "HOME=/home/walker",
            "toque",
            "apply",
            "/home/walker/recipe.rhai",
        ])
    };
    let run = as_walker(
        "file(\"/home/walker/own\");\nfile(\"/etc/not-his\", #{ content: \"x\" });\nfile(\"/home/walker/never\");\n",
    );
    assert_eq!(run.code(), Some(1), "{run}");
    assert!(
        run.stderr.contains("file[/etc/not-his]") && run.stderr.contains("permission denied"),
        "{run}"
    );
    assert!(run.stderr.contains("recipe.rhai:2:1") && run.stderr.contains("help: "), "{run}");
    assert!(
        host.exists("/home/walker/own")
            && !host.exists("/etc/not-his")
            && !host.exists("/home/walker/never")
    );
    assert!(host.exists("/home/walker/.local/state/toque") && !host.exists("/var/lib/toque"));

    for (resource, parts) in [
        (r#"package("hello")"#, ["package[hello]", "root"]),
        (r#"service("cron-not-there", #{ action: "start" })"#, ["service[cron-not-there]", "unit"]),
        (r#"user("nobody-new")"#, ["user[nobody-new]", "ermission denied"]),
    ] {
        let run = as_walker(resource);
        assert_eq!(run.code(), Some(1), "{run}");
        for part in parts {
            assert!(run.stderr.contains(part), "nothing says {part:?}: {run}");
        }
    }
    let run = host.run([
        "setpriv",
        "--reuid=walker",
        "--regid=walker",
        "--clear-groups",
        "toque",
        "apply",
        "--state-dir",
        "/var/lib/toque",
        "-e",
        "log(\"x\")",
    ]);
    assert_eq!(run.code(), Some(2), "{run}");
    assert!(run.stderr.contains("/var/lib/toque"), "{run}");
}

#[test]
fn packages_services_and_accounts_that_are_not_there() {
    let host = host(Image::Debian12);
    fails(
        &host,
        r#"package("no-such-package")"#,
        &["package[no-such-package]", "`no-such-package`"],
    );
    fails(&host, r#"package("hello", #{ version: "0.0.1" })"#, &["package[hello]", "0.0.1"]);
    fails(
        &host,
        r#"package("hello", #{ source: "/root/none.deb" })"#,
        &["package[hello]", "/root/none.deb"],
    );
    fails(
        &host,
        r#"service("no-such-service", #{ action: "start" })"#,
        &["service[no-such-service]", "no-such-service.service"],
    );
    fails(
        &host,
        r#"service("no-such-service", #{ action: "enable" })"#,
        &["service[no-such-service]", "no-such-service.service"],
    );
    fails(
        &host,
        r#"file("/root/owned", #{ owner: "no-such-user" })"#,
        &["file[/root/owned]", "no-such-user"],
    );
    fails(
        &host,
        r#"group("new", #{ members: ["no-such-user"] })"#,
        &["group[new]", "no-such-user"],
    );
    fails(
        &host,
        r#"user("no-such-user", #{ action: "modify", shell: "/bin/sh" })"#,
        &["user[no-such-user]"],
    );
    fails(&host, r#"execute("id", #{ user: "no-such-user" })"#, &["execute[id]", "no-such-user"]);
    fails(&host, r#"execute(["no-such-program"])"#, &["no-such-program"]);
    fails(
        &host,
        r#"execute("slow", #{ command: "sleep 100", timeout: 0.2 })"#,
        &["execute[slow]", "0.2"],
    );
    fails(
        &host,
        r#"remote_file("/root/page", #{ source: "http://127.0.0.1:9/page" })"#,
        &["remote_file[/root/page]", "127.0.0.1:9"],
    );
    fails(
        &host,
        r#"systemd_unit("wrong.service", #{ action: "create", content: "[Service]\nNoSuchThing" })"#,
        &["systemd_unit[wrong.service]"],
    );
    fails(
        &host,
        r#"package("toque-probe", #{ provider: "dnf" })"#,
        &["package[toque-probe]", "dnf"],
    );

    // Of several that share a transaction the guilty one is named, and the others are installed.
    let run = apply(&host, "package(\"hello\");\npackage(\"toque-broken\");\npackage(\"sl\");\n")
        .fails(1, &["package[toque-broken]", "cannot be configured"]);
    assert_eq!(
        (run.with("changed"), run.with("failed")),
        (vec!["package[hello]", "package[sl]"], vec!["package[toque-broken]"]),
        "{}",
        run.output
    );
    host.sh("dpkg-query -W -f '${Status}' hello | grep 'ok installed'");
}
