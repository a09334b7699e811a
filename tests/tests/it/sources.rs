//! Repositories and archives, fetched from servers of every sort: by ssh with a key, over HTTP with
//! a password, from the machine itself.

use toque_acceptance::{Host, Image};

use crate::it::servers::{GIT, PASSWORD, nginx, ssh};
use crate::it::toque::{apply, host, plan, settle};

/// A host with git and the repositories `/srv/git/site.git` (tags `v1` and `v2`, a submodule) and
/// `/srv/git/lib.git`.
fn equipped(packages: &str) -> Host {
    let host = host(Image::Debian12);
    host.sh(&format!("apt-get -q -y install git {packages} && useradd --system app && mkdir -p /srv/git /srv/work"));
    host.sh(r#"
        git config --system user.name Ann; git config --system user.email ann@example.com
        git config --system protocol.file.allow always; git config --system init.defaultBranch main
        cd /srv/work; git init -q lib; (cd lib; echo lib > lib.txt; git add .; git commit -q -m lib)
        git clone -q --bare lib /srv/git/lib.git
        git init -q site; cd site; echo one > version; git add .; git commit -q -m one; git tag -a -m v1 v1
        git submodule --quiet add ../../git/lib.git vendor/lib 2> /dev/null || git submodule --quiet add /srv/git/lib.git vendor/lib
        git config -f .gitmodules submodule.vendor/lib.url ../lib.git
        echo two > version; git add .; git commit -q -m two; git tag v2
        git clone -q --bare . /srv/git/site.git"#);
    host
}

/// Where the commits of a clone are.
fn version(host: &Host, folder: &str) -> String {
    host.sh(&format!("cat {folder}/version"))
}

#[test]
fn a_clone_in_a_users_home() {
    let host = equipped("");
    host.sh("useradd --create-home ann; chmod 755 /home/ann");
    let clone = |more: &str| {
        format!(r#"git("/home/ann/site", #{{ repository: "/srv/git/site.git", {more} }});"#)
    };
    apply(&host, &clone(r#"revision: "v1""#))
        .fails(1, &["cannot fill `/home/ann/site`", "set `user`"]);
    settle(&host, &clone(r#"revision: "v1", user: "ann""#));
    settle(&host, &clone(r#"revision: "v2", user: "ann""#));
    assert_eq!(version(&host, "/home/ann/site"), "two\n");
    assert_eq!(
        host.sh("stat -c %U:%G /home/ann/site /home/ann/site/.git/HEAD; ls -A /home"),
        "ann:ann\nann:ann\nann\n"
    );
}

#[test]
fn git() {
    let host = equipped("");
    let clone = |more: &str| {
        format!(r#"git("/srv/site", #{{ repository: "/srv/git/site.git", {more} }});"#)
    };
    let planned = plan(&host, &clone(r#"revision: "v1""#));
    assert_eq!(planned.with("would-change"), ["git[/srv/site]"], "{}", planned.output);
    assert!(!host.exists("/srv/site"));
    settle(&host, &clone(r#"revision: "v1", user: "app", group: "app", action: "sync""#));
    assert_eq!(version(&host, "/srv/site"), "one\n");
    assert_eq!(
        host.sh("cd /srv/site; stat -c %U:%G . version .git/HEAD; ls -A"),
        "app:app\napp:app\napp:app\n.git\nversion\n"
    );
    // Brought up to date as its owner, whose hooks and filters are his own business.
    host.sh("cd /srv/site; echo mine > mine; echo edited > version; mkdir -p .git/hooks
        printf '#!/bin/sh\\nid -un > /srv/hooked\\n' > .git/hooks/post-checkout; chmod 755 .git/hooks/post-checkout
        git config --file .git/config core.fsmonitor 'id -un > /tmp/monitored; false'; chown -R app:app .");
    settle(&host, &clone(r#"revision: "v2", enable_submodules: true"#));
    assert_eq!(
        host.sh("cd /srv/site; cat version mine vendor/lib/lib.txt; stat -c %U vendor/lib/lib.txt"),
        "two\nmine\nlib\napp\n"
    );
    assert!(!host.exists("/srv/hooked") && !host.exists("/tmp/monitored"));
    apply(&host, &clone(r#"revision: "v1", action: "checkout""#)).idle();
    apply(&host, &clone(r#"revision: "v3""#))
        .fails(1, &["has no branch, tag or commit `v3`", "did you mean `v1`?"]);

    let export = |revision: &str| {
        format!(
            r#"git("b", #{{ destination: "/srv/b", repository: "/srv/git/site.git", revision: "{revision}", shallow: true, action: "export" }});"#
        )
    };
    settle(&host, &export("v2"));
    settle(&host, &export("v1"));
    assert_eq!(host.sh("cd /srv/b; ls -A; cat version"), "version\none\n");
    settle(&host, &export(host.sh("git -C /srv/git/site.git rev-parse v2").trim()));
    host.sh("rm -r /srv/git/site.git");
    apply(&host, &export("main")).fails(1, &["git ls-remote", "check the `url`"]);
    assert_eq!(version(&host, "/srv/b"), "two\n");
    assert_eq!(host.sh("ls -A /srv | grep -v repository"), "b\ngit\nsite\nwork\n");
}

#[test]
fn git_is_planned_before_it_is_installed() {
    let host = host(Image::Debian12);
    let recipe = r#"
        package("git");
        execute("mkdir -p /srv/a && cd /srv/a && git init -q . && git -c user.name=a -c user.email=b commit -q --allow-empty -m x && git branch -m main",
            #{ not_if: "test -d /srv/a" });
        git("/srv/b", #{ repository: "/srv/a", revision: "main" });"#;
    let planned = plan(&host, recipe);
    assert!(planned.with("may-change").contains(&"git[/srv/b]"), "{}", planned.output);
    settle(&host, recipe);
    assert!(host.exists("/srv/b/.git/HEAD"));
    host.sh("apt-get -q -y purge git > /dev/null 2>&1");
    apply(&host, r#"git("/srv/c", #{ repository: "/srv/a" });"#)
        .fails(1, &["there is no program `git`", "declare `package(\"git\")`"]);
}

#[test]
fn git_by_ssh() {
    let host = equipped("openssh-server openssh-client procps");
    host.sh("git config --system --add safe.directory '*'");
    ssh(&host);
    host.sh(r#"
        mv /usr/bin/ssh /usr/bin/ssh.real
        printf '#!/bin/sh\nps -eo args >> /run/seen; exec /usr/bin/ssh.real "$@"\n' > /usr/bin/ssh; chmod 755 /usr/bin/ssh"#);
    // Documents lose the end of the last line.
    let key = host.sh("cat /root/key; rm /root/key").trim_end().to_owned();
    let line = key.lines().nth(2).unwrap().to_owned();
    let clone = |to: &str, key: &str| {
        format!(
            "git(\"{to}\", #{{ repository: \"git@127.0.0.1:/srv/git/site.git\", revision: \"v2\", enable_submodules: true, ssh_key: `{key}` }});"
        )
    };
    plan(&host, &clone("/srv/a", &key)).well();
    assert!(!host.exists("/root/.ssh/known_hosts"), "a plan makes no host known");
    settle(&host, &clone("/srv/a", &key));
    assert_eq!(host.sh("cat /srv/a/version /srv/a/vendor/lib/lib.txt"), "two\nlib\n");
    assert!(host.exists("/root/.ssh/known_hosts"));
    let seen = host.read("/run/seen");
    assert!(seen.contains("ssh -o BatchMode=yes") || seen.contains("ssh.real"), "{seen}");
    assert!(!seen.contains(&line), "{seen}");
    host.sh("rm /root/recipe.rhai");
    assert_eq!(
        host.sh(&format!(
            "grep -rlF -e '{line}' /root /srv /tmp /var /etc /run /home 2> /dev/null || true"
        )),
        ""
    );

    let other = host
        .sh("ssh-keygen -q -t ed25519 -N '' -f /root/other; cat /root/other")
        .trim_end()
        .to_owned();
    let run = apply(&host, &clone("/srv/b", &other))
        .fails(1, &["see that the server knows the public part of `ssh_key`"]);
    assert!(!run.output.stderr.contains(other.lines().nth(2).unwrap()));
    apply(&host, &clone("/srv/b", "nonsense")).fails(1, &["`ssh_key` is no private key"]);
    // Whoever answers in the host's place is not given anything.
    host.sh("rm /etc/ssh/ssh_host_*; ssh-keygen -A > /dev/null; systemctl restart ssh");
    apply(&host, &clone("/srv/b", &key)).fails(1, &["the host has another key than before"]);
    assert!(!host.exists("/srv/b"));
}

/// Serves `/srv/git` and `/srv/www` to `ann`, whose password is `s3cret-word`.
fn serve(host: &Host) {
    host.sh("chown -R www-data /srv/git");
    nginx(host, &format!("server {{ listen 8080; root /srv/www; {PASSWORD} {GIT} }}\n"));
}

#[test]
fn git_with_a_password() {
    let host = equipped("nginx fcgiwrap apache2-utils procps");
    serve(&host);
    // Every program that git starts is seen with its arguments.
    host.sh(r#"mv /usr/lib/git-core/git-remote-http /usr/lib/git-core/git-remote-http.real
        printf '#!/bin/sh\nps -eo args >> /run/seen; exec /usr/lib/git-core/git-remote-http.real "$@"\n' > /usr/lib/git-core/git-remote-http
        chmod 755 /usr/lib/git-core/git-remote-http"#);
    let clone = |to: &str, at: &str, more: &str| {
        format!(
            r#"git("{to}", #{{ repository: "http://{at}127.0.0.1:8080/git/site.git", revision: "v2", enable_submodules: true, {more} }});"#
        )
    };
    settle(&host, &clone("/srv/a", "", r#"username: "ann", password: "s3cret-word""#));
    settle(&host, &clone("/srv/b", "ann:s3cret%2dword@", ""));
    for folder in ["/srv/a", "/srv/b"] {
        assert_eq!(
            host.sh(&format!("cat {folder}/version {folder}/vendor/lib/lib.txt")),
            "two\nlib\n"
        );
    }
    let seen = host.read("/run/seen");
    assert!(seen.contains("git-remote-http") && !seen.contains("s3cret-word"), "{seen}");
    host.sh("rm /root/recipe.rhai");
    assert_eq!(host.sh("grep -rlF -e s3cret-word -e s3cret%2dword /root /srv /tmp /var /run 2> /dev/null || true"), "");
    apply(&host, &clone("/srv/c", "", "")).fails(1, &["set `user` and `password`"]);
    let run = apply(&host, &clone("/srv/c", "", r#"username: "ann", password: "another-word""#))
        .fails(1, &["check `user` and `password`"]);
    assert!(!run.output.to_string().contains("another-word"));
}

#[test]
fn archive_file() {
    let host = equipped("nginx fcgiwrap apache2-utils xz-utils zstd bzip2 zip");
    host.sh("mkdir -p /srv/www /srv/tree/top/d; cd /srv/tree; echo one > top/a; echo two > top/d/b; ln -s ../a top/d/l; chmod 4755 top/a
        tar czf /srv/www/a.tgz top; tar cJf /srv/www/a.tar.xz top; tar --zstd -cf /srv/www/a.tar.zst top; tar cjf /srv/www/a.tbz top
        zip -q -y -r /srv/www/a.war top; tar cf /srv/www/plain top
        echo three > top/a; rm top/d/b; tar czf /srv/www/b.tgz top
        tar czPf /srv/www/evil.tgz --transform 's|top/a|../../../../root/evil|' top/a
        head -c 200 /srv/www/a.tgz > /srv/www/cut.tgz; echo '<!DOCTYPE html>' > /srv/www/page.tgz");
    serve(&host);
    for (number, name) in
        ["a.tgz", "a.tar.xz", "a.tar.zst", "a.tbz", "a.war", "plain"].iter().enumerate()
    {
        settle(
            &host,
            &format!(
                r#"archive_file("/srv/www/{name}", #{{ destination: "/opt/{number}", strip_components: 1, action: "extract" }});"#
            ),
        );
        assert_eq!(
            host.sh(&format!("cd /opt/{number}; cat a d/b d/l; stat -c %a a")),
            "one\ntwo\none\n755\n",
            "{name}"
        );
    }
    let sum = host.sh("sha256sum < /srv/www/b.tgz")[..64].to_owned();
    let unpack = |name: &str, more: &str| {
        format!(
            r#"archive_file("site", #{{ path: "http://localhost:8080/{name}", destination: "/opt/site", username: "ann", password: "s3cret-word", {more} }});"#
        )
    };
    let owned = r#"owner: "app", group: "app", mode: "0750""#;
    settle(&host, &unpack("a.tgz", owned));
    assert_eq!(host.sh("cd /opt/site; stat -c '%U:%G %a' . top/a"), "app:app 750\napp:app 755\n");
    apply(&host, &unpack("b.tgz", owned)).idle();
    host.sh("echo mine > /opt/site/mine");
    settle(&host, &unpack("b.tgz", &format!(r#"overwrite: true, checksum: "{sum}""#)));
    assert_eq!(
        host.sh("cd /opt/site; cat top/a top/d/b mine; stat -c '%U:%G %a' . top/a"),
        "three\ntwo\nmine\napp:app 750\napp:app 755\n"
    );
    host.sh("rm -r /opt/site");
    let full = host.sh("ls /opt");
    for (name, more, parts) in [
        ("evil.tgz", "", &["has a name with `..`"][..]),
        ("cut.tgz", "", &["it is damaged or cut off"]),
        ("page.tgz", "", &["it is no archive but a web page"]),
        ("none.tgz", "", &["answered 404"]),
        ("a.tgz", &format!(r#"checksum: "{sum}""#), &["does not have the checksum"]),
    ] {
        apply(&host, &unpack(name, more)).fails(1, parts);
        assert_eq!(host.sh("ls -A /opt"), full, "{name}");
    }
    assert!(!host.exists("/root/evil"));
    apply(&host, r#"archive_file("http://localhost:8080/a.tgz", #{ destination: "/opt/site" });"#)
        .fails(1, &["answered 401", "check `user`"]);
    // A full disk leaves nothing.
    host.sh("mkdir /opt/small; mount -t tmpfs -o size=64k none /opt/small; cd /srv/tree; head -c 200000 /dev/urandom > top/big; tar czf /srv/big.tgz top");
    apply(&host, r#"archive_file("/srv/big.tgz", #{ destination: "/opt/small/site" });"#)
        .fails(1, &["no space left", "df -h"]);
    assert_eq!(host.sh("ls -A /opt/small"), "");
}
