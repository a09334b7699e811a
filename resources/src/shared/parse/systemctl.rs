//! What `systemctl show` prints.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The properties that [`parse`] reads, for `systemctl show --property`.
pub const PROPERTIES: &str = "LoadState,UnitFileState,ActiveState,Requires,Wants,BindsTo,Conflicts,ConflictedBy,RequiredBy,BoundBy,ConsistsOf";

/// A unit as systemd sees it. States are systemd's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`, `bad-setting`, `error`.
    pub load: String,
    /// `enabled`, `disabled`, `static`, `masked`, …; empty where there is no unit file.
    pub file: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`.
    pub active: String,
    /// Units that a start may start or stop along.
    pub starts: Vec<String>,
    /// Units that a stop may stop along.
    pub stops: Vec<String>,
}

impl Unit {
    pub fn is_running(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    pub fn is_masked(&self) -> bool {
        self.load == "masked" || self.file.starts_with("masked")
    }
}

/// One unit's properties; `None` when there are none, because systemd does not run.
#[must_use]
pub fn parse(text: &str) -> Option<Unit> {
    let properties: HashMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| properties.get(name).map(|value| (*value).to_owned());
    let others = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| properties.get(name))
            .flat_map(|units| running(units))
            .collect()
    };
    Some(Unit {
        load: value("LoadState")?,
        file: value("UnitFileState").unwrap_or_default(),
        active: value("ActiveState")?,
        starts: others(&["Requires", "Wants", "BindsTo", "Conflicts", "ConflictedBy"]),
        stops: others(&["RequiredBy", "BoundBy", "ConsistsOf"]),
    })
}

/// The units that a unit's file ties it to: starting or stopping one may start or stop the other.
#[must_use]
pub fn ties(file: &str) -> Vec<String> {
    named(file, &["Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Upholds", "Conflicts"])
        .flat_map(running)
        .collect()
}

/// What a unit's file says under these options.
pub fn named<'a>(file: &'a str, options: &[&str]) -> impl Iterator<Item = &'a str> {
    let lines = file.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(option, _)| options.contains(&option.trim())).map(|(_, units)| units)
}

/// Slices, mounts and targets of the system's own start are up long before any recipe runs.
fn running(units: &str) -> impl Iterator<Item = String> {
    let units = units.split_whitespace();
    units
        .filter(|unit| {
            [".service", ".socket", ".timer", ".path"].iter().any(|suffix| unit.ends_with(suffix))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units() {
        let unit = parse(include_str!("../../../fixtures/systemctl_show.txt")).unwrap_or_default();
        assert_eq!(
            (unit.load.as_str(), unit.file.as_str(), unit.active.as_str()),
            ("loaded", "enabled", "active")
        );
        assert!(unit.starts.is_empty() && unit.stops.is_empty(), "{unit:?}");
        let missing =
            parse("Id=x.service\nNames=x.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n").unwrap_or_default();
        assert_eq!((missing.load.as_str(), missing.file.as_str()), ("not-found", ""));
        let tied =
            parse("LoadState=loaded\nActiveState=active\nRequires=b.service system.slice\nBoundBy=c.socket\n").unwrap_or_default();
        assert_eq!(
            (tied.starts, tied.stops),
            (vec!["b.service".to_owned()], vec!["c.socket".to_owned()])
        );
        assert_eq!(parse("Running in chroot, ignoring command 'show'\n"), None);
    }
}
