//! Versions and constraints as cookbooks write them: `x.y` or `x.y.z`, `1.2.0-rc.1`, `~> 2.1`, `>=
//! 1.0, < 3`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version of one to three numbers, missing ones zero: `2`, `2.1`, `2.1.0`. A pre-release
/// (`2.1.0-rc.1`) comes before the version that it leads to, a build (`2.1.0+5`) after the one that
/// it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// `rc.1`: words of letters, digits and `-`, joined by dots.
    pub pre_release: Option<String>,
    /// The same for a build.
    pub build: Option<String>,
}

impl Version {
    /// That of this engine.
    #[must_use]
    pub fn of_engine() -> Self {
        env!("CARGO_PKG_VERSION").parse().unwrap_or_default()
    }

    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let finished = |version: &Self| version.pre_release.is_none();
        let by_words = |mine: &Option<String>, other: &Option<String>| {
            words(mine.as_deref()).map(Word::of).cmp(words(other.as_deref()).map(Word::of))
        };
        self.numbers()
            .cmp(&other.numbers())
            .then_with(|| finished(self).cmp(&finished(other)))
            .then_with(|| by_words(&self.pre_release, &other.pre_release))
            .then_with(|| by_words(&self.build, &other.build))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A word of a pre-release or a build: numbers go by value and come before all others, which go by
/// letter.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Word<'a> {
    /// Longer ones are larger: none begins with a zero.
    Number(usize, &'a str),
    Text(&'a str),
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Self {
        let number =
            word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        if number { Self::Number(word.len(), word) } else { Self::Text(word) }
    }
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.into_iter().flat_map(|text| text.split('.'))
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no version: write `x.y` or `x.y.z`");
        let part = |text: &str| {
            let word = |word: &str| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            text.split('.').all(word).then(|| text.to_owned()).ok_or_else(wrong)
        };
        let rest = text.trim();
        let (rest, build) =
            rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (rest, pre_release) =
            rest.split_once('-').map_or((rest, None), |(rest, before)| (rest, Some(before)));
        let numbers: Vec<u64> = rest
            .split('.')
            .map(|part| {
                if part.bytes().all(|b| b.is_ascii_digit()) {
                    part.parse().map_err(|_| wrong())
                } else {
                    Err(wrong())
                }
            })
            .collect::<Result<_, _>>()?;
        if numbers.len() < 3 && (pre_release.is_some() || build.is_some()) {
            return Err(format!(
                "`{text}` is no version: a pre-release or a build has all three numbers, as in `1.2.0-rc.1`"
            ));
        }
        let (major, minor, patch) = match numbers[..] {
            [major] => (major, 0, 0),
            [major, minor] => (major, minor, 0),
            [major, minor, patch] => (major, minor, patch),
            _ => return Err(wrong()),
        };
        Ok(Self {
            major,
            minor,
            patch,
            pre_release: pre_release.map(part).transpose()?,
            build: build.map(part).transpose()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        self.pre_release.iter().try_for_each(|words| write!(f, "-{words}"))?;
        self.build.iter().try_for_each(|words| write!(f, "+{words}"))
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

/// Several comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    text: String,
    parts: Vec<(Operator, Version)>,
}

/// Far more than anybody writes: each is compared with every version that there is.
const PARTS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// From this version up to the next of its last but one number; the count of numbers that were
    /// written.
    About(usize),
}

impl Constraint {
    /// The constraint that accepts exactly this version.
    #[must_use]
    pub fn exactly(version: &Version) -> Self {
        Self { text: format!("= {version}"), parts: vec![(Operator::Equal, version.clone())] }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Pre-releases are for those who ask for them: by naming one, by `<` or `<=`, or by taking
    /// whatever there is (`>= 0.0.0`).
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        self.parts.iter().all(|(operator, wanted)| {
            let below = matches!(operator, Operator::Less | Operator::LessOrEqual);
            if version.pre_release.is_some()
                && wanted.pre_release.is_none()
                && !below
                && !wanted.is_zero()
            {
                return false;
            }
            let order = version.cmp(wanted);
            match operator {
                Operator::Equal => order == Ordering::Equal,
                Operator::NotEqual => order != Ordering::Equal,
                Operator::Greater => order == Ordering::Greater,
                Operator::GreaterOrEqual => order != Ordering::Less,
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::About(3) => {
                    order != Ordering::Less
                        && (version.major, version.minor) == (wanted.major, wanted.minor)
                }
                Operator::About(_) => order != Ordering::Less && version.major == wanted.major,
            }
        })
    }
}

/// It accepts every version.
impl Default for Constraint {
    fn default() -> Self {
        Self {
            text: ">= 0.0.0".to_owned(),
            parts: vec![(Operator::GreaterOrEqual, Version::default())],
        }
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
            if parts.len() == PARTS {
                return Err(format!("a version constraint has at most {PARTS} parts"));
            }
            let (operator, rest) = OPERATORS
                .iter()
                .find_map(|(sign, operator)| {
                    part.strip_prefix(sign).map(|rest| (*operator, rest.trim()))
                })
                .unwrap_or((Operator::Equal, part));
            let version: Version = rest.parse().map_err(|_| {
                format!("`{part}` is no version constraint: write for example `>= 1.2` or `~> 2.0`")
            })?;
            let numbers = rest.split(['-', '+']).next().unwrap_or_default().split('.').count();
            parts.push((
                if operator == Operator::About(0) { Operator::About(numbers) } else { operator },
                version,
            ));
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
            (">= 1.0", "1.1.0-rc.1", false),
            (">= 1.0.0-rc.1", "1.1.0-rc.1", true),
            ("~> 1.2.0-rc.1", "1.2.0-rc.2", true),
            ("~> 1.2.0-rc.1", "1.2.3", true),
            ("~> 1.2.0-rc.1", "1.3.0", false),
        ] {
            let parsed: Constraint = constraint.parse().unwrap();
            assert_eq!(
                parsed.accepts(&version.parse().unwrap()),
                accepted,
                "{constraint} {version}"
            );
        }
        for bad in [
            "",
            ">",
            "~> x",
            "1.2.3.4",
            ">= 1,,",
            "=> 1",
            "1.2-rc.1",
            "1.2.3-",
            "1.2.3-a..b",
            "1.2.3+",
            "1.2.3-a_b",
        ] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad}");
        }
        let of = |parts: usize| format!("> 1{}", ", > 1".repeat(parts - 1)).parse::<Constraint>();
        assert!(of(64).is_ok());
        assert_eq!(of(1_000_000).unwrap_err(), "a version constraint has at most 64 parts");
    }

    #[test]
    fn order() {
        let sorted = [
            "0.9.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.2",
            "1.0.0-alpha.10",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0",
            "1.0.0+build",
            "1.0.0+build.2",
            "1.0.1-0",
            "1.10.0",
        ];
        let versions: Vec<Version> = sorted.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a < b));
        assert_eq!(versions.iter().map(Version::to_string).collect::<Vec<_>>(), sorted);
    }
}
