//! Apps as releases: a service that is restarted, checked and rolled back, events of a stack, and
//! SIGKILL at any moment.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use toque_acceptance::{Host, Image};

use crate::it::chance::{Chance, most_kills, seed};
use crate::it::servers::git_daemon;
use crate::it::toque::{Run, apply, host, plan, settle, start, toque};

/// Answers with its version and what its environment says.
const SERVER: &str = r#"
import http.server, os
VERSION = open("version").read().strip()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = os.path.exists("broken")
        self.send_response(500 if broken else 200)
        self.end_headers()
        self.wfile.write((VERSION + " " + os.environ.get("GREETING", "")).encode())
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
"#;

const UNIT: &str = "\
[Unit]
StartLimitIntervalSec=0

[Service]
User=site
WorkingDirectory=/srv/www/site/current
EnvironmentFile=/srv/www/site/shared/app.env
ExecStart=/usr/bin/python3 server.py
";

/// A host with an app in a repository of versions `v1` to `v4`, of which the third does not work.
fn equipped() -> Host {
    let host = host(Image::Debian12);
    host.sh("apt-get -q -y install git python3 curl && useradd --system site && mkdir -p /srv/www /srv/origin/log");
    host.write("/srv/origin/server.py", SERVER);
    host.write("/etc/systemd/system/site.service", UNIT);
    host.sh("systemctl daemon-reload
        cd /srv/origin; git init -q -b main; git config user.name Ann; git config user.email ann@example.com; touch log/.keep
        for version in v1 v2 v3 v4; do
            echo $version > version; rm -f broken; test $version != v3 || touch broken
            git add -A; git commit -q -m $version; git tag $version
        done");
    git_daemon(&host);
    host
}

/// A recipe that deploys a version.
fn recipe(version: &str, more: &str) -> String {
    format!(
        r#"deploy("/srv/www/site", #{{
    source: #{{ type: "git", url: "git://127.0.0.1/origin", revision: "{version}" }},
    owner: "site", environment: #{{ PORT: 8080, GREETING: "it's \"$5\" \\ `now`" }}, shared: ["log"],
    restart: #{{ service: "site" }}, check: #{{ url: "http://127.0.0.1:8080/", timeout: 15, interval: 0.2 }}, {more}
}});"#
    )
}

const GREETING: &str = r#"it's "$5" \ `now`"#;

/// What the app answers.
fn answer(host: &Host) -> String {
    host.sh("curl -s http://127.0.0.1:8080/ || true")
}

fn releases(host: &Host) -> Vec<String> {
    host.sh("cat /srv/www/site/releases/*/version | sort").lines().map(str::to_owned).collect()
}

