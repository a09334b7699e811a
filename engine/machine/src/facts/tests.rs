mod more;

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Facts;
use super::shipped::{shipped, shipped_platforms};
use crate::command::Output;
use crate::system::{FakeSystem, HostSystem};

/// Paths and what the files contain.
pub(super) type Files<'a> = &'a [(&'a str, &'a str)];

/// A machine with these files.
pub(super) fn machine(files: Files) -> FakeSystem {
    let fake = FakeSystem::new();
    for (path, content) in files {
        fake.put_file(path, content);
    }
    fake
}

pub(super) fn fact(fake: &FakeSystem, key: &str) -> Value {
    Facts::new().get(key, fake).map_or(Value::Null, |value| (*value).clone())
}

pub(super) fn prints(fake: &FakeSystem, program: &str, text: &'static str) {
    fake.install_program(program, move |_, _| Output {
        stdout: text.as_bytes().to_vec(),
        ..Output::default()
    });
}

#[test]
fn platforms_have_ohais_names() {
    let cases: &[(Files, [&str; 3])] = &[
        (
            &[("/etc/os-release", include_str!("fixtures/debian-12-os-release"))],
            ["debian", "debian", "12"],
        ),
        (
            &[("/usr/lib/os-release", include_str!("fixtures/ubuntu-24.04-os-release"))],
            ["ubuntu", "debian", "24.04"],
        ),
        (
            &[("/etc/os-release", include_str!("fixtures/rocky-9-os-release"))],
            ["rocky", "rhel", "9.5"],
        ),
        (
            &[(
                "/etc/os-release",
                "NAME=\"Amazon Linux\"\nID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n",
            )],
            ["amazon", "amazon", "2023"],
        ),
        (
            &[(
                "/etc/os-release",
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"15.6\"\n",
            )],
            ["opensuseleap", "suse", "15.6"],
        ),
        (&[("/etc/os-release", "ID='rhel'\nVERSION_ID=\"8.10\"\n")], ["redhat", "rhel", "8.10"]),
        (&[("/etc/os-release", "ID=ol\nVERSION_ID=8.10\n")], ["oracle", "rhel", "8.10"]),
        (
            &[("/etc/os-release", "# comment\nID=alpine\nVERSION_ID=3.20.3\n")],
            ["alpine", "alpine", "3.20.3"],
        ),
        (
            &[("/etc/os-release", "ID=newone\nID_LIKE=\"unknown debian\"\nVERSION_ID=1\n")],
            ["newone", "debian", "1"],
        ),
        (&[("/etc/os-release", "ID=odd\nVERSION_ID=1\n")], ["odd", "odd", "1"]),
        (
            &[("/etc/os-release", "ID=arch\n"), ("/proc/sys/kernel/osrelease", "6.12.1-arch1-1\n")],
            ["arch", "arch", "6.12.1-arch1-1"],
        ),
        (
            &[("/etc/os-release", "ID=debian\n"), ("/etc/debian_version", "trixie/sid\n")],
            ["debian", "debian", "trixie/sid"],
        ),
        (
            &[
                ("/etc/os-release", "ID=\"centos\"\nVERSION_ID=\"7\"\n"),
                ("/etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n"),
            ],
            ["centos", "rhel", "7.9.2009"],
        ),
        (
            &[("/etc/redhat-release", "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n")],
            ["redhat", "rhel", "6.10"],
        ),
    ];
    for (files, [platform, family, version]) in cases {
        let fake = machine(files);
        let told = ["platform", "platform_family", "platform_version"].map(|key| fact(&fake, key));
        assert_eq!(told, [json!(platform), json!(family), json!(version)], "{files:?}");
    }
    assert_eq!(fact(&machine(&[]), "platform"), Value::Null);
}

