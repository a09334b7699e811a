//! The time, where the machine is, and for how long it has been up.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{facts, line};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let zone = query
        .read(Path::new("/etc/localtime"))
        .ok()
        .and_then(|data| TimeZone::tzif("local", &data).ok());
    let now = Timestamp::try_from(query.now()).unwrap_or_default();
    let name =
        zone.map_or("UTC".to_owned(), |zone| zone.to_offset_info(now).abbreviation().to_owned());
    facts([("time", Some(json!({ "timezone": name })))])
}

pub(super) fn read_uptime(query: &dyn Query) -> Map<String, Value> {
    let line = line(query, "/proc/uptime").unwrap_or_default();
    let mut seconds = line
        .split(' ')
        .map(|field| field.split('.').next().and_then(|whole| whole.parse::<u64>().ok()));
    let (up, idle) = (seconds.next().flatten(), seconds.next().flatten());
    facts([
        ("uptime", up.map(|seconds| in_words(seconds).into())),
        ("uptime_seconds", up.map(Value::from)),
        ("idletime", idle.map(|seconds| in_words(seconds).into())),
        ("idletime_seconds", idle.map(Value::from)),
    ])
}

pub(super) fn read_now(query: &dyn Query) -> Map<String, Value> {
    facts([("ohai_time", Some(json!(since_epoch(query.now()))))])
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// `2 days 03 hours 04 minutes 05 seconds`, beginning with the largest that is not zero, which has
/// no zero before it.
fn in_words(seconds: u64) -> String {
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds:02} seconds"),
        (0, 0, _) => format!("{minutes} minutes {seconds:02} seconds"),
        (0, ..) => format!("{hours} hours {minutes:02} minutes {seconds:02} seconds"),
        (1, ..) => format!("1 day {hours:02} hours {minutes:02} minutes {seconds:02} seconds"),
        _ => format!("{days} days {hours:02} hours {minutes:02} minutes {seconds:02} seconds"),
    }
}
