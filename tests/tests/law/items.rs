//! What recipes are drawn from: every kind, on the paths and names of the shared world.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::law::machine::SERVER;
use crate::law::recipe::{Item, Relation};

pub(super) type Properties = Vec<(&'static str, String)>;
pub(super) type Drawn = BoxedStrategy<Properties>;

const FILES: &[&str] = &[
    "/srv/a",
    "/srv/a",
    "/srv/d/f",
    "/srv/d/f",
    "/srv/d/e/h",
    "/srv/l/f",
    "/srv/m",
    "/etc/web/web.conf",
    "/home/ann/x",
    "/srv/t.hbs",
    "/tmp/flag",
    "/opt/tree/one.txt",
    "/etc/systemd/system/job.service",
];
const FOLDERS: &[&str] =
    &["/srv/d", "/srv/d", "/srv/d/e", "/srv/a", "/home/ann", "/opt/tree", "/srv/l", "/etc/web"];
const OWNERS: &[&str] = &["ann", "bob", "www", "root"];
const GROUPS: &[&str] = &["ops", "staff", "ann", "root"];

pub(super) fn text(value: &str) -> String {
    format!("{value:?}")
}

/// Always this property, with one of these texts.
pub(super) fn one(name: &'static str, values: &'static [&'static str]) -> Drawn {
    select(values).prop_map(move |value| vec![(name, text(value))]).boxed()
}

/// Always this property, with one of these values as a recipe writes them.
pub(super) fn given(name: &'static str, values: &'static [&'static str]) -> Drawn {
    select(values).prop_map(move |value| vec![(name, value.to_owned())]).boxed()
}

/// Perhaps this property, with one of these values as a recipe writes them.
pub(super) fn some(chance: f64, name: &'static str, values: &'static [&'static str]) -> Drawn {
    proptest::option::weighted(chance, select(values))
        .prop_map(move |value| value.map(|value| (name, value.to_owned())).into_iter().collect())
        .boxed()
}

/// Perhaps an account.
pub(super) fn account(name: &'static str, values: &'static [&'static str]) -> Drawn {
    proptest::option::weighted(0.2, select(values))
        .prop_map(move |value| value.map(|value| (name, text(value))).into_iter().collect())
        .boxed()
}

/// Actions: mostly the default, at times two in turn.
fn action(chance: f64, values: &'static [&'static str]) -> Drawn {
    proptest::option::weighted(chance, vec(select(values), 1..3))
        .prop_map(|actions| {
            let mut actions = actions.unwrap_or_default();
            actions.dedup();
            match &actions[..] {
                [] => Vec::new(),
                [only] => vec![("action", text(only))],
                several => vec![("action", format!("{several:?}"))],
            }
        })
        .boxed()
}

pub(super) fn all(parts: Vec<Drawn>) -> Drawn {
    parts.prop_map(|parts| parts.concat()).boxed()
}

fn content(values: &'static [&'static str]) -> Drawn {
    some(0.85, "content", values)
}

fn managed(kind_actions: &'static [&'static str]) -> Drawn {
    all(vec![
        account("owner", OWNERS),
        account("group", GROUPS),
        some(
            0.25,
            "mode",
            &[
                "0o644",
                "0o600",
                "0o755",
                "\"0640\"",
                "|| if file_exists(\"/tmp/flag\") { \"0600\" } else { \"0644\" }",
            ],
        ),
        some(0.1, "force_unlink", &["true"]),
        some(0.1, "manage_symlink_source", &["true", "false"]),
        some(0.1, "atomic_update", &["false"]),
        some(0.1, "verify", &["\"grep -q one {path}\"", "\"true\"", "\"test -e /srv/a\""]),
        action(0.25, kind_actions),
    ])
}

const FILE_ACTIONS: &[&str] = &["create", "create_if_missing", "delete", "touch"];
const LINES: &[&str] = &[
    "touch /tmp/flag",
    "rm /tmp/flag",
    "write one /srv/a",
    "append x /srv/a",
    "rm /srv/d/f",
    "mkdir /srv/d",
    "chmod 700 /srv/d",
    "true",
    "useradd -m -- ann",
    "groupadd -- ops",
    "systemctl stop web.service",
    "systemctl enable job.service",
    "apt-get -y install -- tool",
    "rm /etc/systemd/system/job.service",
    "write mine /etc/web/web.conf",
];
const GUARDS: &[&str] = &[
    "\"true\"",
    "\"false\"",
    "\"test -e /tmp/flag\"",
    "\"test -e /srv/a\"",
    "\"test -d /srv/d\"",
    "\"grep -q one /srv/a\"",
    "\"id ann\"",
    "[\"test -e /srv/d\", \"test -e /srv/a\"]",
    "#{ command: [\"sh\", \"-c\", \"test -e /srv/d/f\"] }",
    "#{ command: \"test -e /srv/a\", user: \"ann\" }",
    "#{ command: \"test -e /srv/a\", cwd: \"/srv/d\", returns: [1] }",
    "|| true",
    "|| false",
    "|| file_exists(\"/srv/a\")",
    "|| file_exists(\"/srv/d/e\")",
    "|| file_exists(\"/tmp/flag\") && read_file(\"/tmp/flag\") == \"yes\"",
    "|| file_exists(\"/srv/a\") && read_file(\"/srv/a\").contains(\"one\")",
    "|| BEFORE.changed",
    "|| \"token\" in node.run_state",
    "|| node.get(\"etc.passwd.ann\") != ()",
    "|| shell_out(\"test -e /srv/d/f\", #{ returns: [0, 1] }).status == 0",
];

/// The properties that every kind has.
fn common() -> Drawn {
    all(vec![some(0.15, "not_if", GUARDS), common_of(GUARDS)])
}

/// The same with some guards only, and without `not_if`.
pub(super) fn common_of(guards: &'static [&'static str]) -> Drawn {
    all(vec![
        some(0.15, "only_if", guards),
        some(0.08, "ignore_failure", &["true", "\"quiet\""]),
        some(0.05, "umask", &["\"0077\"", "\"0002\""]),
        some(0.05, "sensitive", &["true"]),
    ])
}

fn relations() -> BoxedStrategy<Vec<Relation>> {
    let relation = (
        any::<bool>(),
        any::<Index>(),
        any::<Index>(),
        select(&["delayed", "delayed", "immediately", "before"][..]),
    )
        .prop_map(|(subscribes, target, action, timing)| Relation {
            subscribes,
            target,
            action: Some(action),
            timing,
        });
    prop_oneof![3 => Just(Vec::new()), 2 => vec(relation, 1..4)].boxed()
}

pub(super) fn of(
    kind: &'static str,
    parts: Vec<Drawn>,
) -> BoxedStrategy<(&'static str, Properties)> {
    all(parts).prop_map(move |properties| (kind, properties)).boxed()
}

fn files() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        6 => of("file", vec![
            one("path", FILES),
            content(&[
                "\"one\"", "\"one\"", "\"two\"", "\"\"", "\"[Service]\\nExecStart=/bin/true\\n\"",
                "|| if \"token\" in node.run_state { node.run_state.token } else { \"none\" }", "|| if BEFORE.changed { \"one\" } else { \"two\" }",
                "|| read_file(\"/srv/a\")", "|| `${node.get(\"etc.passwd.ann.uid\", 0)}`",
            ]),
            managed(FILE_ACTIONS),
        ]),
        2 => of("template", vec![
            one("path", FILES),
            prop_oneof![
                Just(vec![("source", text("t.hbs")), ("cookbook", text("law")), ("variables", "#{ word: \"one\" }".to_owned())]),
                Just(vec![("source", text("t.hbs")), ("cookbook", text("law")),
                    ("variables", "#{ word: || if file_exists(\"/srv/a\") { \"one\" } else { \"two\" } }".to_owned())]),
                Just(vec![("source", text("user.hbs")), ("cookbook", text("law"))]),
                Just(vec![("source", text("/srv/t.hbs")), ("local", "true".to_owned()), ("variables", "#{ word: \"one\" }".to_owned())]),
            ].boxed(),
            managed(FILE_ACTIONS),
        ]),
        1 => of("cookbook_file", vec![
            one("path", FILES),
            Just(vec![("source", text("one")), ("cookbook", text("law"))]).boxed(),
            managed(FILE_ACTIONS),
        ]),
        2 => of("remote_file", vec![
            one("path", FILES),
            prop_oneof![
                select(&["/one", "/two", "/two", "/three"][..]).prop_map(|name| vec![("source", text(&format!("{SERVER}{name}")))]),
                select(&["file:///srv/a", "file:///srv/d/f"][..]).prop_map(|url| vec![("source", text(url))]),
            ]
            .boxed(),
            managed(FILE_ACTIONS),
        ]),
    ]
    .boxed()
}

