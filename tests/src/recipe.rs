//! What the images are made of: the place to add a package that a test needs.
//!
//! The cache is keyed by the text of this file and of `probe.rs`, so a change here makes new
//! roots and repositories at the next boot.

use crate::image::Image;

/// Identifies what `image` is made of.
pub(crate) const TEXT: [&str; 2] = [include_str!("recipe.rs"), include_str!("probe.rs")];

/// The Debian release of an image.
pub(crate) fn suite(image: Image) -> &'static str {
    match image {
        Image::Debian12 | Image::Debian12SysV | Image::Debian12Ohai => "bookworm",
        Image::Debian11 => "bullseye",
    }
}

/// What a root has besides the essential packages. Small on purpose: what is missing here shows
/// where Toque leans on something that not every machine has.
pub(crate) const ROOT: &str = "systemd,systemd-sysv,dbus";

/// What a host can install: sets of packages that go together. Dependencies come by themselves.
pub(crate) fn packages(image: Image) -> &'static [&'static [&'static str]] {
    match image {
        Image::Debian12 => &[
            &[
                "acl",
                "apache2",
                "apache2-utils",
                "bzip2",
                "cowsay",
                "createrepo-c",
                "cron",
                "curl",
                "debconf-utils",
                "dnf",
                "fcgiwrap",
                "git",
                "haproxy",
                "hello",
                "iproute2",
                "jq",
                "locales",
                "logrotate",
                "nginx",
                "openssh-client",
                "openssh-server",
                "postgresql",
                "procps",
                "python3",
                "python3-psycopg2",
                "rpm",
                "rsync",
                "sl",
                "strace",
                "sudo",
                "tree",
                "xz-utils",
                "zip",
                "zstd",
            ],
            SYSV,
            OHAI,
        ],
        Image::Debian11 => {
            &[&["apache2", "cowsay", "cron", "curl", "hello", "jq", "rsync", "sl", "tree"]]
        }
        Image::Debian12SysV | Image::Debian12Ohai => &[],
    }
}

/// What turns a host with systemd into one with System V init.
pub(crate) const SYSV: &[&str] = &["sysvinit-core", "orphan-sysvinit-scripts", "systemd-sysv-"];

/// Ohai, what it looks at the machine with, and languages for it to find.
pub(crate) const OHAI: &[&str] = &[
    "ohai",
    "dmidecode",
    "gcc",
    "iproute2",
    "kmod",
    "libc6-dev",
    "lsb-release",
    "lua5.3",
    "openssh-server",
    "pciutils",
    "perl",
    "procps",
    "python3",
];

/// Runs in every new root, with its repository at `/srv/repository`.
///
/// The timers of apt are off because they would take apt's lock in the middle of a test; the
/// lists are read, as on a machine that was set up properly.
pub(crate) const SET_UP: &str = r#"
echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list
: > /etc/resolv.conf
rm -f /etc/machine-id /var/lib/dbus/machine-id
if command -v systemctl > /dev/null; then
    systemctl disable apt-daily.timer apt-daily-upgrade.timer
fi
apt-get -q update
"#;

/// Runs in a root with systemd to make one with System V init.
///
/// The consoles that a getty would sit on are not there, and init would start one getty after
/// the other. In their place it tells that the machine is up: init comes to this line when the
/// scripts of the runlevel have ended.
pub(crate) const SET_UP_SYSV: &str = r#"
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -q -y install "$@"
apt-get -q -y purge --auto-remove systemd
rm /usr/sbin/policy-rc.d
sed -i '/getty/d' /etc/inittab
echo 'up:2345:once:/bin/touch /run/host-is-up' >> /etc/inittab
"#;

/// Runs in a root to put packages on it.
pub(crate) const SET_UP_OHAI: &str = r#"
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -q -y --no-install-recommends install "$@"
rm /usr/sbin/policy-rc.d
"#;

/// The file that a System V host makes when it is up.
pub(crate) const SYSV_IS_UP: &str = "run/host-is-up";
