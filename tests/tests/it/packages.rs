//! Packages, by apt and by dnf.

use toque_acceptance::{Host, Image};

use crate::it::toque::{REPOSITORY, apply, converge, host, plan, put, settle, toque};

fn version(host: &Host, package: &str) -> String {
    host.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package])
        .stdout
}

#[test]
fn apt() {
    let host = host(Image::Debian12);

    // A version, the newest, an older one, and none.
    settle(
        &host,
        r#"package("probe", #{ package_name: "toque-probe", version: "1.0", action: "install" });"#,
    );
    assert_eq!(version(&host, "toque-probe"), "installed 1.0");
    apply(&host, r#"package("toque-probe");"#).idle();
    host.sh("echo mine > /etc/toque-probe.conf");
    settle(&host, r#"package("toque-probe", #{ action: "upgrade" });"#);
    assert_eq!(
        (version(&host, "toque-probe").as_str(), host.read("/etc/toque-probe.conf").as_str()),
        ("installed 2.0", "mine\n")
    );
    apply(&host, r#"package("toque-probe", #{ version: "1.0", allow_downgrade: false });"#).idle();
    settle(&host, r#"package("toque-probe", #{ version: "1.0", overwrite_config_files: true });"#);
    assert_eq!(
        (version(&host, "toque-probe").as_str(), host.read("/etc/toque-probe.conf").as_str()),
        ("installed 1.0", "# as of 1.0\nsetting = default\n")
    );
    settle(&host, r#"package("toque-probe", #{ action: "lock" });"#);
    assert_eq!(host.sh("apt-mark showhold"), "toque-probe\n");
    settle(&host, r#"package("toque-probe", #{ action: "unlock" });"#);
    assert_eq!(host.sh("apt-mark showhold"), "");
    settle(&host, r#"package("toque-probe", #{ action: "remove" });"#);
    assert_eq!(
        (version(&host, "toque-probe").as_str(), host.exists("/etc/toque-probe.conf")),
        ("config-files 1.0", true)
    );
    settle(&host, r#"package("toque-probe", #{ action: "purge" });"#);
    assert!(!host.exists("/etc/toque-probe.conf"));

    // A file; several at once; options and environment of apt.
    settle(
        &host,
        r#"package("toque-probe", #{ source: "/srv/repository/toque-probe_1.0_all.deb" });"#,
    );
    assert_eq!(version(&host, "toque-probe"), "installed 1.0");
    let several = r#"
package(["toque-probe", "hello"], #{
    version: ["2.0", ()],
    options: ["-o", "DPkg::Pre-Invoke::=echo $COLOUR >> /root/colour"],
    environment: #{ COLOUR: "red" },
});
file("/root/after", #{ content: "x" }).subscribes("create", "package[hello]");
"#;
    settle(&host, several);
    assert_eq!(
        (version(&host, "toque-probe").as_str(), version(&host, "hello").starts_with("installed")),
        ("installed 2.0", true)
    );
    assert!(host.read("/root/colour").starts_with("red\n"));
    settle(&host, r#"package("hello", #{ action: "purge", options: "-o Debug::NoLocking=0" });"#);
    let run = apply(
        &host,
        r#"package("hello", #{ timeout: 1, options: ["-o", "DPkg::Pre-Invoke::=sleep 100"] });"#,
    );
    assert!(run.code() == Some(1) && version(&host, "hello").is_empty(), "{}", run.output);

    // Neighbours share a transaction, and each is reported.
    let run = settle(&host, r#"for name in ["hello", "sl", "cowsay"] { package(name); }"#);
    assert_eq!(run.with("changed"), ["package[hello]", "package[sl]", "package[cowsay]"]);
    assert_eq!(
        host.sh("grep -c '^Commandline.*hello.*sl.*cowsay' /var/log/apt/history.log"),
        "1\n"
    );

    // Answers to its questions.
    put(&host, "files/answer.seed", "toque-question toque-question/answer string 41\n");
    put(
        &host,
        "templates/answer.seed.hbs",
        "toque-question toque-question/answer string {{answer}}\n",
    );
    let question = |properties: &str| {
        put(
            &host,
            "recipes/default.rhai",
            &format!("package(\"toque-question\", #{{ {properties} }});"),
        );
        converge(&host).well();
        converge(&host).idle();
        host.read("/etc/toque-question")
    };
    assert_eq!(question(r#"response_file: "answer.seed""#), "41\n");
    assert_eq!(
        question(
            r#"response_file: "answer.seed.hbs", response_file_variables: #{ answer: 42 }, action: "reconfig""#
        ),
        "42\n"
    );

    // The release that it comes from.
    host.sh(
        "mkdir /srv/other; cd /srv/other; cp /srv/repository/toque-probe_1.0_all.deb .; \
         awk -v RS= -v ORS='\\n\\n' '/Package: toque-probe\\n/ && /Version: 1.0/' /srv/repository/Packages > Packages; \
         printf 'Suite: probes\\nSHA256:\\n %s %s Packages\\n' $(sha256sum < Packages | cut -d' ' -f1) $(stat -c %s Packages) > Release; \
         echo 'deb [trusted=yes] file:/srv/other ./' > /etc/apt/sources.list.d/other.list; apt-get -q update; apt-get -q -y purge toque-probe",
    );
    settle(&host, r#"package("toque-probe", #{ default_release: "probes" });"#);
    assert_eq!(version(&host, "toque-probe"), "installed 1.0");
}

#[test]
fn apt_update() {
    let host = host(Image::Debian12);
    let lists = || host.sh("find /var/lib/apt/lists -name '*Packages*' | wc -l").trim().to_owned();

    host.sh("rm -rf /var/lib/apt/lists/*");
    let run =
        apply(&host, r#"apt_update("the lists", #{ name: "now", action: "update" });"#).well();
    assert_eq!((run.with("changed"), lists().as_str()), (vec!["apt_update[the lists]"], "1"));
    apply(&host, r#"apt_update("lists", #{ frequency: 3600 });"#).idle();
    let run = apply(&host, r#"apt_update("lists", #{ frequency: 0, action: "periodic" });"#).well();
    assert_eq!(run.with("changed"), ["apt_update[lists]"]);
    settle(&host, r#"apt_update("lists");"#);

    // A package whose candidate is missing refreshes them, once in a run.
    host.sh("rm -rf /var/lib/apt/lists/*; apt-get clean");
    let run = apply(&host, r#"package("hello"); execute("true"); package("sl");"#).well();
    assert_eq!(run.with("changed"), ["package[hello]", "execute[true]", "package[sl]"]);
    assert_eq!(lists(), "1");
}

/// A package for rpm in a version, built on the host, into the repository of dnf.
fn build_rpm(host: &Host, version: &str) {
    let spec = format!(
        "Name: toque-rpm\nVersion: {version}\nRelease: 1\nSummary: made for tests\nLicense: none\nBuildArch: noarch\n%description\nAny.\n\
         %install\nmkdir -p %{{buildroot}}/opt/toque-rpm\necho {version} > %{{buildroot}}/opt/toque-rpm/version\n%files\n/opt/toque-rpm\n"
    );
    host.write("/root/toque-rpm.spec", spec);
    host.sh("cd /root; rpmbuild --quiet -bb --define '_rpmdir /srv/rpms' toque-rpm.spec; createrepo_c --quiet /srv/rpms");
}

#[test]
fn dnf() {
    let host = host(Image::Debian12);
    apply(&host, r#"package(["dnf", "rpm", "createrepo-c"]);"#).well();
    host.write(
        "/etc/yum.repos.d/local.repo",
        "[local]\nname=local\nbaseurl=file:///srv/rpms\ngpgcheck=0\n",
    );
    host.sh("mkdir /srv/rpms");
    build_rpm(&host, "1.0");
    build_rpm(&host, "2.0");
    let installed = || host.run(["rpm", "-q", "--queryformat", "%{VERSION}", "toque-rpm"]).stdout;

    let run = settle(
        &host,
        r#"package("toque-rpm", #{ provider: "dnf", version: "1.0", arch: "noarch" });"#,
    );
    assert_eq!(run.report["resources"][0]["provider"], "dnf");
    assert_eq!(
        (installed().as_str(), host.read("/opt/toque-rpm/version").as_str()),
        ("1.0", "1.0\n")
    );
    apply(&host, r#"package("toque-rpm", #{ provider: "dnf" });"#).idle();
    settle(&host, r#"package("toque-rpm", #{ provider: "dnf", action: "upgrade" });"#);
    assert_eq!(installed(), "2.0");
    apply(
        &host,
        r#"package("toque-rpm", #{ provider: "dnf", version: "1.0", allow_downgrade: false });"#,
    )
    .idle();
    settle(&host, r#"package("toque-rpm", #{ provider: "dnf", version: "1.0" });"#);
    assert_eq!(installed(), "1.0");

    // A newer one that came into the repository a moment ago.
    build_rpm(&host, "3.0");
    settle(
        &host,
        r#"package("toque-rpm", #{ provider: "dnf", action: "upgrade", flush_cache: #{ before: true, after: true } });"#,
    );
    assert_eq!(installed(), "3.0");
    settle(&host, r#"package("toque-rpm", #{ provider: "dnf", action: "remove" });"#);
    assert!(!host.exists("/opt/toque-rpm"));
    settle(
        &host,
        r#"package("toque-rpm", #{ provider: "dnf", source: "/srv/rpms/noarch/toque-rpm-2.0-1.noarch.rpm" });"#,
    );
    assert_eq!(installed(), "2.0");
    settle(&host, r#"package("toque-rpm", #{ provider: "dnf", action: "purge" });"#);
    let run = apply(&host, r#"package("no-such-rpm", #{ provider: "dnf" });"#)
        .fails(1, &["package[no-such-rpm]"]);
    assert!(run.output.stderr.contains("help: "), "{}", run.output);
    let planned = plan(&host, r#"package("toque-rpm", #{ provider: "dnf" });"#);
    assert_eq!(planned.with("would-change"), ["package[toque-rpm]"]);
}

#[test]
fn the_platform_decides_who_provides() {
    let host = host(Image::Debian12);
    put(
        &host,
        "recipes/default.rhai",
        "package(\"hello\");\nservice(\"cron\", #{ action: \"start\" });\n",
    );
    let on = |platform: &str| {
        host.run(["toque", "plan", "--repo", REPOSITORY, "--platform", platform, "probe"])
    };
    for (platform, package) in [
        ("debian-12", "apt"),
        ("ubuntu-22.04", "apt"),
        ("rocky-9", "dnf"),
        ("fedora-41", "dnf"),
        ("amazon-2023", "dnf"),
    ] {
        let output = on(platform);
        let words: Vec<&str> = output.stdout.split_whitespace().collect();
        assert_eq!(
            (output.code(), words),
            (Some(0), vec!["package[hello]", package, "service[cron]", "systemd"]),
            "{platform}: {output}"
        );
    }
    // Where none fits, each says why.
    let output = on("alpine-3.20");
    assert_eq!(output.code(), Some(2), "{output}");
    for part in [
        "package[hello]  none: no provider of `package` works on this machine (alpine 3.20",
        "`apt`: there is no `apt-get`",
        "`dnf`: there is no `dnf`",
        "service[cron]   sysv",
    ] {
        assert!(output.stdout.contains(part), "nothing says {part:?}: {output}");
    }
    let output = on("plan9-4");
    assert_eq!(output.code(), Some(2), "{output}");
    // This machine itself.
    let run = toque(&host, &["converge", "--repo", REPOSITORY, "probe"]);
    assert_eq!(
        (run.code(), run.with("failed")),
        (Some(1), vec!["service[cron]"]),
        "cron is not installed: {}",
        run.output
    );
}