fn places() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        5 => of("directory", vec![
            one("path", FOLDERS),
            account("owner", OWNERS),
            account("group", GROUPS),
            some(0.3, "mode", &["0o755", "0o700", "0o2775"]),
            some(0.4, "recursive", &["true"]),
            action(0.25, &["create", "delete"]),
        ]),
        3 => of("link", vec![
            one("target_file", &["/srv/l", "/srv/l", "/srv/m", "/srv/d/f", "/srv/a", "/etc/systemd/system/job.service"]),
            prop_oneof![
                all(vec![given("to", &["\"/srv/d\"", "\"/srv/a\"", "\"/srv/d/e\"", "\"d/f\"", "\"/dev/null\""]), account("owner", OWNERS)]),
                given("to", &["\"/srv/a\", link_type: \"hard\"", "\"/srv/d/f\", link_type: \"hard\""]),
            ]
            .boxed(),
            some(0.3, "force", &["true"]),
            action(0.25, &["create", "delete"]),
        ]),
        2 => of("remote_directory", vec![
            one("path", &["/opt/tree", "/opt/tree", "/srv/d", "/srv/d/e"]),
            Just(vec![("source", text("tree")), ("cookbook", text("law"))]).boxed(),
            some(0.3, "purge", &["true"]),
            some(0.2, "overwrite", &["false"]),
            account("owner", OWNERS),
            account("files_owner", OWNERS),
            some(0.2, "files_mode", &["0o600"]),
            action(0.25, &["create", "create_if_missing", "delete"]),
        ]),
    ]
    .boxed()
}

