//! Versions and constraints as cookbooks write them: `x.y` or `x.y.z`, `~> 2.1`, `>= 1.0, < 3`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version of one to three numbers, missing ones zero: `2`, `2.1`, `2.1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no version: write `x.y` or `x.y.z`");
        let numbers: Vec<u64> = text
            .trim()
            .split('.')
            .map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().map_err(|_| wrong()) } else { Err(wrong()) })
            .collect::<Result<_, _>>()?;
        match numbers[..] {
            [major] => Ok(Self { major, minor: 0, patch: 0 }),
            [major, minor] => Ok(Self { major, minor, patch: 0 }),
            [major, minor, patch] => Ok(Self { major, minor, patch }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Several comparisons that must all hold. No comparison accepts everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    text: String,
    parts: Vec<(Operator, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// From this version up to the next of its last but one number; the count of numbers that were written.
    About(usize),
}

impl Constraint {
    #[must_use]
    pub fn accepts(&self, version: Version) -> bool {
        self.parts.iter().all(|(operator, wanted)| {
            let order = version.cmp(wanted);
            match operator {
                Operator::Equal => order == Ordering::Equal,
                Operator::NotEqual => order != Ordering::Equal,
                Operator::Greater => order == Ordering::Greater,
                Operator::GreaterOrEqual => order != Ordering::Less,
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::About(3) => order != Ordering::Less && (version.major, version.minor) == (wanted.major, wanted.minor),
                Operator::About(_) => order != Ordering::Less && version.major == wanted.major,
            }
        })
    }
}

impl FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const OPERATORS: [(&str, Operator); 7] = [
            ("~>", Operator::About(0)),
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            ("!=", Operator::NotEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
            ("=", Operator::Equal),
        ];
        let mut parts = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (operator, rest) = OPERATORS
                .iter()
                .find_map(|(sign, operator)| part.strip_prefix(sign).map(|rest| (*operator, rest.trim())))
                .unwrap_or((Operator::Equal, part));
            let version: Version =
                rest.parse().map_err(|_| format!("`{part}` is no version constraint: write for example `>= 1.2` or `~> 2.0`"))?;
            let numbers = rest.split('.').count();
            parts.push((if operator == Operator::About(0) { Operator::About(numbers) } else { operator }, version));
        }
        Ok(Self { text: text.trim().to_owned(), parts })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Constraint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints() {
        for (constraint, version, accepted) in [
            ("= 1.2", "1.2.0", true),
            ("1.2", "1.2.1", false),
            ("!= 1.2", "1.2.1", true),
            ("~> 1.2", "1.9", true),
            ("~> 1.2", "2.0", false),
            ("~> 1.2.3", "1.2.9", true),
            ("~> 1.2.3", "1.3", false),
            (">= 1.0, < 3", "2.5", true),
            (">= 1.0, < 3", "3.0", false),
        ] {
            let parsed: Constraint = constraint.parse().unwrap();
            assert_eq!(parsed.accepts(version.parse().unwrap()), accepted, "{constraint} {version}");
        }
        for bad in ["", ">", "~> x", "1.2.3.4", ">= 1,,", "=> 1"] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad}");
        }
    }
}
