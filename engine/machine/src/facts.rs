//! What a machine is, under Ohai's names and in Ohai's shapes. Each group of facts is read when one
//! of them is first asked for.

mod block_device;
mod cloud;
mod command;
mod cpu;
pub mod custom;
mod dmi;
mod etc;
mod filesystem;
mod fips;
mod hostname;
mod init;
mod kernel;
mod languages;
mod lsb;
mod machine_id;
mod memory;
mod network;
mod os_release;
mod packages;
mod platform;
mod shard;
mod shells;
pub mod shipped;
mod ssh_host_keys;
mod sysconf;
mod systemd_paths;
mod time;
mod virtualization;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use self::custom::Custom;
use crate::command::{Command, DEFAULT_PATH, Output};
use crate::system::{FileKind, Query};
use toque_core::diagnostic::Diagnostic;

/// The facts of one machine.
#[derive(Clone)]
pub struct Facts {
    /// The facts of a machine that is only thought of; nothing is read for them.
    fixed: bool,
    held: RefCell<HashMap<String, Rc<Value>>>,
    /// Which groups were read.
    read: RefCell<Vec<bool>>,
    reads: Cell<u64>,
    custom: Custom,
}

/// Facts that are read together.
struct Group {
    keys: &'static [&'static str],
    /// What the machine does not tell is left out.
    read: fn(&dyn Query) -> Map<String, Value>,
}

/// Every group of facts. One that costs a command or many files does not share a group with one
/// that is often asked for.
const GROUPS: &[Group] = &[
    Group { keys: &["platform", "platform_family", "platform_version"], read: platform::read },
    Group { keys: &["os", "os_version"], read: kernel::read_os },
    Group { keys: &["kernel"], read: kernel::read },
    Group { keys: &["hostname", "machinename"], read: hostname::read },
    Group { keys: &["fqdn", "domain"], read: hostname::read_fqdn },
    Group {
        keys: &["network", "counters", "ipaddress", "ip6address", "macaddress"],
        read: network::read,
    },
    Group { keys: &["memory"], read: memory::read },
    Group { keys: &["cpu"], read: cpu::read },
    Group { keys: &["filesystem"], read: filesystem::read },
    Group { keys: &["block_device"], read: block_device::read },
    Group { keys: &["lsb"], read: lsb::read },
    Group { keys: &["init_package"], read: init::read },
    Group { keys: &["virtualization"], read: virtualization::read },
    Group { keys: &["dmi"], read: dmi::read },
    Group { keys: &["etc", "current_user", "root_group"], read: etc::read },
    Group { keys: &["time"], read: time::read },
    Group {
        keys: &["uptime", "uptime_seconds", "idletime", "idletime_seconds"],
        read: time::read_uptime,
    },
    Group { keys: &["ohai_time"], read: time::read_now },
    Group { keys: &["machine_id"], read: machine_id::read },
    Group { keys: &["os_release"], read: os_release::read_fact },
    Group { keys: &["languages"], read: languages::read },
    Group { keys: &["packages"], read: packages::read },
    Group { keys: &["package_manager"], read: packages::read_manager },
    Group { keys: &["cloud"], read: cloud::read },
    Group { keys: &["shells"], read: shells::read },
    Group { keys: &["keys"], read: ssh_host_keys::read },
    Group { keys: &["fips"], read: fips::read },
    Group { keys: &["shard_seed"], read: shard::read },
    Group { keys: &["sysconf"], read: sysconf::read },
    Group { keys: &["systemd_paths"], read: systemd_paths::read },
    Group { keys: &["command"], read: command::read },
];

impl Default for Facts {
    fn default() -> Self {
        Self::new()
    }
}

