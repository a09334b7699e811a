//! Where systemd looks for what, as `systemd-path` tells it.

use serde_json::{Map, Value};

use super::{facts, told};
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    facts([("systemd_paths", told(query, ["systemd-path"]).map(|output| parse(&output).into()))])
}

/// `search-binaries: /usr/local/sbin:/usr/sbin`. Of a search path Ohai tells only the first folder.
pub(super) fn parse(output: &str) -> Map<String, Value> {
    let path = |line: &str| {
        let mut parts = line.split(':');
        Some((parts.next()?.to_owned(), parts.next()?.trim().into()))
    };
    output.lines().filter_map(path).collect()
}
