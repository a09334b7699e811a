//! Packages that Debian does not have, made for tests:
//!
//! - `toque-probe` in versions 1.0 and 2.0, which differ in `/usr/share/toque-probe/version` and
//!   in the conffile `/etc/toque-probe.conf`;
//! - `toque-probe-service`, with a service `toque-probe` (unit and init script) that starts when
//!   it is installed and writes `started`, `reloaded` and `stopped` to `/var/log/toque-probe.log`;
//!   starting it waits until it heeds signals, because an earlier one would end it;
//! - `toque-question`, which asks `toque-question/answer` by debconf and writes the answer to
//!   `/etc/toque-question`;
//! - `toque-broken`, whose installation fails.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::{machine, repository};

/// Puts the packages into `repository`.
pub(crate) fn build(repository: &Path) {
    for package in [probe("1.0"), probe("2.0"), service(), question(), broken()] {
        package.build(repository);
    }
}

struct Package {
    name: &'static str,
    version: &'static str,
    /// Paths, contents, and whether they are programs.
    files: Vec<(&'static str, String, bool)>,
}

impl Package {
    fn build(&self, repository: &Path) {
        let tree = repository::temporary();
        let (name, version) = (self.name, self.version);
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Toque <toque@example.test>\n\
             Description: made for tests\n"
        );
        put(tree.path(), "DEBIAN/control", &control, false);
        for (path, contents, is_program) in &self.files {
            put(tree.path(), path, contents, *is_program);
        }
        machine::call(Command::new("chmod").arg("0755").arg(tree.path()));
        // Older releases cannot read what newer ones compress with by default.
        let mut command = Command::new("dpkg-deb");
        command.args(["-Zxz", "--root-owner-group", "--build"]).arg(tree.path());
        machine::call(command.arg(repository.join(format!("{name}_{version}_all.deb"))));
    }
}

fn put(tree: &Path, path: &str, contents: &str, is_program: bool) {
    let path = tree.join(path);
    let directory = path.parent().expect("a file in a tree is in a directory");
    let mode = if is_program { 0o755 } else { 0o644 };
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, contents))
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    machine::call(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(tree));
}

fn probe(version: &'static str) -> Package {
    let files = vec![
        ("DEBIAN/conffiles", "/etc/toque-probe.conf\n".to_owned(), false),
        ("etc/toque-probe.conf", format!("# as of {version}\nsetting = default\n"), false),
        ("usr/share/toque-probe/version", format!("{version}\n"), false),
        ("usr/bin/toque-probe", format!("#!/bin/sh\necho {version}\n"), true),
    ];
    Package { name: "toque-probe", version, files }
}

fn service() -> Package {
    let files = vec![
        ("DEBIAN/postinst", POSTINST.to_owned(), true),
        ("DEBIAN/prerm", PRERM.to_owned(), true),
        ("DEBIAN/postrm", POSTRM.to_owned(), true),
        ("usr/sbin/toque-probe-service", DAEMON.to_owned(), true),
        ("lib/systemd/system/toque-probe.service", UNIT.to_owned(), false),
        ("etc/init.d/toque-probe", INIT_SCRIPT.to_owned(), true),
        ("DEBIAN/conffiles", "/etc/init.d/toque-probe\n".to_owned(), false),
    ];
    Package { name: "toque-probe-service", version: "1.0", files }
}

fn question() -> Package {
    let templates = "Template: toque-question/answer\nType: string\nDefault: nothing\nDescription: An answer\n Any.\n";
    let confmodule = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n";
    let config =
        format!("{confmodule}db_input high toque-question/answer || true\ndb_go || true\n");
    let postinst =
        format!("{confmodule}db_get toque-question/answer\necho \"$RET\" > /etc/toque-question\n");
    let postrm = "#!/bin/sh\nset -e\nif [ \"$1\" = purge ]; then\n    rm -f /etc/toque-question\n    \
                  . /usr/share/debconf/confmodule\n    db_purge\nfi\n";
    let files = vec![
        ("DEBIAN/templates", templates.to_owned(), false),
        ("DEBIAN/config", config, true),
        ("DEBIAN/postinst", postinst, true),
        ("DEBIAN/postrm", postrm.to_owned(), true),
    ];
    Package { name: "toque-question", version: "1.0", files }
}

fn broken() -> Package {
    let postinst = "#!/bin/sh\necho 'toque-broken cannot be configured' >&2\nexit 1\n";
    Package {
        name: "toque-broken",
        version: "1.0",
        files: vec![("DEBIAN/postinst", postinst.to_owned(), true)],
    }
}

const DAEMON: &str = r#"#!/bin/sh
log() { echo "$1" >> /var/log/toque-probe.log; }
trap 'log reloaded' USR1
trap 'log stopped; rm -f /run/toque-probe.ready; exit 0' TERM
log started
touch /run/toque-probe.ready
while :; do
    sleep 1 &
    wait $!
done
"#;

const UNIT: &str = "\
[Unit]
Description=Toque's probe of services

[Service]
ExecStart=/usr/sbin/toque-probe-service
ExecStartPost=/bin/sh -c 'until test -e /run/toque-probe.ready; do sleep 0.02; done'
ExecReload=/bin/sh -c 'kill -USR1 $MAINPID'

[Install]
WantedBy=multi-user.target
";

const INIT_SCRIPT: &str = r#"#!/bin/sh
### BEGIN INIT INFO
# Provides:          toque-probe
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Toque's probe of services
### END INIT INFO
. /lib/lsb/init-functions
PATH=/usr/sbin:/usr/bin:/sbin:/bin
PIDFILE=/run/toque-probe.pid
DAEMON=/usr/sbin/toque-probe-service

start() {
    start-stop-daemon --start --quiet --oknodo --background --make-pidfile --pidfile "$PIDFILE" --startas "$DAEMON"
    until test -e /run/toque-probe.ready; do sleep 0.02; done
}

stop() {
    start-stop-daemon --stop --quiet --oknodo --retry 5 --remove-pidfile --pidfile "$PIDFILE"
}

case "$1" in
    start) start ;;
    stop) stop ;;
    restart | force-reload) stop && start ;;
    reload) start-stop-daemon --stop --quiet --signal USR1 --pidfile "$PIDFILE" ;;
    status) status_of_proc -p "$PIDFILE" "$DAEMON" toque-probe ;;
    *) echo "usage: $0 start|stop|restart|reload|force-reload|status" >&2; exit 2 ;;
esac
"#;

const POSTINST: &str = r#"#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
deb-systemd-helper unmask toque-probe.service > /dev/null || true
if deb-systemd-helper --quiet was-enabled toque-probe.service; then
    deb-systemd-helper enable toque-probe.service > /dev/null || true
else
    deb-systemd-helper update-state toque-probe.service > /dev/null || true
fi
update-rc.d toque-probe defaults > /dev/null
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload > /dev/null || true
    deb-systemd-invoke start toque-probe.service > /dev/null || true
else
    invoke-rc.d toque-probe start
fi
"#;

const PRERM: &str = r#"#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
if [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop toque-probe.service > /dev/null || true
else
    invoke-rc.d toque-probe stop
fi
"#;

const POSTRM: &str = r#"#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl --system daemon-reload > /dev/null || true
case "$1" in
    remove) deb-systemd-helper mask toque-probe.service > /dev/null || true ;;
    purge)
        update-rc.d toque-probe remove > /dev/null
        deb-systemd-helper purge toque-probe.service > /dev/null || true
        deb-systemd-helper unmask toque-probe.service > /dev/null || true
        rm -f /var/log/toque-probe.log
        ;;
esac
"#;
