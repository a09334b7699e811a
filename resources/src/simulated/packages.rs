//! apt and dpkg.

use std::cmp::Ordering;
use std::fmt::Write;
use std::rc::Rc;

use toque_machine::command::{Command, Output};
use toque_machine::system::{FakeSystem, Query};

use super::{Package, accounts, arguments, fail, ok, units};
use crate::shared::parse::debian_version::compare;
use crate::shared::parse::dpkg_status::{self, Packages, State};

const STATUS: &str = "/var/lib/dpkg/status";
const UPDATED: &str = "apt:updated";

type Catalog = Rc<Vec<Package>>;

pub(super) fn install_programs(machine: &FakeSystem, catalog: &Catalog) {
    let all = Rc::clone(catalog);
    machine.install_program("apt-get", move |machine, command| apt_get(machine, &all, command));
    let all = Rc::clone(catalog);
    machine.install_program("apt-cache", move |machine, command| apt_cache(machine, &all, command));
    machine.install_program("apt-mark", apt_mark);
    machine.install_program("dpkg-deb", |_, _| {
        fail(2, "dpkg-deb: error: not a Debian format archive\n")
    });
    machine.install_program("debconf-set-selections", answer);
    machine.install_program("dpkg-reconfigure", |_, _| ok(""));
}

pub(super) fn update(machine: &FakeSystem) {
    machine.remember(UPDATED, true);
}

/// A line of dpkg's database.
#[derive(Clone)]
struct Entry {
    name: String,
    package: dpkg_status::Package,
}

fn read(machine: &FakeSystem) -> Vec<Entry> {
    let packages = Packages::parse(&machine.text(STATUS));
    let mut entries: Vec<Entry> =
        packages.by_name.into_iter().map(|(name, package)| Entry { name, package }).collect();
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    entries
}

fn write(machine: &FakeSystem, catalog: &[Package], entries: &[Entry]) {
    let mut text = String::new();
    for Entry { name, package } in entries {
        let want = match (package.held, package.state) {
            (true, _) => "hold",
            (false, State::Installed | State::Broken) => "install",
            (false, _) => "deinstall",
        };
        let state = match package.state {
            State::Installed => "installed",
            State::ConfigFiles => "config-files",
            State::Broken => "half-configured",
            State::Absent => "not-installed",
        };
        let _ = writeln!(
            text,
            "Package: {name}\nStatus: {want} ok {state}\nArchitecture: all\nVersion: {}",
            package.version
        );
        let provides = find(catalog, name).map_or(&[][..], |package| &package.provides);
        if !provides.is_empty() {
            let _ = writeln!(text, "Provides: {}", provides.join(", "));
        }
        text.push('\n');
    }
    machine.put_file(STATUS, text);
}

fn find<'a>(catalog: &'a [Package], name: &str) -> Option<&'a Package> {
    catalog.iter().find(|package| package.name == name)
}

fn entry<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn is_installed(entries: &[Entry], name: &str) -> bool {
    entry(entries, name).is_some_and(|entry| entry.package.state == State::Installed)
}

fn is_updated(machine: &FakeSystem) -> bool {
    machine.recall(UPDATED).is_some()
}

fn apt_get(machine: &FakeSystem, catalog: &[Package], command: &Command) -> Output {
    let (_, flags, rest) = arguments(command, &["-o", "-t"]);
    match rest.split_first() {
        Some((&"update", _)) => {
            update(machine);
            ok("")
        }
        Some((&"install", names)) => {
            let downgrades = flags.contains(&"--allow-downgrades");
            let mut wanted = Vec::new();
            for name in names {
                match choose(machine, catalog, name) {
                    Ok(chosen) => wanted.push(chosen),
                    Err(message) => return fail(100, &message),
                }
            }
            let entries = read(machine);
            for (package, version) in &wanted {
                let Some(entry) = entry(&entries, &package.name)
                    .filter(|_| is_installed(&entries, &package.name))
                else {
                    continue;
                };
                if entry.package.version != *version && entry.package.held {
                    return fail(
                        100,
                        "E: Held packages were changed and -y was used without --allow-change-held-packages.\n",
                    );
                }
                if compare(version, &entry.package.version) == Ordering::Less && !downgrades {
                    return fail(
                        100,
                        "E: Packages were downgraded and -y was used without --allow-downgrades.\n",
                    );
                }
            }
            for (package, version) in wanted {
                if let Err(message) = install(machine, catalog, package, &version, &mut Vec::new())
                {
                    return fail(100, &message);
                }
            }
            ok("")
        }
        Some((&verb @ ("remove" | "purge"), names)) => {
            for name in names {
                remove(machine, catalog, name, verb == "purge");
            }
            ok("")
        }
        _ => fail(100, "E: Invalid operation\n"),
    }
}

