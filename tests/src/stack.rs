//! `examples/stack`, each instance a host: the steps that the demonstration shows and a test looks
//! into.

use std::path::Path;

use crate::{Host, Image, Network, toque_binary};

/// The stack, with a machine more that serves the app's repository and sends requests.
pub struct Stack {
    instances: [(&'static str, Host); 4],
    forge: Host,
    show: Box<dyn Fn(&str)>,
    /// Last, because hosts end before their network.
    _network: Network,
}

/// What the database asks of the app. Such a one would show where somebody forgot to quote; quoted,
/// its first word is as it was.
pub const PASSWORD: &str = "Zq7mARK: the shop's \"own\" pass$word";

/// What serves requests, as a URL.
const SITE: &str = "http://10.0.0.10/";

impl Stack {
    /// Boots the machines, and publishes `v1` of the app. Each command is given to `show` before it
    /// runs, and then what it has written, line by line; differences of files are left out.
    pub fn boot(show: impl Fn(&str) + 'static) -> Stack {
        let network = Network::new();
        let members = [
            ("db1", [10, 0, 0, 20]),
            ("web1", [10, 0, 0, 11]),
            ("web2", [10, 0, 0, 12]),
            ("lb1", [10, 0, 0, 10]),
            ("forge", [10, 0, 0, 2]),
        ];
        let [db1, web1, web2, lb1, forge] = network.boot(Image::Debian12, members);
        let stack = Stack {
            instances: [("db1", db1), ("web1", web1), ("web2", web2), ("lb1", lb1)],
            forge,
            show: Box::new(show),
            _network: network,
        };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/stack");
        for (name, host) in &stack.instances {
            host.copy_in(toque_binary(), "/usr/local/bin/toque");
            for part in ["cookbooks", "stack.json"] {
                host.copy_in(example.join(part), Path::new("/srv/stack").join(part));
            }
            if *name != "lb1" {
                host.command([
                    "sh",
                    "-euc",
                    "umask 077; mkdir -p /etc/toque; cat > /etc/toque/shop-database",
                ])
                .input(PASSWORD)
                .ok();
            }
        }
        stack.forge.copy_in(example.join("app"), "/srv/shop");
        stack.forge.sh(SERVE);
        stack
    }

    /// An instance's machine.
    pub fn host(&self, instance: &str) -> &Host {
        let found = self.instances.iter().find(|(name, _)| *name == instance);
        found.map_or_else(|| panic!("the stack has no instance {instance}"), |(_, host)| host)
    }

    /// Publishes `v2` of the app: it says so, and its orders may have a note.
    pub fn publish_v2(&self) {
        for line in PUBLISH {
            self.shown("forge", &self.forge, line);
        }
    }

    /// Runs toque for an event on an instance, and returns what it wrote; `words` come after the
    /// event.
    #[track_caller]
    pub fn converge(&self, instance: &str, words: &str) -> String {
        self.run(
            instance,
            &format!("toque converge --stack stack.json --instance {instance} --event {words}"),
        )
    }

    /// Runs toque for an event on every instance that `named` has.
    #[track_caller]
    pub fn converge_each(&self, named: &[&str], words: &str) -> Vec<String> {
        named.iter().map(|instance| self.converge(instance, words)).collect()
    }

    /// Runs a shell line on an instance, in the stack's repository, and returns what it wrote.
    #[track_caller]
    pub fn run(&self, instance: &str, line: &str) -> String {
        self.shown(instance, self.host(instance), line)
    }

    /// Edits the stack's document, the same on every instance.
    #[track_caller]
    pub fn edit(&self, expression: &str) {
        let line = format!("sed -i '{expression}' stack.json");
        (self.show)(&format!("everywhere$ {line}"));
        for (_, host) in &self.instances {
            let before = host.read("/srv/stack/stack.json");
            host.sh(&format!("cd /srv/stack; {line}"));
            assert_ne!(
                before,
                host.read("/srv/stack/stack.json"),
                "`{expression}` changes nothing"
            );
        }
    }

    /// Sends requests from outside of the stack, and returns the answers. The balancer may take
    /// seconds to find out who is well.
    #[track_caller]
    pub fn requests(&self, count: usize) -> Vec<String> {
        self.forge.sh(&format!(
            "timeout 30 sh -c 'until curl -sf {SITE} > /dev/null; do sleep 0.2; done'; sleep 2"
        ));
        let line =
            format!("for n in $(seq {count}); do curl --silent --show-error --fail {SITE}; done");
        self.shown("forge", &self.forge, &line).lines().map(str::to_owned).collect()
    }

    /// Orders something, from outside of the stack.
    #[track_caller]
    pub fn order(&self, item: &str) -> String {
        self.shown(
            "forge",
            &self.forge,
            &format!("curl --silent --show-error --fail --data {item} {SITE}"),
        )
    }

    #[track_caller]
    fn shown(&self, name: &str, host: &Host, line: &str) -> String {
        (self.show)(&format!("{name}$ {line}"));
        let folder = if name == "forge" { "/srv/shop" } else { "/srv/stack" };
        let output = host.run(["sh", "-euc", &format!("cd {folder}; {line}")]);
        let written = format!("{}{}", output.stdout, output.stderr);
        let is_difference = |text: &str| line.starts_with("toque ") && text.starts_with("      ");
        for text in written.lines().filter(|text| !is_difference(text)) {
            (self.show)(&format!("  {text}"));
        }
        assert!(output.success(), "{line} failed on {name}: {output}");
        written
    }
}

const SERVE: &str = "\
cd /srv/shop
DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends curl git
git config --global user.name Forge
git config --global user.email forge@example.test
git init --quiet --initial-branch main
git add .
git commit --quiet --message 'Take orders'
git tag v1
systemd-run --quiet --unit git-daemon git daemon --export-all --base-path=/srv
until git ls-remote git://10.0.0.2/shop > /dev/null; do sleep 0.1; done
";

const PUBLISH: [&str; 4] = [
    "sed -i 's/\"v1\"/\"v2\"/' shop.py",
    "echo 'ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;' >> schema.sql",
    "git commit --quiet --all --message 'Let orders have a note'",
    "git tag v2",
];
