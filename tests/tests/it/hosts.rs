//! The hosts themselves.

use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nix::sys::signal::Signal;
use toque_acceptance::{Host, Image, Network, remains};

use crate::it::toque::{equip, settle};

#[test]
fn debian_12_comes_up_with_systemd() {
    let host = Host::boot(Image::Debian12);
    assert_eq!(host.read("/proc/1/comm"), "systemd\n");
    assert_eq!(host.sh("systemctl is-system-running"), "running\n");
    assert_eq!(host.sh("hostname --fqdn"), "debian12.example.test\n");
    assert!(host.read("/etc/os-release").contains("VERSION_CODENAME=bookworm"));
    assert_eq!(host.sh("ls /sys/class/net"), "lo\n");
}

#[test]
fn debian_11_comes_up_with_systemd() {
    let host = Host::boot(Image::Debian11);
    assert_eq!(host.read("/proc/1/comm"), "systemd\n");
    assert!(host.read("/etc/os-release").contains("VERSION_CODENAME=bullseye"));
    host.sh("DEBIAN_FRONTEND=noninteractive apt-get -y install hello toque-probe && hello");
}

#[test]
fn the_sysv_image_comes_up_with_init() {
    let host = Host::boot(Image::Debian12SysV);
    assert_eq!(host.read("/proc/1/comm"), "init\n");
    assert_eq!(host.sh("runlevel"), "N 2\n");
    assert!(!host.exists("/usr/bin/systemctl"));

    host.sh("apt-get -y install toque-probe-service && service toque-probe status");
    host.sh("service toque-probe reload; sleep 0.2; service toque-probe stop");
    assert_eq!(host.read("/var/log/toque-probe.log"), "started\nreloaded\nstopped\n");
    assert!(host.exists("/etc/rc2.d/S01toque-probe"));
}

#[test]
fn commands_run_in_a_clean_environment() {
    let host = Host::boot(Image::Debian12);
    assert_eq!(
        host.sh("env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL= | sort; pwd; umask; id -u"),
        "HOME=/root\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/\n0022\n0\n"
    );

    let output = host.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(
        (output.code(), output.stdout.as_str(), output.stderr.as_str()),
        (Some(3), "out\n", "err\n")
    );
    assert_eq!(host.command(["cat"]).input("read").ok().stdout, "read");
    assert_eq!(host.command(["printenv", "NAME"]).env("NAME", "value").ok().stdout, "value\n");

    // A daemon that keeps the output open holds nobody up.
    assert_eq!(
        host.command(["sh", "-c", "sleep 1000 & echo started"])
            .within(Duration::from_secs(5))
            .ok()
            .stdout,
        "started\n"
    );
}

#[test]
fn a_command_in_the_background_can_be_killed() {
    let host = Host::boot(Image::Debian12);
    let mut command = host.spawn(["sh", "-c", "echo begun; exec sleep 1000"]);
    while command.so_far().0 != "begun\n" {
        thread::sleep(Duration::from_millis(1));
    }
    command.kill(Signal::SIGKILL);
    let output = command.wait(Duration::from_secs(5));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9));
}

#[test]
fn files_go_in_and_come_out() {
    let host = Host::boot(Image::Debian12);
    // `/var/run` is an absolute link, which must not lead to this machine.
    host.write("/var/run/toque-test-file/a b", "text");
    assert_eq!(host.read("/run/toque-test-file/a b"), "text");
    assert!(!Path::new("/run/toque-test-file").exists());
    assert!(!host.exists("/run/none"));

    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    fs::write(directory.path().join("sub/file"), "copied").unwrap();
    host.copy_in(directory.path(), "/srv/copy");
    assert_eq!(host.read("/srv/copy/sub/file"), "copied");
    assert_eq!(fs::read_to_string(host.root().join("srv/copy/sub/file")).unwrap(), "copied");

    host.copy_in("/bin/true", "/usr/local/bin/copied-true");
    host.ok(["copied-true"]);

    // What the image has can be renamed as on a disk, directories too.
    host.sh("perl -e 'rename(q(/usr/share/doc), q(/usr/share/docs)) or die $!'; [ -d /usr/share/docs/apt ]");
}

#[test]
fn packages_come_from_the_repository_of_the_image() {
    let host = Host::boot(Image::Debian12);
    assert_eq!(host.read("/etc/apt/sources.list"), "deb [trusted=yes] file:/srv/repository ./\n");
    let install = |packages: &str| {
        host.sh(&format!(
            "DEBIAN_FRONTEND=noninteractive apt-get -q -y --allow-downgrades install {packages}"
        ))
    };

    install("toque-probe=1.0");
    assert_eq!(host.sh("toque-probe"), "1.0\n");
    install("toque-probe");
    assert_eq!(host.sh("toque-probe"), "2.0\n");
    install("toque-probe=1.0");
    assert_eq!(host.sh("toque-probe"), "1.0\n");

    install("toque-probe-service");
    assert_eq!(
        host.sh("systemctl is-active toque-probe; systemctl is-enabled toque-probe"),
        "active\nenabled\n"
    );
    host.sh("systemctl reload toque-probe; sleep 0.2; systemctl stop toque-probe");
    assert_eq!(host.read("/var/log/toque-probe.log"), "started\nreloaded\nstopped\n");
    host.sh("apt-get -y purge toque-probe-service");

    host.sh("echo toque-question toque-question/answer string 42 | debconf-set-selections");
    install("toque-question");
    assert_eq!(host.read("/etc/toque-question"), "42\n");

    install("apache2 jq --reinstall dash");
    assert_eq!(host.sh("systemctl is-active apache2"), "active\n");
    let broken = host.run(["apt-get", "-y", "install", "toque-broken"]);
    assert_eq!(broken.code(), Some(100), "{broken}");
    assert!(broken.stdout.contains("toque-broken cannot be configured"), "{broken}");

    host.sh("rm -rf /var/lib/apt/lists/*; apt-get update; apt-cache policy hello | grep 'Candidate: [0-9]'");
}

