//! Services, by systemd and by the scripts of System V.

use std::thread;
use std::time::Duration;

use toque_acceptance::{Host, Image};

use crate::it::toque::{apply, host, settle};

/// The service of `toque-probe-service` has written `words` since the last look, and nothing else.
/// It writes when it gets to it, so there is a wait for the last word.
#[track_caller]
fn logged(host: &Host, words: &str) {
    let mut written = String::new();
    for _ in 0..100 {
        written = host.sh("tr '\\n' ' ' < /var/log/toque-probe.log").trim_end().to_owned();
        if written.len() >= words.len() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(written, words);
    host.sh(": > /var/log/toque-probe.log");
}

fn is(host: &Host, unit: &str) -> String {
    host.sh(&format!("systemctl is-enabled {unit} || true; systemctl is-active {unit} || true"))
        .replace('\n', " ")
        .trim_end()
        .to_owned()
}

#[test]
fn systemd() {
    let host = host(Image::Debian12);
    settle(
        &host,
        r#"package("toque-probe-service"); service("toque-probe", #{ action: ["enable", "start"] });"#,
    );
    assert_eq!(is(&host, "toque-probe"), "enabled active");
    logged(&host, "started");
    settle(
        &host,
        r#"service("the probe", #{ service_name: "toque-probe", action: ["stop", "disable"], timeout: 30 });"#,
    );
    assert_eq!(is(&host, "toque-probe"), "disabled inactive");
    logged(&host, "stopped");
    apply(&host, r#"service("toque-probe", #{ action: "reload" });"#).idle();
    settle(
        &host,
        r#"service("toque-probe.service", #{ action: ["enable", "start"], options: "--quiet" });"#,
    );
    assert_eq!(is(&host, "toque-probe"), "enabled active");
    logged(&host, "started");
    let run = apply(&host, r#"service("toque-probe", #{ action: ["restart", "reload"] });"#).well();
    assert_eq!(run.of("service[toque-probe]"), ["restart: changed", "reload: changed"]);
    logged(&host, "stopped started reloaded");
    settle(&host, r#"service("toque-probe", #{ action: ["stop", "mask"] });"#);
    assert_eq!(is(&host, "toque-probe"), "masked inactive");
    settle(&host, r#"service("toque-probe", #{ action: ["unmask", "start"] });"#);
    assert_eq!(is(&host, "toque-probe").split(' ').next_back(), Some("active"));
    apply(&host, r#"service("toque-probe");"#).idle();

    // One that takes too long.
    host.write(
        "/etc/systemd/system/slow.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sleep 100\n",
    );
    let run = apply(&host, r#"service("slow", #{ action: "start", timeout: 0.5 });"#);
    assert_eq!(run.with("failed"), ["service[slow]"], "{}", run.output);
}

#[test]
fn commands() {
    for image in [Image::Debian12, Image::Debian12SysV] {
        let host = host(image);
        host.write("/etc/init.d/own", "#!/bin/sh\nexit 9\n");
        host.sh("chmod 755 /etc/init.d/own; command -v systemctl > /dev/null && systemctl daemon-reload || true");
        let service = |action: &str| {
            format!(
                r#"service("own", #{{
                    start_command: "touch /run/own; echo start >> /root/log", stop_command: "rm /run/own; echo stop >> /root/log",
                    status_command: "test -e /run/own", restart_command: "echo restart >> /root/log",
                    reload_command: "echo reload >> /root/log", action: "{action}",
                }});"#
            )
        };
        settle(&host, &service("start"));
        apply(&host, &service("restart")).well();
        apply(&host, &service("reload")).well();
        settle(&host, &service("stop"));
        assert_eq!(host.read("/root/log"), "start\nrestart\nreload\nstop\n");
    }
}

#[test]
fn sysv() {
    let host = host(Image::Debian12SysV);
    let run = settle(
        &host,
        r#"package("toque-probe-service"); service("toque-probe", #{ action: ["enable", "start"] });"#,
    );
    assert_eq!(run.report["resources"][1]["provider"], "sysv");
    logged(&host, "started");
    settle(&host, r#"service("toque-probe", #{ action: ["stop", "disable"] });"#);
    logged(&host, "stopped");
    assert_eq!(host.sh("ls /etc/rc2.d | grep toque"), "K01toque-probe\n");
    settle(
        &host,
        r#"service("toque-probe", #{ action: ["enable", "start"], run_levels: [3, 5], priority: 20 });"#,
    );
    assert_eq!(
        host.sh("ls -d /etc/rc?.d/S*toque-probe"),
        "/etc/rc3.d/S01toque-probe\n/etc/rc5.d/S01toque-probe\n"
    );
    logged(&host, "started");
    let run = apply(&host, r#"service("toque-probe", #{ action: ["restart", "reload"] });"#).well();
    assert_eq!(run.of("service[toque-probe]"), ["restart: changed", "reload: changed"]);
    logged(&host, "stopped started reloaded");

    // A script that can do little, elsewhere: its process tells whether it runs.
    host.write(
        "/opt/own/control",
        "#!/bin/sh\ncase \"$1\" in\n  start) sleep 31536000 > /dev/null 2>&1 & echo $! > /run/own.pid ;;\n  stop) kill $(cat /run/own.pid) ;;\n  *) exit 2 ;;\nesac\n",
    );
    host.sh("chmod 755 /opt/own/control");
    let own = |action: &str| {
        format!(
            r#"service("own", #{{ init_command: "/opt/own/control", pattern: "sleep 31536000",
                supports: #{{ status: false, restart: false, reload: false }}, action: "{action}" }});"#
        )
    };
    settle(&host, &own("start"));
    let first = host.read("/run/own.pid");
    apply(&host, &own("restart")).well();
    assert_ne!(host.read("/run/own.pid"), first);
    assert_eq!(apply(&host, &own("reload")).code(), Some(1));
    settle(&host, &own("stop"));
    apply(&host, r#"service("toque-probe", #{ action: "mask" });"#)
        .fails(1, &["service[toque-probe]", "mask"]);
    apply(&host, r#"systemd_unit("x.service", #{ action: "create", content: "[Service]\n" });"#)
        .fails(1, &["systemd_unit[x.service]", "provider"]);
}

#[test]
fn systemd_unit() {
    let host = host(Image::Debian12);
    let unit = "[Unit]\\nDescription=own\\n[Service]\\nExecStart=/bin/sleep 1000\\nExecReload=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n";
    settle(
        &host,
        &format!(
            r#"systemd_unit("a unit", #{{ unit_name: "own.service", content: "{unit}", action: ["create", "enable", "start"] }});"#
        ),
    );
    assert_eq!(is(&host, "own"), "enabled active");
    assert_eq!(host.sh("stat -c '%U %a' /etc/systemd/system/own.service"), "root 644\n");
    settle(
        &host,
        r#"systemd_unit("timed.timer", #{ content: #{ Timer: #{ OnCalendar: ["daily", "Mon *-*-* 03:00:00"] }, Install: #{ WantedBy: "timers.target" } }, action: "create", verify: false });"#,
    );
    assert_eq!(
        host.read("/etc/systemd/system/timed.timer"),
        "[Timer]\nOnCalendar=daily\nOnCalendar=Mon *-*-* 03:00:00\n\n[Install]\nWantedBy=timers.target\n"
    );

    // systemd reads a changed file again, unless it is told not to.
    let described = |text: &str, more: &str| {
        let unit = unit.replace("Description=own", &format!("Description={text}"));
        apply(&host, &format!(r#"systemd_unit("own.service", #{{ content: "{unit}", action: "create", {more} }});"#)).well();
        host.sh("systemctl show -P Description own")
    };
    assert_eq!(described("changed", ""), "changed\n");
    assert_eq!(described("again", "triggers_reload: false"), "changed\n");
    host.sh("systemctl daemon-reload");
    let wrong = r#"systemd_unit("wrong.service", #{ content: "[Service]\nExecStart=nowhere\n", action: "create", verify: true });"#;
    let run = apply(&host, wrong);
    assert!(
        run.code() == Some(1) && !host.exists("/etc/systemd/system/wrong.service"),
        "{}",
        run.output
    );

    let pid = || host.sh("systemctl show -P MainPID own");
    let act = |action: &str| {
        apply(&host, &format!(r#"systemd_unit("own.service", #{{ action: "{action}" }});"#)).well()
    };
    for (action, restarts) in [
        ("restart", true),
        ("try_restart", true),
        ("reload", false),
        ("reload_or_restart", false),
        ("reload_or_try_restart", false),
        ("reenable", false),
    ] {
        let before = pid();
        assert_eq!(act(action).with("changed"), ["systemd_unit[own.service]"], "{action}");
        assert_eq!(before != pid(), restarts, "{action}");
    }
    settle(&host, r#"systemd_unit("own.service", #{ action: ["stop", "disable"] });"#);
    assert_eq!(is(&host, "own"), "disabled inactive");
    for action in ["try_restart", "reload_or_try_restart"] {
        act(action);
        assert_eq!(is(&host, "own"), "disabled inactive");
    }
    act("preset");
    assert_eq!(is(&host, "own"), "enabled inactive");
    settle(&host, r#"systemd_unit("own.service", #{ action: ["stop", "disable", "delete"] });"#);
    assert!(!host.exists("/etc/systemd/system/own.service"));

    host.sh("apt-get -q -y install cron; systemctl stop cron");
    settle(&host, r#"systemd_unit("cron.service", #{ action: "mask" });"#);
    assert_eq!(is(&host, "cron"), "masked inactive");
    settle(&host, r#"systemd_unit("cron.service", #{ action: ["unmask", "enable", "start"] });"#);
    assert_eq!(is(&host, "cron"), "enabled active");
    host.sh("mkdir /etc/systemd/system/cron.service.d; printf '[Service]\\nNice=5\\n' > /etc/systemd/system/cron.service.d/nice.conf; systemctl daemon-reload");
    apply(&host, r#"systemd_unit("cron.service", #{ action: "revert" });"#).well();
    assert!(!host.exists("/etc/systemd/system/cron.service.d"));
    apply(&host, r#"systemd_unit("cron.service");"#).idle();
}

#[test]
fn of_a_user() {
    let host = host(Image::Debian12);
    // Without PAM's module nobody tells the user's systemd where its sockets go.
    host.sh("useradd --create-home --uid 1500 walker; mkdir -p /etc/systemd/system/user@.service.d; \
         printf '[Service]\\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\\n' > /etc/systemd/system/user@.service.d/runtime.conf; \
         systemctl daemon-reload; systemctl start user@1500");
    let recipe = r#"
systemd_unit("own.service", #{ user: "walker", content: "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n", action: "create" });
service("own", #{ user: "walker", action: ["enable", "start"] });
"#;
    settle(&host, recipe);
    assert_eq!(host.sh("ps -o user= -C sleep 2> /dev/null || stat -c %U /proc/$(cat /sys/fs/cgroup/*/user.slice/user-1500.slice/user@1500.service/app.slice/own.service/cgroup.procs 2> /dev/null | head -1)").trim(), "walker");
    assert!(host.exists("/etc/systemd/user/own.service"));
    settle(
        &host,
        r#"systemd_unit("own.service", #{ user: "walker", action: ["stop", "disable", "delete"] });"#,
    );
    assert!(!host.exists("/etc/systemd/user/own.service"));
}