#[test]
fn the_kernel_and_its_modules() {
    let fake = machine(&[
        ("/proc/sys/kernel/ostype", "Linux\n"),
        ("/proc/sys/kernel/osrelease", "6.1.0-28-amd64\n"),
        ("/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)\n"),
        (
            "/proc/modules",
            "kvm_intel 380928 0 - Live 0x0000000000000000\nkvm 1146880 1 kvm_intel, Live 0x0000000000000000\n",
        ),
    ]);
    assert_eq!(fact(&fake, "kernel").get("machine"), None);
    prints(&fake, "uname", "aarch64\n");
    assert_eq!(
        fact(&fake, "kernel"),
        json!({ "name": "Linux", "release": "6.1.0-28-amd64", "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
            "machine": "aarch64", "processor": "aarch64", "os": "GNU/Linux",
            "modules": { "kvm_intel": { "size": "380928", "refcount": "0" }, "kvm": { "size": "1146880", "refcount": "1" } } })
    );
    fake.put_file("/proc/sys/kernel/arch", "x86_64\n");
    assert_eq!(fact(&fake, "kernel")["machine"], "x86_64");
    assert_eq!(
        [fact(&fake, "os"), fact(&fake, "os_version")],
        [json!("linux"), json!("6.1.0-28-amd64")]
    );
    assert_eq!(
        fact(&fake, "virtualization"),
        json!({ "systems": { "kvm": "host" }, "system": "kvm", "role": "host" })
    );
}

#[test]
fn names_of_the_machine() {
    let fake = machine(&[
        ("/proc/sys/kernel/hostname", "web1\n"),
        (
            "/etc/hosts",
            "127.0.0.1 localhost\n# 10.0.0.1 wrong.test web1\n10.0.0.2 web1.shop.example.com web1 # me\n",
        ),
    ]);
    assert_eq!(
        ["hostname", "machinename", "fqdn", "domain"].map(|key| fact(&fake, key)),
        ["web1", "web1", "web1.shop.example.com", "shop.example.com"]
    );
    // The resolver is asked when the file has no full name.
    fake.put_file("/etc/hosts", "127.0.0.1 localhost web1\n");
    prints(&fake, "hostname", "web1.dns.test\n");
    assert_eq!(fact(&fake, "fqdn"), "web1.dns.test");
    fake.remove_program("hostname");
    assert_eq!([fact(&fake, "fqdn"), fact(&fake, "domain")], [json!("web1"), Value::Null]);
    fake.put_file("/proc/sys/kernel/hostname", "db.example.org\n");
    assert_eq!(
        ["hostname", "machinename", "fqdn", "domain"].map(|key| fact(&fake, key)),
        ["db", "db.example.org", "db.example.org", "example.org"]
    );
}

#[test]
fn memory_is_text_with_its_unit() {
    let fake = machine(&[("/proc/meminfo", include_str!("fixtures/meminfo"))]);
    let memory = fact(&fake, "memory");
    assert_eq!(
        [&memory["total"], &memory["available"], &memory["swap"]["total"]],
        ["24684092kB", "24118132kB", "0kB"]
    );
    assert_eq!(
        memory["hugepages"],
        json!({ "total": "0", "free": "0", "reserved": "0", "surplus": "0" })
    );
    assert_eq!(memory["directmap"]["2M"], "2068480kB");
    assert_eq!(fact(&machine(&[]), "memory"), Value::Null);
}

#[test]
fn processors_are_counted() {
    let fake = machine(&[("/proc/cpuinfo", include_str!("fixtures/cpuinfo-x86"))]);
    let cpu = fact(&fake, "cpu");
    assert_eq!([&cpu["total"], &cpu["real"], &cpu["cores"]], [4, 1, 2]);
    assert_eq!(cpu["3"]["model_name"], "Intel(R) Core(TM) i5-6300U CPU @ 2.40GHz");
    assert_eq!(cpu["0"]["flags"], json!(["fpu", "vme", "hypervisor"]));
    assert_eq!(fact(&fake, "virtualization")["system"], "kvm");
    let fake = machine(&[("/proc/cpuinfo", include_str!("fixtures/cpuinfo-arm"))]);
    let cpu = fact(&fake, "cpu");
    assert_eq!([&cpu["total"], &cpu["real"], &cpu["cores"]], [2, 1, 2]);
    assert_eq!(cpu["1"]["features"], json!(["fp", "asimd"]));
    prints(
        &fake,
        "lscpu",
        "Thread(s) per core:  1\nCore(s) per socket:  4\nSocket(s):           2\n",
    );
    assert_eq!([&fact(&fake, "cpu")["real"], &fact(&fake, "cpu")["cores"]], [2, 8]);
}

