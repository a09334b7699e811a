//! What a machine answers: every file and program that a fact comes from has the same text, and all
//! facts are read from it. Zeros part the text; a program that is asked again answers with the next
//! part. The first byte chooses the package manager.
#![no_main]

use std::cell::Cell;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use toque_machine::command::Output;
use toque_machine::facts::Facts;
use toque_machine::system::FakeSystem;

const FILES: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/self/mounts",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/net/fib_trie",
    "/proc/net/if_inet6",
    "/proc/uptime",
    "/proc/1/environ",
    "/proc/1/comm",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/etc/os-release",
    "/etc/lsb-release",
    "/etc/hosts",
    "/etc/shells",
    "/etc/machine-id",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/ssh/sshd_config",
    "/etc/ssh/ssh_host_ecdsa_key.pub",
    "/etc/toque/facts/hints/ec2.json",
    "/sys/block/vda/size",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/net/eth0/flags",
    "/sys/class/net/eth0/address",
    "/sys/class/net/eth0/type",
    "/usr/lib/jvm/release",
];

const PROGRAMS: &[&str] = &[
    "blkid",
    "df",
    "dmidecode",
    "gcc",
    "getconf",
    "getent",
    "go",
    "hostname",
    "ip",
    "java",
    "lscpu",
    "lsblk",
    "lua",
    "node",
    "perl",
    "php",
    "python",
    "rpm",
    "ruby",
    "rustc",
    "systemd-path",
    "uname",
];

const PACKAGES: &[&str] =
    &["/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/pacman/local/x/desc"];

fuzz_target!(|bytes: &[u8]| {
    let machine = FakeSystem::new();
    let packages = PACKAGES.get(usize::from(bytes.first().copied().unwrap_or(0) % 4));
    for path in FILES.iter().chain(packages) {
        machine.put_file(path, bytes);
    }
    let parts: Rc<[Vec<u8>]> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    for program in PROGRAMS {
        let (parts, asked) = (Rc::clone(&parts), Cell::new(0));
        machine.install_program(program, move |_, _| {
            let part = &parts[asked.replace(asked.get() + 1) % parts.len()];
            Output { stdout: part.clone(), stderr: part.clone(), ..Output::default() }
        });
    }
    let facts = Facts::new();
    for key in Facts::keys() {
        if let Some(fact) = facts.get(key, &machine) {
            assert!(!fact.is_null(), "{key} is told, and is nothing");
            let text = serde_json::to_string(&*fact).expect("a fact is data");
            let again: Value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{key}: {error}: {text}"));
            assert_eq!(again, *fact, "{key}");
        }
    }
});