#[test]
fn two_hosts_do_not_see_each_other() {
    let [one, other] = Host::boot_pair([Image::Debian12, Image::Debian12]);
    one.write("/etc/one", "one");
    assert!(!other.exists("/etc/one"));
    assert_ne!(one.read("/etc/machine-id"), other.read("/etc/machine-id"));

    one.sh("systemd-run --unit=only-here sleep 1000");
    one.ok(["systemctl", "is-active", "only-here"]);
    assert_eq!(other.run(["systemctl", "is-active", "only-here"]).stdout, "inactive\n");
    assert!(!other.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").contains("sleep 1000"));
    assert_eq!(
        other
            .sh("ls -d /proc/[0-9]*/ns/net | wc -l; readlink /proc/1/ns/net | wc -l")
            .lines()
            .count(),
        2
    );
    assert_ne!(one.sh("readlink /proc/1/ns/net"), other.sh("readlink /proc/1/ns/net"));

    drop(one);
    assert_eq!(other.sh("systemctl is-system-running"), "running\n");
}

#[test]
fn hosts_of_a_network_see_each_other_and_nothing_else() {
    let network = Network::new();
    let hosts = network.boot(
        Image::Debian12,
        [
            ("one", [10, 0, 0, 1]),
            ("two", [10, 0, 0, 2]),
            ("three", [10, 0, 0, 3]),
            ("four", [10, 0, 0, 4]),
        ],
    );
    for (host, name) in hosts.iter().zip(["one", "two", "three", "four"]) {
        assert_eq!(
            host.sh("hostname; hostname --fqdn; ls /sys/class/net"),
            format!("{name}\n{name}.example.test\neth0\nlo\n")
        );
        assert_eq!(host.sh("systemctl is-system-running"), "running\n");
        // One row a route, below the names of the columns.
        let routes = host.sh("awk '{ print $1, $2, $3 }' /proc/net/route");
        assert_eq!(
            routes, "Iface Destination Gateway\neth0 0000000A 00000000\n",
            "a way leads out of {name}"
        );
    }

    let [one, two, three, four] = &hosts;
    let listen = "IO::Socket::INET->new(Listen => 5, LocalPort => 7) or die $@; while (my $c = $s->accept) { print $c $c->peerhost }";
    let mut listener =
        one.spawn(["perl", "-MIO::Socket::INET", "-e", &format!("my $s = {listen}")]);
    assert!(listener.pid().is_some());
    for (host, address) in [(two, "10.0.0.2"), (three, "10.0.0.3"), (four, "10.0.0.4")] {
        let knock = "until exec 3<> /dev/tcp/10.0.0.1/7; do sleep 0.1; done; cat <&3";
        assert_eq!(host.ok(["bash", "-c", knock]).stdout, address);
    }

    let names = hosts.each_ref().map(|host| host.name().to_owned());
    drop(listener);
    drop((hosts, network));
    for name in names {
        assert_eq!(remains(&name), [""; 0]);
        assert_eq!(traces(&name), [""; 0]);
    }
    // There is room for others again.
    drop(Host::boot_pair([Image::Debian12, Image::Debian12]));
}

/// Its hosts stay until they are swept, but cut off.
#[test]
fn a_network_goes_with_its_owner() {
    let (mut owner, name, leader) = owner_with("network");
    // Another test may sweep the host at any moment: what it has of the network is kept for looking
    // at.
    let namespace = fs::File::open(format!("/proc/{leader}/ns/net")).unwrap();
    let enter = format!("--net=/proc/{}/fd/{}", process::id(), namespace.as_raw_fd());
    let attached = || {
        let links =
            Command::new("nsenter").args([&enter, "cat", "/proc/net/dev"]).output().unwrap();
        let links = String::from_utf8(links.stdout).unwrap();
        assert!(links.contains("lo:"), "{links}");
        links.contains("eth0:")
    };
    assert!(attached());
    owner.kill().unwrap();
    owner.wait().unwrap();
    // The kernel takes networks down a little later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while attached() {
        assert!(Instant::now() < deadline, "the network is still there");
        thread::sleep(Duration::from_millis(10));
    }

    drop(Host::boot(Image::Debian12));
    assert_eq!(remains(&name), [""; 0]);
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn dropping_a_host_leaves_nothing() {
    for image in Image::ALL {
        let host = Host::boot(image);
        let (name, leader) = (host.name().to_owned(), host.leader_pid());
        let kinds = ["process", "mount", "directory"];
        let there = remains(&name);
        assert!(
            kinds.iter().all(|kind| there.iter().any(|remain| remain.starts_with(kind))),
            "{there:?}"
        );

        let mut left_running = host.spawn(["sleep", "1000"]);
        let pid = left_running.pid().expect("it runs");
        drop(host);
        assert_eq!(remains(&name), [""; 0]);
        assert_eq!(traces(&name), [""; 0]);
        assert!(!Path::new(&format!("/proc/{leader}")).exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn a_host_whose_owner_was_killed_is_swept_by_the_next_boot() {
    let (mut owner, name, _) = owner_with("host");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_ne!(remains(&name), [""; 0], "the host should have outlived its owner");

    drop(Host::boot(Image::Debian12));
    assert_eq!(remains(&name), [""; 0]);
    assert_eq!(traces(&name), [""; 0]);
}

/// Whenever the owner is killed, be it in the middle of booting, it can be swept.
#[test]
fn an_owner_can_be_killed_at_any_moment() {
    for delay in [0, 3, 6, 10, 20, 40, 80, 150, 250] {
        let mut owner = owner_in_the_act("host");
        let name = loop {
            let hosts = fs::read_dir("/run/toque-test/hosts").into_iter().flatten().flatten();
            let mut names = hosts.map(|entry| entry.file_name().into_string().unwrap());
            if let Some(name) =
                names.find(|name| name.starts_with(&format!("toque-{}-", owner.id())))
            {
                break name;
            }
            assert!(owner.try_wait().unwrap().is_none(), "the owner ended by itself");
        };
        thread::sleep(Duration::from_millis(delay));
        owner.kill().unwrap();
        owner.wait().unwrap();

        drop(Host::boot(Image::Debian12));
        assert_eq!(remains(&name), [""; 0], "killed after {delay} ms");
        assert_eq!(traces(&name), [""; 0], "killed after {delay} ms");
    }
}

#[test]
fn tests_in_parallel_leave_nothing_when_one_is_killed() {
    let rounds = 20;
    let work = || {
        let names = (0..rounds).map(|round| {
            let host = Host::boot(Image::Debian12);
            host.write("/etc/round", round.to_string());
            assert_eq!(host.read("/etc/round"), round.to_string());
            assert_eq!(host.sh("systemctl is-system-running"), "running\n");
            equip(&host);
            settle(&host, r#"package("sl"); file("/etc/converged", #{ content: "converged" });"#);
            assert_eq!(
                host.sh("cat /etc/converged; command -v /usr/games/sl"),
                "converged/usr/games/sl\n"
            );
            host.name().to_owned()
        });
        names.collect::<Vec<String>>()
    };
    let names = thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        // Meanwhile a third, in a process of its own, that is killed half-way.
        let (mut owner, killed, _) = owner_with("host");
        owner.kill().unwrap();
        owner.wait().unwrap();
        let mut names: Vec<String> =
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        names.push(killed);
        names
    });
    assert_eq!(names.len(), 2 * rounds + 1);
    for name in names {
        assert_eq!(remains(&name), [""; 0]);
        assert_eq!(traces(&name), [""; 0]);
    }
}

/// Not a test by itself: the process that `owner_with` starts, and that is killed.
#[test]
fn owner() {
    let Some(what) = env::var_os(OWNER) else { return };
    let _network;
    let host = if what == "network" {
        let network = Network::new();
        let [host] = network.boot(Image::Debian12, [("one", [10, 0, 0, 1])]);
        _network = network;
        host
    } else {
        Host::boot(Image::Debian12)
    };
    println!("\nhost {} {}", host.name(), host.leader_pid());
    thread::sleep(Duration::from_secs(600));
}

const OWNER: &str = "TOQUE_TEST_OWNER";

/// A process that has booted a host, by itself or on a network, the name of the host, and its first
/// process.
fn owner_with(what: &str) -> (Child, String, String) {
    let mut owner = owner_in_the_act(what);
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut hosts = lines.filter_map(|line| {
        line.strip_prefix("host ")?.split_once(' ').map(|(name, pid)| (name.into(), pid.into()))
    });
    let (name, leader) = hosts.next().expect("the owner boots a host");
    (owner, name, leader)
}

fn owner_in_the_act(what: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "it::hosts::owner", "--nocapture"]).env(OWNER, what);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// What a look at the machine shows of a host, without asking the library.
fn traces(name: &str) -> Vec<String> {
    let script = format!(
        "mount | grep -w -e '{name}'; find /run /sys/fs/cgroup -path '*/{name}' -o -path '*/{name}/*'; \
         grep -l -z -w -e '{name}' /proc/[0-9]*/cmdline 2> /dev/null; true"
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    // The shell and the grep have the name in their own command lines.
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter(|line| !line.starts_with("/proc/") || Path::new(line).exists())
        .map(str::to_owned)
        .collect()
}