fn choose<'a>(
    machine: &FakeSystem,
    catalog: &'a [Package],
    argument: &str,
) -> Result<(&'a Package, String), String> {
    let (name, version) =
        argument.split_once('=').map_or((argument, None), |(name, version)| (name, Some(version)));
    let providers: Vec<&Package> = catalog
        .iter()
        .filter(|package| package.provides.iter().any(|provided| provided == name))
        .collect();
    let package = find(catalog, name)
        .filter(|package| is_updated(machine) || is_installed(&read(machine), &package.name));
    let package = match (package, providers.as_slice()) {
        (Some(package), _) => package,
        (None, [only]) if is_updated(machine) => only,
        (None, [_, _, ..]) => {
            return Err(format!("E: Package '{name}' has no installation candidate\n"));
        }
        _ => return Err(format!("E: Unable to locate package {name}\n")),
    };
    let newest = package.versions.last().cloned().unwrap_or_default();
    match version {
        None => Ok((package, newest)),
        Some(version) if package.versions.iter().any(|offered| offered == version) => {
            Ok((package, version.to_owned()))
        }
        Some(version) => Err(format!("E: Version '{version}' for '{name}' was not found\n")),
    }
}

fn install(
    machine: &FakeSystem,
    catalog: &[Package],
    package: &Package,
    version: &str,
    above: &mut Vec<String>,
) -> Result<(), String> {
    if above.contains(&package.name) {
        return Ok(());
    }
    above.push(package.name.clone());
    for name in &package.depends {
        if !is_installed(&read(machine), name) {
            let (dependency, version) = choose(machine, catalog, name)?;
            install(machine, catalog, dependency, &version, above)?;
        }
    }
    let mut entries = read(machine);
    let before = entry(&entries, &package.name).cloned();
    let fresh = !is_installed(&entries, &package.name);
    if before.as_ref().is_some_and(|before| !fresh && before.package.version == version) {
        return Ok(());
    }
    let held = before.is_some_and(|before| before.package.held);
    entries.retain(|entry| entry.name != package.name);
    entries.push(Entry {
        name: package.name.clone(),
        package: dpkg_status::Package {
            version: version.to_owned(),
            held,
            state: State::Installed,
        },
    });
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    write(machine, catalog, &entries);
    for (path, content) in &package.files {
        let kept = path.starts_with("/etc/") && machine.lstat(path.as_ref()).is_ok();
        if !kept {
            machine.put_file(path, content);
        }
    }
    if let Some(user) = &package.user {
        accounts::add_system_user(machine, user);
    }
    if let Some(service) = &package.service {
        machine.put_file(
            format!("/lib/systemd/system/{service}.service"),
            format!("[Service]\nExecStart=/usr/sbin/{service}\n\n[Install]\nWantedBy=multi-user.target\n"),
        );
        if fresh {
            units::set_enabled(machine, &format!("{service}.service"), true);
            units::start(machine, &format!("{service}.service"));
        } else {
            units::restart_running(machine, &format!("{service}.service"));
        }
    }
    Ok(())
}

fn remove(machine: &FakeSystem, catalog: &[Package], name: &str, purge: bool) {
    let installed = is_installed(&read(machine), name);
    if installed {
        for other in
            catalog.iter().filter(|other| other.depends.iter().any(|depends| depends == name))
        {
            if is_installed(&read(machine), &other.name) {
                remove(machine, catalog, &other.name, purge);
            }
        }
    }
    let mut entries = read(machine);
    let Some(package) = find(catalog, name) else { return };
    if installed {
        if let Some(service) = &package.service {
            units::stop(machine, &format!("{service}.service"));
            machine.clear(format!("/lib/systemd/system/{service}.service"));
        }
        for (path, _) in package.files.iter().filter(|(path, _)| !path.starts_with("/etc/")) {
            machine.clear(path);
        }
    }
    if purge {
        for (path, _) in &package.files {
            machine.clear(path);
        }
        if let Some(service) = &package.service {
            units::set_enabled(machine, &format!("{service}.service"), false);
        }
    }
    let leftovers = !purge && package.files.iter().any(|(path, _)| path.starts_with("/etc/"));
    let was_there = entry(&entries, name)
        .is_some_and(|entry| matches!(entry.package.state, State::Installed | State::ConfigFiles));
    if was_there && leftovers {
        for entry in entries.iter_mut().filter(|entry| entry.name == name) {
            entry.package.state = State::ConfigFiles;
            entry.package.held = false;
        }
    } else {
        entries.retain(|entry| entry.name != name);
    }
    write(machine, catalog, &entries);
}

