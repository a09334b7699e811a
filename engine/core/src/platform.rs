//! Platforms, and whether a cookbook is for one.

use std::fmt;

use indexmap::IndexMap;

use crate::version::{Constraint, Version};

/// A platform in a version, as facts tell it: `debian` `12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub name: String,
    pub version: String,
}

impl Platform {
    /// Whether something that is for these platforms is for this one. What names none is for all.
    #[must_use]
    pub fn is_among(&self, platforms: &IndexMap<String, Constraint>) -> bool {
        platforms.is_empty()
            || platforms.get(&self.name).is_some_and(|wanted| wanted.accepts(&self.number()))
    }

    /// The version as a number, as far as it is one: that of Arch is `6.12.1-arch1-1`, and some
    /// have four parts. One without a number is what comes after all others: Debian's next has none
    /// before it is out.
    fn number(&self) -> Version {
        let numbers = self
            .version
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()
            .unwrap_or_default();
        let first: Vec<&str> =
            numbers.split('.').take(3).take_while(|part| !part.is_empty()).collect();
        first.join(".").parse().unwrap_or(Version { major: u64::MAX, ..Version::default() })
    }
}

/// `debian 12`
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.version.as_str()) {
            ("", _) => f.write_str("this platform, which could not be found out"),
            (name, "") => f.write_str(name),
            (name, version) => write!(f, "{name} {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_among_them() {
        for (name, version, platforms, among) in [
            ("debian", "12", &[][..], true),
            ("", "", &[], true),
            ("debian", "12", &[("debian", ">= 11")], true),
            ("debian", "10", &[("debian", ">= 11")], false),
            ("debian", "12", &[("ubuntu", ">= 0")], false),
            ("ubuntu", "24.04", &[("debian", ">= 11"), ("ubuntu", ">= 22.04")], true),
            ("ubuntu", "24.04", &[("ubuntu", "~> 22.04")], false),
            ("centos", "7.9.2009", &[("centos", "~> 7.9")], true),
            ("arch", "6.12.1-arch1-1", &[("arch", ">= 6.12.1")], true),
            ("freebsd", "13.2.0.5", &[("freebsd", "= 13.2")], true),
            ("debian", "trixie/sid", &[("debian", ">= 12")], true),
            ("debian", "trixie/sid", &[("debian", "< 12")], false),
            ("", "", &[("debian", ">= 0")], false),
        ] {
            let platform = Platform { name: name.to_owned(), version: version.to_owned() };
            let platforms = platforms
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()))
                .collect();
            assert_eq!(platform.is_among(&platforms), among, "{platform} {platforms:?}");
        }
    }
}
