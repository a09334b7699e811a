//! The packages that are installed, and what installs them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{facts, names, program, text, told};
use crate::system::Query;

const QUERY: &str =
    "%{NAME}\t%|EPOCH?{%{EPOCH}}:{0}|\t%{VERSION}\t%{RELEASE}\t%{INSTALLTIME}\t%{ARCH}\n";

/// Programs, the first that is there counts, and the names of the package managers. Ohai does not
/// tell it.
const MANAGERS: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("dnf", "dnf"),
    ("yum", "yum"),
    ("zypper", "zypper"),
    ("pacman", "pacman"),
    ("apk", "apk"),
    ("emerge", "portage"),
    ("xbps-install", "xbps"),
];

pub(super) fn read_manager(query: &dyn Query) -> Map<String, Value> {
    let manager = MANAGERS
        .iter()
        .find(|(name, _)| program(query, name).is_some())
        .map(|(_, manager)| json!(manager));
    facts([("package_manager", manager)])
}

/// From the files of the package database where it has files; only the formats of rpm need its
/// program.
pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let dpkg = text(query, "/var/lib/dpkg/status");
    let apk = if dpkg.is_empty() { text(query, "/lib/apk/db/installed") } else { String::new() };
    let pacman = if dpkg.is_empty() && apk.is_empty() { names(query, PACMAN) } else { Vec::new() };
    let packages = if !dpkg.is_empty() {
        parse_dpkg(&dpkg)
    } else if !apk.is_empty() {
        parse_apk(&apk)
    } else if !pacman.is_empty() {
        pacman
            .iter()
            .filter_map(|package| parse_pacman(&text(query, format!("{PACMAN}/{package}/desc"))))
            .collect()
    } else {
        told(query, ["rpm", "-qa", "--qf", QUERY])
            .map(|output| parse_rpm(&output))
            .unwrap_or_default()
    };
    facts([("packages", Some(Value::Object(packages.into_iter().collect())))])
}

const PACMAN: &str = "/var/lib/pacman/local";

type Packages = BTreeMap<String, Value>;

/// Paragraphs of `Field: value`. What was removed stays there, with its configuration, and is told
/// too.
pub(super) fn parse_dpkg(status: &str) -> Packages {
    let package = |paragraph: &str| {
        let field = |name: &str| {
            let mut values =
                paragraph.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            values.next().map(str::trim)
        };
        let there = !field("Status")?.ends_with(" not-installed");
        let about =
            json!({ "version": field("Version")?, "arch": field("Architecture").unwrap_or("") });
        there.then_some((field("Package")?.to_owned(), about))
    };
    status.split("\n\n").filter_map(package).collect()
}

/// Paragraphs of `P:name`, `V:version`, `A:architecture`.
pub(super) fn parse_apk(installed: &str) -> Packages {
    let package = |paragraph: &str| {
        let field = |letter: &str| paragraph.lines().find_map(|line| line.strip_prefix(letter));
        Some((
            field("P:")?.to_owned(),
            json!({ "version": field("V:")?, "arch": field("A:").unwrap_or("") }),
        ))
    };
    installed.split("\n\n").filter_map(package).collect()
}

/// `%NAME%`, and the value on the next line.
pub(super) fn parse_pacman(desc: &str) -> Option<(String, Value)> {
    let field = |name: &str| {
        desc.lines().skip_while(|line| *line != name).nth(1).filter(|value| !value.is_empty())
    };
    let about = json!({ "version": field("%VERSION%")?, "installdate": field("%INSTALLDATE%"), "arch": field("%ARCH%") });
    Some((field("%NAME%")?.to_owned(), about))
}

/// What [`QUERY`] asks for. A package that is there more than once (kernels are) has `versions`,
/// and of itself the last.
pub(super) fn parse_rpm(output: &str) -> Packages {
    let mut packages = Packages::new();
    for line in output.lines() {
        let [name, epoch, version, release, installed, arch] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            continue;
        };
        let about = json!({ "epoch": epoch, "version": version, "release": release, "installdate": installed, "arch": arch });
        let Some(known) = packages.get_mut(name) else {
            packages.insert(name.to_owned(), about);
            continue;
        };
        let mut versions = match known.get("versions") {
            Some(Value::Array(versions)) => versions.clone(),
            _ => vec![known.clone()],
        };
        versions.push(about.clone());
        *known = about;
        known["versions"] = versions.into();
    }
    packages
}
