//! Disks and other block devices.

use serde_json::{Map, Value};

use super::{facts, line, names};
use crate::system::Query;

const FILES: &[(&str, &str)] = &[
    ("size", "size"),
    ("removable", "removable"),
    ("model", "device/model"),
    ("rev", "device/rev"),
    ("state", "device/state"),
    ("timeout", "device/timeout"),
    ("vendor", "device/vendor"),
    ("queue_depth", "device/queue_depth"),
    ("rotational", "queue/rotational"),
    ("physical_block_size", "queue/physical_block_size"),
    ("logical_block_size", "queue/logical_block_size"),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let about = |device: &str| -> Map<String, Value> {
        let file = |file: &str| line(query, format!("/sys/block/{device}/{file}"));
        FILES
            .iter()
            .filter_map(|(name, path)| Some(((*name).to_owned(), file(path)?.into())))
            .collect()
    };
    let devices: Map<String, Value> = names(query, "/sys/block")
        .into_iter()
        .map(|device| (device.clone(), about(&device).into()))
        .collect();
    facts([("block_device", (!devices.is_empty()).then(|| devices.into()))])
}
