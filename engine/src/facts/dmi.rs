//! What the firmware says of the hardware.

use serde_json::{Map, Value};

use super::{facts, line};
use crate::system::Query;

/// Ohai's names for the files of `/sys/class/dmi/id`.
const FILES: &[(&str, &[(&str, &str)])] = &[
    ("bios", &[("vendor", "bios_vendor"), ("version", "bios_version"), ("release_date", "bios_date")]),
    (
        "system",
        &[
            ("manufacturer", "sys_vendor"),
            ("product_name", "product_name"),
            ("version", "product_version"),
            ("serial_number", "product_serial"),
            ("uuid", "product_uuid"),
            ("sku_number", "product_sku"),
            ("family", "product_family"),
        ],
    ),
    (
        "base_board",
        &[
            ("manufacturer", "board_vendor"),
            ("product_name", "board_name"),
            ("version", "board_version"),
            ("serial_number", "board_serial"),
            ("asset_tag", "board_asset_tag"),
        ],
    ),
    (
        "chassis",
        &[
            ("manufacturer", "chassis_vendor"),
            ("type", "chassis_type"),
            ("version", "chassis_version"),
            ("serial_number", "chassis_serial"),
            ("asset_tag", "chassis_asset_tag"),
        ],
    ),
];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let part = |files: &[(&str, &str)]| -> Map<String, Value> {
        let file = |file: &str| line(query, format!("/sys/class/dmi/id/{file}"));
        files.iter().filter_map(|(name, path)| Some(((*name).to_owned(), file(path)?.into()))).collect()
    };
    let parts = FILES.iter().map(|(name, files)| ((*name).to_owned(), part(files))).filter(|(_, part)| !part.is_empty());
    let dmi: Map<String, Value> = parts.map(|(name, part)| (name, part.into())).collect();
    facts([("dmi", (!dmi.is_empty()).then(|| dmi.into()))])
}