fn accounts() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        of(
            "user",
            vec![
                one("username", &["ann", "ann", "bob", "www"]),
                some(0.2, "uid", &["1200", "1300"]),
                some(0.3, "gid", &["\"ops\"", "\"staff\"", "1500"]),
                some(0.2, "shell", &["\"/bin/sh\"", "\"/bin/dash\""]),
                some(0.15, "password", &["\"$6$a$b\"", "\"$6$c$d\""]),
                some(0.4, "manage_home", &["true"]),
                some(0.15, "home", &["\"/home/ann\"", "\"/srv/d\""]),
                some(0.1, "system", &["true"]),
                action(0.35, &["create", "remove", "modify", "manage", "lock", "unlock"]),
            ]
        ),
        of(
            "group",
            vec![
                one("group_name", GROUPS),
                some(0.2, "gid", &["1400", "1500"]),
                some(0.4, "members", &["\"ann\"", "[\"ann\", \"bob\"]", "\"www\""]),
                some(0.2, "excluded_members", &["\"root\""]),
                some(0.3, "append", &["false"]),
                action(0.3, &["create", "remove", "modify", "manage"]),
            ]
        ),
    ]
    .boxed()
}

fn software() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        4 => of("package", vec![
            given("package_name", &["\"tool\"", "\"web\"", "\"web\"", "\"libc\"", "\"mta\"", "\"mta-a\"", "[\"tool\", \"web\"]"]),
            action(0.4, &["install", "upgrade", "remove", "purge", "lock", "unlock"]),
        ]),
        1 => of("package", vec![
            one("package_name", &["tool"]),
            some(0.9, "version", &["\"1.0\"", "\"1.1\""]),
            action(0.2, &["install", "upgrade"]),
        ]),
        1 => of("apt_update", vec![some(0.3, "frequency", &["0", "3600"]), action(0.4, &["periodic", "update"])]),
        4 => of("service", vec![
            one("service_name", &["web", "job", "web.service"]),
            action(0.95, &["enable", "disable", "start", "stop", "restart", "reload", "mask", "unmask"]),
        ]),
        3 => of("systemd_unit", vec![
            one("unit_name", &["job.service", "job.service", "web.service"]),
            some(0.95, "content", &[
                "\"[Service]\\nExecStart=/bin/true\\n\"",
                "#{ Service: #{ ExecStart: \"/bin/true\" }, Install: #{ WantedBy: \"multi-user.target\" } }",
                "\"[Unit]\\nRequires=web.service\\n[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n\"",
                "\"[Unit]\\nConflicts=web.service\\n[Service]\\nExecStart=/bin/true\\n\"",
                "\"[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\nAlso=web.service\\n\"",
            ]),
            action(0.9, &[
                "create", "create", "delete", "enable", "disable", "reenable", "start", "stop", "restart", "try_restart", "reload",
                "reload_or_restart", "mask", "unmask", "preset",
            ]),
        ]),
    ]
    .boxed()
}

