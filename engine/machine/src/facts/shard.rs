//! A number of the machine that stays the same, by which machines can be told into groups.

use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{dmi, facts, fips, hostname};
use crate::system::Query;

/// Made of the machine's name, serial number and UUID, as Ohai makes it; not told where the
/// firmware tells no numbers.
pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    facts([("shard_seed", seed(query).map(|seed| json!(seed)))])
}

fn seed(query: &dyn Query) -> Option<u32> {
    let dmi = dmi::dmi(query);
    let number = |field: &str| {
        let parts = ["system", "base_board", "chassis"]
            .into_iter()
            .filter_map(|part| dmi.get(part)?.get(field)?.as_str());
        parts.map(str::to_owned).find(|number| !number.trim().is_empty())
    };
    let told =
        format!("{}{}{}", hostname::machinename(query)?, number("serial_number")?, number("uuid")?);
    // Where FIPS is enforced MD5 is not there.
    let digest: Vec<u8> = if fips::enabled(query) {
        Sha256::digest(told).to_vec()
    } else {
        Md5::digest(told).to_vec()
    };
    // Its first seven hexadecimal digits.
    let first: [u8; 4] = digest.get(..4)?.try_into().ok()?;
    Some(u32::from_be_bytes(first) >> 4)
}