#[test]
fn file_systems_by_device_and_by_mount_point() {
    let mounts = "/dev/vda1 / ext4 rw,relatime 0 0\n/dev/vda1 /srv/with\\040space ext4 rw 0 0\ntmpfs /run tmpfs rw,mode=755 0 0\n";
    let fake = machine(&[("/proc/self/mounts", mounts)]);
    assert_eq!(
        fact(&fake, "filesystem")["by_mountpoint"]["/"],
        json!({ "fs_type": "ext4", "mount_options": ["rw", "relatime"], "devices": ["/dev/vda1"] })
    );
    fake.install_program("df", |_, command| {
        let text = if command.argv[1] == "-Pk" {
            "Filesystem     1024-blocks    Used Available Capacity Mounted on\n/dev/vda1 264212084 13763748 81522140 15% /\n\
             /dev/vda1 264212084 13763748 81522140 15% /srv/with space\ntmpfs 100 0 100 - /run\nother 1 1 1 1% /other\n"
        } else {
            "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda1 16777216 415477 16361739 3% /\n"
        };
        Output { stdout: text.as_bytes().to_vec(), ..Output::default() }
    });
    let filesystem = fact(&fake, "filesystem");
    assert_eq!(
        filesystem["by_pair"]["/dev/vda1,/"],
        json!({ "device": "/dev/vda1", "mount": "/", "fs_type": "ext4", "mount_options": ["rw", "relatime"], "kb_size": "264212084",
            "kb_used": "13763748", "kb_available": "81522140", "percent_used": "15%", "total_inodes": "16777216",
            "inodes_used": "415477", "inodes_available": "16361739", "inodes_percent_used": "3%" })
    );
    assert_eq!(filesystem["by_device"]["/dev/vda1"]["mounts"], json!(["/", "/srv/with space"]));
    assert_eq!(filesystem["by_mountpoint"]["/srv/with space"]["kb_used"], "13763748");
    assert_eq!(filesystem["by_mountpoint"]["/run"].get("kb_size"), None);
    assert_eq!(filesystem["by_mountpoint"]["/other"]["devices"], json!(["other"]));
    // What is on devices, mounted or not.
    fake.put_file("/dev/vdb", "");
    prints(
        &fake,
        "lsblk",
        "NAME=\"vda1\" UUID=\"5c9d\" LABEL=\"\" FSTYPE=\"ext4\"\nNAME=\"vdb\" UUID=\"\" LABEL=\"\" FSTYPE=\"\"\nNAME=\"gone\" \n",
    );
    prints(&fake, "blkid", "/dev/vda1: LABEL=\"the root\" UUID=\"5c9d\" TYPE=\"ext4\"\nnonsense\n");
    let devices = fact(&fake, "filesystem")["by_device"].clone();
    assert_eq!([&devices["/dev/vda1"]["label"], &devices["vda1"]["uuid"]], ["the root", "5c9d"]);
    assert_eq!(devices["/dev/vdb"], json!({ "mounts": [] }));
}

