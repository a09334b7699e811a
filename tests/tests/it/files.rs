//! The kinds of files: every property and action, looked at with plain tools.

use std::path::Path;
use std::thread;
use std::time::Duration;

use toque_acceptance::{Host, Image};

use crate::it::toque::{apply, converge, host, plan, put, settle};

/// Owner, group, mode and what it is, of each path.
fn look(host: &Host, paths: &str) -> String {
    host.sh(&format!("cd /root/t && stat -c '%n %U:%G %a %F' {paths}"))
}

fn backups(host: &Host) -> usize {
    host.sh("find /var/lib/toque -path '*backup*' -type f 2> /dev/null || true").lines().count()
}

/// A host with what the tests of files stumble over.
fn prepared() -> Host {
    let host = host(Image::Debian12);
    host.sh(
        "mkdir -p /root/t/dir/inner; cd /root/t; useradd -M walker; groupadd crew; echo old > kept; echo old > owned; chown walker:crew owned; \
         chmod 640 owned; echo real > real; ln -s real link; ln -s real unfollowed; echo one > first; ln first second; echo gone > gone; \
         ln -s nowhere dangling; echo old > touched; touch -d 2001-01-01 touched",
    );
    host
}

/// What all kinds of files have in common: `extra` are the properties that say what `new` comes
/// from.
fn family(host: &Host, kind: &str, extra: &str, apply: impl Fn(&str) -> crate::it::toque::Run) {
    // Owner, group and mode: given, kept, and the mask's.
    apply(&format!(r#"{kind}("new file", #{{ path: "/root/t/new", owner: "walker", group: "crew", mode: "4750", {extra} }});"#))
        .well();
    apply(&format!(r#"{kind}("/root/t/owned", #{{ {extra} }});"#)).well();
    apply(&format!(r#"{kind}("/root/t/plain", #{{ {extra} }});"#)).well();
    assert_eq!(
        look(host, "new owned plain"),
        "new walker:crew 4750 regular file\nowned walker:crew 640 regular file\nplain root:root 644 regular file\n"
    );
    let new = host.read("/root/t/new");
    assert_eq!(
        (host.read("/root/t/owned"), host.read("/root/t/plain")),
        (new.clone(), new.clone())
    );
    let before = backups(host);
    apply(&format!(r#"{kind}("/root/t/kept", #{{ backup: false, {extra} }});"#)).well();
    assert_eq!(backups(host), before, "no backup was wanted");
    host.sh("echo old > /root/t/kept");
    apply(&format!(r#"{kind}("/root/t/kept", #{{ backup: 1, {extra} }});"#)).well();
    assert_eq!(backups(host), before + 1);
    apply(&format!(r#"{kind}("/root/t/kept", #{{ {extra} }});"#)).idle();

    // Not accepted, not live; accepted, live.
    host.sh("echo old > /root/t/kept");
    let run = apply(&format!(
        r#"{kind}("/root/t/kept", #{{ verify: "grep -q never %{{path}}", {extra} }});"#
    ));
    assert_eq!(
        (run.code(), host.read("/root/t/kept").as_str()),
        (Some(1), "old\n"),
        "{}",
        run.output
    );
    apply(&format!(
        r#"{kind}("/root/t/kept", #{{ verify: ["test -s %{{path}}", "true"], {extra} }});"#
    ))
    .well();
    assert_eq!(host.read("/root/t/kept"), new);

    // Replaced at once, or written into.
    apply(&format!(r#"{kind}("/root/t/first", #{{ atomic_update: false, {extra} }});"#)).well();
    assert_eq!(host.read("/root/t/second"), new, "the other name of the file sees it too");
    host.sh("echo old > /root/t/first");
    apply(&format!(r#"{kind}("/root/t/first", #{{ {extra} }});"#)).well();
    assert_eq!(
        (host.read("/root/t/first"), host.read("/root/t/second").as_str()),
        (new.clone(), "old\n")
    );

    // A link is followed, refused, or replaced; so is a directory.
    apply(&format!(r#"{kind}("/root/t/link", #{{ manage_symlink_source: true, {extra} }});"#))
        .well();
    assert_eq!(
        (host.sh("readlink /root/t/link").as_str(), host.read("/root/t/real")),
        ("real\n", new.clone())
    );
    let run = apply(&format!(
        r#"{kind}("/root/t/unfollowed", #{{ manage_symlink_source: false, {extra} }});"#
    ));
    assert_eq!(run.code(), Some(1), "{}", run.output);
    apply(&format!(r#"{kind}("/root/t/unfollowed", #{{ manage_symlink_source: false, force_unlink: true, {extra} }});"#)).well();
    apply(&format!(r#"{kind}("/root/t/dir", #{{ force_unlink: true, {extra} }});"#)).well();
    assert_eq!(
        look(host, "unfollowed dir"),
        "unfollowed root:root 644 regular file\ndir root:root 644 regular file\n"
    );

    // Only where nothing is; with a new time; away.
    host.sh("echo old > /root/t/kept");
    apply(&format!(r#"{kind}("/root/t/kept", #{{ action: "create_if_missing", {extra} }});"#))
        .idle();
    apply(&format!(r#"{kind}("/root/t/missing", #{{ action: "create_if_missing", {extra} }});"#))
        .well();
    assert_eq!((host.read("/root/t/kept").as_str(), host.read("/root/t/missing")), ("old\n", new));
    let run =
        apply(&format!(r#"{kind}("/root/t/touched", #{{ action: "touch", {extra} }});"#)).well();
    assert_eq!(run.with("changed"), [format!("{kind}[/root/t/touched]")]);
    assert_eq!(host.sh("find /root/t/touched -mmin -5"), "/root/t/touched\n");
    let away = format!(
        r#"for name in ["gone", "dangling", "never-there"] {{ {kind}(`/root/t/${{name}}`, #{{ action: "delete" }}); }}"#
    );
    let run = apply(&away).well();
    assert_eq!(
        run.with("changed"),
        [format!("{kind}[/root/t/gone]"), format!("{kind}[/root/t/dangling]")]
    );
    assert!(!host.exists("/root/t/gone") && !host.exists("/root/t/dangling"));
    apply(&away).idle();
}

#[test]
fn file() {
    let host = prepared();
    family(&host, "file", r#"content: "new content\n""#, |recipe| apply(&host, recipe));
    assert_eq!(host.read("/root/t/new"), "new content\n");

    let digest = "47d741b6059c6d7e99be25ce46fb9ba099cfd6515de1ef7681f93479d25996a4";
    settle(
        &host,
        &format!(r#"file("/root/t/checked", #{{ content: "content1\n", checksum: "{digest}" }});"#),
    );
    let run = apply(
        &host,
        &format!(r#"file("/root/t/checked", #{{ content: "other\n", checksum: "{digest}" }});"#),
    );
    assert!(
        run.code() != Some(0) && host.read("/root/t/checked") == "content1\n",
        "{}",
        run.output
    );

    // Without content it is only there, and owned.
    settle(
        &host,
        r#"file("/root/t/kept", #{ action: "create", mode: "0600" }); file("/root/t/empty", #{ owner: "walker" });"#,
    );
    assert_eq!(
        look(&host, "kept empty"),
        "kept root:root 600 regular file\nempty walker:root 644 regular empty file\n"
    );
    assert_eq!(host.read("/root/t/kept"), "old\n");
}

#[test]
fn template() {
    let host = prepared();
    put(
        &host,
        "templates/default/page.hbs",
        "{{greeting}}, {{node.platform}} {{#each list}}{{this}};{{/each}}\n",
    );
    put(&host, "templates/debian/own.hbs", "debian\n");
    put(&host, "templates/own.hbs", "anyone\n");
    put(&host, "templates/fallback.conf.hbs", "by its name\n");
    host.write(
        "/srv/cookbooks/cookbooks/other/cookbook.toml",
        "name = \"other\"\nversion = \"1.0.0\"\n",
    );
    host.write("/srv/cookbooks/cookbooks/other/templates/far.hbs", "from {{where}}\n");
    host.write(
        "/srv/cookbooks/cookbooks/probe/cookbook.toml",
        "name = \"probe\"\nversion = \"1.0.0\"\n[dependencies]\nother = \">= 1.0\"\n",
    );
    host.write("/root/t/local.hbs", "local {{where}}\n");
    let run = |recipe: &str| {
        put(&host, "recipes/default.rhai", recipe);
        converge(&host)
    };
    family(
        &host,
        "template",
        r#"source: "page.hbs", variables: #{ greeting: "hello", list: [1, 2] }"#,
        run,
    );
    assert_eq!(host.read("/root/t/new"), "hello, debian 1;2;\n");

    let recipe = r#"
template("/root/t/fallback.conf", #{ action: "create" });
template("/root/t/most-own", #{ source: "own.hbs" });
template("/root/t/chosen", #{ source: ["none.hbs", "own.hbs"] });
template("/root/t/far", #{ source: "far.hbs", cookbook: "other", variables: #{ where: "elsewhere" } });
template("/root/t/local", #{ source: "/root/t/local.hbs", local: true, variables: #{ where: "here" } });
"#;
    run(recipe).well();
    run(recipe).idle();
    assert_eq!(
        host.sh("cd /root/t; cat fallback.conf most-own chosen far local"),
        "by its name\ndebian\nanyone\nfrom elsewhere\nlocal here\n"
    );
}

#[test]
fn cookbook_file() {
    let host = prepared();
    put(&host, "files/default/page", "from the cookbook\n");
    put(&host, "files/host-debian12.example.test/own", "this host\n");
    put(&host, "files/own", "anyone\n");
    host.write(
        "/srv/cookbooks/cookbooks/other/cookbook.toml",
        "name = \"other\"\nversion = \"1.0.0\"\n",
    );
    host.write("/srv/cookbooks/cookbooks/other/files/far", "from elsewhere\n");
    host.write(
        "/srv/cookbooks/cookbooks/probe/cookbook.toml",
        "name = \"probe\"\nversion = \"1.0.0\"\n[dependencies]\nother = \">= 1.0\"\n",
    );
    let run = |recipe: &str| {
        put(&host, "recipes/default.rhai", recipe);
        converge(&host)
    };
    family(&host, "cookbook_file", r#"source: "page""#, run);
    assert_eq!(host.read("/root/t/new"), "from the cookbook\n");

    let recipe = r#"
cookbook_file("/root/t/page", #{ action: "create" });
cookbook_file("/root/t/most-own", #{ source: "own" });
cookbook_file("/root/t/chosen", #{ source: ["none", "own"] });
cookbook_file("/root/t/far", #{ cookbook: "other" });
"#;
    run(recipe).well();
    run(recipe).idle();
    assert_eq!(
        host.sh("cd /root/t; cat page most-own chosen far"),
        "from the cookbook\nthis host\nanyone\nfrom elsewhere\n"
    );
}

#[test]
fn remote_file() {
    let host = prepared();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    host.copy_in(fixtures.join("web.py"), "/srv/web.py");
    host.copy_in(fixtures.join("localhost.pem"), "/srv/localhost.pem");
    host.write("/srv/www/page", "from the server\n");
    apply(&host, r#"package("python3");"#).well();
    host.sh("systemd-run --quiet --unit=web python3 /srv/web.py");
    while !host.exists("/run/web.up") {
        thread::sleep(Duration::from_millis(20));
    }
    let asked = || host.sh("touch /run/web.log; cat /run/web.log; rm /run/web.log");
    let run = |recipe: &str| apply(&host, recipe);

    family(&host, "remote_file", r#"source: "http://localhost:8080/page""#, run);
    assert_eq!(host.read("/root/t/new"), "from the server\n");
    asked();

    // Asked for only when it is another.
    let fetch = |path: &str, more: &str| {
        format!(
            r#"remote_file("/root/t/{path}", #{{ source: "http://localhost:8080/page", {more} }});"#
        )
    };
    let cases = [
        ("a", r#"action: "create""#, "304 /page If-None-Match If-Modified-Since\n"),
        ("b", "use_etag: false", "304 /page If-Modified-Since\n"),
        ("c", "use_last_modified: false", "304 /page If-None-Match\n"),
        ("d", "use_conditional_get: false", "200 /page\n"),
        ("e", "use_conditional_get: false, use_etag: true", "304 /page If-None-Match\n"),
        (
            "f",
            r#"headers: #{ "X-Token": "secret" }"#,
            "304 /page If-None-Match If-Modified-Since X-Token\n",
        ),
    ];
    for (path, more, again) in cases {
        run(&fetch(path, more)).well();
        asked();
        run(&fetch(path, more)).idle();
        assert_eq!(asked(), again, "{more}");
    }
    let planned = plan(&host, &fetch("g", ""));
    run(&fetch("g", "")).well();
    assert_eq!(planned.with("would-change"), ["remote_file[/root/t/g]"]);
    host.write("/srv/www/page", "another\n");
    let changed = run(&fetch("a", "")).well();
    assert_eq!(
        (changed.with("changed"), host.read("/root/t/a").as_str()),
        (vec!["remote_file[/root/t/a]"], "another\n")
    );
    asked();

    // What has the digest is not asked for; what does not have it is refused.
    let digest = host.sh("sha256sum /root/t/a");
    let digest = digest.split_whitespace().next().expect("sha256sum prints a digest").to_owned();
    run(&fetch("a", &format!("checksum: \"{}\"", &digest[..12]))).idle();
    assert_eq!(asked(), "");
    run(&fetch("h", &format!("checksum: \"{digest}\""))).well();
    let wrong = run(&fetch("i", &format!("checksum: \"{}\"", "0".repeat(64))));
    assert!(wrong.code() == Some(1) && !host.exists("/root/t/i"), "{}", wrong.output);

    // Mirrors, a file of this machine, and a certificate that nobody vouches for.
    run(r#"remote_file("/root/t/j", #{ source: ["http://localhost:9/page", "http://localhost:8080/none", "http://localhost:8080/page"] });"#).well();
    run(
        r#"remote_file("/root/t/k", #{ source: "file:///srv/www/page" }); remote_file("/root/t/l", #{ source: "/srv/www/page" });"#,
    )
    .well();
    let secure = |more: &str| {
        format!(
            r#"remote_file("/root/t/m", #{{ source: "https://localhost:8443/page", {more} }});"#
        )
    };
    let refused = run(&secure(r#"ssl_verify_mode: "verify_peer""#));
    assert!(
        refused.code() == Some(1) && refused.output.stderr.contains("certificate"),
        "{}",
        refused.output
    );
    run(&secure(r#"ssl_verify_mode: "verify_none""#)).well();
    assert_eq!(host.sh("cd /root/t; cat h j k l m"), "another\n".repeat(5));
}

#[test]
fn directory() {
    let host = prepared();
    let run = settle(
        &host,
        r#"
directory("a directory", #{ path: "/root/t/new", owner: "walker", group: "crew", mode: "2750" });
directory("/root/t/a/b/c", #{ recursive: true, mode: "0700", action: "create" });
directory("/root/t/dir", #{ mode: "0711" });
directory("/root/t/new/inner");
"#,
    );
    assert_eq!(run.count("changed"), 4);
    assert_eq!(
        look(&host, "new a a/b a/b/c dir new/inner"),
        "new walker:crew 2750 directory\na root:root 755 directory\na/b root:root 755 directory\na/b/c root:root 700 directory\n\
         dir root:root 711 directory\nnew/inner root:crew 2755 directory\n"
    );
    settle(
        &host,
        r#"
directory("/root/t/new/inner", #{ action: "delete" });
directory("/root/t/a", #{ action: "delete", recursive: true });
directory("/root/t/never-there", #{ action: "delete" });
"#,
    );
    assert!(!host.exists("/root/t/new/inner") && !host.exists("/root/t/a"));

    mounted(&host, "/root/t/disks/one");
    let delete = r#"directory("/root/t/disks", #{ action: "delete", recursive: true });"#;
    apply(&host, delete).fails(1, &["another file system is mounted at `/root/t/disks/one`"]);
    assert!(host.exists("/root/t/disks/one/kept"));
    let across = delete.replace("true }", "true, one_file_system: false }");
    apply(&host, &across).fails(1, &["is empty now", "unmount it"]);
    assert!(!host.exists("/root/t/disks/one/kept"));
    host.sh("umount /root/t/disks/one");
    settle(&host, delete);
    assert!(!host.exists("/root/t/disks"));
}

/// Mounts a file system with a file in it.
fn mounted(host: &Host, at: &str) {
    host.sh(&format!("mkdir -p {at}; mount -t tmpfs none {at}; touch {at}/kept"));
}

#[test]
fn remote_directory() {
    let host = prepared();
    put(&host, "files/tree/one", "one\n");
    put(&host, "files/tree/sub/two", "two\n");
    put(&host, "files/deep/three", "three\n");
    host.write(
        "/srv/cookbooks/cookbooks/other/cookbook.toml",
        "name = \"other\"\nversion = \"1.0.0\"\n",
    );
    host.write("/srv/cookbooks/cookbooks/other/files/far/four", "four\n");
    host.write(
        "/srv/cookbooks/cookbooks/probe/cookbook.toml",
        "name = \"probe\"\nversion = \"1.0.0\"\n[dependencies]\nother = \">= 1.0\"\n",
    );
    host.sh("mkdir -p /root/t/full/extra /root/t/kept-tree /root/t/away/inner; cd /root/t; echo mine > full/mine; echo old > full/one; echo old > kept-tree/one");
    let recipe = r#"
remote_directory("a tree", #{
    path: "/root/t/tree", source: "tree", owner: "walker", group: "crew", mode: "0750",
    files_owner: "walker", files_group: "crew", files_mode: "0640", action: "create",
});
remote_directory("/root/t/x/y/deep", #{ recursive: true });
remote_directory("/root/t/far", #{ cookbook: "other" });
remote_directory("/root/t/full", #{ source: "tree", purge: true, files_backup: false });
remote_directory("/root/t/kept-tree", #{ source: "tree", overwrite: false });
remote_directory("/root/t/away", #{ action: "delete" });
"#;
    put(&host, "recipes/default.rhai", recipe);
    let planned =
        crate::it::toque::toque(&host, &["plan", "--repo", crate::it::toque::REPOSITORY, "probe"])
            .well();
    let run = converge(&host).well();
    crate::it::toque::faithful(&planned, &run);
    converge(&host).idle();
    assert_eq!(
        look(&host, "tree tree/one tree/sub tree/sub/two"),
        "tree walker:crew 750 directory\ntree/one walker:crew 640 regular file\ntree/sub walker:crew 750 directory\n\
         tree/sub/two walker:crew 640 regular file\n"
    );
    assert_eq!(
        host.sh("cd /root/t; find full x far | sort; cat full/one kept-tree/one kept-tree/sub/two"),
        "far\nfar/four\nfull\nfull/one\nfull/sub\nfull/sub/two\nx\nx/y\nx/y/deep\nx/y/deep/three\none\nold\ntwo\n"
    );
    assert_eq!(backups(&host), 0, "`files_backup` was off");
    assert!(!host.exists("/root/t/away"));

    host.sh("rm /root/t/tree/sub/two; echo mine > /root/t/tree/one");
    put(
        &host,
        "recipes/default.rhai",
        r#"remote_directory("/root/t/tree", #{ action: "create_if_missing" });"#,
    );
    converge(&host).well();
    assert_eq!(host.sh("cd /root/t; cat tree/one tree/sub/two"), "mine\ntwo\n");

    mounted(&host, "/root/t/tree/disk");
    let purge = r#"remote_directory("/root/t/tree", #{ purge: true });"#;
    put(&host, "recipes/default.rhai", purge);
    converge(&host).fails(1, &["another file system is mounted at `/root/t/tree/disk`"]);
    assert!(host.exists("/root/t/tree/disk/kept"));
    let across = purge.replace("true }", "true, one_file_system: false }");
    put(&host, "recipes/default.rhai", &across);
    converge(&host).fails(1, &["is empty now", "unmount it"]);
    assert!(!host.exists("/root/t/tree/disk/kept"));
}

#[test]
fn link() {
    let host = prepared();
    let run = settle(
        &host,
        r#"
link("a link", #{ target_file: "/root/t/new", to: "real", owner: "walker", group: "crew" });
link("/root/t/link", #{ to: "/root/t/kept", link_type: "symbolic" });
link("/root/t/hard", #{ to: "/root/t/real", link_type: "hard" });
link("/root/t/owned", #{ to: "nowhere", force: true });
link("/root/t/dangling", #{ action: "delete" });
link("/root/t/never-there", #{ action: "delete" });
"#,
    );
    assert_eq!(run.count("changed"), 5);
    assert_eq!(
        host.sh("cd /root/t; readlink new link owned; stat -c %h real"),
        "real\n/root/t/kept\nnowhere\n2\n"
    );
    assert_eq!(look(&host, "new"), "new walker:crew 777 symbolic link\n");
    assert!(!host.exists("/root/t/dangling"));

    settle(
        &host,
        r#"link("/root/t/hard", #{ action: "delete", link_type: "hard", to: "/root/t/real" }); link("/root/t/link", #{ to: "real", action: "create" });"#,
    );
    assert_eq!(host.sh("cd /root/t; readlink link; stat -c %h real"), "real\n1\n");
    let run = apply(&host, r#"link("/root/t/kept", #{ to: "real" });"#);
    assert_eq!(
        (run.code(), host.read("/root/t/kept").as_str()),
        (Some(1), "old\n"),
        "{}",
        run.output
    );
}
