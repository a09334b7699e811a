//! Facts of what is installed, and of the hardware below.

use serde_json::{Value, json};

use super::{Files, fact, machine, prints};
use crate::system::System;

#[test]
fn firmware_by_its_tables_or_by_the_kernel() {
    let fake = machine(&[
        ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
        ("/proc/sys/kernel/hostname", "web1\n"),
    ]);
    prints(&fake, "dmidecode", "# dmidecode 3.4\n# No SMBIOS nor DMI entry point found, sorry.\n");
    assert_eq!(fact(&fake, "dmi"), json!({ "system": { "manufacturer": "QEMU" } }));
    assert_eq!(fact(&fake, "shard_seed"), Value::Null);
    prints(&fake, "dmidecode", include_str!("../fixtures/dmidecode"));
    let dmi = fact(&fake, "dmi");
    assert_eq!(
        [&dmi["dmidecode_version"], &dmi["smbios_version"], &dmi["structures"]["count"]],
        ["3.4", "2.8", "11"]
    );
    assert_eq!([&dmi["bios"]["vendor"], &dmi["system"]["serial_number"]], ["SeaBIOS", "8W4X2Z1"]);
    // What two processors have in common, and what they have not.
    assert_eq!(dmi["processor"]["all_records"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        [&dmi["processor"]["max_speed"], &dmi["processor"]["socket_designation"]],
        [&json!("2000 MHz"), &Value::Null]
    );
    assert_eq!(
        dmi["bios"]["all_records"][0]["Characteristics"],
        json!({ "BIOS characteristics not supported": null, "Targeted content distribution is supported": null })
    );
    assert_eq!(dmi.get("memory_device"), None);
    // The first seven digits of the MD5 of `web1`, the serial number and the UUID; with FIPS of the
    // SHA-256.
    assert_eq!(fact(&fake, "shard_seed"), 0x002_a3b4);
    fake.put_file("/proc/sys/crypto/fips_enabled", "1\n");
    assert_eq!(fact(&fake, "fips"), json!({ "kernel": { "enabled": true } }));
    assert_eq!(fact(&fake, "shard_seed"), 0xb65_458c);
}

#[test]
fn packages_by_the_files_of_their_manager() {
    let dpkg = "Package: acl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.3.1-3\nDescription: access control\n Version: no\n\n\
                Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1.0\n\n\
                Package: never\nStatus: purge ok not-installed\nArchitecture: all\n\n";
    let fake = machine(&[("/var/lib/dpkg/status", dpkg)]);
    let expected = json!({ "acl": { "version": "2.3.1-3", "arch": "amd64" }, "old": { "version": "1.0", "arch": "all" } });
    assert_eq!(fact(&fake, "packages"), expected);
    let fake = machine(&[(
        "/lib/apk/db/installed",
        "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\n\nP:broken\n\n",
    )]);
    assert_eq!(
        fact(&fake, "packages"),
        json!({ "musl": { "version": "1.2.5-r0", "arch": "x86_64" } })
    );
    let desc = "%NAME%\nacl\n\n%VERSION%\n2.3.2-1\n\n%ARCH%\nx86_64\n\n%INSTALLDATE%\n1730000000\n";
    let fake = machine(&[
        ("/var/lib/pacman/local/acl-2.3.2-1/desc", desc),
        ("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n"),
    ]);
    let expected =
        json!({ "acl": { "version": "2.3.2-1", "installdate": "1730000000", "arch": "x86_64" } });
    assert_eq!(fact(&fake, "packages"), expected);
    let fake = machine(&[]);
    prints(
        &fake,
        "rpm",
        "acl\t0\t2.3.1\t4.el9\t1700000000\tx86_64\nkernel\t0\t5.14.0\t1.el9\t1\tx86_64\nkernel\t0\t5.14.0\t2.el9\t2\tx86_64\nbroken\n",
    );
    let packages = fact(&fake, "packages");
    let acl = json!({ "epoch": "0", "version": "2.3.1", "release": "4.el9", "installdate": "1700000000", "arch": "x86_64" });
    assert_eq!((&packages["acl"], packages.get("broken")), (&acl, None));
    assert_eq!(
        [&packages["kernel"]["release"], &packages["kernel"]["versions"][0]["release"]],
        ["2.el9", "1.el9"]
    );
    assert_eq!(packages["kernel"]["versions"].as_array().map(Vec::len), Some(2));

    assert_eq!(fact(&fake, "package_manager"), Value::Null);
    fake.put_file("/usr/bin/dnf", "");
    assert_eq!(fact(&fake, "package_manager"), Value::Null, "nobody can run it");
    fake.set_mode(std::path::Path::new("/usr/bin/dnf"), 0o755).unwrap();
    assert_eq!(fact(&fake, "package_manager"), "dnf");
}

#[test]
fn clouds_by_firmware_or_hint() {
    let cases: &[(Files, &str)] = &[
        (&[("/sys/class/dmi/id/bios_vendor", "Amazon EC2\n")], "ec2"),
        (&[("/sys/class/dmi/id/bios_version", "4.11.amazon\n")], "ec2"),
        (&[("/sys/hypervisor/uuid", "ec2ab123-0000-0000-0000-000000000000\n")], "ec2"),
        (&[("/sys/class/dmi/id/product_name", "Google Compute Engine\n")], "gce"),
        (&[("/sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")], "azure"),
        (&[("/sys/class/dmi/id/sys_vendor", "DigitalOcean\n")], "digital_ocean"),
        (&[("/sys/class/dmi/id/sys_vendor", "OpenStack Foundation\n")], "openstack"),
        (&[("/etc/toque/facts/hints/rackspace.json", "")], "rackspace"),
        (
            &[
                ("/etc/chef/ohai/hints/gce.json", "no JSON"),
                ("/sys/class/dmi/id/bios_vendor", "Amazon EC2\n"),
            ],
            "gce",
        ),
    ];
    for (files, provider) in cases {
        assert_eq!(fact(&machine(files), "cloud"), json!({ "provider": provider }), "{files:?}");
    }
    let hint =
        r#"{ "public_ipv4": "203.0.113.5", "local_hostname": "web1.internal", "secret": "x" }"#;
    let cloud = json!({ "provider": "ec2", "public_ipv4": "203.0.113.5", "public_ipv4_addrs": ["203.0.113.5"], "local_hostname": "web1.internal" });
    assert_eq!(fact(&machine(&[("/etc/chef/ohai/hints/ec2.json", hint)]), "cloud"), cloud);
    assert_eq!(fact(&machine(&[("/sys/class/dmi/id/sys_vendor", "QEMU\n")]), "cloud"), Value::Null);
}

#[test]
fn small_facts() {
    let fake = machine(&[
        ("/etc/shells", "# valid shells\n/bin/sh\n\n/bin/bash\n"),
        (
            "/etc/os-release",
            "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nPRETTY_NAME='Rocky Linux'\n",
        ),
        ("/etc/ssh/sshd_config", "#HostKey /etc/none\nHostKey /srv/keys/own\nHostKey\n"),
        ("/srv/keys/own.pub", "ssh-rsa AAAAB3 root@web1\n"),
        ("/etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa AAAAother\n"),
        ("/etc/ssh/ssh_host_ecdsa_key.pub", "ecdsa-sha2-nistp256 AAAAE2\n"),
    ]);
    prints(
        &fake,
        "getconf",
        "PAGESIZE                           4096\nULONG_MAX 18446744073709551615\nAIO_MAX\nPATH /bin:/usr/bin\n",
    );
    prints(
        &fake,
        "systemd-path",
        "temporary: /tmp\nsearch-binaries: /usr/local/sbin:/usr/sbin\nnonsense\n",
    );
    assert_eq!(fact(&fake, "shells"), json!(["/bin/sh", "/bin/bash"]));
    assert_eq!(
        fact(&fake, "os_release"),
        json!({ "id": "rocky", "id_like": ["rhel", "centos", "fedora"], "pretty_name": "Rocky Linux" })
    );
    assert_eq!(
        fact(&fake, "keys"),
        json!({ "ssh": { "host_rsa_public": "AAAAB3", "host_ecdsa_public": "AAAAE2", "host_ecdsa_type": "ecdsa-sha2-nistp256" } })
    );
    assert_eq!(
        fact(&fake, "sysconf"),
        json!({ "PAGESIZE": 4096, "ULONG_MAX": u64::MAX, "AIO_MAX": null, "PATH": "/bin:/usr/bin" })
    );
    assert_eq!(
        fact(&fake, "systemd_paths"),
        json!({ "temporary": "/tmp", "search-binaries": "/usr/local/sbin" })
    );
    assert_eq!(fact(&fake, "command"), json!({ "ps": "ps -ef" }));
    assert_eq!(fact(&fake, "languages"), json!({}));
}
