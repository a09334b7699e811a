//! `examples/webserver`, from an empty machine on.

use std::thread;
use std::time::Duration;

use toque_acceptance::{Host, Image};

use crate::it::toque::{REPOSITORY, Run, example, faithful, host, toque};

const PAGE: &str = "/srv/cookbooks/cookbooks/webserver/templates/index.html.hbs";

#[test]
fn the_first_recipe_makes_a_web_server_and_keeps_it() {
    let host = host(Image::Debian12);
    host.copy_in(example("webserver"), REPOSITORY);

    let planned = plan(&host, &["--detailed-exit-code"]);
    assert_eq!(planned.code(), Some(4), "{}", planned.output);
    assert_eq!(planned.with("would-change"), ["package[apache2]"], "{}", planned.output);
    // Installing it brings a service that runs at once, and a page.
    assert_eq!(
        planned.with("may-change"),
        ["service[apache2]", "template[/var/www/html/index.html]"],
        "{}",
        planned.output
    );
    assert!(!host.exists("/etc/apache2"), "a plan changes nothing");
    assert!(!host.exists("/var/lib/toque"), "a plan keeps nothing");

    let first = converge(&host, &[]).well();
    faithful(&planned, &first);
    assert_eq!(first.count("failed"), 0);
    host.sh("apt-get -q -y install curl");
    assert!(
        page(&host).contains("<h1>It works</h1>\n<p>Served by debian12, a machine with debian 12"),
        "{}",
        page(&host)
    );
    assert_eq!(
        host.sh("systemctl is-active apache2; systemctl is-enabled apache2"),
        "active\nenabled\n"
    );
    assert_eq!(host.sh("stat -c '%U:%G %a' /var/www/html/index.html"), "root:root 644\n");

    converge(&host, &[]).idle();
    let planned = plan(&host, &["--detailed-exit-code"]).well();
    assert_eq!(
        (planned.count("would_change"), planned.count("may_change")),
        (0, 0),
        "{}",
        planned.output
    );

    // A new page reloads the server, once.
    let before = reloads(&host);
    host.sh(&format!("sed -i 's/<h1>/<h1>Still: /' {PAGE}"));
    let planned = plan(&host, &["--detailed-exit-code"]);
    assert_eq!(planned.code(), Some(4), "{}", planned.output);
    let run = converge(&host, &[]).well();
    faithful(&planned, &run);
    assert_eq!(run.with("changed"), ["template[/var/www/html/index.html]", "service[apache2]"]);
    assert_eq!(
        run.of("service[apache2]"),
        ["enable: up-to-date", "start: up-to-date", "reload: changed"]
    );
    assert_eq!(reloads(&host) - before, 1);
    assert!(page(&host).contains("<h1>Still: It works</h1>"));
    converge(&host, &[]).idle();
    assert_eq!(reloads(&host) - before, 1);

    // Another title comes from the command line.
    host.write("/root/site.json", r#"{ "site": { "title": "Our shop" } }"#);
    let run = converge(&host, &["-j", "/root/site.json"]).well();
    assert_eq!(run.with("changed"), ["template[/var/www/html/index.html]", "service[apache2]"]);
    assert!(page(&host).contains("Still: Our shop"));
    converge(&host, &["-j", "/root/site.json"]).idle();

    // What someone did by hand is undone.
    host.sh("systemctl stop apache2");
    let run = converge(&host, &["-j", "/root/site.json"]).well();
    assert_eq!(run.with("changed"), ["service[apache2]"]);
    assert_eq!(run.of("service[apache2]"), ["enable: up-to-date", "start: changed"]);
    assert!(page(&host).contains("Still: Our shop"));
    converge(&host, &["-j", "/root/site.json"]).idle();
}

#[test]
fn every_platform_of_the_first_recipe_has_providers() {
    let host = host(Image::Debian12);
    host.copy_in(example("webserver"), REPOSITORY);
    let plan =
        |platform: &str| host.run(["toque", "plan", "--repo", REPOSITORY, "--platform", platform]);
    for (platform, lines) in [
        ("debian-11", ["package[apache2]", "apt", "service[apache2]", "systemd"]),
        ("ubuntu-24.04", ["package[apache2]", "apt", "service[apache2]", "systemd"]),
        ("rocky-9", ["package[httpd]", "dnf", "service[httpd]", "systemd"]),
        ("fedora-41", ["package[httpd]", "dnf", "service[httpd]", "systemd"]),
    ] {
        let output = plan(platform);
        assert_eq!(output.code(), Some(0), "{output}");
        let words: Vec<&str> = output.stdout.split_whitespace().collect();
        assert_eq!(
            words,
            [&lines[..], &["template[/var/www/html/index.html]", "file"]].concat(),
            "{platform}"
        );
    }
    assert!(!host.exists("/etc/apache2"));
}

#[track_caller]
fn converge(host: &Host, words: &[&str]) -> Run {
    toque(host, &[&["converge", "--repo", REPOSITORY, "webserver"], words].concat())
}

#[track_caller]
fn plan(host: &Host, words: &[&str]) -> Run {
    toque(host, &[&["plan", "--repo", REPOSITORY], words].concat())
}

#[track_caller]
fn page(host: &Host) -> String {
    host.ok(["curl", "--silent", "--show-error", "--fail", "http://localhost/"]).stdout
}

/// How often the server was told to read its configuration again.
fn reloads(host: &Host) -> usize {
    // The journal is written a little later than what it tells of.
    thread::sleep(Duration::from_millis(200));
    host.sh("journalctl --sync; journalctl --unit apache2 --output cat").matches("Reloaded").count()
}
