//! What is mounted where, and how full it is.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{facts, text, told_together};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let mut pairs = Pairs::new();
    let [space, inodes, lsblk, blkid] = told_together(
        query,
        [
            &["df", "-Pk"],
            &["df", "-Pi"],
            &["lsblk", "-n", "-P", "-o", "NAME,UUID,LABEL,FSTYPE"],
            // Without the cache, which it would otherwise write.
            &["blkid", "-c", "/dev/null"],
        ],
    )
    .map(|output| output.map(|output| output.stdout()).unwrap_or_default());
    add_usage(&mut pairs, &space, SPACE);
    add_usage(&mut pairs, &inodes, INODES);
    add_mounts(&mut pairs, &text(query, "/proc/self/mounts"));
    for mut device in parse_lsblk(&lsblk) {
        device.name = path_of(query, &device.name);
        add_device(&mut pairs, device);
    }
    parse_blkid(&blkid).for_each(|device| add_device(&mut pairs, device));
    let filesystem = json!({ "by_device": by_device(&pairs), "by_mountpoint": by_mountpoint(&pairs), "by_pair": by_pair(pairs) });
    facts([("filesystem", Some(filesystem))])
}

const SPACE: [&str; 4] = ["kb_size", "kb_used", "kb_available", "percent_used"];
const INODES: [&str; 4] =
    ["total_inodes", "inodes_used", "inodes_available", "inodes_percent_used"];

/// By device and mount point, which is missing where nothing is mounted. The order is Ohai's: where
/// one device is mounted more than once, what is told of it is what the last one says.
pub(super) type Pairs = IndexMap<(String, Option<String>), Map<String, Value>>;

pub(super) fn add_mounts(pairs: &mut Pairs, text: &str) {
    for line in text.lines() {
        if let [device, mount, fs_type, options, ..] =
            line.split(' ').collect::<Vec<_>>().as_slice()
        {
            let about = pairs.entry((unescaped(device), Some(unescaped(mount)))).or_default();
            about.insert("fs_type".to_owned(), json!(fs_type));
            about.insert("mount_options".to_owned(), options.split(',').collect());
        }
    }
}

/// What is on a block device.
pub(super) struct Device {
    name: String,
    about: Map<String, Value>,
}

/// `NAME="vda1" UUID="…" LABEL="" FSTYPE="ext4"`
pub(super) fn parse_lsblk(output: &str) -> impl Iterator<Item = Device> {
    output.lines().filter_map(|line| {
        let mut name = None;
        let mut about = Map::new();
        for (key, value) in quoted(line) {
            match key {
                "NAME" => name = value.split_whitespace().next(),
                "UUID" => _ = about.insert("uuid".to_owned(), json!(value)),
                "LABEL" => _ = about.insert("label".to_owned(), json!(value)),
                "FSTYPE" => _ = about.insert("fs_type".to_owned(), json!(value)),
                _ => {}
            }
        }
        Some(Device { name: name?.to_owned(), about })
    })
}

/// `/dev/vda1: UUID="…" TYPE="ext4" PARTUUID="…"`
pub(super) fn parse_blkid(output: &str) -> impl Iterator<Item = Device> {
    output.lines().filter_map(|line| {
        let (name, rest) = line.split_once(": ")?;
        let told = quoted(rest).filter_map(|(key, value)| {
            let key = match key {
                "UUID" => "uuid",
                "LABEL" => "label",
                "TYPE" => "fs_type",
                _ => return None,
            };
            Some((key.to_owned(), json!(value)))
        });
        Some(Device { name: name.to_owned(), about: told.collect() })
    })
}

/// Words `KEY="value"`, whose values may hold spaces.
fn quoted(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        rest = after;
        Some((key.trim_start(), value))
    })
}

/// `lsblk` tells names without their folder.
fn path_of(query: &dyn Query, name: &str) -> String {
    let paths = ["/dev", "/dev/mapper"].map(|folder| format!("{folder}/{name}"));
    paths
        .into_iter()
        .find(|path| query.stat(Path::new(path)).is_ok())
        .unwrap_or_else(|| name.to_owned())
}

fn add_device(pairs: &mut Pairs, mut device: Device) {
    device.about.retain(|_, value| value.as_str().is_some_and(|value| !value.is_empty()));
    if !pairs.keys().any(|(name, _)| *name == device.name) {
        pairs.insert((device.name.clone(), None), Map::new());
    }
    for (_, about) in pairs.iter_mut().filter(|((name, _), _)| *name == device.name) {
        about.extend(device.about.clone());
    }
}

/// The kernel writes spaces and the like as `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds what `df -P` tells of file systems of which it knows how full they are.
pub(super) fn add_usage(pairs: &mut Pairs, df: &str, names: [&str; 4]) {
    for line in df.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Both ends may contain spaces; the percentage is where the mount point begins.
        let Some(percent) =
            fields.iter().position(|field| field.ends_with('%')).filter(|at| *at >= 4)
        else {
            continue;
        };
        let (device, mount) = (fields[..percent - 3].join(" "), fields[percent + 1..].join(" "));
        let about = pairs.entry((device, Some(mount))).or_default();
        for (name, value) in names.iter().zip(&fields[percent - 3..=percent]) {
            about.insert((*name).to_owned(), json!(value));
        }
    }
}

fn by_device(pairs: &Pairs) -> Value {
    grouped(pairs.iter().map(|((device, mount), about)| (device, about, "mounts", mount.as_ref())))
}

fn by_mountpoint(pairs: &Pairs) -> Value {
    grouped(pairs.iter().filter_map(|((device, mount), about)| {
        Some((mount.as_ref()?, about, "devices", Some(device)))
    }))
}

fn by_pair(pairs: Pairs) -> Value {
    let pair = |((device, mount), mut about): ((String, Option<String>), Map<String, Value>)| {
        let key = format!("{device},{}", mount.as_deref().unwrap_or_default());
        about.insert("device".to_owned(), device.into());
        about.extend(mount.map(|mount| ("mount".to_owned(), mount.into())));
        (key, about.into())
    };
    Value::Object(pairs.into_iter().map(pair).collect())
}

fn grouped<'a>(
    entries: impl Iterator<
        Item = (&'a String, &'a Map<String, Value>, &'static str, Option<&'a String>),
    >,
) -> Value {
    let mut groups: IndexMap<&String, Map<String, Value>> = IndexMap::new();
    for (key, about, others, other) in entries {
        let group = groups.entry(key).or_default();
        let mut all = group
            .remove(others)
            .and_then(|all| if let Value::Array(all) = all { Some(all) } else { None })
            .unwrap_or_default();
        all.extend(other.map(|other| json!(other)));
        group.extend(about.clone());
        group.insert(others.to_owned(), all.into());
    }
    Value::Object(groups.into_iter().map(|(key, group)| (key.clone(), group.into())).collect())
}