#[test]
fn a_service_is_deployed_checked_and_rolled_back() {
    let host = equipped();
    let planned = plan(&host, &recipe("v1", ""));
    assert!(!host.exists("/srv/www/site"), "a plan changes nothing");
    assert_eq!(planned.with("would-change"), ["deploy[/srv/www/site]"], "{}", planned.output);
    settle(&host, &recipe("v1", ""));
    assert_eq!(
        answer(&host),
        format!("v1 {GREETING}"),
        "systemd reads the environment as it was given"
    );
    let owners = host.sh(
        "cd /srv/www/site; stat -c '%n %U:%G %a' . releases shared shared/log shared/app.env current/version repo releases.json",
    );
    let expected = ". root:root 755\nreleases root:root 755\nshared root:root 755\nshared/log site:site 755\nshared/app.env site:site 600\n\
                    current/version site:site 644\nrepo root:root 700\nreleases.json root:root 600\n";
    assert_eq!(owners, expected);
    assert_eq!(
        host.sh("cd /srv/www/site; readlink current | cut -c1-9; readlink current/log"),
        "releases/\n/srv/www/site/shared/log\n"
    );

    settle(&host, &recipe("v2", ""));
    assert_eq!(answer(&host), format!("v2 {GREETING}"));
    let run = apply(&host, &recipe("v3", ""))
        .fails(1, &["the app is not up after 15 s", "answered 500", "rolled back to v2 ("]);
    assert!(run.output.stderr.contains("which was restarted"), "{}", run.output);
    assert_eq!(
        (answer(&host), releases(&host)),
        (format!("v2 {GREETING}"), ["v1", "v2"].map(str::to_owned).to_vec())
    );
    apply(&host, &recipe("v2", "")).idle();

    let rollback = r#"deploy("/srv/www/site", #{ action: "rollback", restart: #{ service: "site" }, check: #{ url: "http://127.0.0.1:8080/" } });"#;
    apply(&host, rollback).well();
    assert_eq!(answer(&host), format!("v1 {GREETING}"));
    let held = apply(&host, &recipe("v2", "")).well();
    assert!(held.output.stdout.contains("held: v2 was rolled back"), "{}", held.output);
    assert_eq!((held.with("changed"), answer(&host)), (vec![], format!("v1 {GREETING}")));
    apply(&host, rollback).fails(1, &["there is no release before v1"]);
    assert_eq!(answer(&host), format!("v1 {GREETING}"));
    settle(&host, &recipe("v4", ""));
    assert_eq!(answer(&host), format!("v4 {GREETING}"));

    let before = host.sh("systemctl show -P ExecMainPID site");
    apply(&host, r#"deploy("/srv/www/site", #{ action: "restart", restart: #{ service: "site" }, check: #{ port: 8080 } });"#)
        .well();
    assert_ne!(host.sh("systemctl show -P ExecMainPID site"), before);
    host.sh("systemctl stop site");
    settle(&host, r#"deploy("/srv/www/site", #{ action: "undeploy" });"#);
    assert!(!host.exists("/srv/www/site"));
}

#[test]
fn properties() {
    let host = equipped();
    let say = "echo $APP $WHO $(id -un):$(id -gn) >> $DEPLOY_PATH/shared/log/";
    let more = format!(
        r#"app: "shop", user: "site", group: "daemon", mode: "0750", keep_releases: 2, timeout: 60,
    environment: #{{ WHO: "me" }}, environment_file: "shop.env", rollback_on_error: false,
    shared: ["log", "config"], symlinks: #{{ log: "var/log" }}, symlink_before_migrate: #{{ "config/a.yml": "conf/a.yml" }},
    create_dirs_before_symlink: ["tmp"], purge_before_symlink: ["server.py"],
    before_migrate: `{say}before_migrate`, migrate: true, migrate_command: `{say}migrate`, before_symlink: `{say}before_symlink`,
    before_restart: |app| if !file_exists(app.path + "/shop.env") {{ throw "no environment" }},
    restart: ["sh", "-c", "id -un > /root/restarted"], check: #{{ command: `{say}check` }}, after_restart: ["sh", "-c", `{say}after`],"#
    );
    let recipe = |version: &str| {
        format!(
            "deploy(\"the shop\", #{{ path: \"/srv/www/shop\", source: #{{ type: \"git\", url: \"/srv/origin\", revision: \"{version}\" }},\n    {more}\n}});"
        )
    };
    for version in ["v1", "v2", "v3"] {
        settle(&host, &recipe(version));
    }
    let said = host.sh("cd /srv/www/shop/shared/log; for file in before_migrate migrate before_symlink check after; do tail -qn1 $file; done | sort -u");
    assert_eq!(said, "shop me site:daemon\n");
    assert_eq!(host.read("/root/restarted"), "root\n");
    assert_eq!(
        host.sh("cd /srv/www/shop; ls releases | wc -l; stat -Lc '%U:%G %a' current; cat shop.env"),
        "2\nsite:daemon 750\nWHO=\"me\"\n"
    );
    let links = host.sh("cd /srv/www/shop/current; readlink var/log conf/a.yml; ls -d tmp; ls server.py 2>&1 || true");
    assert!(
        links.starts_with("/srv/www/shop/shared/log\n/srv/www/shop/shared/config/a.yml\ntmp\n"),
        "{links}"
    );
    assert!(links.contains("No such file"), "{links}");
}

#[test]
fn an_archive_is_deployed_and_rolled_back_without_its_server() {
    let host = equipped();
    host.sh("cd /srv/origin; for version in v1 v2; do git archive --format tar.gz -o /srv/$version.tar.gz $version; done");
    let recipe = |version: &str| {
        recipe(version, "").replace(
            &format!(r#"type: "git", url: "git://127.0.0.1/origin", revision: "{version}""#),
            &format!(r#"type: "archive", url: "/srv/{version}.tar.gz""#),
        )
    };
    settle(&host, &recipe("v1"));
    settle(&host, &recipe("v2"));
    assert_eq!(answer(&host), format!("v2 {GREETING}"));
    host.sh("rm /srv/*.tar.gz");
    apply(&host, r#"deploy("/srv/www/site", #{ action: "rollback", restart: #{ service: "site" }, check: #{ port: 8080 } });"#)
        .well();
    assert_eq!(answer(&host), format!("v1 {GREETING}"));
    apply(&host, &recipe("v2")).fails(1, &["/srv/v2.tar.gz"]);
    assert_eq!(answer(&host), format!("v1 {GREETING}"));
}

/// An event of the stack.
fn event(host: &Host, words: &[&str]) -> Run {
    toque(
        host,
        &[
            &[
                "converge",
                "--repo",
                "/srv/cookbooks",
                "--stack",
                "/srv/stack.json",
                "--instance",
                "web1",
                "--event",
            ],
            words,
        ]
        .concat(),
    )
}

#[test]
fn a_rollback_holds_until_a_deploy_is_asked_for() {
    let host = equipped();
    host.write(
        "/srv/cookbooks/cookbooks/web/cookbook.toml",
        "name = \"web\"\nversion = \"1.0.0\"\n",
    );
    host.write(
        "/srv/cookbooks/cookbooks/web/recipes/default.rhai",
        r#"for app in search("aws_opsworks_app") {
    deploy(`/srv/www/${app.shortname}`, #{
        source: app.app_source, owner: "site", environment: app.environment, restart: #{ service: "site" },
        check: #{ url: "http://127.0.0.1:8080/", timeout: 30 },
    });
}"#,
    );
    let stack = |version: &str| {
        let text = format!(
            r#"{{ "stack": {{ "name": "shop" }},
  "layers": [{{ "shortname": "web", "name": "Web", "custom_recipes": {{ "configure": ["web"], "deploy": ["web"], "undeploy": ["web"] }} }}],
  "instances": [{{ "hostname": "web1", "layers": ["web"], "status": "online" }}],
  "apps": [{{ "shortname": "site", "name": "Site", "type": "other", "environment": {{ "GREETING": "hello" }},
             "app_source": {{ "type": "git", "url": "/srv/origin", "revision": "{version}" }} }}] }}"#
        );
        host.write("/srv/stack.json", text);
    };
    stack("v1");
    event(&host, &["deploy", "--app", "site"]).well();
    stack("v2");
    event(&host, &["deploy", "--app", "site"]).well();
    assert_eq!(answer(&host), "v2 hello");
    event(&host, &["rollback", "--app", "site"]).well();
    assert_eq!(answer(&host), "v1 hello");
    for _ in 0..2 {
        let run = event(&host, &["configure"]).well();
        assert!(run.output.stdout.contains("held: v2 was rolled back"), "{}", run.output);
        run.idle();
    }
    event(&host, &["deploy", "--app", "site"]).well();
    assert_eq!(answer(&host), "v2 hello");
    event(&host, &["rollback", "--app", "site"]).well();
    stack("v4");
    event(&host, &["configure"]).well();
    assert_eq!(answer(&host), "v4 hello", "another revision ends the hold");
}

#[test]
fn an_app_user_leads_nobody_elsewhere() {
    let host = equipped();
    settle(&host, &recipe("v1", ""));
    // What the app may change itself: its releases, and the folders it shares.
    host.sh("cp /etc/hostname /root/hostname; cd /srv/www/site
        su -s /bin/sh site -c 'rm -rf current/log; ln -s /etc current/log; rm -rf shared/log/*; ln -s /etc shared/log/deep'");
    settle(
        &host,
        &recipe("v2", "symlinks: #{ log: \"log\" }, purge_before_symlink: [\"log/hostname\"],"),
    );
    assert_eq!(
        host.sh("cmp /etc/hostname /root/hostname; readlink /srv/www/site/current/log"),
        "/srv/www/site/shared/log\n"
    );
    // In a folder of his own he could lead toque anywhere.
    host.sh("chown site /srv/www/site/releases");
    apply(&host, &recipe("v4", "")).fails(
        1,
        &["cannot deploy in `/srv/www/site/releases`: user", "owns `/srv/www/site/releases`"],
    );
    assert_eq!(answer(&host), format!("v2 {GREETING}"));
}

#[test]
fn what_goes_wrong_leaves_the_app_as_it_is() {
    let host = equipped();
    apply(&host, "deploy(\"/srv/www/site\", #{ source: #{ type: \"other\" } });")
        .fails(2, &["the app has no source to deploy"]);
    settle(&host, &recipe("v1", ""));
    let before = host.sh("cd /srv/www/site; readlink current; ls -A . releases; cat releases.json");
    for (recipe, told) in [
        (recipe("v9", ""), "v9"),
        (recipe("v2", "before_migrate: \"echo $GREETING; exit 3\","), "exited with 3"),
        (recipe("v2", "migrate: true, migrate_command: [\"false\"],"), "exited with 1"),
        (recipe("v2", "before_symlink: || { throw \"no\" },"), "no"),
        (recipe("v2", "").replace("/origin", "/nowhere"), "git://127.0.0.1/nowhere"),
    ] {
        let run = apply(&host, &recipe).fails(1, &[told]);
        assert!(!run.output.stderr.contains("it's"), "{}", run.output);
        assert_eq!(
            host.sh("cd /srv/www/site; readlink current; ls -A . releases; cat releases.json"),
            before,
            "{}",
            run.output
        );
    }
    assert_eq!(answer(&host), format!("v1 {GREETING}"));

    // A disk that is too small.
    host.sh("mkdir -p /srv/small; mount -t tmpfs -o size=3m,mode=755 tmpfs /srv/small");
    let small = |version: &str| {
        format!(
            "deploy(\"/srv/small/site\", #{{ source: #{{ type: \"git\", url: \"/srv/origin\", revision: \"{version}\" }} }});"
        )
    };
    settle(&host, &small("v1"));
    host.sh("cd /srv/origin; head -c 4000000 /dev/urandom > large; git add -A; git commit -q -m large; git tag large");
    let run = apply(&host, &small("large"));
    assert_eq!(run.code(), Some(1), "{}", run.output);
    assert!(run.output.stderr.contains("no space left on the file system"), "{}", run.output);
    assert_eq!(
        host.sh("cd /srv/small/site; cat current/version; ls -A releases | wc -l"),
        "v1\n1\n"
    );
    apply(&host, &small("v2")).well();
}

#[test]
fn no_kill_makes_an_incomplete_release_current() {
    let seed = seed();
    let mut chance = Chance(seed);

    let host = host(Image::Debian12);
    host.sh("apt-get -q -y install git && useradd --system site && mkdir -p /srv/www /srv/origin");
    host.sh(
        "cd /srv/origin; git init -q -b main; git config user.name Ann; git config user.email ann@example.com
        for version in 0 1 2; do
            for number in $(seq 200); do mkdir -p d$((number % 7)); echo file $number of version $version > d$((number % 7))/$number; done
            echo $version > version; find . -name .git -prune -o -type f ! -name MANIFEST -print0 | sort -z | xargs -0 sha256sum > MANIFEST
            git add -A; git commit -q -m $version; git tag v$version
        done",
    );
    git_daemon(&host);
    let write = |version: usize| {
        let recipe = format!(
            r#"deploy("/srv/www/site", #{{
    source: #{{ type: "git", url: "git://127.0.0.1/origin", revision: "v{version}" }}, owner: "site", shared: ["log"], keep_releases: 2,
    environment: #{{ VERSION: "{version}" }}, before_migrate: "echo 1 > hooked", before_symlink: "echo 2 >> hooked",
    restart: "cp version /run/site", check: #{{ command: "grep -qx {version} version" }},
}});"#
        );
        host.write("/root/recipe.rhai", recipe);
    };
    // Everything that makes a release complete, and nothing else current.
    let complete = |what: &str| {
        let script = "cd /srv/www/site/current && sha256sum --quiet -c MANIFEST && test \"$(cat hooked)\" = \"1\n2\" && test -d log && cat version";
        let run =
            host.run(["sh", "-c", &format!("test ! -L /srv/www/site/current || {{ {script}; }}")]);
        assert!(run.success(), "seed {seed}, {what}: {run}");
        run.stdout.trim().to_owned()
    };
    write(0);
    let begun = Instant::now();
    toque(&host, &["apply", "/root/recipe.rhai"]).well();
    let whole = begun.elapsed();
    let (mut version, mut kills) = (0, 0);
    while kills < most_kills() {
        version = (version + 1) % 3;
        write(version);
        let mut run = start(&host, &["apply", "/root/recipe.rhai"]);
        thread::sleep(whole.mul_f64(chance.draw()));
        run.kill(Signal::SIGKILL);
        let killed = run.wait(Duration::from_secs(60)).code().is_none();
        kills += usize::from(killed);
        complete(&format!("kill {kills}"));
        // Now and then several are killed in a row, or another version comes next.
        if chance.draw() < 0.5 {
            if chance.draw() < 0.3 {
                version = (version + 1) % 3;
                write(version);
            }
            let run = toque(&host, &["apply", "/root/recipe.rhai"]);
            assert_eq!(run.code(), Some(0), "seed {seed}, after kill {kills}: {}", run.output);
            assert_eq!(
                complete("the next deploy"),
                version.to_string(),
                "seed {seed}, after kill {kills}"
            );
            let rest = host.sh("cat /run/site /srv/www/site/shared/app.env; ls -A /srv/www/site; ls -A /srv/www/site/releases | grep -c '^[.]' || true");
            let expected = format!(
                "{version}\nVERSION=\"{version}\"\ncurrent\nreleases\nreleases.json\nrepo\nshared\n0\n"
            );
            assert_eq!(rest, expected, "seed {seed}, after kill {kills}");
        }
    }
    std::io::stderr()
        .write_all(format!("seed {seed}: {kills} kills\n").as_bytes())
        .expect("there is a standard error");
}
