use serde_json::{Value, json};

use crate::command::{Command, Output};
use crate::facts::tests::{fact, machine, prints};
use crate::system::FakeSystem;

fn from_files() -> FakeSystem {
    let fake = machine(&[
        ("/proc/net/route", include_str!("../fixtures/route")),
        ("/proc/net/ipv6_route", include_str!("../fixtures/ipv6_route")),
        ("/proc/net/fib_trie", include_str!("../fixtures/fib_trie")),
        ("/proc/net/if_inet6", include_str!("../fixtures/if_inet6")),
        ("/sys/class/net/bonding_masters", "\n"),
    ]);
    for (name, files) in [
        (
            "eth0",
            [
                ("flags", "0x1003"),
                ("type", "1"),
                ("mtu", "1400"),
                ("operstate", "up"),
                ("address", "02:fc:00:00:00:01"),
                ("carrier", "1"),
            ],
        ),
        (
            "lo",
            [
                ("flags", "0x9"),
                ("type", "772"),
                ("mtu", "65536"),
                ("operstate", "unknown"),
                ("address", "00:00:00:00:00:00"),
                ("carrier", "1"),
            ],
        ),
    ] {
        for (file, content) in files {
            fake.put_file(format!("/sys/class/net/{name}/{file}"), format!("{content}\n"));
        }
    }
    fake
}

#[test]
fn without_ip_the_files_of_the_kernel_tell() {
    let with = from_files();
    assert_eq!(
        ["ipaddress", "ip6address", "macaddress"].map(|key| fact(&with, key)),
        ["192.0.2.2", "fd00::2", "02:FC:00:00:00:01"]
    );
    let network = fact(&with, "network");
    assert_eq!([&network["default_interface"], &network["default_gateway"]], ["eth0", "192.0.2.1"]);
    assert_eq!(
        [&network["default_inet6_interface"], &network["default_inet6_gateway"]],
        ["eth0", "fd00::1"]
    );
    assert_eq!(
        network["interfaces"],
        json!({
            "eth0": {
                "type": "eth", "number": "0", "encapsulation": "Ethernet", "mtu": "1400", "state": "up",
                "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
                "addresses": {
                    "02:FC:00:00:00:01": { "family": "lladdr" },
                    "192.0.2.2": { "family": "inet", "prefixlen": "24", "netmask": "255.255.255.0", "broadcast": "192.0.2.255", "scope": "Global" },
                    "fd00::2": { "family": "inet6", "prefixlen": "64", "scope": "Global" },
                    "fe80::fc:ff:fe00:1": { "family": "inet6", "prefixlen": "64", "scope": "Link" },
                },
                "routes": [
                    { "destination": "default", "family": "inet", "via": "192.0.2.1" },
                    { "destination": "192.0.2.0/24", "family": "inet" },
                    { "destination": "fd00::/64", "family": "inet6", "metric": "256" },
                    { "destination": "fe80::/64", "family": "inet6", "metric": "256" },
                    { "destination": "default", "family": "inet6", "via": "fd00::1", "metric": "1024" },
                ],
            },
            "lo": {
                "encapsulation": "Loopback", "mtu": "65536", "state": "unknown", "flags": ["LOOPBACK", "UP", "LOWER_UP"],
                "addresses": {
                    "127.0.0.1": { "family": "inet", "prefixlen": "8", "netmask": "255.0.0.0", "scope": "Node" },
                    "::1": { "family": "inet6", "prefixlen": "128", "scope": "Node" },
                },
            },
        })
    );
    // An old `ip` that does not know JSON.
    let known = fact(&with, "network");
    prints(&with, "ip", "Option \"-json\" is unknown, try \"ip -help\".\n");
    assert_eq!(fact(&with, "network"), known);
}

