//! `examples/shop`: a wrapper cookbook, custom resources, a library, roles and an environment, from
//! an empty machine on.

use toque_acceptance::{Host, Image};

use crate::it::toque::{REPOSITORY, Run, example, faithful, host, toque};

#[test]
fn the_shop_is_served_and_stays_so() {
    let host = host(Image::Debian12);
    host.copy_in(example("shop"), REPOSITORY);

    let planned = plan(&host);
    assert_eq!(planned.code(), Some(4), "{}", planned.output);
    // What a package brings is known when it is there: what comes after the first one is open.
    assert_eq!(planned.with("would-change"), ["package[git]"], "{}", planned.output);
    for resource in
        ["package[apache2]", "apache_site[shop.example.com]", "git_setting[init.defaultBranch]"]
    {
        assert!(planned.with("may-change").contains(&resource), "{resource}\n{}", planned.output);
    }
    assert!(!host.exists("/etc/apache2") && !host.exists("/srv/www"), "a plan changes nothing");
    let first = converge(&host).well();
    faithful(&planned, &first);
    assert_eq!(first.count("failed"), 0);

    host.sh("apt-get -q -y install curl");
    assert_eq!(
        page(&host, "shop.example.com"),
        "<h1>Staging: The shop</h1>\n<p>staging, debian12</p>\n"
    );
    assert_eq!(page(&host, "www.shop.example.com"), page(&host, "shop.example.com"));
    assert_eq!(
        page(&host, "blog.example.com"),
        "<h1>Staging: What is new</h1>\n<p>staging, debian12</p>\n"
    );
    assert_eq!(host.sh("git config --system init.defaultBranch"), "trunk\n");

    let planned = plan(&host).well();
    assert_eq!(
        (planned.count("would_change"), planned.count("may_change")),
        (0, 0),
        "{}",
        planned.output
    );
    converge(&host).idle();

    // What someone did by hand is undone, and nothing else: by current, and in a site.
    host.sh("git config --system init.defaultBranch mine; git config --system user.name me; echo > /srv/www/blog.example.com/index.html");
    let planned = plan(&host);
    let run = converge(&host).well();
    faithful(&planned, &run);
    assert_eq!(
        run.with("changed"),
        [
            "apache_site[blog.example.com]/template[/srv/www/blog.example.com/index.html]",
            "apache_site[blog.example.com]",
            "git_setting[init.defaultBranch]/execute[set init.defaultBranch]",
            "git_setting[init.defaultBranch]/converge_if_changed[value]",
            "git_setting[init.defaultBranch]",
            "git_setting[user.name]/execute[unset user.name]",
            "git_setting[user.name]",
        ]
    );
    converge(&host).idle();

    // A site that is closed goes, once.
    host.write(
        "/root/closed.json",
        r#"{ "shop": { "closed": ["blog.example.com"], "sites": { "blog.example.com": null } } }"#,
    );
    host.sh(&format!("sed -i 's/for (domain, site) in node.shop.sites {{/&\\n    if site == () {{ continue; }}/' {REPOSITORY}/cookbooks/shop/recipes/default.rhai"));
    let closed = |words: &[&str]| {
        toque(
            &host,
            &[words, &["--repo", REPOSITORY, "--node", "shop1", "-j", "/root/closed.json"]]
                .concat(),
        )
    };
    let run = closed(&["converge"]).well();
    assert!(run.with("changed").contains(&"apache_site[blog.example.com]"), "{}", run.output);
    assert!(run.with("changed").contains(&"service[apache2]"), "{}", run.output);
    assert!(!page(&host, "blog.example.com").contains("What is new"));
    closed(&["converge"]).idle();

    // Who set what.
    let explained = host
        .run(["toque", "explain", "shop.branch", "--repo", REPOSITORY, "--node", "shop1"])
        .stdout;
    for level in ["default", "role_default", "nodes/shop1.json:5"] {
        assert!(explained.contains(level), "{explained}");
    }
}

#[track_caller]
fn converge(host: &Host) -> Run {
    toque(host, &["converge", "--repo", REPOSITORY, "--node", "shop1"])
}

#[track_caller]
fn plan(host: &Host) -> Run {
    toque(host, &["plan", "--repo", REPOSITORY, "--node", "shop1", "--detailed-exit-code"])
}

#[track_caller]
fn page(host: &Host, name: &str) -> String {
    host.ok([
        "curl",
        "--silent",
        "--show-error",
        "--header",
        &format!("Host: {name}"),
        "http://localhost:8080/",
    ])
    .stdout
}