#[test]
fn containers_and_virtual_machines() {
    let cases: &[(Files, &str)] = &[
        (
            &[
                ("/run/systemd/container", "systemd-nspawn\n"),
                ("/sys/class/dmi/id/product_name", "KVM\n"),
            ],
            "nspawn",
        ),
        (&[("/proc/1/environ", "PATH=/bin\0container=lxc\0")], "lxc"),
        (&[("/.dockerenv", "")], "docker"),
        (&[("/run/.containerenv", "")], "podman"),
        (
            &[
                ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
                ("/sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n"),
            ],
            "kvm",
        ),
        (&[("/sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")], "vmware"),
        (
            &[
                ("/sys/class/dmi/id/sys_vendor", "innotek GmbH\n"),
                ("/sys/class/dmi/id/product_name", "VirtualBox\n"),
            ],
            "vbox",
        ),
        (
            &[
                ("/sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n"),
                ("/sys/class/dmi/id/product_name", "Virtual Machine\n"),
            ],
            "hyperv",
        ),
        (&[("/sys/hypervisor/type", "xen\n")], "xen"),
    ];
    for (files, system) in cases {
        let told = fact(&machine(files), "virtualization");
        assert_eq!(
            (&told["system"], &told["role"]),
            (&json!(system), &json!("guest")),
            "{files:?}"
        );
    }
    assert_eq!(fact(&machine(&[]), "virtualization"), json!({ "systems": {} }));
    assert_eq!(
        fact(&machine(cases[0].0), "virtualization")["systems"],
        json!({ "kvm": "guest", "nspawn": "guest" })
    );
}

#[test]
fn the_rest() {
    let fake = machine(&[
        ("/proc/1/comm", "systemd\n"),
        ("/etc/os-release", include_str!("fixtures/debian-12-os-release")),
        ("/etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n"),
        ("/proc/uptime", "188070.54 2771.45\n"),
        ("/sys/class/dmi/id/bios_vendor", "SeaBIOS\n"),
        ("/sys/class/dmi/id/product_serial", " \n"),
        ("/sys/block/vda/size", "536870912\n"),
        ("/sys/block/vda/queue/rotational", "1\n"),
    ]);
    assert_eq!(fact(&fake, "init_package"), "systemd");
    assert_eq!(fact(&fake, "machine_id"), "3d1219c7c4c5404aaa1f6d2a48adfda4");
    assert_eq!(
        [fact(&fake, "uptime"), fact(&fake, "uptime_seconds")],
        [json!("2 days 04 hours 14 minutes 30 seconds"), json!(188_070)]
    );
    assert_eq!(fact(&fake, "idletime"), "46 minutes 11 seconds");
    assert_eq!(fact(&fake, "dmi"), json!({ "bios": { "vendor": "SeaBIOS" } }));
    assert_eq!(
        fact(&fake, "block_device"),
        json!({ "vda": { "size": "536870912", "rotational": "1" } })
    );
    assert_eq!(
        fact(&fake, "lsb"),
        json!({ "id": "Debian", "release": "12", "codename": "bookworm", "description": "Debian GNU/Linux 12 (bookworm)" })
    );
    assert_eq!(fact(&fake, "time"), json!({ "timezone": "UTC" }));
    assert!(fact(&fake, "ohai_time").as_f64().unwrap() > 1.7e9);
    assert_eq!([fact(&fake, "current_user"), fact(&fake, "root_group")], ["root", "root"]);
    assert_eq!(
        fact(&fake, "etc")["passwd"]["root"],
        json!({ "dir": "/root", "gid": 0, "uid": 0, "shell": "/bin/sh", "gecos": "root" })
    );
    fake.put_file("/proc/1/comm", "bash\n");
    fake.put_file(
        "/etc/lsb-release",
        "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\nDISTRIB_DESCRIPTION=\"Ubuntu 24.04.1 LTS\"\n",
    );
    assert_eq!(fact(&fake, "init_package"), "init");
    assert_eq!(
        fact(&fake, "lsb"),
        json!({ "id": "Ubuntu", "release": "24.04", "codename": "noble", "description": "Ubuntu 24.04.1 LTS" })
    );
}