impl Facts {
    /// Facts that will be read from the machine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fixed: false,
            held: RefCell::default(),
            read: RefCell::new(vec![false; GROUPS.len()]),
            reads: Cell::new(0),
            custom: Custom::default(),
        }
    }

    /// The facts of a machine that is only thought of; there are no others.
    #[must_use]
    pub fn fixed(facts: Map<String, Value>) -> Self {
        let held = facts.into_iter().map(|(key, value)| (key, Rc::new(value))).collect();
        Self { fixed: true, held: RefCell::new(held), ..Self::new() }
    }

    /// The same, and those of cookbooks.
    #[must_use]
    pub fn with(self, custom: Custom) -> Self {
        Self { custom, ..self }
    }

    /// The facts of cookbooks.
    #[must_use]
    pub fn custom(&self) -> &Custom {
        &self.custom
    }

    /// The names of all facts that toque itself can read.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        GROUPS.iter().flat_map(|group| group.keys.iter().copied())
    }

    /// The names of all facts that can be read here, those of cookbooks included.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Self::keys().collect();
        names.extend(self.custom.facts().map(|fact| fact.name.as_str()));
        names
    }

    /// A fact, read now when it was not before. `None`: the machine does not tell, or there is no
    /// such fact.
    #[must_use]
    pub fn get(&self, key: &str, query: &dyn Query) -> Option<Rc<Value>> {
        let held = || self.held.borrow().get(key).map(Rc::clone);
        if self.fixed {
            return held();
        }
        let index = Self::group(key)?;
        if !self.read.borrow()[index] {
            self.reads.set(self.reads.get() + 1);
            let facts = (GROUPS[index].read)(query);
            self.held
                .borrow_mut()
                .extend(facts.into_iter().map(|(key, value)| (key, Rc::new(value))));
            self.read.borrow_mut()[index] = true;
        }
        held()
    }

    /// A fact of the machine or of a cookbook, read now when it was not before.
    /// # Errors
    /// As [`Custom::get`]: what the machine does not tell is no error.
    pub fn read(&self, key: &str, query: &dyn Query) -> Result<Option<Rc<Value>>, Diagnostic> {
        if self.custom.fact(key).is_none() {
            return Ok(self.get(key, query));
        }
        if !self.custom.has_read(key) {
            self.reads.set(self.reads.get() + 1);
        }
        self.custom.get(key, query)
    }

    /// Which facts are read together with this one, as a number.
    pub fn together(&self, key: &str) -> Option<usize> {
        Self::group(key).or_else(|| Some(GROUPS.len() + self.custom.position(key)?))
    }

    fn group(key: &str) -> Option<usize> {
        GROUPS.iter().position(|group| group.keys.contains(&key))
    }

    /// A fact that is text.
    #[must_use]
    pub fn text(&self, key: &str, query: &dyn Query) -> Option<String> {
        self.get(key, query).and_then(|value| value.as_str().map(str::to_owned))
    }

    /// Forgets what was read, so that it is read again when it is next asked for. Fixed facts stay;
    /// those of cookbooks do not.
    pub fn reload(&self) {
        self.custom.forget();
        if !self.fixed {
            self.held.borrow_mut().clear();
            self.read.borrow_mut().fill(false);
        }
    }

    /// How many groups of facts were read so far, for tests that nothing is read without need.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }
}

/// The text of a file; empty when it cannot be read, because a fact that a machine does not tell is
/// no error.
fn text(query: &dyn Query, path: impl AsRef<Path>) -> String {
    query
        .read(path.as_ref())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// The one line of a small file of `/proc` or `/sys`, unless it is empty.
fn line(query: &dyn Query, path: impl AsRef<Path>) -> Option<String> {
    let text = text(query, path);
    let line = text.trim_end_matches(['\n', '\0']).trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The names in a directory.
fn names(query: &dyn Query, path: &str) -> Vec<String> {
    let names = query.read_dir(Path::new(path)).unwrap_or_default();
    names.into_iter().filter_map(|name| name.into_string().ok()).collect()
}

/// A command that tells a fact does it soon, or the fact is not told.
const PATIENCE: Duration = Duration::from_secs(10);

fn asked<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
    Command::new(argv).timeout(PATIENCE)
}

/// What a command prints when it succeeds.
fn told<S: Into<String>>(query: &dyn Query, argv: impl IntoIterator<Item = S>) -> Option<String> {
    query.probe(&asked(argv)).ok().filter(Output::success).map(|output| output.stdout())
}

/// The same for commands that need not wait for one another.
fn told_together<const N: usize>(query: &dyn Query, commands: [&[&str]; N]) -> [Option<Output>; N] {
    let asked = commands.map(|argv| asked(argv.iter().copied()));
    let mut outputs =
        query.probe_all(&asked).into_iter().map(|output| output.ok().filter(Output::success));
    std::array::from_fn(|_| outputs.next().flatten())
}

/// Where a program lies on the search path of children.
fn program(query: &dyn Query, name: &str) -> Option<PathBuf> {
    let runnable = |path: &PathBuf| {
        query.stat(path).is_ok_and(|found| found.kind == FileKind::File && found.mode & 0o111 != 0)
    };
    DEFAULT_PATH.split(':').map(|folder| Path::new(folder).join(name)).find(runnable)
}

/// The facts that have a value.
fn facts<const N: usize>(facts: [(&str, Option<Value>); N]) -> Map<String, Value> {
    facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