fn commands() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        4 => of("execute", vec![
            one("command", LINES),
            some(0.4, "creates", &["\"/tmp/flag\"", "\"/srv/a\"", "\"/srv/d/f\""]),
            some(0.1, "cwd", &["\"/srv/d\"", "\"/srv\""]),
            account("user", OWNERS),
            some(0.2, "action", &["\"nothing\""]),
        ]),
        1 => of("bash", vec![
            given("code", &["\"touch /tmp/flag\\nmkdir /srv/d\\n\"", "\"write one /srv/a\\n\""]),
            some(0.5, "creates", &["\"/tmp/flag\"", "\"/srv/a\""]),
        ]),
        1 => of("script", vec![
            Just(vec![("interpreter", text("sh"))]).boxed(),
            given("code", &["\"rm /tmp/flag\\n\"", "\"append one /srv/a\\n\""]),
            some(0.5, "creates", &["\"/tmp/flag\"", "\"/srv/a\""]),
        ]),
        2 => of("block", vec![given("run", &[
            "|| { node.run_state.token = \"one\"; }",
            "|| { node.run_state.token = read_file(\"/srv/a\"); }",
            "|| { node.run_state.other = 1; }",
        ])]),
        2 => of("notify_group", vec![some(0.6, "action", &["\"run\""])]),
        2 => of("log", vec![given("message", &["\"hello\"", "|| if file_exists(\"/srv/a\") { read_file(\"/srv/a\") } else { \"no\" }"])]),
        1 => of("facts", vec![Just(Vec::new()).boxed()]),
    ]
    .boxed()
}

/// Resources made of others, which the cookbook has.
fn custom() -> BoxedStrategy<(&'static str, Properties)> {
    prop_oneof![
        of(
            "law_pair",
            vec![
                some(0.5, "path", &["\"/srv/a\"", "\"/srv/l/f\""]),
                some(
                    0.5,
                    "content",
                    &["\"two\"", "|| if file_exists(\"/tmp/flag\") { \"one\" } else { \"two\" }"]
                ),
                action(0.3, &["create", "delete"]),
            ]
        ),
        of(
            "law_state",
            vec![
                some(0.5, "path", &["\"/srv/d/f\"", "\"/tmp/flag\""]),
                some(
                    0.5,
                    "value",
                    &["\"two\"", "|| if file_exists(\"/tmp/flag\") { \"one\" } else { \"two\" }"]
                ),
                some(0.3, "needs", &["\"/tmp/flag\"", "\"/srv/a\"", "\"/srv/m\""]),
                action(0.4, &["set", "file"]),
            ]
        ),
        of("law_outer", vec![some(0.5, "value", &["\"two\""]), action(0.3, &["create", "twice"])]),
    ]
    .boxed()
}

/// Any resource.
pub(super) fn item() -> BoxedStrategy<Item> {
    let drawn = prop_oneof![5 => files(), 4 => places(), 3 => accounts(), 4 => software(), 3 => commands(), 3 => custom()];
    (drawn, common(), relations())
        .prop_map(|((kind, mut properties), common, relations)| {
            properties.extend(common);
            Item { kind, properties, relations }
        })
        .boxed()
}