#[test]
fn nothing_is_read_before_it_is_asked_for_and_nothing_twice() {
    let fake = machine(&[("/etc/os-release", "ID=debian\nVERSION_ID=12\n")]);
    let facts = Facts::new();
    assert_eq!(facts.reads(), 0);
    assert_eq!(facts.text("platform", &fake).as_deref(), Some("debian"));
    assert_eq!(facts.text("platform_family", &fake).as_deref(), Some("debian"));
    assert_eq!(facts.get("no such fact", &fake), None);
    assert_eq!(facts.reads(), 1);
    assert!(fake.probes().is_empty());
    // What a machine does not tell is not asked for again.
    assert_eq!([facts.get("machine_id", &fake), facts.get("machine_id", &fake)], [None, None]);
    assert_eq!(facts.reads(), 2);
    fake.put_file("/etc/os-release", "ID=debian\nVERSION_ID=13\n");
    assert_eq!(facts.text("platform_version", &fake).as_deref(), Some("12"));
    facts.reload();
    assert_eq!(facts.text("platform_version", &fake).as_deref(), Some("13"));
}

#[test]
fn every_group_gives_only_its_own_facts() {
    let mut seen = HashSet::new();
    assert!(Facts::keys().all(|key| seen.insert(key)), "a fact belongs to one group");
    let host = HostSystem::new();
    for group in super::GROUPS {
        for key in (group.read)(&host).keys() {
            assert!(group.keys.contains(&key.as_str()), "{key}");
        }
    }
    // Of any real Linux machine this much is known.
    let facts = Facts::new();
    for key in [
        "platform",
        "platform_family",
        "platform_version",
        "os",
        "hostname",
        "fqdn",
        "kernel",
        "memory",
        "cpu",
        "filesystem",
    ] {
        assert!(facts.get(key, &host).is_some(), "{key}");
    }
}

#[test]
fn shipped_facts_are_found_by_version() {
    let version = |platform: &str, version: Option<&str>| {
        shipped(platform, version)
            .map(|machine| machine.facts["platform_version"].as_str().unwrap().to_owned())
    };
    assert_eq!(version("debian", None).as_deref(), Some("13"));
    assert_eq!(version("debian", Some("12")).as_deref(), Some("12"));
    assert_eq!(version("debian", Some("12.5")).as_deref(), Some("12"));
    assert_eq!(version("ubuntu", Some("22.04")).as_deref(), Some("22.04"));
    assert_eq!(version("rocky", Some("8")).as_deref(), Some("8.10"));
    assert_eq!(version("centos", Some("7")).as_deref(), Some("7.9.2009"));
    assert_eq!(version("amazon", None).as_deref(), Some("2023"));
    assert_eq!([version("debian", Some("7")), version("plan9", None)], [None, None]);
}

#[test]
fn shipped_facts_are_complete() {
    let keys: HashSet<&str> = Facts::keys().collect();
    assert_eq!(shipped_platforms().count(), 17);
    for (platform, version) in shipped_platforms() {
        let machine = shipped(platform, Some(version)).unwrap();
        assert_eq!(machine.facts["platform_version"], version);
        let missing: Vec<_> =
            keys.iter().filter(|key| !machine.facts.contains_key(**key)).collect();
        assert!(missing.is_empty(), "{platform} {version} lacks {missing:?}");
        let has = |name: &str| machine.programs.iter().any(|program| program == name);
        let managers =
            ["apt-get", "dnf", "zypper", "pacman", "apk"].iter().filter(|name| has(name)).count();
        assert_eq!(managers + usize::from(has("yum") && !has("dnf")), 1, "{platform} {version}");
        assert_eq!(has("systemctl"), machine.facts["init_package"] == "systemd");
        assert!(has("getent") && (has("useradd") || has("adduser")));
    }
    let facts = Facts::fixed(shipped("alpine", None).unwrap().facts);
    let nothing = FakeSystem::new();
    assert_eq!(facts.text("platform_family", &nothing).as_deref(), Some("alpine"));
    facts.reload();
    assert_eq!((facts.text("fqdn", &nothing).as_deref(), facts.reads()), (Some("example.test"), 0));
}
