//! What tools print and keep, each text given to every reader of the kinds.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_resources::parse::{
    apt_policy, debconf, debian_version, dpkg_status, rpm, shadow, systemctl,
};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let text = &*String::from_utf8_lossy(bytes);
    let _ = apt_policy::parse(text);
    let _ = apt_policy::reverse_provides(text);
    let _ = debconf::selections(text).count();
    let _ = debconf::answers(text);
    let _ = dpkg_status::Packages::parse(text);
    let _ = rpm::locked(text);
    for (name, entry) in shadow::parse(text) {
        assert!(!name.contains([':', '\n']), "{name:?}");
        let _ = entry.locked();
    }
    let _ = shadow::login_defs(text);
    let _ = systemctl::parse(text);
    let _ = systemctl::ties(text);
    for package in rpm::parse(text) {
        assert_eq!(package.order(&package), Ordering::Equal, "{package:?}");
        let _ = package.is_version(text) || package.satisfies(">=", text);
        let _ = package.full();
    }
    let versions: Vec<&str> = text.lines().take(8).collect();
    ordered(&versions, debian_version::compare);
    ordered(&versions, rpm::compare);
    Corpus::Keep
});

/// One order for both ways of asking.
fn ordered(versions: &[&str], compare: fn(&str, &str) -> Ordering) {
    for one in versions {
        assert_eq!(compare(one, one), Ordering::Equal, "{one:?}");
        for other in versions {
            assert_eq!(compare(one, other), compare(other, one).reverse(), "{one:?} and {other:?}");
        }
    }
}
