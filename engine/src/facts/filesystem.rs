//! What is mounted where, and how full it is.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{facts, text};
use crate::command::{Command, Output};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let mut pairs = mounts(&text(query, "/proc/self/mounts"));
    for (option, names) in [("-Pk", SPACE), ("-Pi", INODES)] {
        let output = query.probe(&Command::new(["df", option])).map(|output: Output| output.stdout()).unwrap_or_default();
        add_usage(&mut pairs, &output, names);
    }
    let filesystem = json!({ "by_device": by_device(&pairs), "by_mountpoint": by_mountpoint(&pairs), "by_pair": by_pair(pairs) });
    facts([("filesystem", Some(filesystem))])
}

const SPACE: [&str; 4] = ["kb_size", "kb_used", "kb_available", "percent_used"];
const INODES: [&str; 4] = ["total_inodes", "inodes_used", "inodes_available", "inodes_percent_used"];

/// By device and mount point.
type Pairs = IndexMap<(String, String), Map<String, Value>>;

fn mounts(text: &str) -> Pairs {
    let mut pairs = Pairs::new();
    for line in text.lines() {
        if let [device, mount, fs_type, options, ..] = line.split(' ').collect::<Vec<_>>().as_slice() {
            let about = pairs.entry((unescaped(device), unescaped(mount))).or_default();
            about.insert("fs_type".to_owned(), json!(fs_type));
            about.insert("mount_options".to_owned(), options.split(',').collect());
        }
    }
    pairs
}

/// The kernel writes spaces and the like as `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds what `df -P` tells of file systems that are known to be mounted.
fn add_usage(pairs: &mut Pairs, df: &str, names: [&str; 4]) {
    for line in df.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Both ends may contain spaces; the percentage is where the mount point begins.
        let Some(percent) = fields.iter().position(|field| field.ends_with('%') || *field == "-").filter(|at| *at >= 4) else {
            continue;
        };
        let (device, mount) = (fields[..percent - 3].join(" "), fields[percent + 1..].join(" "));
        if let Some(about) = pairs.get_mut(&(device, mount)) {
            for (name, value) in names.iter().zip(&fields[percent - 3..=percent]) {
                about.insert((*name).to_owned(), json!(value));
            }
        }
    }
}

fn by_device(pairs: &Pairs) -> Value {
    grouped(pairs.iter().map(|((device, mount), about)| (device, about, "mounts", mount)))
}

fn by_mountpoint(pairs: &Pairs) -> Value {
    grouped(pairs.iter().map(|((device, mount), about)| (mount, about, "devices", device)))
}

fn by_pair(pairs: Pairs) -> Value {
    let pair = |((device, mount), mut about): ((String, String), Map<String, Value>)| {
        let key = format!("{device},{mount}");
        about.insert("device".to_owned(), device.into());
        about.insert("mount".to_owned(), mount.into());
        (key, about.into())
    };
    Value::Object(pairs.into_iter().map(pair).collect())
}

fn grouped<'a>(entries: impl Iterator<Item = (&'a String, &'a Map<String, Value>, &'static str, &'a String)>) -> Value {
    let mut groups: IndexMap<&String, Map<String, Value>> = IndexMap::new();
    for (key, about, others, other) in entries {
        let group = groups.entry(key).or_default();
        let mut all =
            group.remove(others).and_then(|all| if let Value::Array(all) = all { Some(all) } else { None }).unwrap_or_default();
        all.push(json!(other));
        group.extend(about.clone());
        group.insert(others.to_owned(), all.into());
    }
    Value::Object(groups.into_iter().map(|(key, group)| (key.clone(), group.into())).collect())
}
