//! Limits and options of the C library, as `getconf` tells them.

use serde_json::{Map, Value};

use super::{facts, told};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    facts([("sysconf", told(query, ["getconf", "-a"]).map(|output| parse(&output).into()))])
}

/// `NAME     value`, where many have no value. Numbers are told as numbers.
pub(super) fn parse(output: &str) -> Map<String, Value> {
    let setting = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = value.trim_start();
        let number = value.trim_end();
        let told = match (number.parse::<i64>(), number.parse::<u64>()) {
            _ if value.is_empty() => Value::Null,
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => value.into(),
        };
        (!name.is_empty()).then(|| (name.to_owned(), told))
    };
    output.lines().filter_map(setting).collect()
}
