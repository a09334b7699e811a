//! Types that properties of many kinds share, as recipes write them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file mode: `"0644"` or `0o644`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

impl JsonSchema for Mode {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "mode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": "mode" })
    }
}

struct ModeVisitor;

impl Visitor<'_> for ModeVisitor {
    type Value = Mode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mode such as \"0644\" or 0o644")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o7777 && !text.starts_with('+') => Ok(Mode(mode)),
            _ => Err(E::custom(format!(
                "`{text}` is no mode: write up to four octal digits, such as \"0644\""
            ))),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Mode, E> {
        // Decimal 644, 755 and their like mean something else in octal; a literal is also caught
        // where it stands.
        let looks_octal = (0o1000..1000).contains(&number)
            && number.to_string().bytes().all(|digit| digit < b'8');
        match u32::try_from(number) {
            Ok(mode) if mode <= 0o7777 && !looks_octal => Ok(Mode(mode)),
            Ok(mode) if mode > 0o7777 && !looks_octal => Err(E::custom(format!(
                "0o{number:o} is no mode: it has more than four octal digits"
            ))),
            _ => Err(E::custom(format!(
                "{number} is a decimal number: write \"{number:04}\" or 0o{number} for a mode"
            ))),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Mode, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A user or group, by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Account {
    Id(u32),
    Name(String),
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccountVisitor { names: true })
    }
}

/// Reads the number of a user or group, where there may be one.
/// # Errors
/// When no account can have it.
pub fn account_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<AccountNumber>::deserialize(deserializer)?.map(|number| number.0))
}

struct AccountNumber(u32);

impl<'de> Deserialize<'de> for AccountNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AccountVisitor { names: false })? {
            Account::Id(number) => Ok(Self(number)),
            Account::Name(name) => Err(de::Error::invalid_type(
                de::Unexpected::Str(&name),
                &AccountVisitor { names: false },
            )),
        }
    }
}

struct AccountVisitor {
    /// A name may be given in the place of a number.
    names: bool,
}

impl Visitor<'_> for AccountVisitor {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.names { "a name or a number" } else { "a whole number, 0 or more" })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Account, E> {
        if !self.names {
            return Err(E::invalid_type(de::Unexpected::Str(text), &self));
        }
        match text.parse::<u64>() {
            Ok(number) if !is_account_number(number) => self.visit_u64(number),
            _ => Ok(Account::Name(text.to_owned())),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Account, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format!("{number} is no number of a user or group"))),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Account, E> {
        match u32::try_from(number) {
            Ok(id) if is_account_number(number) => Ok(Account::Id(id)),
            _ => Err(E::custom(format!(
                "{number} is no number of a user or group: {} is the largest",
                u32::MAX - 1
            ))),
        }
    }
}

/// Returns true for the numbers that accounts can have. The kernel takes the last one of 32 bits
/// for "unchanged", so that a file would stay as it is, and a process root's.
#[must_use]
pub fn is_account_number(number: u64) -> bool {
    number < u64::from(u32::MAX)
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// One value, or an array of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected one value or an array of them")]
#[schemars(inline)]
pub enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A shell line, or a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a shell line or an array of a program and its arguments")]
#[schemars(inline, extend("format" = "command"))]
pub enum CommandLine {
    Shell(String),
    Argv(Vec<String>),
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(argv) => f.write_str(
                &argv
                    .iter()
                    .map(|word| toque_core::text::shell_quote(word))
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        }
    }
}

impl CommandLine {
    /// Whether there is nothing to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Shell(line) => line.trim().is_empty(),
            Self::Argv(argv) => argv.is_empty(),
        }
    }

    /// What is run.
    #[must_use]
    pub fn command(&self) -> crate::command::Command {
        match self {
            Self::Shell(line) => crate::command::Command::shell(line.as_str()),
            Self::Argv(argv) => crate::command::Command::new(argv.iter().map(String::as_str)),
        }
    }
}

/// Seconds, whole or not: `30`, `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, JsonSchema)]
#[schemars(inline, extend("format" = "seconds"))]
pub struct Seconds(pub f64);

impl Seconds {
    #[must_use]
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::try_from_secs_f64(self.0).unwrap_or(std::time::Duration::MAX)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number))
        } else {
            Err(de::Error::custom("seconds cannot be negative"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Numbered {
        #[serde(default, deserialize_with = "account_number")]
        gid: Option<u32>,
    }

    #[test]
    fn numbers_that_no_account_can_have_are_refused() {
        let read = |value: Value| serde_json::from_value::<Account>(value);
        for (value, account) in [
            (json!(0), Account::Id(0)),
            (json!(4_294_967_294_u32), Account::Id(u32::MAX - 1)),
            (json!("alice"), Account::Name("alice".to_owned())),
            (json!("1000"), Account::Name("1000".to_owned())),
        ] {
            assert_eq!(read(value).unwrap(), account);
        }
        let numbered = |gid: Value| serde_json::from_value::<Numbered>(json!({ "gid": gid }));
        for value in [json!(u32::MAX), json!(1_u64 << 32), json!(-1), json!(u64::MAX)] {
            for error in [read(value.clone()).unwrap_err(), numbered(value.clone()).unwrap_err()] {
                assert!(error.to_string().contains(" is no number of a user or group"), "{error}");
            }
        }
        assert!(read(json!(u32::MAX.to_string())).is_err(), "by its digits too");
        assert!(read(json!(1.5)).unwrap_err().to_string().contains("a name or a number"));
        assert_eq!(numbered(json!(7)).unwrap().gid, Some(7));
        assert_eq!(numbered(Value::Null).unwrap().gid, None);
        assert_eq!(serde_json::from_value::<Numbered>(json!({})).unwrap().gid, None);
        assert!(numbered(json!("7")).unwrap_err().to_string().contains("a whole number"));
    }
}
