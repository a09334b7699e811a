//! Recipes that are done after one run: no two resources want different things of one path or name,
//! none acts each time, and no guard asks for what a later resource changes.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::law::items::{Drawn, Properties, account, all, common_of, given, of, one, some, text};
use crate::law::machine::SERVER;
use crate::law::recipe::{Item, Relation};

const GUARDS: &[&str] = &[
    "\"true\"",
    "\"test -e /srv/t.hbs\"",
    "|| true",
    "|| file_exists(\"/srv/t.hbs\")",
    "[\"true\", \"test -e /srv/t.hbs\"]",
];
const OWNERS: &[&str] = &["ann", "bob", "root"];
const GROUPS: &[&str] = &["ops", "staff", "root"];

fn owned() -> Drawn {
    all(vec![
        account("owner", OWNERS),
        account("group", GROUPS),
        some(0.3, "mode", &["0o640", "\"0755\"", "|| \"0600\""]),
    ])
}

fn source(pairs: &[(&'static str, &str)]) -> Drawn {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, text(value))).collect();
    Just(pairs).boxed()
}

fn word() -> Drawn {
    given("variables", &["#{ word: \"one\" }", "#{ word: || \"two\" }", "#{ word: node.name }"])
}

/// Every resource that may be there, in the order in which they would be declared.
fn places() -> Vec<BoxedStrategy<(&'static str, Properties)>> {
    vec![
        of("apt_update", vec![some(0.5, "frequency", &["86400"])]),
        of("group", vec![one("group_name", &["ops"]), some(0.3, "gid", &["1400"])]),
        of(
            "user",
            vec![
                one("username", &["ann"]),
                some(0.3, "uid", &["1200"]),
                some(0.3, "gid", &["\"ops\""]),
                some(0.3, "shell", &["\"/bin/sh\"", "\"/bin/dash\""]),
                some(0.3, "password", &["\"$6$a$b\""]),
                some(0.3, "comment", &["\"Ann\"", "|| \"Ann\""]),
                some(0.4, "manage_home", &["true"]),
            ],
        ),
        of(
            "user",
            vec![
                one("username", &["bob"]),
                some(0.4, "manage_home", &["true"]),
                some(0.3, "expire_date", &["\"2030-01-01\""]),
            ],
        ),
        of(
            "user",
            vec![
                one("username", &["carl"]),
                one("action", &["remove", "manage"]),
                some(0.3, "manage_home", &["true"]),
            ],
        ),
        of(
            "group",
            vec![
                one("group_name", &["staff"]),
                some(0.3, "gid", &["1500"]),
                some(0.6, "members", &["\"ann\"", "[\"ann\", \"bob\"]"]),
                some(0.3, "append", &["false"]),
            ],
        ),
        of(
            "package",
            vec![
                given("package_name", &["\"web\"", "[\"web\", \"libc\"]"]),
                one("action", &["install", "upgrade"]),
            ],
        ),
        of(
            "package",
            vec![one("package_name", &["tool"]), some(0.5, "version", &["\"1.0\"", "\"1.1\""])],
        ),
        of("package", vec![one("package_name", &["mta"])]),
        of(
            "package",
            vec![one("package_name", &["dns-a"]), one("action", &["remove", "purge", "lock"])],
        ),
        of("directory", vec![one("path", &["/srv/d"]), owned()]),
        of(
            "directory",
            vec![one("path", &["/srv/d/e/deep"]), given("recursive", &["true"]), owned()],
        ),
        of(
            "directory",
            vec![
                one("path", &["/tmp/old"]),
                one("action", &["delete"]),
                given("recursive", &["true"]),
            ],
        ),
        of(
            "file",
            vec![
                one("path", &["/srv/d/g"]),
                some(
                    0.8,
                    "content",
                    &[
                        "\"one\"",
                        "|| `${node.name}`",
                        "\"\"",
                        "|| node.get(\"etc.passwd.root.dir\")",
                    ],
                ),
                owned(),
                some(0.1, "atomic_update", &["false"]),
                some(0.2, "verify", &["\"true\""]),
            ],
        ),
        of(
            "template",
            vec![
                one("path", &["/srv/d/t"]),
                source(&[("source", "t.hbs"), ("cookbook", "law")]),
                word(),
                owned(),
            ],
        ),
        of(
            "template",
            vec![
                one("path", &["/etc/web/web.conf", "/srv/d/local"]),
                source(&[("source", "/srv/t.hbs")]),
                given("local", &["true"]),
                word(),
                owned(),
            ],
        ),
        of(
            "cookbook_file",
            vec![
                one("path", &["/srv/d/c"]),
                source(&[("source", "one"), ("cookbook", "law")]),
                owned(),
            ],
        ),
        of(
            "remote_file",
            vec![
                one("path", &["/srv/d/r"]),
                select(&["/one", "/two"][..])
                    .prop_map(|name| vec![("source", text(&format!("{SERVER}{name}")))])
                    .boxed(),
                owned(),
            ],
        ),
        of(
            "remote_directory",
            vec![
                one("path", &["/opt/tree"]),
                source(&[("source", "tree"), ("cookbook", "law")]),
                some(0.5, "purge", &["true"]),
                some(0.3, "files_mode", &["0o600"]),
                owned(),
            ],
        ),
        of("file", vec![one("path", &["/tmp/gone"]), one("action", &["delete"])]),
        of(
            "link",
            vec![
                one("target_file", &["/srv/l"]),
                given("to", &["\"/srv/d\"", "\"/srv/a\""]),
                account("owner", OWNERS),
            ],
        ),
        of(
            "link",
            vec![
                one("target_file", &["/srv/h"]),
                given("to", &["\"/srv/a\""]),
                given("link_type", &["\"hard\""]),
            ],
        ),
        of("link", vec![one("target_file", &["/srv/m"]), one("action", &["delete"])]),
        of(
            "systemd_unit",
            vec![
                one("unit_name", &["job.service"]),
                given(
                    "content",
                    &[
                        "\"[Service]\\nExecStart=/bin/true\\n\"",
                        "#{ Service: #{ ExecStart: \"/bin/true\" }, Install: #{ WantedBy: \"multi-user.target\" } }",
                        "\"[Unit]\\nRequires=web.service\\n[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n\"",
                    ],
                ),
                given(
                    "action",
                    &[
                        "\"create\"",
                        "[\"create\", \"enable\", \"start\"]",
                        "[\"create\", \"start\"]",
                    ],
                ),
            ],
        ),
        of(
            "service",
            vec![
                one("service_name", &["web"]),
                given(
                    "action",
                    &[
                        "\"start\"",
                        "[\"enable\", \"start\"]",
                        "\"enable\"",
                        "[\"unmask\", \"start\"]",
                    ],
                ),
            ],
        ),
        of(
            "service",
            vec![
                one("service_name", &["job"]),
                given("action", &["\"start\"", "[\"enable\", \"start\"]", "\"nothing\""]),
            ],
        ),
        of(
            "execute",
            vec![
                one("command", &["touch /tmp/flag"]),
                given("creates", &["\"/tmp/flag\""]),
                account("user", OWNERS),
            ],
        ),
        of(
            "execute",
            vec![
                one("command", &["append x /srv/log"]),
                given(
                    "not_if",
                    &[
                        "\"grep -q x /srv/log\"",
                        "|| file_exists(\"/srv/log\") && read_file(\"/srv/log\").contains(\"x\")",
                    ],
                ),
            ],
        ),
        of(
            "execute",
            vec![one("command", &["append told /srv/told"]), one("action", &["nothing"])],
        ),
        of(
            "bash",
            vec![given("code", &["\"write one /srv/b\\n\""]), given("creates", &["\"/srv/b\""])],
        ),
        of(
            "script",
            vec![
                source(&[("interpreter", "sh")]),
                given("code", &["\"mkdir /srv/s\\n\""]),
                given("not_if", &["\"test -d /srv/s\"", "|| file_exists(\"/srv/s\")"]),
            ],
        ),
        of(
            "block",
            vec![given("run", &["|| { node.run_state.token = 1; }"]), one("action", &["nothing"])],
        ),
        of("facts", vec![one("action", &["nothing"])]),
        of("notify_group", vec![one("action", &["nothing"])]),
        of("log", vec![given("message", &["\"hello\"", "|| node.name"])]),
    ]
}

/// Notifications of actions that the target takes anyway, or that only happen when something
/// changed.
fn relations() -> BoxedStrategy<Vec<Relation>> {
    let relation =
        (any::<bool>(), any::<Index>(), select(&["delayed", "immediately", "before"][..]))
            .prop_map(|(subscribes, target, timing)| Relation {
                subscribes,
                target,
                action: None,
                timing,
            });
    prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(relation, 1..3)].boxed()
}

/// A recipe.
pub(super) fn recipe() -> BoxedStrategy<Vec<Item>> {
    let item = |place| (place, common_of(GUARDS), relations());
    let items: Vec<_> =
        places().into_iter().map(|place| proptest::option::weighted(0.3, item(place))).collect();
    items
        .prop_map(|items| {
            let whole = |((kind, mut properties), common, relations): (
                (&'static str, Properties),
                Properties,
                Vec<Relation>,
            )| {
                let free: Vec<_> = common
                    .into_iter()
                    .filter(|(name, _)| properties.iter().all(|(known, _)| known != name))
                    .collect();
                properties.extend(free);
                Item { kind, properties, relations }
            };
            items.into_iter().flatten().map(whole).collect()
        })
        .boxed()
}