#[test]
fn a_machine_without_a_network() {
    let fake = machine(&[("/proc/net/route", "Iface\tDestination\tGateway\n")]);
    assert_eq!(
        ["ipaddress", "ip6address", "macaddress"].map(|key| fact(&fake, key)),
        [Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(fact(&fake, "network"), json!({ "interfaces": {} }));
}

/// A machine whose `ip` answers with these texts: addresses, routes of IPv4 and IPv6, neighbours.
fn with_ip(answers: [&'static str; 4]) -> FakeSystem {
    let fake = FakeSystem::new();
    fake.install_program("ip", move |_, command: &Command| {
        let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let answer = match words[2] {
            "-d" => 0,
            "-4" => 1,
            "-6" => 2,
            _ => 3,
        };
        Output { stdout: answers[answer].as_bytes().to_vec(), ..Output::default() }
    });
    fake
}

const CAPTURED: [&str; 4] = [
    include_str!("../fixtures/ip-address.json"),
    include_str!("../fixtures/ip-route-4.json"),
    include_str!("../fixtures/ip-route-6.json"),
    include_str!("../fixtures/ip-neighbour.json"),
];

#[test]
fn ip_tells_the_whole_of_it() {
    let fake = with_ip(CAPTURED);
    assert_eq!(
        ["ipaddress", "ip6address", "macaddress"].map(|key| fact(&fake, key)),
        ["192.0.2.10", "2001:db8::10", "52:54:00:12:34:56"]
    );
    let network = fact(&fake, "network");
    assert_eq!([&network["default_interface"], &network["default_gateway"]], ["eth0", "192.0.2.1"]);
    assert_eq!(
        network["interfaces"]["eth0"],
        json!({
            "type": "eth", "number": "0", "encapsulation": "Ethernet", "mtu": "1500", "state": "up",
            "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
            "addresses": {
                "52:54:00:12:34:56": { "family": "lladdr" },
                "192.0.2.10": { "family": "inet", "prefixlen": "24", "netmask": "255.255.255.0", "broadcast": "192.0.2.255", "scope": "Global" },
                "2001:db8::10": { "family": "inet6", "prefixlen": "64", "scope": "Global", "tags": ["nodad"] },
                "fe80::5054:ff:fe12:3456": { "family": "inet6", "prefixlen": "64", "scope": "Link", "tags": [] },
            },
            "arp": { "192.0.2.1": "52:54:00:00:00:01" },
            "neighbour_inet6": { "2001:db8::1": "52:54:00:00:00:01" },
            "routes": [
                { "destination": "default", "family": "inet", "via": "192.0.2.1", "metric": "100", "src": "192.0.2.10" },
                { "destination": "default", "family": "inet", "via": "192.0.2.9", "metric": "200" },
                { "destination": "192.0.2.0/24", "family": "inet", "scope": "link", "proto": "kernel", "src": "192.0.2.10" },
                { "destination": "203.0.113.0/24", "family": "inet", "via": "192.0.2.3" },
                { "destination": "203.0.113.0/24", "family": "inet", "via": "192.0.2.4" },
                { "destination": "2001:db8::/64", "family": "inet6", "metric": "256", "proto": "kernel" },
                { "destination": "fe80::/64", "family": "inet6", "metric": "256", "proto": "kernel" },
                { "destination": "default", "family": "inet6", "via": "2001:db8::1", "metric": "1024" },
            ],
        })
    );
    let line = json!({ "family": "inet", "prefixlen": "32", "netmask": "255.255.255.255", "peer": "10.1.1.2", "scope": "Global" });
    assert_eq!(network["interfaces"]["eth1"]["addresses"]["10.1.1.1"], line);
    let counters = fact(&fake, "counters");
    let names = |way: &str| {
        counters["network"]["interfaces"]["eth0"][way]
            .as_object()
            .map(|counts| counts.keys().cloned().collect())
    };
    let expected =
        |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(names("rx"), expected(&["bytes", "packets", "errors", "drop", "overrun"]));
    assert_eq!(
        names("tx"),
        expected(&["bytes", "packets", "errors", "drop", "carrier", "collisions", "queuelen"])
    );
}

#[test]
fn which_address_is_the_main_one() {
    let link = |addresses: &str| {
        format!(
            r#"[{{"ifname":"eth0","flags":["UP"],"mtu":1500,"operstate":"UP","link_type":"ether","address":"02:00:00:00:00:01","addr_info":[{addresses}]}}]"#
        )
    };
    let v4 = |address: &str, prefix: u8, scope: &str| {
        format!(r#"{{"family":"inet","local":"{address}","prefixlen":{prefix},"scope":"{scope}"}}"#)
    };
    let both = [v4("198.51.100.7", 32, "global"), v4("192.0.2.10", 24, "global")].join(",");
    let cases = [
        // Without a route the narrowest network, and what is reached from far before what is not.
        (both.clone(), "[]", json!("198.51.100.7")),
        (
            [v4("127.0.0.1", 8, "host"), v4("192.0.2.10", 24, "global")].join(","),
            "[]",
            json!("192.0.2.10"),
        ),
        (v4("127.0.0.1", 8, "host"), "[]", json!("127.0.0.1")),
        // The one in the network of the gateway.
        (
            both.clone(),
            r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"}]"#,
            json!("192.0.2.10"),
        ),
        // The one that the kernel uses.
        (
            both.clone(),
            r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","prefsrc":"198.51.100.7"}]"#,
            json!("198.51.100.7"),
        ),
        // A gateway that nothing reaches, or none.
        (
            both.clone(),
            r#"[{"dst":"default","gateway":"203.0.113.1","dev":"eth0"}]"#,
            json!("198.51.100.7"),
        ),
        (both, r#"[{"dst":"default","dev":"eth0","scope":"link"}]"#, json!("198.51.100.7")),
        (String::new(), r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"}]"#, Value::Null),
    ];
    for (addresses, routes, expected) in cases {
        let fake = with_ip([link(&addresses).leak(), routes, "[]", "[]"]);
        assert_eq!(fact(&fake, "ipaddress"), expected, "{addresses} {routes}");
    }
}

#[test]
fn names_of_interfaces() {
    let cases = [
        ("eth0", Some(("eth", "0"))),
        ("eth0.11", Some(("eth", "0.11"))),
        ("enp0s31f6", Some(("enp", "0s31f6"))),
        ("lo", None),
        ("br-0", None),
        ("0a", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(super::numbered(name), expected, "{name}");
    }
}