fn apt_mark(machine: &FakeSystem, command: &Command) -> Output {
    let (_, _, rest) = arguments(command, &[]);
    let Some((verb, names)) = rest.split_first() else {
        return fail(100, "E: Invalid operation\n");
    };
    let mut text = String::new();
    let status = machine.text(STATUS);
    let mut known = Vec::new();
    for stanza in status.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
        let name =
            stanza.lines().find_map(|line| line.strip_prefix("Package: ")).unwrap_or_default();
        known.push(name);
        let mut stanza = stanza.to_owned();
        if names.contains(&name) {
            for want in ["hold", "install", "deinstall"] {
                let installed = stanza.contains(" ok installed");
                let to = match (*verb, installed) {
                    ("hold", _) => "hold",
                    (_, true) => "install",
                    (_, false) => "deinstall",
                };
                if stanza.contains(&format!("Status: {want} ")) {
                    stanza = stanza.replace(&format!("Status: {want} "), &format!("Status: {to} "));
                    break;
                }
            }
        }
        let _ = write!(text, "{}\n\n", stanza.trim_end());
    }
    for name in names.iter().filter(|name| !known.contains(name) && *verb == "hold") {
        let _ =
            write!(text, "Package: {name}\nStatus: hold ok not-installed\nArchitecture: all\n\n");
    }
    machine.put_file(STATUS, text);
    ok("")
}

fn apt_cache(machine: &FakeSystem, catalog: &[Package], command: &Command) -> Output {
    let (_, _, rest) = arguments(command, &["-o"]);
    let entries = read(machine);
    let visible = |package: &&Package| is_updated(machine) || is_installed(&entries, &package.name);
    let mut text = String::new();
    match rest.split_first() {
        Some((&"policy", names)) => {
            for name in names {
                let provided = catalog
                    .iter()
                    .filter(visible)
                    .any(|package| package.provides.iter().any(|provided| provided == name));
                let package = find(catalog, name).filter(visible);
                if package.is_none() && !provided {
                    continue;
                }
                let mut versions =
                    package.map(|package| package.versions.clone()).unwrap_or_default();
                let installed =
                    entry(&entries, name).filter(|entry| entry.package.state == State::Installed);
                let installed = installed.map_or("(none)", |entry| &entry.package.version);
                versions.reverse();
                if !is_updated(machine) {
                    versions.retain(|version| version == installed);
                }
                let candidate = versions.first().map_or("(none)", String::as_str);
                let _ = write!(
                    text,
                    "{name}:\n  Installed: {installed}\n  Candidate: {candidate}\n  Version table:\n"
                );
                for version in &versions {
                    let mark = if version == installed { "***" } else { "   " };
                    let _ = write!(
                        text,
                        " {mark} {version} 500\n        500 http://deb.example.com stable/main all Packages\n"
                    );
                }
            }
        }
        Some((&"showpkg", names)) => {
            for name in names {
                let _ = write!(
                    text,
                    "Package: {name}\nVersions: \n\nReverse Depends: \nDependencies: \nProvides: \nReverse Provides: \n"
                );
                for package in catalog
                    .iter()
                    .filter(visible)
                    .filter(|package| package.provides.iter().any(|provided| provided == name))
                {
                    let version = package.versions.last().map_or("", String::as_str);
                    let _ = writeln!(text, "{} {version} (= )", package.name);
                }
            }
        }
        Some((&"pkgnames", prefix)) => {
            let prefix = prefix.first().copied().unwrap_or_default();
            for package in
                catalog.iter().filter(visible).filter(|package| package.name.starts_with(prefix))
            {
                let _ = writeln!(text, "{}", package.name);
            }
        }
        _ => return fail(100, "E: Invalid operation\n"),
    }
    ok(&text)
}

fn answer(machine: &FakeSystem, command: &Command) -> Output {
    let input = String::from_utf8_lossy(command.input.as_deref().unwrap_or_default()).into_owned();
    let path = "/var/cache/debconf/config.dat";
    let mut stanzas: Vec<String> = machine
        .text(path)
        .split("\n\n")
        .filter(|stanza| !stanza.is_empty())
        .map(|stanza| stanza.trim_end().to_owned())
        .collect();
    for selection in crate::shared::parse::debconf::selections(&input) {
        let name = format!("Name: {}\n", selection.question);
        stanzas.retain(|stanza| !stanza.starts_with(&name));
        stanzas.push(format!("{name}Value: {}", selection.value));
    }
    machine
        .put_file(path, stanzas.iter().map(|stanza| format!("{stanza}\n\n")).collect::<String>());
    ok("")
}
