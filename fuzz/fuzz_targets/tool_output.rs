//! What tools print and keep, each text given to every reader of the kinds.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_resources::parse::{apt_policy, debconf, debian_version, dpkg_status, rpm, shadow, systemctl};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let text = &*String::from_utf8_lossy(bytes);
    apt_policy::parse(text);
    apt_policy::reverse_provides(text);
    debconf::selections(text).count();
    debconf::answers(text);
    dpkg_status::Packages::parse(text);
    rpm::locked(text);
    for (name, entry) in shadow::parse(text) {
        assert!(!name.contains([':', '\n']), "{name:?}");
        let _ = entry.locked();
    }
    shadow::login_defs(text);
    systemctl::parse(text);
    systemctl::ties(text);
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
