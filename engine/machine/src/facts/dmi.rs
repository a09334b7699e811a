//! What the firmware says of the hardware: all that `dmidecode` tells, or what the kernel shows of
//! it.

pub(super) mod dmidecode;

use serde_json::{Map, Value};

use super::{facts, line, told};
use crate::system::Query;

/// Ohai's names for the files of `/sys/class/dmi/id`.
const FILES: &[(&str, &[(&str, &str)])] = &[
    (
        "bios",
        &[("vendor", "bios_vendor"), ("version", "bios_version"), ("release_date", "bios_date")],
    ),
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
    let dmi = dmi(query);
    facts([("dmi", (!dmi.is_empty()).then(|| dmi.into()))])
}

pub(super) fn dmi(query: &dyn Query) -> Map<String, Value> {
    let all =
        told(query, ["dmidecode"]).map(|output| dmidecode::parse(&output)).unwrap_or_default();
    // Where there are no tables it tells at most its own version.
    if all.values().any(|part| part.get("all_records").is_some()) {
        all
    } else {
        shown_by_the_kernel(query)
    }
}

/// Manufacturer, product and version of the machine. The kernel's files are asked first: no program
/// need be run.
pub(super) fn product(query: &dyn Query) -> [String; 3] {
    let shown = ["sys_vendor", "product_name", "product_version"]
        .map(|file| line(query, format!("/sys/class/dmi/id/{file}")));
    if shown.iter().any(Option::is_some) {
        return shown.map(Option::unwrap_or_default);
    }
    let dmi = dmi(query);
    let field = |name: &str| {
        dmi.get("system").and_then(|part| part.get(name)?.as_str()).unwrap_or_default().to_owned()
    };
    [field("manufacturer"), field("product_name"), field("version")]
}

fn shown_by_the_kernel(query: &dyn Query) -> Map<String, Value> {
    let part = |files: &[(&str, &str)]| -> Map<String, Value> {
        let file = |file: &str| line(query, format!("/sys/class/dmi/id/{file}"));
        files
            .iter()
            .filter_map(|(name, path)| Some(((*name).to_owned(), file(path)?.into())))
            .collect()
    };
    let parts = FILES
        .iter()
        .map(|(name, files)| ((*name).to_owned(), part(files)))
        .filter(|(_, part)| !part.is_empty());
    parts.map(|(name, part)| (name, part.into())).collect()
}
