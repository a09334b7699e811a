//! dpkg's database, `/var/lib/dpkg/status`: what is installed, held, or half done.

use std::collections::HashMap;

/// Every package that dpkg knows, by name; those of a foreign architecture by `name:architecture`.
#[derive(Debug, Default, PartialEq)]
pub struct Packages {
    pub by_name: HashMap<String, Package>,
    /// Names that other packages provide, each with who is installed and does.
    pub provided: HashMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub version: String,
    /// Kept at its version: `apt-mark hold`.
    pub held: bool,
    pub state: State,
}

/// How far dpkg got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Absent,
    /// Removed, its configuration files kept.
    ConfigFiles,
    /// Unpacked, half installed or half configured: dpkg was interrupted, or a maintainer script
    /// failed.
    Broken,
    Installed,
}

impl Packages {
    #[must_use]
    pub fn parse(status: &str) -> Self {
        let stanzas: Vec<Stanza<'_>> = status.split("\n\n").filter_map(Stanza::parse).collect();
        // Names without an architecture mean dpkg's own.
        let native =
            stanzas.iter().find(|stanza| stanza.name == "dpkg").map(|stanza| stanza.architecture);
        let mut packages = Self::default();
        for stanza in stanzas {
            let foreign = stanza.architecture != "all"
                && native.is_some_and(|native| native != stanza.architecture);
            let name = if foreign {
                format!("{}:{}", stanza.name, stanza.architecture)
            } else {
                stanza.name.to_owned()
            };
            if stanza.package.state == State::Installed {
                for provided in stanza
                    .provides
                    .split(',')
                    .filter_map(|provided| provided.split_whitespace().next())
                {
                    packages.provided.entry(provided.to_owned()).or_default().push(name.clone());
                }
            }
            packages.by_name.insert(name, stanza.package);
        }
        packages
    }
}

struct Stanza<'a> {
    name: &'a str,
    architecture: &'a str,
    provides: &'a str,
    package: Package,
}

impl<'a> Stanza<'a> {
    fn parse(stanza: &'a str) -> Option<Self> {
        let (mut name, mut architecture, mut provides, mut status, mut version) =
            ("", "all", "", "", "");
        for line in stanza.lines() {
            // Most of the file is continuation lines and fields that nobody asks for.
            match line.split_once(": ") {
                Some(("Package", value)) => name = value.trim(),
                Some(("Architecture", value)) => architecture = value.trim(),
                Some(("Provides", value)) => provides = value,
                Some(("Status", value)) => status = value,
                Some(("Version", value)) => version = value.trim(),
                _ => {}
            }
        }
        let mut words = status.split_whitespace();
        let (want, _flag, state) = (words.next()?, words.next()?, words.next()?);
        let state = match state {
            "installed" | "triggers-awaited" | "triggers-pending" => State::Installed,
            "config-files" => State::ConfigFiles,
            "not-installed" => State::Absent,
            _ => State::Broken,
        };
        let package = Package { version: version.to_owned(), held: want == "hold", state };
        (!name.is_empty()).then_some(Self { name, architecture, provides, package })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_database() {
        let packages = Packages::parse(include_str!("../../../fixtures/dpkg_status.txt"));
        let of = |name: &str| {
            packages
                .by_name
                .get(name)
                .map(|package| (package.version.as_str(), package.held, package.state))
        };
        assert_eq!(of("dpkg"), Some(("1.21.23", false, State::Installed)));
        assert_eq!(of("mawk"), Some(("1.3.4.20200120-3.1", true, State::Installed)));
        assert_eq!(of("tree"), Some(("2.1.0-1", false, State::ConfigFiles)));
        assert_eq!(of("broken"), Some(("1.0", false, State::Broken)));
        assert_eq!(of("libc6:i386"), Some(("2.36-9+deb12u14", false, State::Installed)));
        assert_eq!(of("libc6"), None, "an i386 package is not the native one");
        assert_eq!(packages.provided.get("awk"), Some(&vec!["mawk".to_owned()]));
    }
}
